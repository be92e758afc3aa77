/* The exchange as handlers see it, and its birth and death. */
#include "http/http_internal.h"

#include <linux/tcp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "wire/http_header.h"

struct http_exchange *http_exchange_open(struct http_server *server, struct http_conn *conn,
                                         const char *target)
{
    struct http_exchange *exchange = es_malloc(sizeof(*exchange));
    exchange->server = server;
    exchange->conn = conn;
    exchange->started_us = es_clock_monotonic_us();
    exchange->method = exchange->path = "";
    exchange->target = es_strdup(&exchange->arena, target);
    exchange->reply.fd = -1;
    exchange->reply.fields_end = &exchange->reply.fields;
    es_id_v4(exchange->request_id);
    memcpy(exchange->address, conn->address, sizeof(exchange->address));
    pthread_mutex_lock(&server->flight_mutex);
    server->exchanges_in_flight++;
    pthread_mutex_unlock(&server->flight_mutex);
    return exchange;
}

static uint64_t acked_bytes(const struct http_exchange *exchange)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof(info);
    if (getsockopt(exchange->conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    return info.tcpi_bytes_acked;
}

static uint64_t bytes_sent(const struct http_exchange *exchange, bool is_complete)
{
    const struct http_reply_state *reply = &exchange->reply;
    if (http_exchange_is_head(exchange) || reply->status == 204 || reply->status == 304)
        return 0;
    switch (reply->kind) {
    case HTTP_REPLY_BYTES:
        return is_complete ? reply->size : 0;
    case HTTP_REPLY_FD: {
        /* The reply's own header is in it too; good enough for a cut one. */
        uint64_t acked = is_complete ? reply->size : acked_bytes(exchange) - reply->acked_before;
        return acked < reply->size ? acked : reply->size;
    }
    case HTTP_REPLY_SOURCE:
    case HTTP_REPLY_STREAM:
        return atomic_load(&reply->bytes_pulled);
    case HTTP_REPLY_NONE:
        break;
    }
    return 0;
}

void http_exchange_finish(struct http_exchange *exchange, bool is_complete)
{
    const struct http_hooks *hooks = &exchange->server->hooks;
    bool is_replied = exchange->step == HTTP_STEP_SENT;
    const struct http_finish finish = {
        .status = is_replied ? exchange->reply.status : 0,
        .duration_us = es_clock_monotonic_us() - exchange->started_us,
        .bytes_sent = is_replied ? bytes_sent(exchange, is_complete) : 0,
        .bytes_received = exchange->bytes_received,
        .is_complete = is_complete && is_replied,
    };
    if (hooks->on_finish)
        hooks->on_finish(exchange, &finish);
}

void http_exchange_free(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct http_reply_state *reply = &exchange->reply;
    if (exchange->release)
        exchange->release(exchange->user);
    if (exchange->has_resources) { /* replied, but never handed to the library */
        if (reply->kind == HTTP_REPLY_FD)
            close(reply->fd);
        else if (reply->kind == HTTP_REPLY_SOURCE && reply->source.close)
            reply->source.close(reply->source.context);
        else if (reply->kind == HTTP_REPLY_STREAM)
            http_stream_drop(reply->stream);
    }
    es_buf_release(&exchange->body);
    es_buf_release(&exchange->piece_copy);
    es_arena_release(&exchange->arena);
    free(exchange);
    pthread_mutex_lock(&server->flight_mutex);
    if (--server->exchanges_in_flight == 0)
        pthread_cond_broadcast(&server->has_landed);
    pthread_mutex_unlock(&server->flight_mutex);
}

struct es_arena *http_exchange_arena(struct http_exchange *exchange)
{
    return &exchange->arena;
}

const char *http_exchange_request_id(const struct http_exchange *exchange)
{
    return exchange->request_id;
}

const char *http_exchange_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

bool http_exchange_is_head(const struct http_exchange *exchange)
{
    return strcmp(exchange->method, "HEAD") == 0;
}

const char *http_exchange_target(const struct http_exchange *exchange)
{
    return exchange->target;
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

const struct http_route *http_exchange_route(const struct http_exchange *exchange)
{
    return exchange->route;
}

const char *http_exchange_param(const struct http_exchange *exchange, const char *name)
{
    const struct uri_pairs params = { exchange->params, exchange->params_count };
    return uri_pairs_get(&params, name);
}

const struct uri_pairs *http_exchange_query(const struct http_exchange *exchange)
{
    return &exchange->query;
}

const char *http_exchange_query_value(const struct http_exchange *exchange, const char *name)
{
    return uri_pairs_get(&exchange->query, name);
}

const char *http_exchange_header(struct http_exchange *exchange, const char *name)
{
    const char *separator = strcasecmp(name, "cookie") == 0 ? "; " : ", ";
    const char *value = NULL;
    for (const struct http_field *field = exchange->headers; field; field = field->next)
        if (strcasecmp(field->name, name) == 0)
            value = value ? es_printf(&exchange->arena, "%s%s%s", value, separator, field->value)
                          : field->value;
    return value;
}

const char *http_exchange_cookie(struct http_exchange *exchange, const char *name)
{
    return http_cookie_get(&exchange->arena, http_exchange_header(exchange, "cookie"), name);
}

const char *http_exchange_remote_address(const struct http_exchange *exchange)
{
    return exchange->address;
}

int64_t http_exchange_body_length(const struct http_exchange *exchange)
{
    return exchange->body_length;
}

const char *http_exchange_body(const struct http_exchange *exchange, size_t *ret_size)
{
    *ret_size = exchange->body.size;
    return es_buf_text(&exchange->body);
}

int64_t http_exchange_started_us(const struct http_exchange *exchange)
{
    return exchange->started_us;
}

void *http_exchange_server_context(const struct http_exchange *exchange)
{
    return exchange->server->hooks.context;
}

void http_exchange_set_user(struct http_exchange *exchange, void *user, void (*release)(void *user))
{
    if (exchange->release)
        exchange->release(exchange->user);
    exchange->user = user;
    exchange->release = release;
}

void *http_exchange_user(const struct http_exchange *exchange)
{
    return exchange->user;
}
