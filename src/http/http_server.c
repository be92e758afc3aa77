/* Opening, stopping and closing: the listening socket, the library's daemon, the pools. */
#include "http/http_internal.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "base/es_clock.h"

#define KIB            ((size_t)1024)
#define LISTEN_BACKLOG 1024

struct http_settings http_settings_default(void)
{
    return (struct http_settings){
        .host = "127.0.0.1",
        .handler_threads = 32,
        .handler_queue_max = 512,
        .heavy_threads = 2,
        .heavy_queue_max = 64,
        .connections_max = 2048,
        .connections_per_address_max = 512,
        .connection_memory_bytes = 32 * KIB, /* from the heap; more is mapped, at a cost */
        .header_bytes_max = 10 * KIB,
        .target_bytes_max = 8 * KIB,
        .headers_count_max = 100,
        .header_deadline_ms = 15 * 1000,
        .body_bytes_per_second_min = 512,
        .body_grace_ms = 30 * 1000,
        .idle_timeout_ms = 75 * 1000,
        .sending_timeout_ms = 600 * 1000,
        .send_buffer_bytes = 256 * KIB,
        .linger_ms = 3000,
    };
}

static bool in_range(uint64_t value, uint64_t least, uint64_t most)
{
    return value >= least && value <= most;
}

static enum es_code check_settings(const struct http_settings *settings, struct es_err *reterr)
{
    const char *wrong = NULL;
    if (!settings->host || !*settings->host)
        wrong = "host";
    else if (!in_range(settings->loop_threads, 0, 64))
        wrong = "loop_threads";
    else if (!in_range(settings->handler_threads, 1, 256) ||
             !in_range(settings->heavy_threads, 1, 256))
        wrong = "handler_threads or heavy_threads";
    else if (!in_range(settings->connections_max, 1, 1000000))
        wrong = "connections_max";
    else if (!in_range(settings->connection_memory_bytes, 32 * KIB, 256 * KIB))
        wrong = "connection_memory_bytes";
    else if (!in_range(settings->header_bytes_max, 1 * KIB, settings->connection_memory_bytes / 3))
        wrong = "header_bytes_max";
    else if (!in_range(settings->target_bytes_max, 64, settings->header_bytes_max))
        wrong = "target_bytes_max";
    else if (settings->header_deadline_ms < 1 || settings->idle_timeout_ms < 1 ||
             settings->body_grace_ms < 1 || settings->linger_ms < 1)
        wrong = "a deadline";
    else if (settings->sending_timeout_ms < 120 * 1000)
        wrong = "sending_timeout_ms";
    else if (!in_range(settings->send_buffer_bytes, 4 * KIB, 64 * KIB * KIB))
        wrong = "send_buffer_bytes";
    return wrong ? es_fail(reterr, ES_INVALID, "%s is out of range", wrong) : ES_OK;
}

/* ---- the listening socket ---- */

static int listen_at(const struct addrinfo *address)
{
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum es_code open_listener(struct http_server *server, struct es_err *reterr)
{
    const struct http_settings *settings = &server->settings;
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *addresses;
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)settings->port);
    int failure = getaddrinfo(settings->host, port, &hints, &addresses);
    if (failure)
        return es_fail(reterr, ES_INVALID, "host '%s': %s", settings->host, gai_strerror(failure));
    for (struct addrinfo *address = addresses; address && server->listen_fd < 0;
         address = address->ai_next)
        server->listen_fd = listen_at(address);
    int error = errno;
    freeaddrinfo(addresses);
    if (server->listen_fd < 0 && error == EADDRINUSE)
        return es_fail(reterr, ES_CONFLICT, "%s:%u is taken", settings->host,
                       (unsigned)settings->port);
    if (server->listen_fd < 0)
        return es_fail_errno(reterr, error, "cannot listen at %s:%u", settings->host,
                             (unsigned)settings->port);
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    if (getsockname(server->listen_fd, (struct sockaddr *)&bound, &size) != 0)
        return es_fail_errno(reterr, errno, "cannot tell the port");
    server->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                     : ((struct sockaddr_in *)&bound)->sin_port);
    return ES_OK;
}

