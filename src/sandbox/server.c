/* The loop waits on three things: requests, SIGCHLD (as a signalfd), and the status channel of each
 * child, where the program says "kill" or is gone. Nothing that a child sends is read here. */
#include "sandbox/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/es_arena.h"
#include "sandbox/attempt.h"
#include "sandbox/protocol.h"
#include "sandbox/sanitizer.h"

#define FD_CHANNEL      3
#define FD_STATUS       4
#define FD_SCRATCH_MIN  16
#define LAST_WAIT_MS    1000 /* for children that the kernel is slow to end */
#define STATUS_WAIT_MS  1000
#define IDLE_MS         300 /* without requests and ends: then spares are made, in nobody's way */
#define SPARES_LOST_MAX 10  /* after which they are given up */

/* The highest there is: when memory runs out, a part goes before the gateway does. */
#define OOM_SCORE "1000"

struct entry {
    pid_t pid;
    bool killed;
    struct channel *status;
};

/* A child that was forked ahead: it is warm when its task comes. */
struct spare {
    pid_t pid;
    struct channel *orders;
};

struct server {
    const struct sandbox_settings *settings;
    struct confine_plan *plan; /* NULL: there is none, for the reason in plan_err */
    struct es_err plan_err;
    struct channel *requests;
    int ended_fd; /* SIGCHLD */
    size_t count;
    size_t capacity;
    struct entry *entries;
    size_t spare_count;
    struct spare spares[SANDBOX_SPARES_MAX]; /* the oldest first */
    int spares_lost;                         /* that ended before their task came */
    struct pollfd *polled;                   /* two, then one for each entry */
};

static void report_refusal(struct channel *status, const struct es_err *err)
{
    struct status_refusal refusal = { .code = err->code };
    memcpy(refusal.detail, err->detail, sizeof(refusal.detail));
    /* Where it cannot be told, the program is gone, or sees the channel closed. */
    enum es_code code =
        channel_send(status, STATUS_REFUSED, &refusal, sizeof(refusal), NULL, 0, NULL);
    (void)code;
}

/* A wish: without /proc, or in a container that forbids it, the kernel chooses as it does. */
static void volunteer_for_oom(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t written = write(fd, OOM_SCORE, sizeof(OOM_SCORE) - 1);
    (void)written;
    close(fd);
}

/* Keeps the two descriptors, at FD_CHANNEL and FD_STATUS, and closes all that the server had. */
static bool keep_fds(int channel_fd, int status_fd, bool keep_stderr)
{
    int channel = fcntl(channel_fd, F_DUPFD, FD_SCRATCH_MIN);
    int status = fcntl(status_fd, F_DUPFD, FD_SCRATCH_MIN);
    if (channel < 0 || status < 0 || dup3(channel, FD_CHANNEL, O_CLOEXEC) < 0 ||
        dup3(status, FD_STATUS, O_CLOEXEC) < 0)
        return false;
    closefrom(FD_STATUS + 1);
    return keep_stderr || SANITIZED || dup2(STDOUT_FILENO, STDERR_FILENO) >= 0;
}

/* The child's whole life. Descriptors are closed by number, as the channels of the server's are
 * copies of no use here. */
static _Noreturn void run_child(const struct server *server, pid_t parent,
                                const struct spawn_request *request, int channel_fd, int status_fd)
{
    const struct sandbox_settings *settings = server->settings;
    sigset_t mask;
    sigemptyset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (!keep_fds(channel_fd, status_fd, settings->keep_stderr))
        _exit(1);
    prctl(PR_SET_NAME, "espotifai-part");
    (void)setpgid(0, 0); /* so that all its threads can be meant at once */
    volunteer_for_oom();

    struct channel *status = channel_open(FD_STATUS, STATUS_WAIT_MS);
    struct es_err err = { 0 };
    unsigned int walls = settings->confine ? request->walls : CONFINE_NONE;
    enum es_code code = confine(server->plan, &request->limits, walls, &err);
    /* Whose parent died before confine bound it to its parent's life. */
    if (code == ES_OK && getppid() != parent)
        _exit(1);
    pid_t pid = getpid();
    if (code == ES_OK)
        code = channel_send(status, STATUS_READY, &pid, sizeof(pid), NULL, 0, &err);
    if (code != ES_OK) {
        report_refusal(status, &err);
        _exit(1);
    }
    channel_close(status);
    if (request->errand != ERRAND_CHILD_MAIN)
        _exit(attempt_run(request->errand));
    _exit(settings->child_main(channel_open(FD_CHANNEL, -1)));
}

