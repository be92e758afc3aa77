/* What the holder of a lease may do with its part, in memory. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/job_queue_memory_private.h"
#include "base/es_clock.h"

/* A lease whose time is over still holds until somebody else has the part. */
static enum es_code find_held(struct job_queue_memory *memory, const struct lease *lease,
                              struct memory_job **ret_job, struct memory_part **ret_part,
                              struct es_err *reterr)
{
    struct memory_job *job = memory_queue_find(memory, lease->part.job_id);
    if (!job || (job->outcome != QUEUE_OPEN && job->outcome != QUEUE_DONE))
        return queue_job_ended(lease, reterr);
    for (size_t i = 0; i < job->part_count; i++)
        if (job->parts[i].part.index == lease->part.index &&
            strcmp(job->parts[i].token, lease->token) == 0) {
            *ret_job = job;
            *ret_part = &job->parts[i];
            return ES_OK;
        }
    return queue_lease_lost(lease, reterr);
}

enum es_code memory_queue_extend(struct job_queue *queue, const struct lease *lease,
                                 int64_t lease_ms, const struct part_progress *progress,
                                 struct es_err *reterr)
{
    static const struct part_progress none = { 0 };
    if (!progress)
        progress = &none;
    enum es_code code = queue_check_text(progress->result_so_far, reterr);
    if (code)
        return code;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job;
    struct memory_part *part;
    code = find_held(memory, lease, &job, &part, reterr);
    if (code)
        return code;
    part->part.state = PART_LEASED;
    part->expires_at_ms = es_clock_realtime_ms() + lease_ms;
    memory_replace_text(&part->part.worker_id, lease->part.worker_id);
    part->part.speed = isfinite(progress->speed) && progress->speed > 0 ? progress->speed : 0;
    if (isfinite(progress->seconds_done) && progress->seconds_done > part->part.seconds_done)
        part->part.seconds_done = progress->seconds_done;
    if (progress->result_so_far)
        memory_replace_text(&part->part.result, progress->result_so_far);
    job->is_playable |= progress->is_playable;
    return ES_OK;
}

static int by_index(const void *left, const void *right)
{
    const struct memory_part *a = left, *b = right;
    return (a->part.index > b->part.index) - (a->part.index < b->part.index);
}

static void add_parts(struct memory_job *job, const struct part *next, size_t count)
{
    job->parts = es_realloc(job->parts, (job->part_count + count) * sizeof(*job->parts));
    for (size_t i = 0; i < count; i++) {
        struct memory_part *part = &job->parts[job->part_count++];
        *part = (struct memory_part){
            .part = { .index = next[i].index,
                      .kind = next[i].kind,
                      .state = next[i].kind == PART_JOIN && count > 1 ? PART_BLOCKED : PART_WAITING,
                      .is_first = next[i].is_first,
                      .weight_seconds = next[i].weight_seconds },
            .turn = queue_turn_number(next[i].kind, next[i].is_first),
        };
        memcpy(part->part.job_id, job->id, ES_ID_SIZE);
        memory_replace_text(&part->part.spec, next[i].spec);
    }
    qsort(job->parts, job->part_count, sizeof(*job->parts), by_index);
}

/* The join waits as soon as every convert part is done. */
static void unblock_join(struct memory_job *job)
{
    struct memory_part *join = NULL;
    for (size_t i = 0; i < job->part_count; i++) {
        struct memory_part *part = &job->parts[i];
        if (part->part.kind == PART_CONVERT && part->part.state != PART_DONE)
            return;
        if (part->part.kind == PART_JOIN)
            join = part;
    }
    if (join->part.state == PART_BLOCKED) {
        join->part.state = PART_WAITING;
        join->available_at_ms = es_clock_realtime_ms();
    }
}

enum es_code memory_queue_finish(struct job_queue *queue, const struct lease *lease,
                                 const char *result, const struct part *next, size_t next_count,
                                 struct es_err *reterr)
{
    bool is_plan = lease->part.kind == PART_PLAN;
    assert(is_plan || next_count == 0);
    enum es_code code = queue_check_text(result, reterr);
    if (!code && is_plan)
        code = queue_check_plan(next, next_count, reterr);
    if (code)
        return code;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job;
    struct memory_part *part;
    code = find_held(memory, lease, &job, &part, reterr);
    if (code)
        return code;
    part->part.state = PART_DONE;
    part->part.speed = 0;
    part->part.seconds_done = part->part.weight_seconds;
    part->token[0] = 0;
    memory_replace_text(&part->part.worker_id, lease->part.worker_id);
    if (result)
        memory_replace_text(&part->part.result, result);
    if (is_plan) {
        add_parts(job, next, next_count);
    } else if (lease->part.kind == PART_JOIN) {
        job->outcome = QUEUE_DONE;
        job->is_playable = true;
    } else {
        unblock_join(job);
    }
    queue_waiter_tell(&memory->part_waiter, is_plan);
    return ES_OK;
}

/* Back among those that wait. */
static enum es_code give_back(struct job_queue *queue, const struct lease *lease, int64_t delay_ms,
                              int attempts_taken_back, bool is_crash, struct es_err *reterr)
{
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job;
    struct memory_part *part;
    enum es_code code = find_held(memory, lease, &job, &part, reterr);
    if (code)
        return code;
    part->part.attempts -= attempts_taken_back;
    part->part.crashes += is_crash;
    if (part->part.attempts >= PART_ATTEMPTS_MAX) {
        memory_queue_end_job(job, QUEUE_DEAD);
    } else {
        part->part.state = PART_WAITING;
        part->part.speed = 0;
        part->token[0] = 0;
        part->available_at_ms = es_clock_realtime_ms() + delay_ms;
        memory_replace_text(&part->part.worker_id, NULL);
    }
    queue_waiter_tell(&memory->part_waiter, false);
    return ES_OK;
}

enum es_code memory_queue_retry(struct job_queue *queue, const struct lease *lease,
                                int64_t delay_ms, bool is_crash, struct es_err *reterr)
{
    return give_back(queue, lease, delay_ms, 0, is_crash, reterr);
}

enum es_code memory_queue_release(struct job_queue *queue, const struct lease *lease,
                                  int64_t delay_ms, struct es_err *reterr)
{
    return give_back(queue, lease, delay_ms, 1, false, reterr);
}

enum es_code memory_queue_bury(struct job_queue *queue, const struct lease *lease,
                               struct es_err *reterr)
{
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job;
    struct memory_part *part;
    enum es_code code = find_held(memory, lease, &job, &part, reterr);
    if (!code)
        memory_queue_end_job(job, QUEUE_BURIED);
    return code;
}
