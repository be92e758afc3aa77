/* Reads from the parts' objects, one of which is open at a time, and makes the seam between two
 * when it is asked for. Once the job has joined them they are gone: then from its output, which has
 * the same bytes at the same places. */
#include "service/running_mp3.h"

#include <string.h>

#include "base/es_clock.h"
#include "model/mp3_plan.h"

struct running_mp3 {
    struct service_context *context;
    struct es_arena arena;
    char job_id[ES_ID_SIZE];
    const char *prefix;
    struct mp3_layout layout;
    struct blob_reader *head;
    struct blob_reader *output; /* as soon as it is there, the only one that is read */
    struct blob_reader *part;   /* the object of `part_span`, or NULL */
    size_t part_span;
    uint8_t *seam;    /* the last that was made */
    size_t seam_span; /* of the span that it leads into; 0: none */
    int64_t wait_ms_max, waits_since_ms;
    const char *awaited; /* NULL: nothing is waited for */
};

static enum es_code open_object(struct running_mp3 *file, const char *name,
                                struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct blob_store *blobs = file->context->blobs;
    const char *key = es_printf(&file->arena, "%s/%s", file->prefix, name);
    return blobs->ops->open(blobs, key, ret_reader, reterr);
}

static enum es_code read_plan(struct running_mp3 *file, struct es_err *reterr)
{
    struct job_queue *queue = file->context->queue;
    struct part *parts;
    size_t count;
    es_auto_arena arena = { 0 };
    enum es_code code = queue->ops->parts(queue, file->job_id, &arena, &parts, &count, reterr);
    return code ? code : mp3_plan_of_parts(parts, count, &file->arena, &file->layout, reterr);
}

enum es_code running_mp3_open(struct service_context *context, const struct job *job,
                              int64_t wait_ms_max, struct running_mp3 **ret_file,
                              struct es_err *reterr)
{
    es_auto(running_mp3) file = es_malloc(sizeof(*file));
    file->context = context;
    file->wait_ms_max = wait_ms_max;
    memcpy(file->job_id, job->id, ES_ID_SIZE);
    file->prefix = job_output_prefix(job, &file->arena);
    enum es_code code = read_plan(file, reterr);
    if (code == ES_OK)
        code = open_object(file, MP3_HEAD_NAME, &file->head, reterr);
    if (code != ES_OK)
        return code;
    file->layout.head_bytes = file->head->info.size_bytes;
    *ret_file = es_take(file);
    return ES_OK;
}

void running_mp3_close(struct running_mp3 *file)
{
    struct blob_reader *const readers[] = { file->head, file->output, file->part };
    for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
        if (readers[i])
            blob_reader_close(readers[i]);
    free(file->seam);
    es_arena_release(&file->arena);
    free(file);
}

int64_t running_mp3_bytes(const struct running_mp3 *file)
{
    return mp3_layout_bytes(&file->layout);
}

const char *running_mp3_awaited(const struct running_mp3 *file)
{
    return file->awaited;
}

static enum es_code check_bytes(const struct running_mp3 *file, const struct blob_reader *reader,
                                int64_t foretold_bytes, struct es_err *reterr)
{
    return reader->info.size_bytes == foretold_bytes
               ? ES_OK
               : es_fail(reterr, ES_CONFLICT, "job %s: an object is not as long as foretold",
                         file->job_id);
}

/* ---- waiting ---- */

/* The output in place of a part that is not there; ES_NOT_FOUND while there is none either. The
 * record is asked first: what a job leaves when it ends is there by then. */
static enum es_code find_output(struct running_mp3 *file, struct es_err *reterr)
{
    struct meta_store *meta = file->context->meta;
    es_auto_arena arena = { 0 };
    struct job *job;
    enum es_code code = meta->ops->job_get(meta, file->job_id, &arena, &job, reterr);
    if (code == ES_NOT_FOUND)
        return es_fail(reterr, ES_CANCELLED, "job %s is gone", file->job_id);
    if (code != ES_OK)
        return code;
    code = open_object(file, job_output_name(JOB_MP3), &file->output, reterr);
    if (code == ES_OK)
        return check_bytes(file, file->output, mp3_layout_bytes(&file->layout), reterr);
    if (code == ES_NOT_FOUND && job_status_is_final(job->status))
        return es_fail(reterr, ES_CANCELLED, "job %s has ended", file->job_id);
    return code;
}

/* Notes that the span's part is waited for. */
static enum es_code await_part(struct running_mp3 *file, size_t span, struct es_err *reterr)
{
    int part_index = file->layout.spans[span].part_index;
    const char *key =
        es_printf(&file->arena, "%s/%s", file->prefix, mp3_part_name(part_index, &file->arena));
    int64_t now_ms = es_clock_monotonic_ms();
    if (file->awaited && strcmp(file->awaited, key) == 0)
        return now_ms - file->waits_since_ms < file->wait_ms_max
                   ? ES_OK
                   : es_fail_word(reterr, ES_UNAVAILABLE, "not_converted_yet", "%s", key);
    file->awaited = key;
    file->waits_since_ms = now_ms;
    struct job_queue *queue = file->context->queue;
    return queue->ops->prefer(queue, file->job_id, part_index, reterr);
}

