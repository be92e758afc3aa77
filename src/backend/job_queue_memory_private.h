/* What the files of the memory queue share. Everything here wants the queue's lock held. */
#ifndef JOB_QUEUE_MEMORY_PRIVATE_H
#define JOB_QUEUE_MEMORY_PRIVATE_H

#include <pthread.h>

#include "backend/queue_rules.h"
#include "backend/queue_waiter.h"
#include "port/job_queue.h"

struct memory_part {
    struct part part; /* its strings are on the heap */
    char token[ES_ID_SIZE];
    int64_t turn; /* enum queue_turn_number */
    int64_t available_at_ms, expires_at_ms;
};

struct memory_job {
    struct memory_job *next; /* in the order of pushing */
    char id[ES_ID_SIZE], user_id[ES_ID_SIZE], media_id[ES_ID_SIZE];
    int attempts;
    enum queue_outcome outcome;
    bool is_playable;
    int64_t fence, told_at_ms;
    struct memory_part *parts; /* by index */
    size_t part_count;
};

struct memory_user {
    struct memory_user *next;
    char id[ES_ID_SIZE];
    int64_t served, number;
};

struct memory_node {
    struct memory_node *next; /* by id */
    char *id, *version;
    struct worker_node node;
};

struct job_queue_memory {
    struct job_queue base;
    pthread_mutex_t lock;
    struct queue_waiter part_waiter, event_waiter;
    struct memory_job *jobs;
    struct memory_user *users;
    int64_t served;
    struct memory_node *nodes;
    struct event events[EVENTS_KEPT]; /* number n stands at n % EVENTS_KEPT */
    int64_t last_event;
};

/* Unlocks at the end of the scope. */
static inline void memory_queue_unlock(struct job_queue_memory **memory)
{
    pthread_mutex_unlock(&(*memory)->lock);
}
static inline struct job_queue_memory *memory_queue_lock(struct job_queue *queue)
{
    struct job_queue_memory *memory = (struct job_queue_memory *)queue;
    pthread_mutex_lock(&memory->lock);
    return memory;
}
#define auto_queue_unlock __attribute__((cleanup(memory_queue_unlock))) struct job_queue_memory

struct memory_job *memory_queue_find(struct job_queue_memory *memory, const char *job_id);
void memory_queue_end_job(struct memory_job *job, enum queue_outcome outcome);
int64_t memory_queue_leased(const struct job_queue_memory *memory, const char *user_id);
/* Made known where it is not. */
struct memory_user *memory_queue_user(struct job_queue_memory *memory, const char *user_id);
void memory_replace_text(const char **text, const char *by);

/* job_queue_memory_part.c: what needs a lease. */
enum es_code memory_queue_extend(struct job_queue *queue, const struct lease *lease,
                                 int64_t lease_ms, const struct part_progress *progress,
                                 struct es_err *reterr);
enum es_code memory_queue_finish(struct job_queue *queue, const struct lease *lease,
                                 const char *result, const struct part *next, size_t next_count,
                                 struct es_err *reterr);
enum es_code memory_queue_retry(struct job_queue *queue, const struct lease *lease,
                                int64_t delay_ms, bool is_crash, struct es_err *reterr);
enum es_code memory_queue_release(struct job_queue *queue, const struct lease *lease,
                                  int64_t delay_ms, struct es_err *reterr);
enum es_code memory_queue_bury(struct job_queue *queue, const struct lease *lease,
                               struct es_err *reterr);

/* job_queue_memory_view.c: what only looks, nodes, and events. */
enum es_code memory_queue_live(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                               struct job_live *ret_live, struct es_err *reterr);
enum es_code memory_queue_parts(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                                struct part **ret_parts, size_t *ret_count, struct es_err *reterr);
enum es_code memory_queue_length(struct job_queue *queue, int64_t *ret_length,
                                 struct es_err *reterr);
enum es_code memory_queue_node_beat(struct job_queue *queue, const struct worker_node *node,
                                    struct es_err *reterr);
enum es_code memory_queue_node_leave(struct job_queue *queue, const char *id,
                                     struct es_err *reterr);
enum es_code memory_queue_node_list(struct job_queue *queue, int64_t age_ms_max,
                                    struct es_arena *arena, struct worker_node **ret_nodes,
                                    size_t *ret_count, struct es_err *reterr);
enum es_code memory_queue_event_append(struct job_queue *queue, const struct event *event,
                                       struct es_err *reterr);
enum es_code memory_queue_event_list(struct job_queue *queue, int64_t after, size_t limit,
                                     struct es_arena *arena, struct event **ret_events,
                                     size_t *ret_count, int64_t *ret_last, struct es_err *reterr);
void memory_queue_event_wait(struct job_queue *queue, int64_t after, int64_t timeout_ms);
void memory_node_free(struct memory_node *node);

#endif
