/* Jobs' records and shares of the memory backend. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/job_record.h"
#include "backend/list_cursor.h"
#include "backend/meta_store_memory_private.h"

static enum es_code job_missing(struct es_err *reterr, const char *id)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "job_not_found", "no job %s", id);
}

struct record *memory_job_find(struct meta_store_memory *memory, const char *id)
{
    for (size_t i = 0; i < memory->jobs.count; i++)
        if (strcmp(memory->jobs.records[i]->job->id, id) == 0)
            return memory->jobs.records[i];
    return NULL;
}

static int compare_age(const struct job *a, const struct job *b)
{
    if (a->enqueued_at_ms != b->enqueued_at_ms)
        return a->enqueued_at_ms < b->enqueued_at_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

static int newest_first(const void *left, const void *right)
{
    const struct job *const *a = left, *const *b = right;
    return compare_age(*b, *a);
}

void memory_media_follow_jobs(struct meta_store_memory *memory, struct media *media)
{
    es_auto_arena arena = { 0 };
    const struct job **jobs = es_new_array(&arena, const struct job *, memory->jobs.count);
    size_t count = 0;
    for (size_t i = 0; i < memory->jobs.count; i++)
        if (strcmp(memory->jobs.records[i]->job->media_id, media->id) == 0)
            jobs[count++] = memory->jobs.records[i]->job;
    if (count > 0)
        qsort(jobs, count, sizeof(*jobs), newest_first);
    enum job_status *statuses = es_new_array(&arena, enum job_status, count);
    for (size_t i = 0; i < count; i++)
        statuses[i] = jobs[i]->status;
    media->status = media_status_of_jobs(statuses, count);
}

static void update_media_status(struct meta_store_memory *memory, const char *media_id)
{
    struct media *media = memory_media_find(memory, media_id)->media;
    if (media->status != MEDIA_UPLOADING)
        memory_media_follow_jobs(memory, media);
}

enum es_code memory_job_create(struct meta_store *store, const struct job *job,
                               struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    if (memory_job_find(memory, job->id))
        return es_fail_word(reterr, ES_CONFLICT, "job_exists", "job %s exists", job->id);
    if (!memory_media_find(memory, job->media_id))
        return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found", "no media %s", job->media_id);
    struct record *record = record_list_add(&memory->jobs);
    record->job = job_copy_of(job, &record->arena);
    update_media_status(memory, job->media_id);
    return ES_OK;
}

enum es_code memory_job_get(struct meta_store *store, const char *id, struct es_arena *arena,
                            struct job **ret_job, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_job_find(memory, id);
    if (!record)
        return job_missing(reterr, id);
    *ret_job = job_copy_of(record->job, arena);
    return ES_OK;
}

static bool is_wanted(const struct job *job, const struct job_query *query)
{
    return (!query->user_id || strcmp(job->user_id, query->user_id) == 0) &&
           (!query->media_id || strcmp(job->media_id, query->media_id) == 0) &&
           (!query->content_key || strcmp(job->content_key, query->content_key) == 0) &&
           (!query->status || job->status == query->status) &&
           (!query->is_unfinished || !job_status_is_final(job->status));
}

enum es_code memory_job_list(struct meta_store *store, const struct job_query *query,
                             struct es_arena *arena, struct job **ret_jobs, size_t *ret_count,
                             const char **ret_next_cursor, struct es_err *reterr)
{
    assert(query->limit >= 1 && query->limit <= META_LIST_MAX);
    es_auto_arena scratch = { 0 };
    struct job last = { 0 };
    if (query->cursor) {
        struct list_cursor cursor;
        enum es_code code = list_cursor_read(query->cursor, 'j', &scratch, &cursor, reterr);
        if (code)
            return code;
        last.enqueued_at_ms = cursor.number;
        memcpy(last.id, cursor.id, ES_ID_SIZE);
    }
    auto_unlock *memory = memory_lock(store);
    const struct job **found = es_new_array(&scratch, const struct job *, memory->jobs.count);
    size_t count = 0;
    for (size_t i = 0; i < memory->jobs.count; i++) {
        const struct job *job = memory->jobs.records[i]->job;
        if (is_wanted(job, query) && (!query->cursor || compare_age(job, &last) < 0))
            found[count++] = job;
    }
    if (count > 0)
        qsort(found, count, sizeof(*found), newest_first);
    bool has_more = count > query->limit;
    if (has_more)
        count = query->limit;
    struct job *jobs = es_new_array(arena, struct job, count);
    for (size_t i = 0; i < count; i++)
        jobs[i] = *job_copy_of(found[i], arena);
    *ret_next_cursor = NULL;
    if (has_more) {
        struct list_cursor cursor = { .order = 'j',
                                      .number = jobs[count - 1].enqueued_at_ms,
                                      .text = "" };
        memcpy(cursor.id, jobs[count - 1].id, ES_ID_SIZE);
        *ret_next_cursor = list_cursor_write(&cursor, arena);
    }
    *ret_jobs = jobs;
    *ret_count = count;
    return ES_OK;
}

enum es_code memory_job_change(struct meta_store *store, const char *id,
                               const struct job_change *change, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_job_find(memory, id);
    if (!record)
        return job_missing(reterr, id);
    enum es_code code = job_record_apply(record->job, change, reterr);
    if (code)
        return code;
    record->job = job_copy_of(record->job, &record->arena);
    update_media_status(memory, record->job->media_id);
    return ES_OK;
}

static void remove_job_at(struct meta_store_memory *memory, size_t position)
{
    memory_shares_remove_of_job(memory, memory->jobs.records[position]->job->id);
    record_list_remove(&memory->jobs, position);
}

enum es_code memory_job_delete(struct meta_store *store, const char *id, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    for (size_t i = 0; i < memory->jobs.count; i++)
        if (strcmp(memory->jobs.records[i]->job->id, id) == 0) {
            char media_id[ES_ID_SIZE];
            memcpy(media_id, memory->jobs.records[i]->job->media_id, ES_ID_SIZE);
            remove_job_at(memory, i);
            update_media_status(memory, media_id);
            return ES_OK;
        }
    return job_missing(reterr, id);
}

void memory_jobs_remove_of_media(struct meta_store_memory *memory, const char *media_id)
{
    for (size_t i = memory->jobs.count; i-- > 0;)
        if (strcmp(memory->jobs.records[i]->job->media_id, media_id) == 0)
            remove_job_at(memory, i);
}

void memory_shares_remove_of_job(struct meta_store_memory *memory, const char *job_id)
{
    for (size_t i = memory->shares.count; i-- > 0;)
        if (strcmp(memory->shares.records[i]->share->job_id, job_id) == 0)
            record_list_remove(&memory->shares, i);
}

void memory_shares_remove_of_user(struct meta_store_memory *memory, const char *user_id)
{
    for (size_t i = memory->shares.count; i-- > 0;) {
        const struct share *share = memory->shares.records[i]->share;
        if (strcmp(share->owner_id, user_id) == 0 || strcmp(share->recipient_id, user_id) == 0)
            record_list_remove(&memory->shares, i);
    }
}

static bool is_share(const struct share *share, const char *media_id, const char *job_id,
                     const char *recipient_id)
{
    return strcmp(share->media_id, media_id) == 0 && strcmp(share->job_id, job_id) == 0 &&
           strcmp(share->recipient_id, recipient_id) == 0;
}

enum es_code memory_share_add(struct meta_store *store, const struct share *share,
                              struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    if (!memory_media_find(memory, share->media_id))
        return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found", "no media %s",
                            share->media_id);
    struct record *job = memory_job_find(memory, share->job_id);
    if (!job || strcmp(job->job->media_id, share->media_id) != 0)
        return job_missing(reterr, share->job_id);
    if (!memory_user_find(memory, share->recipient_id))
        return es_fail_word(reterr, ES_NOT_FOUND, "user_not_found", "no user %s",
                            share->recipient_id);
    for (size_t i = 0; i < memory->shares.count; i++)
        if (is_share(memory->shares.records[i]->share, share->media_id, share->job_id,
                     share->recipient_id))
            return ES_OK;
    struct record *record = record_list_add(&memory->shares);
    record->share = es_memdup(&record->arena, share, sizeof(*share));
    record->share->recipient_username = NULL;
    return ES_OK;
}

enum es_code memory_share_remove(struct meta_store *store, const char *media_id, const char *job_id,
                                 const char *recipient_id, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    for (size_t i = 0; i < memory->shares.count; i++)
        if (is_share(memory->shares.records[i]->share, media_id, job_id, recipient_id)) {
            record_list_remove(&memory->shares, i);
            return ES_OK;
        }
    return es_fail_word(reterr, ES_NOT_FOUND, "share_not_found", "job %s is not shared with %s",
                        job_id, recipient_id);
}

static int oldest_first(const void *left, const void *right)
{
    const struct share *a = left, *b = right;
    if (a->created_at_ms != b->created_at_ms)
        return a->created_at_ms < b->created_at_ms ? -1 : 1;
    int order = strcmp(a->job_id, b->job_id);
    return order ? order : strcmp(a->recipient_id, b->recipient_id);
}

enum es_code memory_share_list(struct meta_store *store, const char *media_id,
                               const char *recipient_id, struct es_arena *arena,
                               struct share **ret_shares, size_t *ret_count, struct es_err *reterr)
{
    (void)reterr;
    assert(media_id || recipient_id);
    auto_unlock *memory = memory_lock(store);
    struct share *shares = es_new_array(arena, struct share, memory->shares.count);
    size_t count = 0;
    for (size_t i = 0; i < memory->shares.count; i++) {
        const struct share *share = memory->shares.records[i]->share;
        if ((media_id && strcmp(share->media_id, media_id) != 0) ||
            (recipient_id && strcmp(share->recipient_id, recipient_id) != 0))
            continue;
        shares[count] = *share;
        shares[count++].recipient_username =
            es_strdup(arena, memory_user_find(memory, share->recipient_id)->user->username);
    }
    if (count > 0)
        qsort(shares, count, sizeof(*shares), oldest_first);
    *ret_shares = shares;
    *ret_count = count;
    return ES_OK;
}
