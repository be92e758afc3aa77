/* The three encoders and their settings, which are those of the reference's commands. */
#include "engine/encoder.h"

#include <libavutil/cpu.h>
#include <libavutil/crc.h>
#include <libavutil/dict.h>
#include <math.h>

#include "engine/av_error.h"

#define GROUP_FRAMES      250 /* x264's own */
#define GROUP_SECONDS_MAX 16.0

/* Key frames are dear: a span of usual length is one group of pictures but for scene cuts. */
static int group_frames(const struct part_spec *spec)
{
    double seconds = spec->timeline_seconds < GROUP_SECONDS_MAX ? spec->timeline_seconds : 0;
    int frames = (int)ceil(seconds * av_q2d(spec->video.frame_rate)) + 1;
    return frames > GROUP_FRAMES ? frames : GROUP_FRAMES;
}

static void set_video(AVCodecContext *codec, const struct part_spec *spec,
                      const struct rendition_spec *rendition, AVDictionary **options)
{
    const struct video_spec *video = &spec->video;
    codec->width = rendition->width;
    codec->height = rendition->height;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = spec->time_base;
    codec->framerate = video->frame_rate;
    codec->sample_aspect_ratio = video->pixel_aspect;
    codec->color_range = (enum AVColorRange)video->color_range;
    codec->color_primaries = (enum AVColorPrimaries)video->color_primaries;
    codec->color_trc = (enum AVColorTransferCharacteristic)video->color_transfer;
    codec->colorspace = (enum AVColorSpace)video->color_space;
    codec->thread_count = 1; /* a part is one core's; and the same bytes come out every time */
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    codec->gop_size = group_frames(spec);
    codec->rc_max_rate = rendition->rate_kbps_max * INT64_C(1000);
    codec->rc_buffer_size = rendition->rate_kbps_max * 1000;
    av_dict_set_int(options, "crf", rendition->crf, 0);
    av_dict_set(options, "forced-idr", "1", 0);
    /* x264's AVX-512 code for the lookahead reads memory that nobody has written: at some sizes
     * the same frames then give other bytes each time. Its AVX2 code does not. */
    if (av_get_cpu_flags() & AV_CPU_FLAG_AVX512)
        av_dict_set(options, "x264-params", "asm=avx2,fma3,bmi2,lzcnt", 0);
}

static int set_audio(AVCodecContext *codec, const struct part_spec *spec)
{
    const struct audio_spec *audio = &spec->audio;
    codec->bit_rate = (int64_t)audio->bitrate_kbps * 1000;
    codec->sample_rate = audio->sample_rate;
    codec->time_base = (AVRational){ 1, audio->sample_rate };
    if (spec->target != JOB_MP3) {
        codec->sample_fmt = AV_SAMPLE_FMT_FLTP;
        codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    return av_channel_layout_from_string(&codec->ch_layout, audio->layout);
}

static enum es_code begin(const char *codec_name, packet_taker *take, void *context,
                          struct encoder **ret_encoder, struct es_err *reterr)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(codec_name);
    if (!codec)
        return es_fail(reterr, ES_IO, "libav lacks the encoder '%s'", codec_name);
    struct encoder *encoder = es_malloc(sizeof(*encoder));
    encoder->take = take;
    encoder->context = context;
    encoder->packet = packet_new();
    encoder->codec = avcodec_alloc_context3(codec);
    if (!encoder->codec)
        abort();
    *ret_encoder = encoder;
    return ES_OK;
}

enum es_code encoder_open(const struct part_spec *spec, enum AVSampleFormat sample_format,
                          packet_taker *take, void *context, struct encoder **ret_encoder,
                          struct es_err *reterr)
{
    es_auto(encoder) encoder = NULL;
    enum es_code code =
        begin(spec->target == JOB_MP3 ? "libmp3lame" : "aac", take, context, &encoder, reterr);
    if (code != ES_OK)
        return code;
    encoder->codec->sample_fmt = sample_format;
    int status = set_audio(encoder->codec, spec);
    if (status >= 0)
        status = avcodec_open2(encoder->codec, NULL, NULL);
    if (status < 0)
        return av_fail(reterr, status, "opening the sound's encoder");
    *ret_encoder = es_take(encoder);
    return ES_OK;
}

