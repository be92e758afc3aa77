/* The gate: one thread that accepts connections and holds each back until its first request's head
 * is there whole and sound. It only looks (MSG_PEEK): the bytes stay in the kernel for the library
 * to read. So a connection that says nothing, drips, or speaks another protocol costs no more than
 * a descriptor, and gets a proper answer where the library would cut it off. Later heads on a kept
 * connection are the library's to read, and http_request.c's to check. */
#include "http/http_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "wire/http_head.h"

#define ACCEPTS_IN_A_ROW 64
#define ACCEPT_PAUSE_MS  50 /* while descriptors are short */

struct http_gate {
    struct http_server *server;
    pthread_t thread;
    int epoll_fd, quit_fd;
    char *scratch; /* one head and a byte more */
    size_t scratch_size;
};

/* The connection ends here: with an answer (HTTP_REFUSAL_UNSET: without). */
static void turn_away(struct http_gate *gate, struct http_conn *conn, enum http_refusal refusal)
{
    int fd = conn->fd;
    /* Closing does not do it: while it lingers the socket has another descriptor. */
    (void)epoll_ctl(gate->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    if (refusal != HTTP_REFUSAL_UNSET && http_conn_enter(conn, HTTP_PHASE_SENDING)) {
        struct http_exchange *exchange = http_exchange_open(conn->server, conn, "");
        http_exchange_refuse(exchange, refusal);
        http_exchange_send_raw(exchange);
        http_exchange_finish(exchange, exchange->is_raw);
        http_exchange_free(exchange);
        conn->must_linger = true;
    }
    http_conn_close(conn);
    close(fd);
}

static void let_in(struct http_gate *gate, struct http_conn *conn)
{
    struct http_server *server = gate->server;
    int fd = conn->fd;
    epoll_ctl(gate->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    if (!http_conn_enter(conn, HTTP_PHASE_IDLE)) {
        turn_away(gate, conn, HTTP_REFUSAL_UNSET);
        return;
    }
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getpeername(fd, (struct sockaddr *)&address, &size) != 0) {
        turn_away(gate, conn, HTTP_REFUSAL_UNSET); /* gone again */
        return;
    }
    http_conn_hand_over(conn);
    /* From here on it is the loop's, or, where that fails, closed. */
    if (MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, size) != MHD_YES)
        http_conn_close(http_conn_take_over(server, fd));
}

static enum http_refusal refusal_of(enum http_head_verdict verdict)
{
    switch (verdict) {
    case HTTP_HEAD_UNSET:
    case HTTP_HEAD_UNFINISHED:
    case HTTP_HEAD_SOUND:
        return HTTP_REFUSAL_UNSET;
    case HTTP_HEAD_MALFORMED:
        return HTTP_REFUSAL_MALFORMED;
    case HTTP_HEAD_BAD_VERSION:
        return HTTP_REFUSAL_VERSION;
    case HTTP_HEAD_TARGET_TOO_LONG:
        return HTTP_REFUSAL_TARGET_TOO_LONG;
    case HTTP_HEAD_TOO_LARGE:
        return HTTP_REFUSAL_HEADERS_TOO_LARGE;
    }
    return HTTP_REFUSAL_UNSET;
}

static void look(struct http_gate *gate, struct http_conn *conn)
{
    const struct http_settings *settings = &gate->server->settings;
    const struct http_head_limits limits = { settings->header_bytes_max,
                                             settings->target_bytes_max };
    ssize_t got = recv(conn->fd, gate->scratch, gate->scratch_size, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        turn_away(gate, conn, HTTP_REFUSAL_UNSET);
        return;
    }
    enum http_head_verdict verdict = http_head_check(gate->scratch, (size_t)got, &limits);
    if (verdict == HTTP_HEAD_SOUND)
        let_in(gate, conn);
    else if (verdict != HTTP_HEAD_UNFINISHED)
        turn_away(gate, conn, refusal_of(verdict));
    else if (!conn->has_begun && http_conn_enter(conn, HTTP_PHASE_HEADER))
        conn->has_begun = true; /* its deadline runs from the first byte */
}

/* False where there is none to accept now. */
static bool accept_one(struct http_gate *gate)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int fd = accept4(gate->server->listen_fd, (struct sockaddr *)&address, &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            es_sleep_ms(ACCEPT_PAUSE_MS);
        return errno == ECONNABORTED || errno == EINTR;
    }
    struct http_conn *conn = http_conn_open(gate->server, fd, (struct sockaddr *)&address);
    if (conn->excess != HTTP_REFUSAL_UNSET) {
        turn_away(gate, conn, conn->excess);
        return true;
    }
    /* Edge-triggered: bytes that were looked at stay readable. */
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = conn };
    if (epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        turn_away(gate, conn, HTTP_REFUSAL_OVERLOADED);
    return true;
}

static void *gate_main(void *argument)
{
    struct http_gate *gate = argument;
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(gate->epoll_fd, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &gate->quit_fd)
                return NULL;
            if (events[i].data.ptr != gate) {
                look(gate, events[i].data.ptr);
                continue;
            }
            for (int accepted = 0; accepted < ACCEPTS_IN_A_ROW && accept_one(gate);)
                accepted++;
        }
    }
}

static bool watch(struct http_gate *gate, int fd, void *tag)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };
    return fd >= 0 && epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum es_code http_gate_open(struct http_server *server, struct http_gate **ret_gate,
                            struct es_err *reterr)
{
    struct http_gate *gate = es_malloc(sizeof(*gate));
    gate->server = server;
    gate->scratch_size = server->settings.header_bytes_max + 8;
    gate->scratch = es_malloc(gate->scratch_size);
    gate->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    gate->quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = 0;
    if (gate->epoll_fd < 0 || !watch(gate, gate->quit_fd, &gate->quit_fd) ||
        !watch(gate, server->listen_fd, gate))
        error = errno;
    if (!error)
        error = pthread_create(&gate->thread, NULL, gate_main, gate);
    if (!error) {
        pthread_setname_np(gate->thread, "http-gate");
        *ret_gate = gate;
        return ES_OK;
    }
    if (gate->epoll_fd >= 0)
        close(gate->epoll_fd);
    if (gate->quit_fd >= 0)
        close(gate->quit_fd);
    free(gate->scratch);
    free(gate);
    return es_fail_errno(reterr, error, "cannot start the gate for connections");
}

void http_gate_close(struct http_gate *gate)
{
    uint64_t one = 1;
    if (write(gate->quit_fd, &one, sizeof(one)) < 0)
        return; /* cannot be: the counter was zero */
    pthread_join(gate->thread, NULL);
    close(gate->epoll_fd);
    close(gate->quit_fd);
    free(gate->scratch);
    free(gate);
}
