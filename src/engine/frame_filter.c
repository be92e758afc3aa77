/* One libavfilter graph, built from the first frame and again when frames change their kind. */
#include "engine/frame_filter.h"

#include <inttypes.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>

#include "engine/av_error.h"
#include "engine/compat.h"
#include "engine/video_chain.h"

void frame_filter_init(struct frame_filter *filter, const struct part_spec *spec, AVStream *stream,
                       frame_taker *take, void *context)
{
    *filter = (struct frame_filter){
        .spec = spec,
        .stream = stream,
        .take = take,
        .context = context,
        .filtered = frame_new(),
        .model = frame_new(),
    };
}

void frame_filter_release(struct frame_filter *filter)
{
    avfilter_graph_free(&filter->graph);
    av_frame_free(&filter->filtered);
    av_frame_free(&filter->model);
}

static bool is_same_kind(const AVFrame *a, const AVFrame *b)
{
    return video_chain_is_shared(a, b) && a->sample_rate == b->sample_rate &&
           av_channel_layout_compare(&a->ch_layout, &b->ch_layout) == 0;
}

static void audio_chain(const struct frame_filter *filter, char *ret_chain, size_t size)
{
    const struct audio_spec *audio = &filter->spec->audio;
    bool is_any_format = filter->spec->target == JOB_MP3 && !audio->is_normalized;
    int length =
        snprintf(ret_chain, size, "aformat=sample_fmts=%s:sample_rates=%d:channel_layouts=%s",
                 is_any_format ? "s32p|fltp|s16p" : "fltp", audio->sample_rate, audio->layout);
    if (audio->is_normalized)
        snprintf(ret_chain + length, size - (size_t)length, ",volume=volume=%.2fdB:precision=float",
                 audio->gain_db);
}

static int make_source(struct frame_filter *filter, const AVFrame *frame)
{
    bool is_video = filter->spec->is_video;
    filter->source = avfilter_graph_alloc_filter(
        filter->graph, avfilter_get_by_name(is_video ? "buffer" : "abuffer"), "in");
    AVBufferSrcParameters *parameters = av_buffersrc_parameters_alloc();
    if (!filter->source || !parameters)
        abort();
    parameters->format = frame->format;
    if (is_video) {
        parameters->width = frame->width;
        parameters->height = frame->height;
        parameters->time_base = filter->stream->time_base;
        parameters->sample_aspect_ratio = frame->sample_aspect_ratio;
#if LIBAVFILTER_VERSION_MAJOR >= 10
        parameters->color_space = frame->colorspace;
        parameters->color_range = frame->color_range;
#endif
    } else {
        parameters->sample_rate = frame->sample_rate;
        parameters->ch_layout = frame->ch_layout;
        parameters->time_base = (AVRational){ 1, frame->sample_rate };
    }
    int status = av_buffersrc_parameters_set(filter->source, parameters);
    av_free(parameters);
    return status < 0 ? status : avfilter_init_str(filter->source, NULL);
}

static int link_chain(struct frame_filter *filter, const char *chain)
{
    bool is_video = filter->spec->is_video;
    int status = avfilter_graph_create_filter(
        &filter->sink, avfilter_get_by_name(is_video ? "buffersink" : "abuffersink"), "out", NULL,
        NULL, filter->graph);
    if (status < 0)
        return status;
    AVFilterInOut *outputs = avfilter_inout_alloc(), *inputs = avfilter_inout_alloc();
    if (!outputs || !inputs)
        abort();
    outputs->name = av_strdup("in");
    outputs->filter_ctx = filter->source;
    inputs->name = av_strdup("out");
    inputs->filter_ctx = filter->sink;
    status = avfilter_graph_parse_ptr(filter->graph, chain, &inputs, &outputs, NULL);
    avfilter_inout_free(&inputs);
    avfilter_inout_free(&outputs);
    return status < 0 ? status : avfilter_graph_config(filter->graph, NULL);
}

static enum es_code build(struct frame_filter *filter, const AVFrame *frame, struct es_err *reterr)
{
    avfilter_graph_free(&filter->graph);
    filter->graph = avfilter_graph_alloc();
    if (!filter->graph)
        abort();
    filter->graph->nb_threads = 1;
    /* Fewer channels by ITU-R BS.775: centre and surrounds 3 dB down, no LFE; and the sum made
     * small enough that the loudest sound does not clip. */
    if (av_opt_set(filter->graph, "aresample_swr_opts", "rematrix_maxval=1.0", 0) < 0)
        abort();
    char chain[VIDEO_CHAIN_BYTES];
    if (filter->spec->is_video)
        video_chain_write(&filter->spec->video, filter->stream, frame, chain);
    else
        audio_chain(filter, chain, sizeof(chain));
    int status = make_source(filter, frame);
    if (status >= 0)
        status = link_chain(filter, chain);
    if (status < 0)
        return av_fail(reterr, status, "setting up the filters '%s'", chain);

    av_frame_unref(filter->model);
    status = av_frame_copy_props(filter->model, frame);
    filter->model->format = frame->format;
    filter->model->width = frame->width;
    filter->model->height = frame->height;
    if (status >= 0)
        status = av_channel_layout_copy(&filter->model->ch_layout, &frame->ch_layout);
    return status < 0 ? av_fail(reterr, status, "setting up the filters") : ES_OK;
}

static enum es_code drain(struct frame_filter *filter, struct es_err *reterr)
{
    for (;;) {
        int status = av_buffersink_get_frame(filter->sink, filter->filtered);
        if (status == AVERROR(EAGAIN) || status == AVERROR_EOF)
            return ES_OK;
        if (status < 0)
            return av_fail(reterr, status, "filtering");
        if (filter->spec->is_video) /* a deinterlacer counts in half ticks */
            frame_rescale(filter->filtered, av_buffersink_get_time_base(filter->sink),
                          filter->stream->time_base);
        enum es_code code = filter->take(filter->context, filter->filtered, reterr);
        av_frame_unref(filter->filtered);
        if (code != ES_OK)
            return code;
    }
}

static enum es_code finish_graph(struct frame_filter *filter, struct es_err *reterr)
{
    if (!filter->graph)
        return ES_OK;
    int status = av_buffersrc_add_frame(filter->source, NULL);
    if (status < 0)
        return av_fail(reterr, status, "ending the filters");
    enum es_code code = drain(filter, reterr);
    avfilter_graph_free(&filter->graph);
    return code;
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

enum es_code frame_filter_push(struct frame_filter *filter, AVFrame *frame, struct es_err *reterr)
{
    if (!frame)
        return finish_graph(filter, reterr);
    if (!filter->spec->is_video) {
        name_layout(frame);
        frame->pts = av_rescale_q(frame->pts, filter->stream->time_base,
                                  (AVRational){ 1, frame->sample_rate });
    }
    frame->pict_type = AV_PICTURE_TYPE_NONE;
    if (!filter->graph || !is_same_kind(filter->model, frame)) {
        enum es_code code = finish_graph(filter, reterr);
        if (code == ES_OK)
            code = build(filter, frame, reterr);
        if (code != ES_OK)
            return code;
    }
    int status = av_buffersrc_add_frame(filter->source, frame);
    if (status < 0)
        return av_fail(reterr, status, "filtering");
    return drain(filter, reterr);
}
