/* Packets of one track -> fragments of CMAF (ISO/IEC 23000-19): as segments of their own for HLS,
 * or one after the other in one object for a later join. Every fragment begins with a key frame and
 * covers exactly the time from its first frame to the next fragment's: decoding times are made anew
 * from the sorted times of showing, a constant delay earlier, which an edit list takes back. So
 * fragments that were made apart follow each other without a seam. Where sound begins with what
 * only its decoder needs (priming), all decoding times are that much later, which an edit list
 * takes back too. Chromium heeds it and leaves out what lies before zero; the ffmpeg program plays
 * that, with the times right. hls.js does not look at edit lists: where it begins in the middle of
 * sound alone, its clock is off by the priming, with nothing beside it to tell. */
#ifndef SEGMENTER_H
#define SEGMENTER_H

#include <libavformat/avformat.h>

#include "base/es_auto.h"
#include "base/es_buf.h"
#include "engine/reporter.h"
#include "engine/spec.h"
#include "model/hls.h"

struct segmenter_settings {
    const struct engine_host *host;
    const AVCodecParameters *codec; /* of the track; need not outlive segmenter_open */
    AVRational time_base;           /* of the packets */
    const struct part_spec *spec;
    size_t track; /* which of the spec's tracks */
    struct es_arena *arena;
    const char *init_name;   /* segments: the object of the header */
    bool is_init_written;    /* segments: this part writes it */
    const char *object_name; /* all in one object; NULL: segments */
    int64_t delay;           /* ticks: how much later frames may be shown than decoded */
    int64_t shift;           /* ticks added to every time, so that none is negative */
    bool has_preroll;        /* segments of sound: some packets lie before zero, for the decoder */
};

struct segmenter {
    struct segmenter_settings settings;
    struct hls_segment *segments; /* what is written; in one object: their sizes count */
    size_t segment_count;
    double duration_seconds; /* of all of them */
    int64_t size_bytes;      /* of all that is in the one object; of segments their header */

    /* private */
    AVFormatContext *muxer;
    struct output *object;
    struct es_buf bytes;
    AVPacket **packets;
    size_t packet_count, packet_capacity, segment_capacity;
};

/* ES_MEDIA where the muxer refuses the track; what the host answers. */
ES_CHECK enum es_code segmenter_open(const struct segmenter_settings *settings,
                                     struct segmenter **ret_segmenter, struct es_err *reterr);
void segmenter_close(struct segmenter *segmenter);
ES_DEFINE_AUTO(segmenter, segmenter_close);

/* The next packet in decoding order (contents moved away). ES_LIMIT where a fragment grows too
 * large. */
ES_CHECK enum es_code segmenter_add(struct segmenter *segmenter, AVPacket *packet,
                                    struct es_err *reterr);

/* Ends the fragment: what comes next begins at `next_time`. With no packets since the last:
 * nothing. */
ES_CHECK enum es_code segmenter_cut(struct segmenter *segmenter, int64_t next_time,
                                    struct es_err *reterr);

/* After the last cut. */
ES_CHECK enum es_code segmenter_finish(struct segmenter *segmenter, struct es_err *reterr);

#endif
