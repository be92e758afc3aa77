/* Single frames out of a film: key frames, each decoded alone, and, where they stand too far apart,
 * others by decoding up to them. Bounded as a whole: after so many packets and decoded pixels there
 * are only key frames, and then none, so that no file keeps its reader for ever. */
#ifndef FILM_H
#define FILM_H

#include "engine/decoder.h"
#include "engine/reporter.h"

struct film {
    AVStream *stream;
    int64_t damaged_packets;

    /* private */
    const struct engine_input *input;
    struct reporter *reporter;
    struct demuxer *demuxer;
    AVCodecContext *codec;
    AVPacket *packet;
    struct decoder *walker; /* decodes frame after frame; NULL until it is needed */
    AVFrame *step;          /* where it stands */
    bool has_step;
    bool is_rough;
    int64_t packets_left, pixels_left;
};

/* Opens the best video stream that gives a frame. `is_rough`: for small pictures, decoded with less
 * care. `input` and `reporter` must outlive it. As demuxer_open; ES_MEDIA depiction_none where no
 * stream is a video, media_damaged where none gives a frame. */
ES_CHECK enum es_code film_open(const struct engine_input *input, bool is_rough,
                                struct reporter *reporter, struct film **ret_film,
                                struct es_err *reterr);
void film_close(struct film *film);
ES_DEFINE_AUTO(film, film_close);

/* The last key frame before `seconds` of the timeline, or what comes nearest to it. False in
 * *ret_has_frame where there is none to be had. Fails as the input and the host do. */
ES_CHECK enum es_code film_key_frame(struct film *film, double seconds, AVFrame *frame,
                                     bool *ret_has_frame, struct es_err *reterr);

/* The last key frame of [from, to), or else the first frame that is not before `from`, or else what
 * comes nearest. To be asked for later and later times. */
ES_CHECK enum es_code film_frame_within(struct film *film, double from_seconds, double to_seconds,
                                        AVFrame *frame, bool *ret_has_frame, struct es_err *reterr);

/* When the frame is shown, on the timeline. */
double film_seconds(const struct film *film, const AVFrame *frame);

#endif
