/* Connections as the layer counts them, and the keeper: one thread that walks over them a few times
 * a second and ends what is over a deadline. The library's own timeout is not used: it is an idle
 * one, so that a header dripped byte by byte would live for ever, and a slow but healthy listener
 * would not.
 *
 * The keeper also reads on, for a while, from connections that closed with an upload still on its
 * way: closing those at once would reset them, and the client would lose the answer. */
#include "http/http_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/es_clock.h"

#define PEER_BUCKETS           1024
#define CONNECTIONS_EXCESS_MAX 64 /* that many over the limit still get an answer */
#define EXCESS_IDLE_MS         5000
#define LINGER_BYTES_MAX       (16 * 1024 * 1024)
#define LINGERS_MAX            1024
#define TICK_MS_MIN            10
#define TICK_MS_MAX            500
#define PHASE_BITS             3

/* One client address, or one /64 of IPv6, and how many connections it has. */
struct http_peer {
    struct http_peer *next;
    unsigned char key[9];
    size_t connections;
};

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
    _Atomic size_t connections;

    pthread_mutex_t mutex; /* of all below */
    struct http_conn *conns;
    struct http_peer *peers[PEER_BUCKETS];
    struct farewell *lingers;
    size_t lingers_count;
    uint64_t linger_serial;
};

/* ---- the state word ---- */

static enum http_phase phase_of(uint64_t state)
{
    return (enum http_phase)(state & ((1u << PHASE_BITS) - 1));
}

static int64_t since_of(uint64_t state)
{
    return (int64_t)(state >> PHASE_BITS);
}

static uint64_t state_of(enum http_phase phase, int64_t now_ms)
{
    return (uint64_t)now_ms << PHASE_BITS | (uint64_t)phase;
}

bool http_conn_enter(struct http_conn *conn, enum http_phase phase)
{
    int64_t now_ms = es_clock_monotonic_ms();
    uint64_t before = atomic_load(&conn->state);
    do {
        if (phase_of(before) == HTTP_PHASE_CUT)
            return false;
    } while (!atomic_compare_exchange_weak(&conn->state, &before, state_of(phase, now_ms)));
    if (phase_of(before) == HTTP_PHASE_BODY)
        atomic_fetch_add(&conn->body_waited_ms, now_ms - since_of(before));
    return true;
}

void http_conn_await_keeper(struct http_conn *conn)
{
    pthread_mutex_lock(&conn->server->keeper->mutex);
    pthread_mutex_unlock(&conn->server->keeper->mutex);
}

/* ---- peers ---- */

