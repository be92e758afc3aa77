/* What can be seen of the queue: jobs' figures, parts, the fleet's nodes, and events. */
#include <assert.h>
#include <string.h>

#include "backend/job_queue_sqlite.h"
#include "backend/job_queue_sqlite_private.h"
#include "base/es_buf.h"
#include "base/es_clock.h"

/* Goes to the next row; *has_row false at the end or on failure. */
static enum es_code next_row(struct sqlite_rows *rows, bool *ret_has_row, struct es_err *reterr)
{
    *ret_has_row = false;
    return sqlite_rows_next(rows, ret_has_row, reterr);
}

static enum es_code read_sums(struct sqlite_tx *tx, int64_t job, int64_t now_ms,
                              struct queue_sums *sums, struct job_live *live, struct es_err *reterr)
{
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_query(
        tx,
        "SELECT count(*), total(state = 4), total(kind = 1 AND state = 4),"
        " total(iif(kind = 2, weight_seconds, 0)),"
        " total(iif(kind = 2, min(seconds_done, weight_seconds), 0)),"
        " total(iif(kind = 2 AND state = 3 AND expires_at_ms > ?2, speed, 0)),"
        " total(iif(kind = 3 AND weight_seconds > 0, min(seconds_done / weight_seconds, 1), 0))"
        " FROM queue_part WHERE job = ?1",
        SQL_VALUES(sql_int(job), sql_int(now_ms)), &rows, reterr);
    if (!code)
        code = next_row(&rows, &has_row, reterr);
    if (code || !has_row)
        return code;
    live->part_count = (int)sqlite_rows_int(&rows, 0);
    live->parts_done = (int)sqlite_rows_real(&rows, 1);
    sums->is_planned = sqlite_rows_real(&rows, 2) > 0;
    sums->seconds_total = sqlite_rows_real(&rows, 3);
    sums->seconds_done = sqlite_rows_real(&rows, 4);
    sums->speed = sqlite_rows_real(&rows, 5);
    sums->join_fraction = sqlite_rows_real(&rows, 6);
    return ES_OK;
}

static enum es_code read_workers(struct sqlite_tx *tx, int64_t job, int64_t now_ms,
                                 struct es_arena *arena, struct job_live *live,
                                 struct es_err *reterr)
{
    es_auto_buf workers = { 0 };
    sqlite_auto_rows rows = { 0 };
    enum es_code code = sqlite_tx_query(tx,
                                        "SELECT DISTINCT worker_id FROM queue_part"
                                        " INDEXED BY queue_part_leased WHERE job = ?1"
                                        " AND state = 3 AND expires_at_ms > ?2 ORDER BY worker_id",
                                        SQL_VALUES(sql_int(job), sql_int(now_ms)), &rows, reterr);
    for (bool has_row = true; !code && has_row;) {
        code = next_row(&rows, &has_row, reterr);
        if (!has_row)
            break;
        const char *worker = sqlite_rows_text(&rows, 0, arena);
        es_buf_append(&workers, &worker, sizeof(worker));
    }
    live->workers = es_memdup(arena, es_buf_text(&workers), workers.size);
    live->worker_count = workers.size / sizeof(const char *);
    return code;
}

