/* GET /events: the caller's events as Server-Sent Events (WHATWG HTML, 9.2).
 *
 * A feed joins a subscription, whose thread delivers, to a stream, whose client reads. The
 * subscription is there first, so that nothing is missed; what it delivers before the stream is
 * there waits in the feed. Two hold the feed: the handler until the stream is live, and the stream
 * until it has ended. */
#include "service/events.h"

#include <pthread.h>
#include <stdatomic.h>

#include "api/api_route.h"
#include "base/es_clock.h"

#define HEARTBEAT_MS 15000
#define RECONNECT_MS 2000

struct feed {
    atomic_int holders;
    struct events *events;
    struct subscription *subscription;
    int64_t expires_at_ms; /* of the session: nothing is told after it */

    pthread_mutex_t mutex; /* over what waits, while the stream is not live */
    struct es_buf waiting;
    atomic_bool is_live;
    struct http_stream *stream;
};

static const struct api_field event_fields[] = {
    { "Last-Event-ID", API_FROM_HEADER, API_INTEGER, .min = 0, .max = INT64_MAX }, { 0 }
};

static void drop_feed(struct feed *feed)
{
    if (atomic_fetch_sub(&feed->holders, 1) > 1)
        return;
    if (feed->stream)
        http_stream_close(feed->stream);
    pthread_mutex_destroy(&feed->mutex);
    es_buf_release(&feed->waiting);
    free(feed);
}

/* The client is gone, or the server stops. */
static void on_closed(void *context)
{
    struct feed *feed = context;
    events_unsubscribe(feed->events, feed->subscription);
    drop_feed(feed);
}

/* Keeps the text until the stream is live; false where it is already. */
static bool keep_waiting(struct feed *feed, const struct es_buf *text)
{
    pthread_mutex_lock(&feed->mutex);
    bool is_kept = !atomic_load(&feed->is_live);
    if (is_kept)
        es_buf_append(&feed->waiting, text->bytes, text->size);
    pthread_mutex_unlock(&feed->mutex);
    return is_kept;
}

/* On the events' thread. A write that ends the stream may run on_closed in our own frames: the feed
 * is not touched after it. */
static void deliver(void *argument, const struct event *event, const char *json)
{
    struct feed *feed = argument;
    if (es_clock_realtime_ms() >= feed->expires_at_ms)
        return;
    es_auto_buf text = { 0 };
    es_buf_printf(&text, "id: %lld\nevent: %s\ndata: ", (long long)event->sequence,
                  event_kind_name(event->kind));
    es_buf_append_text(&text, json);
    es_buf_append_text(&text, "\n\n");
    if (!atomic_load(&feed->is_live) && keep_waiting(feed, &text))
        return;
    http_stream_write(feed->stream, text.bytes, text.size);
}

/* Writes what waited, in order, until nothing does. */
static void go_live(struct feed *feed)
{
    for (bool is_live = false; !is_live;) {
        es_auto_buf text = { 0 };
        pthread_mutex_lock(&feed->mutex);
        text = feed->waiting;
        feed->waiting = (struct es_buf){ 0 };
        is_live = text.size == 0;
        atomic_store(&feed->is_live, is_live);
        pthread_mutex_unlock(&feed->mutex);
        if (!is_live)
            http_stream_write(feed->stream, text.bytes, text.size);
    }
}

static struct feed *new_feed(const struct api_call *call)
{
    struct feed *feed = es_malloc(sizeof(*feed));
    atomic_init(&feed->holders, 2);
    atomic_init(&feed->is_live, false);
    feed->events = api_events(call->api);
    feed->expires_at_ms = call->caller->expires_at_ms;
    pthread_mutex_init(&feed->mutex, NULL);
    es_buf_printf(&feed->waiting, "retry: %d\n\n", RECONNECT_MS);
    return feed;
}

static enum es_code handle_events(struct api_call *call, struct es_err *reterr)
{
    struct feed *feed = new_feed(call);
    enum es_code code = events_subscribe(feed->events, call->caller->user_id,
                                         api_integer(call, "Last-Event-ID", -1), call->language,
                                         deliver, feed, &feed->subscription, reterr);
    if (code != ES_OK) {
        drop_feed(feed);
        drop_feed(feed);
        return code;
    }
    /* Proxies that gather replies must not gather this one. */
    http_reply_set_header(call->exchange, "X-Accel-Buffering", "no");
    feed->stream = http_reply_stream(
        call->exchange, &(struct http_stream_settings){ .content_type = "text/event-stream",
                                                        .heartbeat_ms = HEARTBEAT_MS,
                                                        .closed = on_closed,
                                                        .context = feed });
    go_live(feed);
    drop_feed(feed);
    return ES_OK;
}

const struct api_route event_routes[] = {
    { "GET", "/events", handle_events, .auth = API_AUTH_USER, .fields = event_fields }, { 0 }
};
