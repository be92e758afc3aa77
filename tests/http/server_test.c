/* What every request and reply gets: routes, bodies, files with their ranges, kept-alive
 * connections. */
#include "server_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/es_id.h"

static int set_up(void **state)
{
    struct http_settings settings = fixture_settings(false);
    *state = fixture_open(&settings);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

static void assert_answer(const struct fixture *fixture, const char *request, int status,
                          const char *body)
{
    auto_answer answer = ask(fixture, request);
    if (answer.status != status)
        fail_msg("%s: %d, not %d", request, answer.status, status);
    if (body)
        assert_string_equal(es_buf_text(&answer.body), body);
    const char *id = answer_header(&answer, "X-Request-Id");
    assert_non_null(id);
    assert_true(es_id_is_valid(id));
}

static void routes_bind_path_query_and_cookies(void **state)
{
    assert_answer(*state, REQUEST("GET /hello", ""), 200, "hello");
    assert_answer(*state, REQUEST("GET /loop", ""), 200, "hello");
    assert_answer(*state, REQUEST("GET /items/a%20b?q=1%262+3", "Cookie: b=2; c=3\r\n"), 200,
                  "a b|1&2 3|3|/items/{id}");
    assert_answer(*state, REQUEST("GET /items/first", ""), 200, "hello");
    assert_answer(*state, REQUEST("GET /items/caf%C3%A9", ""), 200, "caf\xc3\xa9|-|-|/items/{id}");
    assert_answer(*state, REQUEST("GET /rest/a/b%20c", ""), 200, "a/b c");
    assert_answer(*state, "GET /hello HTTP/1.0\r\n\r\n", 200, "hello");
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
    assert_answer(*state, REQUEST("GET /nowhere", ""), 404, NULL);
    assert_answer(*state, REQUEST("GET /items", ""), 404, NULL);
    assert_answer(*state, REQUEST("GET /items/", ""), 404, NULL);
    assert_answer(*state, REQUEST("GET /items/a/b", ""), 404, NULL);
    assert_answer(*state, REQUEST("GET /", ""), 404, NULL);
    assert_answer(*state, REQUEST("GET /rest/", ""), 404, NULL);
    auto_answer answer = ask(*state, REQUEST("PUT /items/a", ""));
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD, DELETE");
    assert_answer(*state, REQUEST("OPTIONS /items/a", ""), 204, NULL);
    assert_answer(*state, REQUEST("GET /nothing", ""), 500, NULL);
}

static void every_reply_carries_what_before_added(void **state)
{
    auto_answer found = ask(*state, REQUEST("GET /hello", ""));
    assert_string_equal(answer_header(&found, "X-Before"), "yes");
    auto_answer missing = ask(*state, REQUEST("GET /nowhere", ""));
    assert_string_equal(answer_header(&missing, "X-Before"), "yes");
    assert_string_equal(answer_header(&missing, "Content-Type"), "application/problem+json");
}

static void a_connection_is_kept_and_pipelined(void **state)
{
    int fd = client_open(*state);
    client_send(fd,
                REQUEST("GET /hello", "") REQUEST("GET /nowhere", "")
                    REQUEST("POST /echo", "Content-Length: 3\r\n") "abc" REQUEST(
                        "POST /plain", "Content-Length: 5\r\n") "12345" REQUEST("HEAD /hello", "")
                        REQUEST("GET /file", "Range: bytes=0-9\r\n"));
    client_send(fd, REQUEST("GET /source", "Range: bytes=-9\r\n") REQUEST("GET /loop", ""));
    static const int expected[] = { 200, 404, 200, 200, 200, 206, 206, 200 };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        auto_answer answer = client_read(fd, i == 4);
        assert_int_equal(answer.status, expected[i]);
        assert_true(answer.is_whole);
        assert_null(answer_header(&answer, "Connection"));
    }
    close(fd);
}

static void a_header_that_a_reply_breaks_out_of_is_none(void **state)
{
    /* The value of Content-Type is the test's own; a cookie comes from outside. */
    assert_answer(*state, REQUEST("GET /items/x?q=%0d%0aSet-Cookie:%20a", ""), 200,
                  "x|\r\nSet-Cookie: a|-|/items/{id}");
}

