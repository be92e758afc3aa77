/* What users ask of conversions. The workers' side is in conversion_worker.c. */
#include "service/conversion.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/library.h"
#include "service/notify.h"
#include "service/reuse.h"

/* Erased first in the queue, so that nobody goes on publishing, then in the store. */
enum es_code conversion_erase(struct service_context *context, const struct job *job,
                              struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job_queue *queue = context->queue;
    enum es_code code = queue->ops->cancel(queue, job->id, reterr);
    if (code == ES_OK)
        code = queue->ops->forget(queue, job->id, reterr);
    if (code)
        return code;
    const char *prefix = es_printf(&arena, "%s/", job_output_prefix(job, &arena));
    return context->blobs->ops->remove_all(context->blobs, prefix, reterr);
}

enum es_code conversion_check_room(struct service_context *context, const char *user_id,
                                   size_t wanted, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    size_t most = (size_t)context->settings.unfinished_jobs_max;
    struct job_query query = { .user_id = user_id, .is_unfinished = true, .limit = most };
    struct job *jobs;
    size_t count;
    const char *next_cursor;
    enum es_code code = context->meta->ops->job_list(context->meta, &query, &arena, &jobs, &count,
                                                     &next_cursor, reterr);
    if (code == ES_OK && count + wanted > most)
        return es_fail_word(reterr, ES_LIMIT, "too_many_jobs", "%zu jobs are unfinished", count);
    return code;
}

/* What this leaves undone, the sweep does: the record is there. */
static void set_on_its_way(struct service_context *context, const struct job *job)
{
    bool has_moved;
    if (reuse_or_push(context, job, &has_moved, NULL))
        es_metric_add(context->families.push_failures, NULL, 1);
    es_metric_add(context->families.jobs_enqueued, (const char *[]){ job_target_name(job->target) },
                  1);
}

enum es_code conversion_convert(struct service_context *context, const struct caller *caller,
                                const char *media_id, enum job_target target,
                                const struct job_options *options, struct es_arena *arena,
                                struct job_view *ret_view, struct es_err *reterr)
{
    if (target == JOB_TARGET_UNSET)
        return es_fail_word(reterr, ES_INVALID, "target_invalid", "no such target");
    struct media *media;
    enum es_code code =
        context->meta->ops->media_get(context->meta, media_id, arena, &media, reterr);
    if (code)
        return code;
    if (strcmp(media->user_id, caller->user_id) != 0)
        return es_fail_word(reterr, ES_FORBIDDEN, "forbidden", "media %s is another user's",
                            media_id);
    struct job *job = es_new(arena, struct job);
    if (options)
        job->options = *options;
    code = job_options_check(&job->options, target, reterr);
    if (code == ES_OK)
        code = conversion_check_room(context, caller->user_id, 1, reterr);
    if (code)
        return code;
    es_id_v4(job->id);
    memcpy(job->media_id, media->id, ES_ID_SIZE);
    memcpy(job->user_id, media->user_id, ES_ID_SIZE);
    job->target = target;
    job->status = JOB_ENQUEUED;
    job->enqueued_at_ms = job->updated_at_ms = es_clock_realtime_ms();
    job->attempts = 1;
    reuse_set_key(context, media, job);
    code = context->meta->ops->job_create(context->meta, job, reterr);
    if (code)
        return code;
    notify_job_and_media(context, job);
    set_on_its_way(context, job);
    return job_view_make(context, job, arena, ret_view, reterr);
}

static enum es_code fail_not_found(struct es_err *reterr, const char *job_id)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "job_not_found", "job %s is not the caller's to see",
                        job_id);
}

