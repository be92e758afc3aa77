/* See the header. The routes show each kind of body and reply once. */
#include "server_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/es_clock.h"

static struct fixture *of(const struct http_exchange *exchange)
{
    return http_exchange_server_context(exchange);
}

static void reply_text(struct http_exchange *exchange, int status, const char *text)
{
    const char *copy = es_strdup(http_exchange_arena(exchange), text);
    http_reply(exchange, status, "text/plain", copy, strlen(copy));
}

/* ---- routes ---- */

static void handle_hello(struct http_exchange *exchange)
{
    reply_text(exchange, 200, "hello");
}

static void handle_item(struct http_exchange *exchange)
{
    const char *q = http_exchange_query_value(exchange, "q");
    const char *cookie = http_exchange_cookie(exchange, "c");
    reply_text(exchange, 200,
               es_printf(http_exchange_arena(exchange), "%s|%s|%s|%s",
                         http_exchange_param(exchange, "id"), q ? q : "-", cookie ? cookie : "-",
                         http_exchange_route(exchange)->pattern));
}

static void handle_rest(struct http_exchange *exchange)
{
    reply_text(exchange, 200, http_exchange_param(exchange, "path"));
}

static void handle_echo(struct http_exchange *exchange)
{
    size_t size;
    const char *body = http_exchange_body(exchange, &size);
    http_reply(exchange, 200, "application/octet-stream", body, size);
}

static void handle_nothing(struct http_exchange *exchange)
{
    (void)exchange;
}

static void handle_wait(struct http_exchange *exchange)
{
    sem_post(&of(exchange)->has_entered);
    sem_wait(&of(exchange)->may_leave);
    reply_text(exchange, 200, "waited");
}

struct upload {
    uint64_t bytes, sum;
};

static void begin_upload(struct http_exchange *exchange)
{
    if (http_exchange_query_value(exchange, "deny")) {
        reply_text(exchange, 401, "no");
        return;
    }
    http_exchange_set_user(exchange, es_malloc(sizeof(struct upload)), free);
}

static void take_upload(struct http_exchange *exchange, const void *bytes, size_t size)
{
    struct upload *upload = http_exchange_user(exchange);
    const unsigned char *cursor = bytes;
    for (size_t i = 0; i < size; i++)
        upload->sum = upload->sum * 31 + cursor[i];
    upload->bytes += size;
    if (http_exchange_query_value(exchange, "stop"))
        reply_text(exchange, 422, "enough");
}

static void end_upload(struct http_exchange *exchange)
{
    struct upload *upload = http_exchange_user(exchange);
    reply_text(exchange, 201,
               es_printf(http_exchange_arena(exchange), "%llu %llu",
                         (unsigned long long)upload->bytes, (unsigned long long)upload->sum));
}

static void abandon_upload(struct http_exchange *exchange)
{
    atomic_fetch_add(&of(exchange)->abandoned, 1);
}

static struct http_file file_of(struct http_exchange *exchange)
{
    (void)exchange;
    return (struct http_file){ .fd = -1,
                               .size_bytes = FILE_SIZE,
                               .mtime_ms = INT64_C(784111777500),
                               .etag = FILE_ETAG,
                               .content_type = "audio/mpeg",
                               .disposition = "inline",
                               .cache_control = "private" };
}

static void handle_file(struct http_exchange *exchange)
{
    struct http_file file = file_of(exchange);
    file.fd = dup(of(exchange)->file_fd);
    http_reply_file(exchange, &file);
}

static enum es_code read_source(void *context, uint64_t offset, void *ret_bytes, size_t size,
                                size_t *ret_size, struct es_err *reterr)
{
    struct fixture *fixture = context;
    if (atomic_load(&fixture->has_failing_source) && offset > 0)
        return es_fail(reterr, ES_IO, "gone");
    *ret_size = size < 50000 ? size : 50000;
    ssize_t got = pread(fixture->file_fd, ret_bytes, *ret_size, (off_t)offset);
    return got == (ssize_t)*ret_size ? ES_OK : es_fail(reterr, ES_IO, "short");
}

