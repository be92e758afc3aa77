/* What port/job_queue.h promises, held by every queue. Leases are real and short, so that a test
 * can wait for one to be over. */
#include "contract.h"

#include <pthread.h>
#include <stdatomic.h>

#include "backend/job_queue_memory.h"
#include "backend/job_queue_sqlite.h"
#include "base/es_buf.h"
#include "base/es_clock.h"

#define LONG_MS  60000
#define SHORT_MS 30

struct opener {
    const char *name;
    enum es_code (*open)(const char *folder, struct job_queue **ret_queue, struct es_err *reterr);
};

static enum es_code open_memory(const char *folder, struct job_queue **ret_queue,
                                struct es_err *reterr)
{
    (void)folder;
    return job_queue_memory_open(ret_queue, reterr);
}

static enum es_code open_sqlite(const char *folder, struct job_queue **ret_queue,
                                struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    return job_queue_sqlite_open(es_printf(&arena, "%s/queue.db", folder), ret_queue, reterr);
}

static const struct opener openers[] = { { "memory", open_memory }, { "sqlite", open_sqlite } };
static const struct opener *opener;

struct fixture {
    struct job_queue *queue;
    struct es_arena arena;
    struct es_err err;
    char *folder;
    char ana[ES_ID_SIZE], ben[ES_ID_SIZE], eva[ES_ID_SIZE];
};

