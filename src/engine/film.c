/* Two readers over one source: one that jumps from key frame to key frame, and one that walks. */
#include "engine/film.h"

#include <math.h>

#include "engine/allowed.h"
#include "engine/av_error.h"

#define CANDIDATES_MAX  8
#define PACKETS_MAX     1000000             /* read on the way to key frames, in all */
#define PACKETS_KEY_MAX 3000                /* on the way to one */
#define PIXELS_WALK_MAX (INT64_C(40) << 30) /* decoded by walking, in all: 13 minutes of 1080p */

static enum es_code open_stream(struct film *film, int index, struct es_err *reterr)
{
    avcodec_free_context(&film->codec);
    film->stream = film->demuxer->format->streams[index];
    demuxer_select(film->demuxer, index, -1);
    const AVCodec *decoder = allowed_decoder(film->stream->codecpar->codec_id);
    film->codec = avcodec_alloc_context3(decoder);
    if (!film->codec)
        abort();
    int status = avcodec_parameters_to_context(film->codec, film->stream->codecpar);
    if (status < 0)
        return av_fail(reterr, status, "setting up the decoder '%s'", decoder->name);
    film->codec->pkt_timebase = film->stream->time_base;
    film->codec->thread_count = 1;
    film->codec->max_pixels = PIXELS_MAX;
    film->codec->skip_frame = AVDISCARD_NONKEY;
    status = avcodec_open2(film->codec, decoder, NULL);
    return status < 0 ? av_fail(reterr, status, "opening the decoder '%s'", decoder->name) : ES_OK;
}

static bool is_usable(const AVFrame *frame)
{
    return frame->width > 1 && frame->height > 1 && frame->width <= DIMENSION_MAX &&
           frame->height <= DIMENSION_MAX && (int64_t)frame->width * frame->height <= PIXELS_MAX;
}

/* Decodes the key packet that is at hand, and nothing else. */
static bool decode_alone(struct film *film, AVFrame *frame)
{
    bool has_frame = false;
    if (avcodec_send_packet(film->codec, film->packet) >= 0) {
        (void)avcodec_send_packet(film->codec, NULL);
        has_frame = avcodec_receive_frame(film->codec, frame) >= 0 && is_usable(frame);
    }
    avcodec_flush_buffers(film->codec);
    if (!has_frame) {
        film->damaged_packets++;
        av_frame_unref(frame);
        return false;
    }
    frame->pts = frame->best_effort_timestamp != AV_NOPTS_VALUE ? frame->best_effort_timestamp
                 : film->packet->dts != AV_NOPTS_VALUE          ? film->packet->dts
                                                                : 0;
    return true;
}

/* The first key frame from where the demuxer stands. */
static enum es_code read_key_frame(struct film *film, AVFrame *frame, bool *ret_has_frame,
                                   struct es_err *reterr)
{
    *ret_has_frame = false;
    for (int count = 0; count < PACKETS_KEY_MAX && film->packets_left > 0; count++) {
        bool has_packet = false;
        enum es_code code = reporter_beat(film->reporter, reterr);
        if (code == ES_OK)
            code = demuxer_read(film->demuxer, film->packet, &has_packet, reterr);
        if (code != ES_OK || !has_packet)
            return code;
        film->packets_left--;
        *ret_has_frame = film->packet->flags & AV_PKT_FLAG_KEY && decode_alone(film, frame);
        av_packet_unref(film->packet);
        if (*ret_has_frame)
            return ES_OK;
    }
    return ES_OK;
}

static enum es_code choose_stream(struct film *film, struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    bool has_frame = false;
    int index = -1;
    for (int rank = 0; rank < CANDIDATES_MAX && !has_frame; rank++) {
        index = demuxer_choose(film->demuxer, AVMEDIA_TYPE_VIDEO, rank);
        if (index < 0)
            break;
        enum es_code code = open_stream(film, index, reterr);
        if (code == ES_OK && rank > 0) { /* another one's search went past its beginning */
            bool is_there;
            code = demuxer_seek(film->demuxer, index, 0, &is_there, reterr);
        }
        if (code == ES_OK)
            code = read_key_frame(film, frame, &has_frame, reterr);
        if (code != ES_OK && code != ES_MEDIA)
            return code;
    }
    if (has_frame)
        return ES_OK;
    return film->stream ? es_fail_word(reterr, ES_MEDIA, "media_damaged", "no key frame is whole")
                        : es_fail_word(reterr, ES_MEDIA, "depiction_none", "there is no video");
}