/* The job if the caller owns it or has it shared; *ret_is_owner tells which. */
static enum es_code read_visible(struct service_context *context, const struct caller *caller,
                                 const char *job_id, struct es_arena *arena, struct job **ret_job,
                                 bool *ret_is_owner, struct es_err *reterr)
{
    struct job *job;
    enum es_code code = context->meta->ops->job_get(context->meta, job_id, arena, &job, reterr);
    if (code)
        return code;
    bool is_owner = strcmp(job->user_id, caller->user_id) == 0, is_shared = false;
    if (!is_owner) {
        struct share *shares;
        size_t count;
        code = context->meta->ops->share_list(context->meta, job->media_id, caller->user_id, arena,
                                              &shares, &count, reterr);
        if (code)
            return code;
        for (size_t i = 0; i < count; i++)
            is_shared |= strcmp(shares[i].job_id, job_id) == 0;
    }
    if (!is_owner && !is_shared)
        return fail_not_found(reterr, job_id);
    *ret_job = job;
    *ret_is_owner = is_owner;
    return ES_OK;
}

static enum es_code read_owned(struct service_context *context, const struct caller *caller,
                               const char *job_id, struct es_arena *arena, struct job **ret_job,
                               struct es_err *reterr)
{
    bool is_owner;
    enum es_code code = read_visible(context, caller, job_id, arena, ret_job, &is_owner, reterr);
    if (code == ES_OK && !is_owner)
        return es_fail_word(reterr, ES_FORBIDDEN, "forbidden",
                            "job %s is only shared with the caller", job_id);
    return code;
}

enum es_code conversion_status(struct service_context *context, const struct caller *caller,
                               const char *job_id, const char *media_id, struct es_arena *arena,
                               struct job_view *ret_view, struct es_err *reterr)
{
    struct job *job;
    bool is_owner;
    enum es_code code = read_visible(context, caller, job_id, arena, &job, &is_owner, reterr);
    if (code)
        return code;
    if (media_id && strcmp(media_id, job->media_id) != 0)
        return fail_not_found(reterr, job_id);
    return job_view_make(context, job, arena, ret_view, reterr);
}

enum es_code conversion_list(struct service_context *context, const struct caller *caller,
                             const struct job_query *query, struct es_arena *arena,
                             struct job_view **ret_views, size_t *ret_count,
                             const char **ret_next_cursor, struct es_err *reterr)
{
    struct job_query own = *query;
    own.user_id = caller->user_id;
    return job_view_list(context, &own, arena, ret_views, ret_count, ret_next_cursor, reterr);
}

enum es_code conversion_cancel(struct service_context *context, const struct caller *caller,
                               const char *job_id, struct es_arena *arena,
                               struct job_view *ret_view, struct es_err *reterr)
{
    struct job *job;
    enum es_code code = read_owned(context, caller, job_id, arena, &job, reterr);
    if (code)
        return code;
    if (job_status_is_final(job->status))
        return es_fail_word(reterr, ES_CONFLICT, "job_state", "job %s has ended", job_id);
    struct job_change change = { .status = JOB_CANCELLED, .at_ms = es_clock_realtime_ms() };
    code = context->meta->ops->job_change(context->meta, job_id, &change, reterr);
    if (code == ES_OK)
        code = conversion_erase(context, job, reterr);
    if (code)
        return code;
    notify_job_and_media(context, job);
    reuse_settle(context, job);
    code = context->meta->ops->job_get(context->meta, job_id, arena, &job, reterr);
    return code ? code : job_view_make(context, job, arena, ret_view, reterr);
}

enum es_code conversion_retry(struct service_context *context, const struct caller *caller,
                              const char *job_id, struct es_arena *arena, struct job_view *ret_view,
                              struct es_err *reterr)
{
    struct job *job;
    enum es_code code = read_owned(context, caller, job_id, arena, &job, reterr);
    if (code)
        return code;
    if (job->status != JOB_FAILED && job->status != JOB_CANCELLED)
        return es_fail_word(reterr, ES_CONFLICT, "job_state", "job %s is %s", job_id,
                            job_status_name(job->status));
    code = conversion_check_room(context, caller->user_id, 1, reterr);
    if (code ==
        ES_OK) /* before the record, so that nothing of the last run can pass for this one's */
        code = conversion_erase(context, job, reterr);
    struct job_change change = { .status = JOB_ENQUEUED,
                                 .is_retry = true,
                                 .at_ms = es_clock_realtime_ms() };
    if (code == ES_OK)
        code = context->meta->ops->job_change(context->meta, job_id, &change, reterr);
    if (code == ES_OK)
        code = context->meta->ops->job_get(context->meta, job_id, arena, &job, reterr);
    if (code)
        return code;
    notify_job_and_media(context, job);
    set_on_its_way(context, job);
    return job_view_make(context, job, arena, ret_view, reterr);
}

