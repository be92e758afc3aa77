/* Over jansson. */
#include "wire/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_clock.h"

enum es_code json_read(const char *bytes, size_t size, json_t **ret_value, struct es_err *reterr)
{
    json_error_t why;
    json_t *value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!value)
        return es_fail_word(reterr, ES_INVALID, "malformed_json", "line %d, column %d: %s",
                            why.line, why.column, why.text);
    *ret_value = value;
    return ES_OK;
}

static int append(const char *bytes, size_t size, void *buf)
{
    es_buf_append(buf, bytes, size);
    return 0;
}

void json_write(const json_t *value, struct es_buf *buf)
{
    assert(value);
    if (json_dump_callback(value, append, buf,
                           JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12)))
        abort(); /* only memory can be the reason: every string was checked on the way in */
}

char *json_text(const json_t *value, struct es_arena *arena)
{
    es_auto_buf buf = { 0 };
    json_write(value, &buf);
    return es_strndup(arena, es_buf_text(&buf), buf.size);
}

const char *json_member_string(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : otherwise;
}

int64_t json_member_integer(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

double json_member_real(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool json_member_bool(const json_t *object, const char *name, bool otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

void json_put(json_t *object, const char *name, json_t *value)
{
    if (!value || json_object_set_new(object, name, value))
        abort();
}

void json_put_text(json_t *object, const char *name, const char *text)
{
    json_put(object, name, text ? json_string(text) : json_null());
}

void json_put_time(json_t *object, const char *name, int64_t time_ms)
{
    char text[ES_TIME_TEXT_SIZE];
    if (time_ms)
        es_time_format(time_ms, text);
    json_put_text(object, name, time_ms ? text : NULL);
}