static void handle_source(struct http_exchange *exchange)
{
    struct http_file file = file_of(exchange);
    file.source = (struct http_source){ .read = read_source, .context = of(exchange) };
    http_reply_file(exchange, &file);
}

/* A hundred times the file: the descriptor is as large but sparse, the source repeats. */
static void handle_big(struct http_exchange *exchange)
{
    struct http_file file = file_of(exchange);
    file.size_bytes = UINT64_C(100) * FILE_SIZE;
    file.fd = memfd_create("big", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file.fd, 100 * FILE_SIZE), 0);
    http_reply_file(exchange, &file);
}

static enum es_code read_big(void *context, uint64_t offset, void *ret_bytes, size_t size,
                             size_t *ret_size, struct es_err *reterr)
{
    offset %= FILE_SIZE;
    size = size < FILE_SIZE - offset ? size : FILE_SIZE - offset;
    return read_source(context, offset, ret_bytes, size, ret_size, reterr);
}

static void handle_big_source(struct http_exchange *exchange)
{
    struct http_file file = file_of(exchange);
    file.size_bytes = UINT64_C(100) * FILE_SIZE;
    file.source = (struct http_source){ .read = read_big, .context = of(exchange) };
    http_reply_file(exchange, &file);
}

static void note_closed(void *context)
{
    atomic_fetch_add(&((struct fixture *)context)->streams_closed, 1);
}

static void handle_events(struct http_exchange *exchange)
{
    const struct http_stream_settings settings = { .content_type = "text/event-stream",
                                                   .buffer_bytes_max = 100000,
                                                   .heartbeat_ms = 200,
                                                   .closed = note_closed,
                                                   .context = of(exchange) };
    struct http_stream *stream = http_reply_stream(exchange, &settings);
    http_stream_write(stream, "data: hi\n\n", 10);
    atomic_store(&of(exchange)->stream, stream);
    sem_post(&of(exchange)->has_entered);
}

/* Replies when it is called again; with `?now` the wait is over before the first call returns. */
static void handle_later(struct http_exchange *exchange)
{
    struct fixture *fixture = of(exchange);
    if (http_exchange_user(exchange)) {
        reply_text(exchange, 200, "later");
        return;
    }
    http_exchange_set_user(exchange, fixture, NULL);
    struct http_wait *wait = http_exchange_wait(exchange);
    if (http_exchange_query_value(exchange, "now"))
        http_wait_end(wait);
    else
        atomic_store(&fixture->waits[atomic_fetch_add(&fixture->wait_count, 1)], wait);
    sem_post(&fixture->has_entered);
}

/* Gives ten bytes a time, each after a wait. */
static enum es_code read_waiting(void *context, uint64_t offset, void *ret_bytes, size_t size,
                                 size_t *ret_size, struct es_err *reterr)
{
    struct fixture *fixture = context;
    *ret_size = 0;
    if (!atomic_exchange(&fixture->may_read, false))
        return ES_OK;
    return read_source(context, offset, ret_bytes, size < 10 ? size : 10, ret_size, reterr);
}

static void await_bytes(void *context, struct http_wait *wait)
{
    struct fixture *fixture = context;
    atomic_store(&fixture->waits[atomic_fetch_add(&fixture->wait_count, 1)], wait);
    sem_post(&fixture->has_entered);
}

static void handle_waiting_source(struct http_exchange *exchange)
{
    struct http_file file = file_of(exchange);
    file.source =
        (struct http_source){ .read = read_waiting, .context = of(exchange), .await = await_bytes };
    file.size_bytes = 30;
    http_reply_file(exchange, &file);
}

