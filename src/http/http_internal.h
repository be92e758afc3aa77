/* What the files of this folder share. Nothing outside includes it.
 *
 * Threads. A loop thread of the library owns a connection and its exchange, but while the
 * connection is suspended a lane's thread owns the exchange. The keeper (http_keeper.c) enforces
 * deadlines: it may take an exchange over by moving the connection's state to HTTP_PHASE_CUT, after
 * which the loop only ends it. */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/es_arena.h"
#include "base/es_buf.h"
#include "base/es_id.h"
#include "base/es_pool.h"
#include "http/http_exchange.h"
#include "http/http_router.h"
#include "http/http_server.h"
#include "wire/uri.h"

#define HTTP_PARAMS_MAX      8
#define HTTP_SEGMENTS_MAX    32
#define HTTP_QUERY_PAIRS_MAX 256
#define HTTP_DRAIN_BYTES_MAX                                                                       \
    (64 * 1024) /* a refused body so small is read, and the connection kept */

/* ---- http_server.c ---- */

struct http_server {
    struct http_settings settings;
    struct http_hooks hooks;
    const struct http_router *router;
    struct MHD_Daemon *daemon;
    int listen_fd;
    uint16_t port;
    struct es_pool *pools[HTTP_LANE_LOOP]; /* NULL once drained; by enum http_lane */
    pthread_rwlock_t pools_lock;           /* held for writing while a pool goes away */
    size_t pool_loads_max[HTTP_LANE_LOOP]; /* a new exchange above that gets 503 */
    bool needs_layout_check;               /* the library's own parser is a lax one */
    bool is_stopped;
    atomic_bool is_stopping;

    pthread_mutex_t flight_mutex;
    pthread_cond_t has_landed;
    size_t exchanges_in_flight;

    struct http_conns *conns;
    struct http_keeper *keeper;
    struct http_gate *gate;

    pthread_mutex_t streams_mutex;
    struct http_stream *streams;
    size_t streams_count;
    uint64_t stream_serial;

    pthread_mutex_t waits_mutex;
    pthread_cond_t has_no_waits;
    struct http_wait *waits;
};

/* Has `run(argument)` called on the lane. False, and nothing happens, where it is drained already,
 * or where `is_new` and it is full. */
bool http_server_submit(struct http_server *server, enum http_lane lane, bool is_new,
                        void (*run)(void *argument), void *argument);

/* ---- http_conn.c ---- */

enum http_phase {
    HTTP_PHASE_IDLE = 0, /* between requests */
    HTTP_PHASE_HEADER,   /* the request line is in, the headers are not */
    HTTP_PHASE_BODY,     /* waiting for the client's bytes */
    HTTP_PHASE_WORKING,  /* waiting for us */
    HTTP_PHASE_SENDING,
    HTTP_PHASE_CUT, /* the keeper took over; final */
};

struct http_peer;

struct http_conn {
    struct http_server *server;
    struct http_conn *next, *previous; /* all of them; under the mutex of http_conns */
    struct http_peer *peer;
    int fd; /* the library's; open as long as this struct is in the list */
    char address[INET6_ADDRSTRLEN];
    enum http_refusal excess; /* one connection too many: what it is answered */
    bool has_begun;           /* the gate has seen its first byte */
    bool is_handed_over;      /* to the library, which closes the descriptor */
    bool is_last;             /* the library is about to close it after a reply */
    bool must_linger;         /* bytes may still be on their way in when it closes */
    pthread_t loop;           /* the thread it was handed over to */
    struct http_exchange *exchange;

    _Atomic uint64_t state; /* phase and since when, in one word: http_conn_enter */
    _Atomic uint64_t body_bytes;
    _Atomic int64_t body_waited_ms; /* in HTTP_PHASE_BODY, before the present one */
    _Atomic uint32_t serial;        /* of the exchange */

    /* the keeper's own */
    uint32_t window_serial;
    int64_t window_waited_ms;
    uint64_t window_bytes;
    int64_t next_check_ms;
};

struct http_conns; /* all of a server */

