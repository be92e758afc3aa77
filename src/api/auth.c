/* Accounts and sessions. What hashes a password runs on the heavy lane. */
#include "service/accounts.h"

#include "api/api_client.h"
#include "api/api_route.h"
#include "base/es_clock.h"

#define LOGIN_NAME_BYTES_MAX 1024
#define ID_TOKEN_BYTES_MAX   16384

static const struct api_field register_fields[] = {
    { "username", API_FROM_BODY, API_TEXT, .is_required = true, .check = username_check },
    { "password", API_FROM_BODY, API_TEXT, .is_required = true, .check = password_check },
    { 0 }
};

static const struct api_field token_fields[] = {
    { "username", API_FROM_BODY, API_TEXT, .is_required = true, .max = LOGIN_NAME_BYTES_MAX },
    { "password", API_FROM_BODY, API_TEXT, .is_required = true, .max = PASSWORD_BYTES_MAX },
    { 0 }
};

static const struct api_field google_fields[] = {
    { "id_token", API_FROM_BODY, API_TEXT, .is_required = true, .max = ID_TOKEN_BYTES_MAX }, { 0 }
};

static const struct api_field password_fields[] = {
    { "current_password", API_FROM_BODY, API_TEXT, .is_required = true, .max = PASSWORD_BYTES_MAX },
    { "new_password", API_FROM_BODY, API_TEXT, .is_required = true, .check = password_check },
    { 0 }
};

static void reply_session(struct api_call *call, const struct session *session)
{
    int64_t left_ms = session->expires_at_ms - es_clock_realtime_ms();
    json_t *reply = json_object();
    json_put_text(reply, "access_token", session->access_token);
    json_put_text(reply, "token_type", "bearer");
    json_put(reply, "expires_in", json_integer(left_ms > 0 ? left_ms / 1000 : 0));
    api_set_session_cookie(call, session);
    api_reply_json(call, 200, reply);
}

static enum es_code handle_register(struct api_call *call, struct es_err *reterr)
{
    struct user *user;
    enum es_code code = accounts_register(call->services, api_text(call, "username"),
                                          api_text(call, "password"), call->arena, &user, reterr);
    if (code != ES_OK)
        return code;
    json_t *reply = json_object();
    json_put_text(reply, "id", user->id);
    json_put_text(reply, "username", user->username);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_token(struct api_call *call, struct es_err *reterr)
{
    struct session session;
    enum es_code code = accounts_login(call->services, api_text(call, "username"),
                                       api_text(call, "password"), call->arena, &session, reterr);
    if (code != ES_OK)
        return code;
    reply_session(call, &session);
    return ES_OK;
}

static enum es_code handle_google(struct api_call *call, struct es_err *reterr)
{
    (void)call;
    return es_fail_word(reterr, ES_UNAVAILABLE, "google_not_configured", "no verifier of tokens");
}

static enum es_code handle_config(struct api_call *call, struct es_err *reterr)
{
    (void)reterr;
    json_t *reply = json_object();
    json_put(reply, "password", json_true());
    json_put(reply, "google", json_null());
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_logout(struct api_call *call, struct es_err *reterr)
{
    static const char *const texts[] = { "Sesión cerrada.", "Signed out." };
    enum es_code code = accounts_logout(call->services, call->caller, reterr);
    if (code != ES_OK)
        return code;
    json_t *reply = json_object();
    json_put_text(reply, "detail", texts[call->language]);
    json_put_text(reply, "user", call->caller->username);
    api_clear_session_cookie(call);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_password(struct api_call *call, struct es_err *reterr)
{
    struct session session;
    enum es_code code =
        accounts_change_password(call->services, call->caller, api_text(call, "current_password"),
                                 api_text(call, "new_password"), call->arena, &session, reterr);
    if (code != ES_OK)
        return code;
    reply_session(call, &session);
    return ES_OK;
}

const struct api_route auth_routes[] = {
    { "POST", "/auth/register", handle_register, .rate = API_RATE_LOGIN, .body = API_BODY_FORM,
      .lane = HTTP_LANE_HEAVY, .fields = register_fields },
    { "POST", "/auth/token", handle_token, .rate = API_RATE_LOGIN, .body = API_BODY_FORM,
      .lane = HTTP_LANE_HEAVY, .fields = token_fields, .sets_session = true },
    { "POST", "/auth/google", handle_google, .rate = API_RATE_LOGIN, .body = API_BODY_JSON,
      .fields = google_fields, .sets_session = true },
    { "GET", "/auth/config", handle_config, .lane = HTTP_LANE_LOOP },
    { "POST", "/auth/logout", handle_logout, .auth = API_AUTH_USER },
    { "POST", "/auth/password", handle_password, .auth = API_AUTH_USER, .rate = API_RATE_LOGIN,
      .body = API_BODY_FORM, .lane = HTTP_LANE_HEAVY, .fields = password_fields },
    { 0 }
};
