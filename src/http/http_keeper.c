/* The keeper: one thread that walks over the connections a few times a second and ends what is over
 * a deadline. The library's own timeout is not used: it is an idle one, so that a header dripped
 * byte by byte would live for ever, and a slow but healthy listener would not.
 *
 * It also reads on, for a while, from connections that closed with an upload still on its way,
 * since closing those at once would reset them and the client would lose the answer; and it watches
 * idle streams. */
#include "http/http_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/es_clock.h"

#define LINGER_BYTES_MAX (16 * 1024 * 1024)
#define LINGERS_MAX      1024
#define TICK_MS_MIN      10
#define TICK_MS_MAX      500
#define CLOCK_SLACK_MS   20 /* the kernel counts in ticks of its own */

/* The last of a connection: nothing is sent any more, what comes in is thrown away. */
struct farewell {
    struct farewell *next;
    int fd;
    uint64_t serial;
    int64_t deadline_ms;
    size_t bytes_left;
};

enum watch_kind { WATCH_WAKE = 0, WATCH_STREAM, WATCH_LINGER };

struct http_keeper {
    struct http_server *server;
    pthread_t thread;
    int epoll_fd, wake_fd;
    int64_t tick_ms;
    atomic_bool is_quitting;

    pthread_mutex_t mutex; /* of all below */
    struct farewell *lingers;
    size_t lingers_count;
    uint64_t linger_serial;
};

/* ---- what the kernel knows ---- */

static struct tcp_info tcp_info_of(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return (struct tcp_info){ 0 };
    return info;
}

static bool has_unsent(int fd)
{
    int queued = 0;
    return ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0;
}

/* Bytes wait for a peer that has not even acknowledged a probe for so long. */
static bool is_peer_dead(const struct http_conn *conn)
{
    return has_unsent(conn->fd) &&
           tcp_info_of(conn->fd).tcpi_last_ack_recv > conn->server->settings.sending_timeout_ms;
}

/* Whether an idle connection has begun a request line that is not whole yet. */
static bool has_begun_line(const struct http_conn *conn, int64_t idle_ms)
{
    struct tcp_info info = tcp_info_of(conn->fd);
    if (atomic_load(&conn->serial) == 0)
        return info.tcpi_bytes_received > 0;
    return info.tcpi_last_data_recv + CLOCK_SLACK_MS < idle_ms;
}

/* ---- deadlines; with the connections' mutex held ---- */

static void cut(struct http_conn *conn, uint64_t state)
{
    if (http_conn_cut(conn, state))
        shutdown(conn->fd, SHUT_RDWR);
}

/* Says 408, or what was to be said after the body. */
static void time_out(struct http_conn *conn, uint64_t state)
{
    if (!http_conn_cut(conn, state))
        return;
    /* Idle, or still before the gate, it has none. */
    bool has_exchange = http_phase_of(state) != HTTP_PHASE_IDLE && conn->exchange;
    struct http_exchange *exchange =
        has_exchange ? conn->exchange : http_exchange_open(conn->server, conn, "");
    if (!http_exchange_is_replied(exchange))
        http_exchange_refuse(exchange, HTTP_REFUSAL_TIMEOUT);
    if (exchange->reply.kind == HTTP_REPLY_BYTES)
        http_exchange_send_raw(exchange);
    if (!has_exchange) {
        http_exchange_finish(exchange, exchange->is_raw);
        http_exchange_free(exchange);
    }
    shutdown(conn->fd, SHUT_RDWR);
}

static void check_idle(struct http_conn *conn, uint64_t state, int64_t now_ms)
{
    const struct http_settings *settings = &conn->server->settings;
    int64_t idle_ms = now_ms - http_since_of(state);
    if (idle_ms > settings->header_deadline_ms && now_ms >= conn->next_check_ms) {
        conn->next_check_ms = now_ms + settings->header_deadline_ms / 2;
        if (has_begun_line(conn, idle_ms)) {
            time_out(conn, state);
            return;
        }
    }
    if (atomic_load(&conn->server->is_stopping))
        cut(conn, state);
    else if (idle_ms > settings->idle_timeout_ms && (!has_unsent(conn->fd) || is_peer_dead(conn)))
        cut(conn, state);
}

