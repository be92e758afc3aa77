/* Measures how loud stereo is while it is being encoded: both channels at once, and less than
 * loudness.h, which would take three to four times as long: some 7 % of what encoding MP3 costs.
 * One thread. */
#ifndef LOUDNESS_METER_H
#define LOUDNESS_METER_H

#include <libavutil/frame.h>

#include "base/es_auto.h"
#include "engine/loudness_tally.h"

struct loudness_meter;

/* Of a sound that goes on elsewhere the first `own_samples` are measured: the blocks that begin
 * among them, for which 300 ms more are heard. INT64_MAX: all there is. */
struct loudness_meter *loudness_meter_new(int sample_rate, int64_t own_samples);
void loudness_meter_free(struct loudness_meter *meter);
ES_DEFINE_AUTO(loudness_meter, loudness_meter_free);

/* Whether it knows the format of such frames: planar, 16 or 32 bits or float, two channels. */
bool loudness_meter_takes(const AVFrame *frame);
/* The next samples. */
void loudness_meter_add(struct loudness_meter *meter, const AVFrame *frame);

/* Of what was added so far. */
const struct loudness_tally *loudness_meter_tally(const struct loudness_meter *meter);

#endif
