/* Files: which part of one, if any, a request gets; and the pull source, whose blocking reads run
 * on the handler pool while the connection is suspended. */
#include "http/http_internal.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "wire/range.h"

#define PULL_BYTES (256 * 1024)

static void close_file(const struct http_file *file)
{
    if (file->source.read) {
        if (file->source.close)
            file->source.close(file->source.context);
    } else if (file->fd >= 0) {
        close(file->fd);
    }
}

static struct range_answer evaluate(struct http_exchange *exchange, const struct http_file *file)
{
    const struct range_request request = {
        .range = http_exchange_header(exchange, "Range"),
        .if_range = http_exchange_header(exchange, "If-Range"),
        .if_match = http_exchange_header(exchange, "If-Match"),
        .if_none_match = http_exchange_header(exchange, "If-None-Match"),
        .if_modified_since = http_exchange_header(exchange, "If-Modified-Since"),
        .if_unmodified_since = http_exchange_header(exchange, "If-Unmodified-Since"),
    };
    const struct range_resource resource = { .size_bytes = file->size_bytes,
                                             .etag = file->etag,
                                             .mtime_ms = file->mtime_ms };
    return range_evaluate(&request, &resource);
}

static void add_validators(struct http_exchange *exchange, const struct http_file *file)
{
    http_reply_set_header(exchange, "Accept-Ranges", "bytes");
    if (file->etag)
        http_reply_set_header(exchange, "ETag", file->etag);
    if (file->mtime_ms > 0) {
        char date[ES_HTTP_DATE_SIZE];
        es_http_date_format(file->mtime_ms, date);
        http_reply_set_header(exchange, "Last-Modified", date);
    }
    if (file->cache_control)
        http_reply_set_header(exchange, "Cache-Control", file->cache_control);
}

static void reply_content(struct http_exchange *exchange, const struct http_file *file, int status,
                          uint64_t first, uint64_t size)
{
    struct http_reply_state *reply = &exchange->reply;
    if (file->content_type)
        http_reply_set_header(exchange, "Content-Type", file->content_type);
    if (file->disposition)
        http_reply_set_header(exchange, "Content-Disposition", file->disposition);
    if (size == 0) { /* nothing to read; the library has no empty descriptors */
        http_reply(exchange, status, NULL, "", 0);
        close_file(file);
        return;
    }
    reply->status = status;
    reply->kind = file->source.read ? HTTP_REPLY_SOURCE : HTTP_REPLY_FD;
    reply->fd = file->fd;
    reply->source = file->source;
    reply->offset = file->offset + first;
    reply->size = size;
    exchange->has_resources = true;
}

void http_reply_file(struct http_exchange *exchange, const struct http_file *file)
{
    assert(!http_exchange_is_replied(exchange));
    struct range_answer answer = evaluate(exchange, file);
    struct es_arena *arena = &exchange->arena;
    unsigned long long size = file->size_bytes;
    add_validators(exchange, file);
    switch (answer.outcome) {
    case RANGE_UNSET:
    case RANGE_WHOLE:
        reply_content(exchange, file, 200, 0, file->size_bytes);
        return;
    case RANGE_PART:
        http_reply_set_header(exchange, "Content-Range",
                              es_printf(arena, "bytes %llu-%llu/%llu",
                                        (unsigned long long)answer.first,
                                        (unsigned long long)answer.last, size));
        reply_content(exchange, file, 206, answer.first, answer.last - answer.first + 1);
        return;
    case RANGE_NOT_MODIFIED:
        http_reply(exchange, 304, NULL, "", 0);
        break;
    case RANGE_FAILED:
        http_reply(exchange, 412, NULL, "", 0);
        break;
    case RANGE_UNSATISFIABLE:
        http_reply_set_header(exchange, "Content-Range", es_printf(arena, "bytes */%llu", size));
        http_exchange_refuse(exchange, HTTP_REFUSAL_RANGE);
        break;
    }
    close_file(file);
}

/* ---- the pull source ---- */

enum pull_state { PULL_EMPTY = 0, PULL_READING, PULL_READY, PULL_FAILED };

