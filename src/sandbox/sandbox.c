/* The program's side: starts the keeper, asks the server for children, and listens to what becomes
 * of each on its own status channel. No lock is needed: a request is one message, and carries the
 * socket on which it is answered. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

#include "base/es_arena.h"
#include "base/es_clock.h"
#include "sandbox/keeper.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox_internal.h"

#define OPEN_TIMEOUT_MS    30000 /* preloading included */
#define REQUEST_TIMEOUT_MS 15000 /* a server that restarts and preloads included */
#define CLOSE_WAIT_MS      1000

struct sandbox {
    pid_t keeper;
    struct channel *requests;
};

struct child {
    pid_t pid;
    struct channel *channel;
    struct channel *status;
    uint32_t cpu_seconds; /* its limit */
    atomic_bool kill_asked;
    struct child_exit ended; /* end CHILD_END_UNSET: not known to have ended */
};

/* Sends a request with a fresh status socket as first descriptor, and `child_fd` (-1: none) as
 * second. */
static enum es_code request(struct sandbox *sandbox, enum request_type type, const void *bytes,
                            size_t size, int child_fd, struct channel **ret_status,
                            struct es_err *reterr)
{
    int sockets[2];
    enum es_code code = channel_make_sockets(sockets, reterr);
    if (code != ES_OK)
        return code;
    /* Kills are sent here, by threads that must not wait. */
    es_auto(channel) status = channel_open(sockets[0], 0);
    es_auto_fd far_end = sockets[1];
    const int fds[2] = { far_end, child_fd };
    code = channel_send(sandbox->requests, type, bytes, size, fds, child_fd < 0 ? 1 : 2, reterr);
    if (code == ES_CANCELLED)
        return es_fail(reterr, ES_UNAVAILABLE,
                       "the sandbox's helper processes have ended; the program must be restarted");
    if (code == ES_OK)
        *ret_status = es_take(status);
    return code;
}

static enum es_code fail_refusal(const struct channel_message *message, struct es_err *reterr)
{
    struct status_refusal refusal;
    if (message->size != sizeof(refusal))
        return es_fail(reterr, ES_IO, "the sandbox's server speaks nonsense");
    memcpy(&refusal, message->bytes, sizeof(refusal));
    refusal.detail[sizeof(refusal.detail) - 1] = 0;
    return es_fail(reterr, refusal.code, "%s", refusal.detail);
}

/* How a child ended, from what the server was told by the kernel. */
static struct child_exit judge_end(const struct child *child, const struct status_end *told)
{
    struct child_exit ended = { .cpu_us = told->cpu_us,
                                .memory_peak_bytes = told->memory_peak_bytes };
    if (WIFEXITED(told->wait_status)) {
        ended.code = WEXITSTATUS(told->wait_status);
        ended.end = ended.code == CHILD_CODE_NO_MEMORY ? CHILD_END_MEMORY : CHILD_END_EXITED;
        return ended;
    }
    ended.signal = WTERMSIG(told->wait_status);
    switch (ended.signal) {
    case SIGSYS:
        ended.end = CHILD_END_FORBIDDEN;
        break;
    case SIGXCPU:
        ended.end = CHILD_END_CPU;
        break;
    case SIGXFSZ:
        ended.end = CHILD_END_FILE_SIZE;
        break;
    case SIGKILL:
        if (atomic_load(&child->kill_asked))
            ended.end = CHILD_END_KILLED;
        /* Of a child that would not hear SIGXCPU. The kernel holds the limit against a coarser
         * count than the one that it tells, hence the half. */
        else if (told->cpu_us * 2 >= (int64_t)child->cpu_seconds * 1000000)
            ended.end = CHILD_END_CPU;
        else
            ended.end = CHILD_END_MEMORY;
        break;
    default:
        ended.end = CHILD_END_CRASHED;
    }
    return ended;
}

static enum es_code fail_end(const struct child *child, const struct channel_message *message,
                             struct es_err *reterr)
{
    struct status_end told;
    memcpy(&told, message->bytes, sizeof(told));
    const struct child_exit ended = judge_end(child, &told);
    char text[CHILD_EXIT_TEXT_SIZE];
    child_exit_format(&ended, text);
    return es_fail(reterr, ES_UNAVAILABLE, "a child did not start: %s", text);
}