/* ---- the library ---- */

static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text); /* http_request.c decodes, strictly */
}

static enum es_code start_daemon(struct http_server *server, struct es_err *reterr)
{
    const struct http_settings *settings = &server->settings;
    size_t loops = settings->loop_threads;
    if (loops == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        loops = cores < 1 ? 1 : cores > 64 ? 64 : (size_t)cores;
    }
    /* The lax versions' strict level only cuts where we answer 400, and misses what check_layout
     * finds. */
    server->needs_layout_check = strncmp(MHD_get_version(), "0.", 2) == 0;
    int strictness = server->needs_layout_check ? 0 : 1;
    /* The limits are ours (http_conn_open); the library's only stands behind them. */
    unsigned connections_max = (unsigned)((settings->connections_max + 128) * loops);
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)loops, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    if (loops == 1)
        options[0].option = MHD_OPTION_END;
    /* Turbo spares the first wait, and leaves the last word on a closing socket to us. */
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
            MHD_USE_TURBO | MHD_USE_ERROR_LOG,
        0, NULL, NULL, http_loop_on_access, server, MHD_OPTION_EXTERNAL_LOGGER, http_loop_on_log,
        server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings->connection_memory_bytes,
        MHD_OPTION_CONNECTION_LIMIT, connections_max, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_STRICT_FOR_CLIENT, strictness, MHD_OPTION_URI_LOG_CALLBACK, http_loop_on_target,
        server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        http_loop_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, http_loop_on_connection,
        server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    return server->daemon ? ES_OK : es_fail(reterr, ES_IO, "the HTTP library did not start");
}

static enum es_code open_pools(struct http_server *server, struct es_err *reterr)
{
    const struct http_settings *settings = &server->settings;
    /* Besides new exchanges, each connection may have a piece of one under way, and one to throw
     * away. */
    size_t extra = 2 * settings->connections_max + 256;
    server->pool_loads_max[HTTP_LANE_POOL] =
        settings->handler_threads + settings->handler_queue_max;
    server->pool_loads_max[HTTP_LANE_HEAVY] = settings->heavy_threads + settings->heavy_queue_max;
    enum es_code code =
        es_pool_open("http", settings->handler_threads, settings->handler_queue_max + extra,
                     &server->pools[HTTP_LANE_POOL], reterr);
    if (code == ES_OK)
        code =
            es_pool_open("http-heavy", settings->heavy_threads, settings->heavy_queue_max + extra,
                         &server->pools[HTTP_LANE_HEAVY], reterr);
    return code;
}

bool http_server_submit(struct http_server *server, enum http_lane lane, bool is_new,
                        void (*run)(void *argument), void *argument)
{
    pthread_rwlock_rdlock(&server->pools_lock);
    struct es_pool *pool = server->pools[lane];
    bool is_taken = pool && (!is_new || es_pool_load(pool) < server->pool_loads_max[lane]) &&
                    es_pool_submit(pool, run, argument);
    pthread_rwlock_unlock(&server->pools_lock);
    return is_taken;
}

static void drain_pools(struct http_server *server)
{
    for (size_t lane = 0; lane < HTTP_LANE_LOOP; lane++) {
        pthread_rwlock_wrlock(&server->pools_lock);
        struct es_pool *pool = es_take(server->pools[lane]);
        pthread_rwlock_unlock(&server->pools_lock);
        if (pool)
            es_pool_close(pool);
    }
}

/* ---- opening, stopping, closing ---- */

static void init_locks(struct http_server *server)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->has_landed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&server->flight_mutex, NULL);
    pthread_mutex_init(&server->streams_mutex, NULL);
    pthread_mutex_init(&server->waits_mutex, NULL);
    pthread_cond_init(&server->has_no_waits, NULL);
    pthread_rwlock_init(&server->pools_lock, NULL);
}

