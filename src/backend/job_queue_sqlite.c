/* Pushing, giving out parts by turns, waiting for one, and ending jobs. */
#include "backend/job_queue_sqlite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/job_queue_sqlite_private.h"
#include "base/es_clock.h"

/* The SQL texts name these by number. */
static_assert(PART_PLAN == 1 && PART_CONVERT == 2 && PART_JOIN == 3, "");
static_assert(PART_BLOCKED == 1 && PART_WAITING == 2 && PART_LEASED == 3 && PART_DONE == 4, "");
static_assert(QUEUE_TURN_FIRST == 0 && QUEUE_TURN_FOLLOWING == 1 && QUEUE_TURN_OTHER == 2, "");

/* How many turns a user without a job is remembered for. */
#define TURNS_REMEMBERED "10000"

static void queue_close(struct job_queue *queue)
{
    struct job_queue_sqlite *sqlite = sqlite_queue(queue);
    queue_waiter_release(&sqlite->parts);
    queue_waiter_release(&sqlite->events);
    sqlite_db_close(sqlite->db);
    free(sqlite);
}

static enum es_code queue_check(struct job_queue *queue, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t count;
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    return code ? code
                : sqlite_tx_number(&tx, "SELECT count(*) FROM (SELECT 1 FROM queue_job LIMIT 1)",
                                   SQL_VALUES(), 0, &count, reterr);
}

static enum es_code find_user(struct sqlite_tx *tx, const char *user_id, int64_t *ret_user,
                              struct es_err *reterr)
{
    const struct sql_value *values = SQL_VALUES(sql_text(user_id));
    int64_t user = 0;
    enum es_code code = sqlite_tx_number(tx, "SELECT number FROM queue_user WHERE id = ?1", values,
                                         0, &user, reterr);
    if (!code && !user) {
        code = sqlite_tx_run(tx,
                             "DELETE FROM queue_user WHERE served <"
                             " (SELECT max(served) FROM queue_user) - " TURNS_REMEMBERED
                             " AND NOT EXISTS (SELECT 1 FROM queue_job WHERE user = number)",
                             SQL_VALUES(), NULL, reterr);
        if (!code)
            code = sqlite_tx_run(tx, "INSERT INTO queue_user (id, served) VALUES (?1, 0)", values,
                                 NULL, reterr);
        user = sqlite_tx_last_row(tx);
    }
    if (!code)
        *ret_user = user;
    return code;
}

static enum es_code insert_job(struct sqlite_tx *tx, const struct job *job, struct es_err *reterr)
{
    int64_t now_ms = es_clock_realtime_ms(), user;
    enum es_code code = find_user(tx, job->user_id, &user, reterr);
    if (!code)
        code = sqlite_tx_run(
            tx,
            "INSERT INTO queue_job (id, user, media_id, attempts, outcome, is_playable, fence,"
            " told_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 0)",
            SQL_VALUES(sql_text(job->id), sql_int(user), sql_text(job->media_id),
                       sql_int(job->attempts), sql_int(QUEUE_OPEN),
                       sql_int(queue_first_fence(job))),
            NULL, reterr);
    if (!code)
        code = sqlite_tx_run(
            tx,
            "INSERT INTO queue_part (job, part_index, user, kind, state, turn, is_first,"
            " weight_seconds, seconds_done, speed, attempts, crashes, available_at_ms,"
            " expires_at_ms) VALUES (?1, 0, ?2, 1, 2, 0, 0, 0, 0, 0, 0, 0, ?3, 0)",
            SQL_VALUES(sql_int(sqlite_tx_last_row(tx)), sql_int(user), sql_int(now_ms)), NULL,
            reterr);
    return code;
}