/* Where the job's plan stands among all plans that wait; 0 where it does not wait. */
static enum es_code read_position(struct sqlite_tx *tx, int64_t job, int64_t user,
                                  int *ret_position, struct es_err *reterr)
{
    int64_t waits, place, position;
    *ret_position = 0;
    enum es_code code = sqlite_tx_number(
        tx, "SELECT 1 FROM queue_part WHERE job = ?1 AND part_index = 0 AND state = 2",
        SQL_VALUES(sql_int(job)), 0, &waits, reterr);
    if (code || !waits)
        return code;
    code = sqlite_tx_number(tx,
                            "SELECT count(*) FROM queue_part WHERE kind = 1 AND state = 2"
                            " AND user = ?2 AND job < ?1",
                            SQL_VALUES(sql_int(job), sql_int(user)), 0, &place, reterr);
    if (code)
        return code;
    struct queue_turn mine = { 0 };
    position = place + 1;
    sqlite_auto_rows rows = { 0 };
    code = sqlite_tx_query(
        tx,
        "SELECT number, (SELECT count(*) FROM queue_part WHERE state = 3 AND user = number),"
        " served, plans, (SELECT count(*) FROM queue_part WHERE state = 2 AND user = number"
        "  AND turn < 0) FROM (SELECT user, count(*) AS plans FROM queue_part"
        " WHERE kind = 1 AND state = 2 GROUP BY user) JOIN queue_user ON number = user"
        " ORDER BY number <> ?1",
        SQL_VALUES(sql_int(user)), &rows, reterr);
    for (bool has_row = true; !code && has_row;) {
        code = next_row(&rows, &has_row, reterr);
        if (!has_row)
            break;
        struct queue_turn turn = {
            .leased = sqlite_rows_int(&rows, 1),
            .served = sqlite_rows_int(&rows, 2),
            .plans = sqlite_rows_int(&rows, 3),
            .before = sqlite_rows_int(&rows, 4),
            .number = sqlite_rows_int(&rows, 0),
        };
        if (sqlite_rows_int(&rows, 0) == user) /* the first row */
            mine = turn;
        else
            position += queue_plans_before(&mine, place, &turn);
    }
    *ret_position = (int)position;
    return code;
}

enum es_code sqlite_queue_live(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                               struct job_live *ret_live, struct es_err *reterr)
{
    struct job_live live = { .eta_seconds = -1 };
    struct queue_sums sums = { 0 };
    int64_t now_ms = es_clock_realtime_ms();
    bool has_row;
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_query(
            &tx, "SELECT number, user, outcome, is_playable FROM queue_job WHERE id = ?1",
            SQL_VALUES(sql_text(job_id)), &rows, reterr);
    if (!code)
        code = next_row(&rows, &has_row, reterr);
    if (code)
        return code;
    if (has_row) {
        int64_t job = sqlite_rows_int(&rows, 0), user = sqlite_rows_int(&rows, 1);
        sums.outcome = (enum queue_outcome)sqlite_rows_int(&rows, 2);
        live.is_known = true;
        live.is_cancelled = sums.outcome == QUEUE_CANCELLED;
        live.is_playable = sqlite_rows_int(&rows, 3);
        code = read_sums(&tx, job, now_ms, &sums, &live, reterr);
        if (!code)
            code = read_workers(&tx, job, now_ms, arena, &live, reterr);
        if (!code)
            code = read_position(&tx, job, user, &live.queue_position, reterr);
        if (code)
            return code;
        queue_sums_tell(&sums, &live);
    }
    *ret_live = live;
    return ES_OK;
}

static void read_part(const struct sqlite_rows *rows, const char *job_id, struct es_arena *arena,
                      struct part *part)
{
    memcpy(part->job_id, job_id, strnlen(job_id, ES_ID_SIZE - 1));
    part->index = (int)sqlite_rows_int(rows, 0);
    part->kind = (enum part_kind)sqlite_rows_int(rows, 1);
    part->state = (enum part_state)sqlite_rows_int(rows, 2);
    part->is_first = sqlite_rows_int(rows, 3);
    part->weight_seconds = sqlite_rows_real(rows, 4);
    part->seconds_done = sqlite_rows_real(rows, 5);
    part->speed = sqlite_rows_real(rows, 6);
    part->attempts = (int)sqlite_rows_int(rows, 7);
    part->crashes = (int)sqlite_rows_int(rows, 8);
    part->worker_id = sqlite_rows_text(rows, 9, arena);
    part->spec = sqlite_rows_text(rows, 10, arena);
    part->result = sqlite_rows_text(rows, 11, arena);
}