static void peer_key(const struct sockaddr *address, unsigned char ret_key[static 9])
{
    memset(ret_key, 0, 9);
    ret_key[8] = (unsigned char)address->sa_family;
    if (address->sa_family == AF_INET) {
        memcpy(ret_key, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct in6_addr *six =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(six);
        memcpy(ret_key, six->s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : 8);
    }
}

static struct http_peer **peer_bucket(struct http_keeper *keeper, const unsigned char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (int i = 0; i < 9; i++)
        hash = (hash ^ key[i]) * 16777619u;
    return &keeper->peers[hash % PEER_BUCKETS];
}

static struct http_peer *peer_hold(struct http_keeper *keeper, const struct sockaddr *address)
{
    unsigned char key[9];
    peer_key(address, key);
    struct http_peer **bucket = peer_bucket(keeper, key), *peer = *bucket;
    while (peer && memcmp(peer->key, key, sizeof(key)) != 0)
        peer = peer->next;
    if (!peer) {
        peer = es_malloc(sizeof(*peer));
        memcpy(peer->key, key, sizeof(key));
        peer->next = *bucket;
        *bucket = peer;
    }
    peer->connections++;
    return peer;
}

static void peer_unhold(struct http_keeper *keeper, struct http_peer *peer)
{
    if (--peer->connections > 0)
        return;
    struct http_peer **link = peer_bucket(keeper, peer->key);
    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
    free(peer);
}

/* ---- connections ---- */

static void format_address(const struct sockaddr *address, char ret_text[static INET6_ADDRSTRLEN])
{
    const struct sockaddr_in6 *six = (const void *)address;
    const void *bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    int family = address->sa_family;
    if (family == AF_INET6) {
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
        bytes = six->sin6_addr.s6_addr + (is_mapped ? 12 : 0);
        family = is_mapped ? AF_INET : AF_INET6;
    }
    if (!inet_ntop(family, bytes, ret_text, INET6_ADDRSTRLEN))
        ret_text[0] = 0;
}

static void prepare_socket(const struct http_settings *settings, int fd)
{
    /* A failure leaves the kernel's defaults, which work too. */
    int unsent_max = (int)settings->send_buffer_bytes, on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof(unsent_max));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

struct http_conn *http_conn_open(struct http_server *server, int fd, const struct sockaddr *address)
{
    struct http_keeper *keeper = server->keeper;
    const struct http_settings *settings = &server->settings;
    struct http_conn *conn = es_malloc(sizeof(*conn));
    conn->server = server;
    conn->fd = fd;
    atomic_store(&conn->state, state_of(HTTP_PHASE_IDLE, es_clock_monotonic_ms()));
    format_address(address, conn->address);
    prepare_socket(settings, fd);
    pthread_mutex_lock(&keeper->mutex);
    size_t connections = atomic_fetch_add(&keeper->connections, 1) + 1;
    conn->peer = peer_hold(keeper, address);
    if (connections > settings->connections_max)
        conn->excess = HTTP_REFUSAL_OVERLOADED;
    else if (settings->connections_per_address_max &&
             conn->peer->connections > settings->connections_per_address_max)
        conn->excess = HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS;
    conn->next = keeper->conns;
    if (conn->next)
        conn->next->previous = conn;
    keeper->conns = conn;
    pthread_mutex_unlock(&keeper->mutex);
    if (connections > settings->connections_max + CONNECTIONS_EXCESS_MAX)
        shutdown(fd, SHUT_RDWR);
    return conn;
}

static void linger(struct http_keeper *keeper, int fd)
{
    if (keeper->lingers_count >= LINGERS_MAX || (fd = dup(fd)) < 0)
        return;
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
    shutdown(fd, SHUT_WR);
    if (epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        linger->deadline_ms = 0; /* the next tick closes it */
}

void http_conn_close(struct http_conn *conn)
{
    struct http_keeper *keeper = conn->server->keeper;
    pthread_mutex_lock(&keeper->mutex);
    if (conn->next)
        conn->next->previous = conn->previous;
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        keeper->conns = conn->next;
    peer_unhold(keeper, conn->peer);
    atomic_fetch_sub(&keeper->connections, 1);
    if (conn->must_linger)
        linger(keeper, conn->fd);
    pthread_mutex_unlock(&keeper->mutex);
    free(conn);
}

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
    return info.tcpi_last_data_recv < idle_ms;
}

/* ---- deadlines; with the mutex held ---- */

static bool take_over(struct http_conn *conn, uint64_t state)
{
    return atomic_compare_exchange_strong(&conn->state, &state, state_of(HTTP_PHASE_CUT, 0));
}

static void cut(struct http_conn *conn, uint64_t state)
{
    if (take_over(conn, state))
        shutdown(conn->fd, SHUT_RDWR);
}

/* Says 408, or what was to be said after the body. */
static void time_out(struct http_conn *conn, uint64_t state)
{
    if (!take_over(conn, state))
        return;
    bool has_exchange = phase_of(state) != HTTP_PHASE_IDLE;
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
    int64_t idle_ms = now_ms - since_of(state);
    int64_t idle_ms_max = settings->idle_timeout_ms;
    if (conn->excess && idle_ms_max > EXCESS_IDLE_MS)
        idle_ms_max = EXCESS_IDLE_MS;
    if (idle_ms > settings->header_deadline_ms && now_ms >= conn->next_check_ms) {
        conn->next_check_ms = now_ms + settings->header_deadline_ms / 2;
        if (has_begun_line(conn, idle_ms)) {
            time_out(conn, state);
            return;
        }
    }
    if (atomic_load(&conn->server->is_stopping))
        cut(conn, state);
    else if (idle_ms > idle_ms_max && (!has_unsent(conn->fd) || is_peer_dead(conn)))
        cut(conn, state);
}

/* The least rate must hold in each window, counting only the time that we waited for the client. */
static void check_body(struct http_conn *conn, uint64_t state, int64_t now_ms)
{
    const struct http_settings *settings = &conn->server->settings;
    uint32_t serial = atomic_load(&conn->serial);
    uint64_t bytes = atomic_load(&conn->body_bytes);
    int64_t waited_ms = atomic_load(&conn->body_waited_ms) + now_ms - since_of(state);
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
    int64_t age_ms = now_ms - since_of(state);
    switch (phase_of(state)) {
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
    static char scratch[64 * 1024]; /* the keeper's alone, and never looked at */
    for (int i = 0; i < 16; i++) {
        ssize_t got = recv(linger->fd, scratch, sizeof(scratch), MSG_DONTWAIT);
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
    pthread_mutex_lock(&keeper->mutex);
    for (struct http_conn *conn = keeper->conns; conn; conn = conn->next)
        check(conn, now_ms);
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

size_t http_keeper_connections(struct http_keeper *keeper)
{
    return atomic_load(&keeper->connections);
}

void http_keeper_wake(struct http_keeper *keeper)
{
    uint64_t one = 1;
    if (write(keeper->wake_fd, &one, sizeof(one)) < 0)
        return; /* its counter is full: it is awake */
}

void http_keeper_cut_all(struct http_keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    for (struct http_conn *conn = keeper->conns; conn; conn = conn->next)
        shutdown(conn->fd, SHUT_RDWR);
    pthread_mutex_unlock(&keeper->mutex);
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