static int setup(void **state)
{
    struct fixture *f = es_malloc(sizeof(*f));
    f->folder = contract_folder_make();
    es_id_v7(f->ana);
    es_id_v7(f->ben);
    es_id_v7(f->eva);
    assert_ok(opener->open(f->folder, &f->queue, &f->err), f->err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    job_queue_close(f->queue);
    contract_folder_remove(f->folder);
    es_arena_release(&f->arena);
    free(f);
    return 0;
}

/* Calls an operation, and fails the test with its words where it fails. */
#define CALL(operation, ...)                                                                       \
    do {                                                                                           \
        enum es_code code_ = f->queue->ops->operation(f->queue, __VA_ARGS__, &f->err);             \
        if (code_)                                                                                 \
            fail_msg("%s: %s (%s)", #operation, f->err.detail, es_code_name(code_));               \
    } while (0)
#define ANSWER(operation, ...) f->queue->ops->operation(f->queue, __VA_ARGS__, &f->err)

static struct job make_job(const char *user_id)
{
    struct job job = { .target = JOB_HLS, .status = JOB_ENQUEUED, .attempts = 1 };
    es_id_v4(job.id);
    es_id_v7(job.media_id);
    memcpy(job.user_id, user_id, ES_ID_SIZE);
    return job;
}

static struct job push(struct fixture *f, const char *user_id)
{
    struct job job = make_job(user_id);
    CALL(push, &job);
    return job;
}

static struct lease *lease_for(struct fixture *f, const char *worker, int64_t lease_ms)
{
    struct lease *lease = (struct lease *)f;
    const char *dead = "untouched";
    CALL(lease, worker, lease_ms, &f->arena, &lease, &dead);
    assert_null(dead);
    return lease;
}

static struct lease *take(struct fixture *f)
{
    struct lease *lease = lease_for(f, "worker", LONG_MS);
    assert_non_null(lease);
    return lease;
}

/* Convert parts 1..count of ten seconds, the first `first_count` of them first parts, then the
 * join. */
static void plan(struct fixture *f, const struct lease *lease, int count, int first_count)
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

static struct job push_planned(struct fixture *f, const char *user_id, int count, int first_count)
{
    struct job job = push(f, user_id);
    struct lease *lease = take(f);
    assert_string_equal(lease->part.job_id, job.id);
    plan(f, lease, count, first_count);
    return job;
}

static struct job_live live_of(struct fixture *f, const struct job *job)
{
    struct job_live live;
    CALL(live, job->id, &f->arena, &live);
    return live;
}

static void assert_nothing_waits(struct fixture *f)
{
    assert_null(lease_for(f, "worker", LONG_MS));
}

static void assert_lost(struct fixture *f, enum es_code code)
{
    assert_int_equal(code, ES_CONFLICT);
    assert_string_equal(f->err.word, "lease_lost");
}

static const struct part_progress no_progress;

static void a_pushed_job_has_one_plan_and_a_second_push_is_none(void **state)
{
    struct fixture *f = *state;
    assert_nothing_waits(f);
    struct job job = push(f, f->ana);
    CALL(push, &job);
    int64_t length;
    CALL(length, &length);
    assert_int_equal(length, 1);

    struct lease *lease = take(f);
    assert_string_equal(lease->part.job_id, job.id);
    assert_string_equal(lease->media_id, job.media_id);
    assert_string_equal(lease->user_id, f->ana);
    assert_string_equal(lease->part.worker_id, "worker");
    assert_int_equal(lease->part.kind, PART_PLAN);
    assert_int_equal(lease->part.index, 0);
    assert_int_equal(lease->part.state, PART_LEASED);
    assert_int_equal(lease->part.attempts, 1);
    assert_null(lease->part.spec);
    assert_true(lease->expires_at_ms > es_clock_realtime_ms());
    assert_nothing_waits(f);
    CALL(length, &length);
    assert_int_equal(length, 0);
    CALL(push, &job);
    assert_nothing_waits(f);
}

static void a_job_goes_from_plan_over_parts_to_join(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 2, 1);
    struct lease *one = take(f), *two = take(f);
    assert_int_equal(one->part.index, 1);
    assert_true(one->part.is_first);
    assert_string_equal(one->part.spec, "{\"part\":1}");
    assert_true(one->part.weight_seconds == 10);
    assert_int_equal(two->part.index, 2);
    assert_false(two->part.is_first);
    assert_nothing_waits(f);

    CALL(finish, two, "{\"two\":2}", NULL, 0);
    assert_nothing_waits(f);
    CALL(finish, one, "{\"one\":1}", NULL, 0);
    struct lease *join = take(f);
    assert_int_equal(join->part.kind, PART_JOIN);
    assert_string_equal(join->part.spec, "{\"join\":1}");

    struct part *parts;
    size_t count;
    CALL(parts, job.id, &f->arena, &parts, &count);
    assert_int_equal(count, 4);
    assert_string_equal(parts[0].result, "{\"plan\":1}");
    assert_string_equal(parts[1].result, "{\"one\":1}");
    assert_string_equal(parts[1].spec, "{\"part\":1}");
    assert_string_equal(parts[1].job_id, job.id);
    assert_string_equal(parts[1].worker_id, "worker");
    assert_int_equal(parts[1].state, PART_DONE);
    assert_string_equal(parts[2].result, "{\"two\":2}");
    assert_int_equal(parts[3].state, PART_LEASED);
    assert_null(parts[3].result);

    CALL(finish, join, NULL, NULL, 0);
    assert_nothing_waits(f);
    struct job_live live = live_of(f, &job);
    assert_true(live.is_known && live.is_playable && !live.is_cancelled);
    assert_true(live.progress == 1);
    assert_int_equal(live.part_count, 4);
    assert_int_equal(live.parts_done, 4);
    CALL(push, &job);
    assert_nothing_waits(f);
}

static void a_plan_with_only_a_join_goes_on_at_once(void **state)
{
    struct fixture *f = *state;
    push_planned(f, f->ana, 0, 0);
    assert_int_equal(take(f)->part.kind, PART_JOIN);
}

static void a_plan_that_is_none_is_refused_and_the_lease_holds(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    struct lease *lease = take(f);
    const struct part convert = { .index = 1, .kind = PART_CONVERT, .weight_seconds = 1 };
    const struct part join = { .index = 1, .kind = PART_JOIN };
    const struct part twice[] = { convert, join };
    const struct part zero = { .index = 0, .kind = PART_JOIN };
    assert_int_equal(ANSWER(finish, lease, NULL, NULL, 0), ES_INVALID);
    assert_int_equal(ANSWER(finish, lease, NULL, &convert, 1), ES_INVALID);
    assert_int_equal(ANSWER(finish, lease, NULL, twice, 2), ES_INVALID);
    assert_int_equal(ANSWER(finish, lease, NULL, &zero, 1), ES_INVALID);
    CALL(finish, lease, NULL, &join, 1);
}

static void users_take_turns(void **state)
{
    struct fixture *f = *state;
    struct job ana = push_planned(f, f->ana, 6, 0);
    struct job ben = push_planned(f, f->ben, 6, 0);
    int counts[2] = { 0 };
    for (int i = 0; i < 6; i++) {
        struct lease *lease = take(f);
        bool is_ben = strcmp(lease->part.job_id, ben.id) == 0;
        assert_true(is_ben || strcmp(lease->part.job_id, ana.id) == 0);
        counts[is_ben]++;
        assert_in_range(counts[0] - counts[1] + 1, 0, 2);
    }
    /* Somebody new has fewer parts than either, and comes next, thrice. */
    push_planned(f, f->eva, 6, 0);
    for (int i = 0; i < 3; i++)
        assert_string_equal(take(f)->user_id, f->eva);
}

static void with_as_many_parts_the_one_served_longest_ago_comes_next(void **state)
{
    struct fixture *f = *state;
    const char *order[] = { f->ben, f->ana, f->eva };
    for (size_t i = 0; i < 3; i++)
        push_planned(f, order[i], 3, 0);
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < 3; i++) {
            struct lease *lease = take(f);
            assert_string_equal(lease->user_id, order[i]);
            CALL(finish, lease, NULL, NULL, 0);
        }
}

