/* What could be read in two ways is refused with 400, alone and in the middle of a kept-alive
 * connection, and nothing of it is read as a request of its own; what is too much is said so; what
 * takes too long ends. */
#include "server_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/es_clock.h"

#define GET      "GET /hello HTTP/1.1\r\n"
#define HOST     "Host: a\r\n"
#define SMUGGLED "GET /items/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

/* Each is a whole request, or more. */
static const char *const malformed[] = {
    "POST /echo HTTP/1.1\r\n" HOST
    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST
    "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3x\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length\t: 3\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\nabc" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.1\r\n" HOST
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    GET "\r\n",
    GET HOST "Host: b\r\n\r\n",
    GET HOST HOST "\r\n",
    GET "Host: a/b\r\n\r\n",
    GET "Host: a@b\r\n\r\n",
    GET "Host: a b\r\n\r\n",
    GET "Host : a\r\n\r\n",
    "GET http://a/hello HTTP/1.1\r\n" HOST "\r\n",
    "GET hello HTTP/1.1\r\n" HOST "\r\n",
    "GET * HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello#x HTTP/1.1\r\n" HOST "\r\n",
    "GET /hel lo HTTP/1.1\r\n" HOST "\r\n",
    "GET  /hello HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello  HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello HTTP/1.1 \r\n" HOST "\r\n",
    "GET\t/hello HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello\tHTTP/1.1\r\n" HOST "\r\n",
    "GET /hello\r HTTP/1.1\r\n" HOST "\r\n",
    "GET /h\x01llo HTTP/1.1\r\n" HOST "\r\n",
    "GET /h\xc3\xa9llo HTTP/1.1\r\n" HOST "\r\n",
    "GET /items/%zz HTTP/1.1\r\n" HOST "\r\n",
    "GET /items/%00 HTTP/1.1\r\n" HOST "\r\n",
    "GET /items/%ff HTTP/1.1\r\n" HOST "\r\n",
    "GET /items/a%2fb HTTP/1.1\r\n" HOST "\r\n",
    "GET /items/%2e%2e HTTP/1.1\r\n" HOST "\r\n",
    "GET /rest/a/../b HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello?q=%00 HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello?q=% HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello?q=%c3 HTTP/1.1\r\n" HOST "\r\n",
    "G@T /hello HTTP/1.1\r\n" HOST "\r\n",
    GET HOST "X: a\x01"
             "b\r\n\r\n",
    GET HOST "X: a\x7f\r\n\r\n",
    GET HOST "X: a\rb\r\n\r\n",
    GET HOST "X\x01: a\r\n\r\n",
    GET HOST "X y: a\r\n\r\n",
    GET HOST ": a\r\n\r\n",
    GET HOST "X: a\r\n folded\r\n\r\n",
    GET HOST "X: a\r\n\tfolded\r\n\r\n",
    GET HOST "Content:\r\n -Length: 3\r\n\r\n",
    GET " X: a\r\n" HOST "\r\n",
    "GET /hello HTTP/1.1\n" HOST "\r\n",
    GET "Host: a\n\r\n",
    GET HOST "X: a\nY: b\r\n\r\n",
    GET HOST "no colon\r\n\r\n",
    "GARBAGE\r\n\r\n",
    "GET /hello\r\n\r\n",
    "GET /hello HTTP/x.y\r\n\r\n",
    "GET /hello http/1.1\r\n" HOST "\r\n",
    "\x16\x03\x01\x02 \r\n\r\n",
};

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

static void assert_refused(int fd, const char *request, bool is_first)
{
    client_send(fd, request);
    auto_answer answer = client_read(fd, false);
    if (answer.status != 400)
        fail_msg("%s\n%d\n%s", request, answer.status, es_buf_text(&answer.body));
    /* A later head that the library itself cannot read it answers itself, in its own words. */
    if (is_first && !answer_header(&answer, "X-Request-Id"))
        fail_msg("%s\nis answered without an id", request);
    const char *connection = answer_header(&answer, "Connection");
    if (!connection || strcmp(connection, "close") != 0)
        fail_msg("%s\nis not told that the connection closes", request);
    if (!client_sees_end(fd))
        fail_msg("%s\nis followed by another answer", request);
}

