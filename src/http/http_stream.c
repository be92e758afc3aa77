/* Live streams: a bounded buffer between any thread that writes and the loop that sends. While the
 * buffer is empty the connection is suspended, so an idle stream costs no thread; the keeper then
 * watches its socket, since the library does not look at suspended ones.
 *
 * A stream has two holders, its owner and the library's response, and dies with the later. */
#include "http/http_internal.h"

#include <assert.h>
#include <string.h>

#include "base/es_clock.h"

#define BUFFER_BYTES_DEFAULT (256 * 1024)
#define BLOCK_BYTES          (16 * 1024)

enum notice { NOTICE_DUE = 0, NOTICE_RUNNING, NOTICE_DONE };

struct http_stream {
    struct http_server *server;
    struct http_stream *next, *previous; /* under the server's streams_mutex */
    struct http_stream_settings settings;
    uint64_t serial;
    struct MHD_Connection *connection;
    int fd;
    _Atomic uint64_t *total; /* the exchange's; the response's reader only */

    pthread_mutex_t mutex;
    pthread_cond_t has_told;
    struct es_buf buffer;
    bool is_suspended;
    bool is_ended;  /* no more is written; what is buffered still goes out */
    bool is_broken; /* nothing goes out any more */
    enum notice notice;
    pthread_t teller;
    int holders;
    int64_t last_write_ms;
};

static void unhold(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    bool is_last = --stream->holders == 0;
    pthread_mutex_unlock(&stream->mutex);
    if (!is_last)
        return;
    es_buf_release(&stream->buffer);
    pthread_cond_destroy(&stream->has_told);
    pthread_mutex_destroy(&stream->mutex);
    free(stream);
}

/* With the mutex held. */
static void wake(struct http_stream *stream)
{
    if (!stream->is_suspended)
        return;
    stream->is_suspended = false;
    MHD_resume_connection(stream->connection);
}

/* Tells the owner, once, that the other side ended it. Without the mutex. */
static void tell_owner(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    bool is_due = stream->notice == NOTICE_DUE;
    if (is_due) {
        stream->notice = NOTICE_RUNNING;
        stream->teller = pthread_self();
    }
    pthread_mutex_unlock(&stream->mutex);
    if (!is_due)
        return;
    if (stream->settings.closed)
        stream->settings.closed(stream->settings.context);
    pthread_mutex_lock(&stream->mutex);
    stream->notice = NOTICE_DONE;
    pthread_cond_broadcast(&stream->has_told);
    pthread_mutex_unlock(&stream->mutex);
}

/* ---- for the owner ---- */

static void enlist(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->streams_mutex);
    stream->serial = ++server->stream_serial;
    stream->next = server->streams;
    if (stream->next)
        stream->next->previous = stream;
    server->streams = stream;
    server->streams_count++;
    pthread_mutex_unlock(&server->streams_mutex);
}

static void delist(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->streams_mutex);
    if (stream->next)
        stream->next->previous = stream->previous;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        server->streams = stream->next;
    server->streams_count--;
    pthread_mutex_unlock(&server->streams_mutex);
}

struct http_stream *http_reply_stream(struct http_exchange *exchange,
                                      const struct http_stream_settings *settings)
{
    struct http_reply_state *reply = &exchange->reply;
    assert(!http_exchange_is_replied(exchange));
    struct http_stream *stream = es_malloc(sizeof(*stream));
    stream->server = exchange->server;
    stream->settings = *settings;
    if (!stream->settings.buffer_bytes_max)
        stream->settings.buffer_bytes_max = BUFFER_BYTES_DEFAULT;
    if (!stream->settings.heartbeat)
        stream->settings.heartbeat = ":\n\n";
    stream->connection = exchange->connection;
    stream->fd = exchange->conn->fd;
    stream->total = &reply->bytes_pulled;
    stream->holders = 2;
    stream->last_write_ms = es_clock_monotonic_ms();
    pthread_mutex_init(&stream->mutex, NULL);
    pthread_cond_init(&stream->has_told, NULL);
    enlist(stream);
    reply->kind = HTTP_REPLY_STREAM;
    reply->status = 200;
    reply->stream = stream;
    exchange->has_resources = true;
    http_reply_set_header(exchange, "Content-Type", settings->content_type);
    bool has_cache_control = false;
    for (const struct http_field *field = reply->fields; field; field = field->next)
        has_cache_control |= strcasecmp(field->name, "Cache-Control") == 0;
    if (!has_cache_control)
        http_reply_add_header(exchange, "Cache-Control", "no-store");
    return stream;
}

bool http_stream_write(struct http_stream *stream, const void *bytes, size_t size)
{
    pthread_mutex_lock(&stream->mutex);
    bool is_open = !stream->is_ended && !stream->is_broken;
    bool is_fitting = size <= stream->settings.buffer_bytes_max - stream->buffer.size;
    if (is_open && is_fitting) {
        es_buf_append(&stream->buffer, bytes, size);
        stream->last_write_ms = es_clock_monotonic_ms();
    } else {
        stream->is_broken |= is_open; /* too slow a reader */
    }
    wake(stream);
    pthread_mutex_unlock(&stream->mutex);
    if (is_open && !is_fitting)
        tell_owner(stream);
    return is_open && is_fitting;
}

