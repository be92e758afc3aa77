/* Lists under one lock, gone through from end to end: plain and right before fast. */
#include "backend/job_queue_memory.h"

#include <stdlib.h>
#include <string.h>

#include "backend/job_queue_memory_private.h"
#include "base/es_clock.h"

void memory_replace_text(const char **text, const char *by)
{
    char *copy = by ? es_strdup_heap(by) : NULL;
    free((char *)(uintptr_t)*text);
    *text = copy;
}

static void job_free(struct memory_job *job)
{
    for (size_t i = 0; i < job->part_count; i++) {
        memory_replace_text(&job->parts[i].part.spec, NULL);
        memory_replace_text(&job->parts[i].part.result, NULL);
        memory_replace_text(&job->parts[i].part.worker_id, NULL);
    }
    free(job->parts);
    free(job);
}

struct memory_job *memory_queue_find(struct job_queue_memory *memory, const char *job_id)
{
    for (struct memory_job *job = memory->jobs; job; job = job->next)
        if (strcmp(job->id, job_id) == 0)
            return job;
    return NULL;
}

static void remove_job(struct job_queue_memory *memory, struct memory_job *job)
{
    struct memory_job **link = &memory->jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    job_free(job);
}

struct memory_user *memory_queue_user(struct job_queue_memory *memory, const char *user_id)
{
    struct memory_user **link = &memory->users;
    int64_t number = 1;
    for (; *link; link = &(*link)->next, number++)
        if (strcmp((*link)->id, user_id) == 0)
            return *link;
    struct memory_user *user = es_malloc(sizeof(*user));
    memcpy(user->id, user_id, ES_ID_SIZE);
    user->number = number;
    *link = user;
    return user;
}

int64_t memory_queue_leased(const struct job_queue_memory *memory, const char *user_id)
{
    int64_t leased = 0;
    for (const struct memory_job *job = memory->jobs; job; job = job->next)
        for (size_t i = 0; i < job->part_count && strcmp(job->user_id, user_id) == 0; i++)
            leased += job->parts[i].part.state == PART_LEASED;
    return leased;
}

void memory_queue_end_job(struct memory_job *job, enum queue_outcome outcome)
{
    job->outcome = outcome;
    job->told_at_ms = 0;
    for (size_t i = 0; i < job->part_count; i++) {
        struct memory_part *part = &job->parts[i];
        if (part->part.state == PART_DONE)
            continue;
        part->part.state = PART_BLOCKED;
        part->part.speed = 0;
        part->token[0] = 0;
        memory_replace_text(&part->part.worker_id, NULL);
    }
}

static void queue_close(struct job_queue *queue)
{
    struct job_queue_memory *memory = (struct job_queue_memory *)queue;
    while (memory->jobs)
        remove_job(memory, memory->jobs);
    for (struct memory_user *user = memory->users, *next; user; user = next) {
        next = user->next;
        free(user);
    }
    for (struct memory_node *node = memory->nodes, *next; node; node = next) {
        next = node->next;
        memory_node_free(node);
    }
    queue_waiter_release(&memory->part_waiter);
    queue_waiter_release(&memory->event_waiter);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static enum es_code queue_check(struct job_queue *queue, struct es_err *reterr)
{
    (void)queue;
    (void)reterr;
    return ES_OK;
}

static struct memory_job *new_job(const struct job *job)
{
    struct memory_job *known = es_malloc(sizeof(*known));
    memcpy(known->id, job->id, ES_ID_SIZE);
    memcpy(known->user_id, job->user_id, ES_ID_SIZE);
    memcpy(known->media_id, job->media_id, ES_ID_SIZE);
    known->attempts = job->attempts;
    known->outcome = QUEUE_OPEN;
    known->fence = queue_first_fence(job);
    known->part_count = 1;
    known->parts = es_malloc(sizeof(*known->parts));
    struct part *plan = &known->parts[0].part;
    memcpy(plan->job_id, job->id, ES_ID_SIZE);
    plan->kind = PART_PLAN;
    plan->state = PART_WAITING;
    return known;
}

static enum es_code queue_push(struct job_queue *queue, const struct job *job,
                               struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *known = memory_queue_find(memory, job->id);
    if (known && known->attempts >= job->attempts)
        return ES_OK;
    if (known)
        remove_job(memory, known);
    memory_queue_user(memory, job->user_id);
    struct memory_job **link = &memory->jobs;
    while (*link)
        link = &(*link)->next;
    *link = new_job(job);
    queue_waiter_tell(&memory->part_waiter, false);
    return ES_OK;
}

/* The token stays: until somebody else has the part, the old holder may still come back. */
static void expire(struct memory_job *job, int64_t now_ms)
{
    for (size_t i = 0; i < job->part_count; i++) {
        struct memory_part *part = &job->parts[i];
        if (part->part.state != PART_LEASED || part->expires_at_ms > now_ms)
            continue;
        if (part->part.attempts >= PART_ATTEMPTS_MAX) {
            memory_queue_end_job(job, QUEUE_DEAD);
            return;
        }
        part->part.state = PART_WAITING;
        part->part.speed = 0;
        part->available_at_ms = now_ms;
        memory_replace_text(&part->part.worker_id, NULL);
    }
}

/* Something to lease, and what decides whose turn it is. */
struct candidate {
    struct memory_job *job;
    struct memory_part *part;
    struct memory_user *user;
    int64_t leased;
};

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    if (!b->job)
        return true;
    if (a->leased != b->leased)
        return a->leased < b->leased;
    if (a->user->served != b->user->served)
        return a->user->served < b->user->served;
    if (a->user != b->user)
        return a->user->number < b->user->number;
    if (a->part->turn != b->part->turn)
        return a->part->turn < b->part->turn;
    return a->part->part.index < b->part->part.index; /* as low: the older job, which came first */
}

