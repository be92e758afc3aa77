/* What is done before there is a task. By the process that children are forked from: the codecs'
 * tables. By a child that waits: it makes a clip in memory, a few grey frames and a silent sound in
 * MP4, and looks at it. */
#include <string.h>

#include "base/es_arena.h"
#include "engine/allowed.h"
#include "engine/av_error.h"
#include "engine/encoder.h"
#include "engine/engine.h"

#include "engine/compat.h"

#define SIDE_PIXELS   64
#define FRAME_RATE    25
#define FRAME_COUNT   6
#define SAMPLE_RATE   48000
#define FRAME_SAMPLES 1024
#define GREY          128
#define HEAP_BYTES    (12 * 1024 * 1024) /* what a few frames of a large picture take */

static const struct part_spec small_video = {
    .is_video = true,
    .target = JOB_MP4,
    .time_base = { 1, FRAME_RATE },
    .video = { .renditions = { { .width = SIDE_PIXELS, .height = SIDE_PIXELS, .crf = 23 } },
               .frame_rate = { FRAME_RATE, 1 },
               .pixel_aspect = { 1, 1 } },
};
static const struct part_spec small_aac = {
    .target = JOB_MP4,
    .audio = { .bitrate_kbps = 128, .sample_rate = SAMPLE_RATE, .layout = "stereo" },
};
static const struct part_spec small_mp3 = {
    .target = JOB_MP3,
    .audio = { .bitrate_kbps = 128, .sample_rate = SAMPLE_RATE, .layout = "stereo" },
};

/* Opening a codec once fills its constant tables, which children then share. */
static void open_decoder(enum AVCodecID codec_id)
{
    const AVCodec *codec = allowed_decoder(codec_id);
    es_auto(AVCodecContext) context = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!context)
        return;
    context->thread_count = 1;
    context->sample_rate = SAMPLE_RATE;
    av_channel_layout_default(&context->ch_layout, 2);
    (void)avcodec_open2(context, codec, NULL); /* some want a header first: no matter */
}

static void open_encoder(const struct part_spec *spec)
{
    es_auto(encoder) encoder = NULL;
    struct es_err err;
    enum es_code code = spec->is_video
                            ? encoder_open_video(spec, 0, NULL, NULL, &encoder, &err)
                            : encoder_open(spec, AV_SAMPLE_FMT_FLTP, NULL, NULL, &encoder, &err);
    (void)code; /* whoever needs one that does not open will hear why */
}

void engine_preload(void)
{
    av_log_capture();
    static const enum AVCodecID decoders[] = {
        AV_CODEC_ID_H264, AV_CODEC_ID_HEVC,      AV_CODEC_ID_VP9,    AV_CODEC_ID_MPEG4,
        AV_CODEC_ID_AAC,  AV_CODEC_ID_MP3,       AV_CODEC_ID_VORBIS, AV_CODEC_ID_OPUS,
        AV_CODEC_ID_FLAC, AV_CODEC_ID_PCM_S16LE,
    };
    for (size_t i = 0; i < sizeof(decoders) / sizeof(*decoders); i++)
        open_decoder(decoders[i]);
    open_encoder(&small_video);
    open_encoder(&small_aac);
    open_encoder(&small_mp3);
}

/* ---- the clip ---- */

struct clip {
    uint8_t *bytes; /* NULL: it could not be made */
    int size;
};

struct track {
    AVFormatContext *muxer;
    AVStream *stream;
    struct encoder *encoder;
};

static enum es_code write_packet(void *context, AVPacket *packet, struct es_err *reterr)
{
    struct track *track = context;
    packet->stream_index = track->stream->index;
    av_packet_rescale_ts(packet, track->encoder->codec->time_base, track->stream->time_base);
    return av_interleaved_write_frame(track->muxer, packet) < 0
               ? es_fail(reterr, ES_IO, "no packet can be written")
               : ES_OK;
}

static enum es_code open_track(struct track *track, bool is_video, struct es_err *reterr)
{
    enum es_code code =
        is_video ? encoder_open_video(&small_video, 0, write_packet, track, &track->encoder, reterr)
                 : encoder_open(&small_aac, AV_SAMPLE_FMT_FLTP, write_packet, track,
                                &track->encoder, reterr);
    if (code != ES_OK)
        return code;
    track->stream = avformat_new_stream(track->muxer, NULL);
    if (!track->stream ||
        avcodec_parameters_from_context(track->stream->codecpar, track->encoder->codec) < 0)
        abort();
    track->stream->time_base = track->encoder->codec->time_base;
    return ES_OK;
}