/* Two slices a frame, whatever the machine: with a thread each while somebody waits. Not under a
 * greatest rate, which x264 then holds by how far the other slice has come: by chance. */
static void hurry(AVCodecContext *codec)
{
    if (codec->rc_max_rate > 0)
        return;
    codec->thread_count = 2;
    codec->thread_type = FF_THREAD_SLICE;
}

static enum es_code open_video(const struct part_spec *spec, size_t rendition, bool is_quick,
                               packet_taker *take, void *context, struct encoder **ret_encoder,
                               struct es_err *reterr)
{
    es_auto(encoder) encoder = NULL;
    enum es_code code = begin("libx264", take, context, &encoder, reterr);
    if (code != ES_OK)
        return code;
    AVDictionary *options = NULL;
    av_dict_set(&options, "preset", is_quick ? "superfast" : "veryfast", 0);
    set_video(encoder->codec, spec, &spec->video.renditions[rendition], &options);
    if (is_quick)
        hurry(encoder->codec);
    int status = avcodec_open2(encoder->codec, NULL, &options);
    av_dict_free(&options);
    if (status < 0)
        return av_fail(reterr, status, "opening the picture's encoder");
    *ret_encoder = es_take(encoder);
    return ES_OK;
}

enum es_code encoder_open_video(const struct part_spec *spec, size_t rendition, packet_taker *take,
                                void *context, struct encoder **ret_encoder, struct es_err *reterr)
{
    return open_video(spec, rendition, false, take, context, ret_encoder, reterr);
}

enum es_code encoder_open_quick(const struct part_spec *spec, size_t rendition, packet_taker *take,
                                void *context, struct encoder **ret_encoder, struct es_err *reterr)
{
    return open_video(spec, rendition, true, take, context, ret_encoder, reterr);
}

void encoder_close(struct encoder *encoder)
{
    avcodec_free_context(&encoder->codec);
    av_packet_free(&encoder->packet);
    free(encoder);
}

enum es_code encoder_push(struct encoder *encoder, const AVFrame *frame, struct es_err *reterr)
{
    int status = avcodec_send_frame(encoder->codec, frame);
    if (status < 0)
        return av_fail(reterr, status, "encoding");
    for (;;) {
        status = avcodec_receive_packet(encoder->codec, encoder->packet);
        if (status == AVERROR(EAGAIN) || status == AVERROR_EOF)
            return ES_OK;
        if (status < 0)
            return av_fail(reterr, status, "encoding");
        enum es_code code = encoder->take(encoder->context, encoder->packet, reterr);
        av_packet_unref(encoder->packet);
        if (code != ES_OK)
            return code;
    }
}

AVCodecParameters *encoder_parameters(const struct encoder *encoder)
{
    AVCodecParameters *parameters = avcodec_parameters_alloc();
    if (!parameters || avcodec_parameters_from_context(parameters, encoder->codec) < 0)
        abort();
    return parameters;
}

uint32_t encoder_header_crc(const struct encoder *encoder)
{
    return av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), 0, encoder->codec->extradata,
                  (size_t)encoder->codec->extradata_size);
}

double encoder_level_db(enum job_target target, int bitrate_kbps)
{
    /* The presets of LAME 3.100 that it takes for a constant bit rate, each up to halfway to the
     * next of MP3's bit rates. */
    static const struct {
        int kbps_most;
        double scale;
    } levels[] = { { 176, 0.95 }, { 208, 0.97 }, { 240, 0.98 } };
    for (size_t i = 0; target == JOB_MP3 && i < sizeof(levels) / sizeof(*levels); i++)
        if (bitrate_kbps <= levels[i].kbps_most)
            return 20 * log10(levels[i].scale);
    return 0;
}

const char *encoder_codecs(const struct encoder *encoder, struct es_arena *arena)
{
    const AVCodecContext *codec = encoder->codec;
    if (codec->codec_id == AV_CODEC_ID_AAC)
        return "mp4a.40.2";
    /* Annex B: a start code, the SPS's NAL header, then profile, constraints, level. */
    const uint8_t *bytes = codec->extradata;
    for (int i = 0; i + 7 < codec->extradata_size; i++)
        if (bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 1 && (bytes[i + 3] & 0x1f) == 7)
            return es_printf(arena, "avc1.%02x%02x%02x", bytes[i + 4], bytes[i + 5], bytes[i + 6]);
    return "avc1.640028";
}
