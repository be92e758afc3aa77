/* The media object, and what of it whom is shown. */
#include "service/media_view.h"

#include <string.h>

#include "model/depiction.h"
#include "model/media_json.h"

/* The newest jobs of the media, each with its life. */
static enum es_code read_own_jobs(struct service_context *context, const struct media *media,
                                  struct es_arena *arena, struct media_view *view,
                                  struct es_err *reterr)
{
    struct job_query query = { .user_id = media->user_id,
                               .media_id = media->id,
                               .limit = META_LIST_MAX };
    struct job_view *views;
    const char *next_cursor;
    enum es_code code =
        job_view_list(context, &query, arena, &views, &view->job_count, &next_cursor, reterr);
    if (code == ES_OK)
        view->jobs = views;
    return code;
}

/* The jobs that the view's shares name; one that was deleted meanwhile is left out. */
static enum es_code read_shared_jobs(struct service_context *context, struct es_arena *arena,
                                     struct media_view *view, struct es_err *reterr)
{
    struct job_view *views = es_new_array(arena, struct job_view, view->share_count);
    size_t count = 0;
    for (size_t i = 0; i < view->share_count; i++) {
        struct job *job;
        enum es_code code =
            context->meta->ops->job_get(context->meta, view->shares[i].job_id, arena, &job, reterr);
        if (code == ES_NOT_FOUND)
            continue;
        if (code == ES_OK)
            code = job_view_make(context, job, arena, &views[count], reterr);
        if (code)
            return code;
        count++;
    }
    view->jobs = views;
    view->job_count = count;
    return ES_OK;
}

static enum es_code read_owner(struct service_context *context, struct es_arena *arena,
                               struct media_view *view, struct es_err *reterr)
{
    struct user *owner;
    enum es_code code =
        context->meta->ops->user_by_id(context->meta, view->media->user_id, arena, &owner, reterr);
    if (code == ES_NOT_FOUND) /* the account is being deleted, its media last */
        return ES_OK;
    if (code == ES_OK)
        view->owner_username = owner->username;
    return code;
}

/* Of what is being uploaded, how much has come. */
static enum es_code read_received(struct service_context *context, const struct media *media,
                                  struct es_arena *arena, struct media_view *view,
                                  struct es_err *reterr)
{
    es_auto(blob_reader) reader = NULL;
    struct blob_store *blobs = context->blobs;
    enum es_code code = blobs->ops->open_growing(blobs, media->source_object, &reader, reterr);
    if (code == ES_NOT_FOUND) /* it has just been given up */
        return ES_OK;
    if (code)
        return code;
    struct media *received = es_new(arena, struct media);
    *received = *media;
    received->original_size_bytes = reader->info.size_bytes;
    view->media = received;
    return ES_OK;
}

enum es_code media_view_make(struct service_context *context, const struct media *media,
                             const char *viewer_id, struct es_arena *arena,
                             struct media_view *ret_view, struct es_err *reterr)
{
    bool is_owner = strcmp(media->user_id, viewer_id) == 0;
    struct media_view view = { .media = media };
    struct share *shares;
    enum es_code code =
        context->meta->ops->share_list(context->meta, media->id, is_owner ? NULL : viewer_id, arena,
                                       &shares, &view.share_count, reterr);
    if (code)
        return code;
    view.shares = shares;
    if (media->status == MEDIA_UPLOADING)
        code = read_received(context, media, arena, &view, reterr);
    if (code)
        return code;
    if (!is_owner) {
        code = read_owner(context, arena, &view, reterr);
        if (code)
            return code;
    }
    code = is_owner ? read_own_jobs(context, media, arena, &view, reterr)
                    : read_shared_jobs(context, arena, &view, reterr);
    if (code == ES_OK)
        *ret_view = view;
    return code;
}

/* {job_id: job} */
static json_t *jobs_json(const struct media_view *view, enum language language)
{
    json_t *jobs = json_object();
    for (size_t i = 0; i < view->job_count; i++)
        json_put(jobs, view->jobs[i].job->id, job_view_json(&view->jobs[i], language));
    return jobs;
}

