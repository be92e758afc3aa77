/* How loud sound is, as EBU R 128 and ITU-R BS.1770 have it (by libebur128). Flat memory. */
#ifndef LOUDNESS_H
#define LOUDNESS_H

#include <libavutil/channel_layout.h>

#include "base/es_auto.h"
#include "model/media.h"

struct loudness;

/* ES_MEDIA where there are more channels, or another rate, than it can measure. */
ES_CHECK enum es_code loudness_open(const AVChannelLayout *layout, int sample_rate,
                                    struct loudness **ret_loudness, struct es_err *reterr);
void loudness_close(struct loudness *loudness);
ES_DEFINE_AUTO(loudness, loudness_close);

/* Interleaved samples, full scale 1. */
void loudness_add(struct loudness *loudness, const float *samples, int sample_count);

/* Of all that was added. Not known of silence, and of less than 0.4 s. */
struct media_loudness loudness_measure(struct loudness *loudness);

#endif
