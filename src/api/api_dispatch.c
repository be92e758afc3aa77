/* Each request's way: who calls, from which site, how often; body and fields; the handler; and what
 * becomes of an error. Runs on the route's lane. */
#include "api/api_dispatch.h"

#include <assert.h>
#include <string.h>

#include "api/api_bind.h"
#include "api/api_client.h"
#include "api/api_problem.h"
#include "api/api_state.h"
#include "base/es_clock.h"
#include "service/accounts.h"

struct api_call *api_call_of(const struct http_exchange *exchange)
{
    return http_exchange_user(exchange);
}

static void release_call(void *user)
{
    struct api_call *call = user;
    json_decref(call->body);
}

static struct api_call *open_call(struct http_exchange *exchange)
{
    struct api_call *call = api_call_of(exchange);
    if (call)
        return call;
    const struct api_bound *bound = http_exchange_route(exchange)->context;
    struct es_arena *arena = http_exchange_arena(exchange);
    call = es_new(arena, struct api_call);
    call->api = bound->api;
    call->services = bound->api->services;
    call->exchange = exchange;
    call->arena = arena;
    call->route = bound->route;
    call->language = api_language(exchange);
    http_exchange_set_user(exchange, call, release_call);
    return call;
}

static void reply_failure(struct api_call *call, enum es_code code, const struct es_err *err)
{
    assert(!http_exchange_is_replied(call->exchange));
    struct api_problem about = { .problem = problem_of(code, err->word),
                                 .language = call->language,
                                 .field_errors = call->field_errors,
                                 .field_error_count = call->field_error_count,
                                 .retry_after_s = call->retry_after_s };
    if (about.problem->status >= 500)
        call->fault = es_printf(call->arena, "%s: %s", es_code_name(code), err->detail);
    api_reply_problem(call->exchange, &about);
}

/* ---- admission ---- */

static bool is_change(const struct api_route *route)
{
    return strcmp(route->method, "GET") != 0;
}

static enum es_code authenticate(struct api_call *call, struct es_err *reterr)
{
    bool is_cookie;
    const char *token = api_credentials(call->exchange, &is_cookie);
    bool is_optional = call->route->auth == API_AUTH_OPTIONAL;
    if (!token)
        return is_optional ? ES_OK : es_fail(reterr, ES_UNAUTHENTICATED, "no credentials");
    struct caller *caller = es_new(call->arena, struct caller);
    enum es_code code = accounts_authenticate(call->services, token, call->arena, caller, reterr);
    if (code == ES_UNAUTHENTICATED && is_optional)
        return ES_OK;
    if (code != ES_OK)
        return code;
    if (is_cookie && is_change(call->route) &&
        api_is_cross_site(&call->api->settings, call->exchange))
        return es_fail_word(reterr, ES_FORBIDDEN, "cross_site", "a change by cookie");
    call->caller = caller;
    return ES_OK;
}

/* Nobody may be signed in to an account that another site chose. */
static enum es_code check_session_origin(const struct api_call *call, struct es_err *reterr)
{
    const char *origin = http_exchange_header(call->exchange, "Origin");
    bool is_allowed = origin && api_origin_is_allowed(&call->api->settings, origin);
    if (is_allowed || !api_is_cross_site(&call->api->settings, call->exchange))
        return ES_OK;
    return es_fail_word(reterr, ES_FORBIDDEN, "cross_site", "a sign-in");
}

static enum es_code check_rate(struct api_call *call, struct es_err *reterr)
{
    struct rate_limiter *limiter = NULL;
    const char *key = NULL;
    switch (call->route->rate) {
    case API_RATE_NONE:
        return ES_OK;
    case API_RATE_LOGIN:
        limiter = call->api->login_limiter;
        key = api_client_key(&call->api->settings, call->exchange, call->arena);
        break;
    case API_RATE_WRITE:
        limiter = call->api->write_limiter;
        key = call->caller->user_id;
        break;
    }
    if (rate_limiter_take(limiter, key, es_clock_monotonic_us(), &call->retry_after_s))
        return ES_OK;
    return es_fail(reterr, ES_LIMIT, "too many requests");
}