static void malformed_requests_are_refused_alone(void **state)
{
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        int fd = client_open(*state);
        assert_refused(fd, malformed[i], true);
        close(fd);
    }
}

static void malformed_requests_are_refused_after_a_good_one(void **state)
{
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        int fd = client_open(*state);
        client_send(fd, REQUEST("GET /hello", ""));
        auto_answer first = client_read(fd, false);
        assert_int_equal(first.status, 200);
        assert_refused(fd, malformed[i], false);
        close(fd);
    }
}

static void malformed_requests_are_refused_when_pipelined(void **state)
{
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        int fd = client_open(*state);
        es_auto_buf both = { 0 };
        es_buf_append_text(&both, REQUEST("POST /echo", "Content-Length: 2\r\n") "ok");
        es_buf_append_text(&both, malformed[i]);
        client_send(fd, es_buf_text(&both));
        auto_answer first = client_read(fd, false);
        assert_string_equal(es_buf_text(&first.body), "ok");
        assert_refused(fd, "", false);
        close(fd);
    }
}

static void a_nul_byte_is_refused_anywhere_in_the_header(void **state)
{
    static const char good[] = REQUEST("GET /items/x?y=z", "X: a\r\nY: b\r\n");
    size_t size = sizeof(good) - 1;
    for (size_t at = 0; at < size - 1; at++) {
        char bytes[sizeof(good)];
        memcpy(bytes, good, size);
        bytes[at] = 0;
        int fd = client_open(*state);
        assert_true(client_try_send(fd, bytes, size));
        shutdown(fd, SHUT_WR); /* a NUL in the last line end leaves the header without end */
        auto_answer answer = client_read(fd, false);
        if (answer.status == 200)
            fail_msg("a NUL at %zu is taken", at);
        close(fd);
    }
}

static void good_but_odd_requests_are_taken(void **state)
{
    static const char *const odd[] = {
        GET "host:a\r\n\r\n",
        GET "Host: \t a \t \r\n\r\n",
        GET "Host: [::1]:80\r\n\r\n",
        GET "Host:\r\n\r\n",
        GET HOST "X:\r\nY: \xe9\r\nZ: a\tb\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "GET /hello?a=b&a&=&%26=%3d HTTP/1.1\r\n" HOST "\r\n",
        GET HOST "content-LENGTH: 0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "\r\n" GET HOST "\r\n",
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        auto_answer answer = ask(*state, odd[i]);
        if (answer.status != 200)
            fail_msg("%s: %d", odd[i], answer.status);
    }
}

static void a_chunked_request_ends_its_connection(void **state)
{
    int fd = client_open(*state);
    client_send(
        fd, REQUEST("POST /echo", "Transfer-Encoding: chunked\r\n") "1\r\na\r\n0\r\n\r\n" SMUGGLED);
    auto_answer answer = client_read(fd, false);
    assert_string_equal(es_buf_text(&answer.body), "a");
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(client_sees_end(fd));
    close(fd);
    static const char *const broken[] = { "x\r\na\r\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "-1\r\n",
                                          "fffffffffffffffff\r\n", " 1\r\na\r\n0\r\n\r\n" };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        fd = client_open(*state);
        client_send(fd, REQUEST("POST /echo", "Transfer-Encoding: chunked\r\n"));
        client_send(fd, broken[i]);
        auto_answer refused = client_read(fd, false);
        assert_in_range(refused.status, 400, 413);
        assert_true(client_sees_end(fd));
        close(fd);
    }
}

/* ---- too much ---- */

static void assert_filled(const struct fixture *fixture, const char *before, size_t size,
                          const char *after, int status)
{
    es_auto_buf request = { 0 };
    es_buf_append_text(&request, before);
    while (size-- > 0)
        es_buf_append_char(&request, 'x');
    es_buf_append_text(&request, after);
    int fd = client_open(fixture);
    client_try_send(fd, request.bytes, request.size); /* it may be refused half-way */
    auto_answer answer = client_read(fd, false);
    if (answer.status != status)
        fail_msg("%.30s... with %zu bytes: %d, not %d", before, request.size, answer.status,
                 status);
    close(fd);
}