enum es_code http_server_open(const struct http_settings *settings, const struct http_hooks *hooks,
                              const struct http_router *router, struct http_server **ret_server,
                              struct es_err *reterr)
{
    enum es_code code = check_settings(settings, reterr);
    if (code != ES_OK)
        return code;
    es_auto(http_server) server = es_malloc(sizeof(*server));
    server->settings = *settings;
    server->hooks = hooks ? *hooks : (struct http_hooks){ 0 };
    server->router = router;
    server->listen_fd = -1;
    init_locks(server);
    server->conns = http_conns_open();
    code = open_listener(server, reterr);
    server->settings.host = NULL; /* the caller's, and needed no more */
    if (code == ES_OK)
        code = open_pools(server, reterr);
    if (code == ES_OK)
        code = http_keeper_open(server, &server->keeper, reterr);
    if (code == ES_OK)
        code = start_daemon(server, reterr);
    if (code == ES_OK)
        code = http_gate_open(server, &server->gate, reterr);
    if (code == ES_OK)
        *ret_server = es_take(server);
    return code;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

struct http_server_load http_server_load(struct http_server *server)
{
    struct http_server_load load = { .connections = http_conns_count(server->conns) };
    pthread_mutex_lock(&server->flight_mutex);
    load.exchanges = server->exchanges_in_flight;
    pthread_mutex_unlock(&server->flight_mutex);
    pthread_mutex_lock(&server->streams_mutex);
    load.streams = server->streams_count;
    pthread_mutex_unlock(&server->streams_mutex);
    load.waits = http_waits_count(server);
    pthread_rwlock_rdlock(&server->pools_lock);
    for (size_t lane = 0; lane < HTTP_LANE_LOOP; lane++)
        if (server->pools[lane])
            load.handlers_busy += es_pool_load(server->pools[lane]);
    pthread_rwlock_unlock(&server->pools_lock);
    return load;
}

static void await_landing(struct http_server *server, int64_t deadline_ms)
{
    int64_t until_ms = es_clock_monotonic_ms() + deadline_ms;
    const struct timespec until = { .tv_sec = until_ms / 1000,
                                    .tv_nsec = until_ms % 1000 * 1000000 };
    pthread_mutex_lock(&server->flight_mutex);
    int error = 0;
    while (server->exchanges_in_flight > 0 && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&server->has_landed, &server->flight_mutex, &until);
    pthread_mutex_unlock(&server->flight_mutex);
}

static void shut_down(struct http_conn *conn, int64_t now_ms)
{
    (void)now_ms;
    shutdown(conn->fd, SHUT_RDWR);
}

void http_server_stop(struct http_server *server, int64_t deadline_ms)
{
    if (server->is_stopped)
        return;
    server->is_stopped = true;
    atomic_store(&server->is_stopping, true);
    if (server->gate) {
        http_gate_close(es_take(server->gate));
        shutdown(server->listen_fd, SHUT_RDWR);
        http_conns_drop(server->conns, false);
        http_streams_end(server);
        http_waits_end(server);
        http_keeper_wake(server->keeper); /* it ends idle connections now */
        await_landing(server, deadline_ms);
        http_conns_each(server->conns, shut_down);
    }
    /* The library aborts where a connection is suspended at its stop: with the pools drained none
     * is, since every task resumes its own, and neither streams nor requests wait any longer. */
    drain_pools(server);
    http_waits_await(server);
    if (server->daemon)
        MHD_stop_daemon(es_take(server->daemon));
    http_conns_drop(server->conns, true);
}

void http_server_close(struct http_server *server)
{
    http_server_stop(server, 0);
    if (server->keeper)
        http_keeper_close(server->keeper);
    http_conns_close(server->conns);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    pthread_cond_destroy(&server->has_landed);
    pthread_mutex_destroy(&server->flight_mutex);
    pthread_mutex_destroy(&server->streams_mutex);
    pthread_cond_destroy(&server->has_no_waits);
    pthread_mutex_destroy(&server->waits_mutex);
    pthread_rwlock_destroy(&server->pools_lock);
    free(server);
}
