/* Uploads. The order is object, probe, record: a crash before the record leaves an object that
 * library_sweep finds. Where conversions begin early it is head, record, object: a crash then
 * leaves a record whose object does not grow any more, which uploads_sweep finds. */
#include "service/uploads.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/conversion.h"
#include "service/library.h"
#include "service/notify.h"
#include "service/pictures.h"
#include "wire/sha256.h"

/* A head is probed when so much has come, and again when it is four times as much; one that has
 * told nothing by then may as well be whole. */
#define HEAD_BYTES_FIRST (INT64_C(128) * 1024)
#define HEAD_BYTES_LAST  (INT64_C(32) * 1024 * 1024)
/* Longer than a client may be silent, and than a probe takes. */
#define UPLOAD_SILENT_MS (5 * 60 * 1000)

struct wish {
    enum job_target target;
    struct job_options options;
};

struct upload {
    struct service_context *context;
    struct es_arena arena;
    struct media media;
    struct blob_writer *writer; /* NULL once committed or failed */
    struct sha256 *sum;
    int64_t size_bytes;
    struct wish wishes[UPLOAD_CONVERSIONS_MAX];
    size_t wish_count, begun_count;
    int64_t next_probe_bytes; /* INT64_MAX: the head is not probed (any more) */
    bool is_recorded;         /* the record is there, and not complete */
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
    upload->next_probe_bytes = INT64_MAX;
    enum es_code code = prepare(upload, caller, filename, reterr);
    if (code == ES_OK)
        *ret_upload = es_take(upload);
    return code;
}

/* From its first byte on the object can be read by others. */
static enum es_code make_growing(struct upload *upload, struct es_err *reterr)
{
    struct blob_store *blobs = upload->context->blobs;
    blob_writer_abort(es_take(upload->writer));
    upload->next_probe_bytes = HEAD_BYTES_FIRST;
    return blobs->ops->create_growing(blobs, upload->media.source_object, &upload->writer, reterr);
}

enum es_code upload_want(struct upload *upload, enum job_target target,
                         const struct job_options *options, struct es_err *reterr)
{
    if (target == JOB_TARGET_UNSET)
        return es_fail_word(reterr, ES_INVALID, "target_invalid", "no such target");
    if (upload->wish_count == UPLOAD_CONVERSIONS_MAX)
        return es_fail_word(reterr, ES_LIMIT, "too_many_jobs", "more than %d conversions",
                            UPLOAD_CONVERSIONS_MAX);
    struct wish wish = { .target = target, .options = *options };
    enum es_code code = job_options_check(&wish.options, target, reterr);
    if (code == ES_OK)
        code = conversion_check_room(upload->context, upload->media.user_id,
                                     upload->wish_count - upload->begun_count + 1, reterr);
    if (code == ES_OK && upload->size_bytes == 0 && upload->wish_count == 0)
        code = make_growing(upload, reterr);
    if (code == ES_OK)
        upload->wishes[upload->wish_count++] = wish;
    return code;
}

static enum es_code probe(struct upload *upload, struct es_err *reterr)
{
    struct service_context *context = upload->context;
    struct media *media = &upload->media;
    es_auto(blob_reader) reader = NULL;
    enum es_code code =
        context->blobs->ops->open_growing(context->blobs, media->source_object, &reader, reterr);
    if (code == ES_OK)
        code = context->prober->ops->probe(context->prober, reader, media->original_filename,
                                           &upload->arena, &media->facts, reterr);
    if (code == ES_OK)
        media->content_type = media->facts.content_type;
    return code;
}

static enum es_code check_account(struct upload *upload, struct es_err *reterr)
{
    struct meta_store *meta = upload->context->meta;
    struct user *user; /* a long upload may outlive its account */
    enum es_code code =
        meta->ops->user_by_id(meta, upload->media.user_id, &upload->arena, &user, reterr);
    if (code == ES_NOT_FOUND)
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "token_invalid", "the account is gone");
    return code;
}

static enum es_code make_record(struct upload *upload, struct es_err *reterr)
{
    struct meta_store *meta = upload->context->meta;
    enum es_code code = check_account(upload, reterr);
    if (code)
        return code;
    upload->media.original_size_bytes = upload->size_bytes;
    upload->media.created_at_ms = es_clock_realtime_ms();
    return meta->ops->media_create(meta, &upload->media, reterr);
}

static enum es_code begin_conversions(struct upload *upload, struct es_err *reterr)
{
    struct caller owner = { 0 };
    memcpy(owner.user_id, upload->media.user_id, ES_ID_SIZE);
    while (upload->begun_count < upload->wish_count) {
        es_auto_arena arena = { 0 };
        const struct wish *wish = &upload->wishes[upload->begun_count];
        struct job_view view;
        enum es_code code = conversion_convert(upload->context, &owner, upload->media.id,
                                               wish->target, &wish->options, &arena, &view, reterr);
        if (code)
            return code;
        upload->begun_count++;
    }
    return ES_OK;
}

/* Where the head tells what this is, conversions begin. Only what it is certainly not ends the
 * upload: all else may look otherwise when it is whole. */
