/* What the holder of a lease may do with its part. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "backend/job_queue_sqlite_private.h"
#include "base/es_clock.h"

/* The part behind a lease that holds. */
struct held {
    int64_t job;
    int attempts;
};

/* ES_CANCELLED, ES_CONFLICT lease_lost. A lease whose time is over still holds until somebody else
 * has the part. */
static enum es_code find_held(struct sqlite_tx *tx, const struct lease *lease,
                              struct held *ret_held, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code =
        sqlite_tx_first(tx,
                        "SELECT number, outcome, token IS ?3, queue_part.attempts FROM queue_job"
                        " LEFT JOIN queue_part ON job = number AND part_index = ?2 WHERE id = ?1",
                        SQL_VALUES(sql_text(lease->part.job_id), sql_int(lease->part.index),
                                   sql_text(lease->token)),
                        &rows, &has_row, reterr);
    if (code)
        return code;
    if (!has_row)
        return queue_job_ended(lease, reterr);
    enum queue_outcome outcome = (enum queue_outcome)sqlite_rows_int(&rows, 1);
    if (outcome != QUEUE_OPEN && outcome != QUEUE_DONE)
        return queue_job_ended(lease, reterr);
    if (!sqlite_rows_int(&rows, 2))
        return queue_lease_lost(lease, reterr);
    *ret_held = (struct held){
        .job = sqlite_rows_int(&rows, 0),
        .attempts = (int)sqlite_rows_int(&rows, 3),
    };
    return ES_OK;
}

static enum es_code begin_held(struct job_queue *queue, const struct lease *lease,
                               struct sqlite_tx *tx, struct held *ret_held, struct es_err *reterr)
{
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, tx, reterr);
    return code ? code : find_held(tx, lease, ret_held, reterr);
}

static enum es_code write_result(struct sqlite_tx *tx, int64_t job, int index, const char *result,
                                 struct es_err *reterr)
{
    return sqlite_tx_run(tx,
                         "INSERT INTO queue_text (job, part_index, result) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT DO UPDATE SET result = ?3",
                         SQL_VALUES(sql_int(job), sql_int(index), sql_text(result)), NULL, reterr);
}

static enum es_code set_playable(struct sqlite_tx *tx, int64_t job, struct es_err *reterr)
{
    return sqlite_tx_run(
        tx, "UPDATE queue_job SET is_playable = 1 WHERE number = ?1 AND is_playable = 0",
        SQL_VALUES(sql_int(job)), NULL, reterr);
}

static double at_least_0(double value)
{
    return isfinite(value) && value > 0 ? value : 0;
}

