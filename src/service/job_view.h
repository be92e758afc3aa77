/* The job object of the API: the record, and what the queue adds while the job lives. */
#ifndef JOB_VIEW_H
#define JOB_VIEW_H

#include "model/job.h"
#include "model/problem.h"
#include "service/service.h"
#include "wire/json.h"

struct job_view {
    const struct job *job;
    struct job_live
        live; /* is_known false: the queue says nothing of it (done, failed, cancelled, away) */
};

/* Adds the queue's part to a record that is not final. A queue that is away leaves it out: the
 * record alone is still an answer. Fails with ES_IO only. */
ES_CHECK enum es_code job_view_make(struct service_context *context, const struct job *job,
                                    struct es_arena *arena, struct job_view *ret_view,
                                    struct es_err *reterr);

/* The jobs that `query` finds, each with its life. */
ES_CHECK enum es_code job_view_list(struct service_context *context, const struct job_query *query,
                                    struct es_arena *arena, struct job_view **ret_views,
                                    size_t *ret_count, const char **ret_next_cursor,
                                    struct es_err *reterr);

/* The caller owns the value. Texts for people are in `language`. */
json_t *job_view_json(const struct job_view *view, enum language language);

#endif