static enum es_code queue_push(struct job_queue *queue, const struct job *job,
                               struct es_err *reterr)
{
    struct job_queue_sqlite *sqlite = sqlite_queue(queue);
    sqlite_auto_tx tx = { 0 };
    int64_t is_known;
    enum es_code code = sqlite_tx_begin(sqlite->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM queue_job WHERE id = ?1 AND attempts < ?2",
                             SQL_VALUES(sql_text(job->id), sql_int(job->attempts)), NULL, reterr);
    if (!code)
        code = sqlite_tx_number(&tx, "SELECT 1 FROM queue_job WHERE id = ?1",
                                SQL_VALUES(sql_text(job->id)), 0, &is_known, reterr);
    if (code || is_known)
        return code;
    code = insert_job(&tx, job, reterr);
    if (!code)
        code = sqlite_tx_commit(&tx, reterr);
    if (!code)
        queue_waiter_tell(&sqlite->parts, false);
    return code;
}

enum es_code sqlite_queue_end_job(struct sqlite_tx *tx, int64_t job, enum queue_outcome outcome,
                                  struct es_err *reterr)
{
    enum es_code code =
        sqlite_tx_run(tx, "UPDATE queue_job SET outcome = ?2, told_at_ms = 0 WHERE number = ?1",
                      SQL_VALUES(sql_int(job), sql_int(outcome)), NULL, reterr);
    if (!code)
        code = sqlite_tx_run(tx,
                             "UPDATE queue_part SET state = 1, speed = 0, token = NULL,"
                             " worker_id = NULL WHERE job = ?1 AND state <> 4",
                             SQL_VALUES(sql_int(job)), NULL, reterr);
    return code;
}

/* Parts whose lease is over wait again; those that have used up their attempts end their jobs. The
 * token stays: until somebody else has the part, the old holder may still come back. */
static enum es_code expire(struct sqlite_tx *tx, int64_t now_ms, struct es_err *reterr)
{
    const struct sql_value *values = SQL_VALUES(sql_int(now_ms), sql_int(PART_ATTEMPTS_MAX));
    for (;;) {
        int64_t dead;
        enum es_code code =
            sqlite_tx_number(tx,
                             "SELECT job FROM queue_part WHERE state = 3 AND expires_at_ms <= ?1"
                             " AND attempts >= ?2 LIMIT 1",
                             values, 0, &dead, reterr);
        if (!code && dead)
            code = sqlite_queue_end_job(tx, dead, QUEUE_DEAD, reterr);
        if (code)
            return code;
        if (!dead)
            break;
    }
    return sqlite_tx_run(tx,
                         "UPDATE queue_part SET state = 2, speed = 0, available_at_ms = ?1,"
                         " worker_id = NULL WHERE state = 3 AND expires_at_ms <= ?1",
                         SQL_VALUES(sql_int(now_ms)), NULL, reterr);
}

static enum es_code find_dead(struct sqlite_tx *tx, int64_t now_ms, int64_t lease_ms,
                              struct es_arena *arena, const char **ret_job_id,
                              struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    *ret_job_id = NULL;
    enum es_code code = sqlite_tx_first(tx,
                                        "SELECT id FROM queue_job WHERE outcome = 4"
                                        " AND told_at_ms <= ?1 ORDER BY told_at_ms LIMIT 1",
                                        SQL_VALUES(sql_int(now_ms)), &rows, &has_row, reterr);
    if (code || !has_row)
        return code;
    *ret_job_id = sqlite_rows_text(&rows, 0, arena);
    sqlite_rows_release(&rows);
    return sqlite_tx_run(tx, "UPDATE queue_job SET told_at_ms = ?2 WHERE id = ?1",
                         SQL_VALUES(sql_text(*ret_job_id), sql_int(now_ms + lease_ms)), NULL,
                         reterr);
}

/* The users with a part that waits are found by hopping along the index, whatever the number of
 * parts. */
#define NEXT_USER                                                                                  \
    "WITH RECURSIVE waiting (user) AS ("                                                           \
    " SELECT min(user) FROM queue_part WHERE state = 2"                                            \
    " UNION ALL SELECT (SELECT min(user) FROM queue_part WHERE state = 2 AND user > waiting.user)" \
    " FROM waiting WHERE waiting.user IS NOT NULL)"                                                \
    " SELECT number FROM waiting JOIN queue_user ON number = waiting.user"                         \
    " WHERE EXISTS (SELECT 1 FROM queue_part WHERE state = 2 AND user = number"                    \
    "  AND available_at_ms <= ?1)"                                                                 \
    " ORDER BY (SELECT count(*) FROM queue_part WHERE state = 3 AND user = number), served LIMIT " \
    "1"