static void of_one_users_parts_plans_and_first_parts_come_first(void **state)
{
    struct fixture *f = *state;
    struct job old = push_planned(f, f->ana, 4, 2);
    struct job young = make_job(f->ana);
    CALL(push, &young);
    struct lease *lease = take(f);
    assert_string_equal(lease->part.job_id, young.id); /* a plan: index 0 */
    plan(f, lease, 3, 1);
    const struct {
        const struct job *job;
        int index;
    } order[] = { { &old, 1 }, { &young, 1 }, { &old, 2 }, { &young, 2 },
                  { &old, 3 }, { &young, 3 }, { &old, 4 } };
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        lease = take(f);
        assert_string_equal(lease->part.job_id, order[i].job->id);
        assert_int_equal(lease->part.index, order[i].index);
    }
}

static void a_join_comes_before_all_else_of_its_user(void **state)
{
    struct fixture *f = *state;
    struct job old = push_planned(f, f->ana, 1, 0);
    struct lease *last = take(f);
    struct job young = make_job(f->ana);
    CALL(push, &young);
    CALL(finish, last, NULL, NULL, 0);
    struct lease *lease = take(f);
    assert_int_equal(lease->part.kind, PART_JOIN);
    assert_string_equal(lease->part.job_id, old.id);
    lease = take(f);
    assert_int_equal(lease->part.kind, PART_PLAN);
}

static void fences_grow_with_every_lease_of_a_job(void **state)
{
    struct fixture *f = *state;
    struct job job = make_job(f->ana);
    job.fence = es_clock_realtime_ms() * 1000 + 1000000000;
    CALL(push, &job);
    int64_t fence = job.fence;
    struct lease *lease = take(f);
    assert_true(lease->fence > fence);
    fence = lease->fence;
    plan(f, lease, 3, 0);
    for (int i = 0; i < 3; i++) {
        lease = take(f);
        assert_true(lease->fence > fence);
        fence = lease->fence;
    }
    CALL(forget, job.id);
    job.fence = fence;
    CALL(push, &job);
    assert_true(take(f)->fence > fence);
}

static void an_expired_part_goes_to_another_and_the_old_holder_is_refused(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    struct lease *old = lease_for(f, "slow", SHORT_MS);
    assert_nothing_waits(f);
    es_sleep_ms(SHORT_MS + 10);
    struct lease *new = lease_for(f, "quick", LONG_MS);
    assert_non_null(new);
    assert_int_equal(new->part.attempts, 2);
    assert_true(new->fence > old->fence);
    assert_string_not_equal(new->token, old->token);

    const struct part join = { .index = 1, .kind = PART_JOIN };
    assert_lost(f, ANSWER(extend, old, LONG_MS, &no_progress));
    assert_lost(f, ANSWER(finish, old, NULL, &join, 1));
    assert_lost(f, ANSWER(retry, old, 0, true));
    assert_lost(f, ANSWER(release, old));
    assert_lost(f, ANSWER(bury, old));
    CALL(finish, new, NULL, &join, 1);
    assert_lost(f, ANSWER(extend, new, LONG_MS, &no_progress));
}

static void an_expired_part_that_nobody_took_is_still_its_holders(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    struct lease *lease = lease_for(f, "slow", SHORT_MS);
    es_sleep_ms(SHORT_MS + 10);
    CALL(extend, lease, LONG_MS, &no_progress);
    assert_nothing_waits(f);
    plan(f, lease, 1, 0);
}

