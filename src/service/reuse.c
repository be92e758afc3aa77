/* Finding jobs of the same content, and copying their outputs. The record is there before its
 * objects are, so no sweep takes them for orphans; it turns done in one write after all of them.
 * Any number of processes may do this to one job at once: all copy the same bytes. */
#include "service/reuse.h"

#include <string.h>

#include "base/es_buf.h"
#include "base/es_clock.h"
#include "model/job_json.h"
#include "service/conversion.h"
#include "service/notify.h"

#define PAGE_KEYS 1000

void reuse_set_key(const struct service_context *context, const struct media *media,
                   struct job *job)
{
    const char *engine = context->settings.engine_version;
    if (!*engine || !media->sha256 || !*media->sha256)
        return;
    es_auto_buf recipe = { 0 };
    es_buf_printf(&recipe, "%s\n%s\n%s\n", media->sha256, job_target_name(job->target), engine);
    job_options_write(&job->options, &recipe);
    es_auto(sha256) sum = sha256_open();
    sha256_add(sum, recipe.bytes, recipe.size);
    sha256_finish_hex(sum, job->content_key);
}

/* The user's unfinished jobs of that content, newest first; a user has no more than one page. */
static enum es_code list_unfinished(struct service_context *context, const struct job *job,
                                    struct es_arena *arena, struct job **ret_jobs,
                                    size_t *ret_count, struct es_err *reterr)
{
    struct job_query query = { .user_id = job->user_id,
                               .content_key = job->content_key,
                               .is_unfinished = true,
                               .limit = META_LIST_MAX };
    const char *next_cursor;
    return context->meta->ops->job_list(context->meta, &query, arena, ret_jobs, ret_count,
                                        &next_cursor, reterr);
}

/* One that the queue works on, or else the oldest: `job` itself, perhaps. */
static enum es_code find_maker(struct service_context *context, const struct job *jobs,
                               size_t count, const struct job **ret_maker, struct es_err *reterr)
{
    for (size_t i = 0; i < count && count > 1; i++) {
        es_auto_arena arena = { 0 };
        struct job_live live;
        enum es_code code =
            context->queue->ops->live(context->queue, jobs[i].id, &arena, &live, reterr);
        if (code)
            return code;
        if (live.is_known && !live.is_cancelled) {
            *ret_maker = &jobs[i];
            return ES_OK;
        }
    }
    *ret_maker = count > 0 ? &jobs[count - 1] : NULL;
    return ES_OK;
}

enum es_code reuse_awaited(struct service_context *context, const struct job *job,
                           struct es_arena *arena, const struct job **ret_awaited,
                           struct es_err *reterr)
{
    *ret_awaited = NULL;
    if (!*job->content_key)
        return ES_OK;
    struct job *jobs;
    size_t count;
    const struct job *maker;
    enum es_code code = list_unfinished(context, job, arena, &jobs, &count, reterr);
    if (code == ES_OK)
        code = find_maker(context, jobs, count, &maker, reterr);
    if (code == ES_OK && maker && strcmp(maker->id, job->id) != 0)
        *ret_awaited = maker;
    return code;
}

static enum es_code find_made(struct service_context *context, const struct job *job,
                              struct es_arena *arena, const struct job **ret_made,
                              struct es_err *reterr)
{
    struct job_query query = {
        .user_id = job->user_id, .content_key = job->content_key, .status = JOB_DONE, .limit = 1
    };
    struct job *jobs;
    size_t count;
    const char *next_cursor;
    enum es_code code = context->meta->ops->job_list(context->meta, &query, arena, &jobs, &count,
                                                     &next_cursor, reterr);
    if (code == ES_OK)
        *ret_made = count > 0 ? &jobs[0] : NULL;
    return code;
}