/* 0 where nothing waits. */
static enum es_code choose(struct sqlite_tx *tx, int64_t now_ms, int64_t *ret_job, int *ret_index,
                           struct es_err *reterr)
{
    int64_t user;
    *ret_job = 0;
    enum es_code code =
        sqlite_tx_number(tx, NEXT_USER, SQL_VALUES(sql_int(now_ms)), 0, &user, reterr);
    if (code || !user)
        return code;
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    code = sqlite_tx_first(tx,
                           "SELECT job, part_index FROM queue_part WHERE state = 2 AND user = ?1"
                           " AND available_at_ms <= ?2 ORDER BY turn, part_index, job LIMIT 1",
                           SQL_VALUES(sql_int(user), sql_int(now_ms)), &rows, &has_row, reterr);
    if (code || !has_row)
        return code;
    *ret_job = sqlite_rows_int(&rows, 0);
    *ret_index = (int)sqlite_rows_int(&rows, 1);
    return sqlite_tx_run(tx,
                         "UPDATE queue_user SET served = (SELECT max(served) FROM queue_user) + 1"
                         " WHERE number = ?1",
                         SQL_VALUES(sql_int(user)), NULL, reterr);
}

static enum es_code read_lease(struct sqlite_tx *tx, int64_t job, int index, struct es_arena *arena,
                               struct lease *ret_lease, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_first(
        tx,
        "SELECT queue_job.id, queue_user.id, media_id, fence, kind, is_first, weight_seconds,"
        " queue_part.attempts, crashes, spec, result, seconds_done FROM queue_part"
        " JOIN queue_job ON queue_job.number = queue_part.job"
        " JOIN queue_user ON queue_user.number = queue_part.user"
        " LEFT JOIN queue_text USING (job, part_index)"
        " WHERE queue_part.job = ?1 AND queue_part.part_index = ?2",
        SQL_VALUES(sql_int(job), sql_int(index)), &rows, &has_row, reterr);
    if (code)
        return code;
    assert(has_row);
    sqlite_rows_id(&rows, 0, ret_lease->part.job_id);
    sqlite_rows_id(&rows, 1, ret_lease->user_id);
    sqlite_rows_id(&rows, 2, ret_lease->media_id);
    ret_lease->fence = sqlite_rows_int(&rows, 3);
    ret_lease->part.kind = (enum part_kind)sqlite_rows_int(&rows, 4);
    ret_lease->part.is_first = sqlite_rows_int(&rows, 5);
    ret_lease->part.weight_seconds = sqlite_rows_real(&rows, 6);
    ret_lease->part.attempts = (int)sqlite_rows_int(&rows, 7);
    ret_lease->part.crashes = (int)sqlite_rows_int(&rows, 8);
    ret_lease->part.spec = sqlite_rows_text(&rows, 9, arena);
    ret_lease->part.result = sqlite_rows_text(&rows, 10, arena);
    ret_lease->part.seconds_done = sqlite_rows_real(&rows, 11);
    return ES_OK;
}

static enum es_code take(struct sqlite_tx *tx, int64_t job, int index, const char *worker_id,
                         struct es_arena *arena, struct lease *lease, struct es_err *reterr)
{
    enum es_code code =
        sqlite_tx_run(tx, "UPDATE queue_job SET fence = fence + 1 WHERE number = ?1",
                      SQL_VALUES(sql_int(job)), NULL, reterr);
    if (!code)
        code = sqlite_tx_run(tx,
                             "UPDATE queue_part SET state = 3, attempts = attempts + 1,"
                             " token = ?3, worker_id = ?4, expires_at_ms = ?5, speed = 0"
                             " WHERE job = ?1 AND part_index = ?2",
                             SQL_VALUES(sql_int(job), sql_int(index), sql_text(lease->token),
                                        sql_text(worker_id), sql_int(lease->expires_at_ms)),
                             NULL, reterr);
    if (!code)
        code = read_lease(tx, job, index, arena, lease, reterr);
    lease->part.index = index;
    lease->part.state = PART_LEASED;
    lease->part.worker_id = es_strdup(arena, worker_id);
    return code;
}

