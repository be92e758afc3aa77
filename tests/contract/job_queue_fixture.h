/* What the suites of the job queue share: the backends, and jobs on their way. Leases are real and
 * short, so that a test can wait for one to be over. */
#ifndef JOB_QUEUE_FIXTURE_H
#define JOB_QUEUE_FIXTURE_H

#include "contract.h"

#include <stdatomic.h>

#include "base/es_clock.h"

#define LONG_MS  60000
#define SHORT_MS 30

extern const struct opener job_queue_openers[2];

#define CALL(operation, ...)   CONTRACT_CALL(f->queue, operation, __VA_ARGS__)
#define ANSWER(operation, ...) f->queue->ops->operation(f->queue, __VA_ARGS__, &f->err)

struct job make_job(const char *user_id);
struct job push(struct fixture *f, const char *user_id);
struct lease *lease_for(struct fixture *f, const char *worker, int64_t lease_ms);
struct lease *take(struct fixture *f);
void plan(struct fixture *f, const struct lease *lease, int count, int first_count);
struct job push_planned(struct fixture *f, const char *user_id, int count, int first_count);
struct job_live live_of(struct fixture *f, const struct job *job);
void assert_nothing_waits(struct fixture *f);
void assert_lost(struct fixture *f, enum es_code code);

static const struct part_progress no_progress;

#endif