/* The least rate must hold in each window, counting only the time that we waited for the client. */
static void check_body(struct http_conn *conn, uint64_t state, int64_t now_ms)
{
    const struct http_settings *settings = &conn->server->settings;
    uint32_t serial = atomic_load(&conn->serial);
    uint64_t bytes = atomic_load(&conn->body_bytes);
    int64_t waited_ms = atomic_load(&conn->body_waited_ms) + now_ms - http_since_of(state);
    if (conn->window_serial != serial) {
        conn->window_serial = serial;
        conn->window_waited_ms = 0;
        conn->window_bytes = 0;
    }
    int64_t window_ms = waited_ms - conn->window_waited_ms;
    if (window_ms < settings->body_grace_ms)
        return;
    uint64_t least = settings->body_bytes_per_second_min * (uint64_t)window_ms / 1000;
    if (bytes - conn->window_bytes < least) {
        time_out(conn, state);
        return;
    }
    conn->window_waited_ms = waited_ms;
    conn->window_bytes = bytes;
}

static void check(struct http_conn *conn, int64_t now_ms)
{
    const struct http_settings *settings = &conn->server->settings;
    uint64_t state = atomic_load(&conn->state);
    int64_t age_ms = now_ms - http_since_of(state);
    switch (http_phase_of(state)) {
    case HTTP_PHASE_IDLE:
        check_idle(conn, state, now_ms);
        break;
    case HTTP_PHASE_HEADER:
        if (age_ms > settings->header_deadline_ms)
            time_out(conn, state);
        break;
    case HTTP_PHASE_BODY:
        check_body(conn, state, now_ms);
        break;
    case HTTP_PHASE_SENDING:
        if (age_ms > settings->sending_timeout_ms && is_peer_dead(conn))
            cut(conn, state);
        break;
    case HTTP_PHASE_WORKING:
    case HTTP_PHASE_CUT:
        break;
    }
}

/* ---- lingering; with the mutex held ---- */

/* False where nothing more is to be read. */
static bool read_on(struct http_keeper *keeper, struct farewell *linger)
{
    for (int i = 0; i < 16; i++) {
        char unseen[16 * 1024];
        ssize_t got = recv(linger->fd, unseen, sizeof(unseen), MSG_DONTWAIT);
        if (got == 0)
            return false;
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        linger->bytes_left -= (size_t)got < linger->bytes_left ? (size_t)got : linger->bytes_left;
        if (linger->bytes_left == 0) { /* let it be blocked by a full window until the deadline */
            epoll_ctl(keeper->epoll_fd, EPOLL_CTL_DEL, linger->fd, NULL);
            return true;
        }
    }
    return true;
}

/* Reads from the one of that serial (0: from none), and closes what is at its end or over its time.
 */
static void tend_lingers(struct http_keeper *keeper, uint64_t serial, int64_t now_ms)
{
    for (struct farewell **link = &keeper->lingers; *link;) {
        struct farewell *linger = *link;
        bool is_done = now_ms >= linger->deadline_ms;
        if (linger->serial == serial && !read_on(keeper, linger))
            is_done = true;
        if (!is_done) {
            link = &linger->next;
            continue;
        }
        *link = linger->next;
        close(linger->fd);
        free(linger);
        keeper->lingers_count--;
    }
}

