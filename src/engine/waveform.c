/* The waveform: one decode of the sound gives its outline, as JSON and as a picture, and its
 * loudness. */
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>

#include "engine/av_error.h"
#include "engine/decoder.h"
#include "engine/depict.h"
#include "engine/loudness.h"
#include "engine/output.h"
#include "engine/peaks.h"
#include "engine/reporter.h"
#include "engine/still.h"

#define CANDIDATES_MAX 8
#define IMAGE_WIDTH    1800
#define IMAGE_HEIGHT   280
#define IMAGE_COLOR    0x8b93a7u /* to be seen on white and on black */
#define BLOCK_SAMPLES  4096

struct waveform {
    const struct depict *depict;
    struct reporter reporter;
    struct decoder *decoder;
    AVFrame *frame;

    /* what everything becomes: the first frame's rate and channels */
    int sample_rate;
    AVChannelLayout layout;
    SwrContext *resampler;
    AVFrame *model; /* no data: what the resampler was made for */

    struct loudness *loudness;
    struct peaks peaks;
    float *block; /* BLOCK_SAMPLES, interleaved */
};

static void take_block(struct waveform *waveform, int sample_count)
{
    int channels = waveform->layout.nb_channels;
    loudness_add(waveform->loudness, waveform->block, sample_count);
    for (int i = 0; i < sample_count; i++) {
        float sum = 0;
        for (int channel = 0; channel < channels; channel++)
            sum += waveform->block[i * channels + channel];
        float value = sum / (float)channels * 32768;
        value = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
        peaks_add(&waveform->peaks, (int16_t)lrintf(value));
    }
}

/* Takes out of the resampler what `frame` (NULL: the end) puts in. */
static enum es_code convert(struct waveform *waveform, const AVFrame *frame, struct es_err *reterr)
{
    const uint8_t **input = frame ? (const uint8_t **)(void *)frame->extended_data : NULL;
    int input_count = frame ? frame->nb_samples : 0;
    for (;;) {
        uint8_t *output = (uint8_t *)waveform->block;
        int got = swr_convert(waveform->resampler, &output, BLOCK_SAMPLES, input, input_count);
        if (got < 0)
            return av_fail(reterr, got, "reading samples");
        for (int i = 0; i < got * waveform->layout.nb_channels; i++)
            if (!isfinite(waveform->block[i])) /* what floating-point files may hold */
                waveform->block[i] = 0;
        take_block(waveform, got);
        if (got < BLOCK_SAMPLES)
            return ES_OK;
        input = NULL; /* what did not fit waits inside */
        input_count = 0;
    }
}

static enum es_code set_resampler(struct waveform *waveform, AVFrame *frame, struct es_err *reterr)
{
    if (waveform->resampler) {
        enum es_code code = convert(waveform, NULL, reterr);
        if (code != ES_OK)
            return code;
        swr_free(&waveform->resampler);
    }
    int status = swr_alloc_set_opts2(
        &waveform->resampler, &waveform->layout, AV_SAMPLE_FMT_FLT, waveform->sample_rate,
        &frame->ch_layout, (enum AVSampleFormat)frame->format, frame->sample_rate, 0, NULL);
    if (status >= 0)
        status = swr_init(waveform->resampler);
    if (status >= 0)
        status = av_channel_layout_copy(&waveform->model->ch_layout, &frame->ch_layout);
    if (status < 0)
        return av_fail(reterr, status, "setting up the reading of samples");
    waveform->model->format = frame->format;
    waveform->model->sample_rate = frame->sample_rate;
    return ES_OK;
}

/* Sound without a named layout is taken to have the usual one for its number of channels. */
static void name_layout(AVFrame *frame)
{
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
        int channels = frame->ch_layout.nb_channels;
        av_channel_layout_uninit(&frame->ch_layout);
        av_channel_layout_default(&frame->ch_layout, channels);
    }
}

static enum es_code begin(struct waveform *waveform, const AVFrame *first, struct es_err *reterr)
{
    waveform->sample_rate = first->sample_rate;
    if (av_channel_layout_copy(&waveform->layout, &first->ch_layout) < 0)
        abort();
    double expected = waveform->depict->duration_seconds * first->sample_rate;
    peaks_init(&waveform->peaks, expected < 1e15 ? (int64_t)expected : 0);
    waveform->block =
        es_malloc((size_t)BLOCK_SAMPLES * (size_t)first->ch_layout.nb_channels * sizeof(float));
    return loudness_open(&waveform->layout, first->sample_rate, &waveform->loudness, reterr);
}

static enum es_code take_frame(struct waveform *waveform, struct es_err *reterr)
{
    AVFrame *frame = waveform->frame;
    if (frame->sample_rate <= 0 || frame->nb_samples <= 0 || frame->ch_layout.nb_channels < 1)
        return ES_OK;
    name_layout(frame);
    enum es_code code = ES_OK;
    if (!waveform->loudness)
        code = begin(waveform, frame, reterr);
    const AVFrame *model = waveform->model;
    bool is_known = waveform->resampler && model->format == frame->format &&
                    model->sample_rate == frame->sample_rate &&
                    av_channel_layout_compare(&model->ch_layout, &frame->ch_layout) == 0;
    if (code == ES_OK && !is_known)
        code = set_resampler(waveform, frame, reterr);
    return code == ES_OK ? convert(waveform, frame, reterr) : code;
}

