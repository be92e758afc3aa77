/* The decoder: one thread, since parts and not frames are what runs side by side. */
#include "engine/decoder.h"

#include "engine/allowed.h"
#include "engine/av_error.h"
#include "engine/compat.h"

#define SEEK_BACK_FIRST_SECONDS 2
#define SEEK_BACK_LAST_SECONDS  300 /* farther than that, reading from the beginning is as good */

static enum es_code open_codec(struct decoder *decoder, struct es_err *reterr)
{
    const AVCodecParameters *parameters = decoder->stream->codecpar;
    const AVCodec *codec = allowed_decoder(parameters->codec_id);
    if (!codec)
        return es_fail_word(reterr, ES_MEDIA, "unsupported_format", "no decoder for '%s'",
                            avcodec_get_name(parameters->codec_id));
    decoder->codec = avcodec_alloc_context3(codec);
    if (!decoder->codec)
        abort();
    int status = avcodec_parameters_to_context(decoder->codec, parameters);
    if (status < 0)
        return av_fail(reterr, status, "setting up the decoder '%s'", codec->name);
    decoder->codec->pkt_timebase = decoder->stream->time_base;
    decoder->codec->thread_count = 1;
    decoder->codec->max_pixels = PIXELS_MAX;
    status = avcodec_open2(decoder->codec, codec, NULL);
    if (status < 0)
        return av_fail(reterr, status, "opening the decoder '%s'", codec->name);
    if (decoder->is_hurried)
        decoder_hurry(decoder);
    return ES_OK;
}

/* (Again) from the beginning of the source. */
static enum es_code open_source(struct decoder *decoder, int stream_index, struct es_err *reterr)
{
    es_auto(demuxer) demuxer = NULL;
    enum es_code code = demuxer_open(decoder->input, &demuxer, reterr);
    if (code != ES_OK)
        return code;
    if (stream_index < 0 || stream_index >= (int)demuxer->format->nb_streams)
        return es_fail(reterr, ES_INVALID, "the source has no stream %d", stream_index);
    demuxer_select(demuxer, stream_index, -1);
    if (decoder->demuxer)
        demuxer_close(decoder->demuxer);
    avcodec_free_context(&decoder->codec);
    decoder->demuxer = es_take(demuxer);
    decoder->stream = decoder->demuxer->format->streams[stream_index];
    decoder->is_draining = false;
    decoder->has_ahead = false;
    decoder->first_key_time = AV_NOPTS_VALUE;
    decoder->expected_time = AV_NOPTS_VALUE;
    return open_codec(decoder, reterr);
}

enum es_code decoder_open(const struct engine_input *input, int stream_index,
                          struct decoder **ret_decoder, struct es_err *reterr)
{
    es_auto(decoder) decoder = es_malloc(sizeof(*decoder));
    decoder->input = input;
    decoder->packet = packet_new();
    decoder->ahead = frame_new();
    enum es_code code = open_source(decoder, stream_index, reterr);
    if (code == ES_OK)
        *ret_decoder = es_take(decoder);
    return code;
}

enum es_code decoder_open_beside(struct demuxer *demuxer, int stream_index,
                                 struct decoder **ret_decoder, struct es_err *reterr)
{
    es_auto(decoder) decoder = es_malloc(sizeof(*decoder));
    decoder->demuxer = demuxer;
    decoder->ahead = frame_new();
    decoder->stream = demuxer->format->streams[stream_index];
    decoder->expected_time = AV_NOPTS_VALUE;
    enum es_code code = open_codec(decoder, reterr);
    if (code == ES_OK)
        *ret_decoder = es_take(decoder);
    return code;
}

void decoder_close(struct decoder *decoder)
{
    avcodec_free_context(&decoder->codec);
    av_packet_free(&decoder->packet);
    av_frame_free(&decoder->ahead);
    if (decoder->demuxer && decoder->input)
        demuxer_close(decoder->demuxer);
    free(decoder);
}

void decoder_hurry(struct decoder *decoder)
{
    decoder->is_hurried = true;
    decoder->codec->skip_frame = AVDISCARD_NONREF;
    decoder->codec->skip_loop_filter = AVDISCARD_ALL;
}

/* Hands the decoder one more packet, or the end. */
static enum es_code feed(struct decoder *decoder, struct es_err *reterr)
{
    bool has_packet = false;
    enum es_code code = demuxer_read(decoder->demuxer, decoder->packet, &has_packet, reterr);
    if (code != ES_OK)
        return code;
    if (!has_packet) {
        decoder->is_draining = true;
        (void)avcodec_send_packet(decoder->codec, NULL);
        return ES_OK;
    }
    AVPacket *packet = decoder->packet;
    if (packet->flags & AV_PKT_FLAG_KEY && decoder->first_key_time == AV_NOPTS_VALUE)
        decoder->first_key_time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (avcodec_send_packet(decoder->codec, packet) < 0)
        decoder->damaged_packets++;
    av_packet_unref(packet);
    return ES_OK;
}