static enum es_code admit(struct api_call *call, struct es_err *reterr)
{
    enum es_code code = ES_OK;
    if (call->is_admitted)
        return ES_OK;
    call->is_admitted = true;
    if (call->route->auth != API_AUTH_NONE)
        code = authenticate(call, reterr);
    if (code == ES_OK && call->route->sets_session)
        code = check_session_origin(call, reterr);
    if (code == ES_OK)
        code = check_rate(call, reterr);
    if (code == ES_OK)
        code = api_check_content_type(call, reterr);
    return code;
}

/* ---- the HTTP layer's callbacks ---- */

static void on_begin(struct http_exchange *exchange)
{
    struct api_call *call = open_call(exchange);
    struct es_err err = { 0 };
    enum es_code code = admit(call, &err);
    if (code == ES_OK && call->route->begin)
        code = call->route->begin(call, &err);
    if (code != ES_OK)
        reply_failure(call, code, &err);
}

static void on_data(struct http_exchange *exchange, const void *bytes, size_t size)
{
    struct api_call *call = api_call_of(exchange);
    struct es_err err = { 0 };
    enum es_code code = call->route->data(call, bytes, size, &err);
    if (code != ES_OK)
        reply_failure(call, code, &err);
}

static void on_handle(struct http_exchange *exchange)
{
    struct api_call *call = open_call(exchange);
    struct es_err err = { 0 };
    enum es_code code = admit(call, &err);
    if (code == ES_OK)
        code = api_bind(call, &err);
    if (code == ES_OK)
        code = call->route->handle(call, &err);
    if (code != ES_OK)
        reply_failure(call, code, &err);
}

static void on_abandon(struct http_exchange *exchange)
{
    struct api_call *call = api_call_of(exchange);
    call->route->abandon(call);
}

struct http_route api_http_route(const struct api_bound *bound, uint64_t upload_bytes_max)
{
    const struct api_route *route = bound->route;
    struct http_route http_route = {
        .method = route->method,
        .pattern = route->pattern,
        .handler = on_handle,
        .lane = route->lane,
        .context = bound,
    };
    switch (route->body) {
    case API_BODY_NONE:
        break;
    case API_BODY_FORM:
    case API_BODY_JSON:
        http_route.body = HTTP_BODY_WHOLE;
        http_route.body_bytes_max = API_BODY_BYTES_MAX;
        http_route.begin = on_begin;
        break;
    case API_BODY_UPLOAD:
        http_route.body = HTTP_BODY_STREAMED;
        http_route.body_bytes_max = upload_bytes_max;
        http_route.begin = on_begin;
        http_route.data = on_data;
        http_route.abandon = on_abandon;
        break;
    }
    return http_route;
}

/* ---- replies ---- */

void api_reply_json(struct api_call *call, int status, json_t *value)
{
    es_auto_buf buf = { 0 };
    json_write(value, &buf);
    json_decref(value);
    http_reply_set_header(call->exchange, "Cache-Control", "no-store");
    http_reply(call->exchange, status, "application/json",
               es_memdup(call->arena, buf.bytes, buf.size), buf.size);
}

void api_reply_nothing(struct api_call *call)
{
    http_reply(call->exchange, 204, NULL, NULL, 0);
}

void api_add_next_link(struct api_call *call, const char *cursor)
{
    if (!cursor)
        return;
    es_auto_buf link = { 0 };
    es_buf_append_char(&link, '<');
    uri_encode(&link, http_exchange_path(call->exchange), true);
    es_buf_append_text(&link, "?");
    const struct uri_pairs *query = http_exchange_query(call->exchange);
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->pairs[i].name, "cursor") == 0)
            continue;
        uri_encode(&link, query->pairs[i].name, false);
        es_buf_append_char(&link, '=');
        uri_encode(&link, query->pairs[i].value, false);
        es_buf_append_char(&link, '&');
    }
    es_buf_append_text(&link, "cursor=");
    uri_encode(&link, cursor, false);
    es_buf_append_text(&link, ">; rel=\"next\"");
    http_reply_add_header(call->exchange, "Link", es_buf_text(&link));
}