enum es_code sqlite_queue_parts(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                                struct part **ret_parts, size_t *ret_count, struct es_err *reterr)
{
    es_auto_buf parts = { 0 };
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_query(
            &tx,
            "SELECT part_index, kind, state, is_first, weight_seconds, seconds_done, speed,"
            " queue_part.attempts, crashes, worker_id, spec, result FROM queue_job"
            " JOIN queue_part ON queue_part.job = queue_job.number"
            " LEFT JOIN queue_text USING (job, part_index) WHERE id = ?1 ORDER BY part_index",
            SQL_VALUES(sql_text(job_id)), &rows, reterr);
    for (bool has_row = true; !code && has_row;) {
        code = next_row(&rows, &has_row, reterr);
        if (!has_row)
            break;
        struct part part = { 0 };
        read_part(&rows, job_id, arena, &part);
        es_buf_append(&parts, &part, sizeof(part));
    }
    if (code)
        return code;
    *ret_parts = es_memdup(arena, es_buf_text(&parts), parts.size);
    *ret_count = parts.size / sizeof(struct part);
    return ES_OK;
}

enum es_code sqlite_queue_length(struct job_queue *queue, int64_t *ret_length,
                                 struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_READ, &tx, reterr);
    return code ? code
                : sqlite_tx_number(&tx,
                                   "SELECT count(*) FROM queue_part WHERE kind = 1 AND state = 2",
                                   SQL_VALUES(), 0, ret_length, reterr);
}