static enum es_code probe_head(struct upload *upload, struct es_err *reterr)
{
    upload->next_probe_bytes =
        upload->next_probe_bytes < HEAD_BYTES_LAST ? upload->next_probe_bytes * 4 : INT64_MAX;
    struct es_err err = { 0 };
    enum es_code code = probe(upload, &err);
    if (code == ES_MEDIA && err.word && strcmp(err.word, "unsupported_format") == 0) {
        if (reterr)
            *reterr = err;
        return code;
    }
    if (code)
        return ES_OK;
    upload->next_probe_bytes = INT64_MAX;
    upload->media.status = MEDIA_UPLOADING;
    code = make_record(upload, reterr);
    if (code)
        return code;
    upload->is_recorded = true;
    notify_media(upload->context, &upload->media);
    return begin_conversions(upload, reterr);
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
    if (code == ES_OK && upload->size_bytes >= upload->next_probe_bytes)
        code = probe_head(upload, reterr);
    return code;
}

int64_t upload_size_bytes(const struct upload *upload)
{
    return upload->size_bytes;
}

/* What has been committed becomes a media, or fails. */
static enum es_code adopt(struct upload *upload, struct es_err *reterr)
{
    struct meta_store *meta = upload->context->meta;
    enum es_code code = probe(upload, reterr);
    if (code == ES_OK && upload->is_recorded) {
        upload->media.original_size_bytes = upload->size_bytes;
        code = meta->ops->media_complete(meta, &upload->media, reterr);
    } else if (code == ES_OK) {
        code = make_record(upload, reterr);
        upload->is_recorded = code == ES_OK;
    }
    if (code == ES_OK)
        code = begin_conversions(upload, reterr);
    return code;
}

/* The media as it stands, jobs and all. */
static enum es_code view_media(struct upload *upload, struct es_arena *arena,
                               struct media_view *ret_view, struct es_err *reterr)
{
    if (upload->wish_count == 0) {
        *ret_view = (struct media_view){ .media = media_copy(&upload->media, arena) };
        return ES_OK;
    }
    struct meta_store *meta = upload->context->meta;
    struct media *media;
    enum es_code code = meta->ops->media_get(meta, upload->media.id, arena, &media, reterr);
    return code ? code
                : media_view_make(upload->context, media, media->user_id, arena, ret_view, reterr);
}

/* The reason for a failure stays the first one: what cannot be removed now, the sweeps find. */
static void remove_all(struct upload *upload)
{
    struct service_context *context = upload->context;
    struct es_err ignored = { 0 };
    enum es_code code =
        upload->is_recorded ? library_delete_media(context, &upload->media, &ignored) : ES_OK;
    if (code == ES_OK || code == ES_NOT_FOUND)
        code = context->blobs->ops->remove(context->blobs, upload->media.source_object, &ignored);
    if (code)
        es_metric_add(context->families.orphans, NULL, 1);
    upload->is_recorded = false;
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
    if (code == ES_OK)
        code = view_media(upload, arena, ret_view, reterr);
    if (code) {
        remove_all(upload);
        return code;
    }
    upload->is_recorded = false; /* what becomes of it now is its owner's business */
    es_metric_add(context->families.media_uploads, NULL, 1);
    notify_media(context, &upload->media);
    pictures_wish(context, &upload->media);
    return ES_OK;
}

void upload_abort(struct upload *upload)
{
    if (upload->is_recorded)
        remove_all(upload); /* its jobs first, so that nobody misses the bytes */
    if (upload->writer)
        blob_writer_abort(upload->writer);
    sha256_close(upload->sum);
    es_arena_release(&upload->arena);
    free(upload);
}

/* Whether nobody writes the media's object any more. */
static enum es_code find_silence(struct service_context *context, const struct media *media,
                                 bool *ret_is_silent, struct es_err *reterr)
{
    es_auto(blob_reader) reader = NULL;
    enum es_code code =
        context->blobs->ops->open_growing(context->blobs, media->source_object, &reader, reterr);
    if (code == ES_OK)
        *ret_is_silent = es_clock_realtime_ms() - reader->info.modified_at_ms > UPLOAD_SILENT_MS;
    if (code == ES_NOT_FOUND) {
        *ret_is_silent = true;
        return ES_OK;
    }
    return code;
}

enum es_code uploads_sweep(struct service_context *context, size_t *ret_removed,
                           struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct media_query query = { .status = MEDIA_UPLOADING, .limit = META_LIST_MAX };
    size_t removed = 0;
    do {
        struct media *media;
        size_t count;
        enum es_code code = context->meta->ops->media_list(context->meta, &query, &arena, &media,
                                                           &count, &query.cursor, reterr);
        for (size_t i = 0; code == ES_OK && i < count; i++) {
            bool is_silent;
            code = find_silence(context, &media[i], &is_silent, reterr);
            if (code == ES_OK && is_silent) {
                code = library_delete_media(context, &media[i], reterr);
                removed += code == ES_OK;
                code = code == ES_NOT_FOUND ? ES_OK : code; /* another process was faster */
            }
        }
        if (code)
            return code;
    } while (query.cursor);
    *ret_removed = removed;
    return ES_OK;
}