/* Waits for the first word on a status channel. `child` is NULL where a server is pinged.
 * ES_CANCELLED: the server died with the request. */
static enum es_code await_ready(const struct child *child, struct channel *status, int timeout_ms,
                                pid_t *ret_pid, struct es_err *reterr)
{
    struct channel_message message;
    enum es_code code = channel_receive(status, timeout_ms, &message, reterr);
    if (code == ES_UNAVAILABLE)
        return es_fail(reterr, ES_UNAVAILABLE, "the sandbox's server has not answered in %d s",
                       timeout_ms / 1000);
    if (code != ES_OK)
        return code;
    if (message.type == STATUS_REFUSED)
        return fail_refusal(&message, reterr);
    if (message.type == STATUS_ENDED && message.size == sizeof(struct status_end) && child)
        return fail_end(child, &message, reterr);
    if (message.type != STATUS_READY || message.size != sizeof(*ret_pid))
        return es_fail(reterr, ES_IO, "the sandbox's server speaks nonsense");
    memcpy(ret_pid, message.bytes, sizeof(*ret_pid));
    return ES_OK;
}

enum es_code sandbox_open(const struct sandbox_settings *settings, struct sandbox **ret_sandbox,
                          struct es_err *reterr)
{
    if (settings->spare_count > SANDBOX_SPARES_MAX)
        return es_fail(reterr, ES_INVALID, "more than %d spare children", SANDBOX_SPARES_MAX);
    int sockets[2];
    enum es_code code = channel_make_sockets(sockets, reterr);
    if (code != ES_OK)
        return code;
    es_auto(sandbox) sandbox = es_malloc(sizeof(*sandbox));
    sandbox->requests = channel_open(sockets[0], REQUEST_TIMEOUT_MS);
    es_auto_fd far_end = sockets[1];
    code = keeper_start(settings, far_end, &sandbox->keeper, reterr);
    if (code != ES_OK)
        return code;
    close(es_take_fd(&far_end));

    es_auto(channel) status = NULL;
    pid_t server;
    code = request(sandbox, REQUEST_PING, NULL, 0, -1, &status, reterr);
    if (code == ES_OK)
        code = await_ready(NULL, status, OPEN_TIMEOUT_MS, &server, reterr);
    if (code == ES_CANCELLED)
        return es_fail(reterr, ES_UNAVAILABLE, "the sandbox's server does not come up");
    if (code == ES_OK)
        *ret_sandbox = es_take(sandbox);
    return code;
}

void sandbox_close(struct sandbox *sandbox)
{
    channel_close(sandbox->requests);
    while (sandbox->keeper > 0 && waitpid(sandbox->keeper, NULL, 0) < 0 && errno == EINTR)
        ;
    free(sandbox);
}

static enum es_code spawn_once(struct sandbox *sandbox, const struct spawn_request *wanted,
                               struct child **ret_child, struct es_err *reterr)
{
    int sockets[2];
    enum es_code code = channel_make_sockets(sockets, reterr);
    if (code != ES_OK)
        return code;
    es_auto(child) child = es_malloc(sizeof(*child));
    child->channel = channel_open(sockets[0], CHILD_SEND_TIMEOUT_MS);
    child->cpu_seconds = wanted->limits.cpu_seconds;
    es_auto_fd far_end = sockets[1];
    code =
        request(sandbox, REQUEST_SPAWN, wanted, sizeof(*wanted), far_end, &child->status, reterr);
    if (code == ES_OK)
        code = await_ready(child, child->status, REQUEST_TIMEOUT_MS, &child->pid, reterr);
    if (code == ES_OK)
        *ret_child = es_take(child);
    return code;
}

enum es_code sandbox_spawn_errand(struct sandbox *sandbox, const struct spawn_request *wanted,
                                  struct child **ret_child, struct es_err *reterr)
{
    enum es_code code = confine_check(&wanted->limits, reterr);
    if (code != ES_OK)
        return code;
    code = spawn_once(sandbox, wanted, ret_child, reterr);
    /* The server died with the request in its hands; the keeper starts another, for which the
     * second request waits. */
    if (code == ES_CANCELLED)
        code = spawn_once(sandbox, wanted, ret_child, reterr);
    if (code == ES_CANCELLED)
        return es_fail(reterr, ES_UNAVAILABLE, "the sandbox's server has died twice");
    return code;
}

