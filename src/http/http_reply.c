/* Replies: what handlers say, how the layer refuses, and how both reach the wire. */
#include "http/http_internal.h"

#include <assert.h>
#include <linux/tcp.h>
#include <string.h>
#include <strings.h>

#include "base/es_clock.h"
#include "wire/http_header.h"

#define RETRY_AFTER_OVERLOADED "2"
#define RETRY_AFTER_TOO_MANY   "10"

int http_refusal_status(enum http_refusal refusal)
{
    switch (refusal) {
    case HTTP_REFUSAL_MALFORMED:
        return 400;
    case HTTP_REFUSAL_NOT_FOUND:
        return 404;
    case HTTP_REFUSAL_METHOD:
        return 405;
    case HTTP_REFUSAL_TIMEOUT:
        return 408;
    case HTTP_REFUSAL_LENGTH_REQUIRED:
        return 411;
    case HTTP_REFUSAL_BODY_TOO_LARGE:
        return 413;
    case HTTP_REFUSAL_TARGET_TOO_LONG:
        return 414;
    case HTTP_REFUSAL_RANGE:
        return 416;
    case HTTP_REFUSAL_EXPECTATION:
        return 417;
    case HTTP_REFUSAL_HEADERS_TOO_LARGE:
        return 431;
    case HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS:
        return 429;
    case HTTP_REFUSAL_UNSET:
    case HTTP_REFUSAL_NO_REPLY:
        return 500;
    case HTTP_REFUSAL_OVERLOADED:
        return 503;
    case HTTP_REFUSAL_VERSION:
        return 505;
    }
    return 500;
}

bool http_exchange_is_replied(const struct http_exchange *exchange)
{
    return exchange->reply.kind != HTTP_REPLY_NONE;
}

int http_exchange_reply_status(const struct http_exchange *exchange)
{
    return exchange->reply.status;
}

/* ---- headers ---- */

static bool is_ours(const char *name)
{
    static const char *const ours[] = { "content-length", "transfer-encoding", "connection", "date",
                                        "x-request-id" };
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (strcasecmp(name, ours[i]) == 0)
            return true;
    return false;
}

void http_reply_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
    assert(http_token_is_valid(name, strlen(name)) && !is_ours(name));
    struct http_field *field = es_new(&exchange->arena, struct http_field);
    char *clean = es_alloc(&exchange->arena, strlen(value) + 1), *to = clean;
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at >= 0x20 && *at != 0x7f)
            *to++ = *at;
    field->name = es_strdup(&exchange->arena, name);
    field->value = clean;
    *exchange->reply.fields_end = field;
    exchange->reply.fields_end = &field->next;
}

