/* The library's callbacks: the walk of an exchange from its request line to its end. All of it runs
 * on the connection's loop thread, but for run_task, which runs on a lane while the connection is
 * suspended.
 *
 * The library calls on_access once when the headers are in, then with every piece of the body, then
 * once with none. Replying at the first of these closes the connection afterwards; in the middle of
 * a body it takes no reply at all, hence http_exchange_send_raw. */
#include "http/http_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static uint64_t body_left(const struct http_exchange *exchange)
{
    if (exchange->body_length < 0)
        return UINT64_MAX;
    return (uint64_t)exchange->body_length - exchange->bytes_received;
}

static uint64_t body_bytes_max(const struct http_exchange *exchange)
{
    const struct http_route *route = exchange->route;
    return route->body == HTTP_BODY_NONE ? HTTP_DRAIN_BYTES_MAX : route->body_bytes_max;
}

/* Back to the library, for the next piece of the body, or for the call that says there is none. */
static enum MHD_Result await_body(struct http_exchange *exchange)
{
    if (body_left(exchange) == 0)
        return MHD_YES;
    return http_conn_enter(exchange->conn, HTTP_PHASE_BODY) ? MHD_YES : MHD_NO;
}

void *http_loop_on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_conn *conn = info ? info->socket_context : NULL;
    if (!conn)
        return NULL;
    struct http_exchange *exchange = http_exchange_open(context, conn, target ? target : "");
    exchange->connection = connection;
    exchange->raw_target = target;
    conn->exchange = exchange;
    atomic_fetch_add(&conn->serial, 1);
    atomic_store(&conn->body_bytes, 0);
    atomic_store(&conn->body_waited_ms, 0);
    /* Where the keeper has cut it, the first on_access finds out. */
    (void)!http_conn_enter(conn, HTTP_PHASE_HEADER);
    return exchange;
}

/* ---- tasks: a route's callbacks, on its lane ---- */

static void call_route(struct http_exchange *exchange)
{
    const struct http_route *route = exchange->route;
    switch (exchange->step) {
    case HTTP_STEP_BEGIN:
        exchange->has_begun = true;
        route->begin(exchange);
        break;
    case HTTP_STEP_DATA:
        exchange->has_begun = true;
        route->data(exchange, exchange->piece, exchange->piece_size);
        break;
    case HTTP_STEP_HANDLER:
        exchange->has_handled = true;
        route->handler(exchange);
        assert(!exchange->wait || !http_exchange_is_replied(exchange));
        if (!exchange->wait && !http_exchange_is_replied(exchange))
            http_exchange_refuse(exchange, HTTP_REFUSAL_NO_REPLY);
        break;
    case HTTP_STEP_NEW:
    case HTTP_STEP_BODY:
    case HTTP_STEP_DRAIN:
    case HTTP_STEP_SENT:
        assert(false);
    }
}

static void run_task(void *argument)
{
    struct http_exchange *exchange = argument;
    struct MHD_Connection *connection = exchange->connection;
    call_route(exchange);
    if (exchange->wait)
        http_wait_leave(exchange->wait);
    else
        MHD_resume_connection(connection); /* the loop's again, which may end it at once */
}

bool http_loop_run_again(struct http_exchange *exchange)
{
    return http_server_submit(exchange->server, exchange->route->lane, false, run_task, exchange);
}

/* Starts the step on the route's lane. True where it is done already, false where the connection
 * waits. */
static bool start_task(struct http_exchange *exchange, enum http_step step)
{
    bool is_new = !exchange->has_begun;
    enum http_lane lane = exchange->route->lane;
    exchange->step = step;
    if (lane == HTTP_LANE_LOOP) {
        call_route(exchange);
        return true;
    }
    MHD_suspend_connection(exchange->connection);
    if (http_server_submit(exchange->server, lane, is_new, run_task, exchange))
        return false;
    http_exchange_refuse(exchange, HTTP_REFUSAL_OVERLOADED);
    MHD_resume_connection(exchange->connection);
    return false;
}

/* ---- a reply while there is a body still to come ---- */

static enum MHD_Result answer_in_body(struct http_exchange *exchange)
{
    if (body_left(exchange) <= HTTP_DRAIN_BYTES_MAX || exchange->reply.kind != HTTP_REPLY_BYTES) {
        exchange->step = HTTP_STEP_DRAIN;
        return await_body(exchange);
    }
    exchange->conn->must_linger = true;
    http_exchange_send_raw(exchange);
    return MHD_NO; /* the library closes; what was written goes out first */
}

static enum MHD_Result answer_before_body(struct http_exchange *exchange)
{
    bool is_small = body_left(exchange) <= HTTP_DRAIN_BYTES_MAX && !exchange->reply.must_close &&
                    !exchange->expects_continue;
    if (is_small) {
        exchange->step = HTTP_STEP_DRAIN;
        return await_body(exchange);
    }
    exchange->conn->must_linger = true;
    exchange->conn->is_last = true;
    return http_exchange_queue(exchange);
}

/* ---- the steps ---- */

