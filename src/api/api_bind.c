/* Every field of a route's table: found, of its type, within its limits; or named as wrong. All of
 * them are looked at, so that a form can show everything at once. */
#include "api/api_bind.h"

#include <assert.h>
#include <string.h>

#include "base/es_id.h"
#include "base/es_text.h"
#include "wire/uri.h"

/* What a field brought: text, or a JSON value that is not null; or neither. */
struct raw {
    const char *text;
    const json_t *json;
};

static struct raw find_raw(const struct api_call *call, const struct api_field *field,
                           const struct api_input *input)
{
    struct raw raw = { 0 };
    switch (field->from) {
    case API_FROM_PATH:
        raw.text = http_exchange_param(call->exchange, field->name);
        break;
    case API_FROM_QUERY:
        raw.text = http_exchange_query_value(call->exchange, field->name);
        if (raw.text && !raw.text[0])
            raw.text = NULL;
        break;
    case API_FROM_HEADER:
        raw.text = http_exchange_header(call->exchange, field->name);
        break;
    case API_FROM_BODY:
        if (!input->object) {
            raw.text = uri_pairs_get(&input->pairs, field->name);
            break;
        }
        raw.json = json_object_get(input->object, field->name);
        if (json_is_null(raw.json))
            raw.json = NULL;
        if (json_is_string(raw.json)) {
            raw.text = json_string_value(raw.json);
            raw.json = NULL;
        }
        break;
    case API_FROM_UNSET:
        assert(!"a field comes from nowhere");
    }
    return raw;
}

static const char *check_text(const struct api_field *field, const char *text)
{
    size_t size = strlen(text);
    if (field->check) {
        struct es_err err = { 0 };
        return field->check(text, &err) == ES_OK ? NULL : err.word;
    }
    if (size > (size_t)field->max || size < (size_t)field->min)
        return "field_length";
    return NULL;
}

static const char *check_choice(const struct api_field *field, const char *text)
{
    for (const char *const *choice = field->choices; *choice; choice++)
        if (strcmp(*choice, text) == 0)
            return NULL;
    return "field_choice";
}

static const char *bind_integer(const struct api_field *field, const struct raw *raw,
                                struct api_value *ret_value)
{
    if (raw->json) {
        if (!json_is_integer(raw->json))
            return "field_type";
        ret_value->integer = json_integer_value(raw->json);
    } else if (!es_text_to_i64(raw->text, &ret_value->integer)) {
        return "field_type";
    }
    return ret_value->integer < field->min || ret_value->integer > field->max ? "field_range"
                                                                              : NULL;
}

/* The word of what is wrong with it, or NULL. */
static const char *bind_value(const struct api_field *field, const struct raw *raw,
                              struct api_value *ret_value)
{
    if (field->type == API_INTEGER)
        return bind_integer(field, raw, ret_value);
    if (field->type == API_OBJECT) {
        ret_value->object = raw->json;
        return json_is_object(raw->json) ? NULL : "field_type";
    }
    if (!raw->text)
        return "field_type";
    ret_value->text = raw->text;
    switch (field->type) {
    case API_TEXT:
        return check_text(field, raw->text);
    case API_ID:
        return es_id_is_valid(raw->text) ? NULL : "field_type";
    case API_CHOICE:
        return check_choice(field, raw->text);
    case API_INTEGER:
    case API_OBJECT:
    case API_TYPE_UNSET:
        break;
    }
    assert(!"a field has no type");
    return "field_type";
}

static const char *bind_field(struct api_call *call, size_t index, const struct api_input *input)
{
    const struct api_field *field = &call->route->fields[index];
    struct raw raw = find_raw(call, field, input);
    if (!raw.text && !raw.json)
        return field->is_required || field->from == API_FROM_PATH ? "field_missing" : NULL;
    call->values[index].is_given = true;
    return bind_value(field, &raw, &call->values[index]);
}

void api_blame_field(struct api_call *call, const char *field, const char *word)
{
    assert(call->field_error_count < API_FIELDS_MAX);
    call->field_errors[call->field_error_count++] = (struct api_field_error){ field, word };
}

static enum es_code fail_fields(const struct api_call *call, struct es_err *reterr)
{
    const char *word = call->field_errors[0].word;
    bool is_generic = call->field_error_count > 1 || es_text_has_prefix(word, "field_");
    return es_fail_word(reterr, ES_INVALID, is_generic ? "field_invalid" : word,
                        "%zu fields, first '%s'", call->field_error_count,
                        call->field_errors[0].field);
}

enum es_code api_bind(struct api_call *call, struct es_err *reterr)
{
    const struct api_route *route = call->route;
    struct api_input input = { 0 };
    enum es_code code = ES_OK;
    if (route->body == API_BODY_FORM || route->body == API_BODY_JSON)
        code = api_read_body(call, &input, reterr);
    if (code != ES_OK)
        return code;
    for (size_t i = 0; route->fields && route->fields[i].name; i++) {
        assert(i < API_FIELDS_MAX);
        const struct api_field *field = &route->fields[i];
        const char *wrong = bind_field(call, i, &input);
        if (wrong && field->word)
            return es_fail_word(reterr, ES_INVALID, field->word, "field '%s'", field->name);
        if (wrong)
            api_blame_field(call, field->name, wrong);
    }
    return call->field_error_count > 0 ? fail_fields(call, reterr) : ES_OK;
}

/* ---- what handlers read ---- */

static const struct api_value *value_of_field(const struct api_call *call, const char *name)
{
    for (size_t i = 0; call->route->fields && call->route->fields[i].name; i++)
        if (strcmp(call->route->fields[i].name, name) == 0)
            return &call->values[i];
    assert(!"the route has no such field");
    return NULL;
}

const char *api_text(const struct api_call *call, const char *name)
{
    return value_of_field(call, name)->text;
}

int64_t api_integer(const struct api_call *call, const char *name, int64_t otherwise)
{
    const struct api_value *value = value_of_field(call, name);
    return value->is_given ? value->integer : otherwise;
}

const json_t *api_object(const struct api_call *call, const char *name)
{
    return value_of_field(call, name)->object;
}
