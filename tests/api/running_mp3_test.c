/* Playing an MP3 over HTTP that is still being converted: all of its bytes have their places, and
 * those that are not there are waited for. */
#include "../unit/test.h"
#include "fixture.h"

#include <pthread.h>

#include "base/es_clock.h"
#include "http/http_server.h"
#include "model/mp3_plan.h"
#include "service/conversion.h"

#define PATIENT_MS  60000
#define FRAME_BYTES 576 /* 192 kbit/s at 48 kHz */
#define SPANS       3
#define HEAD        "The head of the file."
#define HEAD_BYTES  (sizeof(HEAD) - 1)
#define GRAFT       MP3_GRAFT_WARM_UP_FRAMES /* the first place, and a clean one */

static const struct mp3_span spans[SPANS] = {
    { .part_index = 1, .first_frame = 0, .end_frame = 100 + MP3_GRAFT_OVERLAP_FRAMES },
    { .part_index = 2, .first_frame = 100, .end_frame = 200 + MP3_GRAFT_OVERLAP_FRAMES },
    { .part_index = 3, .first_frame = 200, .end_frame = 300 },
};
#define TOTAL_BYTES (HEAD_BYTES + 300 * FRAME_BYTES)

/* A job of three spans; the worker holds the first part. */
struct running {
    struct fixture *fixture;
    struct es_arena arena; /* the worker's */
    const char *media_id, *job_id, *stream;
    struct lease *lease;
    char expected[TOTAL_BYTES];
};

/* A frame of part `part`: its payload says so, and which one it is. */
static void make_frame(char *frame, int part, int64_t number)
{
    memset(frame, 0, FRAME_BYTES);
    memcpy(frame, "\xff\xfb\xb4", 3);
    for (size_t i = 36; i < FRAME_BYTES; i++)
        frame[i] = (char)(i % 2 ? part : (int)(number % 100));
}

static struct lease *take(struct running *running)
{
    struct job_queue *queue = running->fixture->queue;
    struct es_err err = { 0 };
    struct lease *lease = NULL;
    const char *dead_job_id;
    assert_ok(queue->ops->lease(queue, "worker_a", PATIENT_MS, &running->arena, &lease,
                                &dead_job_id, &err),
              err);
    assert_non_null(lease);
    return lease;
}

static const char *key_of(struct running *running, const char *name)
{
    return es_printf(&running->arena, "converted/%s/%s/%s", running->media_id, running->job_id,
                     name);
}

static void publish(struct running *running, const char *name, const void *bytes, size_t size)
{
    struct blob_store *blobs = running->fixture->blobs;
    struct es_err err = { 0 };
    struct blob_writer *writer;
    assert_ok(blobs->ops->create(blobs, key_of(running, name), &writer, &err), err);
    assert_ok(writer->ops->write(writer, bytes, size, &err), err);
    assert_ok(writer->ops->commit(writer, NULL, &err), err);
}

/* The part's object, whole but for `frames_left_out`. */
static void publish_part(struct running *running, int part, int64_t frames_left_out)
{
    const struct mp3_span *span = &spans[part - 1];
    size_t count = (size_t)(span->end_frame - span->first_frame - frames_left_out);
    es_auto_free char *bytes = es_malloc(count * FRAME_BYTES);
    for (size_t i = 0; i < count; i++)
        make_frame(bytes + i * FRAME_BYTES, part, span->first_frame + (int64_t)i);
    publish(running, mp3_part_name(part, &running->arena), bytes, count * FRAME_BYTES);
}

static void fill_expected(struct running *running)
{
    memcpy(running->expected, HEAD, HEAD_BYTES);
    for (int64_t i = 0; i < 300; i++)
        make_frame(running->expected + HEAD_BYTES + i * FRAME_BYTES,
                   i < 100 + GRAFT   ? 1
                   : i < 200 + GRAFT ? 2
                                     : 3,
                   i);
}

static const char *spec_of(struct running *running, int part, bool is_foretold)
{
    json_auto spec = json_object();
    if (is_foretold)
        json_put(spec, "mp3", mp3_span_json(&spans[part - 1], 192, 48000));
    return json_text(spec, &running->arena);
}

