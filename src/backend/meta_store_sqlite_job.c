/* Jobs' records and shares in SQLite. */
#include <assert.h>
#include <string.h>

#include "backend/job_record.h"
#include "backend/list_cursor.h"
#include "backend/meta_store_sqlite_private.h"
#include "base/es_buf.h"
#include "model/job_json.h"

#define JOB_COLUMNS                                                                                \
    "id, media_id, user_id, target, status, options, output_size_bytes, enqueued_at_ms,"           \
    " updated_at_ms, started_at_ms, finished_at_ms, attempts, fence, details, error_code, "        \
    "error_word, content_key"

static enum es_code job_missing(struct es_err *reterr, const char *id)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "job_not_found", "no job %s", id);
}

static enum es_code read_job(const struct sqlite_rows *rows, struct es_arena *arena,
                             struct job *ret_job, struct es_err *reterr)
{
    es_auto_arena scratch = { 0 };
    struct job job = { 0 };
    sqlite_rows_id(rows, 0, job.id);
    sqlite_rows_id(rows, 1, job.media_id);
    sqlite_rows_id(rows, 2, job.user_id);
    job.target = job_target_from_name(sqlite_rows_text(rows, 3, &scratch));
    job.status = job_status_from_name(sqlite_rows_text(rows, 4, &scratch));
    job.output_size_bytes = sqlite_rows_int(rows, 6);
    job.enqueued_at_ms = sqlite_rows_int(rows, 7);
    job.updated_at_ms = sqlite_rows_int(rows, 8);
    job.started_at_ms = sqlite_rows_int(rows, 9);
    job.finished_at_ms = sqlite_rows_int(rows, 10);
    job.attempts = (int)sqlite_rows_int(rows, 11);
    job.fence = sqlite_rows_int(rows, 12);
    job.details = sqlite_rows_text(rows, 13, arena);
    job.error_code = es_code_from_name(sqlite_rows_text(rows, 14, &scratch));
    job.error_word = sqlite_rows_text(rows, 15, arena);
    const char *content_key = sqlite_rows_text(rows, 16, &scratch);
    snprintf(job.content_key, sizeof(job.content_key), "%s", content_key ? content_key : "");
    if (job_options_read(sqlite_rows_text(rows, 5, &scratch), &job.options, reterr))
        return es_fail(reterr, ES_IO, "job %s has options in the store that cannot be read",
                       job.id);
    *ret_job = job;
    return ES_OK;
}

enum es_code sqlite_media_follow_jobs(struct sqlite_tx *tx, const char *media_id,
                                      struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    int64_t total;
    enum es_code code = sqlite_tx_number(tx, "SELECT count(*) FROM job WHERE media_id = ?1",
                                         SQL_VALUES(sql_text(media_id)), 0, &total, reterr);
    if (code)
        return code;
    enum job_status *statuses = es_new_array(&arena, enum job_status, (size_t)total);
    sqlite_auto_rows rows = { 0 };
    code = sqlite_tx_query(tx,
                           "SELECT status FROM job WHERE media_id = ?1"
                           " ORDER BY enqueued_at_ms DESC, id DESC",
                           SQL_VALUES(sql_text(media_id)), &rows, reterr);
    bool has_row = true;
    for (size_t i = 0; !code && i < (size_t)total; i++) {
        code = sqlite_rows_next(&rows, &has_row, reterr);
        if (!code)
            statuses[i] = job_status_from_name(sqlite_rows_text(&rows, 0, &arena));
    }
    if (code)
        return code;
    return sqlite_tx_run(
        tx, "UPDATE media SET status = ?2 WHERE id = ?1 AND status <> 'uploading'",
        SQL_VALUES(sql_text(media_id),
                   sql_text(media_status_name(media_status_of_jobs(statuses, (size_t)total)))),
        NULL, reterr);
}

