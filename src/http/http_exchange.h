/* One request and its reply. An exchange belongs to one thread at a time (the loop, or the lane's
 * thread that runs a callback); only http_stream_* may be used from others. Texts that it returns
 * live in its arena, and die with it once the reply has gone out. */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "http/http_router.h"
#include "wire/uri.h"

struct http_exchange;

/* ---- the request ---- */

struct es_arena *http_exchange_arena(struct http_exchange *exchange);

/* A lower-case UUIDv4, made here; every reply carries it as X-Request-Id. */
const char *http_exchange_request_id(const struct http_exchange *exchange);

/* As sent: "HEAD" stays "HEAD". "" where the request could not be read. */
const char *http_exchange_method(const struct http_exchange *exchange);
bool http_exchange_is_head(const struct http_exchange *exchange);

/* As sent, percent-encoded, with the query: "/media?q=a%20b". */
const char *http_exchange_target(const struct http_exchange *exchange);

/* Percent-decoded, without the query. */
const char *http_exchange_path(const struct http_exchange *exchange);

/* The route, or NULL before it is looked up and where there is none. Its pattern is the template.
 */
const struct http_route *http_exchange_route(const struct http_exchange *exchange);

/* The path parameter of that name, decoded: valid UTF-8, not empty, no '/' (but in `{name...}`), no
 * NUL. NULL where the pattern has no such name. */
const char *http_exchange_param(const struct http_exchange *exchange, const char *name);

/* The decoded query, in order; `+` is a space. The first value of `name`, or NULL. A query that
 * does not decode was refused with 400 before any callback. */
const struct uri_pairs *http_exchange_query(const struct http_exchange *exchange);
const char *http_exchange_query_value(const struct http_exchange *exchange, const char *name);

/* The value of the header, any case; several lines of one list header come joined by ", " (Cookie
 * by
 * "; "). NULL where it is not there. Spaces at both ends are gone; bytes 0x80..0xff may occur. */
const char *http_exchange_header(struct http_exchange *exchange, const char *name);

/* The first cookie of that name, or NULL. */
const char *http_exchange_cookie(struct http_exchange *exchange, const char *name);

/* The peer's numeric address without port: "192.0.2.7", "2001:db8::1". */
const char *http_exchange_remote_address(const struct http_exchange *exchange);

/* The Content-Length; -1 for a chunked body; 0 without body. */
int64_t http_exchange_body_length(const struct http_exchange *exchange);

/* HTTP_BODY_WHOLE, in the handler: the body and its size, followed by a zero byte that is not
 * counted. Never NULL. */
const char *http_exchange_body(const struct http_exchange *exchange, size_t *ret_size);

/* When the request line had been read, on the monotonic clock. */
int64_t http_exchange_started_us(const struct http_exchange *exchange);

/* http_hooks.context */
void *http_exchange_server_context(const struct http_exchange *exchange);

/* A slot for the API's own state. `release(user)`, if any, is called once, after on_finish; it must
 * not block. Setting it again releases what was there before. */
void http_exchange_set_user(struct http_exchange *exchange, void *user,
                            void (*release)(void *user));
void *http_exchange_user(const struct http_exchange *exchange);

/* ---- the reply: exactly one of the http_reply_* calls; a second one is a programmer's error ----
 */

bool http_exchange_is_replied(const struct http_exchange *exchange);
int http_exchange_reply_status(const struct http_exchange *exchange); /* 0 before */

/* Adds a header to the reply that is still to come. Both texts are copied; control characters in
 * `value` are dropped, so that nothing can break out of its line. The layer itself sets
 * Content-Length, Transfer-Encoding, Connection, Date, X-Request-Id. */
void http_reply_add_header(struct http_exchange *exchange, const char *name, const char *value);
/* The same, but takes the place of what was added under that name before. */
void http_reply_set_header(struct http_exchange *exchange, const char *name, const char *value);

/* A reply in one piece. `bytes` are not copied: they must be static or in the exchange's arena.
 * `content_type` NULL: no such header. 204 and 304 send no body whatever `size`. May be called
 * while a body is still coming in: the rest is then not asked for, but read on for a bounded time,
 * so that the client sees the answer, and the connection is closed. */
void http_reply(struct http_exchange *exchange, int status, const char *content_type,
                const void *bytes, size_t size);

struct http_wait;

