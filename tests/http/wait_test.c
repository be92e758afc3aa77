/* Requests that wait without a thread. */
#include "server_fixture.h"

#include <pthread.h>
#include <unistd.h>

#include "base/es_clock.h"

static int ask_later(struct fixture *fixture)
{
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /later", ""));
    sem_wait(&fixture->has_entered);
    return fd;
}

static void many_wait_and_others_are_served(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false); /* with four threads */
    struct fixture *fixture = fixture_open(&settings);
    int fds[WAITS_MAX];
    for (size_t i = 0; i < WAITS_MAX; i++)
        fds[i] = ask_later(fixture);
    auto_answer hello = ask(fixture, REQUEST("GET /hello", "Connection: close\r\n"));
    assert_int_equal(hello.status, 200);
    for (size_t i = 0; i < WAITS_MAX; i++)
        http_wait_end(atomic_load(&fixture->waits[i]));
    for (size_t i = 0; i < WAITS_MAX; i++) {
        auto_answer answer = client_read(fds[i], false);
        assert_int_equal(answer.status, 200);
        assert_string_equal(es_buf_text(&answer.body), "later");
        client_send(fds[i], REQUEST("GET /hello", "")); /* the connection goes on as ever */
        auto_answer again = client_read(fds[i], false);
        assert_int_equal(again.status, 200);
        close(fds[i]);
    }
    fixture_close(fixture);
}

static void a_wait_may_be_over_before_it_begins(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false);
    struct fixture *fixture = fixture_open(&settings);
    for (int i = 0; i < 100; i++) {
        auto_answer answer = ask(fixture, REQUEST("GET /later?now=1", "Connection: close\r\n"));
        assert_int_equal(answer.status, 200);
        assert_string_equal(es_buf_text(&answer.body), "later");
    }
    fixture_close(fixture);
}

static void a_wait_outlives_its_client(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(true);
    struct fixture *fixture = fixture_open(&settings);
    close(ask_later(fixture));
    http_wait_end(atomic_load(&fixture->waits[0]));
    while (atomic_load(&fixture->finished) < 1)
        es_sleep_ms(1);
    fixture_close(fixture);
}

static void a_stop_refuses_who_waits(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false);
    struct fixture *fixture = fixture_open(&settings);
    int fds[3];
    for (size_t i = 0; i < 3; i++)
        fds[i] = ask_later(fixture);
    http_server_stop(fixture->server, 10000);
    for (size_t i = 0; i < 3; i++) {
        auto_answer answer = client_read(fds[i], false);
        assert_int_equal(answer.status, 503);
        close(fds[i]);
    }
    struct http_wait *waits[3];
    for (size_t i = 0; i < 3; i++)
        waits[i] = atomic_load(&fixture->waits[i]);
    http_wait_end(waits[0]);
    fixture_close(fixture);
    http_wait_end(waits[1]); /* also behind the server's end */
    http_wait_end(waits[2]);
}

static void *end_waits(void *argument)
{
    struct fixture *fixture = argument;
    for (size_t i = 0; i < WAITS_MAX; i++)
        http_wait_end(atomic_load(&fixture->waits[i]));
    return NULL;
}

static void a_stop_and_the_end_of_waits_may_meet(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false);
    for (int round = 0; round < 20; round++) {
        struct fixture *fixture = fixture_open(&settings);
        int fds[WAITS_MAX];
        for (size_t i = 0; i < WAITS_MAX; i++)
            fds[i] = ask_later(fixture);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, end_waits, fixture), 0);
        http_server_stop(fixture->server, round % 2 ? 10000 : 0);
        pthread_join(thread, NULL);
        assert_int_equal(atomic_load(&fixture->finished), WAITS_MAX);
        for (size_t i = 0; i < WAITS_MAX; i++)
            close(fds[i]);
        fixture_close(fixture);
    }
}

static void a_source_may_wait_for_its_bytes(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false);
    struct fixture *fixture = fixture_open(&settings);
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /waiting-source", ""));
    for (size_t i = 0; i < 3; i++) {
        sem_wait(&fixture->has_entered);
        while (http_server_load(fixture->server).handlers_busy > 0)
            es_sleep_ms(1); /* no thread waits with it */
        atomic_store(&fixture->may_read, true);
        http_wait_end(atomic_load(&fixture->waits[i]));
    }
    auto_answer answer = client_read(fd, false);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size, 30);
    for (size_t i = 0; i < 30; i++)
        assert_int_equal((unsigned char)answer.body.bytes[i], file_byte(i));
    close(fd);
    fixture_close(fixture);
}

static void a_stop_ends_sources_that_wait(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false);
    struct fixture *fixture = fixture_open(&settings);
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /waiting-source", ""));
    sem_wait(&fixture->has_entered);
    http_server_stop(fixture->server, 10000);
    http_wait_end(atomic_load(&fixture->waits[0]));
    auto_answer answer = client_read(fd, false);
    assert_false(answer.is_whole);
    close(fd);
    fixture_close(fixture);
}

static void a_source_whose_client_left_waits_no_more(void **state)
{
    (void)state;
    const struct http_settings settings = fixture_settings(false);
    struct fixture *fixture = fixture_open(&settings);
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /waiting-source", ""));
    sem_wait(&fixture->has_entered);
    close(fd);
    http_wait_end(atomic_load(&fixture->waits[0]));
    while (atomic_load(&fixture->finished) == 0)
        es_sleep_ms(1);
    assert_int_equal(atomic_load(&fixture->wait_count), 1);
    assert_int_equal(atomic_load(&fixture->finished_complete), 0);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_wait_and_others_are_served),
        cmocka_unit_test(a_wait_may_be_over_before_it_begins),
        cmocka_unit_test(a_wait_outlives_its_client),
        cmocka_unit_test(a_stop_refuses_who_waits),
        cmocka_unit_test(a_stop_and_the_end_of_waits_may_meet),
        cmocka_unit_test(a_source_may_wait_for_its_bytes),
        cmocka_unit_test(a_stop_ends_sources_that_wait),
        cmocka_unit_test(a_source_whose_client_left_waits_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
