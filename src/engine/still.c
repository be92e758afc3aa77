/* Scaling by libswscale, turning by hand, and libav's own two encoders of pictures. */
#include "engine/still.h"

#include <libswscale/swscale.h>
#include <math.h>

#include "engine/av_error.h"
#include "engine/output.h"
#include "engine/video_chain.h"

#define JPEG_QUALITY 4 /* 2 is the best, 31 the worst */
#define HD_HEIGHT    720

struct still_size still_fit(const AVFrame *frame, AVRational aspect, int quarter_turns,
                            struct still_size most)
{
    double ratio = aspect.num > 0 && aspect.den > 0 ? av_q2d(aspect) : 1;
    double width = frame->width, height = frame->height;
    if (ratio > 1) /* the side that is too short grows: nothing that was there is lost */
        width *= ratio;
    else
        height /= ratio;
    if (quarter_turns % 2) {
        double turned = width;
        width = height;
        height = turned;
    }
    double scale = fmin(1, fmin(most.width / width, most.height / height));
    return (struct still_size){ (int)fmax(1, lround(width * scale)),
                                (int)fmax(1, lround(height * scale)) };
}

AVFrame *still_new(enum AVPixelFormat format, struct still_size size)
{
    AVFrame *still = frame_new();
    still->format = format;
    still->width = size.width;
    still->height = size.height;
    still->color_range = AVCOL_RANGE_JPEG;
    still->sample_aspect_ratio = (AVRational){ 1, 1 };
    if (av_frame_get_buffer(still, 0) < 0)
        abort();
    return still;
}

/* What says nothing of its colours has those that its size suggests. */
static int color_space_of(const AVFrame *frame)
{
    if (frame->colorspace == AVCOL_SPC_UNSPECIFIED)
        return frame->height >= HD_HEIGHT ? SWS_CS_ITU709 : SWS_CS_ITU601;
    return (int)frame->colorspace;
}

static enum es_code scale(const AVFrame *frame, AVFrame *still, struct es_err *reterr)
{
    int lines = frame_is_interlaced(frame) && frame->height >= 4 ? 2 : 1;
    int height = frame->height / lines;
    int strides[AV_NUM_DATA_POINTERS];
    for (int i = 0; i < AV_NUM_DATA_POINTERS; i++)
        strides[i] = frame->linesize[i] * lines;
    bool is_smaller = still->width <= frame->width && still->height <= height;
    struct SwsContext *scaler = sws_getContext(
        frame->width, height, (enum AVPixelFormat)frame->format, still->width, still->height,
        (enum AVPixelFormat)still->format, is_smaller ? SWS_AREA : SWS_BICUBIC, NULL, NULL, NULL);
    if (!scaler)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "frames of %dx%d cannot be scaled",
                            frame->width, frame->height);
    /* Refused for what has no such thing, RGB for one: then nothing is to be set. */
    (void)sws_setColorspaceDetails(scaler, sws_getCoefficients(color_space_of(frame)),
                                   frame->color_range == AVCOL_RANGE_JPEG,
                                   sws_getCoefficients(SWS_CS_ITU601), 1, 0, 1 << 16, 1 << 16);
    int status = sws_scale(scaler, (const uint8_t *const *)frame->data, strides, 0, height,
                           still->data, still->linesize);
    sws_freeContext(scaler);
    return status < 0 ? av_fail(reterr, status, "scaling a frame") : ES_OK;
}

/* One plane, clockwise. */
static void turn_plane(const uint8_t *from, int from_stride, struct still_size from_size,
                       int quarter_turns, uint8_t *to, int to_stride)
{
    for (int y = 0; y < from_size.height; y++)
        for (int x = 0; x < from_size.width; x++) {
            int to_x = x, to_y = y;
            if (quarter_turns == 1) {
                to_x = from_size.height - 1 - y;
                to_y = x;
            } else if (quarter_turns == 2) {
                to_x = from_size.width - 1 - x;
                to_y = from_size.height - 1 - y;
            } else if (quarter_turns == 3) {
                to_x = y;
                to_y = from_size.width - 1 - x;
            }
            to[to_y * (ptrdiff_t)to_stride + to_x] = from[y * (ptrdiff_t)from_stride + x];
        }
}

