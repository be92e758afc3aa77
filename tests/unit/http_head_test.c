/* Heads are judged the same however much of them has come in, and as early as can be. */
#include "test.h"

#include "wire/http_head.h"

static const struct http_head_limits limits = { .head_bytes_max = 200, .target_bytes_max = 50 };

#define LINE "GET /a HTTP/1.1\r\n"

static enum http_head_verdict check(const char *head)
{
    return http_head_check(head, strlen(head), &limits);
}

static void a_sound_head_is_unfinished_until_its_end(void **state)
{
    (void)state;
    static const char *const sound[] = { LINE "Host: a\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
                                         "\r\n" LINE "Host: a\r\n\r\n",
                                         LINE "Content-Length: \t12 \r\nX:\r\n\r\n",
                                         "M-SEARCH * HTTP/1.1\r\nX: \xff\t\r\n\r\n" };
    for (size_t i = 0; i < sizeof(sound) / sizeof(*sound); i++) {
        size_t size = strlen(sound[i]);
        assert_int_equal(http_head_check(sound[i], size, &limits), HTTP_HEAD_SOUND);
        for (size_t part = 0; part < size; part++)
            assert_int_equal(http_head_check(sound[i], part, &limits), HTTP_HEAD_UNFINISHED);
    }
    assert_int_equal(check(LINE "\r\nanything \x01 at all\n"), HTTP_HEAD_SOUND);
}

static void malformed_heads_are_known_by_then(void **state)
{
    (void)state;
    static const char *const bad[] = { " ",
                                       "\x16\x03\x01",
                                       "{",
                                       "GET\t/",
                                       "GARBAGE\r\n",
                                       "GET /a\r\n",
                                       "GET /a \r\n",
                                       "GET  /a HTTP/1.1\r\n",
                                       "GET /a  HTTP/1.1\r\n",
                                       "GET /a HTTP/1.1 \r\n",
                                       "GET /a b HTTP/1.1\r\n",
                                       "GET /a http/1.1\r\n",
                                       "GET /a HTTP/1\r\n",
                                       "GET /a HTTP/11.1\r\n",
                                       "GET /a HTTP/1.1\n",
                                       "GET /a HTTP/1.1\rx",
                                       "\n",
                                       "\r\n\r\n\r\n",
                                       LINE "X\r\n",
                                       LINE ": a\r\n",
                                       LINE "X : a\r\n",
                                       LINE " X: a\r\n",
                                       LINE "X: a\n",
                                       LINE "X: a\x01",
                                       LINE "X: a\x7f",
                                       LINE "X: a\r\n b\r\n",
                                       LINE "X: a\rb",
                                       LINE "Content-Length: a\r\n",
                                       LINE "content-length: 1 1\r\n",
                                       LINE "Content-Length:\r\n",
                                       LINE "Content-Length: -1\r\n",
                                       LINE "Content-Length: 99999999999999999999\r\n" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (check(bad[i]) != HTTP_HEAD_MALFORMED)
            fail_msg("%s: %d", bad[i], (int)check(bad[i]));
    assert_int_equal(http_head_check(LINE "X: a\0b", sizeof(LINE "X: a\0b") - 1, &limits),
                     HTTP_HEAD_MALFORMED);
}

static void what_is_too_much_is_named(void **state)
{
    (void)state;
    char long_text[300];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = 0;
    char head[400];
    snprintf(head, sizeof(head), "GET /%s", long_text);
    assert_int_equal(check(head), HTTP_HEAD_TARGET_TOO_LONG);
    snprintf(head, sizeof(head), LINE "X: %s", long_text);
    assert_int_equal(check(head), HTTP_HEAD_TOO_LARGE);
    snprintf(head, sizeof(head), LINE "X: %s\r\n\r\n", long_text);
    assert_int_equal(check(head), HTTP_HEAD_TOO_LARGE);
    assert_int_equal(check("GET /a HTTP/2.0\r\n"), HTTP_HEAD_BAD_VERSION);
    assert_int_equal(check("GET /a HTTP/1.2\r\n"), HTTP_HEAD_BAD_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_head_is_unfinished_until_its_end),
        cmocka_unit_test(malformed_heads_are_known_by_then),
        cmocka_unit_test(what_is_too_much_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
