/* A feed has up to three holders: its stream until that has ended, the handler until the stream is
 * live, and the checking thread while it looks. Who lets go last frees it. */
#include "api/feeds.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "service/accounts.h"

#define HEARTBEAT_MS 15000
#define RECONNECT_MS 2000

struct feed {
    struct feed *next, *previous; /* under the feeds' mutex, as is */
    int holders;

    struct feeds *feeds;
    char *token;
    struct subscription *subscription;
    struct http_stream *stream; /* NULL once it was closed */
    atomic_bool is_unsubscribed;
    atomic_bool is_stream_over; /* its holder has let go */

    /* What is delivered before the stream is there waits. */
    pthread_mutex_t mutex;
    struct es_buf waiting;
    atomic_bool is_live;
};

struct feeds {
    struct service_context *context;
    struct events *events;
    int64_t check_ms;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t closing;
    bool is_closing;
    struct feed *first;
    size_t count;
};

/* ---- holding ---- */

static void free_feed(struct feed *feed)
{
    if (feed->stream)
        http_stream_close(feed->stream);
    pthread_mutex_destroy(&feed->mutex);
    es_buf_release(&feed->waiting);
    free(feed->token);
    free(feed);
}

static void let_go(struct feed *feed)
{
    struct feeds *feeds = feed->feeds;
    pthread_mutex_lock(&feeds->mutex);
    bool is_last = --feed->holders == 0;
    if (is_last) {
        if (feed->next)
            feed->next->previous = feed->previous;
        if (feed->previous)
            feed->previous->next = feed->next;
        else
            feeds->first = feed->next;
        feeds->count--;
    }
    pthread_mutex_unlock(&feeds->mutex);
    if (is_last)
        free_feed(feed);
}

static struct feed *new_feed(struct feeds *feeds, const char *token)
{
    struct feed *feed = es_malloc(sizeof(*feed));
    feed->feeds = feeds;
    feed->token = es_strdup_heap(token);
    feed->holders = 2; /* the handler, and the stream to come */
    pthread_mutex_init(&feed->mutex, NULL);
    es_buf_printf(&feed->waiting, "retry: %d\n\n", RECONNECT_MS);
    pthread_mutex_lock(&feeds->mutex);
    feed->next = feeds->first;
    if (feed->next)
        feed->next->previous = feed;
    feeds->first = feed;
    feeds->count++;
    pthread_mutex_unlock(&feeds->mutex);
    return feed;
}

/* ---- ending: by whoever comes first, the client or the check ---- */

static void end_subscription(struct feed *feed)
{
    if (!atomic_exchange(&feed->is_unsubscribed, true))
        events_unsubscribe(feed->feeds->events, feed->subscription);
}

static void end_stream_holder(struct feed *feed)
{
    if (!atomic_exchange(&feed->is_stream_over, true))
        let_go(feed);
}

/* The client is gone, or the server stops. */
static void on_closed(void *context)
{
    struct feed *feed = context;
    end_subscription(feed);
    end_stream_holder(feed);
}

/* By the check, which holds the feed. Once the stream is closed, on_closed has run or never will.
 */
static void end_feed(struct feed *feed)
{
    end_subscription(feed);
    http_stream_close(feed->stream);
    feed->stream = NULL;
    end_stream_holder(feed);
}

/* ---- delivering ---- */

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

/* On the events' thread. A write that ends the stream runs on_closed in our own frames: the feed is
 * not touched after it. */
static void deliver(void *argument, const struct event *event, const char *json)
{
    struct feed *feed = argument;
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
        pthread_mutex_lock(&feed->mutex);
        es_auto_buf text = feed->waiting;
        feed->waiting = (struct es_buf){ 0 };
        is_live = text.size == 0;
        atomic_store(&feed->is_live, is_live);
        pthread_mutex_unlock(&feed->mutex);
        if (!is_live)
            http_stream_write(feed->stream, text.bytes, text.size);
    }
}

