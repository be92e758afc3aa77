/* A stream's sound as an encoder takes it: decoded, resampled, mixed, one sample after the other on
 * the job's timeline. A span of it is the same, bit for bit, as the span that one reading from the
 * beginning would give, as far as the decoder itself does not depend on where it began. */
#ifndef SOUND_H
#define SOUND_H

#include "engine/decoder.h"
#include "engine/frame_filter.h"
#include "engine/reporter.h"
#include "engine/spec.h"

/* libavformat's times of Vorbis packets are off by less here and there, where block sizes change.
 */
#define VORBIS_BLOCK_SAMPLES_MAX 8192

struct sound {
    struct decoder *decoder;
    int64_t position; /* samples of the timeline that the taker got, or that it begins at */
    double source_end_seconds; /* where the last that was read ends on the timeline */
    bool is_ended;             /* all of it was read: the source's end, or the trim's */

    /* private */
    const struct part_spec *spec;
    struct reporter *reporter;
    struct frame_filter filter;
    frame_taker *take;
    void *context;
    int64_t first_sample, damaged_before;
    int64_t next_input; /* is_sought: the source's sample that the filter is to get next */
    bool is_settled;    /* it is known which of them the decoder is at */
    int64_t place, preroll_count;
    int place_votes;
    int64_t tolerance; /* samples by which a time may be off */
    bool is_first_frame_seen;
    bool is_stopped;
};

/* Opens the source. The taker will get frames in the format that the encoder takes, their `pts` the
 * position on the timeline: without a gap, from `first_sample` on, and some of what is before it.
 * `spec` and `reporter` must outlive it. As decoder_open; ES_INVALID for a spec of another source.
 */
ES_CHECK enum es_code sound_open(const struct engine_input *input, const struct part_spec *spec,
                                 int64_t first_sample, struct reporter *reporter, frame_taker *take,
                                 void *context, struct sound **ret_sound, struct es_err *reterr);
void sound_close(struct sound *sound);
ES_DEFINE_AUTO(sound, sound_close);

/* Hands the taker frame after frame, until the end or until it calls sound_stop. What the input's
 * read or the taker answers; ES_MEDIA where the sound cannot be filtered. */
ES_CHECK enum es_code sound_run(struct sound *sound, struct es_err *reterr);
void sound_stop(struct sound *sound);

/* Packets so far, of what is behind `first_sample`, that could not be read or decoded. */
int64_t sound_damaged_packets(const struct sound *sound);

/* Leaves the first `count` samples of a frame out, fewer than it has. */
void frame_skip_samples(AVFrame *frame, int64_t count);

#endif