static enum es_code queue_lease(struct job_queue *queue, const char *worker_id, int64_t lease_ms,
                                struct es_arena *arena, struct lease **ret_lease,
                                const char **ret_dead_job_id, struct es_err *reterr)
{
    int64_t now_ms = es_clock_realtime_ms(), job = 0;
    int index = 0;
    const char *dead_job_id = NULL;
    struct lease *lease = NULL;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = expire(&tx, now_ms, reterr);
    if (!code)
        code = find_dead(&tx, now_ms, lease_ms, arena, &dead_job_id, reterr);
    if (!code)
        code = choose(&tx, now_ms, &job, &index, reterr);
    if (!code && job) {
        lease = es_new(arena, struct lease);
        es_id_v4(lease->token);
        lease->expires_at_ms = now_ms + lease_ms;
        code = take(&tx, job, index, worker_id, arena, lease, reterr);
    }
    if (!code)
        code = sqlite_tx_commit(&tx, reterr);
    if (code)
        return code;
    *ret_lease = lease;
    *ret_dead_job_id = dead_job_id;
    return ES_OK;
}

/* How long until there may be something to lease; 0 for now, at most QUEUE_POLL_MS. */
static enum es_code due_in(struct job_queue_sqlite *sqlite, int64_t *ret_due_ms)
{
    int64_t now_ms = es_clock_realtime_ms(), due_at_ms;
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite->db, SQL_READ, &tx, NULL);
    if (!code)
        code =
            sqlite_tx_number(&tx,
                             "SELECT 0 WHERE EXISTS (SELECT 1 FROM queue_part WHERE state = 2"
                             " AND available_at_ms <= ?1)"
                             " UNION ALL SELECT min(at) FROM ("
                             "  SELECT min(available_at_ms) AS at FROM queue_part WHERE state = 2"
                             "  UNION ALL SELECT min(expires_at_ms) FROM queue_part WHERE state = 3"
                             "  UNION ALL SELECT min(told_at_ms) FROM queue_job WHERE outcome = 4)"
                             " WHERE at IS NOT NULL HAVING min(at) IS NOT NULL",
                             SQL_VALUES(sql_int(now_ms)), INT64_MAX, &due_at_ms, NULL);
    if (code)
        return code;
    int64_t due_ms = due_at_ms <= now_ms ? 0 : due_at_ms - now_ms;
    *ret_due_ms = due_ms < QUEUE_POLL_MS ? due_ms : QUEUE_POLL_MS;
    return ES_OK;
}

static void queue_wait(struct job_queue *queue, int64_t timeout_ms)
{
    struct job_queue_sqlite *sqlite = sqlite_queue(queue);
    int64_t deadline_ms = es_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        struct queue_seen seen = queue_waiter_look(&sqlite->parts);
        int64_t left_ms = deadline_ms - es_clock_monotonic_ms(), due_ms;
        if (due_in(sqlite, &due_ms))
            due_ms = QUEUE_POLL_MS; /* the store is away; `lease` will say so, and not too often */
        if (left_ms <= 0 || due_ms == 0)
            return;
        if (!queue_waiter_wait(&sqlite->parts, &seen, due_ms < left_ms ? due_ms : left_ms))
            return;
    }
}

static void queue_wake(struct job_queue *queue)
{
    queue_waiter_wake(&sqlite_queue(queue)->parts);
    queue_waiter_wake(&sqlite_queue(queue)->events);
}

