/* A job's words, states and limits. */
#include "model/job.h"

#include <string.h>

#include "model/names.h"

#define HEIGHT_LEAST 144
#define HEIGHT_MOST  2160
#define LUFS_LEAST   (-36.0)
#define LUFS_MOST    (-5.0)

static const char *const target_names[] = {
    [JOB_MP3] = "mp3",
    [JOB_MP4] = "mp4",
    [JOB_HLS] = "hls",
};
static const char *const status_names[] = {
    [JOB_ENQUEUED] = "enqueued", [JOB_PROCESSING] = "processing", [JOB_DONE] = "done",
    [JOB_FAILED] = "failed",     [JOB_CANCELLED] = "cancelled",
};

const char *job_target_name(enum job_target target)
{
    return NAME_OF(target_names, target);
}

enum job_target job_target_from_name(const char *name)
{
    return (enum job_target)VALUE_OF(target_names, name);
}

const char *job_status_name(enum job_status status)
{
    return NAME_OF(status_names, status);
}

enum job_status job_status_from_name(const char *name)
{
    return (enum job_status)VALUE_OF(status_names, name);
}

bool job_status_is_final(enum job_status status)
{
    return status == JOB_DONE || status == JOB_FAILED || status == JOB_CANCELLED;
}

bool job_status_can_become(enum job_status from, enum job_status to)
{
    switch (from) {
    case JOB_ENQUEUED: /* done at once where the same was made before */
        return to == JOB_PROCESSING || to == JOB_DONE || to == JOB_FAILED || to == JOB_CANCELLED;
    case JOB_PROCESSING:
        return to == JOB_DONE || to == JOB_FAILED || to == JOB_CANCELLED;
    case JOB_FAILED:
    case JOB_CANCELLED:
        return to == JOB_ENQUEUED; /* a retry */
    case JOB_STATUS_UNSET:
    case JOB_DONE:
        break;
    }
    return false;
}

const char *job_output_name(enum job_target target)
{
    switch (target) {
    case JOB_MP3:
        return "output.mp3";
    case JOB_MP4:
        return "output.mp4";
    case JOB_HLS:
        return "index.m3u8";
    case JOB_TARGET_UNSET:
        break;
    }
    return "";
}

const char *job_content_type(enum job_target target)
{
    switch (target) {
    case JOB_MP3:
        return "audio/mpeg";
    case JOB_MP4:
        return "video/mp4";
    case JOB_HLS:
        return "application/vnd.apple.mpegurl";
    case JOB_TARGET_UNSET:
        break;
    }
    return "application/octet-stream";
}

const char *job_output_prefix(const struct job *job, struct es_arena *arena)
{
    return es_printf(arena, "converted/%s/%s", job->media_id, job->id);
}

bool job_options_have_ladder(const struct job_options *options)
{
    return options->is_ladder_auto || options->ladder_count > 0;
}

bool job_options_add_rung(struct job_options *options, int height)
{
    if (options->ladder_count == JOB_LADDER_MAX)
        return false;
    int at = options->ladder_count++;
    for (; at > 0 && options->ladder[at - 1] < height; at--)
        options->ladder[at] = options->ladder[at - 1];
    options->ladder[at] = height;
    return true;
}

static enum es_code check_ladder(const struct job_options *options, enum job_target target,
                                 struct es_err *reterr)
{
    if (!job_options_have_ladder(options))
        return ES_OK;
    if (target != JOB_HLS)
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "only hls has a ladder");
    if (options->height)
        return es_fail_word(reterr, ES_INVALID, "option_invalid",
                            "the ladder says the heights: height cannot be given too");
    for (int i = 0; i < options->ladder_count; i++) {
        int height = options->ladder[i];
        if (height < HEIGHT_LEAST || height > HEIGHT_MOST)
            return es_fail_word(reterr, ES_INVALID, "option_invalid",
                                "the ladder's heights must be 144..2160");
        if (i > 0 && options->ladder[i - 1] == height)
            return es_fail_word(reterr, ES_INVALID, "option_invalid",
                                "the ladder's heights must differ");
    }
    return ES_OK;
}

enum es_code job_options_check(const struct job_options *options, enum job_target target,
                               struct es_err *reterr)
{
    if (options->bitrate_kbps && (options->bitrate_kbps < 32 || options->bitrate_kbps > 320))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "bitrate must be 32..320 kb/s");
    if (options->crf && (options->crf < 1 || options->crf > 51))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "quality must be 1..51");
    if (options->height && (options->height < HEIGHT_LEAST || options->height > HEIGHT_MOST))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "height must be 144..2160");
    if (target == JOB_MP3 && (options->crf || options->height))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "an mp3 has no picture");
    if (!(options->start_seconds >= 0 && options->start_seconds < 1e6) ||
        !(options->end_seconds >= 0 && options->end_seconds < 1e6))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "start and end must be seconds");
    if (options->end_seconds > 0 && options->end_seconds <= options->start_seconds)
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "start must be before end");
    double lufs = options->normalize_lufs;
    if (lufs != 0 && !(lufs >= LUFS_LEAST && lufs <= LUFS_MOST))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "normalize must be -36..-5 LUFS");
    return check_ladder(options, target, reterr);
}

struct job *job_copy_of(const struct job *job, struct es_arena *arena)
{
    struct job *copy = es_memdup(arena, job, sizeof(*job));
    copy->details = es_strdup(arena, job->details);
    copy->error_word = es_strdup(arena, job->error_word);
    return copy;
}
