/* Whole bodies by content type: urlencoded, multipart, JSON. Streamed uploads are upload.c's. */
#include <string.h>

#include "api/api_bind.h"
#include "base/es_text.h"
#include "wire/http_header.h"
#include "wire/multipart.h"
#include "wire/uri.h"

#define FORM_FIELDS_MAX 64

static enum es_code read_content_type(struct api_call *call, struct http_media_type *ret_type,
                                      struct es_err *reterr)
{
    const char *text = http_exchange_header(call->exchange, "Content-Type");
    if (!text || http_media_type_parse(call->arena, text, ret_type, NULL) != ES_OK)
        return es_fail_word(reterr, ES_INVALID, "unsupported_media_type", "Content-Type '%s'",
                            text ? text : "");
    if (ret_type->charset && strcmp(ret_type->charset, "utf-8") != 0)
        return es_fail_word(reterr, ES_INVALID, "unsupported_media_type", "charset '%s'",
                            ret_type->charset);
    return ES_OK;
}

static bool type_is_taken(enum api_body body, const char *type)
{
    switch (body) {
    case API_BODY_NONE:
        return true;
    case API_BODY_UPLOAD:
        return strcmp(type, "multipart/form-data") == 0;
    case API_BODY_JSON:
        return strcmp(type, "application/json") == 0;
    case API_BODY_FORM:
        return strcmp(type, "application/json") == 0 || strcmp(type, "multipart/form-data") == 0 ||
               strcmp(type, "application/x-www-form-urlencoded") == 0;
    }
    return false;
}

enum es_code api_check_content_type(struct api_call *call, struct es_err *reterr)
{
    enum api_body body = call->route->body;
    bool is_empty = http_exchange_body_length(call->exchange) == 0;
    if (body == API_BODY_NONE || (is_empty && body != API_BODY_UPLOAD))
        return ES_OK;
    struct http_media_type type;
    enum es_code code = read_content_type(call, &type, reterr);
    if (code != ES_OK)
        return code;
    if (!type_is_taken(body, type.type))
        return es_fail_word(reterr, ES_INVALID, "unsupported_media_type", "'%s'", type.type);
    return ES_OK;
}

/* ---- multipart: every part is a short text field ---- */

struct form {
    struct es_arena *arena;
    struct uri_pair *pairs;
    size_t count;
    struct es_buf value;
};

static enum es_code form_part_begin(void *context, const struct multipart_part *part,
                                    struct es_err *reterr)
{
    (void)reterr;
    struct form *form = context;
    form->pairs[form->count].name = es_strdup(form->arena, part->name);
    es_buf_clear(&form->value);
    return ES_OK;
}

static enum es_code form_part_data(void *context, const void *bytes, size_t size,
                                   struct es_err *reterr)
{
    (void)reterr;
    struct form *form = context;
    es_buf_append(&form->value, bytes, size);
    return ES_OK;
}

static enum es_code form_part_end(void *context, struct es_err *reterr)
{
    struct form *form = context;
    const char *text = es_buf_text(&form->value);
    size_t size = form->value.size;
    if (memchr(text, '\0', size) || !es_utf8_is_valid(text, size))
        return es_fail_word(reterr, ES_INVALID, "not_utf8", "form field '%s'",
                            form->pairs[form->count].name);
    form->pairs[form->count++].value = es_strndup(form->arena, text, size);
    return ES_OK;
}

static enum es_code read_multipart(struct api_call *call, const char *bytes, size_t size,
                                   struct uri_pairs *ret_pairs, struct es_err *reterr)
{
    static const struct multipart_events events = { form_part_begin, form_part_data,
                                                    form_part_end };
    struct form form = {
        call->arena, es_new_array(call->arena, struct uri_pair, FORM_FIELDS_MAX), 0, { 0 }
    };
    es_auto(multipart) parser = NULL;
    enum es_code code = multipart_open(http_exchange_header(call->exchange, "Content-Type"),
                                       FORM_FIELDS_MAX, &events, &form, &parser, reterr);
    if (code == ES_OK && size > 0)
        code = multipart_feed(parser, bytes, size, reterr);
    if (code == ES_OK)
        code = multipart_finish(parser, reterr);
    es_buf_release(&form.value);
    if (code == ES_OK)
        *ret_pairs = (struct uri_pairs){ form.pairs, form.count };
    return code;
}

static enum es_code read_json(struct api_call *call, const char *bytes, size_t size,
                              struct api_input *ret_input, struct es_err *reterr)
{
    enum es_code code = json_read(bytes, size, &call->body, reterr);
    if (code != ES_OK)
        return code;
    if (!json_is_object(call->body))
        return es_fail_word(reterr, ES_INVALID, "malformed_json", "not an object");
    ret_input->object = call->body;
    return ES_OK;
}

enum es_code api_read_body(struct api_call *call, struct api_input *ret_input,
                           struct es_err *reterr)
{
    *ret_input = (struct api_input){ 0 };
    size_t size;
    const char *bytes = http_exchange_body(call->exchange, &size);
    struct http_media_type type;
    if (size == 0)
        return ES_OK;
    enum es_code code = read_content_type(call, &type, reterr);
    if (code != ES_OK)
        return code;
    if (strcmp(type.type, "application/json") == 0)
        return read_json(call, bytes, size, ret_input, reterr);
    if (strcmp(type.type, "multipart/form-data") == 0)
        return read_multipart(call, bytes, size, &ret_input->pairs, reterr);
    code = uri_pairs_parse(call->arena, bytes, size, FORM_FIELDS_MAX, &ret_input->pairs, reterr);
    return code;
}
