/* Spans of sound: the pieces that the sound of a long source is encoded in, side by side. They are
 * counted in frames of the one stream that a single encoder would make, and overlap: each part's
 * encoder begins a while before the join with the part before it, and that part ends a while behind
 * it, so that the join finds a frame at which one can go over into the other with nothing lost. */
#ifndef SPAN_H
#define SPAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "model/job.h"
#include "wire/mp3_frames.h"

/* Frames among which the join is looked for. */
#define SPAN_PLACES        MP3_GRAFT_PLACES
/* libavcodec's AAC needs that long to settle how finely it codes. */
#define AAC_WARM_UP_FRAMES 128

/* What the plan says of a span. */
struct audio_span {
    bool is_one_of_many; /* else the part is the whole, and all that follows is zero */
    /* The part begins in the middle of the source, where every sample is in its place by its time;
     * else it reads from the beginning. */
    bool is_sought;
    int64_t zero;    /* is_sought: the time of the timeline's first sample, in the stream's ticks */
    int source_rate; /* is_sought: the source's samples a second */
    int64_t first_frame; /* the encoder's first */
    int64_t end_frame;   /* behind the last that is wanted; 0: to the source's end */
    /* Samples of the whole timeline that the file is foretold to hold; 0: that is not known. Where
     * the last span ends a little earlier, silence that players drop makes up for it. */
    int64_t foretold_samples;
};

/* What the part says that made it. */
struct span_result {
    bool is_one_of_many;
    int64_t first_frame, frame_count;
    bool is_end;     /* it holds the end of the source: nothing of any later part is wanted */
    int delay;       /* samples that the encoder puts in front of the whole */
    int end_padding; /* is_end: samples behind the last one */
    int bitrate_kbps, sample_rate;
    /* AAC: the windows of the frames at which the joins may be (aac_window.h): from first_frame +
     * AAC_WARM_UP_FRAMES - 1 on, and the same frames of the next part. */
    int head_windows[SPAN_PLACES], tail_windows[SPAN_PLACES];
};

/* Samples that the target's encoder takes at a time. */
int audio_frame_samples(enum job_target target, int sample_rate);

/* Frames that a span and the next have in common. */
int span_overlap_frames(enum job_target target);

/* NULL for one that is no span. Reading: false for what is no span's form. */
json_t *audio_span_json(const struct audio_span *span);
bool audio_span_read(const json_t *object, struct audio_span *ret_span);
json_t *span_result_json(const struct span_result *result);
bool span_result_read(const json_t *object, struct span_result *ret_result);

/* The frame from which on the right one's AAC frames follow the left one's: the first at which
 * their windows fit, or else (false in *ret_is_clean) the first of all. */
int64_t span_join_frame(const struct span_result *left, const struct span_result *right,
                        bool *ret_is_clean);

#endif
