/* What can be seen of the queue in memory: jobs' figures, parts, the fleet's nodes, and events. */
#include <stdlib.h>
#include <string.h>

#include "backend/job_queue_memory_private.h"
#include "base/es_clock.h"

static double at_most(double value, double most)
{
    return value < most ? value : most;
}

static void add_up(const struct memory_job *job, int64_t now_ms, struct queue_sums *sums,
                   struct job_live *live)
{
    live->part_count = (int)job->part_count;
    for (size_t i = 0; i < job->part_count; i++) {
        const struct part *part = &job->parts[i].part;
        bool is_done = part->state == PART_DONE;
        bool is_running = part->state == PART_LEASED && job->parts[i].expires_at_ms > now_ms;
        live->parts_done += is_done;
        if (part->kind == PART_PLAN)
            sums->is_planned = is_done;
        if (part->kind == PART_CONVERT) {
            sums->seconds_total += part->weight_seconds;
            sums->seconds_done += at_most(part->seconds_done, part->weight_seconds);
            sums->speed += is_running ? part->speed : 0;
        }
        if (part->kind == PART_JOIN && part->weight_seconds > 0)
            sums->join_fraction = at_most(part->seconds_done / part->weight_seconds, 1);
    }
}

static int by_text(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

static void list_workers(const struct memory_job *job, int64_t now_ms, struct es_arena *arena,
                         struct job_live *live)
{
    const char **workers = es_new_array(arena, const char *, job->part_count);
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < job->part_count; i++)
        if (job->parts[i].part.state == PART_LEASED && job->parts[i].expires_at_ms > now_ms)
            workers[count++] = es_strdup(arena, job->parts[i].part.worker_id);
    if (count > 0)
        qsort(workers, count, sizeof(*workers), by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(workers[i], workers[kept - 1]) != 0)
            workers[kept++] = workers[i];
    live->workers = workers;
    live->worker_count = kept;
}

static bool plan_waits(const struct memory_job *job)
{
    return job->parts[0].part.state == PART_WAITING;
}

static struct queue_turn turn_of(struct job_queue_memory *memory, const struct memory_user *user)
{
    struct queue_turn turn = { .served = user->served,
                               .number = user->number,
                               .leased = memory_queue_leased(memory, user->id) };
    for (const struct memory_job *job = memory->jobs; job; job = job->next) {
        if (strcmp(job->user_id, user->id) != 0)
            continue;
        turn.plans += plan_waits(job);
        for (size_t i = 0; i < job->part_count; i++)
            turn.before +=
                job->parts[i].part.state == PART_WAITING && job->parts[i].turn < QUEUE_TURN_FIRST;
    }
    return turn;
}

static int position_of(struct job_queue_memory *memory, const struct memory_job *job)
{
    if (!plan_waits(job))
        return 0;
    const struct memory_user *mine = memory_queue_user(memory, job->user_id);
    struct queue_turn my_turn = turn_of(memory, mine);
    int64_t place = 0;
    for (const struct memory_job *other = memory->jobs; other != job; other = other->next)
        place += plan_waits(other) && strcmp(other->user_id, job->user_id) == 0;
    int64_t position = place + 1;
    for (const struct memory_user *user = memory->users; user; user = user->next)
        if (user != mine) {
            struct queue_turn turn = turn_of(memory, user);
            position += queue_plans_before(&my_turn, place, &turn);
        }
    return (int)position;
}

enum es_code memory_queue_live(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                               struct job_live *ret_live, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct job_live live = { .eta_seconds = -1 };
    struct memory_job *job = memory_queue_find(memory, job_id);
    if (job) {
        int64_t now_ms = es_clock_realtime_ms();
        struct queue_sums sums = { .outcome = job->outcome };
        live.is_known = true;
        live.is_cancelled = job->outcome == QUEUE_CANCELLED;
        live.is_playable = job->is_playable;
        add_up(job, now_ms, &sums, &live);
        list_workers(job, now_ms, arena, &live);
        live.queue_position = position_of(memory, job);
        queue_sums_tell(&sums, &live);
    }
    *ret_live = live;
    return ES_OK;
}

enum es_code memory_queue_parts(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                                struct part **ret_parts, size_t *ret_count, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    struct memory_job *job = memory_queue_find(memory, job_id);
    size_t count = job ? job->part_count : 0;
    struct part *parts = es_new_array(arena, struct part, count);
    for (size_t i = 0; i < count; i++) {
        parts[i] = job->parts[i].part;
        parts[i].spec = es_strdup(arena, parts[i].spec);
        parts[i].result = es_strdup(arena, parts[i].result);
        parts[i].worker_id = es_strdup(arena, parts[i].worker_id);
    }
    *ret_parts = parts;
    *ret_count = count;
    return ES_OK;
}

