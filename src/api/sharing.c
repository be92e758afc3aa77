/* Shares between users. */
#include "service/sharing.h"

#include "api/api_route.h"

#define NAME_BYTES_MAX 256

static const struct api_field share_fields[] = {
    API_FIELD_MEDIA_ID,
    { "username_to_share", API_FROM_BODY, API_TEXT, .is_required = true, .min = 1,
      .max = NAME_BYTES_MAX },
    { "job_id", API_FROM_BODY, API_ID, .is_required = true },
    { 0 }
};

static const struct api_field unshare_fields[] = {
    API_FIELD_MEDIA_ID,
    { "username", API_FROM_BODY, API_TEXT, .is_required = true, .min = 1, .max = NAME_BYTES_MAX },
    { "job_id", API_FROM_BODY, API_ID },
    { 0 }
};

static enum es_code handle_share(struct api_call *call, struct es_err *reterr)
{
    static const char *const texts[] = { "Archivo compartido correctamente", "The file is shared" };
    struct share *share;
    enum es_code code = sharing_add(call->services, call->caller, api_text(call, "media_id"),
                                    api_text(call, "job_id"), api_text(call, "username_to_share"),
                                    call->arena, &share, reterr);
    if (code != ES_OK)
        return code;
    json_t *reply = json_object();
    json_put_text(reply, "detail", texts[call->language]);
    json_put_text(reply, "media_id", share->media_id);
    json_put_text(reply, "job_id", share->job_id);
    json_put_text(reply, "shared_with_user_id", share->recipient_id);
    json_put_text(reply, "username_to_share", share->recipient_username);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_unshare(struct api_call *call, struct es_err *reterr)
{
    enum es_code code =
        sharing_remove(call->services, call->caller, api_text(call, "media_id"),
                       api_text(call, "job_id"), api_text(call, "username"), call->arena, reterr);
    if (code == ES_OK)
        api_reply_nothing(call);
    return code;
}

static enum es_code handle_shared_with_me(struct api_call *call, struct es_err *reterr)
{
    struct media_view *views;
    size_t count;
    enum es_code code =
        sharing_list_with_me(call->services, call->caller, call->arena, &views, &count, reterr);
    if (code != ES_OK)
        return code;
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, shared_item_json(&views[i], call->language));
    json_t *reply = json_object();
    json_put(reply, "items", items);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

const struct api_route sharing_routes[] = {
    { "POST", "/media/{media_id}/share-with-user", handle_share, .auth = API_AUTH_USER,
      .rate = API_RATE_WRITE, .body = API_BODY_JSON, .fields = share_fields },
    { "DELETE", "/media/{media_id}/share-with-user", handle_unshare, .auth = API_AUTH_USER,
      .rate = API_RATE_WRITE, .body = API_BODY_JSON, .fields = unshare_fields },
    { "GET", "/media/shared-with-me", handle_shared_with_me, .auth = API_AUTH_USER },
    { 0 }
};
