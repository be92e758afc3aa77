/* One lease from its beginning to its end: the part's task, its heartbeat, and what becomes of the
 * job. */
#ifndef SLOT_H
#define SLOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "model/part.h"
#include "sandbox/sandbox.h"
#include "service/service.h"
#include "worker/places.h"
#include "worker/task_run.h"

/* What the slots of a worker share. */
struct slot_shared {
    const char *worker_id;
    int64_t lease_ms;
    bool is_hasty;
    struct task_limits limits;
    struct service_context *context;
    struct sandbox *sandbox;
    struct places *places;
    atomic_bool must_hand_back; /* running parts are to be given back now */
    atomic_int busy;
    atomic_llong jobs_done, jobs_failed;
    struct es_metric *jobs_in_progress, *jobs_done_total, *jobs_failed_total, *part_seconds;
};

/* Carries out one lease, in a place that the caller has taken. Everything that can go wrong ends
 * here: in a retry, in the job's failure, or in the part's return; it logs each. */
void slot_run(struct slot_shared *shared, const struct lease *lease, struct es_arena *arena);

/* The job of a part that was given out too often: its record says so. */
void slot_report_dead(struct slot_shared *shared, const char *job_id);

#endif