struct pull {
    struct http_server *server;
    struct MHD_Connection *connection;
    int fd; /* the connection's */
    struct http_source source;
    uint64_t offset;         /* of the reply's first byte in the source */
    uint64_t size;           /* of the reply */
    _Atomic uint64_t *total; /* the exchange's, which outlives the response's reader */
    _Atomic int state;       /* enum pull_state */
    uint64_t position;       /* in the reply, of the buffer's first byte */
    size_t filled;
    char bytes[PULL_BYTES];
};

static void run_read(void *argument);

/* Reads again, or fails where the server stops. */
static void let_pull_go_on(void *waiter, bool is_stopping)
{
    struct pull *pull = waiter;
    if (!is_stopping && http_server_submit(pull->server, HTTP_LANE_POOL, false, run_read, pull))
        return;
    struct MHD_Connection *connection = pull->connection;
    atomic_store(&pull->state, PULL_FAILED);
    MHD_resume_connection(connection);
}

/* The library does not look at a suspended connection. */
static bool has_client_left(const struct pull *pull)
{
    struct pollfd socket = { .fd = pull->fd, .events = POLLRDHUP };
    return poll(&socket, 1, 0) > 0;
}

/* On the handler pool, with the connection suspended. */
static void run_read(void *argument)
{
    struct pull *pull = argument;
    uint64_t left = pull->size - pull->position;
    size_t wanted = left < PULL_BYTES ? (size_t)left : PULL_BYTES, got = 0;
    enum es_code code = pull->source.read(pull->source.context, pull->offset + pull->position,
                                          pull->bytes, wanted, &got, NULL);
    if (code == ES_OK && got == 0 && pull->source.await && !has_client_left(pull)) {
        struct http_wait *wait = http_wait_open(pull->server, pull, let_pull_go_on);
        pull->source.await(pull->source.context, wait);
        http_wait_leave(wait);
        return;
    }
    pull->filled = got;
    struct MHD_Connection *connection = pull->connection;
    atomic_store(&pull->state, code == ES_OK && got > 0 ? PULL_READY : PULL_FAILED);
    MHD_resume_connection(connection);
}

static ssize_t start_read(struct pull *pull, uint64_t position)
{
    pull->position = position;
    atomic_store(&pull->state, PULL_READING);
    MHD_suspend_connection(pull->connection);
    if (http_server_submit(pull->server, HTTP_LANE_POOL, false, run_read, pull))
        return 0;
    atomic_store(&pull->state, PULL_FAILED);
    MHD_resume_connection(pull->connection);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The library asks for the reply's next bytes; 0: not yet, the connection is suspended. */
static ssize_t pull_bytes(void *context, uint64_t position, char *ret_bytes, size_t size_max)
{
    struct pull *pull = context;
    switch ((enum pull_state)atomic_load(&pull->state)) {
    case PULL_FAILED:
        return MHD_CONTENT_READER_END_WITH_ERROR;
    case PULL_READING:
        return 0;
    case PULL_EMPTY:
        return start_read(pull, position);
    case PULL_READY:
        break;
    }
    if (position < pull->position || position >= pull->position + pull->filled)
        return start_read(pull, position);
    size_t at = (size_t)(position - pull->position), size = pull->filled - at;
    if (size > size_max)
        size = size_max;
    memcpy(ret_bytes, pull->bytes + at, size);
    atomic_fetch_add(pull->total, size);
    return (ssize_t)size;
}

static void close_pull(void *context)
{
    struct pull *pull = context;
    if (pull->source.close)
        pull->source.close(pull->source.context);
    free(pull);
}

struct MHD_Response *http_source_response(struct http_exchange *exchange)
{
    struct pull *pull = es_malloc(sizeof(*pull));
    pull->server = exchange->server;
    pull->connection = exchange->connection;
    pull->fd = exchange->conn->fd;
    pull->source = exchange->reply.source;
    pull->offset = exchange->reply.offset;
    pull->size = exchange->reply.size;
    pull->total = &exchange->reply.bytes_pulled;
    struct MHD_Response *response = MHD_create_response_from_callback(
        exchange->reply.size, PULL_BYTES / 2, pull_bytes, pull, close_pull);
    if (!response)
        free(pull); /* the source stays the exchange's */
    return response;
}
