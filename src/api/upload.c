/* POST /media/upload: the part `file` goes to the uploads service as it comes; nothing of it is
 * kept here. `convert`, as a part or in the query, asks for a conversion. Other parts are tolerated
 * and dropped. */
#include <string.h>

#include "api/api_route.h"
#include "model/job_json.h"
#include "service/uploads.h"
#include "wire/multipart.h"

#define PARTS_MAX      64
#define WISH_BYTES_MAX 4096
#define WISH_FIELD     "convert"

struct wish {
    enum job_target target;
    struct job_options options;
};

enum part_role { PART_OTHER = 0, PART_FILE, PART_WISH };

struct upload_form {
    struct api_call *call;
    struct multipart *parser;
    struct upload *upload;                      /* NULL before the file begins */
    enum part_role role;                        /* of the part that is being read */
    struct es_buf text;                         /* of a wish that is being read */
    struct wish wishes[UPLOAD_CONVERSIONS_MAX]; /* before the file begins */
    size_t wish_count;
};

static void close_form(struct upload_form *form)
{
    if (form->upload)
        upload_abort(es_take(form->upload));
    if (form->parser)
        multipart_close(es_take(form->parser));
    es_buf_release(&form->text);
}

static enum es_code blame(struct api_call *call, const char *word, struct es_err *reterr)
{
    api_blame_field(call, WISH_FIELD, word);
    return es_fail_word(reterr, ES_INVALID, word, "'" WISH_FIELD "'");
}

/* "hls", or {"target": "hls", "options": {...}} as POST /media/{media_id}/convert takes it. */
static enum es_code read_wish(struct api_call *call, const char *text, size_t size,
                              struct wish *ret_wish, struct es_err *reterr)
{
    const char *name = es_strndup(call->arena, text, size);
    struct wish wish = { 0 };
    json_auto object = NULL;
    if (*name == '{') {
        enum es_code code = json_read(text, size, &object, reterr);
        if (code != ES_OK)
            return blame(call, "option_invalid", reterr);
        name = json_member_string(object, "target", "");
        const json_t *options = json_object_get(object, "options");
        if (options && job_options_from_json(options, &wish.options, reterr) != ES_OK)
            return blame(call, "option_invalid", reterr);
    }
    wish.target = job_target_from_name(name);
    if (wish.target == JOB_TARGET_UNSET)
        return blame(call, "target_invalid", reterr);
    if (job_options_check(&wish.options, wish.target, reterr) != ES_OK)
        return blame(call, "option_invalid", reterr);
    *ret_wish = wish;
    return ES_OK;
}

static enum es_code take_wish(struct upload_form *form, const char *text, size_t size,
                              struct es_err *reterr)
{
    struct wish wish;
    enum es_code code = read_wish(form->call, text, size, &wish, reterr);
    if (code != ES_OK)
        return code;
    if (form->upload)
        return upload_want(form->upload, wish.target, &wish.options, reterr);
    if (form->wish_count == UPLOAD_CONVERSIONS_MAX)
        return es_fail_word(reterr, ES_LIMIT, "too_many_jobs", "more than %d conversions",
                            UPLOAD_CONVERSIONS_MAX);
    form->wishes[form->wish_count++] = wish;
    return ES_OK;
}

static enum es_code begin_file(struct upload_form *form, const char *filename,
                               struct es_err *reterr)
{
    enum es_code code =
        upload_begin(form->call->services, form->call->caller, filename, &form->upload, reterr);
    for (size_t i = 0; code == ES_OK && i < form->wish_count; i++)
        code = upload_want(form->upload, form->wishes[i].target, &form->wishes[i].options, reterr);
    return code;
}

static enum es_code on_part_begin(void *context, const struct multipart_part *part,
                                  struct es_err *reterr)
{
    struct upload_form *form = context;
    es_buf_clear(&form->text);
    form->role = PART_OTHER;
    if (!part->filename && strcmp(part->name, WISH_FIELD) == 0)
        form->role = PART_WISH;
    if (form->upload || !part->filename || strcmp(part->name, "file") != 0)
        return ES_OK;
    form->role = PART_FILE;
    return begin_file(form, part->filename, reterr);
}

static enum es_code on_part_data(void *context, const void *bytes, size_t size,
                                 struct es_err *reterr)
{
    struct upload_form *form = context;
    if (form->role == PART_FILE)
        return upload_write(form->upload, bytes, size, reterr);
    if (form->role == PART_WISH && form->text.size + size > WISH_BYTES_MAX)
        return blame(form->call, "option_invalid", reterr);
    if (form->role == PART_WISH)
        es_buf_append(&form->text, bytes, size);
    return ES_OK;
}

static enum es_code on_part_end(void *context, struct es_err *reterr)
{
    struct upload_form *form = context;
    enum part_role role = form->role;
    form->role = PART_OTHER;
    return role == PART_WISH ? take_wish(form, es_buf_text(&form->text), form->text.size, reterr)
                             : ES_OK;
}

/* What the query wishes is known whatever the order of the parts. */
static enum es_code take_query(struct upload_form *form, struct es_err *reterr)
{
    const struct uri_pairs *query = http_exchange_query(form->call->exchange);
    enum es_code code = ES_OK;
    for (size_t i = 0; code == ES_OK && i < query->count; i++)
        if (strcmp(query->pairs[i].name, WISH_FIELD) == 0)
            code = take_wish(form, query->pairs[i].value, strlen(query->pairs[i].value), reterr);
    return code;
}

static enum es_code begin_upload(struct api_call *call, struct es_err *reterr)
{
    static const struct multipart_events events = { on_part_begin, on_part_data, on_part_end };
    struct upload_form *form = es_new(call->arena, struct upload_form);
    form->call = call;
    call->upload = form;
    enum es_code code = take_query(form, reterr);
    return code ? code
                : multipart_open(http_exchange_header(call->exchange, "Content-Type"), PARTS_MAX,
                                 &events, form, &form->parser, reterr);
}

static enum es_code take_data(struct api_call *call, const void *bytes, size_t size,
                              struct es_err *reterr)
{
    struct upload_form *form = call->upload;
    return multipart_feed(form->parser, bytes, size, reterr);
}

static void abandon_upload(struct api_call *call)
{
    if (call->upload)
        close_form(call->upload);
}

static enum es_code handle_upload(struct api_call *call, struct es_err *reterr)
{
    struct upload_form *form = call->upload;
    struct media_view view;
    enum es_code code = multipart_finish(form->parser, reterr);
    if (code == ES_OK && !form->upload)
        code = es_fail_word(reterr, ES_INVALID, "file_missing", "no part 'file' with a file name");
    if (code == ES_OK)
        code = upload_finish(es_take(form->upload), call->arena, &view, reterr);
    close_form(form);
    if (code == ES_OK)
        api_reply_json(call, 200, media_view_json(&view, call->language));
    return code;
}

/* It may stand there more than once: take_query reads them all. */
static const struct api_field upload_fields[] = {
    { WISH_FIELD, API_FROM_QUERY, API_TEXT, .max = WISH_BYTES_MAX }, { 0 }
};

const struct api_route upload_routes[] = {
    { "POST", "/media/upload", handle_upload, .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
      .body = API_BODY_UPLOAD, .begin = begin_upload, .data = take_data, .abandon = abandon_upload,
      .fields = upload_fields },
    { 0 }
};
