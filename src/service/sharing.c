/* Shares. */
#include "service/sharing.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/library.h"
#include "service/notify.h"

/* The media's job, as far as the caller can tell: one that does not exist is as foreign as another
 * media's. */
static enum es_code check_job(struct service_context *context, const struct media *media,
                              const char *job_id, struct es_arena *arena, struct es_err *reterr)
{
    struct job *job = NULL;
    enum es_code code = context->meta->ops->job_get(context->meta, job_id, arena, &job, reterr);
    if (code == ES_NOT_FOUND || (code == ES_OK && strcmp(job->media_id, media->id) != 0))
        return es_fail_word(reterr, ES_INVALID, "job_foreign", "job %s is not of media %s", job_id,
                            media->id);
    return code;
}

enum es_code sharing_add(struct service_context *context, const struct caller *caller,
                         const char *media_id, const char *job_id, const char *username,
                         struct es_arena *arena, struct share **ret_share, struct es_err *reterr)
{
    struct media *media;
    enum es_code code = library_owned(context, caller, media_id, arena, &media, reterr);
    if (code)
        return code;
    if (strcmp(username, caller->username) == 0)
        return es_fail_word(reterr, ES_INVALID, "share_with_oneself", "the caller's own name");
    struct user *recipient;
    code = context->meta->ops->user_by_username(context->meta, username, arena, &recipient, reterr);
    if (code == ES_OK)
        code = check_job(context, media, job_id, arena, reterr);
    if (code)
        return code;
    struct share *share = es_new(arena, struct share);
    memcpy(share->media_id, media->id, ES_ID_SIZE);
    snprintf(share->job_id, ES_ID_SIZE, "%s", job_id);
    memcpy(share->owner_id, media->user_id, ES_ID_SIZE);
    memcpy(share->recipient_id, recipient->id, ES_ID_SIZE);
    share->recipient_username = recipient->username;
    share->created_at_ms = es_clock_realtime_ms();
    code = context->meta->ops->share_add(context->meta, share, reterr);
    if (code)
        return code;
    notify_share(context, share);
    notify_media(context, media);
    *ret_share = share;
    return ES_OK;
}

enum es_code sharing_remove(struct service_context *context, const struct caller *caller,
                            const char *media_id, const char *job_id, const char *username,
                            struct es_arena *arena, struct es_err *reterr)
{
    struct media *media;
    enum es_code code = library_owned(context, caller, media_id, arena, &media, reterr);
    if (code)
        return code;
    struct user *recipient;
    struct share *shares;
    size_t count, removed = 0;
    code = context->meta->ops->user_by_username(context->meta, username, arena, &recipient, reterr);
    if (code == ES_OK)
        code = context->meta->ops->share_list(context->meta, media_id, recipient->id, arena,
                                              &shares, &count, reterr);
    if (code)
        return code;
    for (size_t i = 0; i < count; i++) {
        if (job_id && strcmp(shares[i].job_id, job_id) != 0)
            continue;
        code = context->meta->ops->share_remove(context->meta, media_id, shares[i].job_id,
                                                recipient->id, reterr);
        if (code && code != ES_NOT_FOUND)
            return code;
        removed++;
        notify_share(context, &shares[i]);
    }
    if (removed == 0)
        return es_fail_word(reterr, ES_NOT_FOUND, "share_not_found", "nothing shared with %s",
                            recipient->id);
    notify_media(context, media);
    return ES_OK;
}

/* Whether a share before number `at` is of the same media: then it has been told with that one. */
static bool is_told(const struct share *shares, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(shares[i].media_id, shares[at].media_id) == 0)
            return true;
    return false;
}

enum es_code sharing_list_with_me(struct service_context *context, const struct caller *caller,
                                  struct es_arena *arena, struct media_view **ret_views,
                                  size_t *ret_count, struct es_err *reterr)
{
    struct share *shares;
    size_t share_count, count = 0;
    enum es_code code = context->meta->ops->share_list(context->meta, NULL, caller->user_id, arena,
                                                       &shares, &share_count, reterr);
    if (code)
        return code;
    struct media_view *views = es_new_array(arena, struct media_view, share_count);
    for (size_t i = 0; i < share_count; i++) {
        if (is_told(shares, i))
            continue;
        struct media *media;
        code =
            context->meta->ops->media_get(context->meta, shares[i].media_id, arena, &media, reterr);
        if (code == ES_NOT_FOUND) /* deleted since it was listed */
            continue;
        if (code == ES_OK)
            code = media_view_make(context, media, caller->user_id, arena, &views[count], reterr);
        if (code)
            return code;
        if (views[count].share_count > 0)
            count++;
    }
    *ret_views = views;
    *ret_count = count;
    return ES_OK;
}
