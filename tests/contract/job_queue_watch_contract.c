/* What port/job_queue.h promises to those who watch and wait: progress, positions, events, nodes;
 * and to many threads at once. */
#include "job_queue_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return contract_run(job_queue_openers, tests);
}
