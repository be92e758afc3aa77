/* Conversions over HTTP: asked for, watched, stopped, run again, removed. */
#include "../unit/test.h"
#include "fixture.h"

static const char *status_of(struct fixture *fixture, const char *token, const char *job_id)
{
    const struct answer *answer = get(fixture, textf(fixture, "/jobs/%s/status", job_id), token);
    assert_answer(answer, 200);
    return answer_text(answer, "status");
}

static void a_conversion_is_enqueued_runs_and_is_done(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *media_id = fixture_upload(fixture, token, "a.mp3", SONG);
    const struct answer *answer = post_json(fixture, textf(fixture, "/media/%s/convert", media_id),
                                            token, "{\"target\":\"mp3\"}");
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "media_id"), media_id);
    assert_string_equal(answer_text(answer, "status"), "enqueued");
    assert_string_equal(answer_text(answer, "target"), "mp3");
    const char *job_id = answer_text(answer, "job_id");
    assert_string_equal(status_of(fixture, token, job_id), "enqueued");
    fixture_work(fixture, "the sound");
    answer = get(fixture, textf(fixture, "/jobs/%s/status?media_id=%s", job_id, media_id), token);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "status"), "done");
    assert_int_equal(json_member_integer(answer->json, "output_size_bytes", 0), 9);
    assert_string_equal(answer_text(answer, "output_prefix"),
                        textf(fixture, "converted/%s/%s", media_id, job_id));
    answer = get(fixture, textf(fixture, "/media/%s", media_id), token);
    assert_string_equal(answer_text(answer, "status"), "ready");
    assert_non_null(json_object_get(json_object_get(answer->json, "jobs"), job_id));
}

static void a_conversion_asks_for_what_there_is(void **state)
{
    struct fixture *fixture = *state;
    const char *ana = fixture_user(fixture, "ana"), *bob = fixture_user(fixture, "bob");
    const char *media_id = fixture_upload(fixture, ana, "a.mp3", SONG);
    const char *path = textf(fixture, "/media/%s/convert", media_id);
    const char *const wrong[] = { "{}",
                                  "{\"target\":\"exe\"}",
                                  "{\"target\":7}",
                                  "{\"target\":null}",
                                  "{\"target\":\"MP3\"}",
                                  "{\"target\":\"mp3\",\"options\":[]}",
                                  "{\"target\":\"mp3\",\"options\":\"x\"}" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_problem(post_json(fixture, path, ana, wrong[i]), 422, "field_invalid");
    const char *const options[] = { "{\"bitrate\":7}",         "{\"bitrate\":\"192\"}",
                                    "{\"speed\":2}",           "{\"height\":720}",
                                    "{\"start\":5,\"end\":4}", "{\"ladder\":\"auto\"}",
                                    "{\"ladder\":[]}",         "{\"normalize\":-3}",
                                    "{\"normalize\":\"loud\"}" };
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        const char *json = textf(fixture, "{\"target\":\"mp3\",\"options\":%s}", options[i]);
        const struct answer *answer = post_json(fixture, path, ana, json);
        assert_problem(answer, 422, "option_invalid");
        const json_t *error = json_array_get(json_object_get(answer->json, "errors"), 0);
        assert_string_equal(json_member_string(error, "field", ""), "options");
    }
    assert_problem(post_json(fixture, path, NULL, "{\"target\":\"mp3\"}"), 401, "unauthenticated");
    assert_problem(post_json(fixture, path, bob, "{\"target\":\"mp3\"}"), 403, "forbidden");
    assert_problem(post_json(fixture, "/media/0198c0de-0000-7000-8000-000000000000/convert", ana,
                             "{\"target\":\"mp3\"}"),
                   404, "media_not_found");
    assert_answer(post_json(fixture, path, ana,
                            "{\"target\":\"mp3\",\"options\":{\"bitrate\":320,\"start\":1.5}}"),
                  200);
    const char *const loudness[] = { "true", "-23.5", "-16" };
    for (size_t i = 0; i < sizeof(loudness) / sizeof(*loudness); i++)
        assert_answer(
            post_json(
                fixture, path, ana,
                textf(fixture, "{\"target\":\"mp3\",\"options\":{\"normalize\":%s}}", loudness[i])),
            200);
    const char *const ladders[] = { "\"auto\"", "[1080,480]" };
    for (size_t i = 0; i < sizeof(ladders) / sizeof(*ladders); i++)
        assert_answer(post_json(fixture, path, ana,
                                textf(fixture, "{\"target\":\"hls\",\"options\":{\"ladder\":%s}}",
                                      ladders[i])),
                      200);
}