static struct running *start_with(int64_t stream_wait_ms, bool is_foretold)
{
    struct api_settings settings = api_settings_default();
    settings.stream_wait_ms = stream_wait_ms;
    struct running *running = es_malloc(sizeof(*running));
    struct fixture *fixture = running->fixture = fixture_open(&settings, NULL);
    struct es_err err = { 0 };
    fill_expected(running);
    const char *token = fixture_user(fixture, "ana");
    running->media_id = fixture_upload(fixture, token, "Song.flac", SONG);
    running->job_id = fixture_convert(fixture, token, running->media_id, "mp3");
    running->stream =
        textf(fixture, "/media/%s/stream?job_id=%s", running->media_id, running->job_id);
    struct part parts[SPANS + 1] = { 0 };
    for (int i = 0; i < SPANS; i++)
        parts[i] = (struct part){ .index = i + 1,
                                  .kind = PART_CONVERT,
                                  .is_first = i == 0,
                                  .weight_seconds = 10,
                                  .spec = spec_of(running, i + 1, is_foretold) };
    parts[SPANS] = (struct part){ .index = SPANS + 1, .kind = PART_JOIN, .spec = "{}" };
    struct lease *plan = take(running);
    assert_ok(conversion_started(fixture->context, plan, &err), err);
    assert_ok(fixture->queue->ops->finish(fixture->queue, plan, "{}", parts, SPANS + 1, &err), err);
    running->lease = take(running);
    return running;
}

static struct running *start(int64_t stream_wait_ms)
{
    struct running *running = start_with(stream_wait_ms, true);
    publish(running, MP3_HEAD_NAME, HEAD, HEAD_BYTES);
    return running;
}

static void stop(struct running *running)
{
    fixture_close(running->fixture);
    es_arena_release(&running->arena);
    free(running);
}

/* `range` "bytes=0-9", or NULL: all of it. */
static const struct answer *get_range(struct running *running, const char *range)
{
    const char *const headers[] = { range ? textf(running->fixture, "Range: %s", range) : NULL,
                                    NULL };
    return client_send(
        running->fixture->client,
        &(struct request){ .path = running->stream, .headers = headers, .may_end_early = true });
}

static void assert_bytes(struct running *running, const struct answer *answer, size_t first)
{
    assert_true(first + answer->body_size <= TOTAL_BYTES);
    assert_memory_equal(answer->body, running->expected + first, answer->body_size);
}

/* Runs `act` in a thread as soon as a body waits. */
struct meanwhile {
    struct running *running;
    void (*act)(struct running *running);
    pthread_t thread;
};

static void await_waiter(struct running *running)
{
    while (http_server_load(running->fixture->server).waits == 0)
        es_sleep_ms(1);
}

static void *act_once_waited_for(void *argument)
{
    struct meanwhile *meanwhile = argument;
    await_waiter(meanwhile->running);
    meanwhile->act(meanwhile->running);
    return NULL;
}

static const struct answer *get_while(struct running *running, const char *range,
                                      void (*act)(struct running *running))
{
    struct meanwhile meanwhile = { .running = running, .act = act };
    assert_int_equal(pthread_create(&meanwhile.thread, NULL, act_once_waited_for, &meanwhile), 0);
    const struct answer *answer = get_range(running, range);
    pthread_join(meanwhile.thread, NULL);
    return answer;
}

static void assert_cut(struct running *running, const struct answer *answer, size_t first)
{
    assert_false(answer->is_whole);
    assert_bytes(running, answer, first);
}

static void what_is_there_goes_out_with_the_true_length(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS);
    struct client *client = running->fixture->client;
    publish_part(running, 1, 0);
    publish_part(running, 2, 0);
    const struct answer *answer = get_range(running, "bytes=10-100000");
    assert_answer(answer, 206);
    assert_true(answer->is_whole);
    assert_int_equal(answer->body_size, 99991);
    assert_bytes(running, answer, 10);
    assert_string_equal(answer_header(client, answer, "Content-Range"),
                        textf(running->fixture, "bytes 10-100000/%zu", TOTAL_BYTES));
    assert_string_equal(answer_header(client, answer, "Content-Type"), "audio/mpeg");
    assert_string_equal(answer_header(client, answer, "Cache-Control"), "no-store");
    assert_null(answer_header(client, answer, "ETag"));
    assert_null(answer_header(client, answer, "Last-Modified"));
    answer = send_to(running->fixture, "HEAD", running->stream, NULL);
    assert_answer(answer, 200);
    assert_string_equal(answer_header(client, answer, "Content-Length"),
                        textf(running->fixture, "%zu", TOTAL_BYTES));
    assert_answer(get_range(running, "bytes=999999999-"), 416);
    stop(running);
}

static void publish_third(struct running *running)
{
    struct lease *lease = take(running);
    assert_int_equal(lease->part.index, 3); /* before the second: it is waited for */
    publish_part(running, 3, 0);
}

static void what_is_sought_is_converted_next_and_waited_for(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS);
    const struct answer *answer = get_while(running, "bytes=150000-160000", publish_third);
    assert_answer(answer, 206);
    assert_true(answer->is_whole);
    assert_int_equal(answer->body_size, 10001);
    assert_bytes(running, answer, 150000);
    stop(running);
}