/* Where the bytes of a file come from when there is no descriptor. */
struct http_source {
    /* Fills `ret_bytes` with 1..size bytes from `offset`; may block: it runs on the handler pool
     * while the connection waits, never twice at a time. An error cuts the connection, so that the
     * client sees that the body is not whole. */
    enum es_code (*read)(void *context, uint64_t offset, void *ret_bytes, size_t size,
                         size_t *ret_size, struct es_err *reterr);
    /* Optional: called once when no more is needed; must not block for long. */
    void (*close)(void *context);
    void *context;
    /* Optional: `read` gave ES_OK and no bytes, since they are still to come. Ends the wait, soon
     * or later and on any thread, when it is to be called again; nothing runs meanwhile. Whoever
     * waits must bound it. That the client went away is noticed with the next call. */
    void (*await)(void *context, struct http_wait *wait);
};

struct http_file {
    int fd; /* used where source.read is NULL; taken over by the call in any case */
    struct http_source source; /* taken over: its close is called, whatever the outcome */
    uint64_t offset;           /* where in the descriptor or source the file begins */
    uint64_t size_bytes;
    int64_t mtime_ms; /* 0: no Last-Modified */
    const char *etag; /* with its quotes, strong, or W/ weak; NULL: none */
    const char *content_type;
    const char *disposition;   /* a Content-Disposition (wire/http_header.h makes one), or NULL */
    const char *cache_control; /* or NULL */
};

/* Replies to GET or HEAD with the file as RFC 9110 has it: 200, or 206 for a Range that applies,
 * 416 with `Content-Range: bytes * / size` (by on_refusal), 304 for If-None-Match or
 * If-Modified-Since, 412 for If-Match or If-Unmodified-Since; If-Range; ETag, Last-Modified,
 * Accept-Ranges. Several ranges are answered with the whole file. Descriptors go out by sendfile.
 */
void http_reply_file(struct http_exchange *exchange, const struct http_file *file);

/* ---- waiting without a thread ---- */

/* In a handler that does not run on HTTP_LANE_LOOP, instead of a reply: once it has returned, the
 * request waits, and costs no thread, until http_wait_end. Then the handler is called again from
 * its beginning, with the same exchange; where the server stops it is refused as overloaded
 * instead. That the client goes away meanwhile is not noticed: whoever waits must bound it. */
struct http_wait *http_exchange_wait(struct http_exchange *exchange);

/* Ends the wait and gives the handle up, which must be done once for each, also where the server
 * was stopped or closed meanwhile. Any thread, does not block; may come before the handler returns.
 */
void http_wait_end(struct http_wait *wait);

/* ---- live streams (Server-Sent Events) ---- */

struct http_stream;

struct http_stream_settings {
    const char *content_type; /* "text/event-stream" */
    size_t buffer_bytes_max;  /* what may wait for a slow reader before it is cut; 0: 256 KiB */
    const char *heartbeat;    /* static text sent after heartbeat_ms of silence, or NULL: ":\n\n" */
    int64_t heartbeat_ms;     /* 0: never */
    /* Optional: the stream ended from the other side (client gone, too slow, server stopping).
     * Called once, on any thread, without locks held; not after http_stream_close. Must not block;
     * may call http_stream_close. */
    void (*closed)(void *context);
    void *context;
};

/* Begins an endless reply with status 200 and `Cache-Control: no-store` (unless one was added). The
 * stream is the caller's until http_stream_close, even where its client is long gone. It outlives
 * the exchange, which must not be touched through it. Costs no thread while idle. */
struct http_stream *http_reply_stream(struct http_exchange *exchange,
                                      const struct http_stream_settings *settings);

/* Appends, whole or not at all. False where the stream has ended, or where the buffer would
 * overflow, which ends it. Any thread, does not block. */
bool http_stream_write(struct http_stream *stream, const void *bytes, size_t size);

bool http_stream_is_open(struct http_stream *stream);

/* Sends what is still buffered, ends the reply, and gives the handle up. Any thread, does not
 * block. */
void http_stream_close(struct http_stream *stream);

/* ---- how it ended, for on_finish ---- */

struct http_finish {
    int status;              /* of the reply; 0: the client went away before there was one */
    int64_t duration_us;     /* from the request line to the last byte handed to the kernel */
    uint64_t bytes_sent;     /* of the body, as far as known */
    uint64_t bytes_received; /* of the body */
    bool is_complete;        /* the whole reply went out */
};

#endif