static void extending_keeps_a_part(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    struct lease *lease = lease_for(f, "worker", SHORT_MS);
    for (int i = 0; i < 6; i++) {
        es_sleep_ms(SHORT_MS / 3);
        CALL(extend, lease, SHORT_MS * 4, &no_progress);
        assert_null(lease_for(f, "thief", LONG_MS));
    }
}

static void a_dead_job_is_told_once_a_lease_time(void **state)
{
    struct fixture *f = *state;
    struct job job = push(f, f->ana);
    struct job other = push(f, f->ben);
    struct lease *lease = take(f);
    if (strcmp(lease->part.job_id, job.id) == 0)
        lease = take(f);
    assert_string_equal(lease->part.job_id, other.id); /* stays with its worker */
    CALL(forget, job.id);
    CALL(push, &job);
    const char *dead = NULL;
    for (int i = 1; i <= PART_ATTEMPTS_MAX; i++) {
        lease = lease_for(f, "worker", 1);
        assert_non_null(lease);
        assert_string_equal(lease->part.job_id, job.id);
        assert_int_equal(lease->part.attempts, i);
        es_sleep_ms(3);
    }
    CALL(lease, "worker", 100, &f->arena, &lease, &dead);
    assert_null(lease);
    assert_non_null(dead);
    assert_string_equal(dead, job.id);
    assert_nothing_waits(f); /* not told twice */
    es_sleep_ms(110);
    CALL(lease, "worker", 1, &f->arena, &lease, &dead);
    assert_non_null(dead);
    CALL(forget, job.id);
    es_sleep_ms(3);
    assert_nothing_waits(f);
}

static void a_job_pushed_for_a_new_attempt_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 2, 1);
    struct lease *lease = take(f);
    CALL(bury, lease);
    CALL(push, &job);
    assert_nothing_waits(f);
    job.attempts++;
    CALL(push, &job);
    struct lease *again = take(f);
    assert_int_equal(again->part.kind, PART_PLAN);
    assert_int_equal(again->part.attempts, 1);
    assert_true(again->fence > lease->fence);
    assert_int_not_equal(ANSWER(extend, lease, LONG_MS, &no_progress), ES_OK);
    assert_int_equal(live_of(f, &job).part_count, 1);
}

static void a_retried_part_waits_for_its_delay_and_counts(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    struct lease *lease = take(f);
    CALL(retry, lease, 40, true);
    assert_lost(f, ANSWER(extend, lease, LONG_MS, &no_progress));
    assert_nothing_waits(f);
    f->queue->ops->wait(f->queue, 2000);
    lease = take(f);
    assert_int_equal(lease->part.attempts, 2);
    assert_int_equal(lease->part.crashes, 1);
    CALL(retry, lease, 0, false);
    lease = take(f);
    assert_int_equal(lease->part.attempts, 3);
    assert_int_equal(lease->part.crashes, 1);
}

static void a_released_part_waits_at_once_and_no_attempt_counts(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    for (int i = 0; i < 3 * PART_ATTEMPTS_MAX; i++) {
        struct lease *lease = take(f);
        assert_int_equal(lease->part.attempts, 1);
        CALL(release, lease);
        assert_lost(f, ANSWER(release, lease));
    }
}

static void cancelling_stops_every_holder_and_every_part(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 3, 0);
    struct lease *one = take(f), *two = take(f);
    CALL(cancel, job.id);
    CALL(cancel, job.id);
    assert_int_equal(ANSWER(extend, one, LONG_MS, &no_progress), ES_CANCELLED);
    assert_int_equal(ANSWER(finish, two, NULL, NULL, 0), ES_CANCELLED);
    assert_int_equal(ANSWER(retry, one, 0, false), ES_CANCELLED);
    assert_int_equal(ANSWER(release, one), ES_CANCELLED);
    assert_int_equal(ANSWER(bury, one), ES_CANCELLED);
    assert_nothing_waits(f);
    struct job_live live = live_of(f, &job);
    assert_true(live.is_known && live.is_cancelled);
    assert_int_equal(live.worker_count, 0);
    CALL(cancel, f->ana); /* unknown */
}

static void forgetting_stops_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 3, 0);
    struct lease *one = take(f);
    CALL(forget, job.id);
    CALL(forget, job.id);
    assert_int_equal(ANSWER(extend, one, LONG_MS, &no_progress), ES_CANCELLED);
    assert_nothing_waits(f);
    assert_false(live_of(f, &job).is_known);
    struct part *parts;
    size_t count;
    CALL(parts, job.id, &f->arena, &parts, &count);
    assert_int_equal(count, 0);
}