static void publish_others(struct running *running)
{
    publish_part(running, 1, 0);
    await_waiter(running);
    publish_part(running, 2, 0);
    await_waiter(running);
    publish_part(running, 3, 0);
}

static void a_listener_from_the_beginning_gets_all_of_it(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS);
    const struct answer *answer = get_while(running, NULL, publish_others);
    assert_answer(answer, 200);
    assert_true(answer->is_whole);
    assert_int_equal(answer->body_size, TOTAL_BYTES);
    assert_bytes(running, answer, 0);
    stop(running);
}

/* The parts are gone then. */
static void join(struct running *running)
{
    publish(running, "output.mp3", running->expected, TOTAL_BYTES);
}

static void the_join_goes_on_where_the_parts_ended(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS);
    publish_part(running, 1, 0);
    const struct answer *answer = get_while(running, "bytes=1000-", join);
    assert_true(answer->is_whole);
    assert_int_equal(answer->body_size, TOTAL_BYTES - 1000);
    assert_bytes(running, answer, 1000);
    stop(running);
}

static void a_wait_has_an_end(void **state)
{
    (void)state;
    struct running *running = start(50);
    publish_part(running, 1, 0);
    const struct answer *answer = get_range(running, NULL);
    assert_answer(answer, 200);
    assert_cut(running, answer, 0);
    assert_int_equal(answer->body_size, HEAD_BYTES + 100 * FRAME_BYTES);
    stop(running);
}

static void fail_job(struct running *running)
{
    struct es_err err = { 0 };
    assert_ok(conversion_failed(running->fixture->context, running->lease, ES_MEDIA,
                                "media_damaged", &err),
              err);
}

static void cancel_job(struct running *running)
{
    struct es_err err = { 0 };
    struct job_queue *queue = running->fixture->queue;
    struct meta_store *meta = running->fixture->meta;
    const struct job_change change = { .status = JOB_CANCELLED,
                                       .fence = INT64_MAX,
                                       .at_ms = es_clock_realtime_ms() };
    assert_ok(meta->ops->job_change(meta, running->job_id, &change, &err), err);
    assert_ok(queue->ops->cancel(queue, running->job_id, &err), err);
}

static void stop_server(struct running *running)
{
    http_server_stop(running->fixture->server, 10000);
}

static void the_end_of_job_or_server_ends_the_body(void **state)
{
    (void)state;
    void (*const ends[])(struct running *) = { fail_job, cancel_job, stop_server };
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct running *running = start(PATIENT_MS);
        publish_part(running, 1, 0);
        assert_cut(running, get_while(running, NULL, ends[i]), 0);
        stop(running);
    }
}

static void publish_short_third(struct running *running)
{
    publish_part(running, 3, 5);
}

/* The source has ended early: what was promised will never be. */
static void a_promise_that_is_broken_cuts_the_body(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS);
    struct job_queue *queue = running->fixture->queue;
    struct es_err err = { 0 };
    publish_part(running, 1, 0);
    publish_part(running, 2, 0);
    assert_cut(running, get_while(running, NULL, publish_short_third), 0);
    assert_ok(queue->ops->finish(queue, running->lease, "{\"object_bytes\":1}", NULL, 0, &err),
              err);
    assert_problem(get_range(running, NULL), 400, "job_not_finished");
    stop(running);
}

static void without_a_plan_or_a_head_it_is_not_finished(void **state)
{
    (void)state;
    struct running *running = start_with(PATIENT_MS, false);
    publish(running, MP3_HEAD_NAME, HEAD, HEAD_BYTES);
    assert_problem(get_range(running, NULL), 400, "job_not_finished");
    stop(running);
    running = start_with(PATIENT_MS, true);
    assert_problem(get_range(running, NULL), 400, "job_not_finished");
    stop(running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_goes_out_with_the_true_length),
        cmocka_unit_test(what_is_sought_is_converted_next_and_waited_for),
        cmocka_unit_test(a_listener_from_the_beginning_gets_all_of_it),
        cmocka_unit_test(the_join_goes_on_where_the_parts_ended),
        cmocka_unit_test(a_wait_has_an_end),
        cmocka_unit_test(the_end_of_job_or_server_ends_the_body),
        cmocka_unit_test(a_promise_that_is_broken_cuts_the_body),
        cmocka_unit_test(without_a_plan_or_a_head_it_is_not_finished),
    };
    return cmocka_run_group_tests_name("running_mp3", tests, NULL, NULL);
}