enum es_code sqlite_job_create(struct meta_store *store, const struct job *job,
                               struct es_err *reterr)
{
    es_auto_buf options = { 0 };
    job_options_write(&job->options, &options);
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (code)
        return code;
    code = sqlite_tx_run(
        &tx,
        "INSERT INTO job (" JOB_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
        " ?12, ?13, ?14, ?15, ?16, ?17)",
        SQL_VALUES(sql_text(job->id), sql_text(job->media_id), sql_text(job->user_id),
                   sql_text(job_target_name(job->target)), sql_text(job_status_name(job->status)),
                   sql_text(es_buf_text(&options)), sql_int(job->output_size_bytes),
                   sql_int(job->enqueued_at_ms), sql_int(job->updated_at_ms),
                   sql_int(job->started_at_ms), sql_int(job->finished_at_ms),
                   sql_int(job->attempts), sql_int(job->fence), sql_text(job->details),
                   sql_text(es_code_name(job->error_code)), sql_text(job->error_word),
                   sql_text(*job->content_key ? job->content_key : NULL)),
        NULL, reterr);
    if (code == ES_CONFLICT)
        return es_fail_word(reterr, ES_CONFLICT, "job_exists", "job %s exists", job->id);
    if (code == ES_NOT_FOUND)
        return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found", "no media %s", job->media_id);
    if (!code)
        code = sqlite_media_follow_jobs(&tx, job->media_id, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static enum es_code get_job(struct sqlite_tx *tx, const char *id, struct es_arena *arena,
                            struct job *ret_job, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_first(tx, "SELECT " JOB_COLUMNS " FROM job WHERE id = ?1",
                                        SQL_VALUES(sql_text(id)), &rows, &has_row, reterr);
    if (code)
        return code;
    return has_row ? read_job(&rows, arena, ret_job, reterr) : job_missing(reterr, id);
}

enum es_code sqlite_job_get(struct meta_store *store, const char *id, struct es_arena *arena,
                            struct job **ret_job, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    struct job *job = es_new(arena, struct job);
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = get_job(&tx, id, arena, job, reterr);
    if (!code)
        *ret_job = job;
    return code;
}

/* One more row than asked for is read, to know whether there is another page. */
static enum es_code read_page(struct sqlite_rows *rows, size_t limit, struct es_arena *arena,
                              struct job *jobs, size_t *ret_count, bool *ret_has_more,
                              struct es_err *reterr)
{
    for (size_t count = 0;; count++) {
        bool has_row;
        enum es_code code = sqlite_rows_next(rows, &has_row, reterr);
        if (code)
            return code;
        *ret_count = count;
        *ret_has_more = has_row;
        if (!has_row || count == limit)
            return ES_OK;
        code = read_job(rows, arena, &jobs[count], reterr);
        if (code)
            return code;
    }
}

static const char *list_sql(const struct job_query *query, struct es_arena *arena)
{
    return es_printf(arena,
                     "SELECT " JOB_COLUMNS " FROM job WHERE true%s%s%s%s%s%s"
                     " ORDER BY enqueued_at_ms DESC, id DESC LIMIT ?7",
                     query->user_id ? " AND user_id = ?1" : "",
                     query->media_id ? " AND media_id = ?2" : "",
                     query->status ? " AND status = ?3" : "",
                     query->is_unfinished ? " AND status IN ('enqueued', 'processing')" : "",
                     query->cursor ? " AND (enqueued_at_ms, id) < (?4, ?5)" : "",
                     query->content_key ? " AND content_key = ?6" : "");
}

enum es_code sqlite_job_list(struct meta_store *store, const struct job_query *query,
                             struct es_arena *arena, struct job **ret_jobs, size_t *ret_count,
                             const char **ret_next_cursor, struct es_err *reterr)
{
    assert(query->limit >= 1 && query->limit <= META_LIST_MAX);
    es_auto_arena scratch = { 0 };
    struct list_cursor cursor = { .order = 'j', .text = "" };
    enum es_code code = ES_OK;
    if (query->cursor)
        code = list_cursor_read(query->cursor, 'j', &scratch, &cursor, reterr);
    if (code)
        return code;
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_query(&tx, list_sql(query, &scratch),
                               SQL_VALUES(sql_text(query->user_id), sql_text(query->media_id),
                                          sql_text(job_status_name(query->status)),
                                          sql_int(cursor.number), sql_text(cursor.id),
                                          sql_text(query->content_key),
                                          sql_int((int64_t)query->limit + 1)),
                               &rows, reterr);
    struct job *jobs = es_new_array(arena, struct job, query->limit);
    size_t count;
    bool has_more;
    if (!code)
        code = read_page(&rows, query->limit, arena, jobs, &count, &has_more, reterr);
    if (code)
        return code;
    *ret_next_cursor = NULL;
    if (has_more) {
        cursor.number = jobs[count - 1].enqueued_at_ms;
        memcpy(cursor.id, jobs[count - 1].id, ES_ID_SIZE);
        cursor.text = "";
        *ret_next_cursor = list_cursor_write(&cursor, arena);
    }
    *ret_jobs = jobs;
    *ret_count = count;
    return ES_OK;
}

static enum es_code write_job(struct sqlite_tx *tx, const struct job *job, struct es_err *reterr)
{
    return sqlite_tx_run(
        tx,
        "UPDATE job SET status = ?2, output_size_bytes = ?3, updated_at_ms = ?4,"
        " started_at_ms = ?5, finished_at_ms = ?6, attempts = ?7, fence = ?8, details = ?9,"
        " error_code = ?10, error_word = ?11, content_key = ?12 WHERE id = ?1",
        SQL_VALUES(sql_text(job->id), sql_text(job_status_name(job->status)),
                   sql_int(job->output_size_bytes), sql_int(job->updated_at_ms),
                   sql_int(job->started_at_ms), sql_int(job->finished_at_ms),
                   sql_int(job->attempts), sql_int(job->fence), sql_text(job->details),
                   sql_text(es_code_name(job->error_code)), sql_text(job->error_word),
                   sql_text(*job->content_key ? job->content_key : NULL)),
        NULL, reterr);
}

enum es_code sqlite_job_change(struct meta_store *store, const char *id,
                               const struct job_change *change, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job job;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = get_job(&tx, id, &arena, &job, reterr);
    if (!code)
        code = job_record_apply(&job, change, reterr);
    if (!code)
        code = write_job(&tx, &job, reterr);
    if (!code)
        code = sqlite_media_follow_jobs(&tx, job.media_id, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

enum es_code sqlite_job_delete(struct meta_store *store, const char *id, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job job;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = get_job(&tx, id, &arena, &job, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM job WHERE id = ?1", SQL_VALUES(sql_text(id)), NULL,
                             reterr);
    if (!code)
        code = sqlite_media_follow_jobs(&tx, job.media_id, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

/* Which of the three is gone. */
static enum es_code check_share(struct sqlite_tx *tx, const struct share *share,
                                struct es_err *reterr)
{
    int64_t is_there;
    enum es_code code =
        sqlite_tx_number(tx, "SELECT 1 FROM media WHERE id = ?1",
                         SQL_VALUES(sql_text(share->media_id)), 0, &is_there, reterr);
    if (!code && !is_there)
        return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found", "no media %s",
                            share->media_id);
    if (!code)
        code = sqlite_tx_number(tx, "SELECT 1 FROM job WHERE id = ?1 AND media_id = ?2",
                                SQL_VALUES(sql_text(share->job_id), sql_text(share->media_id)), 0,
                                &is_there, reterr);
    if (!code && !is_there)
        return job_missing(reterr, share->job_id);
    if (!code)
        code = sqlite_tx_number(tx, "SELECT 1 FROM user WHERE id = ?1",
                                SQL_VALUES(sql_text(share->recipient_id)), 0, &is_there, reterr);
    if (!code && !is_there)
        return es_fail_word(reterr, ES_NOT_FOUND, "user_not_found", "no user %s",
                            share->recipient_id);
    return code;
}

enum es_code sqlite_share_add(struct meta_store *store, const struct share *share,
                              struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = check_share(&tx, share, reterr);
    if (!code)
        code = sqlite_tx_run(&tx,
                             "INSERT INTO share (media_id, job_id, recipient_id, owner_id,"
                             " created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                             SQL_VALUES(sql_text(share->media_id), sql_text(share->job_id),
                                        sql_text(share->recipient_id), sql_text(share->owner_id),
                                        sql_int(share->created_at_ms)),
                             NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

enum es_code sqlite_share_remove(struct meta_store *store, const char *media_id, const char *job_id,
                                 const char *recipient_id, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t changed;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(
            &tx, "DELETE FROM share WHERE media_id = ?1 AND job_id = ?2 AND recipient_id = ?3",
            SQL_VALUES(sql_text(media_id), sql_text(job_id), sql_text(recipient_id)), &changed,
            reterr);
    if (code)
        return code;
    return changed ? sqlite_tx_commit(&tx, reterr)
                   : es_fail_word(reterr, ES_NOT_FOUND, "share_not_found",
                                  "job %s is not shared with %s", job_id, recipient_id);
}

#define SHARE_SELECT                                                                               \
    "SELECT media_id, job_id, owner_id, recipient_id, username, share.created_at_ms"               \
    " FROM share JOIN user ON user.id = recipient_id WHERE "
#define SHARE_ORDER " ORDER BY share.created_at_ms, job_id, recipient_id"

static enum es_code query_shares(struct sqlite_tx *tx, const char *media_id,
                                 const char *recipient_id, struct sqlite_rows *ret_rows,
                                 struct es_err *reterr)
{
    if (!recipient_id)
        return sqlite_tx_query(tx, SHARE_SELECT "media_id = ?1" SHARE_ORDER,
                               SQL_VALUES(sql_text(media_id)), ret_rows, reterr);
    if (!media_id)
        return sqlite_tx_query(tx, SHARE_SELECT "recipient_id = ?1" SHARE_ORDER,
                               SQL_VALUES(sql_text(recipient_id)), ret_rows, reterr);
    return sqlite_tx_query(tx, SHARE_SELECT "media_id = ?1 AND recipient_id = ?2" SHARE_ORDER,
                           SQL_VALUES(sql_text(media_id), sql_text(recipient_id)), ret_rows,
                           reterr);
}

enum es_code sqlite_share_list(struct meta_store *store, const char *media_id,
                               const char *recipient_id, struct es_arena *arena,
                               struct share **ret_shares, size_t *ret_count, struct es_err *reterr)
{
    assert(media_id || recipient_id);
    es_auto_buf found = { 0 };
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = query_shares(&tx, media_id, recipient_id, &rows, reterr);
    for (bool has_row = true; !code && has_row;) {
        code = sqlite_rows_next(&rows, &has_row, reterr);
        if (code || !has_row)
            break;
        struct share share = { 0 };
        sqlite_rows_id(&rows, 0, share.media_id);
        sqlite_rows_id(&rows, 1, share.job_id);
        sqlite_rows_id(&rows, 2, share.owner_id);
        sqlite_rows_id(&rows, 3, share.recipient_id);
        share.recipient_username = sqlite_rows_text(&rows, 4, arena);
        share.created_at_ms = sqlite_rows_int(&rows, 5);
        es_buf_append(&found, &share, sizeof(share));
    }
    if (code)
        return code;
    *ret_shares = es_memdup(arena, es_buf_text(&found), found.size);
    *ret_count = found.size / sizeof(struct share);
    return ES_OK;
}