static void burying_ends_the_job_for_all_its_holders(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 3, 0);
    struct lease *one = take(f), *two = take(f);
    CALL(bury, one);
    assert_int_equal(ANSWER(extend, two, LONG_MS, &no_progress), ES_CANCELLED);
    assert_int_equal(ANSWER(extend, one, LONG_MS, &no_progress), ES_CANCELLED);
    assert_nothing_waits(f);
    struct job_live live = live_of(f, &job);
    assert_true(live.is_known && !live.is_cancelled);
}

static void progress_is_published_and_never_goes_back(void **state)
{
    struct fixture *f = *state;
    struct job job = push(f, f->ana);
    struct job_live live = live_of(f, &job);
    assert_true(live.is_known && live.progress == 0 && live.speed == 0 && live.eta_seconds < 0);
    plan(f, take(f), 4, 1);
    double last = live_of(f, &job).progress;
    assert_true(last > 0 && last < 0.05);

    struct lease *one = lease_for(f, "a", LONG_MS), *two = lease_for(f, "b", SHORT_MS);
    CALL(extend, one, LONG_MS, (&(struct part_progress){ .seconds_done = 5, .speed = 2 }));
    CALL(extend, two, SHORT_MS,
         (&(struct part_progress){ .seconds_done = 5,
                                   .speed = 3,
                                   .result_so_far = "{\"so far\":1}",
                                   .is_playable = true }));
    live = live_of(f, &job);
    assert_true(live.progress > 0.2 && live.progress < 0.3);
    assert_true(live.speed == 5);
    assert_true(live.eta_seconds > 5.9 && live.eta_seconds < 6.1); /* 30 s left at 5 x */
    assert_true(live.is_playable);
    assert_int_equal(live.queue_position, 0);
    assert_int_equal(live.worker_count, 2);
    assert_string_equal(live.workers[0], "a");
    assert_string_equal(live.workers[1], "b");
    last = live.progress;

    CALL(extend, one, LONG_MS, &no_progress); /* what was published stays */
    es_sleep_ms(SHORT_MS + 10);
    struct lease *taken = take(f);
    assert_int_equal(taken->part.index, 2);
    assert_string_equal(taken->part.result, "{\"so far\":1}");
    live = live_of(f, &job);
    assert_true(live.progress == last && live.is_playable && live.speed == 0);

    struct lease *rest[] = { one, taken, take(f), take(f) };
    for (size_t i = 0; i < 4; i++) {
        CALL(finish, rest[i], NULL, NULL, 0);
        live = live_of(f, &job);
        assert_true(live.progress > last && live.progress < 1);
        last = live.progress;
    }
    struct part *parts;
    size_t count;
    CALL(parts, job.id, &f->arena, &parts, &count);
    assert_string_equal(parts[2].result, "{\"so far\":1}");
    CALL(finish, take(f), NULL, NULL, 0);
    assert_true(live_of(f, &job).progress == 1);
}

static void a_part_is_never_more_than_done(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 2, 0);
    CALL(extend, take(f), LONG_MS,
         (&(struct part_progress){ .seconds_done = 1e9, .speed = -1.0 / 0.0 }));
    struct job_live live = live_of(f, &job);
    assert_true(live.progress < 0.6 && live.speed == 0);
}

/* Position must be what the queue then does. */
static void positions_are_the_order_of_serving(void **state)
{
    struct fixture *f = *state;
    push_planned(f, f->ana, 5, 0);
    take(f); /* ana has two parts, ben one, eva none */
    take(f);
    push_planned(f, f->ben, 5, 0);
    take(f);
    push_planned(f, f->ben, 0, 0); /* a join that waits, and goes before ben's plans */
    char leo[ES_ID_SIZE];          /* as new as eva, and later */
    es_id_v7(leo);
    const char *owners[] = { f->ana, f->ana, f->ana, f->ben, f->ben, f->eva, leo,
                             f->eva, f->eva, leo,    f->eva, f->eva, f->ben };
    struct job jobs[COUNT_OF(owners)];
    for (size_t i = 0; i < COUNT_OF(owners); i++)
        jobs[i] = push(f, owners[i]);
    int positions[COUNT_OF(owners)];
    for (size_t i = 0; i < COUNT_OF(owners); i++)
        positions[i] = live_of(f, &jobs[i]).queue_position;
    for (int served = 0, turn = 1; served < (int)COUNT_OF(owners); turn++) {
        struct lease *lease = take(f);
        if (lease->part.kind != PART_PLAN)
            continue; /* another part of somebody whose plans are all given out */
        served++;
        for (size_t i = 0; i < COUNT_OF(owners); i++)
            if (strcmp(lease->part.job_id, jobs[i].id) == 0)
                assert_int_equal(positions[i], served);
        assert_in_range(turn, 1, 30);
    }
    assert_int_equal(live_of(f, &jobs[0]).queue_position, 0);
}

