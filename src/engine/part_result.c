/* Part results <-> JSON. Pure. */
#include "engine/part_result.h"

#include <string.h>

#include "model/hls_json.h"
#include "wire/json.h"

const char *part_result_write(const struct part_result *result, const struct hls_track *tracks,
                              size_t track_count, struct es_arena *arena)
{
    json_auto object = json_object();
    json_put(object, "tracks", hls_tracks_json(tracks, track_count));
    if (result->object)
        json_put_text(object, "object", result->object);
    if (result->picture)
        json_put_text(object, "picture", result->picture);
    json_put(object, "object_bytes", json_integer(result->size_bytes));
    json_put(object, "shift", json_integer(result->shift));
    json_put(object, "end_seconds", json_real(result->end_seconds));
    json_put(object, "source_end_seconds", json_real(result->source_end_seconds));
    json_put(object, "damaged_packets", json_integer(result->damaged_packets));
    json_t *span = span_result_json(&result->span);
    if (span)
        json_put(object, "span", span);
    if (result->loudness)
        json_put(object, "loudness", loudness_tally_json(result->loudness));
    return json_text(object, arena);
}

enum es_code part_result_read(const char *text, struct es_arena *arena,
                              struct part_result *ret_result, struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    if (code != ES_OK)
        return code;
    if (!json_is_object(object))
        return es_fail(reterr, ES_INVALID, "a part's result is no object");
    struct span_result span;
    if (!span_result_read(json_object_get(object, "span"), &span))
        return es_fail(reterr, ES_INVALID, "a part's span is none");
    const json_t *loudness_object = json_object_get(object, "loudness");
    struct loudness_tally *loudness = NULL;
    if (loudness_object) {
        loudness = es_new(arena, struct loudness_tally);
        if (!loudness_tally_read(loudness_object, loudness))
            return es_fail(reterr, ES_INVALID, "a part's loudness is none");
    }
    *ret_result = (struct part_result){
        .object = es_strdup(arena, json_member_string(object, "object", NULL)),
        .picture = es_strdup(arena, json_member_string(object, "picture", NULL)),
        .size_bytes = json_member_integer(object, "object_bytes", 0),
        .shift = json_member_integer(object, "shift", 0),
        .end_seconds = json_member_real(object, "end_seconds", 0),
        .source_end_seconds = json_member_real(object, "source_end_seconds", 0),
        .damaged_packets = json_member_integer(object, "damaged_packets", 0),
        .span = span,
        .loudness = loudness,
    };
    return ES_OK;
}
