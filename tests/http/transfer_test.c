/* Long transfers in both directions: uploads with flat memory and early answers, slow and paused
 * readers, live streams, a full pool, and the stop with all of that under way. */
#include "server_fixture.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/es_clock.h"

#define MIB (1024 * 1024)

static struct fixture *open_plain(bool is_hasty)
{
    struct http_settings settings = fixture_settings(is_hasty);
    return fixture_open(&settings);
}

static long resident_kib(void)
{
    long kib = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (status)
        fclose(status);
    return kib;
}

/* ---- uploads ---- */

static void assert_upload_is_flat(struct fixture *fixture, const char *path, size_t mib,
                                  bool is_chunked)
{
    static char block[MIB];
    uint64_t sum = 0;
    for (size_t i = 0; i < MIB; i++)
        block[i] = (char)(i * 31 + i / 255);
    for (size_t n = 0; n < mib; n++)
        for (size_t i = 0; i < MIB; i++)
            sum = sum * 31 + (unsigned char)block[i];
    char head[200], expected[64];
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: a\r\n", path);
    int fd = client_open(fixture);
    client_send(fd, head);
    snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", mib * MIB);
    client_send(fd, is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : head);
    long before_kib = resident_kib();
    for (size_t n = 0; n < mib; n++) {
        if (is_chunked)
            client_send(fd, "100000\r\n");
        assert_true(client_try_send(fd, block, MIB));
        if (is_chunked)
            client_send(fd, "\r\n");
    }
    if (is_chunked)
        client_send(fd, "0\r\n\r\n");
    auto_answer answer = client_read(fd, false);
    snprintf(expected, sizeof(expected), "%zu %llu", mib * MIB, (unsigned long long)sum);
    assert_int_equal(answer.status, 201);
    assert_string_equal(es_buf_text(&answer.body), expected);
    assert_true(resident_kib() - before_kib < 16 * 1024);
    close(fd);
}

static void uploads_of_any_size_take_little_memory(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    assert_upload_is_flat(fixture, "/upload", 300, false);
    assert_upload_is_flat(fixture, "/upload", 60, true);
    assert_upload_is_flat(fixture, "/upload-loop", 60, false);
    assert_int_equal(atomic_load(&fixture->abandoned), 0);
    fixture_close(fixture);
}

static void chunks_of_any_size_arrive_in_order(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    static const char *const paths[] = { "/upload", "/upload-loop" };
    for (size_t p = 0; p < 2; p++) {
        es_auto_buf request = { 0 };
        uint64_t sum = 0, bytes = 0;
        es_buf_printf(&request, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                      paths[p]);
        for (unsigned size = 1; size < 400; size++) {
            es_buf_printf(&request, "%x\r\n", size);
            for (unsigned i = 0; i < size; i++, bytes++) {
                es_buf_append_char(&request, (char)(bytes % 253));
                sum = sum * 31 + bytes % 253;
            }
            es_buf_append_text(&request, "\r\n");
        }
        es_buf_append_text(&request, "0\r\n\r\n");
        int fd = client_open(fixture);
        for (size_t at = 0; at < request.size;) {
            size_t step = 1 + (at * 7919) % 4001;
            step = step < request.size - at ? step : request.size - at;
            assert_true(client_try_send(fd, request.bytes + at, step));
            at += step;
        }
        auto_answer answer = client_read(fd, false);
        char expected[64];
        snprintf(expected, sizeof(expected), "%llu %llu", (unsigned long long)bytes,
                 (unsigned long long)sum);
        assert_string_equal(es_buf_text(&answer.body), expected);
        close(fd);
    }
    fixture_close(fixture);
}

/* Sends a body until the peer refuses more, as a client does that does not listen meanwhile. */
static void *pour(void *argument)
{
    int fd = *(int *)argument;
    static char block[MIB];
    for (int i = 0; i < 300; i++)
        if (!client_try_send(fd, block, sizeof(block)))
            break;
    return NULL;
}