struct two_parts {
    struct fixture *f;
    struct lease *leases[2];
    enum es_code codes[2];
};

static void finish_one(void *argument, size_t i)
{
    struct two_parts *two = argument;
    struct job_queue *queue = two->f->queue;
    two->codes[i] = queue->ops->finish(queue, two->leases[i], NULL, NULL, 0, NULL);
}

static void two_that_finish_last_at_once_unblock_one_join(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        struct job job = push_planned(f, f->ana, 2, 0);
        struct two_parts two = { .f = f, .leases = { take(f), take(f) } };
        contract_race(2, finish_one, &two);
        assert_int_equal(two.codes[0], ES_OK);
        assert_int_equal(two.codes[1], ES_OK);
        assert_int_equal(take(f)->part.kind, PART_JOIN);
        assert_nothing_waits(f);
        CALL(forget, job.id);
    }
}

struct race {
    struct fixture *f;
    const struct job *job;
    atomic_int leased, failed;
};

static void push_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct job_queue *queue = race->f->queue;
    (void)i;
    if (queue->ops->push(queue, race->job, NULL))
        atomic_fetch_add(&race->failed, 1);
}

static void lease_all(void *argument, size_t i)
{
    struct race *race = argument;
    struct job_queue *queue = race->f->queue;
    es_auto_arena arena = { 0 };
    (void)i;
    for (;;) {
        struct lease *lease;
        const char *dead;
        if (queue->ops->lease(queue, "racer", LONG_MS, &arena, &lease, &dead, NULL)) {
            atomic_fetch_add(&race->failed, 1);
            return;
        }
        if (!lease)
            return;
        atomic_fetch_add(&race->leased, 1);
        if (queue->ops->finish(queue, lease, NULL, NULL, 0, NULL))
            atomic_fetch_add(&race->failed, 1);
    }
}

static void racing_threads_get_every_part_once(void **state)
{
    struct fixture *f = *state;
    struct job job = make_job(f->ana);
    struct race race = { .f = f, .job = &job };
    contract_race(8, push_one, &race);
    int64_t length;
    CALL(length, &length);
    assert_int_equal(length, 1);
    plan(f, take(f), 100, 2);
    contract_race(8, lease_all, &race);
    assert_int_equal(race.failed, 0);
    assert_int_equal(race.leased, 101);
    assert_int_equal(live_of(f, &job).parts_done, 102);
}

struct waiting {
    struct fixture *f;
    atomic_int ready;
    int64_t waited_ms[4];
    bool is_event;
};

static void wait_long(void *argument, size_t i)
{
    struct waiting *waiting = argument;
    struct job_queue *queue = waiting->f->queue;
    if (i == 3) {
        while (atomic_load(&waiting->ready) < 3)
            es_sleep_ms(1);
        es_sleep_ms(20);
        if (!waiting->is_event) {
            queue->ops->wake(queue);
            return;
        }
        struct event event = { .kind = EVENT_JOB };
        if (queue->ops->event_append(queue, &event, NULL))
            waiting->waited_ms[3] = 100000;
        return;
    }
    int64_t from_ms = es_clock_monotonic_ms();
    atomic_fetch_add(&waiting->ready, 1);
    if (i == 0 || waiting->is_event)
        queue->ops->event_wait(queue, 0, 20000);
    else
        queue->ops->wait(queue, 20000);
    waiting->waited_ms[i] = es_clock_monotonic_ms() - from_ms;
}

static void waking_ends_every_wait(void **state)
{
    struct waiting waiting = { .f = *state };
    contract_race(4, wait_long, &waiting);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(waiting.waited_ms[i], 0, 5000);
}

static void an_event_wakes_all_who_wait_for_one(void **state)
{
    struct waiting waiting = { .f = *state, .is_event = true };
    contract_race(4, wait_long, &waiting);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(waiting.waited_ms[i], 0, 5000);
}

