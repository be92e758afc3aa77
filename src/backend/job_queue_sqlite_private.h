/* What the files of the SQLite queue share. */
#ifndef JOB_QUEUE_SQLITE_PRIVATE_H
#define JOB_QUEUE_SQLITE_PRIVATE_H

#include "backend/queue_rules.h"
#include "backend/queue_waiter.h"
#include "backend/sqlite_db.h"
#include "port/job_queue.h"

struct job_queue_sqlite {
    struct job_queue base;
    struct sqlite_db *db;
    struct queue_waiter parts;  /* who waits for a part */
    struct queue_waiter events; /* who waits for an event */
};

static inline struct job_queue_sqlite *sqlite_queue(struct job_queue *queue)
{
    return (struct job_queue_sqlite *)queue;
}

/* Ends the job: no part of it is given out any more, and no lease of it holds. */
ES_CHECK enum es_code sqlite_queue_end_job(struct sqlite_tx *tx, int64_t job,
                                           enum queue_outcome outcome, struct es_err *reterr);

/* job_queue_sqlite_part.c: what needs a lease. */
enum es_code sqlite_queue_extend(struct job_queue *queue, const struct lease *lease,
                                 int64_t lease_ms, const struct part_progress *progress,
                                 struct es_err *reterr);
enum es_code sqlite_queue_finish(struct job_queue *queue, const struct lease *lease,
                                 const char *result, const struct part *next, size_t next_count,
                                 struct es_err *reterr);
enum es_code sqlite_queue_retry(struct job_queue *queue, const struct lease *lease,
                                int64_t delay_ms, bool is_crash, struct es_err *reterr);
enum es_code sqlite_queue_release(struct job_queue *queue, const struct lease *lease,
                                  int64_t delay_ms, struct es_err *reterr);
enum es_code sqlite_queue_bury(struct job_queue *queue, const struct lease *lease,
                               struct es_err *reterr);

/* job_queue_sqlite_view.c: what only looks, nodes, and events. */
enum es_code sqlite_queue_live(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                               struct job_live *ret_live, struct es_err *reterr);
enum es_code sqlite_queue_parts(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                                struct part **ret_parts, size_t *ret_count, struct es_err *reterr);
enum es_code sqlite_queue_length(struct job_queue *queue, int64_t *ret_length,
                                 struct es_err *reterr);
enum es_code sqlite_queue_node_beat(struct job_queue *queue, const struct worker_node *node,
                                    struct es_err *reterr);
enum es_code sqlite_queue_node_leave(struct job_queue *queue, const char *id,
                                     struct es_err *reterr);
enum es_code sqlite_queue_node_list(struct job_queue *queue, int64_t age_ms_max,
                                    struct es_arena *arena, struct worker_node **ret_nodes,
                                    size_t *ret_count, struct es_err *reterr);
enum es_code sqlite_queue_event_append(struct job_queue *queue, const struct event *event,
                                       struct es_err *reterr);
enum es_code sqlite_queue_event_list(struct job_queue *queue, int64_t after, size_t limit,
                                     struct es_arena *arena, struct event **ret_events,
                                     size_t *ret_count, int64_t *ret_last, struct es_err *reterr);
void sqlite_queue_event_wait(struct job_queue *queue, int64_t after, int64_t timeout_ms);

#endif
