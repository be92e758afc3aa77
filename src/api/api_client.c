/* What the headers of a request say about its sender, and how far that is believed. */
#include "api/api_client.h"

#include <arpa/inet.h>
#include <string.h>

#include "api/api.h"
#include "base/es_clock.h"
#include "base/es_text.h"
#include "wire/http_header.h"

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"

const char *api_client_address(const struct api_settings *settings, struct http_exchange *exchange)
{
    const char *forwarded = http_exchange_header(exchange, "X-Forwarded-For");
    if (!settings->trust_proxy || !forwarded)
        return http_exchange_remote_address(exchange);
    const char *comma = strrchr(forwarded, ',');
    const char *last = comma ? comma + 1 : forwarded;
    last += strspn(last, " \t");
    unsigned char bytes[sizeof(struct in6_addr)];
    bool is_address = inet_pton(AF_INET, last, bytes) == 1 || inet_pton(AF_INET6, last, bytes) == 1;
    return is_address ? last : http_exchange_remote_address(exchange);
}

const char *api_client_key(const struct api_settings *settings, struct http_exchange *exchange,
                           struct es_arena *arena)
{
    const char *address = api_client_address(settings, exchange);
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return address;
    char *key = es_alloc(arena, 2 * 8 + 1);
    es_hex_encode(bytes, 8, key);
    return key;
}

static bool host_is_sound(const char *host)
{
    return host && host[0] && strspn(host, HOST_CHARACTERS) == strlen(host);
}

static bool is_secure(const struct api_settings *settings, struct http_exchange *exchange)
{
    const char *forwarded = http_exchange_header(exchange, "X-Forwarded-Proto");
    if (settings->trust_proxy && forwarded)
        return es_text_equals_nocase(forwarded, "https");
    return settings->public_url && es_text_has_prefix(settings->public_url, "https://");
}

enum es_code api_base_url(const struct api_call *call, const char **ret_url, struct es_err *reterr)
{
    const struct api_settings *settings = api_settings_of(call->api);
    if (settings->public_url) {
        *ret_url = settings->public_url;
        return ES_OK;
    }
    const char *host = http_exchange_header(call->exchange, "Host");
    if (!host_is_sound(host))
        return es_fail_word(reterr, ES_INVALID, "malformed_request", "Host is no host");
    const char *scheme = is_secure(settings, call->exchange) ? "https" : "http";
    *ret_url = es_printf(call->arena, "%s://%s", scheme, host);
    return ES_OK;
}

const char *api_credentials(struct http_exchange *exchange, bool *ret_is_cookie)
{
    *ret_is_cookie = false;
    const char *authorization = http_exchange_header(exchange, "Authorization");
    if (authorization) {
        const char *token = http_bearer_token(authorization);
        return token ? token : "";
    }
    const char *cookie = http_exchange_cookie(exchange, API_SESSION_COOKIE);
    *ret_is_cookie = cookie != NULL;
    return cookie;
}

/* Proxies may hand on another Host than the one that the browser asked for. */
static bool is_public_origin(const struct api_settings *settings, const char *origin)
{
    size_t size = strlen(origin);
    const char *url = settings->public_url;
    return url && strncmp(url, origin, size) == 0 && (url[size] == '\0' || url[size] == '/');
}

bool api_is_cross_site(const struct api_settings *settings, struct http_exchange *exchange)
{
    const char *site = http_exchange_header(exchange, "Sec-Fetch-Site");
    if (site)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    const char *origin = http_exchange_header(exchange, "Origin");
    if (!origin || is_public_origin(settings, origin))
        return false;
    const char *host = http_exchange_header(exchange, "Host");
    const char *authority = strstr(origin, "://");
    return !authority || !host || !es_text_equals_nocase(authority + 3, host);
}

bool api_origin_is_allowed(const struct api_settings *settings, const char *origin)
{
    size_t size = strlen(origin);
    const char *rest = settings->cors_allowed_origins ? settings->cors_allowed_origins : "";
    while (*(rest += strspn(rest, ", \t"))) {
        size_t length = strcspn(rest, ", \t");
        if (length == 1 && rest[0] == '*')
            return true;
        if (length == size && memcmp(rest, origin, size) == 0)
            return true;
        rest += length;
    }
    return false;
}

static void add_cookie(struct api_call *call, const char *value, int64_t age_s)
{
    const char *secure = is_secure(api_settings_of(call->api), call->exchange) ? "; Secure" : "";
    const char *cookie =
        es_printf(call->arena, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s",
                  API_SESSION_COOKIE, value, (long long)age_s, secure);
    http_reply_add_header(call->exchange, "Set-Cookie", cookie);
}

void api_set_session_cookie(struct api_call *call, const struct session *session)
{
    int64_t left_ms = session->expires_at_ms - es_clock_realtime_ms();
    add_cookie(call, session->access_token, left_ms > 0 ? left_ms / 1000 : 0);
}

void api_clear_session_cookie(struct api_call *call)
{
    add_cookie(call, "", 0);
}
