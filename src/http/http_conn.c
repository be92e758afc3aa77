/* Connections as the layer counts them: who is there, from where, and in which phase. A connection
 * belongs to the gate's thread, then to a loop's; the list of all is under one mutex, and the
 * keeper walks over it. */
#include "http/http_internal.h"

#include <linux/tcp.h>
#include <string.h>

#include "base/es_clock.h"

#define PEER_BUCKETS 1024
#define PHASE_BITS   3

/* One client address, or one /64 of IPv6, and how many connections it has. */
struct http_peer {
    struct http_peer *next;
    unsigned char key[9];
    size_t connections;
};

struct http_conns {
    _Atomic size_t count;
    pthread_mutex_t mutex; /* of all below */
    struct http_conn *first;
    struct http_conn **handed_over; /* on their way to a loop; by descriptor */
    size_t handed_over_size;
    struct http_peer *peers[PEER_BUCKETS];
};

struct http_conns *http_conns_open(void)
{
    struct http_conns *conns = es_malloc(sizeof(*conns));
    pthread_mutex_init(&conns->mutex, NULL);
    return conns;
}

void http_conns_close(struct http_conns *conns)
{
    free(conns->handed_over);
    pthread_mutex_destroy(&conns->mutex);
    free(conns);
}

size_t http_conns_count(struct http_conns *conns)
{
    return atomic_load(&conns->count);
}

void http_conns_each(struct http_conns *conns,
                     void (*visit)(struct http_conn *conn, int64_t now_ms))
{
    int64_t now_ms = es_clock_monotonic_ms();
    pthread_mutex_lock(&conns->mutex);
    for (struct http_conn *conn = conns->first; conn; conn = conn->next)
        visit(conn, now_ms);
    pthread_mutex_unlock(&conns->mutex);
}

/* ---- the state word ---- */

enum http_phase http_phase_of(uint64_t state)
{
    return (enum http_phase)(state & ((1u << PHASE_BITS) - 1));
}

int64_t http_since_of(uint64_t state)
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
        if (http_phase_of(before) == HTTP_PHASE_CUT)
            return false;
    } while (!atomic_compare_exchange_weak(&conn->state, &before, state_of(phase, now_ms)));
    if (http_phase_of(before) == HTTP_PHASE_BODY)
        atomic_fetch_add(&conn->body_waited_ms, now_ms - http_since_of(before));
    return true;
}

void http_conn_await_keeper(struct http_conn *conn)
{
    pthread_mutex_lock(&conn->server->conns->mutex);
    pthread_mutex_unlock(&conn->server->conns->mutex);
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

static struct http_peer **peer_bucket(struct http_conns *conns, const unsigned char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (int i = 0; i < 9; i++)
        hash = (hash ^ key[i]) * 16777619u;
    return &conns->peers[hash % PEER_BUCKETS];
}

static struct http_peer *peer_hold(struct http_conns *conns, const struct sockaddr *address)
{
    unsigned char key[9];
    peer_key(address, key);
    struct http_peer **bucket = peer_bucket(conns, key), *peer = *bucket;
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

static void peer_unhold(struct http_conns *conns, struct http_peer *peer)
{
    if (--peer->connections > 0)
        return;
    struct http_peer **link = peer_bucket(conns, peer->key);
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
    struct http_conns *conns = server->conns;
    const struct http_settings *settings = &server->settings;
    struct http_conn *conn = es_malloc(sizeof(*conn));
    conn->server = server;
    conn->fd = fd;
    atomic_store(&conn->state, state_of(HTTP_PHASE_IDLE, es_clock_monotonic_ms()));
    format_address(address, conn->address);
    prepare_socket(settings, fd);
    pthread_mutex_lock(&conns->mutex);
    size_t connections = atomic_fetch_add(&conns->count, 1) + 1;
    conn->peer = peer_hold(conns, address);
    if (connections > settings->connections_max)
        conn->excess = HTTP_REFUSAL_OVERLOADED;
    else if (settings->connections_per_address_max &&
             conn->peer->connections > settings->connections_per_address_max)
        conn->excess = HTTP_REFUSAL_TOO_MANY_FROM_ADDRESS;
    conn->next = conns->first;
    if (conn->next)
        conn->next->previous = conn;
    conns->first = conn;
    pthread_mutex_unlock(&conns->mutex);
    return conn;
}

void http_conn_hand_over(struct http_conn *conn)
{
    struct http_conns *conns = conn->server->conns;
    size_t fd = (size_t)conn->fd;
    pthread_mutex_lock(&conns->mutex);
    if (fd >= conns->handed_over_size) {
        size_t size = fd + 256;
        conns->handed_over = es_realloc(conns->handed_over, size * sizeof(struct http_conn *));
        memset(conns->handed_over + conns->handed_over_size, 0,
               (size - conns->handed_over_size) * sizeof(struct http_conn *));
        conns->handed_over_size = size;
    }
    conn->is_handed_over = true;
    conns->handed_over[fd] = conn;
    pthread_mutex_unlock(&conns->mutex);
}

struct http_conn *http_conn_take_over(struct http_server *server, int fd)
{
    struct http_conns *conns = server->conns;
    pthread_mutex_lock(&conns->mutex);
    struct http_conn *conn = es_take(conns->handed_over[fd]);
    conn->loop = pthread_self();
    pthread_mutex_unlock(&conns->mutex);
    return conn;
}

void http_conn_close(struct http_conn *conn)
{
    struct http_conns *conns = conn->server->conns;
    pthread_mutex_lock(&conns->mutex);
    if (conn->next)
        conn->next->previous = conn->previous;
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        conns->first = conn->next;
    peer_unhold(conns, conn->peer);
    atomic_fetch_sub(&conns->count, 1);
    pthread_mutex_unlock(&conns->mutex);
    if (conn->must_linger)
        http_keeper_linger(conn->server->keeper, conn->fd);
    free(conn);
}

bool http_conn_cut(struct http_conn *conn, uint64_t state)
{
    return atomic_compare_exchange_strong(&conn->state, &state, state_of(HTTP_PHASE_CUT, 0));
}

void http_conns_drop(struct http_conns *conns, bool is_handed_over)
{
    for (;;) {
        pthread_mutex_lock(&conns->mutex);
        struct http_conn *conn = conns->first;
        while (conn && conn->is_handed_over != is_handed_over)
            conn = conn->next;
        pthread_mutex_unlock(&conns->mutex);
        if (!conn)
            return;
        int fd = conn->fd;
        http_conn_close(conn);
        if (!is_handed_over)
            close(fd);
    }
}

struct http_conn *http_conns_find_stumbled(struct http_conns *conns)
{
    struct http_conn *found = NULL;
    pthread_mutex_lock(&conns->mutex);
    for (struct http_conn *conn = conns->first; conn && !found; conn = conn->next)
        if (conn->is_handed_over && pthread_equal(conn->loop, pthread_self()) && conn->exchange &&
            http_phase_of(atomic_load(&conn->state)) == HTTP_PHASE_HEADER &&
            MHD_get_connection_info(conn->exchange->connection,
                                    MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE))
            found = conn;
    pthread_mutex_unlock(&conns->mutex);
    return found;
}

bool http_conn_is_idle(struct http_conn *conn)
{
    return http_phase_of(atomic_load(&conn->state)) == HTTP_PHASE_IDLE;
}