void http_reply_set_header(struct http_exchange *exchange, const char *name, const char *value)
{
    struct http_reply_state *reply = &exchange->reply;
    struct http_field **link = &reply->fields;
    while (*link) {
        if (strcasecmp((*link)->name, name) == 0)
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
    reply->fields_end = link;
    http_reply_add_header(exchange, name, value);
}

void http_reply(struct http_exchange *exchange, int status, const char *content_type,
                const void *bytes, size_t size)
{
    struct http_reply_state *reply = &exchange->reply;
    assert(reply->kind == HTTP_REPLY_NONE && status >= 200 && status <= 599);
    reply->kind = HTTP_REPLY_BYTES;
    reply->status = status;
    reply->bytes = bytes;
    reply->size = status == 204 || status == 304 ? 0 : size;
    if (content_type)
        http_reply_set_header(exchange, "Content-Type", content_type);
}

/* ---- refusals ---- */

/* After these, what follows on the connection cannot be trusted to be a request. */
static bool ends_connection(enum http_refusal refusal)
{
    switch (refusal) {
    case HTTP_REFUSAL_MALFORMED:
    case HTTP_REFUSAL_TIMEOUT:
    case HTTP_REFUSAL_LENGTH_REQUIRED:
    case HTTP_REFUSAL_TARGET_TOO_LONG:
    case HTTP_REFUSAL_EXPECTATION:
    case HTTP_REFUSAL_HEADERS_TOO_LARGE:
    case HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS:
    case HTTP_REFUSAL_VERSION:
        return true;
    case HTTP_REFUSAL_UNSET:
    case HTTP_REFUSAL_NOT_FOUND:
    case HTTP_REFUSAL_METHOD:
    case HTTP_REFUSAL_BODY_TOO_LARGE:
    case HTTP_REFUSAL_RANGE:
    case HTTP_REFUSAL_NO_REPLY:
    case HTTP_REFUSAL_OVERLOADED:
        return false;
    }
    return true;
}

static void refuse_by_default(struct http_exchange *exchange, int status)
{
    const char *text =
        es_printf(&exchange->arena, "%d %s\n", status, MHD_get_reason_phrase_for((unsigned)status));
    http_reply(exchange, status, "text/plain; charset=utf-8", text, strlen(text));
}

void http_exchange_refuse(struct http_exchange *exchange, enum http_refusal refusal)
{
    const struct http_hooks *hooks = &exchange->server->hooks;
    if (refusal == HTTP_REFUSAL_OVERLOADED)
        http_reply_set_header(exchange, "Retry-After", RETRY_AFTER_OVERLOADED);
    if (refusal == HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS)
        http_reply_set_header(exchange, "Retry-After", RETRY_AFTER_TOO_MANY);
    if (ends_connection(refusal))
        exchange->reply.must_close = true;
    if (hooks->on_refusal)
        hooks->on_refusal(exchange, refusal);
    if (!http_exchange_is_replied(exchange))
        refuse_by_default(exchange, http_refusal_status(refusal));
}

/* ---- to the wire ---- */

static uint64_t acked_bytes(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}

static struct MHD_Response *make_response(struct http_exchange *exchange)
{
    struct http_reply_state *reply = &exchange->reply;
    switch (reply->kind) {
    case HTTP_REPLY_BYTES:
        /* The library only reads it, whatever its signature says. */
        return MHD_create_response_from_buffer(reply->size, (void *)(uintptr_t)reply->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    case HTTP_REPLY_FD:
        reply->acked_before = acked_bytes(exchange->conn->fd);
        return MHD_create_response_from_fd_at_offset64(reply->size, reply->fd, reply->offset);
    case HTTP_REPLY_SOURCE:
        return http_source_response(exchange);
    case HTTP_REPLY_STREAM:
        return http_stream_response(exchange);
    case HTTP_REPLY_NONE:
        break;
    }
    return NULL;
}

static bool must_close(struct http_exchange *exchange)
{
    const char *connection = http_exchange_header(exchange, "Connection");
    return exchange->reply.must_close || exchange->is_http_1_0 ||
           atomic_load(&exchange->server->is_stopping) ||
           (connection && strcasestr(connection, "close"));
}

enum MHD_Result http_exchange_queue(struct http_exchange *exchange)
{
    struct http_reply_state *reply = &exchange->reply;
    if (!http_conn_enter(exchange->conn, HTTP_PHASE_SENDING))
        return MHD_NO;
    struct MHD_Response *response = make_response(exchange);
    if (!response)
        return MHD_NO;
    exchange->has_resources = false;
    enum MHD_Result result = MHD_YES;
    for (const struct http_field *field = reply->fields; field && result; field = field->next)
        result = MHD_add_response_header(response, field->name, field->value);
    if (result)
        result = MHD_add_response_header(response, "X-Request-Id", exchange->request_id);
    if (must_close(exchange))
        exchange->conn->is_last = true;
    if (result && exchange->conn->is_last)
        result = MHD_add_response_header(response, "Connection", "close");
    if (result)
        result = MHD_queue_response(exchange->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response); /* the queue holds its own reference */
    if (result)
        exchange->step = HTTP_STEP_SENT;
    return result;
}

static void serialize(struct http_exchange *exchange, struct es_buf *wire)
{
    const struct http_reply_state *reply = &exchange->reply;
    char date[ES_HTTP_DATE_SIZE];
    es_http_date_format(es_clock_realtime_ms(), date);
    es_buf_printf(wire, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nX-Request-Id: %s\r\n",
                  reply->status, MHD_get_reason_phrase_for((unsigned)reply->status), date,
                  exchange->request_id);
    for (const struct http_field *field = reply->fields; field; field = field->next)
        es_buf_printf(wire, "%s: %s\r\n", field->name, field->value);
    if (reply->status != 204)
        es_buf_printf(wire, "Content-Length: %llu\r\n", (unsigned long long)reply->size);
    es_buf_append_text(wire, "\r\n");
    if (!http_exchange_is_head(exchange))
        es_buf_append(wire, reply->bytes, reply->size);
}

void http_exchange_send_raw(struct http_exchange *exchange)
{
    assert(exchange->reply.kind == HTTP_REPLY_BYTES);
    es_auto_buf wire = { 0 };
    serialize(exchange, &wire);
    ssize_t sent = send(exchange->conn->fd, wire.bytes, wire.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    exchange->is_raw = sent == (ssize_t)wire.size;
    exchange->step = HTTP_STEP_SENT;
}
