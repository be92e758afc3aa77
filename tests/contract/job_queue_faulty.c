/* A queue that fails on demand. */
#include <stdlib.h>

#include "faulty.h"

struct job_queue_faulty {
    struct job_queue base;
    struct job_queue *inner;
    struct faults *faults;
};

static struct job_queue_faulty *wrapper_of(struct job_queue *queue)
{
    return (struct job_queue_faulty *)queue;
}

static void faulty_close(struct job_queue *queue)
{
    job_queue_close(wrapper_of(queue)->inner);
    free(queue);
}

static enum es_code faulty_check(struct job_queue *queue, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), check, reterr);
}

static enum es_code faulty_push(struct job_queue *queue, const struct job *job,
                                struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), push, job, reterr);
}

static enum es_code faulty_lease(struct job_queue *queue, const char *worker_id, int64_t lease_ms,
                                 struct es_arena *arena, struct lease **ret_lease,
                                 const char **ret_dead_job_id, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), lease, worker_id, lease_ms, arena, ret_lease, ret_dead_job_id,
                reterr);
}

static void faulty_wait(struct job_queue *queue, int64_t timeout_ms)
{
    struct job_queue *inner = wrapper_of(queue)->inner;
    inner->ops->wait(inner, timeout_ms);
}

static void faulty_wake(struct job_queue *queue)
{
    struct job_queue *inner = wrapper_of(queue)->inner;
    inner->ops->wake(inner);
}

static enum es_code faulty_extend(struct job_queue *queue, const struct lease *lease,
                                  int64_t lease_ms, const struct part_progress *progress,
                                  struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), extend, lease, lease_ms, progress, reterr);
}

static enum es_code faulty_finish(struct job_queue *queue, const struct lease *lease,
                                  const char *result, const struct part *next, size_t next_count,
                                  struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), finish, lease, result, next, next_count, reterr);
}

static enum es_code faulty_retry(struct job_queue *queue, const struct lease *lease,
                                 int64_t delay_ms, bool is_crash, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), retry, lease, delay_ms, is_crash, reterr);
}

static enum es_code faulty_release(struct job_queue *queue, const struct lease *lease,
                                   int64_t delay_ms, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), release, lease, delay_ms, reterr);
}

static enum es_code faulty_bury(struct job_queue *queue, const struct lease *lease,
                                struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), bury, lease, reterr);
}

static enum es_code faulty_cancel(struct job_queue *queue, const char *job_id,
                                  struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), cancel, job_id, reterr);
}

static enum es_code faulty_forget(struct job_queue *queue, const char *job_id,
                                  struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), forget, job_id, reterr);
}

static enum es_code faulty_prefer(struct job_queue *queue, const char *job_id, int part_index,
                                  struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), prefer, job_id, part_index, reterr);
}

static enum es_code faulty_live(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                                struct job_live *ret_live, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), live, job_id, arena, ret_live, reterr);
}

static enum es_code faulty_parts(struct job_queue *queue, const char *job_id,
                                 struct es_arena *arena, struct part **ret_parts, size_t *ret_count,
                                 struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), parts, job_id, arena, ret_parts, ret_count, reterr);
}

static enum es_code faulty_length(struct job_queue *queue, int64_t *ret_length,
                                  struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), length, ret_length, reterr);
}

static enum es_code faulty_node_beat(struct job_queue *queue, const struct worker_node *node,
                                     struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), node_beat, node, reterr);
}

static enum es_code faulty_node_leave(struct job_queue *queue, const char *id,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), node_leave, id, reterr);
}

static enum es_code faulty_node_list(struct job_queue *queue, int64_t age_ms_max,
                                     struct es_arena *arena, struct worker_node **ret_nodes,
                                     size_t *ret_count, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), node_list, age_ms_max, arena, ret_nodes, ret_count, reterr);
}

static enum es_code faulty_event_append(struct job_queue *queue, const struct event *event,
                                        struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), event_append, event, reterr);
}

static enum es_code faulty_event_list(struct job_queue *queue, int64_t after, size_t limit,
                                      struct es_arena *arena, struct event **ret_events,
                                      size_t *ret_count, int64_t *ret_last, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(queue), event_list, after, limit, arena, ret_events, ret_count, ret_last,
                reterr);
}

static void faulty_event_wait(struct job_queue *queue, int64_t after, int64_t timeout_ms)
{
    struct job_queue *inner = wrapper_of(queue)->inner;
    inner->ops->event_wait(inner, after, timeout_ms);
}

static const struct job_queue_ops faulty_ops = {
    .name = "faulty",
    .close = faulty_close,
    .check = faulty_check,
    .push = faulty_push,
    .lease = faulty_lease,
    .wait = faulty_wait,
    .wake = faulty_wake,
    .extend = faulty_extend,
    .finish = faulty_finish,
    .retry = faulty_retry,
    .release = faulty_release,
    .bury = faulty_bury,
    .cancel = faulty_cancel,
    .forget = faulty_forget,
    .prefer = faulty_prefer,
    .live = faulty_live,
    .parts = faulty_parts,
    .length = faulty_length,
    .node_beat = faulty_node_beat,
    .node_leave = faulty_node_leave,
    .node_list = faulty_node_list,
    .event_append = faulty_event_append,
    .event_list = faulty_event_list,
    .event_wait = faulty_event_wait,
};

struct job_queue *job_queue_faulty(struct job_queue *inner, struct faults *faults)
{
    struct job_queue_faulty *wrapper = es_malloc(sizeof(*wrapper));
    wrapper->base.ops = &faulty_ops;
    wrapper->inner = inner;
    wrapper->faults = faults;
    return &wrapper->base;
}