/* The frame's time, from what the packets said or else from the frame before. */
static void set_time(struct decoder *decoder, AVFrame *frame)
{
    AVRational time_base = decoder->stream->time_base;
    int64_t time = frame->best_effort_timestamp;
    if (time == AV_NOPTS_VALUE)
        time = decoder->expected_time != AV_NOPTS_VALUE ? decoder->expected_time : 0;
    int64_t duration = frame_duration(frame);
    if (decoder->codec->codec_type == AVMEDIA_TYPE_AUDIO && frame->sample_rate > 0)
        duration =
            av_rescale_q(frame->nb_samples, (AVRational){ 1, frame->sample_rate }, time_base);
    else if (duration <= 0 && decoder->stream->avg_frame_rate.num > 0)
        duration = av_rescale_q(1, av_inv_q(decoder->stream->avg_frame_rate), time_base);
    frame->pts = time;
    decoder->expected_time = time + (duration > 0 ? duration : 1);
}

void decoder_offer(struct decoder *decoder, AVPacket *packet,
                   void (*take)(void *context, AVFrame *frame), void *context)
{
    if (avcodec_send_packet(decoder->codec, packet) < 0)
        decoder->damaged_packets++;
    while (avcodec_receive_frame(decoder->codec, decoder->ahead) == 0) {
        set_time(decoder, decoder->ahead);
        take(context, decoder->ahead);
        av_frame_unref(decoder->ahead);
    }
}

enum es_code decoder_next(struct decoder *decoder, AVFrame *frame, bool *ret_has_frame,
                          struct es_err *reterr)
{
    if (decoder->has_ahead) {
        decoder->has_ahead = false;
        av_frame_move_ref(frame, decoder->ahead);
        *ret_has_frame = true;
        return ES_OK;
    }
    for (;;) {
        int status = avcodec_receive_frame(decoder->codec, frame);
        if (status == 0) {
            set_time(decoder, frame);
            *ret_has_frame = true;
            return ES_OK;
        }
        if (status == AVERROR_EOF) {
            *ret_has_frame = false;
            return ES_OK;
        }
        if (status != AVERROR(EAGAIN)) {
            decoder->damaged_packets++;
            if (decoder->is_draining) {
                *ret_has_frame = false;
                return ES_OK;
            }
        }
        enum es_code code = feed(decoder, reterr);
        if (code != ES_OK)
            return code;
    }
}

/* One try: *ret_is_right tells whether the frames from here on lack nothing after `start`. */
static enum es_code try_seek(struct decoder *decoder, int64_t seek_time, int64_t start,
                             bool *ret_is_right, struct es_err *reterr)
{
    *ret_is_right = false;
    bool is_there = false;
    enum es_code code =
        demuxer_seek(decoder->demuxer, decoder->stream->index, seek_time, &is_there, reterr);
    if (code != ES_OK || !is_there)
        return code;
    avcodec_flush_buffers(decoder->codec);
    decoder->is_draining = false;
    decoder->first_key_time = AV_NOPTS_VALUE;
    decoder->expected_time = AV_NOPTS_VALUE;
    decoder->has_ahead = false;
    bool has_frame = false;
    code = decoder_next(decoder, decoder->ahead, &has_frame, reterr);
    if (code != ES_OK || !has_frame)
        return code;
    *ret_is_right = decoder->ahead->best_effort_timestamp != AV_NOPTS_VALUE &&
                    decoder->ahead->pts <= start && decoder->first_key_time != AV_NOPTS_VALUE &&
                    decoder->first_key_time <= start;
    if (*ret_is_right)
        decoder->has_ahead = true;
    else
        av_frame_unref(decoder->ahead);
    return ES_OK;
}

enum es_code decoder_start(struct decoder *decoder, int64_t start, struct es_err *reterr)
{
    int64_t first = decoder->stream->start_time != AV_NOPTS_VALUE ? decoder->stream->start_time : 0;
    int64_t second = av_rescale_q(AV_TIME_BASE, AV_TIME_BASE_Q, decoder->stream->time_base);
    int64_t back_seconds = 0;
    while (!decoder->demuxer->timeline && start - back_seconds * second > first &&
           back_seconds <= SEEK_BACK_LAST_SECONDS) {
        bool is_right = false;
        enum es_code code =
            try_seek(decoder, start - back_seconds * second, start, &is_right, reterr);
        if (code != ES_OK || is_right)
            return code;
        back_seconds = back_seconds ? back_seconds * 2 : SEEK_BACK_FIRST_SECONDS;
    }
    return open_source(decoder, decoder->stream->index, reterr);
}