static void an_upload_is_answered_before_it_is_all_there(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(true);
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { REQUEST("POST /upload?deny=1", "Content-Length: 314572800\r\n"), 401 },
        { REQUEST("POST /upload?stop=1", "Content-Length: 314572800\r\n"), 422 },
        { REQUEST("POST /upload-loop?stop=1", "Content-Length: 314572800\r\n"), 422 },
        { REQUEST("POST /upload-small", "Content-Length: 314572800\r\n"), 413 },
        { REQUEST("POST /nowhere", "Content-Length: 314572800\r\n"), 404 },
        { REQUEST("POST /upload-small", "Transfer-Encoding: chunked\r\n") "12c00000\r\n", 413 },
        { REQUEST("POST /upload?stop=1", "Transfer-Encoding: chunked\r\n") "12c00000\r\n", 422 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int fd = client_open(fixture);
        client_send(fd, cases[i].request);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, pour, &fd), 0);
        auto_answer answer = client_read(fd, false);
        if (answer.status != cases[i].status)
            fail_msg("%s: %d", cases[i].request, answer.status);
        assert_true(answer.is_whole);
        assert_non_null(answer_header(&answer, "X-Request-Id"));
        shutdown(fd, SHUT_RDWR);
        pthread_join(thread, NULL);
        close(fd);
    }
    fixture_close(fixture);
}

static void a_small_refused_body_keeps_the_connection(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    int fd = client_open(fixture);
    client_send(
        fd,
        REQUEST("POST /upload?deny=1", "Content-Length: 4\r\n") "abcd" REQUEST(
            "POST /upload?stop=1",
            "Content-Length: 4\r\n") "abcd" REQUEST("POST /nowhere",
                                                    "Content-Length: 4\r\n") "abcd" REQUEST("GET "
                                                                                            "/hell"
                                                                                            "o",
                                                                                            ""));
    static const int expected[] = { 401, 422, 404, 200 };
    for (int i = 0; i < 4; i++) {
        auto_answer answer = client_read(fd, false);
        assert_int_equal(answer.status, expected[i]);
    }
    close(fd);
    fixture_close(fixture);
}

static void an_upload_that_breaks_off_is_abandoned(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    int fd = client_open(fixture);
    client_send(fd, REQUEST("POST /upload", "Content-Length: 1000\r\n") "abc");
    while (http_server_load(fixture->server).exchanges == 0)
        es_sleep_ms(1);
    close(fd);
    while (atomic_load(&fixture->abandoned) == 0)
        es_sleep_ms(1);
    assert_int_equal(atomic_load(&fixture->last_status), 0);
    fixture_close(fixture);
}

/* ---- slow readers ---- */

static void a_slow_or_paused_reader_is_never_cut(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(true);
    static const char *const requests[] = { REQUEST("GET /big", ""),
                                            REQUEST("GET /big-source", "") };
    for (size_t i = 0; i < 2; i++) {
        int fd = client_open(fixture), small = 65536;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        client_send(fd, requests[i]);
        char bytes[2400];
        for (int n = 0; n < 10; n++) { /* 24 KB/s */
            assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
            es_sleep_ms(100);
        }
        es_sleep_ms(1000); /* paused for longer than any deadline but that of sending */
        size_t total = 10 * sizeof(bytes);
        for (ssize_t got; (got = recv(fd, bytes, sizeof(bytes), 0)) > 0;)
            total += (size_t)got;
        assert_true(total > 100 * FILE_SIZE); /* all of it, and the header */
        close(fd);
    }
    fixture_close(fixture);
}

static void a_reader_that_went_away_ends_the_exchange(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    static const char *const requests[] = { REQUEST("GET /big", ""),
                                            REQUEST("GET /big-source", "") };
    for (int i = 0; i < 2; i++) {
        int fd = client_open(fixture);
        client_send(fd, requests[i]);
        char byte;
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        close(fd);
        while (atomic_load(&fixture->finished) <= i)
            es_sleep_ms(1);
        assert_int_equal(atomic_load(&fixture->finished_complete), 0);
    }
    fixture_close(fixture);
}

/* ---- the pool ---- */