bool http_stream_is_open(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    bool is_open = !stream->is_ended && !stream->is_broken;
    pthread_mutex_unlock(&stream->mutex);
    return is_open;
}

void http_stream_close(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    stream->is_ended = true;
    wake(stream);
    while (stream->notice == NOTICE_RUNNING && !pthread_equal(stream->teller, pthread_self()))
        pthread_cond_wait(&stream->has_told, &stream->mutex);
    stream->notice = stream->notice == NOTICE_RUNNING ? NOTICE_RUNNING : NOTICE_DONE;
    pthread_mutex_unlock(&stream->mutex);
    unhold(stream);
}

/* ---- for the library ---- */

/* The next bytes; 0: none yet, the connection is suspended until there are. */
static ssize_t send_bytes(void *context, uint64_t position, char *ret_bytes, size_t size_max)
{
    (void)position;
    struct http_stream *stream = context;
    pthread_mutex_lock(&stream->mutex);
    ssize_t result = 0;
    if (stream->is_broken) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (stream->buffer.size > 0) {
        size_t size = stream->buffer.size < size_max ? stream->buffer.size : size_max;
        memcpy(ret_bytes, stream->buffer.bytes, size);
        es_buf_consume(&stream->buffer, size);
        atomic_fetch_add(stream->total, size);
        result = (ssize_t)size;
    } else if (stream->is_ended || atomic_load(&stream->server->is_stopping)) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->is_suspended = true;
        MHD_suspend_connection(stream->connection);
    }
    pthread_mutex_unlock(&stream->mutex);
    return result;
}

static void end_response(void *context)
{
    struct http_stream *stream = context;
    http_keeper_unwatch(stream->server->keeper, stream->fd);
    http_stream_drop(stream);
}

void http_stream_drop(struct http_stream *stream)
{
    delist(stream);
    pthread_mutex_lock(&stream->mutex);
    stream->is_broken = true;
    pthread_mutex_unlock(&stream->mutex);
    tell_owner(stream);
    unhold(stream);
}

struct MHD_Response *http_stream_response(struct http_exchange *exchange)
{
    struct http_stream *stream = exchange->reply.stream;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, send_bytes, stream, end_response);
    if (response)
        http_keeper_watch(exchange->server->keeper, stream->fd, stream->serial);
    return response;
}

/* ---- for the keeper and the stop ---- */

static void break_off(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    stream->is_broken = true;
    wake(stream);
    pthread_mutex_unlock(&stream->mutex);
    tell_owner(stream);
}

static void end_gently(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    stream->is_ended = true;
    wake(stream);
    pthread_mutex_unlock(&stream->mutex);
    tell_owner(stream);
}

static void beat(struct http_stream *stream, int64_t now_ms)
{
    pthread_mutex_lock(&stream->mutex);
    int64_t silence_ms = now_ms - stream->last_write_ms;
    bool is_due = stream->settings.heartbeat_ms > 0 &&
                  silence_ms >= stream->settings.heartbeat_ms && stream->buffer.size == 0 &&
                  !stream->is_ended && !stream->is_broken;
    if (is_due) {
        es_buf_append_text(&stream->buffer, stream->settings.heartbeat);
        stream->last_write_ms = now_ms;
        wake(stream);
    }
    pthread_mutex_unlock(&stream->mutex);
}

/* All streams of now, each held, in an array from malloc. */
static struct http_stream **hold_all(struct http_server *server, size_t *ret_count)
{
    pthread_mutex_lock(&server->streams_mutex);
    struct http_stream **streams =
        es_malloc((server->streams_count + 1) * sizeof(struct http_stream *));
    size_t count = 0;
    for (struct http_stream *stream = server->streams; stream; stream = stream->next) {
        pthread_mutex_lock(&stream->mutex);
        stream->holders++;
        pthread_mutex_unlock(&stream->mutex);
        streams[count++] = stream;
    }
    pthread_mutex_unlock(&server->streams_mutex);
    *ret_count = count;
    return streams;
}

void http_stream_client_gone(struct http_server *server, uint64_t serial)
{
    size_t count;
    es_auto_free struct http_stream **streams = hold_all(server, &count);
    for (size_t i = 0; i < count; i++) {
        if (streams[i]->serial == serial)
            break_off(streams[i]);
        unhold(streams[i]);
    }
}

void http_streams_beat(struct http_server *server, int64_t now_ms)
{
    size_t count;
    es_auto_free struct http_stream **streams = hold_all(server, &count);
    for (size_t i = 0; i < count; i++) {
        beat(streams[i], now_ms);
        unhold(streams[i]);
    }
}

void http_streams_end(struct http_server *server)
{
    size_t count;
    es_auto_free struct http_stream **streams = hold_all(server, &count);
    for (size_t i = 0; i < count; i++) {
        end_gently(streams[i]);
        unhold(streams[i]);
    }
}
