/* The library: list, read, change, delete, and the original's bytes. */
#include <string.h>

#include "api/api_route.h"
#include "api/send_file.h"
#include "service/library.h"
#include "wire/http_header.h"

#define SEARCH_BYTES_MAX   256
#define FILENAME_BYTES_MAX 1024 /* as sent; it is cut to what we keep */

static const char *const types[] = { "audio", "video", NULL };
static const char *const statuses[] = { "uploading", "uploaded", "processing",
                                        "ready",     "error",    NULL };
static const char *const policies[] = { "public", "signed", NULL };
static const char *const sorts[] = { "newest", "oldest", "name", "largest", NULL };

static const struct api_field list_fields[] = {
    { "q", API_FROM_QUERY, API_TEXT, .max = SEARCH_BYTES_MAX },
    { "type", API_FROM_QUERY, API_CHOICE, .choices = types },
    { "status", API_FROM_QUERY, API_CHOICE, .choices = statuses },
    { "sort", API_FROM_QUERY, API_CHOICE, .choices = sorts },
    API_FIELDS_LIST,
    { 0 }
};

static const struct api_field media_fields[] = { API_FIELD_MEDIA_ID, { 0 } };

static const struct api_field change_fields[] = {
    API_FIELD_MEDIA_ID,
    { "original_filename", API_FROM_BODY, API_TEXT, .min = 1, .max = FILENAME_BYTES_MAX },
    { "playback", API_FROM_BODY, API_CHOICE, .choices = policies },
    { 0 }
};

static enum media_sort sort_of(const char *name)
{
    for (int i = 0; name && sorts[i]; i++)
        if (strcmp(sorts[i], name) == 0)
            return MEDIA_NEWEST + i;
    return MEDIA_SORT_UNSET;
}

static enum es_code handle_list(struct api_call *call, struct es_err *reterr)
{
    const char *status = api_text(call, "status");
    struct media_query query = { .text = api_text(call, "q"),
                                 .type = api_text(call, "type"),
                                 .status =
                                     status ? media_status_from_name(status) : MEDIA_STATUS_UNSET,
                                 .sort = sort_of(api_text(call, "sort")),
                                 .cursor = api_text(call, "cursor"),
                                 .limit = (size_t)api_integer(call, "limit", API_LIST_DEFAULT) };
    struct media_view *views;
    size_t count;
    const char *next;
    enum es_code code = library_list(call->services, call->caller, &query, call->arena, &views,
                                     &count, &next, reterr);
    if (code != ES_OK)
        return code;
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, media_view_json(&views[i], call->language));
    json_t *reply = json_object();
    json_put(reply, "items", items);
    json_put_text(reply, "next_cursor", next);
    api_add_next_link(call, next);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_get(struct api_call *call, struct es_err *reterr)
{
    struct media_view view;
    enum es_code code = library_get(call->services, call->caller, api_text(call, "media_id"),
                                    call->arena, &view, reterr);
    if (code == ES_OK)
        api_reply_json(call, 200, media_view_json(&view, call->language));
    return code;
}

static enum es_code handle_change(struct api_call *call, struct es_err *reterr)
{
    const char *playback = api_text(call, "playback");
    struct media_view view;
    enum es_code code =
        library_change(call->services, call->caller, api_text(call, "media_id"),
                       api_text(call, "original_filename"),
                       playback ? playback_policy_from_name(playback) : PLAYBACK_UNSET, call->arena,
                       &view, reterr);
    if (code == ES_OK)
        api_reply_json(call, 200, media_view_json(&view, call->language));
    return code;
}

static enum es_code handle_delete(struct api_call *call, struct es_err *reterr)
{
    enum es_code code =
        library_delete(call->services, call->caller, api_text(call, "media_id"), reterr);
    if (code == ES_OK)
        api_reply_nothing(call);
    return code;
}

static enum es_code handle_original(struct api_call *call, struct es_err *reterr)
{
    struct media *media;
    struct blob_reader *reader;
    enum es_code code =
        library_open_original(call->services, call->caller, api_text(call, "media_id"), call->arena,
                              &media, &reader, reterr);
    if (code != ES_OK)
        return code;
    return send_file(call,
                     &(struct sent_file){ .reader = reader,
                                          .content_type = media->content_type,
                                          .disposition = http_content_disposition(
                                              call->arena, true, media->original_filename),
                                          .cache_control = "private, no-cache" },
                     reterr);
}

const struct api_route media_routes[] = {
    { "GET", "/media", handle_list, .auth = API_AUTH_USER, .fields = list_fields },
    { "GET", "/media/{media_id}", handle_get, .auth = API_AUTH_USER, .fields = media_fields },
    { "PATCH", "/media/{media_id}", handle_change, .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
      .body = API_BODY_JSON, .fields = change_fields },
    { "DELETE", "/media/{media_id}", handle_delete, .auth = API_AUTH_USER, .rate = API_RATE_WRITE,
      .fields = media_fields },
    { "GET", "/media/{media_id}/original", handle_original, .auth = API_AUTH_USER,
      .fields = media_fields },
    { 0 }
};