static enum http_refusal check_body(const struct http_exchange *exchange)
{
    const struct http_route *route = exchange->route;
    if (route->body == HTTP_BODY_STREAMED && !exchange->has_length)
        return HTTP_REFUSAL_LENGTH_REQUIRED;
    if (exchange->body_length > 0 && (uint64_t)exchange->body_length > body_bytes_max(exchange))
        return HTTP_REFUSAL_BODY_TOO_LARGE;
    return HTTP_REFUSAL_UNSET;
}

/* The headers are in: refuse, or find the route. */
static void open_request(struct http_exchange *exchange, const char *method, const char *version)
{
    struct http_server *server = exchange->server;
    enum http_refusal refusal = http_request_read(exchange, method, version);
    if (refusal != HTTP_REFUSAL_UNSET) {
        exchange->reply.must_close = true;
        http_exchange_refuse(exchange, refusal);
        return;
    }
    /* Should a lenient proxy and the library ever read chunks differently, nothing may follow them.
     */
    if (exchange->body_length < 0)
        exchange->reply.must_close = true;
    if (server->hooks.before)
        server->hooks.before(exchange);
    if (http_exchange_is_replied(exchange))
        return;
    refusal = http_router_find(server->router, exchange);
    if (refusal == HTTP_REFUSAL_UNSET)
        refusal = check_body(exchange);
    if (refusal != HTTP_REFUSAL_UNSET)
        http_exchange_refuse(exchange, refusal);
}

static enum MHD_Result start_body(struct http_exchange *exchange)
{
    if (http_exchange_is_replied(exchange))
        return answer_before_body(exchange);
    exchange->step = HTTP_STEP_BODY;
    if (exchange->route->body == HTTP_BODY_WHOLE && exchange->body_length > 0)
        es_buf_reserve(&exchange->body, (size_t)exchange->body_length);
    return await_body(exchange);
}

static void count_received(struct http_exchange *exchange, size_t size)
{
    exchange->bytes_received += size;
    atomic_fetch_add(&exchange->conn->body_bytes, size);
}

/* Hands the next bytes to route->data. They stay in the library's buffer, unconsumed, so that it
 * calls again when the connection is resumed. Those of a body with a length lie still meanwhile;
 * chunked ones are moved within the buffer, and so are copied. */
static enum MHD_Result take_streamed(struct http_exchange *exchange, const char *upload,
                                     size_t *upload_size)
{
    size_t size = *upload_size - exchange->piece_done;
    exchange->piece = upload + exchange->piece_done;
    exchange->piece_size = size;
    count_received(exchange, size);
    if (exchange->body_length < 0) {
        es_buf_clear(&exchange->piece_copy);
        es_buf_append(&exchange->piece_copy, exchange->piece, size);
        exchange->piece = exchange->piece_copy.bytes;
    }
    if (!start_task(exchange, HTTP_STEP_DATA))
        return MHD_YES;
    *upload_size = 0; /* handled already, on the loop */
    exchange->step = HTTP_STEP_BODY;
    return http_exchange_is_replied(exchange) ? answer_in_body(exchange) : await_body(exchange);
}

static enum MHD_Result take_body(struct http_exchange *exchange, const char *upload,
                                 size_t *upload_size)
{
    size_t size = *upload_size - exchange->piece_done;
    if (size > body_bytes_max(exchange) - exchange->bytes_received) {
        http_exchange_refuse(exchange, HTTP_REFUSAL_BODY_TOO_LARGE);
        *upload_size = 0;
        return answer_in_body(exchange);
    }
    if (exchange->route->body == HTTP_BODY_STREAMED)
        return take_streamed(exchange, upload, upload_size);
    if (exchange->route->body == HTTP_BODY_WHOLE)
        es_buf_append(&exchange->body, upload, size);
    count_received(exchange, size);
    *upload_size = 0;
    return await_body(exchange);
}

/* route->data has returned. */
static enum MHD_Result end_data(struct http_exchange *exchange, const char *upload,
                                size_t *upload_size)
{
    exchange->step = HTTP_STEP_BODY;
    exchange->piece_done += exchange->piece_size;
    if (exchange->piece_done == *upload_size || http_exchange_is_replied(exchange)) {
        *upload_size = 0;
        exchange->piece_done = 0;
    }
    if (http_exchange_is_replied(exchange))
        return answer_in_body(exchange);
    if (*upload_size > 0) /* more came in when the connection was resumed */
        return take_body(exchange, upload, upload_size);
    return await_body(exchange);
}

static enum MHD_Result drain(struct http_exchange *exchange, size_t *upload_size)
{
    if (*upload_size == 0)
        return http_exchange_queue(exchange);
    count_received(exchange, *upload_size);
    *upload_size = 0;
    uint64_t most = exchange->route ? body_bytes_max(exchange) : HTTP_DRAIN_BYTES_MAX;
    return exchange->bytes_received <= most ? await_body(exchange) : MHD_NO;
}

static enum MHD_Result start_handler(struct http_exchange *exchange)
{
    return start_task(exchange, HTTP_STEP_HANDLER) ? http_exchange_queue(exchange) : MHD_YES;
}

