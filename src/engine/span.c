/* Spans <-> JSON, and where they join. Pure. */
#include "engine/span.h"

#include "wire/json.h"

#define FRAME_COUNT_MAX       (INT64_C(1) << 40)
#define SAMPLES_MAX           100000
#define RATE_MAX              384000
#define WINDOW_MAX            255
#define AAC_SAMPLES           1024
#define MP3_FRAME_SAMPLES_MAX 1152

int audio_frame_samples(enum job_target target, int sample_rate)
{
    return target == JOB_MP3 ? mp3_frame_samples(sample_rate) : AAC_SAMPLES;
}

json_t *audio_span_json(const struct audio_span *span)
{
    if (!span->is_one_of_many)
        return NULL;
    json_t *object = json_object();
    json_put(object, "is_sought", json_boolean(span->is_sought));
    json_put(object, "zero", json_integer(span->zero));
    json_put(object, "source_rate", json_integer(span->source_rate));
    json_put(object, "first_frame", json_integer(span->first_frame));
    json_put(object, "end_frame", json_integer(span->end_frame));
    json_put(object, "foretold_samples", json_integer(span->foretold_samples));
    return object;
}

int span_overlap_frames(enum job_target target)
{
    return target == JOB_MP3 ? MP3_GRAFT_OVERLAP_FRAMES : AAC_WARM_UP_FRAMES + SPAN_PLACES;
}

static bool is_within(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

bool audio_span_read(const json_t *object, struct audio_span *ret_span)
{
    *ret_span = (struct audio_span){ 0 };
    if (!object)
        return true;
    int64_t source_rate = json_member_integer(object, "source_rate", 0);
    struct audio_span span = {
        .is_one_of_many = true,
        .is_sought = json_member_bool(object, "is_sought", false),
        .zero = json_member_integer(object, "zero", 0),
        .first_frame = json_member_integer(object, "first_frame", -1),
        .end_frame = json_member_integer(object, "end_frame", -1),
        .foretold_samples = json_member_integer(object, "foretold_samples", 0),
    };
    if (!is_within(span.foretold_samples, 0, FRAME_COUNT_MAX * MP3_FRAME_SAMPLES_MAX) ||
        !is_within(source_rate, span.is_sought, RATE_MAX) ||
        !is_within(span.first_frame, 0, FRAME_COUNT_MAX) ||
        !is_within(span.end_frame, 0, FRAME_COUNT_MAX) ||
        (span.end_frame && span.end_frame <= span.first_frame))
        return false;
    span.source_rate = (int)source_rate;
    *ret_span = span;
    return true;
}

static json_t *windows_json(const int *windows)
{
    json_t *array = json_array();
    for (size_t i = 0; i < SPAN_PLACES; i++)
        json_array_append_new(array, json_integer(windows[i]));
    return array;
}

static void windows_member(const json_t *object, const char *name, int *ret_windows)
{
    const json_t *array = json_object_get(object, name);
    for (size_t i = 0; i < SPAN_PLACES; i++) {
        int64_t value = json_integer_value(json_array_get(array, i));
        ret_windows[i] = is_within(value, 0, WINDOW_MAX) ? (int)value : 0;
    }
}

json_t *span_result_json(const struct span_result *result)
{
    if (!result->is_one_of_many)
        return NULL;
    json_t *object = json_object();
    json_put(object, "first_frame", json_integer(result->first_frame));
    json_put(object, "frame_count", json_integer(result->frame_count));
    json_put(object, "is_end", json_boolean(result->is_end));
    json_put(object, "delay", json_integer(result->delay));
    json_put(object, "end_padding", json_integer(result->end_padding));
    json_put(object, "bitrate_kbps", json_integer(result->bitrate_kbps));
    json_put(object, "sample_rate", json_integer(result->sample_rate));
    json_put(object, "head_windows", windows_json(result->head_windows));
    json_put(object, "tail_windows", windows_json(result->tail_windows));
    return object;
}

bool span_result_read(const json_t *object, struct span_result *ret_result)
{
    *ret_result = (struct span_result){ 0 };
    if (!object)
        return true;
    int64_t delay = json_member_integer(object, "delay", -1);
    int64_t end_padding = json_member_integer(object, "end_padding", -1);
    int64_t bitrate_kbps = json_member_integer(object, "bitrate_kbps", 0);
    int64_t sample_rate = json_member_integer(object, "sample_rate", 0);
    struct span_result result = {
        .is_one_of_many = true,
        .first_frame = json_member_integer(object, "first_frame", -1),
        .frame_count = json_member_integer(object, "frame_count", -1),
        .is_end = json_member_bool(object, "is_end", false),
        .delay = (int)delay,
        .end_padding = (int)end_padding,
        .bitrate_kbps = (int)bitrate_kbps,
        .sample_rate = (int)sample_rate,
    };
    if (!is_within(result.first_frame, 0, FRAME_COUNT_MAX) ||
        !is_within(result.frame_count, 0, FRAME_COUNT_MAX) || !is_within(delay, 0, SAMPLES_MAX) ||
        !is_within(end_padding, 0, SAMPLES_MAX) || !is_within(bitrate_kbps, 1, SAMPLES_MAX) ||
        !is_within(sample_rate, 1, RATE_MAX))
        return false;
    windows_member(object, "head_windows", result.head_windows);
    windows_member(object, "tail_windows", result.tail_windows);
    *ret_result = result;
    return true;
}

int64_t span_join_frame(const struct span_result *left, const struct span_result *right,
                        bool *ret_is_clean)
{
    int64_t first = right->first_frame + AAC_WARM_UP_FRAMES;
    for (int i = 0; i < SPAN_PLACES; i++)
        if (left->tail_windows[i] && left->tail_windows[i] == right->head_windows[i]) {
            *ret_is_clean = true;
            return first + i;
        }
    *ret_is_clean = false;
    return first;
}