static void a_job_is_only_its_owner_s(void **state)
{
    struct fixture *fixture = *state;
    const char *ana = fixture_user(fixture, "ana"), *bob = fixture_user(fixture, "bob");
    const char *media_id = fixture_upload(fixture, ana, "a.mp3", SONG);
    const char *job_id = fixture_convert(fixture, ana, media_id, "mp3");
    const char *const actions[] = { "cancel", "retry" };
    assert_problem(get(fixture, textf(fixture, "/jobs/%s/status", job_id), bob), 404,
                   "job_not_found");
    for (size_t i = 0; i < 2; i++)
        assert_problem(
            send_to(fixture, "POST", textf(fixture, "/jobs/%s/%s", job_id, actions[i]), bob), 404,
            "job_not_found");
    assert_problem(send_to(fixture, "DELETE", textf(fixture, "/jobs/%s", job_id), bob), 404,
                   "job_not_found");
    const char *other = fixture_upload(fixture, ana, "b.mp3", SONG);
    assert_problem(get(fixture, textf(fixture, "/jobs/%s/status?media_id=%s", job_id, other), ana),
                   404, "job_not_found");
    const struct answer *list = get(fixture, "/jobs", bob);
    assert_answer(list, 200);
    assert_int_equal(json_array_size(json_object_get(list->json, "items")), 0);
}

static void a_job_can_be_stopped_run_again_and_removed(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *job_id =
        fixture_convert(fixture, token, fixture_upload(fixture, token, "a.mp3", SONG), "mp3");
    const char *cancel = textf(fixture, "/jobs/%s/cancel", job_id);
    const char *retry = textf(fixture, "/jobs/%s/retry", job_id);
    assert_problem(send_to(fixture, "POST", retry, token), 409, "job_state");
    const struct answer *answer = send_to(fixture, "POST", cancel, token);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "status"), "cancelled");
    assert_problem(send_to(fixture, "POST", cancel, token), 409, "job_state");
    answer = send_to(fixture, "POST", retry, token);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "status"), "enqueued");
    fixture_begin_work(fixture);
    assert_string_equal(status_of(fixture, token, job_id), "processing");
    assert_answer(send_to(fixture, "DELETE", textf(fixture, "/jobs/%s", job_id), token), 204);
    assert_problem(get(fixture, textf(fixture, "/jobs/%s/status", job_id), token), 404,
                   "job_not_found");
}

static void jobs_are_listed_by_media_and_status(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *song = fixture_upload(fixture, token, "a.mp3", SONG);
    const char *film = fixture_upload(fixture, token, "b.mp4", FILM);
    fixture_convert(fixture, token, song, "mp3");
    fixture_work(fixture, "the sound");
    fixture_convert(fixture, token, film, "mp4");
    fixture_convert(fixture, token, film, "hls");
    const struct {
        const char *query;
        size_t count;
    } cases[] = { { "", 3 },
                  { "?status=done", 1 },
                  { textf(fixture, "?media_id=%s", film), 2 },
                  { textf(fixture, "?media_id=%s&status=done", film), 0 },
                  { "?limit=2", 2 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer *answer =
            get(fixture, textf(fixture, "/jobs%s", cases[i].query), token);
        assert_answer(answer, 200);
        assert_int_equal(json_array_size(json_object_get(answer->json, "items")), cases[i].count);
        bool has_next = answer_header(fixture->client, answer, "Link") != NULL;
        assert_int_equal(has_next, i == 4);
    }
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(a_conversion_is_enqueued_runs_and_is_done),
        with_fixture(a_conversion_asks_for_what_there_is),
        with_fixture(a_job_is_only_its_owner_s),
        with_fixture(a_job_can_be_stopped_run_again_and_removed),
        with_fixture(jobs_are_listed_by_media_and_status),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
