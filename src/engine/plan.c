/* Cuts a job into parts. Video is cut into spans of about ten seconds, the first shorter, at key
 * frames where the container's index knows some; sound stays whole. What a part finds when it gets
 * there decides: nothing rests on the index being right. */
#include <math.h>

#include "engine/encoder.h"
#include "engine/frame_filter.h"
#include "engine/spec.h"
#include "engine/survey.h"
#include "engine/tags.h"

#include "engine/compat.h"

#define FIRST_SPAN_SECONDS       5.0
#define SPAN_SECONDS             10.0
#define SPAN_REST_SECONDS        4.0 /* a shorter rest joins the span before */
#define KEY_FRAME_REACH_SECONDS  3.0
#define SEGMENT_SECONDS_LONGEST  5.5
#define SEGMENT_SECONDS_SHORTEST 2.0
#define AUDIO_PREROLL_SECONDS    1
#define AUDIO_WEIGHT             0.1 /* a second of sound beside a second of video */
#define JOIN_WEIGHT              0.02
#define DEFAULT_CRF              23
#define DEFAULT_MP3_KBPS         192
#define DEFAULT_AAC_KBPS         128
#define MP3_SAMPLE_RATE          44100
#define RATE_UNKNOWN_FPS         25

struct planner {
    const struct engine_input *input;
    const struct survey *survey;
    enum job_target target;
    struct job_options options;
    struct es_arena *arena;
    int64_t origin_us;       /* of the output: after the trim */
    double duration_seconds; /* of the output */
    bool is_end_open;        /* up to the source's end */
    int picture_index;
    const struct media_tag *tags;
    size_t tag_count;
    struct part *parts;
    size_t part_count, part_capacity;
};

static AVStream *stream_of(const struct planner *planner, int index)
{
    return planner->survey->demuxer->format->streams[index];
}

static int64_t ticks_of_us(int64_t time_us, AVRational time_base)
{
    return av_rescale_q_rnd(time_us, AV_TIME_BASE_Q, time_base, AV_ROUND_DOWN);
}

static int64_t ticks_of_seconds(double seconds, AVRational time_base)
{
    return ticks_of_us((int64_t)llround(seconds * AV_TIME_BASE), time_base);
}

static void add_part(struct planner *planner, enum part_kind kind, bool is_first,
                     double weight_seconds, const char *spec)
{
    if (planner->part_count == planner->part_capacity) {
        planner->part_capacity = planner->part_capacity ? planner->part_capacity * 2 : 16;
        struct part *larger = es_new_array(planner->arena, struct part, planner->part_capacity);
        if (planner->part_count)
            memcpy(larger, planner->parts, planner->part_count * sizeof(*larger));
        planner->parts = larger;
    }
    planner->parts[planner->part_count] = (struct part){
        .index = (int)planner->part_count + 1,
        .kind = kind,
        .state = kind == PART_JOIN ? PART_BLOCKED : PART_WAITING,
        .is_first = is_first,
        .weight_seconds = weight_seconds,
        .spec = spec,
    };
    planner->part_count++;
}

static void set_trim(struct planner *planner)
{
    const struct survey *survey = planner->survey;
    double start = planner->options.start_seconds, end = planner->options.end_seconds;
    planner->origin_us = survey->origin_us + (int64_t)llround(start * AV_TIME_BASE);
    planner->is_end_open = end <= 0 || end >= survey->duration_seconds;
    planner->duration_seconds = (planner->is_end_open ? survey->duration_seconds : end) - start;
    if (planner->duration_seconds < 0)
        planner->duration_seconds = 0;
}

static int even(double value)
{
    int rounded = (int)lround(value / 2) * 2;
    return rounded < 2 ? 2 : rounded;
}