/* A spare's life until its task comes; the server's end closes the channel. */
static _Noreturn void run_spare(const struct server *server, pid_t parent, int orders_fd)
{
    int scratch = fcntl(orders_fd, F_DUPFD, FD_SCRATCH_MIN);
    if (scratch < 0 || dup3(scratch, FD_CHANNEL, O_CLOEXEC) < 0)
        _exit(1);
    closefrom(FD_CHANNEL + 1);
    prctl(PR_SET_NAME, "espotifai-spare");
    volunteer_for_oom();
    if (server->settings->warm_up)
        server->settings->warm_up();

    struct channel *orders = channel_open(FD_CHANNEL, 0);
    struct channel_message message;
    if (channel_send(orders, ORDER_READY, NULL, 0, NULL, 0, NULL) != ES_OK ||
        channel_receive(orders, -1, &message, NULL) != ES_OK || message.type != ORDER_RUN ||
        message.size != sizeof(struct spawn_request) || message.fd_count != 2)
        _exit(0);
    struct spawn_request request;
    memcpy(&request, message.bytes, sizeof(request));
    int status_fd = channel_take_fd(orders, 0);
    int channel_fd = channel_take_fd(orders, 1);
    channel_close(orders);
    run_child(server, parent, &request, channel_fd, status_fd);
}

static void add_entry(struct server *server, pid_t pid, struct channel *status)
{
    if (server->count == server->capacity) {
        server->capacity = server->capacity ? server->capacity * 2 : 16;
        server->entries = es_realloc(server->entries, server->capacity * sizeof(*server->entries));
        server->polled =
            es_realloc(server->polled, (2 + server->capacity) * sizeof(*server->polled));
    }
    server->entries[server->count++] = (struct entry){ .pid = pid, .status = status };
}

static void forget_spare(struct server *server, size_t index)
{
    channel_close(server->spares[index].orders);
    server->spare_count--;
    memmove(&server->spares[index], &server->spares[index + 1],
            (server->spare_count - index) * sizeof(*server->spares));
}

static bool is_spare_wanted(const struct server *server)
{
    return server->plan && server->count == 0 &&
           server->spare_count < server->settings->spare_count &&
           server->spares_lost < SPARES_LOST_MAX;
}

/* Where none can be had, children are forked when they are asked for. */
static void add_spare(struct server *server)
{
    int sockets[2];
    if (channel_make_sockets(sockets, NULL) != ES_OK) {
        server->spares_lost++;
        return;
    }
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0)
        run_spare(server, self, sockets[1]);
    close(sockets[1]);
    if (pid < 0) {
        close(sockets[0]);
        server->spares_lost++;
        return;
    }
    server->spares[server->spare_count++] =
        (struct spare){ .pid = pid, .orders = channel_open(sockets[0], STATUS_WAIT_MS) };
}

/* The oldest spare that is warm, or spare_count. Those that turn out to have ended are left out. */
static size_t find_warm_spare(struct server *server)
{
    size_t index = 0;
    while (index < server->spare_count) {
        struct spare *spare = &server->spares[index];
        struct channel_message message;
        enum es_code code = channel_receive(spare->orders, 0, &message, NULL);
        if (code == ES_OK && message.type == ORDER_READY)
            break;
        if (code == ES_UNAVAILABLE) {
            index++;
            continue;
        }
        kill(spare->pid, SIGKILL);
        forget_spare(server, index);
        server->spares_lost++;
    }
    return index;
}

