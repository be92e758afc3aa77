/* A worker: one thread a slot, each of which leases a part, has a child convert it, and publishes
 * what it made; and one thread that sends heartbeats and sweeps. A dead worker's parts go to others
 * when their leases expire. It logs: one line for each part that began or ended, and for each job.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_error.h"
#include "sandbox/sandbox.h"
#include "service/service.h"
#include "worker/task_run.h"

struct worker_settings {
    const char *id;            /* in the fleet; at most 64 bytes */
    size_t slots;              /* parts at once, 1..256 */
    int64_t lease_ms;          /* how long a part is held without a heartbeat; 1000 or more */
    struct task_limits limits; /* of each part */
    bool is_hasty; /* what fails fails at once, but for crashes: whoever waits can try again */
};

/* 2 GiB, two hours of processor time, a minute without progress. */
struct task_limits task_limits_default(void);

struct worker;

/* `context` and `sandbox` must outlive the worker. ES_IO where threads cannot be started. */
ES_CHECK enum es_code worker_open(const struct worker_settings *settings,
                                  struct service_context *context, struct sandbox *sandbox,
                                  struct worker **ret_worker, struct es_err *reterr);

/* Takes no new part; waits up to `drain_ms` for those that run, then hands the rest back to the
 * queue. */
void worker_stop(struct worker *worker, int64_t drain_ms);

/* Stops without delay where that was not done, and frees. */
void worker_close(struct worker *worker);

ES_DEFINE_AUTO(worker, worker_close);

#endif
