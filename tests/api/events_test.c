/* GET /events as a browser's EventSource reads it, over a plain socket. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "../unit/test.h"
#include "base/es_clock.h"
#include "fixture.h"
#include "http/http_server.h"
#include "service/events.h"

#define PATIENCE_MS 10000

struct source {
    int fd;
    struct es_buf text;
};

static struct source open_source(struct fixture *fixture, const char *token, const char *last_id)
{
    struct source source = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(http_server_port(fixture->server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(connect(source.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    const char *request = textf(
        fixture,
        "GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: espotifai_session=%s\r\n%s%s%s\r\n",
        token, last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    assert_int_equal(write(source.fd, request, strlen(request)), strlen(request));
    return source;
}

static void close_source(struct source *source)
{
    close(source->fd);
    es_buf_release(&source->text);
}

/* Reads what comes next; false where the time is over or the connection ends. */
static bool read_more(struct source *source, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - es_clock_monotonic_ms();
    struct pollfd poll_fd = { source->fd, POLLIN, 0 };
    char bytes[4096];
    if (left_ms <= 0 || poll(&poll_fd, 1, (int)left_ms) <= 0)
        return false;
    ssize_t size = read(source->fd, bytes, sizeof(bytes));
    if (size > 0)
        es_buf_append(&source->text, bytes, (size_t)size);
    return size > 0;
}

static bool comes(struct source *source, const char *expected)
{
    int64_t deadline_ms = es_clock_monotonic_ms() + PATIENCE_MS;
    while (!strstr(es_buf_text(&source->text), expected))
        if (!read_more(source, deadline_ms))
            return false;
    return true;
}

/* Whether the reply comes to its end: its last chunk, or the connection's end. */
static bool ends(struct source *source)
{
    int64_t deadline_ms = es_clock_monotonic_ms() + PATIENCE_MS;
    while (!strstr(es_buf_text(&source->text), "\r\n0\r\n\r\n"))
        if (!read_more(source, deadline_ms))
            return es_clock_monotonic_ms() < deadline_ms;
    return true;
}

static void a_user_is_told_of_their_own_things_only(void **state)
{
    struct fixture *fixture = *state;
    const char *ana = fixture_user(fixture, "ana"), *bob = fixture_user(fixture, "bob");
    struct source hers = open_source(fixture, ana, NULL), his = open_source(fixture, bob, NULL);
    assert_true(comes(&hers, "retry:"));
    assert_true(comes(&his, "retry:"));
    assert_non_null(strstr(es_buf_text(&hers.text), "200 OK"));
    assert_non_null(strstr(es_buf_text(&hers.text), "text/event-stream"));
    const char *media_id = fixture_upload(fixture, ana, "a.mp3", SONG);
    assert_true(comes(&hers, "event: media\n"));
    assert_true(comes(&hers, media_id));
    const char *job_id = fixture_convert(fixture, ana, media_id, "mp3");
    assert_true(comes(&hers, "event: job\n"));
    assert_true(comes(&hers, job_id));
    fixture_work(fixture, "the sound");
    assert_true(comes(&hers, "\"status\":\"done\""));
    const char *own_id = fixture_upload(fixture, bob, "b.mp3", SONG);
    assert_true(comes(&his, own_id));
    assert_null(strstr(es_buf_text(&his.text), media_id));
    close_source(&hers);
    close_source(&his);
}

static void who_comes_back_is_told_what_they_missed(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    struct source source = open_source(fixture, token, NULL);
    assert_true(comes(&source, "retry:"));
    const char *first = fixture_upload(fixture, token, "a.mp3", SONG);
    assert_true(comes(&source, first));
    assert_true(comes(&source, "id: "));
    const char *id_text = strstr(es_buf_text(&source.text), "id: ") + 4;
    const char *last_id = textf(fixture, "%.*s", (int)strcspn(id_text, "\n"), id_text);
    close_source(&source);
    const char *second = fixture_upload(fixture, token, "b.mp3", SONG);
    source = open_source(fixture, token, last_id);
    assert_true(comes(&source, second));
    assert_null(strstr(es_buf_text(&source.text), first));
    close_source(&source);
}

static void a_stream_needs_credentials_and_a_sound_id(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    struct source source = open_source(fixture, "not.a.token", NULL);
    assert_true(comes(&source, " 401 "));
    close_source(&source);
    const char *const ids[] = { "x", "-5", "99999999999999999999" };
    for (size_t i = 0; i < 3; i++) {
        source = open_source(fixture, token, ids[i]);
        assert_true(comes(&source, " 422 "));
        close_source(&source);
    }
}

static void a_stream_ends_with_its_session(void **state)
{
    (void)state;
    struct api_settings settings = api_settings_default();
    settings.session_check_ms = 20;
    struct fixture *fixture = fixture_open(&settings, NULL);
    const char *token = fixture_user(fixture, "ana"), *other = fixture_user(fixture, "bob");
    struct source hers = open_source(fixture, token, NULL), his = open_source(fixture, other, NULL);
    assert_true(comes(&hers, "retry:"));
    assert_true(comes(&his, "retry:"));
    assert_answer(send_to(fixture, "POST", "/auth/logout", token), 200);
    assert_true(ends(&hers));
    assert_answer(send_to(fixture, "DELETE", "/me", other), 204);
    assert_true(ends(&his));
    close_source(&hers);
    close_source(&his);
    fixture_close(fixture);
}

static void head_of_the_stream_ends_at_once(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    for (int i = 0; i < 40; i++)
        assert_answer(send_to(fixture, "HEAD", "/events", token), 200);
}

static void a_user_has_only_so_many_streams(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    struct source sources[SUBSCRIPTIONS_PER_USER_MAX + 1];
    for (size_t i = 0; i <= SUBSCRIPTIONS_PER_USER_MAX; i++) {
        sources[i] = open_source(fixture, token, NULL);
        bool is_over = i == SUBSCRIPTIONS_PER_USER_MAX;
        assert_true(comes(&sources[i], is_over ? " 429 " : "retry:"));
    }
    for (size_t i = 0; i <= SUBSCRIPTIONS_PER_USER_MAX; i++)
        close_source(&sources[i]);
}

static void streams_end_when_the_server_stops(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    struct source sources[5];
    for (size_t i = 0; i < 5; i++) {
        sources[i] = open_source(fixture, token, NULL);
        assert_true(comes(&sources[i], "retry:"));
    }
    close_source(&sources[4]);
    http_server_stop(fixture->server, 5000);
    for (size_t i = 0; i < 4; i++) {
        assert_true(ends(&sources[i]));
        close_source(&sources[i]);
    }
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(a_user_is_told_of_their_own_things_only),
        with_fixture(who_comes_back_is_told_what_they_missed),
        with_fixture(a_stream_needs_credentials_and_a_sound_id),
        cmocka_unit_test(a_stream_ends_with_its_session),
        with_fixture(head_of_the_stream_ends_at_once),
        with_fixture(a_user_has_only_so_many_streams),
        with_fixture(streams_end_when_the_server_stops),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
