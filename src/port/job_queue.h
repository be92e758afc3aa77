/* What is alive: jobs' parts, leases, progress, heartbeats, events. Every function is thread-safe
 * and, but for `wait` and `event_wait`, returns soon; each may fail with ES_UNAVAILABLE or ES_IO
 * besides what its comment says. Nothing is taken from one place before it is safely held in the
 * next: a crash at any point leaves a part leased (and the lease expires) or waiting.
 *
 * A job that is pushed has one PLAN part. Who finishes it gives the CONVERT parts and one JOIN
 * part; the join becomes WAITING when the last CONVERT part is DONE. A finished join ends the job:
 * it stays known, with its parts, until `forget`.
 *
 * Whose part comes next: users take turns (the one with the fewest leased parts, then the one
 * served longest ago); of one user's parts, those that were asked for by `prefer` come first, the
 * latest of them before the others, then joins, since each of them ends a job, then plans and first
 * parts, then what follows on a preferred part, then lower indexes, then older jobs. A part whose
 * lease expired waits again, one attempt more. */
#ifndef JOB_QUEUE_H
#define JOB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "model/event.h"
#include "model/job.h"
#include "model/part.h"
#include "model/worker_node.h"

#define EVENTS_KEPT 10000

struct job_queue;

struct part_progress {
    double seconds_done;
    double speed;
    const char *result_so_far; /* NULL leaves what was published before */
    bool is_playable; /* true once the job's first seconds are published; never taken back */
};

struct job_queue_ops {
    const char *name;
    void (*close)(struct job_queue *queue);
    enum es_code (*check)(struct job_queue *queue, struct es_err *reterr);

    /* Makes the job known with its PLAN part; nothing where it is known already. One that is known
     * from an earlier attempt (its `attempts` has grown: a retry) begins anew. Fences go on growing
     * from whatever they were before, also where the queue had forgotten the job. */
    enum es_code (*push)(struct job_queue *queue, const struct job *job, struct es_err *reterr);

    /* The next part for `worker_id`, or *ret_lease NULL where none waits. A part that was leased
     * PART_ATTEMPTS_MAX times without an answer is not given out again: the queue ends its job as
     * `bury` does, and the next `lease` call of any worker returns that job's id in
     * *ret_dead_job_id (else NULL) exactly once a lease time until it is forgotten or pushed again,
     * so that its record can be written. Lives in `arena`. */
    enum es_code (*lease)(struct job_queue *queue, const char *worker_id, int64_t lease_ms,
                          struct es_arena *arena, struct lease **ret_lease,
                          const char **ret_dead_job_id, struct es_err *reterr);
    /* Blocks until a part may be waiting, `wake` is called, or the time is over. */
    void (*wait)(struct job_queue *queue, int64_t timeout_ms);
    /* Ends every wait and event_wait of this process, now; for shutdown. */
    void (*wake)(struct job_queue *queue);

    /* The rest need the lease to hold: ES_CONFLICT lease_lost where it expired and was taken over,
     * ES_CANCELLED where the job was cancelled or forgotten. */

    /* Heartbeat and progress in one. ES_INVALID for a text over PART_TEXT_BYTES_MAX, here and in
     * `finish`; the lease holds on. */
    enum es_code (*extend)(struct job_queue *queue, const struct lease *lease, int64_t lease_ms,
                           const struct part_progress *progress, struct es_err *reterr);
    /* `next` (only for a PLAN): CONVERT parts and one JOIN, of which index, kind, is_first,
     * weight_seconds and spec are read; at most PART_COUNT_MAX, indexes from 1 and each once.
     * ES_INVALID for a plan that is none. */
    enum es_code (*finish)(struct job_queue *queue, const struct lease *lease, const char *result,
                           const struct part *next, size_t next_count, struct es_err *reterr);
    /* Waits again after `delay_ms`; counts as an attempt, and as a crash where it was one. */
    enum es_code (*retry)(struct job_queue *queue, const struct lease *lease, int64_t delay_ms,
                          bool is_crash, struct es_err *reterr);
    /* Handed back unharmed (shutdown, or nothing to do yet): waits again after `delay_ms`, no
     * attempt counted. */
    enum es_code (*release)(struct job_queue *queue, const struct lease *lease, int64_t delay_ms,
                            struct es_err *reterr);
    /* The job has failed for good: no part of it is given out any more; other holders of its leases
     * get ES_CANCELLED. */
    enum es_code (*bury)(struct job_queue *queue, const struct lease *lease, struct es_err *reterr);

    /* By anybody; a job that is not known is no error. */
    enum es_code (*cancel)(struct job_queue *queue, const char *job_id, struct es_err *reterr);
    enum es_code (*forget)(struct job_queue *queue, const char *job_id, struct es_err *reterr);
    /* Somebody waits for this CONVERT part, and is going to want those behind it: it is its user's
     * next one, and the job's parts with greater indexes come before those with lesser ones.
     * Nothing for a part that is done or not known. */
    enum es_code (*prefer)(struct job_queue *queue, const char *job_id, int part_index,
                           struct es_err *reterr);

    enum es_code (*live)(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                         struct job_live *ret_live, struct es_err *reterr);
    /* Every part of the job by index, with specs and results; none for a job that is not known. */
    enum es_code (*parts)(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                          struct part **ret_parts, size_t *ret_count, struct es_err *reterr);
    /* Jobs whose PLAN waits: what `LLEN convert` is in Redis. */
    enum es_code (*length)(struct job_queue *queue, int64_t *ret_length, struct es_err *reterr);

    enum es_code (*node_beat)(struct job_queue *queue, const struct worker_node *node,
                              struct es_err *reterr);
    enum es_code (*node_leave)(struct job_queue *queue, const char *id, struct es_err *reterr);
    /* Those seen within `age_ms_max`, by id. */
    enum es_code (*node_list)(struct job_queue *queue, int64_t age_ms_max, struct es_arena *arena,
                              struct worker_node **ret_nodes, size_t *ret_count,
                              struct es_err *reterr);

    /* The queue gives the sequence. */
    enum es_code (*event_append)(struct job_queue *queue, const struct event *event,
                                 struct es_err *reterr);
    /* Events with a greater sequence than `after`, oldest first, of every user; `after` < 0: none,
     * only *ret_last is told. *ret_last is the newest sequence there is. The newest EVENTS_KEPT are
     * kept. */
    enum es_code (*event_list)(struct job_queue *queue, int64_t after, size_t limit,
                               struct es_arena *arena, struct event **ret_events, size_t *ret_count,
                               int64_t *ret_last, struct es_err *reterr);
    /* Blocks until there may be an event after `after`, `wake`, or the time is over. */
    void (*event_wait)(struct job_queue *queue, int64_t after, int64_t timeout_ms);
};

struct job_queue {
    const struct job_queue_ops *ops; /* the first member of each backend's struct */
};

static inline void job_queue_close(struct job_queue *queue)
{
    queue->ops->close(queue);
}

ES_DEFINE_AUTO(job_queue, job_queue_close);

#endif
