/* The page's files: content coding, validation, caching, policy. */
#include "../unit/test.h"
#include "fixture.h"

static const struct web_asset assets[] = {
    { "/app.html", "text/html; charset=utf-8", "\"a1\"", (const unsigned char *)"<p>app", 6,
      (const unsigned char *)"GZIPPED", 7, false },
    { "/assets/app-1a2b.js", "text/javascript; charset=utf-8", "\"b1\"",
      (const unsigned char *)"let a", 5, NULL, 0, true },
    { "/index.html", "text/html; charset=utf-8", "\"c1\"", (const unsigned char *)"<p>index", 8,
      NULL, 0, false },
};

static int setup(void **state)
{
    struct api_settings settings = api_settings_default();
    settings.assets = assets;
    settings.asset_count = 3;
    *state = fixture_open(&settings, NULL);
    return 0;
}

static const struct answer *get_with(struct fixture *fixture, const char *path, const char *header)
{
    const char *const headers[] = { header, NULL };
    return client_send(fixture->client, &(struct request){ .path = path, .headers = headers });
}

static void the_page_is_at_the_root_and_runs_under_its_policy(void **state)
{
    struct fixture *fixture = *state;
    const char *const paths[] = { "/", "/index.html" };
    for (size_t i = 0; i < 2; i++) {
        const struct answer *answer = get(fixture, paths[i], NULL);
        assert_answer(answer, 200);
        assert_string_equal(answer->body, "<p>index");
        struct client *client = fixture->client;
        assert_string_equal(answer_header(client, answer, "Cache-Control"), "no-cache");
        const char *policy = answer_header(client, answer, "Content-Security-Policy");
        assert_memory_equal(policy, "default-src 'self'; script-src 'self';", 38);
        assert_null(strstr(policy, "unsafe"));
    }
    assert_problem(get(fixture, "/assets/none.js", NULL), 404, "not_found");
    assert_problem(get(fixture, "/assets/../index.html", NULL), 400, "malformed_request");
    assert_problem(get(fixture, "/assets/%2e%2e/index.html", NULL), 400, "malformed_request");
    assert_problem(send_to(fixture, "POST", "/", NULL), 405, "method_not_allowed");
}

static void what_has_a_hash_in_its_name_is_kept_for_ever(void **state)
{
    struct fixture *fixture = *state;
    const struct answer *answer = get(fixture, "/assets/app-1a2b.js", NULL);
    assert_answer(answer, 200);
    assert_string_equal(answer->body, "let a");
    assert_string_equal(answer_header(fixture->client, answer, "Cache-Control"),
                        "public, max-age=31536000, immutable");
}

static void gzip_goes_to_who_takes_it(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *header;
        bool is_gzip;
    } cases[] = { { "Accept-Encoding: gzip, deflate, br", true },
                  { "Accept-Encoding: br;q=1.0, gzip;q=0.5", true },
                  { "Accept-Encoding: *", true },
                  { "Accept-Encoding: GZIP", true },
                  { "Accept-Encoding: gzip;q=0", false },
                  { "Accept-Encoding: gzip;q=0.0, br", false },
                  { "Accept-Encoding: br", false },
                  { "Accept-Encoding: gzipped", false },
                  { "X-Nothing: 1", false } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer *answer = get_with(fixture, "/app.html", cases[i].header);
        assert_answer(answer, 200);
        assert_string_equal(answer->body, cases[i].is_gzip ? "GZIPPED" : "<p>app");
        struct client *client = fixture->client;
        assert_int_equal(answer_header(client, answer, "Content-Encoding") != NULL,
                         cases[i].is_gzip);
        assert_string_equal(answer_header(client, answer, "Vary"), "Accept-Encoding");
        assert_string_equal(answer_header(client, answer, "ETag"),
                            cases[i].is_gzip ? "\"a1-gzip\"" : "\"a1\"");
    }
}

static void what_a_browser_has_is_not_sent_again(void **state)
{
    struct fixture *fixture = *state;
    const struct answer *answer = get_with(fixture, "/app.html", "If-None-Match: \"x\", W/\"a1\"");
    assert_answer(answer, 304);
    assert_int_equal(answer->body_size, 0);
    assert_answer(get_with(fixture, "/app.html", "If-None-Match: \"a1-gzip\""), 200);
    answer = send_to(fixture, "HEAD", "/app.html", NULL);
    assert_answer(answer, 200);
    assert_string_equal(answer_header(fixture->client, answer, "Content-Length"), "6");
}

static void the_description_and_its_page_are_there(void **state)
{
    struct fixture *fixture = *state;
    const char *const paths[] = { "/docs", "/docs/docs.js", "/docs/docs.css", "/openapi.json" };
    for (size_t i = 0; i < 4; i++)
        assert_answer(get(fixture, paths[i], NULL), 200);
    const char *page = get(fixture, "/docs", NULL)->body;
    assert_null(strstr(page, "<script>"));
    assert_null(strstr(page, "style="));
    assert_problem(get(fixture, "/docs/none.js", NULL), 404, "not_found");
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(the_page_is_at_the_root_and_runs_under_its_policy),
        with_fixture(what_has_a_hash_in_its_name_is_kept_for_ever),
        with_fixture(gzip_goes_to_who_takes_it),
        with_fixture(what_a_browser_has_is_not_sent_again),
        with_fixture(the_description_and_its_page_are_there),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
