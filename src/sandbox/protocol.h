/* What the program and its server say to each other, over two kinds of channel. *Requests*: one for
 * the whole sandbox, written by any thread of the program, read by the server. *Status*: one a
 * child, whose far end travels in the request: the child says there that it is ready, or why not,
 * before it runs anything untrusted; the server says how it ended. The program says to kill it. A
 * server that dies closes it. All of one program, so structs are sent as they lie in memory. */
#ifndef SANDBOX_PROTOCOL_H
#define SANDBOX_PROTOCOL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/es_error.h"
#include "sandbox/confine.h"

enum request_type {
    REQUEST_PING = 1, /* descriptor: status; answered by STATUS_READY with the server's id */
    REQUEST_SPAWN,    /* spawn_request; descriptors: status, channel */
};

enum status_type {
    STATUS_READY = 1, /* pid_t */
    STATUS_REFUSED,   /* status_refusal: there is no child */
    STATUS_ENDED,     /* status_end */
    STATUS_KILL,      /* to the server */
    STATUS_YIELD,     /* to the server: the child's niceness becomes CHILD_YIELD_NICENESS */
};

/* Between the server and a spare, each once, on a channel of its own. */
enum order_type {
    ORDER_READY = 1, /* from the spare: it is warm */
    ORDER_RUN,       /* spawn_request; descriptors: status, channel */
};

/* What a child is to do once it is confined. */
enum errand {
    ERRAND_UNSET = 0,
    ERRAND_CHILD_MAIN,
    ERRAND_TRY_OPEN, /* the self-test's, see attempt.h */
    ERRAND_TRY_SOCKET,
    ERRAND_TRY_FORK,
    ERRAND_TRY_EXECUTE,
    ERRAND_TRY_TRACE,
    ERRAND_TRY_PRIVILEGE,
};

struct spawn_request {
    enum errand errand;
    unsigned int walls;
    struct confine_limits limits;
};

struct status_refusal {
    enum es_code code;
    char detail[ES_DETAIL_MAX];
};

struct status_end {
    int wait_status; /* as of wait4(2) */
    int64_t cpu_us;
    int64_t memory_peak_bytes;
};

#endif
