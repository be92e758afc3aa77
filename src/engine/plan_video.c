/* How the picture is cut: into spans of about ten seconds, the first shorter, at key frames where
 * the container's index knows some. */
#include <math.h>

#include "engine/encoder.h"
#include "engine/frame_filter.h"
#include "engine/planner.h"
#include "engine/video_chain.h"

#include "engine/compat.h"

#define FIRST_SPAN_SECONDS       5.0 /* where it plays before the rest is there */
#define SPAN_SECONDS             10.0
#define SPAN_REST_SECONDS        4.0 /* a shorter rest joins the span before */
#define KEY_FRAME_REACH_SECONDS  3.0
#define SEGMENT_SECONDS_LONGEST  5.5
#define SEGMENT_SECONDS_SHORTEST 2.0
#define DEFAULT_CRF              23
#define RATE_UNKNOWN_FPS         25

static int even(double value)
{
    int rounded = (int)lround(value / 2) * 2;
    return rounded < 2 ? 2 : rounded;
}

/* The output's size, shape of pixels and rate, by the first frame. */
static void set_geometry(const struct planner *planner, struct video_spec *video)
{
    const AVFrame *frame = planner->survey->video_frame;
    AVStream *stream = planner_stream(planner, planner->survey->video_index);
    AVFormatContext *format = planner->survey->demuxer->format;
    AVRational aspect = av_guess_sample_aspect_ratio(format, stream, (AVFrame *)frame);
    bool is_turned = stream_quarter_turns(stream) % 2;
    int width = is_turned ? frame->height : frame->width;
    int height = is_turned ? frame->width : frame->height;
    if (aspect.num <= 0 || aspect.den <= 0)
        aspect = (AVRational){ 0, 1 };
    else if (is_turned)
        aspect = av_inv_q(aspect);
    av_reduce(&video->pixel_aspect.num, &video->pixel_aspect.den, aspect.num, aspect.den, 65535);
    struct rendition_spec *rendition = &video->renditions[0];
    rendition->width = width & ~1;
    rendition->height = height & ~1;
    if (planner->options.height > 0 && planner->options.height < height) {
        rendition->height = even(planner->options.height);
        rendition->width = even((double)width * rendition->height / height);
    }
    rendition->crf = planner->options.crf ? planner->options.crf : DEFAULT_CRF;
    AVRational rate = av_guess_frame_rate(format, stream, NULL);
    double fps = rate.den > 0 ? av_q2d(rate) : 0;
    video->frame_rate = fps >= 0.5 && fps <= 1000 ? rate : (AVRational){ RATE_UNKNOWN_FPS, 1 };
    video->peak_nits = frame_peak_nits(frame);
    video->is_interlaced = planner->survey->is_interlaced;
}

static enum es_code take_colors(void *context, AVFrame *frame, struct es_err *reterr)
{
    (void)reterr;
    struct video_spec *video = context;
    video->color_range = (int)frame->color_range;
    video->color_primaries = (int)frame->color_primaries;
    video->color_transfer = (int)frame->color_trc;
    video->color_space = (int)frame->colorspace;
    return ES_OK;
}

static const struct hls_track *plan_track(const struct planner *planner,
                                          const struct video_spec *video,
                                          const struct encoder *encoder)
{
    struct hls_track *track = es_new(planner->arena, struct hls_track);
    *track = (struct hls_track){
        .name = "video",
        .kind = HLS_VIDEO,
        .codecs = encoder_codecs(encoder, planner->arena),
        .width = video->renditions[0].width,
        .height = video->renditions[0].height,
        .frame_rate = av_q2d(video->frame_rate),
    };
    return track;
}

/* How the first frame comes out of the filters, and the encoder's header that all parts will share.
 */
static enum es_code try_encoder(const struct planner *planner, struct part_spec *spec,
                                struct es_err *reterr)
{
    struct frame_filter filter;
    frame_filter_init(&filter, spec, planner_stream(planner, spec->stream_index), take_colors,
                      &spec->video);
    enum es_code code = frame_filter_push(&filter, planner->survey->video_frame, reterr);
    if (code == ES_OK)
        code = frame_filter_push(&filter, NULL, reterr);
    frame_filter_release(&filter);
    es_auto(encoder) encoder = NULL;
    if (code == ES_OK)
        code = encoder_open_video(spec, 0, NULL, NULL, &encoder, reterr);
    if (code != ES_OK)
        return code;
    spec->video.renditions[0].init_crc = encoder_header_crc(encoder);
    spec->tracks = plan_track(planner, &spec->video, encoder);
    spec->track_count = 1;
    return ES_OK;
}

