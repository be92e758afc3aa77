/* Cuts a job into parts: the tracks by their own rules, then the join. What a part finds when it
 * gets there decides: nothing rests on an index being right. */
#include <math.h>

#include "engine/chapters.h"
#include "engine/planner.h"
#include "engine/replay_gain.h"
#include "engine/tags.h"

#define JOIN_WEIGHT 0.02

static int64_t ticks_of_us(int64_t time_us, AVRational time_base)
{
    return av_rescale_q_rnd(time_us, AV_TIME_BASE_Q, time_base, AV_ROUND_DOWN);
}

int64_t planner_ticks(double seconds, AVRational time_base)
{
    return ticks_of_us((int64_t)llround(seconds * AV_TIME_BASE), time_base);
}

void planner_add_tags(const struct planner *planner, struct part_spec *spec)
{
    spec->tags = planner->tags;
    spec->tag_count = planner->tag_count;
    spec->chapters = planner->chapters;
    spec->chapter_count = planner->chapter_count;
}

void planner_add_part(struct planner *planner, enum part_kind kind, bool is_first,
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
    bool is_end_known = !planner->input->is_arriving;
    planner->is_end_open = end <= 0 || (is_end_known && end >= survey->duration_seconds);
    planner->duration_seconds = (planner->is_end_open ? survey->duration_seconds : end) - start;
    if (planner->duration_seconds < 0)
        planner->duration_seconds = 0;
}

/* The timeline's zero in a stream's ticks: exactly its first frame's time where it is the one that
 * begins there, however coarse or fine the ticks are. */
static int64_t origin_ticks(const struct planner *planner, int stream_index)
{
    const struct survey *survey = planner->survey;
    AVRational time_base = planner_stream(planner, stream_index)->time_base;
    int64_t first = stream_index == survey->video_index   ? survey->video_frame->pts
                    : stream_index == survey->audio_index ? survey->audio_frame->pts
                                                          : AV_NOPTS_VALUE;
    int64_t start_us = planner->origin_us - survey->origin_us;
    if (first != AV_NOPTS_VALUE &&
        av_rescale_q_rnd(first, time_base, AV_TIME_BASE_Q, AV_ROUND_DOWN) == survey->origin_us)
        return first + av_rescale_q(start_us, AV_TIME_BASE_Q, time_base);
    return av_rescale_q(planner->origin_us, AV_TIME_BASE_Q, time_base);
}

struct part_spec planner_spec(const struct planner *planner, int stream_index)
{
    AVRational time_base = planner_stream(planner, stream_index)->time_base;
    bool is_trimmed = planner->options.start_seconds > 0;
    int64_t origin = origin_ticks(planner, stream_index);
    return (struct part_spec){
        .target = planner->target,
        .stream_index = stream_index,
        .time_base = time_base,
        .origin = origin,
        .start = is_trimmed ? origin : INT64_MIN,
        .end = planner->is_end_open ? INT64_MAX
                                    : origin + planner_ticks(planner->duration_seconds, time_base),
        .expected_end = INT64_MAX,
        .picture_stream_index = -1,
    };
}

void plan_beside_video(struct planner *planner)
{
    if (planner->survey->audio_index >= 0)
        plan_audio(planner, true);
    plan_subtitles(planner);
}

static enum es_code add_parts(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    if (planner->target == JOB_MP3 && survey->audio_index < 0)
        return es_fail_word(reterr, ES_MEDIA, "no_audio_stream", "the source has no sound");
    enum es_code code = plan_find_sounds(planner, reterr);
    if (code == ES_OK)
        code = plan_copies(planner, reterr);
    if (code == ES_OK)
        code = plan_gains(planner, reterr);
    if (code != ES_OK)
        return code;
    bool has_picture = planner->target != JOB_MP3 && survey->video_index >= 0;
    bool is_all_copied = (!has_picture || planner->is_video_copied) &&
                         (survey->audio_index < 0 || planner->main_sound.is_copied) &&
                         planner->other_sound_count == 0;
    if (planner->target == JOB_MP4 && is_all_copied) {
        plan_copied_film(planner);
        if (has_picture)
            plan_subtitles(planner);
    } else {
        code = has_picture ? plan_video(planner, reterr) : plan_audio_alone(planner, reterr);
        if (code != ES_OK)
            return code;
    }
    struct join_spec join = {
        .target = planner->target,
        .duration_seconds = planner->is_end_open
                                ? planner->survey->claimed_seconds - planner->options.start_seconds
                                : planner->duration_seconds,
        .weight_seconds = planner->duration_seconds * JOIN_WEIGHT,
        .sounds_left_out = planner->sounds_left_out,
        .subtitles_left_out = planner->subtitles_left_out,
        .tags = planner->tags,
        .tag_count = planner->tag_count,
        .chapters = planner->chapters,
        .chapter_count = planner->chapter_count,
    };
    planner_add_part(planner, PART_JOIN, false, join.weight_seconds,
                     join_spec_write(&join, planner->arena));
    return ES_OK;
}

/* What they say of the sound is not true of what it becomes. */
static void drop_gain_tags(struct planner *planner)
{
    struct media_tag *kept = es_new_array(planner->arena, struct media_tag, planner->tag_count);
    size_t count = 0;
    for (size_t i = 0; i < planner->tag_count; i++)
        if (!replay_gain_is_tag(planner->tags[i].name))
            kept[count++] = planner->tags[i];
    planner->tags = kept;
    planner->tag_count = count;
}

enum es_code engine_plan(const struct engine_input *input, enum job_target target,
                         const struct job_options *options, const struct engine_host *host,
                         struct es_arena *arena, struct part **ret_parts, size_t *ret_part_count,
                         struct es_err *reterr)
{
    struct es_err unheard;
    reterr = reterr ? reterr : &unheard;
    es_auto(survey) survey = NULL;
    enum es_code code = survey_make(input, &survey, reterr);
    if (code != ES_OK)
        return code;
    struct planner planner = {
        .input = input,
        .host = host,
        .survey = survey,
        .target = target,
        .options = *options,
        .arena = arena,
        .picture_index = picture_find(survey->demuxer->format),
    };
    int main_index = survey->audio_index >= 0 ? survey->audio_index : survey->video_index;
    tags_collect(survey->demuxer->format, main_index, arena, &planner.tags, &planner.tag_count);
    if (options->normalize_lufs != 0)
        drop_gain_tags(&planner);
    set_trim(&planner);
    if (options->start_seconds > 0 && planner.duration_seconds <= 0 && !input->is_arriving)
        return es_fail_word(reterr, ES_INVALID, "option_invalid",
                            "the trim begins at or behind the source's end");
    chapters_collect(survey->demuxer->format, planner.origin_us, planner.duration_seconds, arena,
                     &planner.chapters, &planner.chapter_count);
    code = add_parts(&planner, reterr);
    if (code != ES_OK)
        return code;
    *ret_parts = planner.parts;
    *ret_part_count = planner.part_count;
    return ES_OK;
}
