/* Opening and closing, the router of all tables, and what every reply has in common. */
#include "api/api.h"

#include <string.h>

#include "api/api_client.h"
#include "api/api_problem.h"
#include "api/api_state.h"
#include "base/es_text.h"

#define UPLOAD_FRAMING_BYTES 65536 /* of multipart, around the file */

const struct api_route *const api_tables[] = { auth_routes,
                                               me_routes,
                                               user_routes,
                                               media_routes,
                                               upload_routes,
                                               job_routes,
                                               playback_routes,
                                               picture_routes,
                                               sharing_routes,
                                               event_routes,
                                               monitor_routes,
                                               docs_routes,
                                               NULL };

struct api_settings api_settings_default(void)
{
    return (struct api_settings){ .login_rate = { .burst = 60, .per_second = 2 },
                                  .write_rate = { .burst = 300, .per_second = 20 },
                                  .session_check_ms = 10000,
                                  .segment_wait_ms = 8000,
                                  .stream_wait_ms = 60000 };
}

struct feeds *api_feeds(const struct api *api)
{
    return api->feeds;
}

struct arrivals *api_arrivals(const struct api *api)
{
    return api->arrivals;
}

struct es_metrics *api_metrics(const struct api *api)
{
    return api->metrics;
}

const struct api_settings *api_settings_of(const struct api *api)
{
    return &api->settings;
}

/* ---- hooks ---- */

static void set_common_headers(struct http_exchange *exchange)
{
    http_reply_set_header(exchange, "X-Content-Type-Options", "nosniff");
    http_reply_set_header(exchange, "Referrer-Policy", "same-origin");
    http_reply_set_header(exchange, "Content-Security-Policy",
                          "default-src 'none'; frame-ancestors 'none'");
    http_reply_set_header(exchange, "Cross-Origin-Resource-Policy", "same-origin");
}

/* Fetch standard, CORS protocol: without credentials, since the cookie is for our own pages. */
static void set_cors_headers(const struct api *api, struct http_exchange *exchange)
{
    const char *origin = http_exchange_header(exchange, "Origin");
    if (!api->settings.cors_allowed_origins)
        return;
    http_reply_set_header(exchange, "Vary", "Origin");
    if (!origin || !api_origin_is_allowed(&api->settings, origin))
        return;
    http_reply_set_header(exchange, "Access-Control-Allow-Origin", origin);
    http_reply_set_header(exchange, "Access-Control-Expose-Headers",
                          "Accept-Ranges, Content-Disposition, Content-Range, ETag, Link, "
                          "Retry-After, X-Request-Id");
    if (strcmp(http_exchange_method(exchange), "OPTIONS") != 0 ||
        !http_exchange_header(exchange, "Access-Control-Request-Method"))
        return;
    http_reply_set_header(exchange, "Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE");
    http_reply_set_header(exchange, "Access-Control-Allow-Headers",
                          "Authorization, Content-Type, If-Match, If-None-Match, If-Range, "
                          "Last-Event-ID, Range");
    http_reply_set_header(exchange, "Access-Control-Max-Age", "600");
    http_reply(exchange, 204, NULL, NULL, 0);
}

static void before(struct http_exchange *exchange)
{
    const struct api *api = http_exchange_server_context(exchange);
    set_common_headers(exchange);
    set_cors_headers(api, exchange);
}

static const char *refusal_word(enum http_refusal refusal, bool is_upload)
{
    switch (refusal) {
    case HTTP_REFUSAL_MALFORMED:
        return "malformed_request";
    case HTTP_REFUSAL_NOT_FOUND:
        return "not_found";
    case HTTP_REFUSAL_METHOD:
        return "method_not_allowed";
    case HTTP_REFUSAL_TIMEOUT:
        return "request_timeout";
    case HTTP_REFUSAL_LENGTH_REQUIRED:
        return "length_required";
    case HTTP_REFUSAL_BODY_TOO_LARGE:
        return is_upload ? "upload_too_large" : "body_too_large";
    case HTTP_REFUSAL_TARGET_TOO_LONG:
        return "target_too_long";
    case HTTP_REFUSAL_RANGE:
        return "range_not_satisfiable";
    case HTTP_REFUSAL_EXPECTATION:
        return "expectation_failed";
    case HTTP_REFUSAL_HEADERS_TOO_LARGE:
        return "header_too_large";
    case HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS:
        return "limit";
    case HTTP_REFUSAL_OVERLOADED:
        return "busy";
    case HTTP_REFUSAL_VERSION:
        return "version_not_supported";
    case HTTP_REFUSAL_NO_REPLY:
    case HTTP_REFUSAL_UNSET:
        break;
    }
    return "internal";
}

static void on_refusal(struct http_exchange *exchange, enum http_refusal refusal)
{
    const struct http_route *route = http_exchange_route(exchange);
    const struct api_bound *bound = route ? route->context : NULL;
    bool is_upload = bound && bound->route->body == API_BODY_UPLOAD;
    struct api_call *call = api_call_of(exchange);
    if (refusal == HTTP_REFUSAL_NO_REPLY && call)
        call->fault = "the handler gave no reply";
    set_common_headers(exchange);
    struct api_problem about = { .problem = problem_find(refusal_word(refusal, is_upload)),
                                 .language = api_language(exchange) };
    api_reply_problem(exchange, &about);
}