static void wait_and_lease(void *argument, size_t i)
{
    struct waiting *waiting = argument;
    struct fixture *f = waiting->f;
    if (i == 1) {
        while (atomic_load(&waiting->ready) < 1)
            es_sleep_ms(1);
        es_sleep_ms(20);
        struct job job = make_job(f->ana);
        waiting->waited_ms[1] = es_clock_monotonic_us();
        if (f->queue->ops->push(f->queue, &job, NULL))
            waiting->waited_ms[1] = 0;
        return;
    }
    atomic_fetch_add(&waiting->ready, 1);
    f->queue->ops->wait(f->queue, 20000);
    waiting->waited_ms[0] = es_clock_monotonic_us();
}

static void a_push_wakes_a_waiting_thread_at_once(void **state)
{
    struct waiting waiting = { .f = *state };
    contract_race(2, wait_and_lease, &waiting);
    assert_in_range(waiting.waited_ms[0] - waiting.waited_ms[1], 0, 150000); /* microseconds */
}

static void a_wait_lasts_no_longer_than_asked_and_ends_when_a_lease_expires(void **state)
{
    struct fixture *f = *state;
    int64_t from_ms = es_clock_monotonic_ms();
    f->queue->ops->wait(f->queue, 30);
    f->queue->ops->event_wait(f->queue, 0, 30);
    assert_in_range(es_clock_monotonic_ms() - from_ms, 58, 5000);
    push(f, f->ana);
    f->queue->ops->wait(f->queue, 20000); /* one waits already */
    lease_for(f, "worker", SHORT_MS);
    f->queue->ops->wait(f->queue, 20000);
    assert_in_range(es_clock_monotonic_ms() - from_ms, 58, 10000);
    assert_non_null(lease_for(f, "worker", LONG_MS));
}

static void events_come_in_order_and_the_newest_are_kept(void **state)
{
    struct fixture *f = *state;
    struct event *events;
    size_t count;
    int64_t last = 77;
    CALL(event_list, -1, 10, &f->arena, &events, &count, &last);
    assert_int_equal(count, 0);
    assert_int_equal(last, 0);
    struct event event = { .kind = EVENT_SHARE };
    memcpy(event.user_id, f->ana, ES_ID_SIZE);
    memcpy(event.media_id, f->ben, ES_ID_SIZE);
    CALL(event_append, &event);
    event.kind = EVENT_JOB;
    memcpy(event.job_id, f->eva, ES_ID_SIZE);
    CALL(event_append, &event);
    CALL(event_list, 0, 10, &f->arena, &events, &count, &last);
    assert_int_equal(count, 2);
    assert_int_equal(events[0].kind, EVENT_SHARE);
    assert_string_equal(events[0].user_id, f->ana);
    assert_string_equal(events[0].media_id, f->ben);
    assert_string_equal(events[0].job_id, "");
    assert_int_equal(events[1].kind, EVENT_JOB);
    assert_string_equal(events[1].job_id, f->eva);
    assert_true(events[1].sequence > events[0].sequence);
    assert_int_equal(last, events[1].sequence);
    CALL(event_list, events[0].sequence, 10, &f->arena, &events, &count, &last);
    assert_int_equal(count, 1);
    CALL(event_list, -1, 10, &f->arena, &events, &count, &last);
    assert_int_equal(count, 0);
    assert_int_equal(last, 2);

    for (int i = 0; i < EVENTS_KEPT; i++)
        CALL(event_append, &event);
    CALL(event_list, 0, EVENTS_KEPT + 10, &f->arena, &events, &count, &last);
    assert_int_equal(count, EVENTS_KEPT);
    assert_int_equal(events[0].sequence, 3);
    assert_int_equal(events[count - 1].sequence, last);
    CALL(event_list, last - 20, 5, &f->arena, &events, &count, &last);
    assert_int_equal(count, 5);
    assert_int_equal(events[0].sequence, last - 19);
}

