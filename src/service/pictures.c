/* Asking for pictures: who may, what is there already, what is going to be. */
#include "service/pictures.h"

#include <string.h>

#include "service/picture_maker.h"

/* Opens the object, or says why there is none. *ret_is_missing: nothing says so yet. */
static enum es_code look(struct service_context *context, const struct media *media,
                         enum depiction depiction, const char *key, struct es_arena *arena,
                         struct blob_reader **ret_reader, bool *ret_is_missing,
                         struct es_err *reterr)
{
    struct blob_store *blobs = context->blobs;
    struct blob_info info;
    enum es_code code = blobs->ops->open(blobs, key, ret_reader, reterr);
    if (code != ES_NOT_FOUND)
        return code;
    code = blobs->ops->stat(blobs, picture_key(media, picture_failure_name(depiction), arena),
                            &info, reterr);
    if (code == ES_OK)
        return es_fail_word(reterr, ES_NOT_FOUND, "depiction_failed", "media %s: no %s", media->id,
                            depiction_name(depiction));
    if (code == ES_NOT_FOUND)
        code = blobs->ops->stat(blobs, picture_key(media, depiction_object(depiction), arena),
                                &info, reterr);
    if (code == ES_OK) /* all that there is of it is there */
        return es_fail_word(reterr, ES_NOT_FOUND, "not_found", "there is no '%s'", key);
    *ret_is_missing = code == ES_NOT_FOUND;
    return code;
}

enum es_code pictures_open(struct service_context *context, const struct picture_request *request,
                           struct es_arena *arena, struct picture *ret_picture,
                           struct es_err *reterr)
{
    enum depiction depiction = request->depiction;
    const char *file = request->file ? request->file : depiction_object(depiction);
    struct media *media;
    enum es_code code = playback_may_see(context, &request->by, arena, &media, reterr);
    if (code)
        return code;
    if (!depiction_has_object(depiction, file))
        return es_fail_word(reterr, ES_NOT_FOUND, "not_found", "'%s' is no such file", file);
    if (!depiction_is_possible(depiction, &media->facts))
        return es_fail_word(reterr, ES_NOT_FOUND, "depiction_none", "media %s has no %s", media->id,
                            depiction_name(depiction));
    struct picture picture = { 0 };
    const char *key = picture_key(media, file, arena);
    bool is_missing = false;
    code = look(context, media, depiction, key, arena, &picture.reader, &is_missing, reterr);
    if (is_missing && (media->status == MEDIA_UPLOADING || !context->picture_maker))
        return es_fail_word(reterr, ES_UNAVAILABLE, "depiction_pending",
                            "the %s of media %s cannot be made yet", depiction_name(depiction),
                            media->id);
    if (is_missing) {
        picture_maker_wish(context->picture_maker, media->id, depiction, true);
        picture.awaited_key = key;
        code = ES_OK;
    }
    if (code == ES_OK)
        *ret_picture = picture;
    return code;
}

void storyboard_point(const char *text, const char *folder, const char *query, struct es_buf *buf)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *mark = memmem(text, length, "#xywh=", 6);
        if (mark) {
            es_buf_append_text(buf, folder);
            es_buf_append(buf, text, (size_t)(mark - text));
            es_buf_append_text(buf, query);
            es_buf_append(buf, mark, length - (size_t)(mark - text));
        } else {
            es_buf_append(buf, text, length);
        }
        text += length;
        if (*text) {
            es_buf_append_char(buf, '\n');
            text++;
        }
    }
}

void pictures_wish(struct service_context *context, const struct media *media)
{
    for (int i = DEPICTION_UNSET + 1; i < DEPICTION_COUNT && context->picture_maker; i++)
        if (depiction_is_possible((enum depiction)i, &media->facts))
            picture_maker_wish(context->picture_maker, media->id, (enum depiction)i, false);
}

void pictures_forget(struct service_context *context, const char *media_id)
{
    if (context->picture_maker)
        picture_maker_forget(context->picture_maker, media_id);
}