/* The best stream of sound that gives a frame, which then lies in waveform->frame. */
static enum es_code choose_stream(struct waveform *waveform, struct es_err *reterr)
{
    es_auto(demuxer) demuxer = NULL;
    enum es_code code = demuxer_open(waveform->depict->input, &demuxer, reterr);
    if (code != ES_OK)
        return code;
    for (int rank = 0; rank < CANDIDATES_MAX; rank++) {
        int index = demuxer_choose(demuxer, AVMEDIA_TYPE_AUDIO, rank);
        if (index < 0)
            break;
        es_auto(decoder) decoder = NULL;
        bool has_frame = false;
        code = decoder_open(waveform->depict->input, index, &decoder, reterr);
        if (code == ES_OK)
            code = decoder_next(decoder, waveform->frame, &has_frame, reterr);
        if (code != ES_OK && code != ES_MEDIA)
            return code;
        if (has_frame) {
            waveform->decoder = es_take(decoder);
            return ES_OK;
        }
    }
    return es_fail_word(reterr, ES_MEDIA, "depiction_none", "there is no sound that can be read");
}

static enum es_code read_all(struct waveform *waveform, struct es_err *reterr)
{
    AVRational time_base = waveform->decoder->stream->time_base;
    int64_t first = waveform->frame->pts;
    for (bool has_frame = true; has_frame;) {
        double seconds = (double)(waveform->frame->pts - first) * av_q2d(time_base);
        enum es_code code = take_frame(waveform, reterr);
        av_frame_unref(waveform->frame);
        if (code == ES_OK)
            code = reporter_tick(&waveform->reporter, seconds, reterr);
        if (code == ES_OK)
            code = decoder_next(waveform->decoder, waveform->frame, &has_frame, reterr);
        if (code != ES_OK)
            return code;
    }
    if (!waveform->resampler)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no frame of sound is whole");
    enum es_code code = convert(waveform, NULL, reterr);
    peaks_finish(&waveform->peaks);
    if (code == ES_OK && waveform->peaks.count == 0)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "there is no sample of sound");
    return code;
}

/* One column a pixel, from the least to the greatest sample about the middle; never nothing. */
static void draw_column(AVFrame *image, int x, struct peak peak)
{
    int middle = IMAGE_HEIGHT / 2;
    int top = middle - (peak.greatest * middle + 32767) / 32768;
    int bottom = middle - (peak.least * middle) / 32768;
    top = top < 0 ? 0 : top >= IMAGE_HEIGHT ? IMAGE_HEIGHT - 1 : top;
    bottom = bottom <= top ? top + 1 : bottom > IMAGE_HEIGHT ? IMAGE_HEIGHT : bottom;
    for (int y = top; y < bottom; y++) {
        uint8_t *pixel = image->data[0] + y * (ptrdiff_t)image->linesize[0] + x * (ptrdiff_t)4;
        pixel[0] = IMAGE_COLOR >> 16 & 0xff;
        pixel[1] = IMAGE_COLOR >> 8 & 0xff;
        pixel[2] = IMAGE_COLOR & 0xff;
        pixel[3] = 0xff;
    }
}

static enum es_code write_image(const struct waveform *waveform, struct es_err *reterr)
{
    es_auto(AVFrame) image =
        still_new(AV_PIX_FMT_RGBA, (struct still_size){ IMAGE_WIDTH, IMAGE_HEIGHT });
    memset(image->data[0], 0, (size_t)image->linesize[0] * IMAGE_HEIGHT);
    for (int x = 0; x < IMAGE_WIDTH; x++)
        draw_column(image, x, peaks_of_column(&waveform->peaks, (size_t)x, IMAGE_WIDTH));
    return still_write(image, waveform->depict->host, DEPICTION_WAVEFORM_IMAGE_NAME, reterr);
}

static enum es_code write_all(const struct waveform *waveform, struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    peaks_write_json(&waveform->peaks, waveform->sample_rate, &text);
    enum es_code code = write_image(waveform, reterr);
    return code == ES_OK ? output_write(waveform->depict->host, DEPICTION_WAVEFORM_NAME, text.bytes,
                                        text.size, reterr)
                         : code;
}

enum es_code depict_waveform(const struct depict *depict, struct media_loudness *ret_loudness,
                             struct es_err *reterr)
{
    struct waveform waveform = {
        .depict = depict,
        .reporter = { .host = depict->host,
                      .weight_seconds = fmax(depict->duration_seconds, 1),
                      .timeline_seconds = depict->duration_seconds },
        .frame = frame_new(),
        .model = frame_new(),
    };
    enum es_code code = choose_stream(&waveform, reterr);
    if (code == ES_OK)
        code = read_all(&waveform, reterr);
    if (code == ES_OK)
        code = write_all(&waveform, reterr);
    if (code == ES_OK)
        *ret_loudness = loudness_measure(waveform.loudness);
    if (waveform.decoder)
        decoder_close(waveform.decoder);
    if (waveform.loudness)
        loudness_close(waveform.loudness);
    swr_free(&waveform.resampler);
    av_channel_layout_uninit(&waveform.layout);
    av_frame_free(&waveform.frame);
    av_frame_free(&waveform.model);
    free(waveform.block);
    return code;
}