static void a_full_pool_answers_503_and_loops_go_on(void **state)
{
    (void)state;
    struct http_settings settings = fixture_settings(false);
    settings.handler_threads = 2;
    settings.handler_queue_max = 1;
    struct fixture *fixture = fixture_open(&settings);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = client_open(fixture);
        client_send(fds[i], REQUEST("GET /wait", ""));
        while (http_server_load(fixture->server).handlers_busy != (size_t)i + 1)
            es_sleep_ms(1);
    }
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /hello", "") REQUEST("GET /loop", ""));
    auto_answer refused = client_read(fd, false);
    assert_int_equal(refused.status, 503);
    assert_non_null(answer_header(&refused, "Retry-After"));
    auto_answer loop = client_read(fd, false);
    assert_int_equal(loop.status, 200);
    close(fd);
    for (int i = 0; i < 3; i++)
        sem_post(&fixture->may_leave);
    for (int i = 0; i < 3; i++) {
        auto_answer answer = client_read(fds[i], false);
        assert_int_equal(answer.status, 200);
        close(fds[i]);
    }
    fixture_close(fixture);
}

/* ---- streams ---- */

static void expect_text(int fd, const char *text)
{
    /* Chunk sizes and heartbeats may stand between; the text itself comes in one chunk. */
    es_auto_buf seen = { 0 };
    while (!strstr(es_buf_text(&seen), text)) {
        char byte;
        if (recv(fd, &byte, 1, 0) != 1)
            fail_msg("the stream ended before '%s'", text);
        es_buf_append_char(&seen, byte);
    }
}

#define STREAMS 200

static void streams_reach_all_and_hold_no_threads(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(true);
    int fds[STREAMS];
    struct http_stream *streams[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = client_open(fixture);
        client_send(fds[i], REQUEST("GET /events", ""));
        sem_wait(&fixture->has_entered);
        streams[i] = atomic_load(&fixture->stream);
    }
    assert_int_equal(http_server_load(fixture->server).streams, STREAMS);
    for (int i = 0; i < STREAMS; i++)
        expect_text(fds[i], "data: hi\n\n");
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < STREAMS; i++)
            assert_true(http_stream_write(streams[i], "data: x\n\n", 9));
        for (int i = 0; i < STREAMS; i++)
            expect_text(fds[i], "data: x\n\n");
        auto_answer other = ask(fixture, REQUEST("GET /hello", ""));
        assert_int_equal(other.status, 200);
    }
    for (int i = 0; i < STREAMS; i++)
        expect_text(fds[i], ":\n\n"); /* a heartbeat, after a while of silence */
    for (int i = 0; i < STREAMS; i++) {
        if (i % 2) { /* the client leaves, without a word being written */
            close(fds[i]);
            while (atomic_load(&fixture->streams_closed) <= i / 2)
                es_sleep_ms(1);
            assert_false(http_stream_is_open(streams[i]));
            assert_false(http_stream_write(streams[i], "x", 1));
            http_stream_close(streams[i]);
        } else { /* the server ends it */
            http_stream_write(streams[i], "bye", 3);
            http_stream_close(streams[i]);
            expect_text(fds[i], "bye\r\n0\r\n\r\n");
            close(fds[i]);
        }
    }
    while (http_server_load(fixture->server).streams > 0)
        es_sleep_ms(1);
    assert_int_equal(atomic_load(&fixture->streams_closed), STREAMS / 2);
    fixture_close(fixture);
}

static void a_stream_nobody_reads_is_ended(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    int fd = client_open(fixture);
    client_send(fd, REQUEST("GET /events", ""));
    sem_wait(&fixture->has_entered);
    struct http_stream *stream = atomic_load(&fixture->stream);
    static char block[50000];
    memset(block, 'x', sizeof(block));
    size_t written = 0;
    while (http_stream_write(stream, block, sizeof(block))) {
        written += sizeof(block);
        assert_true(written < (size_t)100 * MIB);
        es_sleep_ms(1); /* a writer faster than its own loop would prove nothing */
    }
    assert_false(http_stream_is_open(stream));
    assert_int_equal(atomic_load(&fixture->streams_closed), 1);
    http_stream_close(stream);
    close(fd);
    auto_answer head = ask(fixture, REQUEST("HEAD /events", ""));
    assert_int_equal(head.status, 200);
    http_stream_close(atomic_load(&fixture->stream));
    fixture_close(fixture);
}

/* ---- the stop ---- */