static enum MHD_Result start_exchange(struct http_exchange *exchange, const char *method,
                                      const char *version)
{
    open_request(exchange, method, version);
    if (!http_exchange_is_replied(exchange) && exchange->route->begin &&
        !start_task(exchange, HTTP_STEP_BEGIN))
        return MHD_YES;
    return start_body(exchange);
}

enum MHD_Result http_loop_on_access(void *server, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *upload, size_t *upload_size, void **context)
{
    (void)server, (void)connection, (void)url;
    struct http_exchange *exchange = *context;
    if (!exchange || !http_conn_enter(exchange->conn, HTTP_PHASE_WORKING))
        return MHD_NO;
    switch (exchange->step) {
    case HTTP_STEP_NEW:
        return start_exchange(exchange, method, version);
    case HTTP_STEP_BEGIN:
        return start_body(exchange);
    case HTTP_STEP_BODY:
        return *upload_size > 0 ? take_body(exchange, upload, upload_size)
                                : start_handler(exchange);
    case HTTP_STEP_DATA:
        return end_data(exchange, upload, upload_size);
    case HTTP_STEP_DRAIN:
        return drain(exchange, upload_size);
    case HTTP_STEP_HANDLER:
        return http_exchange_queue(exchange);
    case HTTP_STEP_SENT:
        break;
    }
    return MHD_NO;
}

/* ---- the end ---- */

/* Error answers that the library made on this thread and whose connections have not ended yet. */
static _Thread_local unsigned library_answers;

static void run_abandon(void *argument)
{
    struct http_exchange *exchange = argument;
    exchange->route->abandon(exchange);
    http_exchange_free(exchange);
}

static void abandon(struct http_exchange *exchange)
{
    enum http_lane lane = exchange->route->lane;
    if (lane == HTTP_LANE_LOOP ||
        !http_server_submit(exchange->server, lane, false, run_abandon, exchange))
        run_abandon(exchange); /* the pools are gone: the server is stopping */
}

void http_loop_on_completed(void *server, struct MHD_Connection *connection, void **context,
                            enum MHD_RequestTerminationCode code)
{
    (void)server, (void)connection;
    struct http_exchange *exchange = *context;
    if (!exchange)
        return;
    *context = NULL;
    struct http_conn *conn = exchange->conn;
    if (!http_conn_enter(conn, HTTP_PHASE_IDLE))
        http_conn_await_keeper(conn);
    conn->exchange = NULL;
    if (exchange->step == HTTP_STEP_NEW && library_answers > 0)
        library_answers--;
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        conn->is_last = true;
    http_exchange_finish(exchange, code == MHD_REQUEST_TERMINATED_COMPLETED_OK || exchange->is_raw);
    bool is_abandoned = exchange->has_begun && !exchange->has_handled;
    if (is_abandoned && exchange->route->abandon)
        abandon(exchange);
    else
        http_exchange_free(exchange);
}

/* ---- where the library speaks for itself, or says nothing ---- */

/* Called before it answers a request that it will not show us. One kind it answers wrongly (twice,
 * for a bad Content-Length): there the headers are in, so that the connection can be told, and we
 * are faster. */
void http_loop_on_log(void *server, const char *format, va_list arguments)
{
    if (!strstr(format, "HTTP response code is %u"))
        return;
    unsigned status = va_arg(arguments, unsigned);
    struct http_conn *conn = http_conns_find_stumbled(((struct http_server *)server)->conns);
    if (!conn || !http_conn_enter(conn, HTTP_PHASE_SENDING)) {
        library_answers++;
        return;
    }
    http_exchange_refuse(conn->exchange,
                         status == 431 ? HTTP_REFUSAL_HEADERS_TOO_LARGE : HTTP_REFUSAL_MALFORMED);
    http_exchange_send_raw(conn->exchange);
    conn->must_linger = true;
    shutdown(conn->fd, SHUT_WR); /* the library's own answer fails, and it closes */
}

/* The library cuts off a kept connection whose next request line it cannot read. */
static bool was_cut_in_silence(struct http_conn *conn)
{
    char byte;
    if (conn->is_last || !http_conn_is_idle(conn) || atomic_load(&conn->server->is_stopping))
        return false;
    ssize_t got = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    bool is_peer_there = got > 0 || (got < 0 && errno == EAGAIN);
    if (is_peer_there && library_answers > 0) {
        library_answers--;
        return false;
    }
    return is_peer_there;
}

static void end_connection(struct http_conn *conn)
{
    if (was_cut_in_silence(conn)) {
        struct http_exchange *exchange = http_exchange_open(conn->server, conn, "");
        http_exchange_refuse(exchange, HTTP_REFUSAL_MALFORMED);
        http_exchange_send_raw(exchange);
        http_exchange_finish(exchange, exchange->is_raw);
        http_exchange_free(exchange);
        conn->must_linger = true;
    }
    http_conn_close(conn);
}

void http_loop_on_connection(void *server, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        end_connection(*context);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = http_conn_take_over(server, info->connect_fd);
}