/* The output's size, shape of pixels and rate, by the first frame. */
static void set_geometry(const struct planner *planner, struct video_spec *video)
{
    const AVFrame *frame = planner->survey->video_frame;
    AVStream *stream = stream_of(planner, planner->survey->video_index);
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
    video->width = width & ~1;
    video->height = height & ~1;
    if (planner->options.height > 0 && planner->options.height < height) {
        video->height = even(planner->options.height);
        video->width = even((double)width * video->height / height);
    }
    AVRational rate = av_guess_frame_rate(format, stream, NULL);
    double fps = rate.den > 0 ? av_q2d(rate) : 0;
    video->frame_rate = fps >= 0.5 && fps <= 1000 ? rate : (AVRational){ RATE_UNKNOWN_FPS, 1 };
    video->crf = planner->options.crf ? planner->options.crf : DEFAULT_CRF;
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

/* How the first frame comes out of the filters, and the encoder's header that all parts will share.
 */
static enum es_code try_encoder(const struct planner *planner, struct part_spec *spec,
                                struct es_err *reterr)
{
    struct frame_filter filter;
    frame_filter_init(&filter, spec, stream_of(planner, spec->stream_index), take_colors,
                      &spec->video);
    enum es_code code = frame_filter_push(&filter, planner->survey->video_frame, reterr);
    if (code == ES_OK)
        code = frame_filter_push(&filter, NULL, reterr);
    frame_filter_release(&filter);
    es_auto(encoder) encoder = NULL;
    if (code == ES_OK)
        code = encoder_open(spec, AV_SAMPLE_FMT_NONE, NULL, NULL, &encoder, reterr);
    if (code == ES_OK)
        spec->video.init_crc = encoder_header_crc(encoder);
    return code;
}

/* The key frame nearest to `target` that the index knows within reach, or `target` itself. */
static int64_t near_key_frame(const struct planner *planner, int64_t target, int64_t reach)
{
    AVStream *stream = stream_of(planner, planner->survey->video_index);
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

/* The timeline's zero in a stream's ticks: exactly its first frame's time where it is the one that
 * begins there, however coarse or fine the ticks are. */
static int64_t origin_ticks(const struct planner *planner, int stream_index)
{
    const struct survey *survey = planner->survey;
    AVRational time_base = stream_of(planner, stream_index)->time_base;
    int64_t first =
        stream_index == survey->video_index ? survey->video_frame->pts : survey->audio_frame->pts;
    int64_t start_us = planner->origin_us - survey->origin_us;
    if (av_rescale_q_rnd(first, time_base, AV_TIME_BASE_Q, AV_ROUND_DOWN) == survey->origin_us)
        return first + av_rescale_q(start_us, AV_TIME_BASE_Q, time_base);
    return av_rescale_q(planner->origin_us, AV_TIME_BASE_Q, time_base);
}

static struct part_spec base_spec(const struct planner *planner, int stream_index)
{
    AVRational time_base = stream_of(planner, stream_index)->time_base;
    bool is_trimmed = planner->options.start_seconds > 0;
    int64_t origin = origin_ticks(planner, stream_index);
    return (struct part_spec){
        .target = planner->target,
        .copy = planner->options.copy,
        .stream_index = stream_index,
        .time_base = time_base,
        .origin = origin,
        .start = is_trimmed ? origin : INT64_MIN,
        .end = planner->is_end_open
                   ? INT64_MAX
                   : origin + ticks_of_seconds(planner->duration_seconds, time_base),
        .picture_stream_index = -1,
    };
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
    add_part(planner, PART_CONVERT, spec.is_first, seconds, part_spec_write(&spec, planner->arena));
}

static void add_audio_part(struct planner *planner, bool is_beside_video)
{
    const struct survey *survey = planner->survey;
    struct part_spec spec = base_spec(planner, survey->audio_index);
    bool is_mp3 = planner->target == JOB_MP3;
    bool is_trimmed = spec.start != INT64_MIN || spec.end != INT64_MAX;
    static const int aac_rates[] = { 48000, 44100, 32000, 24000, 22050, 16000,
                                     12000, 11025, 8000,  88200, 64000, 96000 };
    int channels = survey->audio_frame->ch_layout.nb_channels;
    int rate = MP3_SAMPLE_RATE;
    for (size_t i = 0; !is_mp3 && i < sizeof(aac_rates) / sizeof(*aac_rates); i++)
        if (survey->audio_frame->sample_rate == aac_rates[i])
            rate = aac_rates[i];
    if (!is_mp3 && rate != survey->audio_frame->sample_rate)
        rate = 48000;
    spec.index = (int)planner->part_count + 1;
    spec.is_first = true;
    spec.timeline_seconds = planner->duration_seconds;
    spec.weight_seconds = planner->duration_seconds * (is_beside_video ? AUDIO_WEIGHT : 1);
    spec.picture_stream_index = planner->target == JOB_HLS ? -1 : planner->picture_index;
    if (is_mp3) {
        spec.tags = planner->tags;
        spec.tag_count = planner->tag_count;
    }
    if (spec.start != INT64_MIN)
        spec.start = survey->can_seek
                         ? spec.start - ticks_of_seconds(AUDIO_PREROLL_SECONDS, spec.time_base)
                         : INT64_MIN;
    spec.audio = (struct audio_spec){
        .bitrate_kbps = planner->options.bitrate_kbps ? planner->options.bitrate_kbps
                        : is_mp3                      ? DEFAULT_MP3_KBPS
                                                      : DEFAULT_AAC_KBPS,
        .sample_rate = rate,
        .layout = is_mp3          ? "stereo"
                  : channels == 1 ? "mono"
                  : channels == 5 ? "5.0"
                  : channels >= 6 ? "5.1"
                                  : "stereo",
        .is_synced = !is_mp3 || is_trimmed,
        .sample_count_max = planner->is_end_open ? 0 : llround(planner->duration_seconds * rate),
    };
    add_part(planner, PART_CONVERT, true, spec.weight_seconds,
             part_spec_write(&spec, planner->arena));
}

/* Video spans in order; the sound's part stands behind the first of them. */
static enum es_code add_video_parts(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    struct part_spec model = base_spec(planner, survey->video_index);
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
    double span = survey->can_seek ? FIRST_SPAN_SECONDS : INFINITY;
    int64_t reach = ticks_of_seconds(KEY_FRAME_REACH_SECONDS, model.time_base);
    int64_t start = model.start;
    double begin = 0;
    while (total - begin > span + SPAN_REST_SECONDS) {
        int64_t target = model.origin + ticks_of_seconds(begin + span, model.time_base);
        int64_t end = near_key_frame(planner, target, reach);
        double end_seconds = (double)(end - model.origin) * av_q2d(model.time_base);
        add_video_span(planner, &model, start, end, end_seconds - begin);
        if (model.is_first && survey->audio_index >= 0)
            add_audio_part(planner, true);
        model.is_first = false;
        model.picture_stream_index = -1;
        start = end;
        begin = end_seconds;
        span = longest;
    }
    add_video_span(planner, &model, start, model.end, fmax(total - begin, 0));
    if (model.is_first && survey->audio_index >= 0)
        add_audio_part(planner, true);
    return ES_OK;
}

static enum es_code add_parts(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    if (planner->target == JOB_MP3 && survey->audio_index < 0)
        return es_fail_word(reterr, ES_MEDIA, "no_audio_stream", "the source has no sound");
    if (planner->target != JOB_MP3 && survey->video_index >= 0) {
        enum es_code code = add_video_parts(planner, reterr);
        if (code != ES_OK)
            return code;
    } else {
        add_audio_part(planner, false);
    }
    struct join_spec join = {
        .target = planner->target,
        .duration_seconds = planner->is_end_open
                                ? planner->survey->claimed_seconds - planner->options.start_seconds
                                : planner->duration_seconds,
        .weight_seconds = planner->duration_seconds * JOIN_WEIGHT,
        .tags = planner->tags,
        .tag_count = planner->tag_count,
    };
    add_part(planner, PART_JOIN, false, join.weight_seconds,
             join_spec_write(&join, planner->arena));
    return ES_OK;
}

enum es_code engine_plan(const struct engine_input *input, enum job_target target,
                         const struct job_options *options, struct es_arena *arena,
                         struct part **ret_parts, size_t *ret_part_count, struct es_err *reterr)
{
    struct es_err unheard;
    reterr = reterr ? reterr : &unheard;
    es_auto(survey) survey = NULL;
    enum es_code code = survey_make(input, &survey, reterr);
    if (code != ES_OK)
        return code;
    struct planner planner = {
        .input = input,
        .survey = survey,
        .target = target,
        .options = *options,
        .arena = arena,
        .picture_index = picture_find(survey->demuxer->format),
    };
    int main_index = survey->audio_index >= 0 ? survey->audio_index : survey->video_index;
    tags_collect(survey->demuxer->format, main_index, arena, &planner.tags, &planner.tag_count);
    set_trim(&planner);
    if (options->start_seconds > 0 && planner.duration_seconds <= 0)
        return es_fail_word(reterr, ES_INVALID, "option_invalid",
                            "the trim begins at or behind the source's end");
    code = add_parts(&planner, reterr);
    if (code != ES_OK)
        return code;
    *ret_parts = planner.parts;
    *ret_part_count = planner.part_count;
    return ES_OK;
}
