/* The caller's own account. */
#include "api/api_client.h"
#include "api/api_route.h"
#include "service/accounts.h"

static enum es_code handle_me(struct api_call *call, struct es_err *reterr)
{
    (void)reterr;
    json_t *reply = json_object();
    json_put_text(reply, "id", call->caller->user_id);
    json_put_text(reply, "username", call->caller->username);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_me_delete(struct api_call *call, struct es_err *reterr)
{
    enum es_code code = accounts_delete(call->services, call->caller->user_id, reterr);
    if (code != ES_OK)
        return code;
    api_clear_session_cookie(call);
    api_reply_nothing(call);
    return ES_OK;
}

const struct api_route me_routes[] = { { "GET", "/me", handle_me, .auth = API_AUTH_USER },
                                       { "DELETE", "/me", handle_me_delete, .auth = API_AUTH_USER,
                                         .rate = API_RATE_WRITE },
                                       { 0 } };
