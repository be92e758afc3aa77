/* What holds for every endpoint: bodies, fields, problems, languages, headers, origins. */
#include "../unit/test.h"
#include "fixture.h"

static const struct answer *post_body(struct fixture *fixture, const char *path,
                                      const char *content_type, const char *body, size_t size)
{
    return client_send(fixture->client, &(struct request){ .method = "POST",
                                                           .path = path,
                                                           .content_type = content_type,
                                                           .body = body,
                                                           .body_size = size });
}

static void a_problem_says_it_in_the_language_asked_for(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *accepted, *detail, *language;
    } cases[] = {
        { "Accept-Language: en-GB,en;q=0.9,es;q=0.5", "Sign in to go on.", "en" },
        { "Accept-Language: es-MX,en;q=0.9", "Inicia sesión para continuar.", "es" },
        { "Accept-Language: fr", "Inicia sesión para continuar.", "es" },
        { "X-Nothing: 1", "Inicia sesión para continuar.", "es" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const headers[] = { cases[i].accepted, NULL };
        const struct answer *answer =
            client_send(fixture->client, &(struct request){ .path = "/me", .headers = headers });
        assert_problem(answer, 401, "unauthenticated");
        assert_string_equal(answer_text(answer, "detail"), cases[i].detail);
        assert_string_equal(answer_text(answer, "title"), "Unauthorized");
        assert_string_equal(answer_text(answer, "type"), "about:blank");
        assert_int_equal(json_member_integer(answer->json, "status", 0), 401);
        struct client *client = fixture->client;
        assert_string_equal(answer_header(client, answer, "Content-Type"),
                            "application/problem+json");
        assert_string_equal(answer_header(client, answer, "Content-Language"), cases[i].language);
    }
}

static void every_answer_has_an_id_and_says_that_it_is_what_it_says(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = fixture->client;
    const char *const paths[] = { "/healthz", "/me", "/no/such/thing", "/metrics", "/docs" };
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const struct answer *answer = get(fixture, paths[i], NULL);
        assert_int_equal(strlen(answer_header(client, answer, "X-Request-Id")), 36);
        assert_string_equal(answer_header(client, answer, "X-Content-Type-Options"), "nosniff");
        assert_non_null(answer_header(client, answer, "Referrer-Policy"));
        assert_non_null(answer_header(client, answer, "Content-Security-Policy"));
    }
}

static void what_is_not_there_or_not_that_way_is_said_so(void **state)
{
    struct fixture *fixture = *state;
    assert_problem(get(fixture, "/no/such/thing", NULL), 404, "not_found");
    assert_problem(get(fixture, "/media/", NULL), 404, "not_found");
    const struct answer *answer = send_to(fixture, "PUT", "/me", NULL);
    assert_problem(answer, 405, "method_not_allowed");
    const char *allowed = answer_header(fixture->client, answer, "Allow");
    assert_non_null(strstr(allowed, "GET"));
    assert_non_null(strstr(allowed, "DELETE"));
}

static void a_body_of_another_type_is_refused_before_it_is_read(void **state)
{
    struct fixture *fixture = *state;
    const char *const wrong[] = { "text/plain", "application/xml", "nonsense",
                                  "application/json; charset=latin1", "multipart/form-data" };
    for (size_t i = 0; i < 4; i++)
        assert_problem(post_body(fixture, "/auth/register", wrong[i], "{}", 0), 415,
                       "unsupported_media_type");
    assert_problem(post_body(fixture, "/auth/register", NULL, "{}", 0), 415,
                   "unsupported_media_type");
    assert_problem(
        post_body(fixture, "/auth/google", "application/x-www-form-urlencoded", "id_token=a", 0),
        415, "unsupported_media_type");
    assert_int_equal(post_body(fixture, "/auth/register", wrong[4], "{}", 0)->status, 400);
    assert_problem(post_body(fixture, "/auth/register", "application/json; charset=UTF-8", "{}", 0),
                   422, "field_invalid");
}