static void *let_leave_soon(void *argument)
{
    es_sleep_ms(200);
    sem_post(&((struct fixture *)argument)->may_leave);
    return NULL;
}

static void a_stop_lets_what_runs_finish(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    int waiting = client_open(fixture), idle = client_open(fixture), live = client_open(fixture);
    client_send(idle, REQUEST("GET /hello", ""));
    auto_answer hello = client_read(idle, false);
    assert_int_equal(hello.status, 200);
    client_send(waiting, REQUEST("GET /wait", ""));
    sem_wait(&fixture->has_entered);
    client_send(live, REQUEST("GET /events", ""));
    sem_wait(&fixture->has_entered);
    expect_text(live, "data: hi\n\n");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_leave_soon, fixture), 0);
    int64_t since_ms = es_clock_monotonic_ms();
    http_server_stop(fixture->server, 10000);
    assert_true(es_clock_monotonic_ms() - since_ms < 5000);
    auto_answer answer = client_read(waiting, false);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(client_sees_end(idle));
    expect_text(live, "0\r\n\r\n");
    assert_int_equal(atomic_load(&fixture->streams_closed), 1);
    http_stream_close(atomic_load(&fixture->stream));
    pthread_join(thread, NULL);
    close(waiting);
    close(idle);
    close(live);
    fixture_close(fixture);
}

static void a_stop_cuts_what_is_over_its_deadline(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    int reading = client_open(fixture), sending = client_open(fixture),
        waiting = client_open(fixture);
    int pulling = client_open(fixture), fresh = client_open(fixture), small = 4096;
    setsockopt(reading, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(pulling, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    client_send(reading, REQUEST("GET /big", ""));
    client_send(pulling, REQUEST("GET /big-source", ""));
    client_send(sending, REQUEST("POST /upload", "Content-Length: 1000\r\n") "abc");
    client_send(waiting, REQUEST("GET /wait", ""));
    sem_wait(&fixture->has_entered);
    while (http_server_load(fixture->server).exchanges != 4)
        es_sleep_ms(1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_leave_soon, fixture), 0);
    http_server_stop(fixture->server, 50);
    assert_true(client_sees_end(sending));
    assert_true(client_sees_end(fresh));
    assert_int_equal(atomic_load(&fixture->abandoned), 1);
    assert_int_equal(atomic_load(&fixture->finished), 4);
    pthread_join(thread, NULL);
    close(reading);
    close(sending);
    close(waiting);
    close(pulling);
    close(fresh);
    fixture_close(fixture);
}

static void a_taken_port_is_a_conflict(void **state)
{
    (void)state;
    struct fixture *fixture = open_plain(false);
    struct http_settings settings = fixture_settings(false);
    struct http_server *server;
    settings.port = fixture->port;
    assert_int_equal(http_server_open(&settings, NULL, fixture->router, &server, NULL),
                     ES_CONFLICT);
    settings.port = 0;
    settings.host = "::1";
    struct es_err err;
    if (http_server_open(&settings, NULL, fixture->router, &server, &err) == ES_OK)
        http_server_close(server); /* not every machine has IPv6 */
    settings.host = "no such host";
    assert_int_equal(http_server_open(&settings, NULL, fixture->router, &server, NULL), ES_INVALID);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads_of_any_size_take_little_memory),
        cmocka_unit_test(chunks_of_any_size_arrive_in_order),
        cmocka_unit_test(an_upload_is_answered_before_it_is_all_there),
        cmocka_unit_test(a_small_refused_body_keeps_the_connection),
        cmocka_unit_test(an_upload_that_breaks_off_is_abandoned),
        cmocka_unit_test(a_slow_or_paused_reader_is_never_cut),
        cmocka_unit_test(a_reader_that_went_away_ends_the_exchange),
        cmocka_unit_test(a_full_pool_answers_503_and_loops_go_on),
        cmocka_unit_test(streams_reach_all_and_hold_no_threads),
        cmocka_unit_test(a_stream_nobody_reads_is_ended),
        cmocka_unit_test(a_stop_lets_what_runs_finish),
        cmocka_unit_test(a_stop_cuts_what_is_over_its_deadline),
        cmocka_unit_test(a_taken_port_is_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