void http_keeper_linger(struct http_keeper *keeper, int fd)
{
    fd = dup(fd);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    pthread_mutex_lock(&keeper->mutex);
    struct farewell *linger = es_malloc(sizeof(*linger));
    linger->fd = fd;
    linger->serial = ++keeper->linger_serial;
    linger->deadline_ms = es_clock_monotonic_ms() + keeper->server->settings.linger_ms;
    linger->bytes_left = LINGER_BYTES_MAX;
    linger->next = keeper->lingers;
    keeper->lingers = linger;
    keeper->lingers_count++;
    struct epoll_event event = { .events = EPOLLIN,
                                 .data.u64 = linger->serial << 2 | WATCH_LINGER };
    if (keeper->lingers_count > LINGERS_MAX ||
        epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        linger->deadline_ms = 0; /* the next tick closes it */
    pthread_mutex_unlock(&keeper->mutex);
}

/* ---- the thread ---- */

static void handle_event(struct http_keeper *keeper, const struct epoll_event *event)
{
    uint64_t serial = event->data.u64 >> 2, count;
    switch ((enum watch_kind)(event->data.u64 & 3)) {
    case WATCH_WAKE:
        if (read(keeper->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
            atomic_store(&keeper->is_quitting, true); /* cannot be */
        break;
    case WATCH_STREAM:
        http_stream_client_gone(keeper->server, serial);
        break;
    case WATCH_LINGER:
        pthread_mutex_lock(&keeper->mutex);
        tend_lingers(keeper, serial, es_clock_monotonic_ms());
        pthread_mutex_unlock(&keeper->mutex);
        break;
    }
}

static void tick(struct http_keeper *keeper, int64_t now_ms)
{
    http_conns_each(keeper->server->conns, check);
    pthread_mutex_lock(&keeper->mutex);
    tend_lingers(keeper, 0, now_ms);
    pthread_mutex_unlock(&keeper->mutex);
    http_streams_beat(keeper->server, now_ms);
}

static void *keeper_main(void *argument)
{
    struct http_keeper *keeper = argument;
    int64_t next_ms = 0;
    while (!atomic_load(&keeper->is_quitting)) {
        struct epoll_event events[64];
        int64_t now_ms = es_clock_monotonic_ms();
        int64_t wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
        int count = epoll_wait(keeper->epoll_fd, events, 64, (int)wait_ms);
        bool is_woken = false;
        for (int i = 0; i < count; i++) {
            is_woken |= (events[i].data.u64 & 3) == WATCH_WAKE;
            handle_event(keeper, &events[i]);
        }
        now_ms = es_clock_monotonic_ms();
        if (now_ms < next_ms && !is_woken)
            continue;
        tick(keeper, now_ms);
        next_ms = now_ms + keeper->tick_ms;
    }
    return NULL;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A quarter of the shortest deadline. */
static int64_t tick_for(const struct http_settings *settings)
{
    int64_t tick_ms = least(settings->header_deadline_ms, settings->idle_timeout_ms);
    tick_ms = least(tick_ms, least(settings->body_grace_ms, settings->linger_ms)) / 4;
    return tick_ms < TICK_MS_MIN ? TICK_MS_MIN : least(tick_ms, TICK_MS_MAX);
}

enum es_code http_keeper_open(struct http_server *server, struct http_keeper **ret_keeper,
                              struct es_err *reterr)
{
    struct http_keeper *keeper = es_malloc(sizeof(*keeper));
    keeper->server = server;
    keeper->tick_ms = tick_for(&server->settings);
    pthread_mutex_init(&keeper->mutex, NULL);
    keeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    keeper->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = WATCH_WAKE };
    int error = 0;
    if (keeper->epoll_fd < 0 || keeper->wake_fd < 0 ||
        epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, keeper->wake_fd, &event) != 0)
        error = errno;
    if (!error)
        error = pthread_create(&keeper->thread, NULL, keeper_main, keeper);
    if (!error) {
        pthread_setname_np(keeper->thread, "http-keeper");
        *ret_keeper = keeper;
        return ES_OK;
    }
    if (keeper->epoll_fd >= 0)
        close(keeper->epoll_fd);
    if (keeper->wake_fd >= 0)
        close(keeper->wake_fd);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
    return es_fail_errno(reterr, error, "cannot start the keeper of connections");
}

void http_keeper_close(struct http_keeper *keeper)
{
    atomic_store(&keeper->is_quitting, true);
    http_keeper_wake(keeper);
    pthread_join(keeper->thread, NULL);
    tend_lingers(keeper, 0, INT64_MAX);
    close(keeper->epoll_fd);
    close(keeper->wake_fd);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

void http_keeper_wake(struct http_keeper *keeper)
{
    uint64_t one = 1;
    if (write(keeper->wake_fd, &one, sizeof(one)) < 0)
        return; /* its counter is full: it is awake */
}

void http_keeper_watch(struct http_keeper *keeper, int fd, uint64_t serial)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLONESHOT,
                                 .data.u64 = serial << 2 | WATCH_STREAM };
    /* Unwatched, a dead client is only found by the next write. */
    (void)epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void http_keeper_unwatch(struct http_keeper *keeper, int fd)
{
    (void)epoll_ctl(keeper->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}