/* Opens the span's object. Where it is not there `part` is NULL, and either it is awaited or the
 * output is open. */
static enum es_code open_part(struct running_mp3 *file, size_t span, struct es_err *reterr)
{
    if (file->part && file->part_span == span)
        return ES_OK;
    if (file->part)
        blob_reader_close(es_take(file->part));
    const char *name = mp3_part_name(file->layout.spans[span].part_index, &file->arena);
    enum es_code code = open_object(file, name, &file->part, reterr);
    file->part_span = span;
    if (code == ES_OK)
        return check_bytes(file, file->part, mp3_layout_object_bytes(&file->layout, span), reterr);
    if (code == ES_NOT_FOUND)
        code = find_output(file, reterr);
    return code == ES_NOT_FOUND ? await_part(file, span, reterr) : code;
}

/* ---- reading ---- */

static enum es_code read_object(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                                size_t size, size_t *ret_size, struct es_err *reterr)
{
    enum es_code code = reader->ops->read(reader, offset, ret_bytes, size, ret_size, reterr);
    return code == ES_OK && *ret_size == 0 ? es_fail(reterr, ES_IO, "an object ends early") : code;
}

static enum es_code read_overlap(struct running_mp3 *file, size_t span, int64_t offset,
                                 uint8_t *ret_bytes, size_t size, bool *ret_is_there,
                                 struct es_err *reterr)
{
    size_t got = 0;
    enum es_code code = open_part(file, span, reterr);
    *ret_is_there = code == ES_OK && file->part;
    if (*ret_is_there)
        code = read_object(file->part, offset, ret_bytes, size, &got, reterr);
    return code == ES_OK && *ret_is_there && got != size
               ? es_fail(reterr, ES_IO, "a part's object ends early")
               : code;
}

/* Makes the seam, if both its parts are there. */
static enum es_code make_seam(struct running_mp3 *file, const struct mp3_piece *piece,
                              struct es_err *reterr)
{
    size_t size = (size_t)piece->size_bytes;
    es_auto_free uint8_t *right = es_malloc(MP3_SEAM_BYTES_MAX);
    if (!file->seam)
        file->seam = es_malloc(MP3_SEAM_BYTES_MAX);
    file->seam_span = 0;
    bool is_there;
    enum es_code code = read_overlap(file, piece->span - 1, piece->left_offset, file->seam, size,
                                     &is_there, reterr);
    if (code == ES_OK && is_there)
        code =
            read_overlap(file, piece->span, piece->object_offset, right, size, &is_there, reterr);
    if (code == ES_OK && is_there)
        code = mp3_seam(file->seam, right, size, reterr);
    if (code == ES_OK && is_there)
        file->seam_span = piece->span;
    return code;
}

/* From the piece, `offset` bytes behind its begin; none where it is not there yet. */
static enum es_code read_piece(struct running_mp3 *file, const struct mp3_piece *piece,
                               int64_t offset, void *ret_bytes, size_t size, size_t *ret_size,
                               struct es_err *reterr)
{
    if (piece->kind == MP3_PIECE_HEAD)
        return read_object(file->head, offset, ret_bytes, size, ret_size, reterr);
    enum es_code code = ES_OK;
    if (piece->kind == MP3_PIECE_FRAMES) {
        code = open_part(file, piece->span, reterr);
        return code == ES_OK && file->part ? read_object(file->part, piece->object_offset + offset,
                                                         ret_bytes, size, ret_size, reterr)
                                           : code;
    }
    if (file->seam_span != piece->span)
        code = make_seam(file, piece, reterr);
    if (code != ES_OK || file->seam_span != piece->span)
        return code;
    memcpy(ret_bytes, file->seam + offset, size);
    *ret_size = size;
    return ES_OK;
}

enum es_code running_mp3_read(struct running_mp3 *file, int64_t offset, void *ret_bytes,
                              size_t size, size_t *ret_size, struct es_err *reterr)
{
    size_t got = 0;
    enum es_code code = ES_OK;
    if (!file->output) {
        struct mp3_piece piece = mp3_layout_find(&file->layout, offset);
        int64_t left = piece.offset + piece.size_bytes - offset;
        code = read_piece(file, &piece, offset - piece.offset, ret_bytes,
                          left < (int64_t)size ? (size_t)left : size, &got, reterr);
    }
    if (code == ES_OK && file->output) /* it may have come just now */
        code = read_object(file->output, offset, ret_bytes, size, &got, reterr);
    if (code != ES_OK)
        return code;
    if (got > 0)
        file->awaited = NULL;
    *ret_size = got;
    return ES_OK;
}
