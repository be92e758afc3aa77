/* One row for each backend. */
#include "job_queue_fixture.h"

#include "backend/job_queue_memory.h"
#include "backend/job_queue_sqlite.h"

static enum es_code open_memory(struct fixture *f, struct es_err *reterr)
{
    return job_queue_memory_open(&f->queue, reterr);
}

static enum es_code open_sqlite(struct fixture *f, struct es_err *reterr)
{
    return job_queue_sqlite_open(es_printf(&f->arena, "%s/queue.db", f->folder), &f->queue, reterr);
}

const struct opener job_queue_openers[2] = {
    { "memory", open_memory, false },
    { "sqlite", open_sqlite, true },
};

struct job make_job(const char *user_id)
{
    struct job job = { .target = JOB_HLS, .status = JOB_ENQUEUED, .attempts = 1 };
    es_id_v4(job.id);
    es_id_v7(job.media_id);
    memcpy(job.user_id, user_id, ES_ID_SIZE);
    return job;
}

struct job push(struct fixture *f, const char *user_id)
{
    struct job job = make_job(user_id);
    CALL(push, &job);
    return job;
}

struct lease *lease_for(struct fixture *f, const char *worker, int64_t lease_ms)
{
    struct lease *lease = (struct lease *)f;
    const char *dead = "untouched";
    CALL(lease, worker, lease_ms, &f->arena, &lease, &dead);
    assert_null(dead);
    return lease;
}

struct lease *take(struct fixture *f)
{
    struct lease *lease = lease_for(f, "worker", LONG_MS);
    assert_non_null(lease);
    return lease;
}

/* Convert parts 1..count of ten seconds, the first `first_count` of them first parts, then the
 * join. */
void plan(struct fixture *f, const struct lease *lease, int count, int first_count)
{
    struct part *parts = es_new_array(&f->arena, struct part, (size_t)count + 1);
    for (int i = 0; i < count; i++)
        parts[i] = (struct part){
            .index = i + 1,
            .kind = PART_CONVERT,
            .is_first = i < first_count,
            .weight_seconds = 10,
            .spec = es_printf(&f->arena, "{\"part\":%d}", i + 1),
        };
    parts[count] = (struct part){ .index = count + 1, .kind = PART_JOIN, .spec = "{\"join\":1}" };
    CALL(finish, lease, "{\"plan\":1}", parts, (size_t)count + 1);
}

struct job push_planned(struct fixture *f, const char *user_id, int count, int first_count)
{
    struct job job = push(f, user_id);
    struct lease *lease = take(f);
    assert_string_equal(lease->part.job_id, job.id);
    plan(f, lease, count, first_count);
    return job;
}

struct job_live live_of(struct fixture *f, const struct job *job)
{
    struct job_live live;
    CALL(live, job->id, &f->arena, &live);
    return live;
}

void assert_nothing_waits(struct fixture *f)
{
    assert_null(lease_for(f, "worker", LONG_MS));
}

void assert_lost(struct fixture *f, enum es_code code)
{
    assert_int_equal(code, ES_CONFLICT);
    assert_string_equal(f->err.word, "lease_lost");
}
