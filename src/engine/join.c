/* engine_join and what it says: the outcome, with remarks on what the parts met. */
#include "engine/join.h"

#include <math.h>
#include <string.h>

#include "engine/spec.h"
#include "engine/tags.h"
#include "wire/json.h"

#define EARLY_END_SECONDS 1.0
#define OBJECTS_MAX       400000

/* The one object that the one part has made is the output. */
static enum es_code join_single(const struct join *join, struct engine_outcome *ret_outcome,
                                struct es_err *reterr)
{
    for (size_t i = 0; i < join->part_count; i++) {
        const struct part_result *result = &join->results[i];
        if (!result->object)
            continue;
        const char **objects = es_new_array(join->arena, const char *, 1);
        objects[0] = result->object;
        *ret_outcome = (struct engine_outcome){
            .output_size_bytes = result->size_bytes,
            .objects = objects,
            .object_count = 1,
        };
        return ES_OK;
    }
    return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no part found anything to convert");
}

/* Whether one part has made the output itself. */
static bool is_made_whole(const struct join *join)
{
    for (size_t i = 0; i < join->part_count; i++) {
        const char *object = join->results[i].object;
        if (object && strcmp(object, job_output_name(join->spec->target)) == 0)
            return true;
    }
    return false;
}

/* Whether one part has made all there is. */
static bool is_not_cut(const struct join *join)
{
    for (size_t i = 0; i < join->part_count; i++)
        if (join->results[i].span.is_one_of_many)
            return false;
    return true;
}

enum es_code join_read_picture(const struct join *join, AVPacket *picture,
                               enum AVCodecID *ret_codec_id, struct es_err *reterr)
{
    const char *name = NULL;
    for (size_t i = 0; i < join->part_count && !name; i++)
        name = join->results[i].picture;
    if (!name)
        return ES_OK;
    struct engine_input input = { 0 };
    enum es_code code = join->source->open(join->source->context, name, &input, reterr);
    if (code != ES_OK)
        return code;
    size_t got = 0;
    if (input.size_bytes <= 0 || input.size_bytes > PICTURE_BYTES_MAX)
        code = es_fail(reterr, ES_INVALID, "a cover of %lld bytes", (long long)input.size_bytes);
    else if (av_new_packet(picture, (int)input.size_bytes) < 0)
        abort();
    else
        code = input.read(input.context, 0, picture->data, (size_t)input.size_bytes, &got, reterr);
    join->source->close(join->source->context, &input);
    if (code == ES_OK && got != (size_t)picture->size)
        code = es_fail(reterr, ES_IO, "the cover ends early");
    *ret_codec_id = picture_codec_of_name(name);
    return code;
}

const char *join_rough_remark(const struct join *join, int rough_joins)
{
    return rough_joins == 0
               ? NULL
               : es_printf(join->arena, "%d of the joins between spans could not be made clean.",
                           rough_joins);
}

static void append_left_out(struct es_buf *text, int count, const char *which, const char *what)
{
    if (count > 0)
        es_buf_printf(text, "%d %strack%s of %s could not be kept. ", count, which,
                      count == 1 ? "" : "s", what);
}

/* What people should know of what was met, in sentences; NULL: nothing. `rough` as
 * join_rough_remark. */
static const char *remarks(const struct join *join, double end_seconds, const char *rough)
{
    int64_t damaged = 0;
    for (size_t i = 0; i < join->part_count; i++)
        damaged += join->results[i].damaged_packets;
    double claimed = join->spec->duration_seconds;
    es_auto_buf text = { 0 };
    if (end_seconds < claimed - EARLY_END_SECONDS)
        es_buf_printf(&text, "The source ends early: %.1f of %.1f seconds could be converted. ",
                      end_seconds, claimed);
    if (damaged > 0)
        es_buf_printf(&text, "%lld damaged packet%s left out. ", (long long)damaged,
                      damaged == 1 ? " was" : "s were");
    append_left_out(&text, join->spec->sounds_left_out, "other ", "sound");
    append_left_out(&text, join->spec->subtitles_left_out, "", "subtitles");
    if (rough)
        es_buf_printf(&text, "%s ", rough);
    return text.size ? es_strndup(join->arena, text.bytes, text.size - 1) : NULL;
}

