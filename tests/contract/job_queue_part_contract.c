/* What port/job_queue.h promises to those who push jobs and lease parts. */
#include "job_queue_fixture.h"

static void a_queue_answers(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->queue->ops->name, opener->name);
    assert_ok(f->queue->ops->check(f->queue, &f->err), f->err);
}

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

static void assert_next(struct fixture *f, const struct job *job, int index)
{
    struct lease *lease = take(f);
    assert_string_equal(lease->part.job_id, job->id);
    assert_int_equal(lease->part.index, index);
}

static void a_preferred_part_is_next_and_those_behind_it_follow(void **state)
{
    struct fixture *f = *state;
    struct job old = push_planned(f, f->ana, 8, 2), young = make_job(f->ana);
    CALL(push, &young);
    plan(f, take(f), 3, 1);
    CALL(prefer, old.id, 6);
    assert_next(f, &old, 6); /* before first parts and plans, also of other jobs */
    assert_next(f, &old, 1);
    assert_next(f, &young, 1);
    assert_next(f, &old, 2);
    assert_next(f, &old, 7); /* before the lesser indexes of any job */
    assert_next(f, &old, 8);
    assert_next(f, &young, 2);
    assert_next(f, &old, 3);
    assert_next(f, &young, 3);
    assert_next(f, &old, 4);
    assert_next(f, &old, 5);
    assert_nothing_waits(f);
}

static void the_latest_preferred_part_goes_first_and_the_earlier_ones_next(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 9, 1);
    CALL(prefer, job.id, 4);
    CALL(prefer, job.id, 8);
    CALL(prefer, job.id, 6);
    CALL(prefer, job.id, 6);
    int order[] = { 6, 8, 4, 1, 7, 9, 2, 3, 5 };
    for (size_t i = 0; i < COUNT_OF(order); i++)
        assert_next(f, &job, order[i]);
}

static void a_preferred_part_goes_before_a_join(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 3, 0), ended = make_job(f->ana);
    CALL(push, &ended);
    plan(f, take(f), 0, 0); /* its join waits at once */
    CALL(prefer, job.id, 2);
    assert_next(f, &job, 2);
    assert_next(f, &ended, 1);
    assert_next(f, &job, 3);
}

static void preferring_takes_no_turn_from_other_users(void **state)
{
    struct fixture *f = *state;
    struct job anas = push_planned(f, f->ana, 9, 0);
    struct job bens = push_planned(f, f->ben, 9, 0);
    for (int i = 9; i > 6; i--) {
        CALL(prefer, bens.id, i);
        assert_next(f, &anas, 10 - i);
        assert_next(f, &bens, i);
    }
}

static void preferring_what_is_done_or_unknown_is_nothing(void **state)
{
    struct fixture *f = *state;
    struct job job = push_planned(f, f->ana, 4, 0), other = make_job(f->ana);
    CALL(finish, take(f), NULL, NULL, 0);
    CALL(prefer, job.id, 1);
    CALL(prefer, job.id, 0);
    CALL(prefer, job.id, 5); /* the join */
    CALL(prefer, job.id, 77);
    CALL(prefer, other.id, 1);
    struct lease *second = take(f);
    assert_int_equal(second->part.index, 2);
    CALL(prefer, job.id, 2); /* at work already; what follows on it does */
    CALL(release, second, 0);
    for (int index = 2; index <= 4; index++)
        assert_next(f, &job, index);
    CALL(cancel, job.id);
    CALL(prefer, job.id, 3);
    assert_nothing_waits(f);
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
    assert_lost(f, ANSWER(release, old, 0));
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

static void a_released_part_waits_and_no_attempt_counts(void **state)
{
    struct fixture *f = *state;
    push(f, f->ana);
    for (int i = 0; i < 3 * PART_ATTEMPTS_MAX; i++) {
        struct lease *lease = take(f);
        assert_int_equal(lease->part.attempts, 1);
        CALL(release, lease, 0);
        assert_lost(f, ANSWER(release, lease, 0));
    }
    CALL(release, take(f), LONG_MS);
    assert_nothing_waits(f);
    push(f, f->ben);
    assert_int_equal(take(f)->part.attempts, 1);
    assert_nothing_waits(f);
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
    assert_int_equal(ANSWER(release, one, 0), ES_CANCELLED);
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
        TEST(a_preferred_part_is_next_and_those_behind_it_follow),
        TEST(the_latest_preferred_part_goes_first_and_the_earlier_ones_next),
        TEST(a_preferred_part_goes_before_a_join),
        TEST(preferring_takes_no_turn_from_other_users),
        TEST(preferring_what_is_done_or_unknown_is_nothing),
        TEST(fences_grow_with_every_lease_of_a_job),
        TEST(an_expired_part_goes_to_another_and_the_old_holder_is_refused),
        TEST(an_expired_part_that_nobody_took_is_still_its_holders),
        TEST(extending_keeps_a_part),
        TEST(a_dead_job_is_told_once_a_lease_time),
        TEST(a_job_pushed_for_a_new_attempt_begins_anew),
        TEST(a_retried_part_waits_for_its_delay_and_counts),
        TEST(a_released_part_waits_and_no_attempt_counts),
        TEST(cancelling_stops_every_holder_and_every_part),
        TEST(forgetting_stops_and_leaves_nothing),
        TEST(burying_ends_the_job_for_all_its_holders),
        TEST(texts_have_a_limit),
    };
    return contract_run(job_queue_openers, tests);
}