static struct candidate choose(struct job_queue_memory *memory, int64_t now_ms)
{
    struct candidate best = { 0 };
    for (struct memory_job *job = memory->jobs; job; job = job->next) {
        struct candidate candidate = {
            .job = job,
            .user = memory_queue_user(memory, job->user_id),
            .leased = memory_queue_leased(memory, job->user_id),
        };
        for (size_t i = 0; i < job->part_count; i++) {
            candidate.part = &job->parts[i];
            if (candidate.part->part.state == PART_WAITING &&
                candidate.part->available_at_ms <= now_ms && goes_before(&candidate, &best))
                best = candidate;
        }
    }
    return best;
}

static struct lease *take(const struct candidate *chosen, const char *worker_id,
                          int64_t expires_at_ms, struct es_arena *arena)
{
    struct memory_part *part = chosen->part;
    struct lease *lease = es_new(arena, struct lease);
    part->part.state = PART_LEASED;
    part->part.attempts++;
    part->part.speed = 0;
    part->expires_at_ms = expires_at_ms;
    memory_replace_text(&part->part.worker_id, worker_id);
    es_id_v4(part->token);
    memcpy(lease->token, part->token, ES_ID_SIZE);
    memcpy(lease->user_id, chosen->job->user_id, ES_ID_SIZE);
    memcpy(lease->media_id, chosen->job->media_id, ES_ID_SIZE);
    lease->fence = ++chosen->job->fence;
    lease->expires_at_ms = expires_at_ms;
    lease->part = part->part;
    lease->part.spec = es_strdup(arena, part->part.spec);
    lease->part.result = es_strdup(arena, part->part.result);
    lease->part.worker_id = es_strdup(arena, worker_id);
    return lease;
}

static enum es_code queue_lease(struct job_queue *queue, const char *worker_id, int64_t lease_ms,
                                struct es_arena *arena, struct lease **ret_lease,
                                const char **ret_dead_job_id, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    int64_t now_ms = es_clock_realtime_ms();
    *ret_lease = NULL;
    *ret_dead_job_id = NULL;
    for (struct memory_job *job = memory->jobs; job; job = job->next) {
        expire(job, now_ms);
        if (job->outcome == QUEUE_DEAD && job->told_at_ms <= now_ms && !*ret_dead_job_id) {
            job->told_at_ms = now_ms + lease_ms;
            *ret_dead_job_id = es_strdup(arena, job->id);
        }
    }
    struct candidate chosen = choose(memory, now_ms);
    if (chosen.job) {
        chosen.user->served = ++memory->served;
        *ret_lease = take(&chosen, worker_id, now_ms + lease_ms, arena);
    }
    return ES_OK;
}

/* When there may be something to lease. */
static int64_t due_at_ms(struct job_queue *queue)
{
    auto_queue_unlock *memory = memory_queue_lock(queue);
    int64_t due_ms = INT64_MAX;
    for (const struct memory_job *job = memory->jobs; job; job = job->next) {
        if (job->outcome == QUEUE_DEAD && job->told_at_ms < due_ms)
            due_ms = job->told_at_ms;
        for (size_t i = 0; i < job->part_count; i++) {
            const struct memory_part *part = &job->parts[i];
            if (part->part.state == PART_WAITING && part->available_at_ms < due_ms)
                due_ms = part->available_at_ms;
            if (part->part.state == PART_LEASED && part->expires_at_ms < due_ms)
                due_ms = part->expires_at_ms;
        }
    }
    return due_ms;
}