struct http_conns *http_conns_open(void);
void http_conns_close(struct http_conns *conns);
size_t http_conns_count(struct http_conns *conns);
/* With their mutex held. */
void http_conns_each(struct http_conns *conns,
                     void (*visit)(struct http_conn *conn, int64_t now_ms));
/* Closes the connections that were (or were not) handed over to the library and that nobody will
 * close. */
void http_conns_drop(struct http_conns *conns, bool is_handed_over);
/* The connection of this thread whose headers the library has read whole but is not going to show
 * us, or NULL. */
struct http_conn *http_conns_find_stumbled(struct http_conns *conns);

/* A connection was accepted; it is to be closed just before its descriptor is. */
struct http_conn *http_conn_open(struct http_server *server, int fd,
                                 const struct sockaddr *address);
void http_conn_close(struct http_conn *conn);

/* From the gate to a loop: called before, and by, whoever gets it. */
void http_conn_hand_over(struct http_conn *conn);
struct http_conn *http_conn_take_over(struct http_server *server, int fd);

bool http_conn_is_idle(struct http_conn *conn);

/* Enters the phase now. False where the keeper has cut it. Loop thread. */
ES_CHECK bool http_conn_enter(struct http_conn *conn, enum http_phase phase);

/* Takes the connection over, for the keeper, where it is still in `state`. */
ES_CHECK bool http_conn_cut(struct http_conn *conn, uint64_t state);

/* After the keeper cut a connection: waits until it no longer touches its exchange. */
void http_conn_await_keeper(struct http_conn *conn);

enum http_phase http_phase_of(uint64_t state);
int64_t http_since_of(uint64_t state);

/* ---- http_keeper.c ---- */

struct http_keeper;

ES_CHECK enum es_code http_keeper_open(struct http_server *server, struct http_keeper **ret_keeper,
                                       struct es_err *reterr);
void http_keeper_close(struct http_keeper *keeper);
void http_keeper_wake(struct http_keeper *keeper);
/* Reads on from a connection that its owner is about to close. */
void http_keeper_linger(struct http_keeper *keeper, int fd);
/* Tells http_stream_client_gone(server, serial) when the peer of `fd` closes. */
void http_keeper_watch(struct http_keeper *keeper, int fd, uint64_t serial);
void http_keeper_unwatch(struct http_keeper *keeper, int fd);

/* ---- http_gate.c ---- */

struct http_gate;

/* Starts accepting. */
ES_CHECK enum es_code http_gate_open(struct http_server *server, struct http_gate **ret_gate,
                                     struct es_err *reterr);
/* Stops accepting; what waited before the gate is left to http_conns_drop. */
void http_gate_close(struct http_gate *gate);

/* ---- http_exchange.c, http_request.c ---- */

enum http_step {
    HTTP_STEP_NEW = 0,
    HTTP_STEP_BEGIN,   /* route->begin runs */
    HTTP_STEP_BODY,    /* the body comes in, or there is none */
    HTTP_STEP_DATA,    /* route->data runs */
    HTTP_STEP_HANDLER, /* route->handler runs */
    HTTP_STEP_DRAIN,   /* replied; the rest of the body is dropped */
    HTTP_STEP_SENT,    /* the reply is the library's, or was sent raw */
};

enum http_reply_kind {
    HTTP_REPLY_NONE = 0,
    HTTP_REPLY_BYTES,
    HTTP_REPLY_FD,
    HTTP_REPLY_SOURCE,
    HTTP_REPLY_STREAM,
};

struct http_field {
    const char *name, *value;
    struct http_field *next;
};

struct http_reply_state {
    enum http_reply_kind kind;
    int status;
    const void *bytes;
    uint64_t size;
    int fd;
    uint64_t offset;
    struct http_source source;
    struct http_stream *stream;
    struct http_field *fields, **fields_end;
    bool must_close;
    uint64_t acked_before; /* by the peer's TCP, when a descriptor began to go out */
    _Atomic uint64_t bytes_pulled;
};

struct http_exchange {
    struct es_arena arena;
    struct http_server *server;
    struct http_conn *conn; /* not in route->abandon, which may come after the connection's end */
    struct MHD_Connection *connection;
    char address[INET6_ADDRSTRLEN];
    char request_id[ES_ID_SIZE];
    int64_t started_us;