static void whole_bodies_have_a_limit(void **state)
{
    assert_answer(*state, REQUEST("POST /echo", "Content-Length: 0\r\n"), 200, "");
    assert_answer(*state, REQUEST("POST /echo", ""), 200, "");
    assert_answer(
        *state,
        REQUEST("POST /echo", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        200, "abcde");
    assert_answer(*state, REQUEST("POST /echo", "Content-Length: 100001\r\n"), 413, NULL);
    assert_answer(*state, REQUEST("POST /plain", "Content-Length: 70000\r\n"), 413, NULL);
    assert_answer(*state, REQUEST("POST /upload", ""), 411, NULL);
}

static void a_chunked_body_over_the_limit_is_refused(void **state)
{
    int fd = client_open(*state);
    client_send(fd, REQUEST("POST /echo", "Transfer-Encoding: chunked\r\n"));
    static char chunk[10000];
    memset(chunk, 'x', sizeof(chunk));
    for (int i = 0; i < 11; i++) {
        client_send(fd, "2710\r\n");
        assert_true(client_try_send(fd, chunk, sizeof(chunk)));
        client_send(fd, "\r\n");
    }
    auto_answer answer = client_read(fd, false);
    assert_int_equal(answer.status, 413);
    assert_non_null(answer_header(&answer, "X-Request-Id"));
    assert_true(client_sees_end(fd));
    close(fd);
}

static void continue_is_said_only_where_the_body_is_wanted(void **state)
{
    int fd = client_open(*state);
    client_send(fd, REQUEST("POST /echo", "Content-Length: 3\r\nExpect: 100-continue\r\n"));
    char interim[25];
    assert_int_equal(recv(fd, interim, sizeof(interim), MSG_WAITALL), sizeof(interim));
    assert_memory_equal(interim, "HTTP/1.1 100 Continue\r\n\r\n", sizeof(interim));
    client_send(fd, "abc");
    auto_answer answer = client_read(fd, false);
    assert_int_equal(answer.status, 200);
    close(fd);

    fd = client_open(*state);
    client_send(
        fd, REQUEST("POST /upload?deny=1", "Content-Length: 3000000\r\nExpect: 100-continue\r\n"));
    char first[12];
    assert_int_equal(recv(fd, first, sizeof(first), MSG_WAITALL), sizeof(first));
    assert_memory_equal(first, "HTTP/1.1 401", sizeof(first));
    close(fd);
    assert_answer(*state, REQUEST("POST /echo", "Content-Length: 1\r\nExpect: tea\r\n"), 417, NULL);
}

/* ---- files ---- */

static void assert_bytes(const struct answer *answer, size_t first, size_t size)
{
    assert_int_equal(answer->body.size, size);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)answer->body.bytes[i] != file_byte(first + i))
            fail_msg("byte %zu is another", first + i);
}

static void assert_part(const struct fixture *fixture, const char *path, const char *headers,
                        int status, size_t first, size_t size)
{
    es_auto_buf request = { 0 };
    es_buf_printf(&request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, headers);
    auto_answer answer = ask(fixture, es_buf_text(&request));
    assert_int_equal(answer.status, status);
    assert_true(answer.is_whole);
    assert_bytes(&answer, first, size);
    assert_string_equal(answer_header(&answer, "Accept-Ranges"), "bytes");
    assert_string_equal(answer_header(&answer, "ETag"), FILE_ETAG);
    assert_string_equal(answer_header(&answer, "Last-Modified"), FILE_MODIFIED);
    assert_string_equal(answer_header(&answer, "Content-Type"), "audio/mpeg");
    const char *range = answer_header(&answer, "Content-Range");
    if (status == 206) {
        char expected[64];
        snprintf(expected, sizeof(expected), "bytes %zu-%zu/%d", first, first + size - 1,
                 FILE_SIZE);
        assert_string_equal(range, expected);
    } else {
        assert_null(range);
    }
}

static void files_and_sources_answer_ranges(void **state)
{
    static const char *const paths[] = { "/file", "/source" };
    for (size_t i = 0; i < 2; i++) {
        assert_part(*state, paths[i], "", 200, 0, FILE_SIZE);
        assert_part(*state, paths[i], "Range: bytes=0-0\r\n", 206, 0, 1);
        assert_part(*state, paths[i], "Range: bytes=1000-270000\r\n", 206, 1000, 269001);
        assert_part(*state, paths[i], "Range: bytes=-70000\r\n", 206, FILE_SIZE - 70000, 70000);
        assert_part(*state, paths[i], "Range: bytes=299999-\r\n", 206, FILE_SIZE - 1, 1);
        assert_part(*state, paths[i], "Range: bytes=0-1,5-6\r\n", 200, 0, FILE_SIZE);
        assert_part(*state, paths[i], "Range: bytes=0-1\r\nIf-Range: \"v0\"\r\n", 200, 0,
                    FILE_SIZE);
        assert_part(*state, paths[i], "Range: bytes=0-1\r\nIf-Range: " FILE_ETAG "\r\n", 206, 0, 2);
        assert_part(*state, paths[i], "If-None-Match: \"v0\"\r\n", 200, 0, FILE_SIZE);
    }
}

