/* Asking for pictures: who may, what is there already, and waiting for what is being made. */
#include "service/pictures.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/picture_maker.h"

static enum es_code fail_pending(struct es_err *reterr, const struct media *media,
                                 enum depiction depiction)
{
    return es_fail_word(reterr, ES_UNAVAILABLE, "depiction_pending",
                        "the %s of media %s is not there yet", depiction_name(depiction),
                        media->id);
}

/* As long as it is made within the time, and there are not too many who wait. */
static enum es_code await(struct service_context *context, const struct media *media,
                          enum depiction depiction, struct es_err *reterr)
{
    struct picture_maker *maker = context->picture_maker;
    enum es_code code = ES_UNAVAILABLE;
    if (maker)
        code = picture_maker_await(maker, media->id, depiction,
                                   es_clock_monotonic_ms() + context->settings.picture_wait_ms);
    /* Whatever became of it lies in the store now. */
    return code == ES_OK ? ES_OK : fail_pending(reterr, media, depiction);
}

/* Opens the object. *ret_is_missing: it is not there, and nothing says that it cannot be. */
static enum es_code look(struct service_context *context, const struct media *media,
                         enum depiction depiction, const char *file, struct es_arena *arena,
                         struct blob_reader **ret_reader, bool *ret_is_missing,
                         struct es_err *reterr)
{
    struct blob_store *blobs = context->blobs;
    struct blob_info info;
    *ret_is_missing = false;
    enum es_code code =
        blobs->ops->open(blobs, picture_key(media, file, arena), ret_reader, reterr);
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
        return es_fail_word(reterr, ES_NOT_FOUND, "not_found", "media %s has no '%s'", media->id,
                            file);
    *ret_is_missing = code == ES_NOT_FOUND;
    return *ret_is_missing ? fail_pending(reterr, media, depiction) : code;
}

enum es_code pictures_open_object(struct service_context *context,
                                  const struct picture_request *request, struct es_arena *arena,
                                  struct blob_reader **ret_reader, struct es_err *reterr)
{
    enum depiction depiction = request->depiction;
    const char *file = request->file ? request->file : depiction_object(depiction);
    struct media *media;
    enum es_code code = playback_may_see(context, &request->by, arena, &media, reterr);
    if (code)
        return code;
    if (!depiction_has_object(depiction, file))
        return es_fail_word(reterr, ES_NOT_FOUND, "not_found", "'%s' is no such file", file);
    if (media->status == MEDIA_UPLOADING)
        return fail_pending(reterr, media, depiction);
    if (!depiction_is_possible(depiction, &media->facts))
        return es_fail_word(reterr, ES_NOT_FOUND, "depiction_none", "media %s has no %s", media->id,
                            depiction_name(depiction));
    bool is_missing;
    code = look(context, media, depiction, file, arena, ret_reader, &is_missing, reterr);
    if (!is_missing)
        return code;
    code = await(context, media, depiction, reterr);
    return code ? code
                : look(context, media, depiction, file, arena, ret_reader, &is_missing, reterr);
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
            picture_maker_wish(context->picture_maker, media->id, (enum depiction)i);
}

void pictures_forget(struct service_context *context, const char *media_id)
{
    if (context->picture_maker)
        picture_maker_forget(context->picture_maker, media_id);
}