static void on_finish(struct http_exchange *exchange, const struct http_finish *finish)
{
    api_observe(http_exchange_server_context(exchange), exchange, finish);
}

struct http_hooks api_hooks(struct api *api)
{
    return (struct http_hooks){
        .context = api, .before = before, .on_refusal = on_refusal, .on_finish = on_finish
    };
}

/* ---- opening ---- */

static enum es_code check_settings(const struct api_settings *settings, struct es_err *reterr)
{
    const struct api_rate_limit *rates[] = { &settings->login_rate, &settings->write_rate };
    for (size_t i = 0; i < 2; i++)
        if (!(rates[i]->burst >= 1) || !(rates[i]->per_second > 0))
            return es_fail(reterr, ES_INVALID, "a rate must allow at least one request");
    if (settings->session_check_ms < 1)
        return es_fail(reterr, ES_INVALID, "sessions must be checked again at some time");
    if (settings->segment_wait_ms < 1)
        return es_fail(reterr, ES_INVALID, "a segment must be waited for");
    if (settings->stream_wait_ms < 1)
        return es_fail(reterr, ES_INVALID, "the rest of a stream must be waited for");
    const char *url = settings->public_url;
    if (url && !es_text_has_prefix(url, "http://") && !es_text_has_prefix(url, "https://"))
        return es_fail(reterr, ES_INVALID, "the public address '%s' is no http address", url);
    if (url && es_text_has_suffix(url, "/"))
        return es_fail(reterr, ES_INVALID, "the public address '%s' ends in a slash", url);
    return ES_OK;
}

static struct http_route *add_rows(struct api *api, const struct api_route *rows, size_t count,
                                   struct http_route *next)
{
    int64_t upload_bytes_max = api->services->settings.upload_bytes_max;
    for (size_t i = 0; i < count; i++) {
        struct api_bound *bound = es_new(&api->arena, struct api_bound);
        *bound = (struct api_bound){ api, &rows[i] };
        *next++ = api_http_route(bound, (uint64_t)upload_bytes_max + UPLOAD_FRAMING_BYTES);
    }
    return next;
}

static size_t row_count(const struct api_route *rows)
{
    size_t count = 0;
    while (rows[count].method)
        count++;
    return count;
}

static enum es_code open_router(struct api *api, struct es_err *reterr)
{
    size_t page_count, total = 0;
    const struct api_route *pages = api_page_routes(api, &page_count);
    for (const struct api_route *const *table = api_tables; *table; table++)
        total += row_count(*table);
    struct http_route *routes =
        es_new_array(&api->arena, struct http_route, total + page_count + 1);
    struct http_route *next = routes;
    for (const struct api_route *const *table = api_tables; *table; table++)
        next = add_rows(api, *table, row_count(*table), next);
    add_rows(api, pages, page_count, next);
    api->router = http_router_open();
    return http_router_add(api->router, routes, reterr);
}

static struct api *new_api(const struct api_settings *settings, struct service_context *context,
                           struct es_metrics *metrics)
{
    struct api *api = es_malloc(sizeof(*api));
    api->settings = *settings;
    api->settings.public_url = settings->public_url && settings->public_url[0]
                                   ? es_strdup(&api->arena, settings->public_url)
                                   : NULL;
    api->settings.cors_allowed_origins =
        settings->cors_allowed_origins && settings->cors_allowed_origins[0]
            ? es_strdup(&api->arena, settings->cors_allowed_origins)
            : NULL;
    api->services = context;
    api->metrics = metrics;
    api->login_limiter =
        rate_limiter_open(settings->login_rate.burst, settings->login_rate.per_second);
    api->write_limiter =
        rate_limiter_open(settings->write_rate.burst, settings->write_rate.per_second);
    api_observe_open(api);
    return api;
}

enum es_code api_open(const struct api_settings *settings, struct service_context *context,
                      struct es_metrics *metrics, struct api **ret_api, struct es_err *reterr)
{
    enum es_code code = check_settings(settings, reterr);
    if (code != ES_OK)
        return code;
    es_auto(api) api = new_api(settings, context, metrics);
    code = open_router(api, reterr);
    if (code == ES_OK)
        code = feeds_open(context, settings->session_check_ms, &api->feeds, reterr);
    if (code == ES_OK)
        code = arrivals_open(context->blobs, &api->arrivals, reterr);
    if (code == ES_OK)
        *ret_api = es_take(api);
    return code;
}

const struct http_router *api_router(const struct api *api)
{
    return api->router;
}

void api_close(struct api *api)
{
    if (api->arrivals)
        arrivals_close(api->arrivals);
    if (api->feeds)
        feeds_close(api->feeds);
    if (api->router)
        http_router_close(api->router);
    rate_limiter_close(api->login_limiter);
    rate_limiter_close(api->write_limiter);
    es_arena_release(&api->arena);
    free(api);
}
