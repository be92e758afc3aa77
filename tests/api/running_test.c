/* Playing over HTTP what is still being converted: playlists of the whole timeline, and segments
 * that are waited for. */
#include "../unit/test.h"
#include "fixture.h"

#include <pthread.h>

#include "base/es_clock.h"
#include "http/http_server.h"
#include "service/conversion.h"

#define PATIENT_MS 60000 /* longer than any test: who waits is always answered by what happens */

/* A job of three parts, two segments each; the worker holds the first part and has published its
 * first segment. */
struct running {
    struct fixture *fixture;
    struct es_arena arena; /* the worker's */
    const char *token, *media_id, *job_id;
    const char *stream;
    const char *folder; /* "/hls/LINK" */
    struct lease *first;
};

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

static void publish(struct running *running, const char *name, const char *content)
{
    struct blob_store *blobs = running->fixture->blobs;
    struct es_err err = { 0 };
    struct blob_writer *writer;
    const char *key =
        es_printf(&running->arena, "converted/%s/%s/%s", running->media_id, running->job_id, name);
    assert_ok(blobs->ops->create(blobs, key, &writer, &err), err);
    assert_ok(writer->ops->write(writer, content, strlen(content), &err), err);
    assert_ok(writer->ops->commit(writer, NULL, &err), err);
}

/* Of part `index` the first `count` segments, as spec or result. */
static const char *track_text(struct running *running, int index, int count, bool is_complete)
{
    return es_printf(
        &running->arena,
        "{\"tracks\":[{\"name\":\"audio\",\"kind\":\"audio\",\"codecs\":\"mp4a.40.2\","
        "\"is_complete\":%s,\"segments\":[\"audio-init.mp4\"%s%s]}]}",
        is_complete ? "true" : "false",
        count > 0 ? es_printf(&running->arena, ",[\"audio-%05d-00001.m4s\",5,9]", index) : "",
        count > 1 ? es_printf(&running->arena, ",[\"audio-%05d-00002.m4s\",5,9]", index) : "");
}

static struct running *start(int64_t segment_wait_ms, int planned_count)
{
    struct api_settings settings = api_settings_default();
    settings.segment_wait_ms = segment_wait_ms;
    struct running *running = es_malloc(sizeof(*running));
    struct fixture *fixture = running->fixture = fixture_open(&settings, NULL);
    struct es_err err = { 0 };
    running->token = fixture_user(fixture, "ana");
    running->media_id = fixture_upload(fixture, running->token, "Song.mp3", SONG);
    running->job_id = fixture_convert(fixture, running->token, running->media_id, "hls");
    struct part parts[4] = { 0 };
    for (int i = 0; i < 3; i++)
        parts[i] = (struct part){
            .index = i + 1,
            .kind = PART_CONVERT,
            .is_first = i == 0,
            .weight_seconds = 10,
            .spec = track_text(running, i + 1, planned_count, false),
        };
    parts[3] = (struct part){ .index = 4, .kind = PART_JOIN, .spec = "{}" };
    struct lease *plan = take(running);
    assert_ok(conversion_started(fixture->context, plan, &err), err);
    assert_ok(fixture->queue->ops->finish(fixture->queue, plan, "{}", parts, 4, &err), err);
    running->first = take(running);
    publish(running, "audio-init.mp4", "header");
    publish(running, "audio-00001-00001.m4s", "one one");
    struct part_progress progress = { .result_so_far = track_text(running, 1, 1, false),
                                      .is_playable = true };
    assert_ok(
        fixture->queue->ops->extend(fixture->queue, running->first, PATIENT_MS, &progress, &err),
        err);
    running->stream =
        textf(fixture, "/media/%s/stream?job_id=%s", running->media_id, running->job_id);
    const struct answer *index = get(fixture, running->stream, NULL);
    assert_answer(index, 200);
    const char *address = strstr(index->body, "/hls/");
    assert_non_null(address);
    running->folder = textf(fixture, "%.*s", (int)(strcspn(address + 5, "/") + 5), address);
    return running;
}

static void stop(struct running *running)
{
    fixture_close(running->fixture);
    es_arena_release(&running->arena);
    free(running);
}

static const struct answer *get_file(struct running *running, const char *file)
{
    return get(running->fixture, textf(running->fixture, "%s/%s", running->folder, file), NULL);
}

/* Runs `act` in a thread as soon as a request waits. */
struct meanwhile {
    struct running *running;
    void (*act)(struct running *running);
    pthread_t thread;
};

static void *act_once_waited_for(void *argument)
{
    struct meanwhile *meanwhile = argument;
    struct http_server *server = meanwhile->running->fixture->server;
    while (http_server_load(server).waits == 0)
        es_sleep_ms(1);
    meanwhile->act(meanwhile->running);
    return NULL;
}

static const struct answer *get_while(struct running *running, const char *file,
                                      void (*act)(struct running *running))
{
    struct meanwhile meanwhile = { .running = running, .act = act };
    assert_int_equal(pthread_create(&meanwhile.thread, NULL, act_once_waited_for, &meanwhile), 0);
    const struct answer *answer = get_file(running, file);
    pthread_join(meanwhile.thread, NULL);
    return answer;
}

