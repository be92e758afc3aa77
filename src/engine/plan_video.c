/* How the picture is cut: into spans of about ten seconds, the first shorter, at key frames where
 * the container's index knows some. */
#include <math.h>

#include "engine/encoder.h"
#include "engine/frame_filter.h"
#include "engine/ladder.h"
#include "engine/planner.h"
#include "engine/video_chain.h"

#include "engine/compat.h"

#define FIRST_SPAN_SECONDS       5.0 /* where it plays before the rest is there */
#define SPAN_SECONDS             10.0
#define SPAN_REST_SECONDS        4.0 /* a shorter rest joins the span before */
#define KEY_FRAME_REACH_SECONDS  3.0
#define SEGMENT_SECONDS_LONGEST  5.5
#define SEGMENT_SECONDS_SHORTEST 2.0
#define SEGMENT_SECONDS_UNKNOWN  5.0 /* where it is not known how long the span is */
#define DEFAULT_CRF              23
#define RATE_UNKNOWN_FPS         25

static int even(double value)
{
    int rounded = (int)lround(value / 2) * 2;
    return rounded < 2 ? 2 : rounded;
}

/* The sizes that the picture is made in; `width` and `height` are its own, upright. */
static size_t plan_renditions(const struct planner *planner, int width, int height,
                              struct video_spec *video)
{
    const struct job_options *options = &planner->options;
    struct rendition_spec *first = &video->renditions[0];
    size_t count = 1;
    first->width = width & ~1;
    first->height = height & ~1;
    if (job_options_have_ladder(options)) {
        count = ladder_build(options, width, height, av_q2d(video->frame_rate), video->renditions);
    } else if (options->height > 0 && options->height < height) {
        first->height = even(options->height);
        first->width = even((double)width * first->height / height);
    }
    for (size_t i = 0; i < count; i++)
        video->renditions[i].crf = options->crf ? options->crf : DEFAULT_CRF;
    return count;
}

