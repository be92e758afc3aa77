/* The packets of a source's one or two streams as a copy takes them over: what MP4 wants of their
 * form and headers, times from the timeline's zero on, decoding times that grow. The payloads are
 * the source's. */
#ifndef COPY_SOURCE_H
#define COPY_SOURCE_H

#include "engine/demuxer.h"
#include "engine/spec.h"

struct copy_track {
    AVStream *stream;         /* of the source */
    AVCodecParameters *codec; /* for the output */
    AVRational time_base;     /* of the packets that come out: for sound 1 / sample rate */
    int64_t frame_ticks;      /* how long a frame lasts as a rule, at least 1 */

    /* private */
    bool is_plain; /* copy_form_is_plain of the source */
    int64_t origin;
    int64_t last_dts; /* INT64_MIN: none yet */
    int64_t packet_count;
    int64_t rescale_last;
    int64_t next_sample; /* behind the sound so far */
};

struct copy_source {
    struct demuxer *demuxer;
    struct copy_track tracks[2];
    size_t track_count;
    int64_t damaged_packets;
};

/* By the spec's stream and, where it names one, its second. ES_INVALID where the spec is for
 * another source, here and below; else as demuxer_open. `input` must outlive it. */
ES_CHECK enum es_code copy_source_open(const struct engine_input *input,
                                       const struct part_spec *spec,
                                       struct copy_source **ret_source, struct es_err *reterr);
void copy_source_close(struct copy_source *source);
ES_DEFINE_AUTO(copy_source, copy_source_close);

/* The next packet, in the source's order; packet->stream_index says of which track. Frames that the
 * container wants decoded but not shown come only where they stand before the beginning, with times
 * below zero. False in *ret_has_packet at the end. Fails only as the input's read does.
 */
ES_CHECK enum es_code copy_source_next(struct copy_source *source, AVPacket *packet,
                                       bool *ret_has_packet, struct es_err *reterr);

#endif
