/* The library. What is deleted loses its objects first and its record last, so that a delete that
 * was cut off can be asked for again; what a worker publishes into the gap is removed by the worker
 * (conversion_discard) or by the sweep. */
#include "service/library.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/conversion.h"
#include "service/notify.h"
#include "service/pictures.h"

enum es_code library_list(struct service_context *context, const struct caller *caller,
                          const struct media_query *query, struct es_arena *arena,
                          struct media_view **ret_views, size_t *ret_count,
                          const char **ret_next_cursor, struct es_err *reterr)
{
    struct media_query own = *query;
    own.user_id = caller->user_id;
    struct media *media;
    size_t count;
    const char *next_cursor;
    enum es_code code = context->meta->ops->media_list(context->meta, &own, arena, &media, &count,
                                                       &next_cursor, reterr);
    if (code)
        return code;
    struct media_view *views = es_new_array(arena, struct media_view, count);
    for (size_t i = 0; i < count; i++) {
        code = media_view_make(context, &media[i], caller->user_id, arena, &views[i], reterr);
        if (code)
            return code;
    }
    *ret_views = views;
    *ret_count = count;
    *ret_next_cursor = next_cursor;
    return ES_OK;
}

static enum es_code fail_not_found(struct es_err *reterr, const char *media_id)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found",
                        "media %s is not the caller's to see", media_id);
}

enum es_code library_get(struct service_context *context, const struct caller *caller,
                         const char *media_id, struct es_arena *arena, struct media_view *ret_view,
                         struct es_err *reterr)
{
    struct media *media;
    enum es_code code =
        context->meta->ops->media_get(context->meta, media_id, arena, &media, reterr);
    if (code)
        return code;
    struct media_view view;
    code = media_view_make(context, media, caller->user_id, arena, &view, reterr);
    if (code)
        return code;
    if (strcmp(media->user_id, caller->user_id) != 0 && view.share_count == 0)
        return fail_not_found(reterr, media_id);
    *ret_view = view;
    return ES_OK;
}

enum es_code library_owned(struct service_context *context, const struct caller *caller,
                           const char *media_id, struct es_arena *arena, struct media **ret_media,
                           struct es_err *reterr)
{
    struct media *media;
    enum es_code code =
        context->meta->ops->media_get(context->meta, media_id, arena, &media, reterr);
    if (code)
        return code;
    if (strcmp(media->user_id, caller->user_id) == 0) {
        *ret_media = media;
        return ES_OK;
    }
    struct share *shares;
    size_t count;
    code = context->meta->ops->share_list(context->meta, media_id, caller->user_id, arena, &shares,
                                          &count, reterr);
    if (code)
        return code;
    if (count == 0)
        return fail_not_found(reterr, media_id);
    return es_fail_word(reterr, ES_FORBIDDEN, "forbidden",
                        "media %s is only shared with the caller", media_id);
}

enum es_code library_change(struct service_context *context, const struct caller *caller,
                            const char *media_id, const char *original_filename,
                            enum playback_policy playback, struct es_arena *arena,
                            struct media_view *ret_view, struct es_err *reterr)
{
    struct media *media;
    enum es_code code = library_owned(context, caller, media_id, arena, &media, reterr);
    if (code)
        return code;
    struct media_change change = { .playback = playback };
    if (original_filename)
        code = media_filename_clean(original_filename, arena, &change.original_filename, reterr);
    if (code)
        return code;
    code = context->meta->ops->media_change(context->meta, media_id, &change, reterr);
    if (code)
        return code;
    notify_media(context, media);
    return library_get(context, caller, media_id, arena, ret_view, reterr);
}

/* Ends and erases every job of the media, page by page; the records go with the media's. */
static enum es_code erase_jobs(struct service_context *context, const struct media *media,
                               struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job_query query = { .user_id = media->user_id,
                               .media_id = media->id,
                               .limit = META_LIST_MAX };
    do {
        struct job *jobs;
        size_t count;
        enum es_code code = context->meta->ops->job_list(context->meta, &query, &arena, &jobs,
                                                         &count, &query.cursor, reterr);
        if (code)
            return code;
        for (size_t i = 0; i < count; i++) {
            code = conversion_erase(context, &jobs[i], reterr);
            if (code)
                return code;
        }
    } while (query.cursor);
    return ES_OK;
}

enum es_code library_delete_media(struct service_context *context, const struct media *media,
                                  struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct share *shares;
    size_t share_count;
    pictures_forget(context, media->id);
    enum es_code code = context->meta->ops->share_list(context->meta, media->id, NULL, &arena,
                                                       &shares, &share_count, reterr);
    if (code == ES_OK)
        code = erase_jobs(context, media, reterr);
    const char *outputs = es_printf(&arena, "converted/%s/", media->id);
    const char *original = es_printf(&arena, "uploads/%s/%s/", media->user_id, media->id);
    struct blob_store *blobs = context->blobs;
    if (code == ES_OK)
        code = blobs->ops->remove_all(blobs, original, reterr);
    if (code == ES_OK)
        code = context->meta->ops->media_delete(context->meta, media->id, reterr);
    if (code == ES_OK) /* once more, for what was published while its record was still there */
        code = blobs->ops->remove_all(blobs, outputs, reterr);
    if (code)
        return code;
    notify_media(context, media);
    for (size_t i = 0; i < share_count; i++)
        notify_share(context, &shares[i]);
    return ES_OK;
}

enum es_code library_delete(struct service_context *context, const struct caller *caller,
                            const char *media_id, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct media *media;
    enum es_code code = library_owned(context, caller, media_id, &arena, &media, reterr);
    return code ? code : library_delete_media(context, media, reterr);
}

enum es_code library_open_original(struct service_context *context, const struct caller *caller,
                                   const char *media_id, struct es_arena *arena,
                                   struct media **ret_media, struct blob_reader **ret_reader,
                                   struct es_err *reterr)
{
    struct media *media;
    enum es_code code = library_owned(context, caller, media_id, arena, &media, reterr);
    if (code == ES_OK)
        code = context->blobs->ops->open(context->blobs, media->source_object, ret_reader, reterr);
    if (code == ES_OK)
        *ret_media = media;
    return code;
}