static void nodes_are_seen_by_their_heartbeat(void **state)
{
    struct fixture *f = *state;
    struct worker_node *nodes;
    size_t count;
    struct worker_node b = { .id = "b",
                             .role = NODE_WORKER,
                             .version = "1",
                             .slots = 2,
                             .busy = 1,
                             .cpu_percent = 12.5,
                             .memory_percent = 50,
                             .jobs_done = 3,
                             .jobs_failed = 1,
                             .started_at_ms = 5 };
    struct worker_node a = { .id = "a", .role = NODE_GATEWAY };
    CALL(node_beat, &b);
    CALL(node_beat, &a);
    b.busy = 2;
    CALL(node_beat, &b);
    CALL(node_list, 10000, &f->arena, &nodes, &count);
    assert_int_equal(count, 2);
    assert_string_equal(nodes[0].id, "a");
    assert_int_equal(nodes[0].role, NODE_GATEWAY);
    assert_null(nodes[0].version);
    assert_string_equal(nodes[1].version, "1");
    assert_int_equal(nodes[1].busy, 2);
    assert_int_equal(nodes[1].slots, 2);
    assert_true(nodes[1].cpu_percent == 12.5 && nodes[1].memory_percent == 50);
    assert_int_equal(nodes[1].jobs_done, 3);
    assert_int_equal(nodes[1].jobs_failed, 1);
    assert_int_equal(nodes[1].started_at_ms, 5);
    assert_true(nodes[1].seen_at_ms > 1000000);
    es_sleep_ms(20);
    CALL(node_beat, &a);
    CALL(node_list, 15, &f->arena, &nodes, &count);
    assert_int_equal(count, 1);
    CALL(node_leave, "a");
    CALL(node_leave, "a");
    CALL(node_list, 10000, &f->arena, &nodes, &count);
    assert_int_equal(count, 1);
    assert_string_equal(nodes[0].id, "b");
}

static void texts_have_a_limit(void **state)
{
    struct fixture *f = *state;
    push_planned(f, f->ana, 1, 0);
    struct lease *lease = take(f);
    char *big = es_alloc(&f->arena, PART_TEXT_BYTES_MAX + 2);
    memset(big, 'x', PART_TEXT_BYTES_MAX + 1);
    assert_int_equal(ANSWER(finish, lease, big, NULL, 0), ES_INVALID);
    assert_int_equal(
        ANSWER(extend, lease, LONG_MS, (&(struct part_progress){ .result_so_far = big })),
        ES_INVALID);
    big[PART_TEXT_BYTES_MAX] = 0;
    CALL(finish, lease, big, NULL, 0);
}

static void a_queue_answers(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->queue->ops->name, opener->name);
    assert_ok(f->queue->ops->check(f->queue, &f->err), f->err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_queue_answers),
        TEST(a_pushed_job_has_one_plan_and_a_second_push_is_none),
        TEST(a_job_goes_from_plan_over_parts_to_join),
        TEST(a_plan_with_only_a_join_goes_on_at_once),
        TEST(a_plan_that_is_none_is_refused_and_the_lease_holds),
        TEST(users_take_turns),
        TEST(with_as_many_parts_the_one_served_longest_ago_comes_next),
        TEST(of_one_users_parts_plans_and_first_parts_come_first),
        TEST(a_join_comes_before_all_else_of_its_user),
        TEST(fences_grow_with_every_lease_of_a_job),
        TEST(an_expired_part_goes_to_another_and_the_old_holder_is_refused),
        TEST(an_expired_part_that_nobody_took_is_still_its_holders),
        TEST(extending_keeps_a_part),
        TEST(a_dead_job_is_told_once_a_lease_time),
        TEST(a_job_pushed_for_a_new_attempt_begins_anew),
        TEST(a_retried_part_waits_for_its_delay_and_counts),
        TEST(a_released_part_waits_at_once_and_no_attempt_counts),
        TEST(cancelling_stops_every_holder_and_every_part),
        TEST(forgetting_stops_and_leaves_nothing),
        TEST(burying_ends_the_job_for_all_its_holders),
        TEST(progress_is_published_and_never_goes_back),
        TEST(a_part_is_never_more_than_done),
        TEST(positions_are_the_order_of_serving),
        TEST(two_that_finish_last_at_once_unblock_one_join),
        TEST(racing_threads_get_every_part_once),
        TEST(waking_ends_every_wait),
        TEST(an_event_wakes_all_who_wait_for_one),
        TEST(a_push_wakes_a_waiting_thread_at_once),
        TEST(a_wait_lasts_no_longer_than_asked_and_ends_when_a_lease_expires),
        TEST(events_come_in_order_and_the_newest_are_kept),
        TEST(nodes_are_seen_by_their_heartbeat),
        TEST(texts_have_a_limit),
    };
    int failed = 0;
    for (opener = openers; opener < openers + COUNT_OF(openers); opener++)
        failed += cmocka_run_group_tests_name(opener->name, tests, NULL, NULL);
    return failed;
}