static json_t *job_ids_json(const struct media_view *view)
{
    json_t *ids = json_array();
    for (size_t i = view->job_count; i-- > 0;) /* oldest first, as they were asked for */
        if (json_array_append_new(ids, json_string(view->jobs[i].job->id)))
            abort();
    return ids;
}

/* Ids of recipients, each once. */
static json_t *shared_with_json(const struct media_view *view)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < view->share_count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i && is_new; j++)
            is_new = strcmp(view->shares[i].recipient_id, view->shares[j].recipient_id) != 0;
        if (is_new && json_array_append_new(ids, json_string(view->shares[i].recipient_id)))
            abort();
    }
    return ids;
}

static json_t *shares_json(const struct media_view *view)
{
    json_t *shares = json_array();
    for (size_t i = 0; i < view->share_count; i++) {
        const struct share *share = &view->shares[i];
        json_t *object = json_object();
        json_put_text(object, "user_id", share->recipient_id);
        json_put_text(object, "username", share->recipient_username);
        json_put_text(object, "job_id", share->job_id);
        json_put_time(object, "shared_at", share->created_at_ms);
        if (json_array_append_new(shares, object))
            abort();
    }
    return shares;
}

static void put_facts(json_t *object, const struct media_facts *facts)
{
    json_put(object, "duration_seconds",
             facts->duration_seconds > 0 ? json_real(facts->duration_seconds) : json_null());
    json_put(object, "streams", media_streams_json(facts));
    json_put(object, "tags", media_tags_json(facts));
    json_put(object, "chapters", media_chapters_json(facts->chapters, facts->chapter_count));
    json_put(object, "loudness", media_loudness_json(&facts->loudness));
}

/* {poster_url, waveform_url, storyboard_url}: null where there is nothing to show. */
static void put_pictures(json_t *object, const struct media *media)
{
    es_auto_arena arena = { 0 };
    for (int i = DEPICTION_UNSET + 1; i < DEPICTION_COUNT; i++) {
        enum depiction depiction = (enum depiction)i;
        const char *name = depiction_name(depiction);
        json_put_text(object, es_printf(&arena, "%s_url", name),
                      depiction_is_possible(depiction, &media->facts)
                          ? es_printf(&arena, "/media/%s/%s", media->id, name)
                          : NULL);
    }
}

json_t *media_view_json(const struct media_view *view, enum language language)
{
    const struct media *media = view->media;
    json_t *object = json_object();
    json_put_text(object, "id", media->id);
    json_put_text(object, "user_id", media->user_id);
    json_put_text(object, "original_filename", media->original_filename);
    json_put_text(object, "source_bucket", MEDIA_BUCKET);
    json_put_text(object, "source_object", media->source_object);
    json_put_text(object, "content_type", media->content_type);
    json_put_text(object, "original_extension", media->original_extension);
    json_put(object, "original_size_bytes", json_integer(media->original_size_bytes));
    json_put_time(object, "created_at", media->created_at_ms);
    json_put_text(object, "status", media_status_name(media->status));
    json_put(object, "jobs", jobs_json(view, language));
    json_put(object, "job_ids", job_ids_json(view));
    json_put(object, "shared_with", shared_with_json(view));
    json_put(object, "shares", shares_json(view));
    json_put_text(object, "sha256", media->sha256);
    put_facts(object, &media->facts);
    put_pictures(object, media);
    json_put_text(object, "playback", playback_policy_name(media->playback));
    return object;
}

json_t *shared_item_json(const struct media_view *view, enum language language)
{
    json_t *object = json_object();
    json_put_text(object, "media_id", view->media->id);
    json_put_text(object, "owner_id", view->media->user_id);
    json_put_text(object, "owner_username", view->owner_username);
    json_put_text(object, "original_filename", view->media->original_filename);
    json_put(object, "jobs", jobs_json(view, language));
    json_put(object, "shared_with", shared_with_json(view));
    json_put(object, "shares", shares_json(view));
    put_facts(object, &view->media->facts);
    put_pictures(object, view->media);
    return object;
}