static void files_answer_conditions(void **state)
{
    auto_answer same = ask(*state, REQUEST("GET /file", "If-None-Match: W/\"v1\"\r\n"));
    assert_int_equal(same.status, 304);
    assert_string_equal(answer_header(&same, "ETag"), FILE_ETAG);
    assert_string_equal(answer_header(&same, "Cache-Control"), "private");
    assert_answer(*state, REQUEST("GET /source", "If-Modified-Since: " FILE_MODIFIED "\r\n"), 304,
                  NULL);
    assert_answer(*state, REQUEST("GET /file", "If-Match: \"v0\"\r\n"), 412, NULL);
    auto_answer outside = ask(*state, REQUEST("GET /file", "Range: bytes=300000-\r\n"));
    assert_int_equal(outside.status, 416);
    assert_string_equal(answer_header(&outside, "Content-Range"), "bytes */300000");
}

static void head_is_get_without_the_body(void **state)
{
    static const char *const requests[] = { REQUEST("HEAD /file", ""),
                                            REQUEST("HEAD /source", "") };
    for (size_t i = 0; i < 2; i++) {
        int fd = client_open(*state);
        client_send(fd, requests[i]);
        client_send(fd, REQUEST("GET /hello", ""));
        auto_answer head = client_read(fd, true);
        assert_int_equal(head.status, 200);
        assert_string_equal(answer_header(&head, "Content-Length"), "300000");
        auto_answer next = client_read(fd, false);
        assert_string_equal(es_buf_text(&next.body), "hello");
        close(fd);
    }
}

static void a_source_that_fails_leaves_an_incomplete_body(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&fixture->has_failing_source, true);
    auto_answer answer = ask(fixture, REQUEST("GET /source", ""));
    atomic_store(&fixture->has_failing_source, false);
    assert_int_equal(answer.status, 200);
    assert_false(answer.is_whole);
}

static enum es_code add(const struct http_route *table)
{
    es_auto(http_router) router = http_router_open();
    return http_router_add(router, table, NULL);
}

static void a_router_takes_only_sound_tables(void **state)
{
    (void)state;
    http_handler *handler = (http_handler *)(uintptr_t)1; /* never called */
    static const char *const bad[] = { "", "a", "/{", "/{}", "/{a", "/a{b}", "/{a...}/b" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(add((struct http_route[]){ { "GET", bad[i], handler }, { 0 } }),
                         ES_INVALID);
    assert_int_equal(add((struct http_route[]){ { "GET", "/a", NULL }, { 0 } }), ES_INVALID);
    assert_int_equal(
        add((struct http_route[]){ { "GET", "/a", handler, HTTP_BODY_STREAMED }, { 0 } }),
        ES_INVALID);
    assert_int_equal(
        add((struct http_route[]){ { "GET", "/{a}", handler }, { "GET", "/{b}", handler }, { 0 } }),
        ES_CONFLICT);
    assert_int_equal(
        add((struct http_route[]){ { "GET", "/{a}", handler }, { "PUT", "/{b}", handler }, { 0 } }),
        ES_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_bind_path_query_and_cookies),
        cmocka_unit_test(unknown_paths_and_methods_are_told_apart),
        cmocka_unit_test(every_reply_carries_what_before_added),
        cmocka_unit_test(a_connection_is_kept_and_pipelined),
        cmocka_unit_test(a_header_that_a_reply_breaks_out_of_is_none),
        cmocka_unit_test(whole_bodies_have_a_limit),
        cmocka_unit_test(a_chunked_body_over_the_limit_is_refused),
        cmocka_unit_test(continue_is_said_only_where_the_body_is_wanted),
        cmocka_unit_test(files_and_sources_answer_ranges),
        cmocka_unit_test(files_answer_conditions),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(a_source_that_fails_leaves_an_incomplete_body),
        cmocka_unit_test(a_router_takes_only_sound_tables),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