static AVFrame *frame_of(const struct track *track, int number)
{
    const AVCodecContext *codec = track->encoder->codec;
    AVFrame *frame = frame_new();
    bool is_video = codec->codec_type == AVMEDIA_TYPE_VIDEO;
    frame->format = is_video ? (int)codec->pix_fmt : (int)codec->sample_fmt;
    frame->width = codec->width;
    frame->height = codec->height;
    frame->pts = is_video ? number : (int64_t)number * FRAME_SAMPLES;
    if (!is_video) {
        frame->nb_samples = FRAME_SAMPLES;
        frame->sample_rate = codec->sample_rate;
        if (av_channel_layout_copy(&frame->ch_layout, &codec->ch_layout) < 0)
            abort();
    }
    if (av_frame_get_buffer(frame, 0) < 0)
        abort();
    for (int i = 0; i < AV_NUM_DATA_POINTERS && frame->buf[i]; i++)
        memset(frame->buf[i]->data, is_video ? GREY : 0, frame->buf[i]->size);
    return frame;
}

static enum es_code fill(AVFormatContext *muxer, struct track tracks[static 2],
                         struct es_err *reterr)
{
    for (int i = 0; i < 2; i++) {
        tracks[i].muxer = muxer;
        enum es_code code = open_track(&tracks[i], i == 0, reterr);
        if (code != ES_OK)
            return code;
    }
    if (avformat_write_header(muxer, NULL) < 0)
        return es_fail(reterr, ES_IO, "no header can be written");
    for (int i = 0; i < 2 * FRAME_COUNT; i++) {
        const struct track *track = &tracks[i % 2];
        es_auto(AVFrame) frame = frame_of(track, i / 2);
        enum es_code code = encoder_push(track->encoder, frame, reterr);
        if (code != ES_OK)
            return code;
    }
    for (int i = 0; i < 2; i++) {
        enum es_code code = encoder_push(tracks[i].encoder, NULL, reterr);
        if (code != ES_OK)
            return code;
    }
    return av_write_trailer(muxer) < 0 ? es_fail(reterr, ES_IO, "no end can be written") : ES_OK;
}

static struct clip make_clip(void)
{
    struct clip clip;
    AVFormatContext *muxer = NULL;
    struct track tracks[2] = { 0 };
    struct es_err err = { 0 };
    if (avformat_alloc_output_context2(&muxer, NULL, "mp4", NULL) < 0 ||
        avio_open_dyn_buf(&muxer->pb) < 0)
        abort();
    enum es_code code = fill(muxer, tracks, &err);
    for (int i = 0; i < 2; i++)
        if (tracks[i].encoder)
            encoder_close(tracks[i].encoder);
    clip.size = avio_close_dyn_buf(muxer->pb, &clip.bytes);
    if (code != ES_OK) /* whoever needs what is missing will hear why */
        av_freep(&clip.bytes);
    avformat_free_context(muxer);
    return clip;
}

static enum es_code read_clip(void *context, int64_t offset, void *ret_bytes, size_t size,
                              size_t *ret_size, struct es_err *reterr)
{
    (void)reterr;
    const struct clip *clip = context;
    int64_t left = offset < clip->size ? clip->size - offset : 0;
    *ret_size = (int64_t)size < left ? size : (size_t)left;
    memcpy(ret_bytes, clip->bytes + offset, *ret_size);
    return ES_OK;
}

void engine_warm_up(void)
{
    av_log_capture();
    struct clip clip = make_clip();
    if (!clip.bytes)
        return;
    void *memory = es_malloc(HEAP_BYTES);
    explicit_bzero(memory, HEAP_BYTES);
    free(memory);
    const struct engine_input input = { .context = &clip,
                                        .size_bytes = clip.size,
                                        .read = read_clip };
    es_auto_arena arena = { 0 };
    struct media_facts facts;
    /* What it finds is of no interest. */
    (void)!engine_probe(&input, NULL, &arena, &facts, NULL);
    av_freep(&clip.bytes);
}