static void a_playlist_lists_what_is_still_to_come(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 2);
    const struct answer *index = get(running->fixture, running->stream, NULL);
    assert_non_null(strstr(index->body, "#EXT-X-PLAYLIST-TYPE:VOD\n"));
    assert_non_null(strstr(index->body, "/audio-00003-00002.m4s\n#EXT-X-ENDLIST\n"));
    assert_string_equal(answer_header(running->fixture->client, index, "Cache-Control"),
                        "no-store");
    stop(running);
}

static void without_a_plan_a_playlist_grows(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 0);
    const struct answer *index = get(running->fixture, running->stream, NULL);
    assert_non_null(strstr(index->body, "#EXT-X-PLAYLIST-TYPE:EVENT\n"));
    assert_non_null(strstr(index->body, "/audio-00001-00001.m4s\n"));
    assert_null(strstr(index->body, "audio-00001-00002.m4s"));
    assert_null(strstr(index->body, "#EXT-X-ENDLIST"));
    assert_problem(get_file(running, "audio-00001-00002.m4s"), 404, "not_found");
    stop(running);
}

static void publish_third(struct running *running)
{
    struct lease *lease = take(running);
    assert_int_equal(lease->part.index, 3); /* before the second: it is waited for */
    publish(running, "audio-00003-00001.m4s", "three one");
}

static void a_segment_is_converted_next_and_waited_for(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 2);
    const struct answer *answer = get_while(running, "audio-00003-00001.m4s", publish_third);
    assert_answer(answer, 200);
    assert_string_equal(answer->body, "three one");
    assert_non_null(
        strstr(answer_header(running->fixture->client, answer, "Cache-Control"), "immutable"));
    assert_int_equal(take(running)->part.index, 2);
    stop(running);
}

static void a_wait_has_an_end(void **state)
{
    (void)state;
    struct running *running = start(50, 2);
    const struct answer *answer = get_file(running, "audio-00002-00002.m4s");
    assert_problem(answer, 503, "not_converted_yet");
    assert_string_equal(answer_header(running->fixture->client, answer, "Retry-After"), "1");
    publish(running, "audio-00002-00002.m4s", "two two");
    assert_answer(get_file(running, "audio-00002-00002.m4s"), 200);
    stop(running);
}

static void finish_first_with_less(struct running *running)
{
    struct job_queue *queue = running->fixture->queue;
    struct es_err err = { 0 };
    assert_ok(
        queue->ops->finish(queue, running->first, track_text(running, 1, 1, true), NULL, 0, &err),
        err);
}

static void a_segment_that_will_never_come_is_not_found(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 2);
    assert_problem(get_file(running, "audio-00003-00003.m4s"), 404, "not_found");
    assert_problem(get_file(running, "audio-00004-00001.m4s"), 404, "not_found");
    assert_problem(get_while(running, "audio-00001-00002.m4s", finish_first_with_less), 404,
                   "not_found");
    const struct answer *index = get(running->fixture, running->stream, NULL);
    assert_null(strstr(index->body, "audio-00001-00002.m4s"));
    assert_non_null(strstr(index->body, "audio-00002-00001.m4s"));
    stop(running);
}

static void fail_job(struct running *running)
{
    struct es_err err = { 0 };
    assert_ok(conversion_failed(running->fixture->context, running->first, ES_MEDIA,
                                "media_damaged", &err),
              err);
}

static void who_waits_is_told_of_a_job_that_fails(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 2);
    assert_problem(get_while(running, "audio-00003-00001.m4s", fail_job), 404, "not_found");
    stop(running);
}

static void take_link_back(struct running *running)
{
    struct es_err err = { 0 };
    struct media_change change = { .revokes_links = true };
    assert_ok(running->fixture->meta->ops->media_change(running->fixture->meta, running->media_id,
                                                        &change, &err),
              err);
}

static void a_right_that_is_taken_back_ends_the_wait(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 2);
    assert_problem(get_while(running, "audio-00003-00001.m4s", take_link_back), 403,
                   "link_invalid");
    stop(running);
}

static void stop_server(struct running *running)
{
    http_server_stop(running->fixture->server, 10000);
}

static void a_stop_waits_for_no_segment(void **state)
{
    (void)state;
    struct running *running = start(PATIENT_MS, 2);
    assert_problem(get_while(running, "audio-00003-00001.m4s", stop_server), 503, "busy");
    stop(running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_playlist_lists_what_is_still_to_come),
        cmocka_unit_test(without_a_plan_a_playlist_grows),
        cmocka_unit_test(a_segment_is_converted_next_and_waited_for),
        cmocka_unit_test(a_wait_has_an_end),
        cmocka_unit_test(a_segment_that_will_never_come_is_not_found),
        cmocka_unit_test(who_waits_is_told_of_a_job_that_fails),
        cmocka_unit_test(a_right_that_is_taken_back_ends_the_wait),
        cmocka_unit_test(a_stop_waits_for_no_segment),
    };
    return cmocka_run_group_tests_name("running", tests, NULL, NULL);
}