    const char *method, *target, *path;
    const char *raw_target; /* the library's own copy, for the layout check */
    bool is_http_1_0, expects_continue;
    struct http_field *headers; /* in order */
    size_t headers_count;
    struct uri_pairs query;
    const struct http_route *route;
    struct uri_pair params[HTTP_PARAMS_MAX];
    size_t params_count;
    bool has_length;     /* Content-Length or chunked */
    int64_t body_length; /* -1: chunked */
    struct es_buf body;

    enum http_step step;
    bool has_begun;   /* begin or data ran */
    bool has_handled; /* handler ran */
    bool is_raw;      /* the reply was written by http_exchange_send_raw */
    bool is_refusing;
    bool has_resources; /* fd or source is still ours to close */
    uint64_t bytes_received;
    const void *piece; /* for route->data */
    size_t piece_size;
    size_t piece_done; /* bytes of the library's buffer that were handled but not given back */
    struct es_buf piece_copy;
    struct http_wait *wait; /* the handler asked for one */

    void *user;
    void (*release)(void *user);
    struct http_reply_state reply;
};

/* An exchange with a request id, counted as in flight. `target` may be "". */
struct http_exchange *http_exchange_open(struct http_server *server, struct http_conn *conn,
                                         const char *target);
/* Calls on_finish; `is_complete` by the library's word. */
void http_exchange_finish(struct http_exchange *exchange, bool is_complete);
void http_exchange_free(struct http_exchange *exchange);

/* Reads and checks the headers. HTTP_REFUSAL_UNSET where they are sound. */
enum http_refusal http_request_read(struct http_exchange *exchange, const char *method,
                                    const char *version);

/* Finds the route and fills the parameters; sets Allow for HTTP_REFUSAL_METHOD. */
enum http_refusal http_router_find(const struct http_router *router,
                                   struct http_exchange *exchange);

/* ---- http_reply.c ---- */

/* Makes the reply to a refusal by the hook or by default. */
void http_exchange_refuse(struct http_exchange *exchange, enum http_refusal refusal);

/* Hands the reply to the library. Loop thread. */
enum MHD_Result http_exchange_queue(struct http_exchange *exchange);

/* Writes a HTTP_REPLY_BYTES reply straight to the socket with "Connection: close": for when the
 * library would take none. What does not fit into the socket's buffer is lost. */
void http_exchange_send_raw(struct http_exchange *exchange);

/* ---- http_file.c, http_stream.c ---- */

struct MHD_Response *http_source_response(struct http_exchange *exchange);
struct MHD_Response *http_stream_response(struct http_exchange *exchange);
void http_stream_drop(struct http_stream *stream); /* a stream whose reply was never queued */
void http_stream_client_gone(struct http_server *server, uint64_t serial);
void http_streams_beat(struct http_server *server, int64_t now_ms);
void http_streams_end(struct http_server *server); /* all of them, for the stop */

/* ---- http_wait.c ---- */

/* `go_on(waiter)` is called once, on any thread: when the wait is ended and was left, or when the
 * server stops. */
struct http_wait *http_wait_open(struct http_server *server, void *waiter,
                                 void (*go_on)(void *waiter, bool is_stopping));
/* Nothing runs for the waiter any more, which is no longer the caller's. */
void http_wait_leave(struct http_wait *wait);
/* For the stop: all of them go on. Then, with no handler running any more: the last has. */
void http_waits_end(struct http_server *server);
void http_waits_await(struct http_server *server);
size_t http_waits_count(struct http_server *server);

/* ---- http_loop.c: the library's callbacks ---- */

/* Has the handler called again. False where the pools are gone. */
ES_CHECK bool http_loop_run_again(struct http_exchange *exchange);

void *http_loop_on_target(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_loop_on_access(void *server, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *upload, size_t *upload_size, void **context);
void http_loop_on_completed(void *server, struct MHD_Connection *connection, void **context,
                            enum MHD_RequestTerminationCode code);
void http_loop_on_log(void *server, const char *format, va_list arguments);
void http_loop_on_connection(void *server, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code);

#endif