static const char *outcome_write(const struct engine_outcome *outcome, struct es_arena *arena)
{
    json_auto object = json_object();
    json_put(object, "output_size_bytes", json_integer(outcome->output_size_bytes));
    json_put(object, "duration_seconds", json_real(outcome->duration_seconds));
    json_put_text(object, "details", outcome->details);
    json_t *objects = json_array();
    for (size_t i = 0; i < outcome->object_count; i++)
        json_array_append_new(objects, json_string(outcome->objects[i]));
    json_put(object, "objects", objects);
    return json_text(object, arena);
}

enum es_code engine_outcome_read(const char *result, struct es_arena *arena,
                                 struct engine_outcome *ret_outcome, struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(result, strlen(result), &object, reterr);
    if (code != ES_OK)
        return code;
    const json_t *list = json_object_get(object, "objects");
    size_t count = json_array_size(list);
    int64_t size_bytes = json_member_integer(object, "output_size_bytes", -1);
    double duration = json_member_real(object, "duration_seconds", -1);
    if (count == 0 || count > OBJECTS_MAX || size_bytes < 0 || !(duration >= 0))
        return es_fail(reterr, ES_INVALID, "the join's result is not one");
    const char **objects = es_new_array(arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !*name || strchr(name, '/') || name[0] == '.')
            return es_fail(reterr, ES_INVALID, "the join's result names no proper objects");
        objects[i] = es_strdup(arena, name);
    }
    *ret_outcome = (struct engine_outcome){
        .output_size_bytes = size_bytes,
        .duration_seconds = duration,
        .objects = objects,
        .object_count = count,
        .details = es_strdup(arena, json_member_string(object, "details", NULL)),
    };
    return ES_OK;
}

static enum es_code read_results(struct join *join, double *ret_end_seconds,
                                 double *ret_source_end_seconds, struct es_err *reterr)
{
    struct part_result *results = es_new_array(join->arena, struct part_result, join->part_count);
    double end = 0, source_end = 0;
    for (size_t i = 0; i < join->part_count; i++) {
        const struct part *part = &join->parts[i];
        if (part->kind != PART_CONVERT)
            continue;
        if (!part->result)
            return es_fail(reterr, ES_INVALID, "part %d is not done", part->index);
        enum es_code code = part_result_read(part->result, join->arena, &results[i], reterr);
        if (code != ES_OK)
            return es_wrap(reterr, code, "part %d", part->index);
        end = fmax(end, results[i].end_seconds);
        source_end = fmax(source_end, results[i].source_end_seconds);
    }
    join->results = results;
    *ret_end_seconds = end;
    *ret_source_end_seconds = source_end;
    return ES_OK;
}

enum es_code engine_join(const char *spec_text, const struct part *parts, size_t part_count,
                         const struct engine_source *source, const struct engine_host *host,
                         struct es_arena *arena, const char **ret_result, struct es_err *reterr)
{
    struct es_err unheard = { 0 };
    reterr = reterr ? reterr : &unheard;
    struct join_spec spec;
    enum es_code code = join_spec_read(spec_text, arena, &spec, reterr);
    struct join join = {
        .spec = &spec,
        .parts = parts,
        .part_count = part_count,
        .source = source,
        .host = host,
        .arena = arena,
    };
    double end_seconds = 0, source_end_seconds = 0;
    if (code == ES_OK)
        code = read_results(&join, &end_seconds, &source_end_seconds, reterr);
    if (code != ES_OK)
        return code;
    struct engine_outcome outcome = { 0 };
    switch (spec.target) {
    case JOB_MP3:
        code = is_not_cut(&join) ? join_single(&join, &outcome, reterr)
                                 : join_mp3(&join, &outcome, reterr);
        break;
    case JOB_MP4:
        code = is_made_whole(&join) ? join_single(&join, &outcome, reterr)
                                    : join_mp4(&join, &outcome, reterr);
        break;
    case JOB_HLS:
        code = join_hls(&join, &outcome, reterr);
        break;
    case JOB_TARGET_UNSET:
        return es_fail(reterr, ES_INVALID, "a join without a target");
    }
    if (code != ES_OK)
        return code;
    outcome.duration_seconds = end_seconds;
    outcome.details = remarks(&join, source_end_seconds, outcome.details);
    *ret_result = outcome_write(&outcome, arena);
    return ES_OK;
}