enum es_code conversion_delete(struct service_context *context, const struct caller *caller,
                               const char *job_id, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job *job;
    enum es_code code = read_owned(context, caller, job_id, &arena, &job, reterr);
    struct share *shares = NULL;
    size_t share_count = 0;
    if (code == ES_OK)
        code = context->meta->ops->share_list(context->meta, job->media_id, NULL, &arena, &shares,
                                              &share_count, reterr);
    if (code == ES_OK)
        code = conversion_erase(context, job, reterr);
    if (code == ES_OK)
        code = context->meta->ops->job_delete(context->meta, job_id, reterr);
    if (code == ES_OK) /* once more, for what was published or pushed while the record was there */
        code = conversion_erase(context, job, reterr);
    if (code)
        return code;
    notify_job_and_media(context, job);
    reuse_settle(context, job);
    for (size_t i = 0; i < share_count; i++)
        if (strcmp(shares[i].job_id, job_id) == 0)
            notify_share(context, &shares[i]);
    return ES_OK;
}

/* One unfinished record against the queue; *ret_is_changed where something was put right. */
static enum es_code reconcile(struct service_context *context, const struct job *listed,
                              struct es_arena *arena, bool *ret_is_changed, struct es_err *reterr)
{
    struct job_queue *queue = context->queue;
    struct job_live live;
    *ret_is_changed = false;
    enum es_code code = queue->ops->live(queue, listed->id, arena, &live, reterr);
    if (code || (live.is_known && !live.is_cancelled))
        return code;
    /* Looked at again after the queue was: it may have ended in between. */
    struct job *job;
    code = context->meta->ops->job_get(context->meta, listed->id, arena, &job, reterr);
    if (code == ES_NOT_FOUND)
        return ES_OK;
    if (code || job_status_is_final(job->status))
        return code;
    if (!live.is_known)
        return reuse_or_push(context, job, ret_is_changed, reterr);
    *ret_is_changed = true;
    struct job_change change = { .status = JOB_CANCELLED, .at_ms = es_clock_realtime_ms() };
    code = context->meta->ops->job_change(context->meta, job->id, &change, reterr);
    if (code == ES_OK)
        code = conversion_erase(context, job, reterr);
    if (code == ES_OK)
        notify_job_and_media(context, job);
    return code == ES_CONFLICT || code == ES_NOT_FOUND ? ES_OK : code;
}

enum es_code conversion_sweep(struct service_context *context, size_t *ret_changed,
                              struct es_err *reterr)
{
    es_auto_arena cursors = { 0 };
    struct job_query query = { .is_unfinished = true, .limit = META_LIST_MAX };
    size_t changed = 0;
    do {
        es_auto_arena arena = { 0 };
        struct job *jobs;
        size_t count;
        const char *next_cursor;
        enum es_code code = context->meta->ops->job_list(context->meta, &query, &arena, &jobs,
                                                         &count, &next_cursor, reterr);
        if (code)
            return code;
        for (size_t i = 0; i < count; i++) {
            bool is_changed;
            code = reconcile(context, &jobs[i], &arena, &is_changed, reterr);
            if (code)
                return code;
            changed += is_changed;
        }
        query.cursor = es_strdup(&cursors, next_cursor);
    } while (query.cursor);
    *ret_changed = changed;
    return ES_OK;
}
