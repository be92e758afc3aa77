/* Where a part's segments begin: the same rule for frames on their way into the encoder and for
 * packets on their way out, so that each planned cut is a key frame and each segment begins at one.
 * The job's first part begins with short segments, so that play starts soon. */
#ifndef CUTTER_H
#define CUTTER_H

#include <stdbool.h>
#include <stdint.h>

struct cutter {
    int64_t next; /* the first time that belongs to the next segment */
    int64_t step;
    int64_t short_step; /* doubles up to `step` */
};

static inline void cutter_init(struct cutter *cutter, int64_t start, int64_t step, int64_t second,
                               bool is_first)
{
    cutter->step = step;
    cutter->short_step = is_first && second < step ? second : step;
    cutter->next = start + cutter->short_step;
}

/* Whether a segment begins at `time`; to be asked once for each frame or key packet, in order. */
static inline bool cutter_is_due(struct cutter *cutter, int64_t time)
{
    if (time < cutter->next)
        return false;
    while (cutter->next <= time) {
        cutter->short_step =
            cutter->short_step * 2 < cutter->step ? cutter->short_step * 2 : cutter->step;
        cutter->next += cutter->short_step;
    }
    return true;
}

#endif
