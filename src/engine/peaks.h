/* The outline of sound: least and greatest sample of each stretch of time, of any length in flat
 * memory, since neighbours are joined when there are too many. Pure. */
#ifndef PEAKS_H
#define PEAKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/es_buf.h"

#define PEAKS_COUNT     1800 /* what is aimed at */
#define PEAKS_COUNT_MAX (2 * PEAKS_COUNT)

struct peak {
    int16_t least, greatest;
};

struct peaks {
    struct peak points[PEAKS_COUNT_MAX + 1]; /* the last one is still open */
    size_t count;                            /* that are complete */
    int64_t samples_per_point;
    int64_t samples_in_open;
};

/* `sample_count` that are expected, or less than 1 where nobody knows. */
void peaks_init(struct peaks *peaks, int64_t sample_count);
void peaks_add(struct peaks *peaks, int16_t sample);
/* Completes the last point. */
void peaks_finish(struct peaks *peaks);

/* The outline in another number of stretches. There must be a point. */
struct peak peaks_of_column(const struct peaks *peaks, size_t column, size_t column_count);

/* As audiowaveform(5) has it: version 2, one channel, 8 bits. */
void peaks_write_json(const struct peaks *peaks, int sample_rate, struct es_buf *buf);

#endif