static const struct http_route routes[] = {
    { "GET", "/hello", handle_hello },
    { "GET", "/loop", handle_hello, .lane = HTTP_LANE_LOOP },
    { "GET", "/items/{id}", handle_item },
    { "GET", "/items/first", handle_hello },
    { "DELETE", "/items/{id}", handle_hello },
    { "GET", "/rest/{path...}", handle_rest },
    { "POST", "/echo", handle_echo, .body = HTTP_BODY_WHOLE, .body_bytes_max = 100000 },
    { "POST", "/plain", handle_hello },
    { "POST", "/upload", end_upload, .body = HTTP_BODY_STREAMED,
      .body_bytes_max = UINT64_C(1) << 40, .begin = begin_upload, .data = take_upload,
      .abandon = abandon_upload },
    { "POST", "/upload-small", end_upload, .body = HTTP_BODY_STREAMED, .body_bytes_max = 200000,
      .begin = begin_upload, .data = take_upload, .abandon = abandon_upload },
    { "GET", "/file", handle_file },
    { "GET", "/source", handle_source },
    { "GET", "/big", handle_big },
    { "GET", "/big-source", handle_big_source },
    { "POST", "/upload-loop", end_upload, .body = HTTP_BODY_STREAMED,
      .body_bytes_max = UINT64_C(1) << 40, .begin = begin_upload, .data = take_upload,
      .abandon = abandon_upload, .lane = HTTP_LANE_LOOP },
    { "GET", "/events", handle_events },
    { "GET", "/wait", handle_wait },
    { "GET", "/nothing", handle_nothing },
    { "GET", "/later", handle_later },
    { "GET", "/waiting-source", handle_waiting_source },
    { 0 },
};

/* ---- hooks ---- */

static void before(struct http_exchange *exchange)
{
    http_reply_add_header(exchange, "X-Before", "yes");
    if (strcmp(http_exchange_method(exchange), "OPTIONS") == 0)
        http_reply(exchange, 204, NULL, "", 0);
}

static void on_refusal(struct http_exchange *exchange, enum http_refusal refusal)
{
    atomic_fetch_add(&of(exchange)->refused, 1);
    const char *text = es_printf(http_exchange_arena(exchange), "refused %d", (int)refusal);
    http_reply(exchange, http_refusal_status(refusal), "application/problem+json", text,
               strlen(text));
}

static void on_finish(struct http_exchange *exchange, const struct http_finish *finish)
{
    atomic_store(&of(exchange)->last_status, finish->status);
    atomic_fetch_add(&of(exchange)->finished_complete, finish->is_complete);
    atomic_fetch_add(&of(exchange)->finished, 1);
}

/* ---- the fixture ---- */

unsigned char file_byte(size_t offset)
{
    return (unsigned char)(offset * 7 + offset / 251);
}

struct http_settings fixture_settings(bool is_hasty)
{
    struct http_settings settings = http_settings_default();
    settings.loop_threads = 2;
    settings.handler_threads = 4;
    if (is_hasty) {
        settings.header_deadline_ms = 200;
        settings.idle_timeout_ms = 400;
        settings.body_grace_ms = 200;
        settings.body_bytes_per_second_min = 1000;
        settings.linger_ms = 500;
    }
    return settings;
}

struct fixture *fixture_open(const struct http_settings *settings)
{
    struct fixture *fixture = es_malloc(sizeof(*fixture));
    struct es_err err;
    sem_init(&fixture->has_entered, 0, 0);
    sem_init(&fixture->may_leave, 0, 0);
    fixture->file_fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fixture->file_fd >= 0);
    unsigned char *bytes = es_malloc(FILE_SIZE);
    for (size_t i = 0; i < FILE_SIZE; i++)
        bytes[i] = file_byte(i);
    assert_int_equal(write(fixture->file_fd, bytes, FILE_SIZE), FILE_SIZE);
    free(bytes);
    fixture->router = http_router_open();
    assert_ok(http_router_add(fixture->router, routes, &err), err);
    const struct http_hooks hooks = { fixture, before, on_refusal, on_finish };
    assert_ok(http_server_open(settings, &hooks, fixture->router, &fixture->server, &err), err);
    fixture->port = http_server_port(fixture->server);
    return fixture;
}

