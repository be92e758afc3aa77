/* The plan of an MP3, from its parts' specs. They come from a child that has parsed a stranger's
 * bytes, so every bound is checked. Pure. */
#include "model/mp3_plan.h"

#include <string.h>

#define KBPS_MAX        320
#define RATE_MAX        48000
#define FRAME_COUNT_MAX (INT64_C(1) << 40)

const char *mp3_part_name(int part_index, struct es_arena *arena)
{
    return es_printf(arena, "part-%05d.mp3", part_index);
}

json_t *mp3_span_json(const struct mp3_span *span, int bitrate_kbps, int sample_rate)
{
    json_t *object = json_object();
    json_put(object, "bitrate_kbps", json_integer(bitrate_kbps));
    json_put(object, "sample_rate", json_integer(sample_rate));
    json_put(object, "first_frame", json_integer(span->first_frame));
    json_put(object, "end_frame", json_integer(span->end_frame));
    return object;
}

static enum es_code fail_plan(struct es_err *reterr, const struct part *part, const char *why)
{
    return es_fail(reterr, ES_NOT_FOUND, "part %d %s", part->index, why);
}

/* A member that lies in 0..most, or -1. */
static int64_t member(const json_t *object, const char *name, int64_t most)
{
    int64_t value = json_member_integer(object, name, -1);
    return value <= most ? value : -1;
}

/* Adds the span of one part. All have the rates of the first. */
static enum es_code add_span(const struct part *part, struct mp3_span *spans,
                             struct mp3_layout *layout, struct es_err *reterr)
{
    json_auto spec = NULL;
    enum es_code code = json_read(part->spec, strlen(part->spec), &spec, reterr);
    if (code != ES_OK)
        return code;
    const json_t *object = json_object_get(spec, "mp3");
    int64_t kbps = member(object, "bitrate_kbps", KBPS_MAX);
    int64_t rate = member(object, "sample_rate", RATE_MAX);
    struct mp3_span span = {
        .part_index = part->index,
        .first_frame = member(object, "first_frame", FRAME_COUNT_MAX),
        .end_frame = member(object, "end_frame", FRAME_COUNT_MAX),
    };
    if (kbps < 1 || rate < 1 || span.first_frame < 0 || span.end_frame < 0)
        return fail_plan(reterr, part, "foretells nothing");
    if (layout->span_count == 0) {
        layout->bitrate_kbps = (int)kbps;
        layout->sample_rate = (int)rate;
    }
    if (kbps != layout->bitrate_kbps || rate != layout->sample_rate)
        return fail_plan(reterr, part, "is of another rate");
    spans[layout->span_count++] = span;
    return ES_OK;
}

/* What is made must be what was foretold. */
static enum es_code check_made(const struct part *part, int64_t foretold_bytes,
                               struct es_err *reterr)
{
    if (part->state != PART_DONE || !part->result)
        return ES_OK;
    json_auto result = NULL;
    enum es_code code = json_read(part->result, strlen(part->result), &result, reterr);
    if (code != ES_OK)
        return code;
    return json_member_integer(result, "object_bytes", -1) == foretold_bytes
               ? ES_OK
               : fail_plan(reterr, part, "is not as long as foretold");
}

enum es_code mp3_plan_of_parts(const struct part *parts, size_t part_count, struct es_arena *arena,
                               struct mp3_layout *ret_layout, struct es_err *reterr)
{
    struct mp3_span *spans = es_new_array(arena, struct mp3_span, part_count);
    struct mp3_layout layout = { .spans = spans };
    enum es_code code = ES_OK;
    for (size_t i = 0; i < part_count && code == ES_OK; i++)
        if (parts[i].kind == PART_CONVERT)
            code = add_span(&parts[i], spans, &layout, reterr);
    if (code == ES_OK && !mp3_layout_is_valid(&layout))
        code = es_fail(reterr, ES_NOT_FOUND, "the parts are no spans that follow each other");
    size_t span = 0;
    for (size_t i = 0; i < part_count && code == ES_OK; i++)
        if (parts[i].kind == PART_CONVERT)
            code = check_made(&parts[i], mp3_layout_object_bytes(&layout, span++), reterr);
    if (code == ES_OK)
        *ret_layout = layout;
    return code;
}
