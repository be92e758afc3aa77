/* POST /media/upload: the part `file` goes to the uploads service as it comes; nothing of it is
 * kept here. Other parts are tolerated and dropped. */
#include <string.h>

#include "api/api_route.h"
#include "service/uploads.h"
#include "wire/multipart.h"

#define PARTS_MAX 64

struct upload_form {
    struct api_call *call;
    struct multipart *parser;
    struct upload *upload; /* NULL before the file begins */
    bool is_in_file;
};

static void close_form(struct upload_form *form)
{
    if (form->upload)
        upload_abort(es_take(form->upload));
    if (form->parser)
        multipart_close(es_take(form->parser));
}

static enum es_code on_part_begin(void *context, const struct multipart_part *part,
                                  struct es_err *reterr)
{
    struct upload_form *form = context;
    form->is_in_file = !form->upload && part->filename && strcmp(part->name, "file") == 0;
    if (!form->is_in_file)
        return ES_OK;
    return upload_begin(form->call->services, form->call->caller, part->filename, &form->upload,
                        reterr);
}

static enum es_code on_part_data(void *context, const void *bytes, size_t size,
                                 struct es_err *reterr)
{
    struct upload_form *form = context;
    return form->is_in_file ? upload_write(form->upload, bytes, size, reterr) : ES_OK;
}

static enum es_code on_part_end(void *context, struct es_err *reterr)
{
    (void)reterr;
    struct upload_form *form = context;
    form->is_in_file = false;
    return ES_OK;
}

static enum es_code begin_upload(struct api_call *call, struct es_err *reterr)
{
    static const struct multipart_events events = { on_part_begin, on_part_data, on_part_end };
    struct upload_form *form = es_new(call->arena, struct upload_form);
    form->call = call;
    call->upload = form;
    return multipart_open(http_exchange_header(call->exchange, "Content-Type"), PARTS_MAX, &events,
                          form, &form->parser, reterr);
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

const struct api_route upload_routes[] = { { "POST", "/media/upload", handle_upload,
                                             .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
                                             .body = API_BODY_UPLOAD, .begin = begin_upload,
                                             .data = take_data, .abandon = abandon_upload },
                                           { 0 } };