enum es_code sqlite_queue_extend(struct job_queue *queue, const struct lease *lease,
                                 int64_t lease_ms, const struct part_progress *progress,
                                 struct es_err *reterr)
{
    static const struct part_progress none = { 0 };
    if (!progress)
        progress = &none;
    struct held held;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = queue_check_text(progress->result_so_far, reterr);
    if (!code)
        code = begin_held(queue, lease, &tx, &held, reterr);
    if (!code)
        code = sqlite_tx_run(
            &tx,
            "UPDATE queue_part SET state = 3, expires_at_ms = ?3, speed = ?4, worker_id = ?6,"
            " seconds_done = max(seconds_done, ?5) WHERE job = ?1 AND part_index = ?2",
            SQL_VALUES(
                sql_int(held.job), sql_int(lease->part.index),
                sql_int(es_clock_realtime_ms() + lease_ms), sql_real(at_least_0(progress->speed)),
                sql_real(at_least_0(progress->seconds_done)), sql_text(lease->part.worker_id)),
            NULL, reterr);
    if (!code && progress->result_so_far)
        code = write_result(&tx, held.job, lease->part.index, progress->result_so_far, reterr);
    if (!code && progress->is_playable)
        code = set_playable(&tx, held.job, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static enum es_code insert_part(struct sqlite_tx *tx, int64_t job, const struct part *part,
                                bool is_blocked, struct es_err *reterr)
{
    enum es_code code = sqlite_tx_run(
        tx,
        "INSERT INTO queue_part (job, part_index, user, kind, state, turn, is_first,"
        " weight_seconds, seconds_done, speed, attempts, crashes, available_at_ms, expires_at_ms)"
        " SELECT ?1, ?2, user, ?3, ?4, ?8, ?5, ?6, 0, 0, 0, 0, ?7, 0 FROM queue_job"
        " WHERE number = ?1",
        SQL_VALUES(sql_int(job), sql_int(part->index), sql_int(part->kind),
                   sql_int(is_blocked ? PART_BLOCKED : PART_WAITING), sql_int(part->is_first),
                   sql_real(part->weight_seconds), sql_int(es_clock_realtime_ms()),
                   sql_int(queue_turn_number(part->kind, part->is_first))),
        NULL, reterr);
    if (!code && part->spec)
        code = sqlite_tx_run(
            tx, "INSERT INTO queue_text (job, part_index, spec) VALUES (?1, ?2, ?3)",
            SQL_VALUES(sql_int(job), sql_int(part->index), sql_text(part->spec)), NULL, reterr);
    return code;
}

static enum es_code insert_plan(struct sqlite_tx *tx, int64_t job, const struct part *next,
                                size_t count, struct es_err *reterr)
{
    enum es_code code = ES_OK;
    for (size_t i = 0; !code && i < count; i++)
        code = insert_part(tx, job, &next[i], next[i].kind == PART_JOIN && count > 1, reterr);
    return code;
}

/* What follows from the part's being done. */
static enum es_code go_on(struct sqlite_tx *tx, int64_t job, enum part_kind kind,
                          struct es_err *reterr)
{
    switch (kind) {
    case PART_CONVERT:
        return sqlite_tx_run(tx,
                             "UPDATE queue_part INDEXED BY queue_part_unfinished"
                             " SET state = 2, available_at_ms = ?2"
                             " WHERE job = ?1 AND kind = 3 AND state <> 4 AND state = 1"
                             " AND NOT EXISTS (SELECT 1 FROM queue_part"
                             "  INDEXED BY queue_part_unfinished"
                             "  WHERE job = ?1 AND kind = 2 AND state <> 4)",
                             SQL_VALUES(sql_int(job), sql_int(es_clock_realtime_ms())), NULL,
                             reterr);
    case PART_JOIN:
        return sqlite_tx_run(tx,
                             "UPDATE queue_job SET outcome = ?2, is_playable = 1 WHERE number = ?1",
                             SQL_VALUES(sql_int(job), sql_int(QUEUE_DONE)), NULL, reterr);
    case PART_PLAN:
    case PART_KIND_UNSET:
        break;
    }
    return ES_OK;
}

enum es_code sqlite_queue_finish(struct job_queue *queue, const struct lease *lease,
                                 const char *result, const struct part *next, size_t next_count,
                                 struct es_err *reterr)
{
    bool is_plan = lease->part.kind == PART_PLAN;
    assert(is_plan || next_count == 0);
    enum es_code code = queue_check_text(result, reterr);
    if (!code && is_plan)
        code = queue_check_plan(next, next_count, reterr);
    if (code)
        return code;
    struct held held;
    sqlite_auto_tx tx = { 0 };
    code = begin_held(queue, lease, &tx, &held, reterr);
    if (!code)
        code = sqlite_tx_run(&tx,
                             "UPDATE queue_part SET state = 4, token = NULL, speed = 0,"
                             " seconds_done = weight_seconds, worker_id = ?3"
                             " WHERE job = ?1 AND part_index = ?2",
                             SQL_VALUES(sql_int(held.job), sql_int(lease->part.index),
                                        sql_text(lease->part.worker_id)),
                             NULL, reterr);
    if (!code && result)
        code = write_result(&tx, held.job, lease->part.index, result, reterr);
    if (!code)
        code = is_plan ? insert_plan(&tx, held.job, next, next_count, reterr)
                       : go_on(&tx, held.job, lease->part.kind, reterr);
    if (!code)
        code = sqlite_tx_commit(&tx, reterr);
    if (!code)
        queue_waiter_tell(&sqlite_queue(queue)->parts, is_plan);
    return code;
}

/* Back among those that wait. */
static enum es_code give_back(struct job_queue *queue, const struct lease *lease, int64_t delay_ms,
                              int attempts_taken_back, bool is_crash, struct es_err *reterr)
{
    struct held held;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = begin_held(queue, lease, &tx, &held, reterr);
    if (code)
        return code;
    if (held.attempts - attempts_taken_back >= PART_ATTEMPTS_MAX)
        code = sqlite_queue_end_job(&tx, held.job, QUEUE_DEAD, reterr);
    else
        code = sqlite_tx_run(
            &tx,
            "UPDATE queue_part SET state = 2, token = NULL, worker_id = NULL, speed = 0,"
            " attempts = attempts - ?3, crashes = crashes + ?4, available_at_ms = ?5"
            " WHERE job = ?1 AND part_index = ?2",
            SQL_VALUES(sql_int(held.job), sql_int(lease->part.index), sql_int(attempts_taken_back),
                       sql_int(is_crash), sql_int(es_clock_realtime_ms() + delay_ms)),
            NULL, reterr);
    if (!code)
        code = sqlite_tx_commit(&tx, reterr);
    if (!code)
        queue_waiter_tell(&sqlite_queue(queue)->parts, false);
    return code;
}

enum es_code sqlite_queue_retry(struct job_queue *queue, const struct lease *lease,
                                int64_t delay_ms, bool is_crash, struct es_err *reterr)
{
    return give_back(queue, lease, delay_ms, 0, is_crash, reterr);
}

enum es_code sqlite_queue_release(struct job_queue *queue, const struct lease *lease,
                                  int64_t delay_ms, struct es_err *reterr)
{
    return give_back(queue, lease, delay_ms, 1, false, reterr);
}

enum es_code sqlite_queue_bury(struct job_queue *queue, const struct lease *lease,
                               struct es_err *reterr)
{
    struct held held;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = begin_held(queue, lease, &tx, &held, reterr);
    if (!code)
        code = sqlite_queue_end_job(&tx, held.job, QUEUE_BURIED, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}
