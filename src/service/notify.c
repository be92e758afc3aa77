/* One event each, to whom it concerns. */
#include "service/notify.h"

#include <string.h>

static void append(struct service_context *context, enum event_kind kind, const char *user_id,
                   const char *media_id, const char *job_id)
{
    struct event event = { .kind = kind };
    memcpy(event.user_id, user_id, ES_ID_SIZE);
    memcpy(event.media_id, media_id, ES_ID_SIZE);
    if (job_id)
        memcpy(event.job_id, job_id, ES_ID_SIZE);
    if (context->queue->ops->event_append(context->queue, &event, NULL))
        es_metric_add(context->families.events_lost, NULL, 1);
}

void notify_job(struct service_context *context, const struct job *job)
{
    append(context, EVENT_JOB, job->user_id, job->media_id, job->id);
}

void notify_job_and_media(struct service_context *context, const struct job *job)
{
    notify_job(context, job);
    append(context, EVENT_MEDIA, job->user_id, job->media_id, NULL);
}

void notify_media(struct service_context *context, const struct media *media)
{
    append(context, EVENT_MEDIA, media->user_id, media->id, NULL);
}

void notify_share(struct service_context *context, const struct share *share)
{
    append(context, EVENT_SHARE, share->recipient_id, share->media_id, share->job_id);
}