/* The key frame nearest to `target` that the index knows within reach, or `target` itself. */
static int64_t near_key_frame(const struct planner *planner, int64_t target, int64_t reach)
{
    AVStream *stream = planner_stream(planner, planner->survey->video_index);
    int64_t best = target, best_distance = reach;
    int count = avformat_index_get_entries_count(stream);
    if (count == 0)
        return target;
    /* Some indexes hold decoding times, a constant earlier than the frames are shown. */
    int64_t delay = stream->start_time - avformat_index_get_entry(stream, 0)->timestamp;
    if (stream->start_time == AV_NOPTS_VALUE || delay < 0 || delay > reach)
        delay = 0;
    for (int i = av_index_search_timestamp(stream, target - reach - delay, 0); i >= 0 && i < count;
         i++) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        int64_t time = entry->timestamp + delay;
        if (time > target + reach)
            break;
        if (entry->flags & AVINDEX_KEYFRAME && llabs(time - target) < best_distance) {
            best = time;
            best_distance = llabs(time - target);
        }
    }
    return best;
}

static int64_t segment_ticks(double span_seconds, AVRational time_base)
{
    double count = ceil(span_seconds / SEGMENT_SECONDS_LONGEST);
    double seconds = span_seconds / fmax(count, 1);
    seconds = fmin(fmax(seconds, SEGMENT_SECONDS_SHORTEST), SEGMENT_SECONDS_LONGEST);
    int64_t ticks = av_rescale_q_rnd((int64_t)(seconds * AV_TIME_BASE), AV_TIME_BASE_Q, time_base,
                                     AV_ROUND_UP) +
                    1;
    return ticks > 0 ? ticks : 1;
}

/* One span [start, end) of the video, `begin` and `seconds` on the output's timeline. */
static void add_video_span(struct planner *planner, const struct part_spec *model, int64_t start,
                           int64_t end, double seconds)
{
    struct part_spec spec = *model;
    spec.index = (int)planner->part_count + 1;
    spec.start = start;
    spec.end = end;
    spec.weight_seconds = spec.timeline_seconds = seconds;
    spec.video.segment_ticks = segment_ticks(seconds, spec.time_base);
    plan_segments(planner, &spec);
    planner_add_part(planner, PART_CONVERT, spec.is_first, seconds,
                     part_spec_write(&spec, planner->arena));
}

enum es_code plan_video(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    if (planner->is_video_copied) {
        plan_copied_track(planner, true);
        plan_beside_video(planner);
        return ES_OK;
    }
    struct part_spec model = planner_spec(planner, survey->video_index);
    model.is_video = true;
    model.is_first = true;
    if (survey->audio_index < 0 && planner->target == JOB_MP4)
        model.picture_stream_index = planner->picture_index;
    set_geometry(planner, &model.video);
    enum es_code code = try_encoder(planner, &model, reterr);
    if (code != ES_OK)
        return code;
    double total = planner->duration_seconds;
    double longest = fmax(SPAN_SECONDS, total / (PART_COUNT_MAX / 2.0));
    double span = planner->target == JOB_HLS ? FIRST_SPAN_SECONDS : longest;
    if (!survey->can_seek)
        span = INFINITY;
    int64_t reach = planner_ticks(KEY_FRAME_REACH_SECONDS, model.time_base);
    int64_t start = model.start;
    double begin = 0;
    while (total - begin > span + SPAN_REST_SECONDS) {
        int64_t target = model.origin + planner_ticks(begin + span, model.time_base);
        int64_t end = near_key_frame(planner, target, reach);
        double end_seconds = (double)(end - model.origin) * av_q2d(model.time_base);
        add_video_span(planner, &model, start, end, end_seconds - begin);
        if (model.is_first)
            plan_beside_video(planner);
        model.is_first = false;
        model.picture_stream_index = -1;
        start = end;
        begin = end_seconds;
        span = longest;
    }
    add_video_span(planner, &model, start, model.end, fmax(total - begin, 0));
    if (model.is_first)
        plan_beside_video(planner);
    return ES_OK;
}