static void long_targets_and_headers_are_refused_by_name(void **state)
{
    assert_filled(*state, "GET /hello?", 8000, " HTTP/1.1\r\n" HOST "\r\n", 200);
    assert_filled(*state, "GET /hello?", 8192, " HTTP/1.1\r\n" HOST "\r\n", 414);
    assert_filled(*state, "GET /hello?", 30000, " HTTP/1.1\r\n" HOST "\r\n", 414);
    assert_filled(*state, "GET /hello?", 200000, " HTTP/1.1\r\n" HOST "\r\n", 414);
    assert_filled(*state, GET HOST "X: ", 10000, "\r\n\r\n", 200);
    assert_filled(*state, GET HOST "X: ", 11000, "\r\n\r\n", 431);
    assert_filled(*state, GET HOST "X: ", 40000, "\r\n\r\n", 431);
    assert_filled(*state, GET HOST "X: ", 200000, "\r\n\r\n", 431);
    es_auto_buf many = { 0 };
    es_buf_append_text(&many, GET HOST);
    for (int i = 0; i < 101; i++)
        es_buf_append_text(&many, "X: y\r\n");
    es_buf_append_text(&many, "\r\n");
    assert_filled(*state, es_buf_text(&many), 0, "", 431);
    es_buf_clear(&many);
    es_buf_append_text(&many, GET HOST "Cookie: ");
    for (int i = 0; i < 1500; i++)
        es_buf_append_text(&many, "k=v; ");
    assert_filled(*state, es_buf_text(&many), 0, "\r\n\r\n", 431);
}

static void the_largest_head_leaves_room_for_the_reply(void **state)
{
    es_auto_buf head = { 0 };
    es_buf_append_text(&head, "GET /items/x?");
    while (head.size < 1000)
        es_buf_append_text(&head, "some_name=some_value&");
    es_buf_append_text(&head, " HTTP/1.1\r\n" HOST "Cookie: ");
    while (head.size < 5500)
        es_buf_append_text(&head, "some_cookie=0123456789abcdef0123456789abcdef; ");
    es_buf_append_text(&head, "c=1\r\n");
    for (int i = 0; i < 98; i++)
        es_buf_append_text(&head, "X-Some-Header: of usual size 12345\r\n");
    es_buf_append_text(&head, "\r\n");
    assert_in_range(head.size, 9000, 10240);
    int fd = client_open(*state);
    for (int i = 0; i < 2; i++) {
        assert_true(client_try_send(fd, head.bytes, head.size));
        auto_answer answer = client_read(fd, false);
        assert_int_equal(answer.status, 200);
    }
    close(fd);
}

static void an_unknown_version_is_505(void **state)
{
    assert_filled(*state, "GET /hello HTTP/2.0\r\n" HOST "\r\n", 0, "", 505);
    assert_filled(*state, "GET /hello HTTP/1.2\r\n" HOST "\r\n", 0, "", 505);
    assert_filled(*state, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, "", 505);
}

static void assert_limit(struct http_settings settings, int open_max, int status)
{
    struct fixture *fixture = fixture_open(&settings);
    int fds[8];
    for (int i = 0; i < open_max; i++) {
        fds[i] = client_open(fixture);
        client_send(fds[i], REQUEST("GET /hello", ""));
        auto_answer answer = client_read(fds[i], false);
        assert_int_equal(answer.status, 200);
    }
    auto_answer refused = ask(fixture, REQUEST("GET /hello", ""));
    assert_int_equal(refused.status, status);
    assert_non_null(answer_header(&refused, "Retry-After"));
    assert_non_null(answer_header(&refused, "X-Request-Id"));
    for (int i = 0; i < open_max; i++)
        close(fds[i]);
    while (http_server_load(fixture->server).connections > 0)
        es_sleep_ms(1);
    auto_answer again = ask(fixture, REQUEST("GET /hello", ""));
    assert_int_equal(again.status, 200);
    fixture_close(fixture);
}

static void connections_are_limited_in_all_and_per_address(void **state)
{
    (void)state;
    struct http_settings settings = fixture_settings(false);
    settings.connections_per_address_max = 3;
    assert_limit(settings, 3, 429);
    settings.connections_per_address_max = 0;
    settings.connections_max = 5;
    assert_limit(settings, 5, 503);
}

