/* The parent's side of a task: starts a child, serves its questions from the blob store, watches
 * that it goes on, and tells how it ended. Blocks its thread while the child runs; any number of
 * threads at once. */
#ifndef TASK_RUN_H
#define TASK_RUN_H

#include <stdbool.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "port/blob_store.h"
#include "sandbox/sandbox.h"
#include "worker/task.h"

struct task_limits {
    struct confine_limits confine;
    int64_t stall_ms; /* ended as part_stalled after so long without progress */
    int64_t wait_ms;  /* how long a read may wait for bytes that are still to arrive */
};

/* Where the task's bytes come from and go to. */
struct task_place {
    struct blob_reader *source; /* PROBE, PLAN, CONVERT: it may be growing; DEPICT */
    struct blob_store *blobs;   /* CONVERT, JOIN, DEPICT */
    const char *prefix;         /* "converted/.../...", without a slash at its end */
};

/* Who watches. `tick` is called at least every TASK_TICK_MS while the child runs, and soon after
 * each progress message; `waits` (may be NULL) where the child has waited for a growing source's
 * next bytes for TASK_WAIT_TOLD_MS, and when it goes on. Anything but ES_OK kills the child and
 * becomes the task's end. */
#define TASK_TICK_MS      200
#define TASK_WAIT_TOLD_MS 300
struct task_watch {
    void *context;
    enum es_code (*tick)(void *context, const struct task_progress *progress,
                         const char *result_so_far, struct es_err *reterr);
    enum es_code (*waits)(void *context, bool is_waiting, struct es_err *reterr);
};

/* Runs the task to its end. *ret_result (in `arena`) is the child's text: facts, parts or a result.
 * Errors: what the engine said (ES_MEDIA ...), with a word of model/problem.h where it gave one;
 * what `tick` said; ES_MEDIA with *ret_is_crash where the child died on its own (decoder_crashed,
 * resource_limit, part_stalled); ES_UNAVAILABLE where no child could be started, or where bytes did
 * not arrive in time; ES_CANCELLED where they never will; the blob store's errors. `watch` may be
 * NULL. */
ES_CHECK enum es_code task_run(struct sandbox *sandbox, const struct task *task,
                               const struct task_limits *limits, const struct task_place *place,
                               const struct task_watch *watch, struct es_arena *arena,
                               const char **ret_result, bool *ret_is_crash, struct es_err *reterr);

#endif