/* The output's sizes, shape of pixels and rate, by the first frame. */
static void set_geometry(const struct planner *planner, struct part_spec *spec)
{
    struct video_spec *video = &spec->video;
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
    AVRational rate = av_guess_frame_rate(format, stream, NULL);
    double fps = rate.den > 0 ? av_q2d(rate) : 0;
    video->frame_rate = fps >= 0.5 && fps <= 1000 ? rate : (AVRational){ RATE_UNKNOWN_FPS, 1 };
    video->peak_nits = frame_peak_nits(frame);
    video->is_interlaced = planner->survey->is_interlaced;
    spec->track_count = plan_renditions(planner, width, height, video);
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

static struct hls_track plan_track(const struct planner *planner, const struct video_spec *video,
                                   size_t rendition, const struct encoder *encoder)
{
    const struct rendition_spec *own = &video->renditions[rendition];
    bool has_ladder = job_options_have_ladder(&planner->options);
    return (struct hls_track){
        .name = has_ladder ? es_printf(planner->arena, "video-%d", own->height) : "video",
        .kind = HLS_VIDEO,
        .codecs = encoder_codecs(encoder, planner->arena),
        .width = own->width,
        .height = own->height,
        .frame_rate = av_q2d(video->frame_rate),
        .planned_bit_rate = ladder_peak_bit_rate(own),
    };
}

/* The tracks, and the encoders' headers that all parts will share. */
static enum es_code try_encoders(const struct planner *planner, struct part_spec *spec,
                                 struct es_err *reterr)
{
    struct hls_track *tracks = es_new_array(planner->arena, struct hls_track, spec->track_count);
    for (size_t i = 0; i < spec->track_count; i++) {
        es_auto(encoder) encoder = NULL;
        enum es_code code = encoder_open_video(spec, i, NULL, NULL, &encoder, reterr);
        if (code != ES_OK)
            return code;
        spec->video.renditions[i].init_crc = encoder_header_crc(encoder);
        tracks[i] = plan_track(planner, &spec->video, i, encoder);
    }
    spec->tracks = tracks;
    return ES_OK;
}

/* How the first frame comes out of the filters and the encoders. */
static enum es_code try_first_frame(const struct planner *planner, struct part_spec *spec,
                                    struct es_err *reterr)
{
    struct frame_filter filter;
    frame_filter_init(&filter, spec, planner_stream(planner, spec->stream_index), take_colors,
                      &spec->video);
    enum es_code code = frame_filter_push(&filter, planner->survey->video_frame, reterr);
    if (code == ES_OK)
        code = frame_filter_push(&filter, NULL, reterr);
    frame_filter_release(&filter);
    return code == ES_OK ? try_encoders(planner, spec, reterr) : code;
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
    double seconds = count > 0 ? span_seconds / count : SEGMENT_SECONDS_UNKNOWN;
    seconds = fmin(fmax(seconds, SEGMENT_SECONDS_SHORTEST), SEGMENT_SECONDS_LONGEST);
    int64_t ticks = av_rescale_q_rnd((int64_t)(seconds * AV_TIME_BASE), AV_TIME_BASE_Q, time_base,
                                     AV_ROUND_UP) +
                    1;
    return ticks > 0 ? ticks : 1;
}

static double pixels_of(const struct part_spec *spec)
{
    double pixels = 0;
    for (size_t i = 0; i < spec->track_count; i++)
        pixels += (double)spec->video.renditions[i].width * spec->video.renditions[i].height;
    return pixels;
}

/* The span in `count` of the model's sizes, from `first` on. */
static void add_video_part(struct planner *planner, const struct part_spec *model, size_t first,
                           size_t count, double seconds)
{
    struct part_spec spec = *model;
    spec.index = (int)planner->part_count + 1;
    spec.tracks = model->tracks + first;
    spec.track_count = count;
    memmove(spec.video.renditions, model->video.renditions + first,
            count * sizeof(*spec.video.renditions));
    spec.timeline_seconds = seconds;
    spec.weight_seconds = seconds * pixels_of(&spec) / pixels_of(model);
    spec.video.segment_ticks = segment_ticks(seconds, spec.time_base);
    plan_segments(planner, &spec);
    bool is_first = spec.is_first && first + count == model->track_count;
    planner_add_part(planner, PART_CONVERT, is_first, spec.weight_seconds,
                     part_spec_write(&spec, planner->arena));
}

/* The span of the model. The first of all: in its smallest size alone, since that is the soonest
 * made and enough to begin play with; then the sound; and the larger sizes when both have begun. */
static void add_span(struct planner *planner, const struct part_spec *model, double seconds)
{
    if (!model->is_first) {
        add_video_part(planner, model, 0, model->track_count, seconds);
        return;
    }
    size_t smallest = model->track_count - 1;
    add_video_part(planner, model, smallest, 1, seconds);
    plan_beside_video(planner);
    if (smallest > 0)
        add_video_part(planner, model, 0, smallest, seconds);
}

enum es_code plan_video(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    if (planner->is_video_copied) {
        plan_copied_picture(planner);
        plan_beside_video(planner);
        return ES_OK;
    }
    struct part_spec model = planner_spec(planner, survey->video_index);
    model.is_video = true;
    model.is_first = true;
    if (survey->audio_index < 0 && planner->target == JOB_MP4)
        model.picture_stream_index = planner->picture_index;
    set_geometry(planner, &model);
    enum es_code code = try_first_frame(planner, &model, reterr);
    if (code != ES_OK)
        return code;
    double total = planner->duration_seconds;
    double longest = fmax(SPAN_SECONDS, total / (PART_COUNT_MAX / 2.0));
    double span = planner->target == JOB_HLS ? FIRST_SPAN_SECONDS : longest;
    if (!survey->can_seek)
        span = INFINITY;
    int64_t reach = planner_ticks(KEY_FRAME_REACH_SECONDS, model.time_base);
    int64_t last_end = model.end;
    double begin = 0;
    while (total - begin > span + SPAN_REST_SECONDS) {
        int64_t target = model.origin + planner_ticks(begin + span, model.time_base);
        int64_t end = near_key_frame(planner, target, reach);
        double end_seconds = (double)(end - model.origin) * av_q2d(model.time_base);
        model.end = end;
        add_span(planner, &model, end_seconds - begin);
        model.is_first = false;
        model.picture_stream_index = -1;
        model.start = end;
        begin = end_seconds;
        span = longest;
    }
    model.end = last_end;
    add_span(planner, &model, fmax(total - begin, 0));
    return ES_OK;
}
