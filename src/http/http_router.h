/* Tables of routes, joined into one router. A pattern is a path whose segments are literal or one
 * `{name}`; "/hls/{link}/{file}". A literal segment wins over a name. A last segment `{name...}`
 * takes the rest of the path, slashes included (at least one character). HEAD is served by GET's
 * route. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_error.h"

struct http_exchange;

/* Must leave the exchange with a reply (http_exchange.h). */
typedef void http_handler(struct http_exchange *exchange);
typedef void http_data_handler(struct http_exchange *exchange, const void *bytes, size_t size);

enum http_body {
    HTTP_BODY_NONE = 0, /* a body that comes all the same is read and dropped, 413 over 64 KiB */
    HTTP_BODY_WHOLE,    /* http_exchange_body() has it in the handler */
    HTTP_BODY_STREAMED, /* comes piece by piece to `data`; 411 without Content-Length or chunked */
};

enum http_lane {
    HTTP_LANE_POOL = 0, /* the handler pool: may block */
    HTTP_LANE_HEAVY, /* a small pool of its own: password hashing, which must not starve the others
                      */
    HTTP_LANE_LOOP,  /* on the event loop: for what never blocks and takes microseconds */
};

struct http_route {
    const char *method;  /* "GET"; NULL ends a table */
    const char *pattern; /* "/media/{media_id}/stream" */

    /* Once the whole request is in. Runs on the lane. */
    http_handler *handler;

    enum http_body body;
    uint64_t body_bytes_max; /* more is 413, at the sight of Content-Length where there is one */

    /* Optional, also for HTTP_BODY_WHOLE: before the first byte of the body is read and before "100
     * Continue", so that a refusal (401, 413) costs no upload. Runs on the lane. */
    http_handler *begin;

    /* HTTP_BODY_STREAMED: the next bytes, in order, never two at a time; they are valid during the
     * call. Runs on the lane and may block: the client is held back meanwhile. After a reply none
     * comes. */
    http_data_handler *data;

    /* Optional: the exchange ends after `begin` or `data` ran but `handler` will not, be it that
     * the client went away, that the layer refused the rest, or that begin or data replied. Runs on
     * the lane; any reply is ignored. This is where a half-finished upload is thrown away. */
    http_handler *abandon;

    enum http_lane lane;
    const void *context; /* http_exchange_route() gives it back */
};

struct http_router;

struct http_router *http_router_open(void);

/* Adds every route of `table` up to the one without a method. The table must outlive the router.
 * Before the server opens only. ES_INVALID: a malformed pattern, no handler, or `data` without a
 * streamed body; ES_CONFLICT: the same method and shape twice. */
ES_CHECK enum es_code http_router_add(struct http_router *router, const struct http_route *table,
                                      struct es_err *reterr);

/* Calls `visit` for each route in the order added. */
void http_router_each(const struct http_router *router,
                      void (*visit)(const struct http_route *route, void *context), void *context);

void http_router_close(struct http_router *router);

ES_DEFINE_AUTO(http_router, http_router_close);

#endif
