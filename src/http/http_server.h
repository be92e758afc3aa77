/* The HTTP server: an HTTP/1.1 listener over GNU libmicrohttpd, which nobody outside this folder
 * sees. Event loops (one a core) only move bytes; handlers run on bounded pools, so that no
 * blocking call stalls a loop. It is strict on its own: what could be read in two ways is refused
 * with 400 and the connection closed. It logs nothing; hooks tell its owner what happened. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_error.h"
#include "http/http_exchange.h"
#include "http/http_router.h"

struct http_settings {
    const char *host; /* an IPv4 or IPv6 address, or a name; "127.0.0.1" */
    uint16_t port;    /* 0: any free one, see http_server_port */

    size_t loop_threads;      /* 1..64; 0: one a core */
    size_t handler_threads;   /* 1..256, HTTP_LANE_POOL */
    size_t handler_queue_max; /* requests that may wait for one; one more gets 503 */
    size_t heavy_threads;     /* 1..256, HTTP_LANE_HEAVY */
    size_t heavy_queue_max;

    size_t connections_max;             /* in all; one more gets 503 */
    size_t connections_per_address_max; /* 0: no limit of its own; one more gets 429 */

    size_t connection_memory_bytes; /* 32..256 KiB, held by each connection past its first head */
    size_t header_bytes_max;  /* request line and headers, up to a third of it; more gets 431 */
    size_t target_bytes_max;  /* more gets 414 */
    size_t headers_count_max; /* more gets 431 */

    int64_t header_deadline_ms; /* first byte to end of headers; later gets 408 */
    /* A body must keep this rate in each window of body_grace_ms, or gets 408. Only the time that
     * we wait for the client counts. */
    uint64_t body_bytes_per_second_min;
    int64_t body_grace_ms;
    int64_t idle_timeout_ms; /* between requests, and before the first */
    /* While a reply goes out, a peer that gave no sign of life for so long is cut. A paused player
     * still acknowledges the kernel's probes (at least every two minutes) and so is never cut. >=
     * 120 s. */
    int64_t sending_timeout_ms;
    size_t send_buffer_bytes; /* unsent bytes the kernel may hold for one connection */
    int64_t
        linger_ms; /* how long a refused upload is read on, so that its client sees the answer */
};

/* What the layer refused by itself, with the status that it answers. */
enum http_refusal {
    HTTP_REFUSAL_UNSET = 0,
    HTTP_REFUSAL_MALFORMED,             /* 400 */
    HTTP_REFUSAL_NOT_FOUND,             /* 404 no such route */
    HTTP_REFUSAL_METHOD,                /* 405, Allow is set already */
    HTTP_REFUSAL_TIMEOUT,               /* 408 */
    HTTP_REFUSAL_LENGTH_REQUIRED,       /* 411 */
    HTTP_REFUSAL_BODY_TOO_LARGE,        /* 413 */
    HTTP_REFUSAL_TARGET_TOO_LONG,       /* 414 */
    HTTP_REFUSAL_RANGE,                 /* 416, Content-Range is set already */
    HTTP_REFUSAL_EXPECTATION,           /* 417 Expect other than 100-continue */
    HTTP_REFUSAL_HEADERS_TOO_LARGE,     /* 431 */
    HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS, /* 429, Retry-After is set already */
    HTTP_REFUSAL_NO_REPLY,              /* 500 a handler returned without a reply */
    HTTP_REFUSAL_OVERLOADED, /* 503 pool or server full, or stopping; Retry-After is set already */
    HTTP_REFUSAL_VERSION,    /* 505 */
};

int http_refusal_status(enum http_refusal refusal);

/* Every member may be NULL. `context` is http_exchange_server_context() in each. */
struct http_hooks {
    void *context;

    /* On a loop thread, once the headers are in and found sound, before the route is looked up;
     * must not block. May add headers that every reply shall have (CORS), and may reply (OPTIONS).
     */
    void (*before)(struct http_exchange *exchange);

    /* (The one gap: a later request on a kept connection whose lines are not even lines may be
     * answered 400 by the library itself, with its own text and no id; its connection ends all the
     * same.) Writes the body of a refusal by one http_reply with http_refusal_status(refusal); may
     * add headers. Any thread, must not block. Without it, or where it does not reply: a short
     * text/plain. Where the request could not be read, path, query and headers are empty. */
    void (*on_refusal)(struct http_exchange *exchange, enum http_refusal refusal);

    /* Once for each exchange, when its reply has gone out or its client has gone away (is_complete
     * false; status 0: before there was a reply). Any thread; must not block. */
    void (*on_finish)(struct http_exchange *exchange, const struct http_finish *finish);
};

struct http_server;

/* Sane values for a gateway; every member can be set after. */
struct http_settings http_settings_default(void);

/* Binds, listens and serves `router`, which must outlive the server, as must `hooks->context`; the
 * structs themselves are copied. ES_INVALID for a setting out of range, ES_IO, ES_CONFLICT where
 * the address is taken. */
ES_CHECK enum es_code http_server_open(const struct http_settings *settings,
                                       const struct http_hooks *hooks,
                                       const struct http_router *router,
                                       struct http_server **ret_server, struct es_err *reterr);

/* The port it listens on. */
uint16_t http_server_port(const struct http_server *server);

/* Figures for the metrics; thread-safe. */
struct http_server_load {
    size_t connections;   /* open */
    size_t exchanges;     /* in flight, streams included */
    size_t streams;       /* live streams */
    size_t waits;         /* requests that wait without a thread */
    size_t handlers_busy; /* waiting or running on the pools */
};
struct http_server_load http_server_load(struct http_server *server);

/* Stops accepting at once, closes idle connections and live streams, lets what runs finish for at
 * most `deadline_ms`, then cuts the rest. Waits for handlers that still run, whatever the deadline:
 * a handler must bound itself. Blocks; not from a handler. Twice is once. */
void http_server_stop(struct http_server *server, int64_t deadline_ms);

/* Stops (deadline 0) where that was not done, and frees. */
void http_server_close(struct http_server *server);

ES_DEFINE_AUTO(http_server, http_server_close);

#endif