enum es_code memory_queue_length(struct job_queue *queue, int64_t *ret_length,
                                 struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    *ret_length = 0;
    for (const struct memory_job *job = memory->jobs; job; job = job->next)
        *ret_length += plan_waits(job);
    return ES_OK;
}

void memory_node_free(struct memory_node *node)
{
    free(node->id);
    free(node->version);
    free(node);
}

static void remove_node(struct job_queue_memory *memory, const char *id)
{
    struct memory_node **link = &memory->nodes;
    while (*link && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    struct memory_node *node = *link;
    if (node) {
        *link = node->next;
        memory_node_free(node);
    }
}

enum es_code memory_queue_node_beat(struct job_queue *queue, const struct worker_node *node,
                                    struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    remove_node(memory, node->id);
    struct memory_node *known = es_malloc(sizeof(*known));
    known->node = *node;
    known->node.id = known->id = es_strdup_heap(node->id);
    known->node.version = known->version = node->version ? es_strdup_heap(node->version) : NULL;
    known->node.seen_at_ms = es_clock_realtime_ms();
    struct memory_node **link = &memory->nodes;
    while (*link && strcmp((*link)->id, node->id) < 0)
        link = &(*link)->next;
    known->next = *link;
    *link = known;
    return ES_OK;
}

enum es_code memory_queue_node_leave(struct job_queue *queue, const char *id, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    remove_node(memory, id);
    return ES_OK;
}

enum es_code memory_queue_node_list(struct job_queue *queue, int64_t age_ms_max,
                                    struct es_arena *arena, struct worker_node **ret_nodes,
                                    size_t *ret_count, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    int64_t oldest_ms = es_clock_realtime_ms() - age_ms_max;
    size_t count = 0;
    for (const struct memory_node *node = memory->nodes; node; node = node->next)
        count++;
    struct worker_node *nodes = es_new_array(arena, struct worker_node, count);
    count = 0;
    for (const struct memory_node *node = memory->nodes; node; node = node->next) {
        if (node->node.seen_at_ms < oldest_ms)
            continue;
        nodes[count] = node->node;
        nodes[count].id = es_strdup(arena, node->id);
        nodes[count++].version = es_strdup(arena, node->version);
    }
    *ret_nodes = nodes;
    *ret_count = count;
    return ES_OK;
}

enum es_code memory_queue_event_append(struct job_queue *queue, const struct event *event,
                                       struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    int64_t sequence = ++memory->last_event;
    memory->events[sequence % EVENTS_KEPT] = *event;
    memory->events[sequence % EVENTS_KEPT].sequence = sequence;
    queue_waiter_tell(&memory->event_waiter, true);
    return ES_OK;
}

enum es_code memory_queue_event_list(struct job_queue *queue, int64_t after, size_t limit,
                                     struct es_arena *arena, struct event **ret_events,
                                     size_t *ret_count, int64_t *ret_last, struct es_err *reterr)
{
    (void)reterr;
    auto_queue_unlock *memory = memory_queue_lock(queue);
    int64_t last = memory->last_event;
    int64_t first = after + 1 > last - EVENTS_KEPT + 1 ? after + 1 : last - EVENTS_KEPT + 1;
    if (first < 1)
        first = 1;
    size_t count = after < 0 || first > last ? 0 : (size_t)(last - first + 1);
    if (count > limit)
        count = limit;
    struct event *events = es_new_array(arena, struct event, count);
    for (size_t i = 0; i < count; i++)
        events[i] = memory->events[(first + (int64_t)i) % EVENTS_KEPT];
    *ret_events = events;
    *ret_count = count;
    *ret_last = last;
    return ES_OK;
}

static int64_t newest_event(struct job_queue *queue)
{
    auto_queue_unlock *memory = memory_queue_lock(queue);
    return memory->last_event;
}

void memory_queue_event_wait(struct job_queue *queue, int64_t after, int64_t timeout_ms)
{
    struct job_queue_memory *memory = (struct job_queue_memory *)queue;
    int64_t deadline_ms = es_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        struct queue_seen seen = queue_waiter_look(&memory->event_waiter);
        int64_t left_ms = deadline_ms - es_clock_monotonic_ms();
        if (left_ms <= 0 || newest_event(queue) > after ||
            !queue_waiter_wait(&memory->event_waiter, &seen, left_ms))
            return;
    }
}