enum es_code feeds_reply(struct feeds *feeds, struct api_call *call, const char *token,
                         int64_t last_event_id, struct es_err *reterr)
{
    struct feed *feed = new_feed(feeds, token);
    enum es_code code =
        events_subscribe(feeds->events, call->caller->user_id, last_event_id, call->language,
                         deliver, feed, &feed->subscription, reterr);
    if (code != ES_OK) {
        end_stream_holder(feed);
        let_go(feed);
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
    let_go(feed);
    return ES_OK;
}

/* ---- the check ---- */

/* The feeds of now that are live, each held. */
static struct feed **hold_all(struct feeds *feeds, size_t *ret_count)
{
    pthread_mutex_lock(&feeds->mutex);
    struct feed **held = es_malloc((feeds->count + 1) * sizeof(struct feed *));
    size_t count = 0;
    for (struct feed *feed = feeds->first; feed; feed = feed->next) {
        if (!atomic_load(&feed->is_live) || atomic_load(&feed->is_stream_over))
            continue;
        feed->holders++;
        held[count++] = feed;
    }
    pthread_mutex_unlock(&feeds->mutex);
    *ret_count = count;
    return held;
}

/* A store that is away ends nothing. */
static bool session_is_over(struct feeds *feeds, const struct feed *feed)
{
    es_auto_arena arena = { 0 };
    struct caller caller;
    return accounts_authenticate(feeds->context, feed->token, &arena, &caller, NULL) ==
           ES_UNAUTHENTICATED;
}

static void check_sessions(struct feeds *feeds)
{
    size_t count;
    es_auto_free struct feed **held = hold_all(feeds, &count);
    for (size_t i = 0; i < count; i++) {
        if (session_is_over(feeds, held[i]))
            end_feed(held[i]);
        let_go(held[i]);
    }
}

static void *run_checks(void *argument)
{
    struct feeds *feeds = argument;
    pthread_mutex_lock(&feeds->mutex);
    while (!feeds->is_closing) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + feeds->check_ms % 1000 * 1000000;
        until.tv_sec += feeds->check_ms / 1000 + ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
        if (pthread_cond_timedwait(&feeds->closing, &feeds->mutex, &until) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&feeds->mutex);
        check_sessions(feeds);
        pthread_mutex_lock(&feeds->mutex);
    }
    pthread_mutex_unlock(&feeds->mutex);
    return NULL;
}

/* ---- opening ---- */

static struct feeds *new_feeds(struct service_context *context, int64_t check_ms)
{
    struct feeds *feeds = es_malloc(sizeof(*feeds));
    pthread_condattr_t attributes;
    feeds->context = context;
    feeds->check_ms = check_ms;
    pthread_mutex_init(&feeds->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&feeds->closing, &attributes);
    pthread_condattr_destroy(&attributes);
    return feeds;
}

static void free_feeds(struct feeds *feeds)
{
    if (feeds->events)
        events_close(feeds->events);
    pthread_cond_destroy(&feeds->closing);
    pthread_mutex_destroy(&feeds->mutex);
    free(feeds);
}

enum es_code feeds_open(struct service_context *context, int64_t check_ms, struct feeds **ret_feeds,
                        struct es_err *reterr)
{
    struct feeds *feeds = new_feeds(context, check_ms);
    enum es_code code = events_open(context, &feeds->events, reterr);
    if (code == ES_OK) {
        int error_number = pthread_create(&feeds->thread, NULL, run_checks, feeds);
        if (error_number)
            code = es_fail_errno(reterr, error_number, "starting the sessions' thread");
    }
    if (code != ES_OK) {
        free_feeds(feeds);
        return code;
    }
    *ret_feeds = feeds;
    return ES_OK;
}

void feeds_close(struct feeds *feeds)
{
    pthread_mutex_lock(&feeds->mutex);
    feeds->is_closing = true;
    pthread_cond_signal(&feeds->closing);
    pthread_mutex_unlock(&feeds->mutex);
    pthread_join(feeds->thread, NULL);
    free_feeds(feeds);
}