static void queue_wait(struct job_queue *queue, int64_t timeout_ms)
{
    struct job_queue_memory *memory = (struct job_queue_memory *)queue;
    int64_t deadline_ms = es_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        struct queue_seen seen = queue_waiter_look(&memory->part_waiter);
        int64_t left_ms = deadline_ms - es_clock_monotonic_ms();
        int64_t due_ms = due_at_ms(queue), now_ms = es_clock_realtime_ms();
        if (left_ms <= 0 || due_ms <= now_ms)
            return;
        if (due_ms - now_ms < left_ms)
            left_ms = due_ms - now_ms;
        if (!queue_waiter_wait(&memory->part_waiter, &seen, left_ms))
            return;
    }
}

static void queue_wake(struct job_queue *queue)
{
    struct job_queue_memory *memory = (struct job_queue_memory *)queue;
    queue_waiter_wake(&memory->part_waiter);
    queue_waiter_wake(&memory->event_waiter);
}

static enum es_code queue_cancel(struct job_queue *queue, const char *job_id, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job = memory_queue_find(memory, job_id);
    if (job && job->outcome == QUEUE_OPEN)
        memory_queue_end_job(job, QUEUE_CANCELLED);
    return ES_OK;
}

static enum es_code queue_forget(struct job_queue *queue, const char *job_id, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job = memory_queue_find(memory, job_id);
    if (job)
        remove_job(memory, job);
    return ES_OK;
}

/* The least turn of the user's parts that wait. */
static int64_t least_turn(const struct job_queue_memory *memory, const char *user_id)
{
    int64_t least = QUEUE_TURN_OTHER;
    for (const struct memory_job *job = memory->jobs; job; job = job->next)
        for (size_t i = 0; i < job->part_count && strcmp(job->user_id, user_id) == 0; i++)
            if (job->parts[i].part.state == PART_WAITING && job->parts[i].turn < least)
                least = job->parts[i].turn;
    return least;
}

static enum es_code queue_prefer(struct job_queue *queue, const char *job_id, int part_index,
                                 struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job = memory_queue_find(memory, job_id);
    struct memory_part *asked = NULL;
    for (size_t i = 0; job && i < job->part_count; i++)
        if (job->parts[i].part.index == part_index && job->parts[i].part.kind == PART_CONVERT &&
            job->parts[i].part.state != PART_DONE)
            asked = &job->parts[i];
    if (!asked || job->outcome != QUEUE_OPEN)
        return ES_OK;
    int64_t least = least_turn(memory, job->user_id);
    if (asked->turn >= QUEUE_TURN_JOIN || asked->turn > least)
        asked->turn = queue_turn_asked(least);
    for (size_t i = 0; i < job->part_count; i++)
        if (job->parts[i].turn > QUEUE_TURN_FIRST)
            job->parts[i].turn =
                job->parts[i].part.index > part_index ? QUEUE_TURN_FOLLOWING : QUEUE_TURN_OTHER;
    return ES_OK;
}

static const struct job_queue_ops memory_ops = {
    .name = "memory",
    .close = queue_close,
    .check = queue_check,
    .push = queue_push,
    .lease = queue_lease,
    .wait = queue_wait,
    .wake = queue_wake,
    .extend = memory_queue_extend,
    .finish = memory_queue_finish,
    .retry = memory_queue_retry,
    .release = memory_queue_release,
    .bury = memory_queue_bury,
    .cancel = queue_cancel,
    .forget = queue_forget,
    .prefer = queue_prefer,
    .live = memory_queue_live,
    .parts = memory_queue_parts,
    .length = memory_queue_length,
    .node_beat = memory_queue_node_beat,
    .node_leave = memory_queue_node_leave,
    .node_list = memory_queue_node_list,
    .event_append = memory_queue_event_append,
    .event_list = memory_queue_event_list,
    .event_wait = memory_queue_event_wait,
};

enum es_code job_queue_memory_open(struct job_queue **ret_queue, struct es_err *reterr)
{
    (void)reterr;
    struct job_queue_memory *memory = es_malloc(sizeof(*memory));
    memory->base.ops = &memory_ops;
    pthread_mutex_init(&memory->lock, NULL);
    queue_waiter_init(&memory->part_waiter);
    queue_waiter_init(&memory->event_waiter);
    *ret_queue = &memory->base;
    return ES_OK;
}