/* Every object below `from`: an HLS job's tree. */
static enum es_code copy_tree(struct blob_store *blobs, const char *from, const char *to,
                              int64_t *ret_size_bytes, struct es_err *reterr)
{
    char after[BLOB_KEY_BYTES_MAX + 1] = "";
    int64_t total = 0;
    for (size_t count = PAGE_KEYS; count == PAGE_KEYS;) {
        es_auto_arena arena = { 0 };
        const char **keys;
        enum es_code code = blobs->ops->list(blobs, from, *after ? after : NULL, PAGE_KEYS, &arena,
                                             &keys, &count, reterr);
        if (code)
            return code;
        if (count > 0)
            snprintf(after, sizeof(after), "%s", keys[count - 1]);
        for (size_t i = 0; i < count; i++)
            keys[i] += strlen(from);
        int64_t size;
        code = blobs->ops->copy(blobs, from, to, keys, count, &size, reterr);
        if (code)
            return code;
        total += size;
    }
    *ret_size_bytes = total;
    return ES_OK;
}

static enum es_code copy_output(struct service_context *context, const struct job *made,
                                const struct job *job, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct blob_store *blobs = context->blobs;
    const char *from = es_printf(&arena, "%s/", job_output_prefix(made, &arena));
    const char *to = es_printf(&arena, "%s/", job_output_prefix(job, &arena));
    const char *name = job_output_name(made->target);
    int64_t size;
    enum es_code code = made->target == JOB_HLS
                            ? copy_tree(blobs, from, to, &size, reterr)
                            : blobs->ops->copy(blobs, from, to, &name, 1, &size, reterr);
    if (code == ES_OK && size != made->output_size_bytes)
        return es_fail(reterr, ES_NOT_FOUND, "job %s has %lld bytes of %lld: it is being deleted",
                       made->id, (long long)size, (long long)made->output_size_bytes);
    return code;
}

/* *ret_is_over: the job is done, or somebody ended it meanwhile. */
static enum es_code copy_made(struct service_context *context, const struct job *made,
                              const struct job *job, bool *ret_is_over, struct es_err *reterr)
{
    enum es_code code = copy_output(context, made, job, reterr);
    if (code)
        return code;
    struct job_change change = { .status = JOB_DONE,
                                 .output_size_bytes = made->output_size_bytes,
                                 .at_ms = es_clock_realtime_ms(),
                                 .details = made->details ? made->details
                                                          : "Made before from the same file." };
    code = context->meta->ops->job_change(context->meta, job->id, &change, reterr);
    if (code == ES_OK) {
        es_metric_add(context->families.jobs_reused,
                      (const char *[]){ job_target_name(job->target) }, 1);
        notify_job_and_media(context, job);
    } else if (code == ES_CONFLICT || code == ES_NOT_FOUND) {
        code = conversion_discard(context, job->media_id, job->id, reterr);
    }
    *ret_is_over = code == ES_OK;
    return code;
}

enum es_code reuse_or_push(struct service_context *context, const struct job *job,
                           bool *ret_has_moved, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    /* In this order: one that ends between the two questions is found by the second. */
    const struct job *awaited, *made = NULL;
    enum es_code code = reuse_awaited(context, job, &arena, &awaited, reterr);
    if (code == ES_OK && !awaited && *job->content_key)
        code = find_made(context, job, &arena, &made, reterr);
    *ret_has_moved = !awaited;
    if (code || awaited)
        return code;
    bool is_over = false;
    if (made)
        (void)!copy_made(context, made, job, &is_over, NULL); /* else it is made anew */
    return is_over ? ES_OK : context->queue->ops->push(context->queue, job, reterr);
}

void reuse_settle(struct service_context *context, const struct job *job)
{
    if (!*job->content_key)
        return;
    es_auto_arena arena = { 0 };
    struct job *jobs;
    size_t count;
    if (list_unfinished(context, job, &arena, &jobs, &count, NULL))
        return;
    while (count-- > 0) { /* the oldest first: the others may have to wait for it */
        struct job_live live;
        bool has_moved;
        if (context->queue->ops->live(context->queue, jobs[count].id, &arena, &live, NULL))
            return;
        if (!live.is_known && reuse_or_push(context, &jobs[count], &has_moved, NULL))
            return;
    }
}