static AVFrame *turn(const AVFrame *lying, int quarter_turns)
{
    struct still_size size = { lying->width, lying->height };
    if (quarter_turns % 2)
        size = (struct still_size){ lying->height, lying->width };
    AVFrame *upright = still_new((enum AVPixelFormat)lying->format, size);
    for (int plane = 0; plane < AV_NUM_DATA_POINTERS && lying->data[plane]; plane++) {
        struct still_size from = { lying->width >> (plane > 0), lying->height >> (plane > 0) };
        turn_plane(lying->data[plane], lying->linesize[plane], from, quarter_turns,
                   upright->data[plane], upright->linesize[plane]);
    }
    return upright;
}

enum es_code still_make(const AVFrame *frame, int quarter_turns, enum AVPixelFormat format,
                        struct still_size size, AVFrame **ret_still, struct es_err *reterr)
{
    if (format == AV_PIX_FMT_YUVJ420P)
        size = (struct still_size){ (size.width + 1) & ~1, (size.height + 1) & ~1 };
    if (quarter_turns % 2)
        size = (struct still_size){ size.height, size.width };
    es_auto(AVFrame) still = still_new(format, size);
    enum es_code code = scale(frame, still, reterr);
    if (code != ES_OK)
        return code;
    *ret_still = quarter_turns ? turn(still, quarter_turns) : es_take(still);
    return ES_OK;
}

static enum es_code open_encoder(const AVFrame *still, AVCodecContext **ret_codec,
                                 struct es_err *reterr)
{
    bool is_jpeg = still->format == AV_PIX_FMT_YUVJ420P;
    const AVCodec *encoder = avcodec_find_encoder(is_jpeg ? AV_CODEC_ID_MJPEG : AV_CODEC_ID_PNG);
    if (!encoder)
        return es_fail(reterr, ES_IO, "libav lacks the encoder of %s", is_jpeg ? "JPEG" : "PNG");
    es_auto(AVCodecContext) codec = avcodec_alloc_context3(encoder);
    if (!codec)
        abort();
    codec->width = still->width;
    codec->height = still->height;
    codec->pix_fmt = (enum AVPixelFormat)still->format;
    codec->color_range = still->color_range;
    codec->time_base = (AVRational){ 1, 25 };
    codec->sample_aspect_ratio = still->sample_aspect_ratio;
    codec->thread_count = 1;
    if (is_jpeg) {
        codec->flags |= AV_CODEC_FLAG_QSCALE;
        codec->global_quality = FF_QP2LAMBDA * JPEG_QUALITY;
    }
    int status = avcodec_open2(codec, encoder, NULL);
    if (status < 0)
        return av_fail(reterr, status, "opening the encoder '%s'", encoder->name);
    *ret_codec = es_take(codec);
    return ES_OK;
}

enum es_code still_write(const AVFrame *still, const struct engine_host *host, const char *name,
                         struct es_err *reterr)
{
    es_auto(AVCodecContext) codec = NULL;
    es_auto(AVFrame) frame = av_frame_clone(still);
    es_auto(AVPacket) packet = packet_new();
    if (!frame)
        abort();
    enum es_code code = open_encoder(still, &codec, reterr);
    if (code != ES_OK)
        return code;
    frame->quality = codec->global_quality;
    int status = avcodec_send_frame(codec, frame);
    if (status >= 0)
        status = avcodec_send_frame(codec, NULL);
    if (status >= 0)
        status = avcodec_receive_packet(codec, packet);
    if (status < 0)
        return av_fail(reterr, status, "encoding '%s'", name);
    return output_write(host, name, packet->data, (size_t)packet->size, reterr);
}
