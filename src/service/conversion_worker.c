/* What workers write. Each write is fenced by the lease it is made under, and asks the queue first
 * whether the lease still holds, so that a worker that was thought dead cannot speak for a job that
 * has gone on without it. */
#include <string.h>

#include "base/es_clock.h"
#include "service/conversion.h"
#include "service/notify.h"
#include "service/reuse.h"

#define FINAL_WRITE_MS 30000 /* what a last write to a store may take */

static struct job job_of_lease(const struct lease *lease)
{
    struct job job = { .status = JOB_PROCESSING };
    memcpy(job.id, lease->part.job_id, ES_ID_SIZE);
    memcpy(job.media_id, lease->media_id, ES_ID_SIZE);
    memcpy(job.user_id, lease->user_id, ES_ID_SIZE);
    return job;
}

/* A write that the record refused: either it has ended or is gone, and then the queue need not know
 * of it any longer, or a later lease has written. */
static enum es_code explain_refusal(struct service_context *context, const char *job_id,
                                    struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job *job;
    enum es_code code = context->meta->ops->job_get(context->meta, job_id, &arena, &job, reterr);
    if (code && code != ES_NOT_FOUND)
        return code;
    if (code == ES_OK && !job_status_is_final(job->status))
        return es_fail_word(reterr, ES_CONFLICT, "lease_lost",
                            "a later lease of job %s has written", job_id);
    code = context->queue->ops->forget(context->queue, job_id, reterr);
    return code ? code
                : es_fail_word(reterr, ES_CANCELLED, "cancelled", "job %s has ended or is gone",
                               job_id);
}

/* One fenced write. */
static enum es_code write_change(struct service_context *context, const char *job_id,
                                 const struct job_change *change, struct es_err *reterr)
{
    enum es_code code = context->meta->ops->job_change(context->meta, job_id, change, reterr);
    if (code == ES_CONFLICT || code == ES_NOT_FOUND)
        return explain_refusal(context, job_id, reterr);
    return code;
}

/* A last write, for which the lease must still hold. */
static enum es_code write_final(struct service_context *context, const struct lease *lease,
                                const struct job_change *change, struct es_err *reterr)
{
    struct part_progress progress = { .seconds_done = lease->part.weight_seconds };
    enum es_code code =
        context->queue->ops->extend(context->queue, lease, FINAL_WRITE_MS, &progress, reterr);
    return code ? code : write_change(context, lease->part.job_id, change, reterr);
}

enum es_code conversion_started(struct service_context *context, const struct lease *lease,
                                struct es_err *reterr)
{
    struct job_change change = { .status = JOB_PROCESSING,
                                 .fence = lease->fence,
                                 .at_ms = es_clock_realtime_ms() };
    enum es_code code = write_change(context, lease->part.job_id, &change, reterr);
    if (code == ES_OK) {
        struct job job = job_of_lease(lease);
        notify_job_and_media(context, &job);
    }
    return code;
}

/* The key of what this process's engine has made. A job that began before all bytes of its media
 * were there has none until now; one that cannot be told is left as it was. */
static const char *key_of_made(struct service_context *context, const char *job_id,
                               struct es_arena *arena)
{
    struct meta_store *meta = context->meta;
    struct job *job;
    struct media *media;
    if (meta->ops->job_get(meta, job_id, arena, &job, NULL) ||
        meta->ops->media_get(meta, job->media_id, arena, &media, NULL))
        return NULL;
    reuse_set_key(context, media, job);
    return *job->content_key ? job->content_key : NULL;
}

enum es_code conversion_done(struct service_context *context, const struct lease *lease,
                             int64_t output_size_bytes, const char *details, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job_change change = { .status = JOB_DONE,
                                 .fence = lease->fence,
                                 .output_size_bytes = output_size_bytes,
                                 .at_ms = es_clock_realtime_ms(),
                                 .details = details,
                                 .content_key = key_of_made(context, lease->part.job_id, &arena) };
    enum es_code code = write_final(context, lease, &change, reterr);
    if (code)
        return code;
    struct job job = job_of_lease(lease);
    notify_job_and_media(context, &job);
    return context->queue->ops->forget(context->queue, job.id, reterr);
}

enum es_code conversion_failed(struct service_context *context, const struct lease *lease,
                               enum es_code error_code, const char *word, struct es_err *reterr)
{
    struct job_change change = { .status = JOB_FAILED,
                                 .fence = lease->fence,
                                 .at_ms = es_clock_realtime_ms(),
                                 .error_code = error_code,
                                 .error_word = word };
    enum es_code code = write_final(context, lease, &change, reterr);
    if (code)
        return code;
    struct job job = job_of_lease(lease);
    notify_job_and_media(context, &job);
    code = conversion_erase(context, &job, reterr);
    conversion_settle(context, lease);
    return code;
}

void conversion_settle(struct service_context *context, const struct lease *lease)
{
    es_auto_arena arena = { 0 };
    struct job *job;
    if (context->meta->ops->job_get(context->meta, lease->part.job_id, &arena, &job, NULL) == ES_OK)
        reuse_settle(context, job);
}

enum es_code conversion_dead(struct service_context *context, const char *job_id,
                             struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job *job;
    enum es_code code = context->meta->ops->job_get(context->meta, job_id, &arena, &job, reterr);
    if (code == ES_NOT_FOUND)
        return context->queue->ops->forget(context->queue, job_id, reterr);
    if (code)
        return code;
    struct job_change change = { .status = JOB_FAILED,
                                 .at_ms = es_clock_realtime_ms(),
                                 .error_code = ES_UNAVAILABLE,
                                 .error_word = "attempts_exhausted" };
    code = context->meta->ops->job_change(context->meta, job_id, &change, reterr);
    if (code == ES_CONFLICT || code == ES_NOT_FOUND) /* it has ended otherwise */
        return context->queue->ops->forget(context->queue, job_id, reterr);
    if (code)
        return code;
    notify_job_and_media(context, job);
    code = conversion_erase(context, job, reterr);
    reuse_settle(context, job);
    return code;
}

enum es_code conversion_discard(struct service_context *context, const char *media_id,
                                const char *job_id, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job *job;
    enum es_code code = context->meta->ops->job_get(context->meta, job_id, &arena, &job, reterr);
    if (code && code != ES_NOT_FOUND)
        return code;
    if (code == ES_OK && job->status != JOB_CANCELLED && job->status != JOB_FAILED)
        return ES_OK;
    const char *prefix = es_printf(&arena, "converted/%s/%s/", media_id, job_id);
    return context->blobs->ops->remove_all(context->blobs, prefix, reterr);
}

enum es_code conversion_progressed(struct service_context *context, const struct lease *lease,
                                   struct es_err *reterr)
{
    struct event event = { .kind = EVENT_JOB };
    memcpy(event.user_id, lease->user_id, ES_ID_SIZE);
    memcpy(event.media_id, lease->media_id, ES_ID_SIZE);
    memcpy(event.job_id, lease->part.job_id, ES_ID_SIZE);
    return context->queue->ops->event_append(context->queue, &event, reterr);
}
