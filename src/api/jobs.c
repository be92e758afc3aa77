/* Conversions: asking for one, and what becomes of it. */
#include "api/api_route.h"
#include "model/job_json.h"
#include "service/conversion.h"

static const char *const targets[] = { "mp3", "mp4", "hls", NULL };
static const char *const statuses[] = { "enqueued", "processing", "done",
                                        "failed",   "cancelled",  NULL };

static const struct api_field convert_fields[] = { API_FIELD_MEDIA_ID,
                                                   { "target", API_FROM_BODY, API_CHOICE,
                                                     .is_required = true, .choices = targets },
                                                   { "options", API_FROM_BODY, API_OBJECT },
                                                   { 0 } };

static const struct api_field list_fields[] = { { "media_id", API_FROM_QUERY, API_ID },
                                                { "status", API_FROM_QUERY, API_CHOICE,
                                                  .choices = statuses },
                                                API_FIELDS_LIST,
                                                { 0 } };

static const struct api_field status_fields[] = { API_FIELD_JOB_ID,
                                                  { "media_id", API_FROM_QUERY, API_ID },
                                                  { 0 } };

static const struct api_field job_fields[] = { API_FIELD_JOB_ID, { 0 } };

static enum es_code read_options(struct api_call *call, enum job_target target,
                                 struct job_options *ret_options, struct es_err *reterr)
{
    const json_t *object = api_object(call, "options");
    *ret_options = (struct job_options){ 0 };
    enum es_code code = object ? job_options_from_json(object, ret_options, reterr) : ES_OK;
    if (code == ES_OK)
        code = job_options_check(ret_options, target, reterr);
    if (code != ES_OK)
        api_blame_field(call, "options", "option_invalid");
    return code;
}

static enum es_code handle_convert(struct api_call *call, struct es_err *reterr)
{
    enum job_target target = job_target_from_name(api_text(call, "target"));
    struct job_options options;
    struct job_view view;
    enum es_code code = read_options(call, target, &options, reterr);
    if (code == ES_OK)
        code = conversion_convert(call->services, call->caller, api_text(call, "media_id"), target,
                                  &options, call->arena, &view, reterr);
    if (code != ES_OK)
        return code;
    json_t *reply = json_object();
    json_put_text(reply, "media_id", view.job->media_id);
    json_put_text(reply, "job_id", view.job->id);
    json_put_text(reply, "status", job_status_name(view.job->status));
    json_put_text(reply, "target", job_target_name(view.job->target));
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_list(struct api_call *call, struct es_err *reterr)
{
    const char *status = api_text(call, "status");
    struct job_query query = { .media_id = api_text(call, "media_id"),
                               .status = status ? job_status_from_name(status) : JOB_STATUS_UNSET,
                               .cursor = api_text(call, "cursor"),
                               .limit = (size_t)api_integer(call, "limit", API_LIST_DEFAULT) };
    struct job_view *views;
    size_t count;
    const char *next;
    enum es_code code = conversion_list(call->services, call->caller, &query, call->arena, &views,
                                        &count, &next, reterr);
    if (code != ES_OK)
        return code;
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, job_view_json(&views[i], call->language));
    json_t *reply = json_object();
    json_put(reply, "items", items);
    json_put_text(reply, "next_cursor", next);
    api_add_next_link(call, next);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_status(struct api_call *call, struct es_err *reterr)
{
    struct job_view view;
    enum es_code code = conversion_status(call->services, call->caller, api_text(call, "job_id"),
                                          api_text(call, "media_id"), call->arena, &view, reterr);
    if (code == ES_OK)
        api_reply_json(call, 200, job_view_json(&view, call->language));
    return code;
}

static enum es_code handle_cancel(struct api_call *call, struct es_err *reterr)
{
    struct job_view view;
    enum es_code code = conversion_cancel(call->services, call->caller, api_text(call, "job_id"),
                                          call->arena, &view, reterr);
    if (code == ES_OK)
        api_reply_json(call, 200, job_view_json(&view, call->language));
    return code;
}

static enum es_code handle_retry(struct api_call *call, struct es_err *reterr)
{
    struct job_view view;
    enum es_code code = conversion_retry(call->services, call->caller, api_text(call, "job_id"),
                                         call->arena, &view, reterr);
    if (code == ES_OK)
        api_reply_json(call, 200, job_view_json(&view, call->language));
    return code;
}

static enum es_code handle_delete(struct api_call *call, struct es_err *reterr)
{
    enum es_code code =
        conversion_delete(call->services, call->caller, api_text(call, "job_id"), reterr);
    if (code == ES_OK)
        api_reply_nothing(call);
    return code;
}

const struct api_route job_routes[] = {
    { "POST", "/media/{media_id}/convert", handle_convert, .auth = API_AUTH_USER,
      .rate = API_RATE_WRITE, .body = API_BODY_JSON, .fields = convert_fields },
    { "GET", "/jobs", handle_list, .auth = API_AUTH_USER, .fields = list_fields },
    { "GET", "/jobs/{job_id}/status", handle_status, .auth = API_AUTH_USER,
      .fields = status_fields },
    { "POST", "/jobs/{job_id}/cancel", handle_cancel, .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
      .fields = job_fields },
    { "POST", "/jobs/{job_id}/retry", handle_retry, .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
      .fields = job_fields },
    { "DELETE", "/jobs/{job_id}", handle_delete, .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
      .fields = job_fields },
    { 0 }
};