enum es_code film_open(const struct engine_input *input, bool is_rough, struct reporter *reporter,
                       struct film **ret_film, struct es_err *reterr)
{
    es_auto(film) film = es_malloc(sizeof(*film));
    film->input = input;
    film->reporter = reporter;
    film->is_rough = is_rough;
    film->packet = packet_new();
    film->step = frame_new();
    film->packets_left = PACKETS_MAX;
    film->pixels_left = PIXELS_WALK_MAX;
    enum es_code code = demuxer_open(input, &film->demuxer, reterr);
    if (code == ES_OK)
        code = choose_stream(film, reterr);
    if (code == ES_OK)
        *ret_film = es_take(film);
    return code;
}

void film_close(struct film *film)
{
    avcodec_free_context(&film->codec);
    av_packet_free(&film->packet);
    av_frame_free(&film->step);
    if (film->walker)
        decoder_close(film->walker);
    if (film->demuxer)
        demuxer_close(film->demuxer);
    free(film);
}

/* The timeline's zero in the stream's ticks. */
static int64_t origin(const struct film *film)
{
    int64_t start_us = film->demuxer->format->start_time;
    if (start_us != AV_NOPTS_VALUE)
        return av_rescale_q(start_us, AV_TIME_BASE_Q, film->stream->time_base);
    return film->stream->start_time != AV_NOPTS_VALUE ? film->stream->start_time : 0;
}

static int64_t ticks(const struct film *film, double seconds)
{
    return origin(film) + llround(seconds / av_q2d(film->stream->time_base));
}

double film_seconds(const struct film *film, const AVFrame *frame)
{
    return (double)(frame->pts - origin(film)) * av_q2d(film->stream->time_base);
}

enum es_code film_key_frame(struct film *film, double seconds, AVFrame *frame, bool *ret_has_frame,
                            struct es_err *reterr)
{
    bool is_there = false;
    *ret_has_frame = false;
    enum es_code code = demuxer_seek(film->demuxer, film->stream->index, ticks(film, seconds) - 1,
                                     &is_there, reterr);
    if (code == ES_OK && !is_there) /* some cannot go before their first frame */
        code = demuxer_seek(film->demuxer, film->stream->index, ticks(film, seconds), &is_there,
                            reterr);
    return code == ES_OK && is_there ? read_key_frame(film, frame, ret_has_frame, reterr) : code;
}

static enum es_code start_walking(struct film *film, int64_t from, struct es_err *reterr)
{
    film->has_step = false;
    if (!film->walker) {
        enum es_code code = decoder_open(film->input, film->stream->index, &film->walker, reterr);
        if (code != ES_OK)
            return code;
        if (film->is_rough)
            decoder_hurry(film->walker);
    }
    return decoder_start(film->walker, from, reterr);
}

/* On to the first frame that is not before `from`, or the last one there is. */
static enum es_code walk(struct film *film, int64_t from, struct es_err *reterr)
{
    while (film->pixels_left > 0 && !(film->has_step && film->step->pts >= from)) {
        es_auto(AVFrame) next = frame_new();
        bool has_next = false;
        enum es_code code = reporter_beat(film->reporter, reterr);
        if (code == ES_OK)
            code = decoder_next(film->walker, next, &has_next, reterr);
        if (code != ES_OK || !has_next)
            return code;
        film->pixels_left -= (int64_t)next->width * next->height;
        if (!is_usable(next))
            continue;
        av_frame_unref(film->step);
        av_frame_move_ref(film->step, next);
        film->has_step = true;
    }
    return ES_OK;
}

enum es_code film_frame_within(struct film *film, double from_seconds, double to_seconds,
                               AVFrame *frame, bool *ret_has_frame, struct es_err *reterr)
{
    int64_t from = ticks(film, from_seconds), to = ticks(film, to_seconds);
    enum es_code code = film_key_frame(film, to_seconds, frame, ret_has_frame, reterr);
    if (code != ES_OK)
        return code;
    bool is_within = *ret_has_frame && frame->pts >= from && frame->pts < to;
    if (is_within || film->pixels_left <= 0)
        return ES_OK;
    /* Where the walker stands nearer than any key frame it goes on, else it begins again. */
    bool is_near = film->has_step && film->step->pts < to &&
                   (film->step->pts >= from || (*ret_has_frame && film->step->pts >= frame->pts));
    if (!is_near)
        code = start_walking(film, from, reterr);
    if (code == ES_OK)
        code = walk(film, from, reterr);
    if (code != ES_OK || !film->has_step)
        return code;
    av_frame_unref(frame);
    *ret_has_frame = true;
    return av_frame_ref(frame, film->step) < 0 ? es_fail(reterr, ES_NO_MEMORY, "a frame") : ES_OK;
}