/* 0 where no spare takes it. */
static pid_t give_to_spare(struct server *server, const struct spawn_request *request,
                           int channel_fd, int status_fd)
{
    if (request->errand != ERRAND_CHILD_MAIN)
        return 0;
    size_t index = find_warm_spare(server);
    if (index == server->spare_count)
        return 0;
    const struct spare spare = server->spares[index];
    const int fds[2] = { status_fd, channel_fd };
    enum es_code code =
        channel_send(spare.orders, ORDER_RUN, request, sizeof(*request), fds, 2, NULL);
    forget_spare(server, index);
    if (code != ES_OK) {
        kill(spare.pid, SIGKILL);
        return 0;
    }
    server->spares_lost = 0;
    return spare.pid;
}

static void spawn(struct server *server, const struct spawn_request *request, int channel_fd,
                  int status_fd)
{
    pid_t self = getpid();
    pid_t pid = give_to_spare(server, request, channel_fd, status_fd);
    if (pid == 0)
        pid = fork();
    if (pid == 0)
        run_child(server, self, request, channel_fd, status_fd);
    struct channel *status = channel_open(status_fd, STATUS_WAIT_MS);
    if (pid > 0) {
        add_entry(server, pid, status);
        return;
    }
    struct es_err err;
    es_fail_errno(&err, errno, "cannot fork a child");
    err.code = ES_UNAVAILABLE;
    report_refusal(status, &err);
    channel_close(status);
}

static void answer_ping(const struct server *server, int status_fd)
{
    es_auto(channel) status = channel_open(status_fd, STATUS_WAIT_MS);
    pid_t pid = getpid();
    if (!server->plan) {
        report_refusal(status, &server->plan_err);
        return;
    }
    enum es_code code = channel_send(status, STATUS_READY, &pid, sizeof(pid), NULL, 0, NULL);
    (void)code; /* who does not wait for it any more need not have it */
}

/* False where the program is gone. A request of another form is nobody's: dropped, and whoever
 * waits for its answer sees the status channel closed. */
static bool serve_request(struct server *server)
{
    struct channel_message message;
    enum es_code code = channel_receive(server->requests, 0, &message, NULL);
    if (code != ES_OK)
        return code == ES_UNAVAILABLE || code == ES_INVALID;
    if (message.type == REQUEST_PING && message.fd_count == 1) {
        answer_ping(server, channel_take_fd(server->requests, 0));
    } else if (message.type == REQUEST_SPAWN && server->plan && message.fd_count == 2 &&
               message.size == sizeof(struct spawn_request)) {
        struct spawn_request request;
        memcpy(&request, message.bytes, sizeof(request));
        int status_fd = channel_take_fd(server->requests, 0);
        es_auto_fd channel_fd = channel_take_fd(server->requests, 1);
        spawn(server, &request, channel_fd, status_fd);
    }
    return true;
}

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void report_end(struct server *server, size_t index, int wait_status,
                       const struct rusage *usage)
{
    const struct status_end ended = {
        .wait_status = wait_status,
        .cpu_us = microseconds(usage->ru_utime) + microseconds(usage->ru_stime),
        .memory_peak_bytes = (int64_t)usage->ru_maxrss * 1024,
    };
    struct channel *status = server->entries[index].status;
    enum es_code code = channel_send(status, STATUS_ENDED, &ended, sizeof(ended), NULL, 0, NULL);
    (void)code; /* the program has closed a child that it does not ask about */
    channel_close(status);
    server->entries[index] = server->entries[--server->count];
}

static void note_lost_spare(struct server *server, pid_t pid)
{
    for (size_t i = 0; i < server->spare_count; i++)
        if (server->spares[i].pid == pid) {
            forget_spare(server, i);
            server->spares_lost++;
            return;
        }
}

