/* One stream of a source as frames, pulled. Damage is stepped over and counted. */
#ifndef DECODER_H
#define DECODER_H

#include "engine/demuxer.h"
#include "engine/handles.h"

struct decoder {
    struct demuxer *demuxer; /* owned, or another's */
    AVStream *stream;
    int64_t damaged_packets; /* that could not be decoded */

    /* private */
    const struct engine_input *input; /* NULL: the demuxer is another's */
    bool is_hurried;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *ahead; /* a frame that decoder_start has read */
    bool has_ahead;
    bool is_draining;
    int64_t first_key_time; /* of the first key packet since opening or seeking */
    int64_t expected_time;  /* of a frame whose packets bear no time */
};

/* Opens the source for this stream alone. As demuxer_open; ES_MEDIA unsupported_format where the
 * stream cannot be decoded. */
ES_CHECK enum es_code decoder_open(const struct engine_input *input, int stream_index,
                                   struct decoder **ret_decoder, struct es_err *reterr);
void decoder_close(struct decoder *decoder);
ES_DEFINE_AUTO(decoder, decoder_close);

/* For a stream of a demuxer that its owner reads and that must outlive the decoder: the owner
 * offers the stream's packets, and no other call but decoder_close is made. ES_MEDIA
 * unsupported_format. */
ES_CHECK enum es_code decoder_open_beside(struct demuxer *demuxer, int stream_index,
                                          struct decoder **ret_decoder, struct es_err *reterr);
/* Takes a packet, NULL at the end, and has the frames that it brings taken by `take`, their `pts`
 * always set. */
void decoder_offer(struct decoder *decoder, AVPacket *packet,
                   void (*take)(void *context, AVFrame *frame), void *context);

/* Makes the next frames begin at or before `start` (stream time base) with nothing missing from
 * there on: from the nearest key frame whose time proves right, from the beginning where none does.
 * To be called before the first decoder_next. */
ES_CHECK enum es_code decoder_start(struct decoder *decoder, int64_t start, struct es_err *reterr);

/* From now on frames that no other needs are left out, and those that come are rougher: for
 * pictures so small that nobody sees it. */
void decoder_hurry(struct decoder *decoder);

/* The next frame in order of showing, its `pts` always set (stream time base). False in
 * *ret_has_frame at the end. Fails only as the input's read does. */
ES_CHECK enum es_code decoder_next(struct decoder *decoder, AVFrame *frame, bool *ret_has_frame,
                                   struct es_err *reterr);

#endif
