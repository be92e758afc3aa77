/* Figures, life and readiness over HTTP. */
#include "../unit/test.h"
#include "fixture.h"
#include "service/monitor.h"

static void metrics_count_by_template_and_keep_the_reference_s_names(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *media_id = fixture_upload(fixture, token, "a.mp3", SONG);
    fixture_convert(fixture, token, media_id, "mp3");
    get(fixture, textf(fixture, "/media/%s", media_id), token);
    get(fixture, "/no/such/thing", NULL);
    send_to(fixture, "BREW", "/me", NULL);
    const struct answer *answer = get(fixture, "/metrics", NULL);
    assert_answer(answer, 200);
    assert_memory_equal(answer_header(fixture->client, answer, "Content-Type"),
                        "text/plain; version=0.0.4", 25);
    const char *const expected[] = {
        "http_requests_total{method=\"GET\",path=\"/media/{media_id}\",status_code=\"200\"} 1",
        "http_requests_total{method=\"GET\",path=\"unmatched\",status_code=\"404\"} 1",
        "http_requests_total{method=\"other\",",
        "http_request_duration_seconds_bucket{method=\"POST\",path=\"/media/upload\",le=",
        "api_jobs_enqueued_total{target_format=\"mp3\"} 1",
        "api_media_uploads_total 1",
        "api_queue_size{queue_name=\"convert\"} 1",
        "system_memory_percent{",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        if (!strstr(answer->body, expected[i]))
            fail_msg("no %s in\n%s", expected[i], answer->body);
    assert_null(strstr(answer->body, media_id));
}

static void the_summary_has_the_reference_s_members(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    struct es_err err = { 0 };
    assert_ok(monitor_gateway_beat(fixture->context, &err), err);
    const struct answer *answer = get(fixture, "/monitor/summary", token);
    assert_answer(answer, 200);
    const json_t *queue = json_object_get(answer->json, "queue");
    assert_string_equal(json_member_string(queue, "name", ""), "convert");
    const json_t *sessions = json_object_get(answer->json, "sessions");
    assert_int_equal(json_member_integer(sessions, "total_users", 0), 1);
    const json_t *nodes = json_object_get(answer->json, "nodes");
    assert_int_equal(json_array_size(nodes), 1);
    const json_t *node = json_array_get(nodes, 0);
    assert_string_equal(json_member_string(node, "id", ""), "api");
    assert_string_equal(json_member_string(node, "status", ""), "online");
}

static void life_and_readiness_are_told_to_anybody(void **state)
{
    struct fixture *fixture = *state;
    const char *const paths[] = { "/healthz", "/readyz" };
    for (size_t i = 0; i < 2; i++) {
        const struct answer *answer = get(fixture, paths[i], NULL);
        assert_answer(answer, 200);
        assert_string_equal(answer_text(answer, "status"), "ok");
    }
}

static enum es_code away(struct blob_store *store, struct es_err *reterr)
{
    (void)store;
    return es_fail(reterr, ES_UNAVAILABLE, "no route to 10.1.2.3 with key s3cr3t");
}

static void a_backend_that_is_away_is_503_and_its_words_stay_inside(void **state)
{
    struct fixture *fixture = *state;
    const struct blob_store_ops *ops = fixture->blobs->ops;
    struct blob_store_ops broken = *ops;
    broken.check = away;
    fixture->blobs->ops = &broken;
    const struct answer *answer = get(fixture, "/readyz", NULL);
    fixture->blobs->ops = ops;
    assert_problem(answer, 503, "unavailable");
    assert_null(strstr(answer->body, "10.1.2.3"));
    assert_non_null(answer_header(fixture->client, answer, "Retry-After"));
    assert_answer(get(fixture, "/healthz", NULL), 200);
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(metrics_count_by_template_and_keep_the_reference_s_names),
        with_fixture(the_summary_has_the_reference_s_members),
        with_fixture(life_and_readiness_are_told_to_anybody),
        with_fixture(a_backend_that_is_away_is_503_and_its_words_stay_inside),
    };
    return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