enum es_code sandbox_spawn(struct sandbox *sandbox, const struct confine_limits *limits,
                           struct child **ret_child, struct es_err *reterr)
{
    const struct spawn_request wanted = {
        .errand = ERRAND_CHILD_MAIN,
        .walls = CONFINE_ALL,
        .limits = *limits,
    };
    return sandbox_spawn_errand(sandbox, &wanted, ret_child, reterr);
}

struct channel *child_channel(struct child *child)
{
    return child->channel;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

void child_kill(struct child *child)
{
    atomic_store(&child->kill_asked, true);
    enum es_code code = channel_send(child->status, STATUS_KILL, NULL, 0, NULL, 0, NULL);
    (void)code; /* a server that is gone has taken the child with it; a full queue holds a kill */
}

void child_yield(struct child *child)
{
    enum es_code code = channel_send(child->status, STATUS_YIELD, NULL, 0, NULL, 0, NULL);
    (void)code; /* a child that has ended takes nobody's turn */
}

enum es_code child_wait(struct child *child, int timeout_ms, struct child_exit *ret_exit,
                        struct es_err *reterr)
{
    if (child->ended.end == CHILD_END_UNSET) {
        struct channel_message message;
        enum es_code code = channel_receive(child->status, timeout_ms, &message, reterr);
        if (code == ES_UNAVAILABLE)
            return es_fail(reterr, ES_UNAVAILABLE, "child %d still runs", (int)child->pid);
        struct status_end told;
        if (code == ES_OK && message.type == STATUS_ENDED && message.size == sizeof(told)) {
            memcpy(&told, message.bytes, sizeof(told));
            child->ended = judge_end(child, &told);
        } else if (code == ES_CANCELLED) {
            child->ended = (struct child_exit){ .end = CHILD_END_LOST, .signal = SIGKILL };
        } else {
            return code != ES_OK ? code
                                 : es_fail(reterr, ES_IO, "the sandbox's server speaks nonsense");
        }
    }
    *ret_exit = child->ended;
    return ES_OK;
}

void child_leave(struct child *child)
{
    if (child->status)
        channel_close(child->status); /* at which the server kills it */
    channel_close(child->channel);
    free(child);
}

void child_close(struct child *child)
{
    /* A child that was never seen to start has no status channel, or dies as that closes. */
    if (child->status && child->pid > 0 && child->ended.end == CHILD_END_UNSET) {
        struct child_exit ended;
        child_kill(child);
        enum es_code code = child_wait(child, CLOSE_WAIT_MS, &ended, NULL);
        (void)code; /* the server ends it when the kernel lets go of it */
    }
    child_leave(child);
}

void child_exit_format(const struct child_exit *ended, char ret_text[static CHILD_EXIT_TEXT_SIZE])
{
    const char *text = "still runs";
    switch (ended->end) {
    case CHILD_END_UNSET:
        break;
    case CHILD_END_EXITED:
        snprintf(ret_text, CHILD_EXIT_TEXT_SIZE, "exited with code %d", ended->code);
        return;
    case CHILD_END_CRASHED:
        snprintf(ret_text, CHILD_EXIT_TEXT_SIZE, "crashed with signal %d (%s)", ended->signal,
                 strsignal(ended->signal));
        return;
    case CHILD_END_KILLED:
        text = "was killed on request";
        break;
    case CHILD_END_FORBIDDEN:
        text = "made a forbidden system call";
        break;
    case CHILD_END_CPU:
        text = "used up its CPU seconds";
        break;
    case CHILD_END_FILE_SIZE:
        text = "wrote beyond its file size";
        break;
    case CHILD_END_MEMORY:
        text = "ran out of memory";
        break;
    case CHILD_END_LOST:
        text = "was lost with the sandbox's server";
        break;
    }
    snprintf(ret_text, CHILD_EXIT_TEXT_SIZE, "%s", text);
}