enum es_code sqlite_queue_node_beat(struct job_queue *queue, const struct worker_node *node,
                                    struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(
            &tx,
            "INSERT OR REPLACE INTO queue_node (id, role, version, slots, busy, cpu_percent,"
            " memory_percent, jobs_done, jobs_failed, started_at_ms, seen_at_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            SQL_VALUES(sql_text(node->id), sql_int(node->role), sql_text(node->version),
                       sql_int(node->slots), sql_int(node->busy), sql_real(node->cpu_percent),
                       sql_real(node->memory_percent), sql_int(node->jobs_done),
                       sql_int(node->jobs_failed), sql_int(node->started_at_ms),
                       sql_int(es_clock_realtime_ms())),
            NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

enum es_code sqlite_queue_node_leave(struct job_queue *queue, const char *id, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM queue_node WHERE id = ?1", SQL_VALUES(sql_text(id)),
                             NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

enum es_code sqlite_queue_node_list(struct job_queue *queue, int64_t age_ms_max,
                                    struct es_arena *arena, struct worker_node **ret_nodes,
                                    size_t *ret_count, struct es_err *reterr)
{
    es_auto_buf nodes = { 0 };
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_query(
            &tx,
            "SELECT id, role, version, slots, busy, cpu_percent, memory_percent, jobs_done,"
            " jobs_failed, started_at_ms, seen_at_ms FROM queue_node WHERE seen_at_ms >= ?1"
            " ORDER BY id",
            SQL_VALUES(sql_int(es_clock_realtime_ms() - age_ms_max)), &rows, reterr);
    for (bool has_row = true; !code && has_row;) {
        code = next_row(&rows, &has_row, reterr);
        if (!has_row)
            break;
        struct worker_node node = {
            .id = sqlite_rows_text(&rows, 0, arena),
            .role = (enum node_role)sqlite_rows_int(&rows, 1),
            .version = sqlite_rows_text(&rows, 2, arena),
            .slots = (int)sqlite_rows_int(&rows, 3),
            .busy = (int)sqlite_rows_int(&rows, 4),
            .cpu_percent = sqlite_rows_real(&rows, 5),
            .memory_percent = sqlite_rows_real(&rows, 6),
            .jobs_done = sqlite_rows_int(&rows, 7),
            .jobs_failed = sqlite_rows_int(&rows, 8),
            .started_at_ms = sqlite_rows_int(&rows, 9),
            .seen_at_ms = sqlite_rows_int(&rows, 10),
        };
        es_buf_append(&nodes, &node, sizeof(node));
    }
    if (code)
        return code;
    *ret_nodes = es_memdup(arena, es_buf_text(&nodes), nodes.size);
    *ret_count = nodes.size / sizeof(struct worker_node);
    return ES_OK;
}

enum es_code sqlite_queue_event_append(struct job_queue *queue, const struct event *event,
                                       struct es_err *reterr)
{
    struct job_queue_sqlite *sqlite = sqlite_queue(queue);
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite->db, SQL_WRITE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(
            &tx,
            "INSERT INTO queue_event (kind, user_id, media_id, job_id) VALUES (?1, ?2, ?3, ?4)",
            SQL_VALUES(sql_int(event->kind), sql_text(event->user_id), sql_text(event->media_id),
                       sql_text(event->job_id)),
            NULL, reterr);
    if (!code)
        code =
            sqlite_tx_run(&tx, "DELETE FROM queue_event WHERE sequence <= ?1",
                          SQL_VALUES(sql_int(sqlite_tx_last_row(&tx) - EVENTS_KEPT)), NULL, reterr);
    if (!code)
        code = sqlite_tx_commit(&tx, reterr);
    if (!code)
        queue_waiter_tell(&sqlite->events, true);
    return code;
}

static enum es_code read_last(struct sqlite_tx *tx, int64_t *ret_last, struct es_err *reterr)
{
    return sqlite_tx_number(tx, "SELECT max(sequence) FROM queue_event", SQL_VALUES(), 0, ret_last,
                            reterr);
}

enum es_code sqlite_queue_event_list(struct job_queue *queue, int64_t after, size_t limit,
                                     struct es_arena *arena, struct event **ret_events,
                                     size_t *ret_count, int64_t *ret_last, struct es_err *reterr)
{
    es_auto_buf events = { 0 };
    int64_t last;
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    enum es_code code = sqlite_tx_begin(sqlite_queue(queue)->db, SQL_READ, &tx, reterr);
    if (!code)
        code = read_last(&tx, &last, reterr);
    if (!code)
        code = sqlite_tx_query(&tx,
                               "SELECT sequence, kind, user_id, media_id, job_id FROM queue_event"
                               " WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                               SQL_VALUES(sql_int(after), sql_int(after < 0 ? 0 : (int64_t)limit)),
                               &rows, reterr);
    for (bool has_row = true; !code && has_row;) {
        code = next_row(&rows, &has_row, reterr);
        if (!has_row)
            break;
        struct event event = {
            .sequence = sqlite_rows_int(&rows, 0),
            .kind = (enum event_kind)sqlite_rows_int(&rows, 1),
        };
        sqlite_rows_id(&rows, 2, event.user_id);
        sqlite_rows_id(&rows, 3, event.media_id);
        sqlite_rows_id(&rows, 4, event.job_id);
        es_buf_append(&events, &event, sizeof(event));
    }
    if (code)
        return code;
    *ret_events = es_memdup(arena, es_buf_text(&events), events.size);
    *ret_count = events.size / sizeof(struct event);
    *ret_last = last;
    return ES_OK;
}

/* The newest event's number; `fallback` while the store is away, which event_list will say. */
static int64_t newest_event(struct job_queue_sqlite *sqlite, int64_t fallback)
{
    sqlite_auto_tx tx = { 0 };
    int64_t last;
    return sqlite_tx_begin(sqlite->db, SQL_READ, &tx, NULL) || read_last(&tx, &last, NULL)
               ? fallback
               : last;
}

void sqlite_queue_event_wait(struct job_queue *queue, int64_t after, int64_t timeout_ms)
{
    struct job_queue_sqlite *sqlite = sqlite_queue(queue);
    int64_t deadline_ms = es_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        struct queue_seen seen = queue_waiter_look(&sqlite->events);
        int64_t left_ms = deadline_ms - es_clock_monotonic_ms();
        if (left_ms <= 0 || newest_event(sqlite, after) > after)
            return;
        if (!queue_waiter_wait(&sqlite->events, &seen,
                               left_ms < QUEUE_POLL_MS ? left_ms : QUEUE_POLL_MS))
            return;
    }
}
