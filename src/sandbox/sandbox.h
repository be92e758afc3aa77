/* Child processes for bytes that are not trusted. The program opens one sandbox, which lives in two
 * helper processes: a *keeper*, forked before the program has threads, and a *server*, which the
 * keeper forks, which loads once what children share, and which forks a child in a few milliseconds
 * whenever the program asks. A child talks with the program over a channel and, with `confine`,
 * with nothing else.
 *
 * Who dies with whom: a child with the server, the server with the keeper, the keeper with the
 * program, however each ends. A server that died is replaced by the keeper: running children are
 * lost (their waits say so), and the next spawn works. A program whose keeper was killed gets
 * ES_UNAVAILABLE from then on, since a program with threads cannot fork another one safely.
 *
 * Children start as copies of the program at the time of sandbox_open, less its descriptors, its
 * environment and what finished calls left on the stack, which are erased from their memory. What
 * lies on the heap stays: so it is opened first in main, before secrets are read. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/es_auto.h"
#include "base/es_error.h"
#include "sandbox/channel.h"
#include "sandbox/confine.h"

struct sandbox;
struct child;

#define SANDBOX_SPARES_MAX 8

struct sandbox_settings {
    /* Called once in each server, before it forks: touches what children would otherwise load one
     * by one. Must not start threads. May be NULL. */
    void (*preload)(void);
    /* What a child does: runs with one thread, no environment, /dev/null as standard input and
     * output. May start threads. Its result, 0..255, is the exit code. The channel is closed for
     * it. */
    int (*child_main)(struct channel *channel);
    /* Called in a spare: a child that is forked before one is asked for, has no task yet and no
     * walls. Touches what its task would else fetch page by page. Must leave no threads. May be
     * NULL. */
    void (*warm_up)(void);
    size_t
        spare_count;  /* 0..SANDBOX_SPARES_MAX children wait for tasks, while the server is idle */
    bool confine;     /* false: limits and loss of privileges only, no walls */
    bool keep_stderr; /* children share the program's standard error; else it is /dev/null */
};

/* Must be called while the program has one thread. The settings are copied. Blocks until the server
 * has preloaded and answers. ES_INVALID: too many spares. ES_IO; ES_UNAVAILABLE where the server
 * does not come up. */
ES_CHECK enum es_code sandbox_open(const struct sandbox_settings *settings,
                                   struct sandbox **ret_sandbox, struct es_err *reterr);

/* Ends every child and both helpers, and waits for them; open children must be closed before. */
void sandbox_close(struct sandbox *sandbox);

ES_DEFINE_AUTO(sandbox, sandbox_close);

/* Starts a child. Returns when it stands behind its walls and is about to run child_main: a child
 * that cannot be confined is an error and never runs. Thread-safe. ES_INVALID: bad limits.
 * ES_UNAVAILABLE: no process can be had now, or the helpers are gone. ES_IO: the kernel refused a
 * wall. */
ES_CHECK enum es_code sandbox_spawn(struct sandbox *sandbox, const struct confine_limits *limits,
                                    struct child **ret_child, struct es_err *reterr);

/* The program's end of the child's channel; the child's death shows as ES_CANCELLED. Stays the
 * child's. A send fails after CHILD_SEND_TIMEOUT_MS where the child does not read. */
#define CHILD_SEND_TIMEOUT_MS 30000
struct channel *child_channel(struct child *child);

pid_t child_pid(const struct child *child);

/* Kills the child at once; one that has ended is left alone. Only the child's own parent signals
 * it, so a process id that was given to another process is never hit. Thread-safe against
 * everything but child_close; does not block. */
void child_kill(struct child *child);

/* From now on all threads of the child let others go first. A wish: where the kernel refuses it, or
 * the child is more yielding already, nothing changes. Thread-safe as child_kill; does not block.
 */
#define CHILD_YIELD_NICENESS 15
void child_yield(struct child *child);

enum child_end {
    CHILD_END_UNSET = 0,
    CHILD_END_EXITED,    /* returned from child_main or called exit: see code */
    CHILD_END_KILLED,    /* by child_kill */
    CHILD_END_CRASHED,   /* by a signal of its own making: see signal */
    CHILD_END_FORBIDDEN, /* a system call that no child makes: seccomp */
    CHILD_END_CPU,       /* used up its CPU seconds */
    CHILD_END_FILE_SIZE, /* wrote beyond file_bytes */
    CHILD_END_MEMORY,    /* the kernel killed it for memory, or it exited CHILD_CODE_NO_MEMORY */
    CHILD_END_LOST,      /* the server died, and the child with it */
};

/* An allocation beyond memory_bytes fails with ENOMEM; a child that gives up then exits with this
 * code. */
#define CHILD_CODE_NO_MEMORY 112

struct child_exit {
    enum child_end end;
    int code;                  /* CHILD_END_EXITED: 0..255 */
    int signal;                /* every end by a signal: which */
    int64_t cpu_us;            /* of all its threads, user and system */
    int64_t memory_peak_bytes; /* resident */
};

/* Waits up to `timeout_ms` (-1: for ever) for the child's end; may be asked again, with the same
 * answer. One thread at a time. ES_UNAVAILABLE: it still runs. */
ES_CHECK enum es_code child_wait(struct child *child, int timeout_ms, struct child_exit *ret_exit,
                                 struct es_err *reterr);

/* "killed by signal 11 (Segmentation fault)": for logs. */
#define CHILD_EXIT_TEXT_SIZE 96
void child_exit_format(const struct child_exit *ended, char ret_text[static CHILD_EXIT_TEXT_SIZE]);

/* Kills the child where it still runs, closes its channel, frees. */
void child_close(struct child *child);

ES_DEFINE_AUTO(child, child_close);

/* The same without waiting for the end, which takes the kernel some milliseconds: for a child that
 * has said all that it had to say. */
void child_leave(struct child *child);

/* What a child was seen not to be able to do. The first five are each proved by a child that tries.
 */
struct sandbox_walls {
    bool files;        /* opening a file, by seccomp */
    bool network;      /* making a socket */
    bool processes;    /* forking */
    bool programs;     /* executing */
    bool tracing;      /* reading another process by ptrace */
    bool landlock;     /* opening a file, by Landlock alone: false where the kernel has none */
    bool unprivileged; /* does not run as root and has no capability */
    int landlock_abi;  /* 0: the kernel has none */
};

/* Tries every wall from inside and says which hold. A sandbox opened without `confine` has none.
 * Takes a few tens of milliseconds. ES_UNAVAILABLE, ES_IO where a child could not be started. */
ES_CHECK enum es_code sandbox_self_test(struct sandbox *sandbox, struct sandbox_walls *ret_walls,
                                        struct es_err *reterr);

/* Whether untrusted bytes may be opened behind these: all but Landlock, which is a second wall. */
bool sandbox_walls_hold(const struct sandbox_walls *walls);

/* "files network processes programs tracing landlock-6 unprivileged", missing ones as "NO-files".
 */
#define SANDBOX_WALLS_TEXT_SIZE 160
void sandbox_walls_format(const struct sandbox_walls *walls,
                          char ret_text[static SANDBOX_WALLS_TEXT_SIZE]);

#endif