static void reap(struct server *server)
{
    int wait_status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &wait_status, WNOHANG, &usage)) > 0) {
        note_lost_spare(server, pid);
        for (size_t i = 0; i < server->count; i++)
            if (server->entries[i].pid == pid) {
                report_end(server, i, wait_status, &usage);
                break;
            }
    }
}

/* The program asks for it, or has closed its end. The child is not reaped yet, so its id is its
 * own. */
static void obey_status(struct entry *entry)
{
    struct channel_message message;
    enum es_code code = channel_receive(entry->status, 0, &message, NULL);
    if (code == ES_UNAVAILABLE)
        return;
    if (code == ES_OK && message.type == STATUS_YIELD) {
        /* A group of its own: that means each of its threads. */
        if (getpriority(PRIO_PGRP, (id_t)entry->pid) < CHILD_YIELD_NICENESS)
            (void)setpriority(PRIO_PGRP, (id_t)entry->pid, CHILD_YIELD_NICENESS);
        return;
    }
    kill(entry->pid, SIGKILL);
    entry->killed = true;
}

static _Noreturn void end(struct server *server)
{
    for (size_t i = 0; i < server->count; i++)
        kill(server->entries[i].pid, SIGKILL);
    for (size_t i = 0; i < server->spare_count; i++)
        kill(server->spares[i].pid, SIGKILL);
    struct pollfd ended = { .fd = server->ended_fd, .events = POLLIN };
    while (server->count > 0 && poll(&ended, 1, LAST_WAIT_MS) > 0) {
        struct signalfd_siginfo info;
        ssize_t got = read(server->ended_fd, &info, sizeof(info));
        (void)got;
        reap(server);
    }
    _exit(0);
}

static void serve(struct server *server)
{
    server->polled[0] = (struct pollfd){ .fd = channel_fd(server->requests), .events = POLLIN };
    server->polled[1] = (struct pollfd){ .fd = server->ended_fd, .events = POLLIN };
    for (size_t i = 0; i < server->count; i++) {
        /* One that is killed has only its end left to be told; poll skips a negative descriptor. */
        const struct entry *entry = &server->entries[i];
        server->polled[2 + i] =
            (struct pollfd){ .fd = entry->killed ? -1 : channel_fd(entry->status),
                             .events = POLLIN };
    }
    size_t polled_count = server->count;
    int seen = poll(server->polled, 2 + polled_count, is_spare_wanted(server) ? IDLE_MS : -1);
    if (seen < 0 && errno != EINTR)
        _exit(1);
    while (seen == 0 && is_spare_wanted(server))
        add_spare(server);
    if (seen <= 0)
        return;
    /* Kills before reaping and before new entries: the places in the table are still those polled.
     */
    for (size_t i = 0; i < polled_count; i++)
        if (server->polled[2 + i].revents)
            obey_status(&server->entries[i]);
    bool has_ended = server->polled[1].revents != 0;
    if (server->polled[0].revents & (POLLHUP | POLLERR))
        end(server);
    if ((server->polled[0].revents & POLLIN) && !serve_request(server))
        end(server);
    if (has_ended) {
        struct signalfd_siginfo info;
        while (read(server->ended_fd, &info, sizeof(info)) > 0)
            ;
        reap(server);
    }
}

void server_run(const struct sandbox_settings *settings, int requests_fd)
{
    prctl(PR_SET_NAME, "espotifai-sbx");
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    struct server server = {
        .settings = settings,
        .requests = channel_open(requests_fd, STATUS_WAIT_MS),
        .ended_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK),
        .polled = es_malloc(2 * sizeof(struct pollfd)),
    };
    if (server.ended_fd < 0)
        _exit(1);
    if (settings->preload)
        settings->preload();
    /* After preloading, which maps most of what there is. A plan that cannot be made leaves none.
     */
    enum es_code code = confine_prepare(settings->confine ? CONFINE_ALL : CONFINE_NONE,
                                        &server.plan, &server.plan_err);
    (void)code;
    for (;;)
        serve(&server);
}
