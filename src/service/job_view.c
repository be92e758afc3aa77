/* The job object. */
#include "service/job_view.h"

#include <math.h>

#include "model/job_json.h"
#include "model/part.h"
#include "service/reuse.h"

/* The life of a job that waits for another one's output is that one's, except that it cannot be
 * played yet. */
static enum es_code read_awaited_live(struct service_context *context, const struct job *job,
                                      struct es_arena *arena, struct job_live *live,
                                      struct es_err *reterr)
{
    const struct job *awaited;
    enum es_code code = reuse_awaited(context, job, arena, &awaited, reterr);
    if (code == ES_OK && awaited)
        code = context->queue->ops->live(context->queue, awaited->id, arena, live, reterr);
    live->is_playable = false;
    return code;
}

enum es_code job_view_make(struct service_context *context, const struct job *job,
                           struct es_arena *arena, struct job_view *ret_view, struct es_err *reterr)
{
    struct job_view view = { .job = job };
    if (!job_status_is_final(job->status)) {
        struct es_err why = { 0 };
        enum es_code code =
            context->queue->ops->live(context->queue, job->id, arena, &view.live, &why);
        if (code == ES_OK && !view.live.is_known)
            code = read_awaited_live(context, job, arena, &view.live, &why);
        if (code == ES_UNAVAILABLE) {
            view.live = (struct job_live){ 0 };
        } else if (code) {
            if (reterr)
                *reterr = why;
            return code;
        }
    }
    *ret_view = view;
    return ES_OK;
}

enum es_code job_view_list(struct service_context *context, const struct job_query *query,
                           struct es_arena *arena, struct job_view **ret_views, size_t *ret_count,
                           const char **ret_next_cursor, struct es_err *reterr)
{
    struct job *jobs;
    size_t count;
    const char *next_cursor;
    enum es_code code = context->meta->ops->job_list(context->meta, query, arena, &jobs, &count,
                                                     &next_cursor, reterr);
    if (code)
        return code;
    struct job_view *views = es_new_array(arena, struct job_view, count);
    for (size_t i = 0; i < count; i++) {
        code = job_view_make(context, &jobs[i], arena, &views[i], reterr);
        if (code)
            return code;
    }
    *ret_views = views;
    *ret_count = count;
    *ret_next_cursor = next_cursor;
    return ES_OK;
}

static json_t *workers_json(const struct job_live *live)
{
    json_t *workers = json_array();
    for (size_t i = 0; i < live->worker_count; i++)
        if (json_array_append_new(workers, json_string(live->workers[i])))
            abort();
    return workers;
}

static json_t *error_json(const struct job *job, enum language language)
{
    if (job->status != JOB_FAILED)
        return json_null();
    /* A word of another version's table still has its code. */
    const char *word = job->error_word && problem_find(job->error_word) ? job->error_word : NULL;
    const struct problem *problem = problem_of(job->error_code, word);
    json_t *error = json_object();
    json_put_text(error, "code", problem->word);
    json_put_text(error, "detail", problem->texts[language]);
    json_put(error, "retryable",
             json_boolean(part_failure_can_pass(job->error_code, job->error_word)));
    return error;
}

/* A number that is known, or null. */
static void put_known(json_t *object, const char *name, double value, bool is_known)
{
    json_put(object, name, is_known && isfinite(value) ? json_real(value) : json_null());
}

static void put_live(json_t *object, const struct job_view *view)
{
    const struct job *job = view->job;
    const struct job_live *live = &view->live;
    bool is_done = job->status == JOB_DONE;
    double progress = is_done ? 1 : live->is_known && isfinite(live->progress) ? live->progress : 0;
    json_put(object, "progress", json_real(progress < 0 ? 0 : progress > 1 ? 1 : progress));
    put_known(object, "speed", live->speed, live->is_known && live->speed > 0);
    put_known(object, "eta_seconds", live->eta_seconds, live->is_known && live->eta_seconds >= 0);
    bool is_waiting = live->is_known && live->queue_position > 0;
    json_put(object, "queue_position",
             is_waiting ? json_integer(live->queue_position) : json_null());
    json_put(object, "workers", workers_json(live));
    json_put(object, "playable", json_boolean(is_done || (live->is_known && live->is_playable)));
}

json_t *job_view_json(const struct job_view *view, enum language language)
{
    const struct job *job = view->job;
    es_auto_arena arena = { 0 };
    const char *prefix = job_output_prefix(job, &arena);
    json_t *object = json_object();
    json_put_text(object, "job_id", job->id);
    json_put_text(object, "media_id", job->media_id);
    json_put_text(object, "target", job_target_name(job->target));
    json_put_text(object, "status", job_status_name(job->status));
    json_put_text(object, "output_prefix", prefix);
    json_put_text(object, "output_bucket", MEDIA_BUCKET);
    json_put_text(object, "output_object",
                  es_printf(&arena, "%s/%s", prefix, job_output_name(job->target)));
    json_put(object, "output_size_bytes",
             job->status == JOB_DONE ? json_integer(job->output_size_bytes) : json_null());
    json_put_time(object, "enqueued_at", job->enqueued_at_ms);
    json_put_time(object, "updated_at", job->updated_at_ms);
    json_put_time(object, "started_at", job->started_at_ms);
    json_put_time(object, "finished_at", job->finished_at_ms);
    json_put_text(object, "details", job->details);
    json_put(object, "attempts", json_integer(job->attempts));
    json_put(object, "options", job_options_json(&job->options));
    json_put(object, "error", error_json(job, language));
    put_live(object, view);
    return object;
}