/* ---- too long ---- */

static int64_t elapsed_ms(int64_t since_ms)
{
    return es_clock_monotonic_ms() - since_ms;
}

/* Sends one byte every 20 ms until the server is heard; returns its status (0: it just closed). */
static int drip(int fd, const char *text)
{
    for (; *text; text++) {
        char byte;
        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
            break;
        if (!client_try_send(fd, text, 1))
            break;
        es_sleep_ms(20);
    }
    auto_answer answer = client_read(fd, false);
    return answer.status;
}

static void a_dripped_header_times_out(void **state)
{
    (void)state;
    struct http_settings settings = fixture_settings(true);
    struct fixture *fixture = fixture_open(&settings);
    static const char *const begun[] = { "", GET, GET HOST, REQUEST("GET /hello", "") };
    for (size_t i = 0; i < 4; i++) {
        int fd = client_open(fixture);
        int64_t since_ms = es_clock_monotonic_ms();
        client_send(fd, begun[i]);
        if (i == 3) {
            auto_answer first = client_read(fd, false);
            assert_int_equal(first.status, 200);
        }
        int status = drip(fd, i == 0 || i == 3
                                  ? "GET /hellohellohellohellohellohellohellohellohello HTTP/1.1"
                                  : "X-Slow: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        assert_int_equal(status, 408);
        assert_in_range(elapsed_ms(since_ms), 150, 5000);
        close(fd);
    }
    fixture_close(fixture);
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct http_settings settings = fixture_settings(true);
    struct fixture *fixture = fixture_open(&settings);
    int fresh = client_open(fixture), kept = client_open(fixture);
    int64_t since_ms = es_clock_monotonic_ms();
    client_send(kept, REQUEST("GET /hello", ""));
    auto_answer answer = client_read(kept, false);
    assert_int_equal(answer.status, 200);
    assert_true(client_sees_end(fresh));
    assert_true(client_sees_end(kept));
    assert_in_range(elapsed_ms(since_ms), 350, 5000);
    close(fresh);
    close(kept);
    fixture_close(fixture);
}

static void a_body_too_slow_times_out(void **state)
{
    (void)state;
    struct http_settings settings = fixture_settings(true);
    struct fixture *fixture = fixture_open(&settings);
    static const char *const requests[] = { REQUEST("POST /echo", "Content-Length: 500\r\n"),
                                            REQUEST("POST /upload", "Content-Length: 500\r\n"),
                                            REQUEST("POST /upload",
                                                    "Transfer-Encoding: chunked\r\n") "1f4\r\n" };
    for (size_t i = 0; i < 3; i++) {
        int fd = client_open(fixture);
        client_send(fd, requests[i]);
        assert_int_equal(drip(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
                         408);
        close(fd);
    }
    while (atomic_load(&fixture->abandoned) < 2)
        es_sleep_ms(1);
    fixture_close(fixture);
}

static void a_handler_may_take_its_time(void **state)
{
    (void)state;
    struct http_settings settings = fixture_settings(true);
    struct fixture *fixture = fixture_open(&settings);
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /wait", ""));
    es_sleep_ms(1000); /* longer than every deadline: that is what is tested */
    sem_post(&fixture->may_leave);
    auto_answer answer = client_read(fd, false);
    assert_string_equal(es_buf_text(&answer.body), "waited");
    close(fd);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_requests_are_refused_alone),
        cmocka_unit_test(malformed_requests_are_refused_after_a_good_one),
        cmocka_unit_test(malformed_requests_are_refused_when_pipelined),
        cmocka_unit_test(a_nul_byte_is_refused_anywhere_in_the_header),
        cmocka_unit_test(good_but_odd_requests_are_taken),
        cmocka_unit_test(a_chunked_request_ends_its_connection),
        cmocka_unit_test(long_targets_and_headers_are_refused_by_name),
        cmocka_unit_test(the_largest_head_leaves_room_for_the_reply),
        cmocka_unit_test(an_unknown_version_is_505),
        cmocka_unit_test(connections_are_limited_in_all_and_per_address),
        cmocka_unit_test(a_dripped_header_times_out),
        cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(a_body_too_slow_times_out),
        cmocka_unit_test(a_handler_may_take_its_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