static enum es_code queue_cancel(struct job_queue *queue, const char *job_id, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t job;
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = sqlite_tx_number(&tx, "SELECT number FROM queue_job WHERE id = ?1 AND outcome = ?2",
                                SQL_VALUES(sql_text(job_id), sql_int(QUEUE_OPEN)), 0, &job, reterr);
    if (code || !job)
        return code;
    code = sqlite_queue_end_job(&tx, job, QUEUE_CANCELLED, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static enum es_code queue_forget(struct job_queue *queue, const char *job_id, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM queue_job WHERE id = ?1",
                             SQL_VALUES(sql_text(job_id)), NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

/* What has to be known of a part that is asked for; job 0: there is no such part to be done. */
struct asked {
    int64_t job;
    int64_t turn, least_turn; /* its own, and the least of its user's that wait */
};

static enum es_code find_asked(struct sqlite_tx *tx, const char *job_id, int part_index,
                               struct asked *ret_asked, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    *ret_asked = (struct asked){ 0 };
    enum es_code code =
        sqlite_tx_first(tx,
                        "SELECT number, asked.turn, ifnull((SELECT min(turn) FROM queue_part"
                        "  WHERE state = 2 AND user = queue_job.user), 0)"
                        " FROM queue_job JOIN queue_part AS asked ON asked.job = number"
                        " WHERE id = ?1 AND outcome = ?2 AND part_index = ?3 AND kind = 2"
                        " AND state <> 4",
                        SQL_VALUES(sql_text(job_id), sql_int(QUEUE_OPEN), sql_int(part_index)),
                        &rows, &has_row, reterr);
    if (!code && has_row)
        *ret_asked = (struct asked){ .job = sqlite_rows_int(&rows, 0),
                                     .turn = sqlite_rows_int(&rows, 1),
                                     .least_turn = sqlite_rows_int(&rows, 2) };
    return code;
}

static enum es_code queue_prefer(struct job_queue *queue, const char *job_id, int part_index,
                                 struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    struct asked asked;
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = find_asked(&tx, job_id, part_index, &asked, reterr);
    if (code || !asked.job)
        return code;
    if (asked.turn >= QUEUE_TURN_JOIN || asked.turn > asked.least_turn)
        code =
            sqlite_tx_run(&tx, "UPDATE queue_part SET turn = ?3 WHERE job = ?1 AND part_index = ?2",
                          SQL_VALUES(sql_int(asked.job), sql_int(part_index),
                                     sql_int(queue_turn_asked(asked.least_turn))),
                          NULL, reterr);
    if (!code)
        code = sqlite_tx_run(&tx,
                             "UPDATE queue_part SET turn = 2 - (part_index > ?2)"
                             " WHERE job = ?1 AND turn > 0 AND turn <> 2 - (part_index > ?2)",
                             SQL_VALUES(sql_int(asked.job), sql_int(part_index)), NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static const struct job_queue_ops sqlite_ops = {
    .name = "sqlite",
    .close = queue_close,
    .check = queue_check,
    .push = queue_push,
    .lease = queue_lease,
    .wait = queue_wait,
    .wake = queue_wake,
    .extend = sqlite_queue_extend,
    .finish = sqlite_queue_finish,
    .retry = sqlite_queue_retry,
    .release = sqlite_queue_release,
    .bury = sqlite_queue_bury,
    .cancel = queue_cancel,
    .forget = queue_forget,
    .prefer = queue_prefer,
    .live = sqlite_queue_live,
    .parts = sqlite_queue_parts,
    .length = sqlite_queue_length,
    .node_beat = sqlite_queue_node_beat,
    .node_leave = sqlite_queue_node_leave,
    .node_list = sqlite_queue_node_list,
    .event_append = sqlite_queue_event_append,
    .event_list = sqlite_queue_event_list,
    .event_wait = sqlite_queue_event_wait,
};

enum es_code job_queue_sqlite_open(const char *path, struct job_queue **ret_queue,
                                   struct es_err *reterr)
{
    struct sqlite_db *db;
    enum es_code code = sqlite_db_open(path, &db, reterr);
    if (code)
        return code;
    struct job_queue_sqlite *sqlite = es_malloc(sizeof(*sqlite));
    sqlite->base.ops = &sqlite_ops;
    sqlite->db = db;
    queue_waiter_init(&sqlite->parts);
    queue_waiter_init(&sqlite->events);
    *ret_queue = &sqlite->base;
    return ES_OK;
}