static void a_malformed_body_is_400_and_says_which_kind(void **state)
{
    struct fixture *fixture = *state;
    const char *const json[] = { "{",
                                 "[]",
                                 "7",
                                 "{\"username\":\"a\"}x",
                                 "{\"a\":1,\"a\":2}",
                                 "{\"username\":\"\xff\xfe\"}",
                                 "{\"username\":\"a\\u0000b\"}",
                                 "null" };
    for (size_t i = 0; i < sizeof(json) / sizeof(*json); i++)
        assert_problem(post_body(fixture, "/auth/register", "application/json", json[i], 0), 400,
                       "malformed_json");
    const char *const forms[] = { "username=%ff%fe&password=12345678", "username=a%00b",
                                  "username=%zz", "username=\xc3\x28" };
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        assert_int_equal(
            post_body(fixture, "/auth/register", "application/x-www-form-urlencoded", forms[i], 0)
                ->status,
            400);
    assert_problem(post_body(fixture, "/auth/register", MULTIPART_TYPE, "--boundary\r\n", 0), 400,
                   "multipart_malformed");
    struct form_part parts[] = { { "name=\"username\"", "\xff\xfe\xfd", 0 } };
    size_t size;
    const char *body = multipart_body(fixture->client, parts, 1, &size);
    assert_problem(post_body(fixture, "/auth/register", MULTIPART_TYPE, body, size), 400,
                   "not_utf8");
    parts[0] = (struct form_part){ "name=\"username\"", "ana\0bob", 7 };
    body = multipart_body(fixture->client, parts, 1, &size);
    assert_problem(post_body(fixture, "/auth/register", MULTIPART_TYPE, body, size), 400,
                   "not_utf8");
}

static void a_body_that_is_too_large_is_413(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 70000;
    char *body = es_alloc(client_arena(fixture->client), size + 1);
    memset(body, 'a', size);
    assert_problem(
        post_body(fixture, "/auth/register", "application/x-www-form-urlencoded", body, size), 413,
        "body_too_large");
    struct form_part parts[70];
    for (size_t i = 0; i < 70; i++)
        parts[i] = (struct form_part){ "name=\"a\"", "b", 0 };
    const char *many = multipart_body(fixture->client, parts, 70, &size);
    assert_problem(post_body(fixture, "/auth/register", MULTIPART_TYPE, many, size), 413,
                   "multipart_too_large");
}

static void fields_of_a_query_keep_their_limits(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const struct {
        const char *path, *field, *code;
    } cases[] = {
        { "/media?limit=0", "limit", "field_range" },
        { "/media?limit=201", "limit", "field_range" },
        { "/media?limit=ten", "limit", "field_type" },
        { "/media?limit=99999999999999999999", "limit", "field_type" },
        { "/media?sort=colour", "sort", "field_choice" },
        { "/media?status=done", "status", "field_choice" },
        { "/jobs?media_id=7", "media_id", "field_type" },
        { "/jobs?status=ready", "status", "field_choice" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer *answer = get(fixture, cases[i].path, token);
        assert_problem(answer, 422, "field_invalid");
        const json_t *error = json_array_get(json_object_get(answer->json, "errors"), 0);
        assert_string_equal(json_member_string(error, "field", ""), cases[i].field);
        assert_string_equal(json_member_string(error, "code", ""), cases[i].code);
    }
    char longest[300];
    memset(longest, 'q', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_problem(get(fixture, textf(fixture, "/media?q=%s", longest), token), 422,
                   "field_invalid");
    assert_int_equal(get(fixture, "/media?q=%ff%fe", token)->status, 400);
    assert_int_equal(get(fixture, "/media?q=a%00b", token)->status, 400);
    assert_answer(get(fixture, "/media?limit=&unknown=1&q=", token), 200);
}

static void an_id_that_is_none_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *const ids[] = { "7",      "0198C0DE-0000-7000-8000-000000000000",
                                "%2e%2e", "0198c0de-0000-7000-8000-000000000000",
                                "%ff%fe", "a%27%20OR%201=1--" };
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        int status = get(fixture, textf(fixture, "/media/%s", ids[i]), token)->status;
        assert_true(status == 404 || status == 400);
    }
    assert_problem(get(fixture, "/media/7", token), 404, "media_not_found");
    assert_problem(get(fixture, "/jobs/7/status", token), 404, "job_not_found");
}