void fixture_close(struct fixture *fixture)
{
    http_server_close(fixture->server);
    http_router_close(fixture->router);
    close(fixture->file_fd);
    sem_destroy(&fixture->has_entered);
    sem_destroy(&fixture->may_leave);
    free(fixture);
}

/* ---- the client ---- */

int client_open(const struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(fixture->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 10 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

bool client_try_send(int fd, const void *bytes, size_t size)
{
    const char *cursor = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, cursor, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        cursor += sent;
        size -= (size_t)sent;
    }
    return true;
}

void client_send(int fd, const char *text)
{
    assert_true(client_try_send(fd, text, strlen(text)));
}

static bool read_byte(int fd, char *ret_byte)
{
    ssize_t got = recv(fd, ret_byte, 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("no answer within the client's patience");
    return got == 1;
}

static bool read_exactly(int fd, struct es_buf *buf, size_t size)
{
    while (size > 0) {
        char bytes[16384];
        ssize_t got = recv(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes), 0);
        if (got <= 0)
            return false;
        es_buf_append(buf, bytes, (size_t)got);
        size -= (size_t)got;
    }
    return true;
}

static bool read_line(int fd, struct es_buf *line)
{
    char byte;
    while (read_byte(fd, &byte)) {
        es_buf_append_char(line, byte);
        if (byte == '\n')
            return true;
    }
    return false;
}

static bool read_chunked(int fd, struct es_buf *body)
{
    for (;;) {
        es_auto_buf line = { 0 };
        if (!read_line(fd, &line))
            return false;
        size_t size = strtoul(es_buf_text(&line), NULL, 16);
        if (size > 0 && !read_exactly(fd, body, size))
            return false;
        es_buf_clear(&line);
        if (!read_line(fd, &line))
            return false;
        if (size == 0)
            return true;
    }
}

struct answer client_read(int fd, bool is_head)
{
    struct answer answer = { 0 };
    for (;;) {
        struct es_buf *head = &answer.head;
        if (!read_line(fd, head))
            return answer;
        if (head->size < 4 || memcmp(head->bytes + head->size - 4, "\r\n\r\n", 4) != 0)
            continue;
        if (strncmp(head->bytes, "HTTP/1.1 100", 12) != 0)
            break;
        es_buf_clear(head);
    }
    answer.status = (int)strtol(answer.head.bytes + strlen("HTTP/1.1 "), NULL, 10);
    const char *length = answer_header(&answer, "Content-Length");
    size_t size = length ? strtoul(length, NULL, 10) : 0;
    if (is_head || answer.status == 204 || answer.status == 304)
        answer.is_whole = true;
    else if (answer_header(&answer, "Transfer-Encoding"))
        answer.is_whole = read_chunked(fd, &answer.body);
    else
        answer.is_whole = read_exactly(fd, &answer.body, size);
    return answer;
}

bool client_sees_end(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static char value[1024];
    size_t length = strlen(name);
    for (const char *at = strstr(es_buf_text(&answer->head), "\r\n"); at; at = strstr(at, "\r\n")) {
        at += 2;
        if (strncasecmp(at, name, length) == 0 && at[length] == ':') {
            size_t skip = length + 1 + strspn(at + length + 1, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + skip, "\r"), at + skip);
            return value;
        }
    }
    return NULL;
}

void answer_release(struct answer *answer)
{
    es_buf_release(&answer->head);
    es_buf_release(&answer->body);
}

struct answer ask(const struct fixture *fixture, const char *request)
{
    int fd = client_open(fixture);
    client_send(fd, request);
    struct answer answer = client_read(fd, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
    return answer;
}
