/* Uploads. The order is object, probe, record: a crash before the record leaves an object that
 * library_sweep finds. */
#include "service/uploads.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/notify.h"
#include "service/pictures.h"
#include "wire/sha256.h"

struct upload {
    struct service_context *context;
    struct es_arena arena;
    struct media media;
    struct blob_writer *writer; /* NULL once committed or failed */
    struct sha256 *sum;
    int64_t size_bytes;
};

static enum es_code prepare(struct upload *upload, const struct caller *caller,
                            const char *filename, struct es_err *reterr)
{
    struct media *media = &upload->media;
    enum es_code code = media_filename_clean(filename ? filename : "", &upload->arena,
                                             &media->original_filename, reterr);
    if (code)
        return code;
    es_id_v7(media->id);
    memcpy(media->user_id, caller->user_id, ES_ID_SIZE);
    media->original_extension = media_filename_extension(media->original_filename, &upload->arena);
    media->source_object = es_printf(&upload->arena, "uploads/%s/%s/original%s", media->user_id,
                                     media->id, media->original_extension);
    media->status = MEDIA_UPLOADED;
    media->playback = upload->context->settings.playback;
    return upload->context->blobs->ops->create(upload->context->blobs, media->source_object,
                                               &upload->writer, reterr);
}

enum es_code upload_begin(struct service_context *context, const struct caller *caller,
                          const char *filename, struct upload **ret_upload, struct es_err *reterr)
{
    es_auto(upload) upload = es_malloc(sizeof(*upload));
    upload->context = context;
    upload->sum = sha256_open();
    enum es_code code = prepare(upload, caller, filename, reterr);
    if (code == ES_OK)
        *ret_upload = es_take(upload);
    return code;
}

enum es_code upload_write(struct upload *upload, const void *bytes, size_t size,
                          struct es_err *reterr)
{
    int64_t most = upload->context->settings.upload_bytes_max;
    if (size > (uint64_t)(most - upload->size_bytes))
        return es_fail_word(reterr, ES_LIMIT, "upload_too_large", "more than %lld bytes",
                            (long long)most);
    sha256_add(upload->sum, bytes, size);
    enum es_code code = upload->writer->ops->write(upload->writer, bytes, size, reterr);
    if (code == ES_OK)
        upload->size_bytes += (int64_t)size;
    return code;
}

int64_t upload_size_bytes(const struct upload *upload)
{
    return upload->size_bytes;
}

static enum es_code probe(struct upload *upload, struct es_err *reterr)
{
    struct service_context *context = upload->context;
    struct media *media = &upload->media;
    es_auto(blob_reader) reader = NULL;
    enum es_code code =
        context->blobs->ops->open(context->blobs, media->source_object, &reader, reterr);
    if (code == ES_OK)
        code = context->prober->ops->probe(context->prober, reader, media->original_filename,
                                           &upload->arena, &media->facts, reterr);
    if (code == ES_OK)
        media->content_type = media->facts.content_type;
    return code;
}

/* What has been committed becomes a media, or fails. */
static enum es_code adopt(struct upload *upload, struct es_err *reterr)
{
    struct meta_store *meta = upload->context->meta;
    struct media *media = &upload->media;
    enum es_code code = probe(upload, reterr);
    if (code)
        return code;
    struct user *user; /* a long upload may outlive its account */
    code = meta->ops->user_by_id(meta, media->user_id, &upload->arena, &user, reterr);
    if (code == ES_NOT_FOUND)
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "token_invalid", "the account is gone");
    if (code)
        return code;
    media->original_size_bytes = upload->size_bytes;
    media->created_at_ms = es_clock_realtime_ms();
    return meta->ops->media_create(meta, media, reterr);
}

/* The reason for a failure stays the first one: what cannot be removed now, library_sweep finds. */
static void remove_object(struct upload *upload)
{
    struct blob_store *blobs = upload->context->blobs;
    struct es_err ignored = { 0 };
    if (blobs->ops->remove(blobs, upload->media.source_object, &ignored))
        es_metric_add(upload->context->families.orphans, NULL, 1);
}

enum es_code upload_finish(struct upload *unfinished, struct es_arena *arena,
                           struct media_view *ret_view, struct es_err *reterr)
{
    es_auto(upload) upload = unfinished;
    struct service_context *context = upload->context;
    if (upload->size_bytes == 0)
        return es_fail_word(reterr, ES_MEDIA, "media_empty", "no bytes were uploaded");
    char sha256_text[SHA256_HEX_SIZE];
    sha256_finish_hex(upload->sum, sha256_text);
    upload->media.sha256 = es_strdup(&upload->arena, sha256_text);
    struct blob_writer *writer = es_take(upload->writer);
    enum es_code code = writer->ops->commit(writer, NULL, reterr);
    if (code)
        return code;
    code = adopt(upload, reterr);
    if (code) {
        remove_object(upload);
        return code;
    }
    es_metric_add(context->families.media_uploads, NULL, 1);
    notify_media(context, &upload->media);
    pictures_wish(context, &upload->media);
    *ret_view = (struct media_view){ .media = media_copy(&upload->media, arena) };
    return ES_OK;
}

void upload_abort(struct upload *upload)
{
    if (upload->writer)
        blob_writer_abort(upload->writer);
    sha256_close(upload->sum);
    es_arena_release(&upload->arena);
    free(upload);
}