static void other_origins_read_nothing_unless_they_are_allowed(void **state)
{
    struct fixture *fixture = *state;
    const char *const headers[] = { "Origin: https://app.example", NULL };
    const char *const preflight[] = { "Origin: https://app.example",
                                      "Access-Control-Request-Method: POST", NULL };
    struct request request = { .path = "/healthz", .headers = headers };
    assert_null(answer_header(fixture->client, client_send(fixture->client, &request),
                              "Access-Control-Allow-Origin"));

    struct api_settings settings = api_settings_default();
    settings.cors_allowed_origins = "https://other.example, https://app.example";
    struct fixture *open = fixture_open(&settings, NULL);
    const struct answer *answer = client_send(open->client, &request);
    assert_string_equal(answer_header(open->client, answer, "Access-Control-Allow-Origin"),
                        "https://app.example");
    assert_string_equal(answer_header(open->client, answer, "Vary"), "Origin");
    assert_null(answer_header(open->client, answer, "Access-Control-Allow-Credentials"));
    request = (struct request){ .method = "OPTIONS", .path = "/auth/token", .headers = preflight };
    answer = client_send(open->client, &request);
    assert_answer(answer, 204);
    assert_non_null(strstr(answer_header(open->client, answer, "Access-Control-Allow-Headers"),
                           "Authorization"));
    /* A problem can be read too, and an allowed page may sign in; the cookie is never taken there.
     */
    request = (struct request){ .path = "/me", .headers = headers };
    assert_non_null(answer_header(open->client, client_send(open->client, &request),
                                  "Access-Control-Allow-Origin"));
    const char *token = fixture_user(open, "ana");
    request = (struct request){ .method = "POST",
                                .path = "/auth/token",
                                .headers = headers,
                                .form = "username=ana&password=correct+horse" };
    assert_answer(client_send(open->client, &request), 200);
    request = (struct request){
        .method = "POST", .path = "/auth/logout", .headers = headers, .cookie = token
    };
    assert_problem(client_send(open->client, &request), 403, "cross_site");
    fixture_close(open);
}

static void a_flood_of_changes_is_slowed_down_by_user(void **state)
{
    (void)state;
    struct api_settings settings = api_settings_default();
    settings.write_rate = (struct api_rate_limit){ .burst = 2, .per_second = 0.01 };
    struct fixture *fixture = fixture_open(&settings, NULL);
    const char *ana = fixture_user(fixture, "ana"), *bob = fixture_user(fixture, "bob");
    const char *path = "/jobs/0198c0de-0000-4000-8000-000000000000/cancel";
    assert_problem(send_to(fixture, "POST", path, ana), 404, "job_not_found");
    assert_problem(send_to(fixture, "POST", path, ana), 404, "job_not_found");
    assert_problem(send_to(fixture, "POST", path, ana), 429, "limit");
    assert_problem(send_to(fixture, "POST", path, bob), 404, "job_not_found");
    assert_answer(get(fixture, "/me", ana), 200);
    fixture_close(fixture);
}

static void settings_out_of_range_stop_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct api_settings wrong[5];
    for (size_t i = 0; i < 5; i++)
        wrong[i] = api_settings_default();
    wrong[0].login_rate.burst = 0;
    wrong[1].write_rate.per_second = 0;
    wrong[2].public_url = "ftp://music.example";
    wrong[3].public_url = "https://music.example/";
    wrong[4].session_check_ms = 0;
    for (size_t i = 0; i < 5; i++) {
        struct api *api = NULL;
        struct es_err err = { 0 };
        assert_int_equal(api_open(&wrong[i], fixture->context, fixture->metrics, &api, &err),
                         ES_INVALID);
        assert_null(api);
    }
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(a_problem_says_it_in_the_language_asked_for),
        with_fixture(every_answer_has_an_id_and_says_that_it_is_what_it_says),
        with_fixture(what_is_not_there_or_not_that_way_is_said_so),
        with_fixture(a_body_of_another_type_is_refused_before_it_is_read),
        with_fixture(a_malformed_body_is_400_and_says_which_kind),
        with_fixture(a_body_that_is_too_large_is_413),
        with_fixture(fields_of_a_query_keep_their_limits),
        with_fixture(an_id_that_is_none_is_not_found),
        with_fixture(other_origins_read_nothing_unless_they_are_allowed),
        cmocka_unit_test(a_flood_of_changes_is_slowed_down_by_user),
        with_fixture(settings_out_of_range_stop_the_start),
    };
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
