/* The events' thread. It alone reads the queue and calls `deliver`; the mutex guards the list of
 * subscriptions and is not held during a call. Unsubscribing waits for a call that is under way,
 * unless it comes out of that very call. */
#include "service/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/es_clock.h"
#include "service/conversion.h"
#include "service/library.h"

#define EVENTS_PAGE     256
#define EVENTS_WAIT_MS  1000
#define EVENTS_ERROR_MS 500 /* before the queue is asked again after a failure */

struct subscription {
    struct subscription *next;
    char user_id[ES_ID_SIZE];
    enum language language;
    subscription_deliver *deliver;
    void *argument;
    int64_t
        after; /* the last event it was told, or need not be told; < 0: the thread has seen none */
    bool is_gone; /* unsubscribed out of its own call: freed when that returns */
};

struct events {
    struct service_context *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t delivered;
    struct subscription *first;
    struct subscription *delivering; /* whose `deliver` runs now */
    int64_t last;                    /* the newest event that the thread has seen; < 0: none yet */
    atomic_bool is_closing;
};

/* The job, media or share as its user sees it now; NULL where it is gone or hidden. */
static enum es_code read_thing(struct service_context *context, const struct event *event,
                               enum language language, struct es_arena *arena, json_t **ret_thing,
                               struct es_err *reterr)
{
    struct caller user = { .username = "", .token_id = "" };
    memcpy(user.user_id, event->user_id, ES_ID_SIZE);
    if (event->kind == EVENT_JOB) {
        struct job_view view;
        enum es_code code =
            conversion_status(context, &user, event->job_id, event->media_id, arena, &view, reterr);
        *ret_thing = code ? NULL : job_view_json(&view, language);
        return code;
    }
    struct media_view view;
    enum es_code code = library_get(context, &user, event->media_id, arena, &view, reterr);
    if (code)
        *ret_thing = NULL;
    else if (event->kind == EVENT_SHARE)
        *ret_thing = shared_item_json(&view, language);
    else
        *ret_thing = media_view_json(&view, language);
    return code;
}

static json_t *deleted_json(const struct event *event)
{
    json_t *object = json_object();
    json_put_text(object, "media_id", event->media_id);
    json_put_text(object, "job_id", *event->job_id ? event->job_id : NULL);
    json_put(object, "deleted", json_true());
    return object;
}

/* The event's JSON, or NULL where the store cannot be read: then its watchers are not told. */
static const char *render(struct events *events, const struct event *event, enum language language,
                          struct es_arena *arena)
{
    json_auto thing = NULL;
    enum es_code code = read_thing(events->context, event, language, arena, &thing, NULL);
    if (code && code != ES_NOT_FOUND) {
        es_metric_add(events->context->families.events_lost, NULL, 1);
        return NULL;
    }
    if (!thing)
        thing = deleted_json(event);
    return json_text(thing, arena);
}

static bool is_about_the_same(const struct event *a, const struct event *b)
{
    return a->kind == b->kind && strcmp(a->user_id, b->user_id) == 0 &&
           strcmp(a->media_id, b->media_id) == 0 && strcmp(a->job_id, b->job_id) == 0;
}

/* Whether a later event of the page tells the same thing. */
static bool is_told_later(const struct event *list, size_t count, size_t at)
{
    for (size_t i = at + 1; i < count; i++)
        if (is_about_the_same(&list[at], &list[i]))
            return true;
    return false;
}

/* The next subscription that wants this event and has not had it; NULL for none. With the mutex
 * held. */
static struct subscription *find_taker(struct events *events, const struct event *event)
{
    for (struct subscription *s = events->first; s; s = s->next)
        if (s->after >= 0 && s->after < event->sequence && strcmp(s->user_id, event->user_id) == 0)
            return s;
    return NULL;
}

/* Takes it out of the list. With the mutex held. */
static void unlink_subscription(struct events *events, struct subscription *subscription)
{
    struct subscription **link = &events->first;
    while (*link != subscription)
        link = &(*link)->next;
    *link = subscription->next;
}

/* Tells one event to everyone who wants it. */
static void tell(struct events *events, const struct event *event)
{
    es_auto_arena arena = { 0 };
    const char *texts[2] = { 0 };
    bool is_rendered[2] = { 0 };
    pthread_mutex_lock(&events->mutex);
    struct subscription *taker;
    while ((taker = find_taker(events, event))) {
        enum language language = taker->language;
        if (!is_rendered[language]) { /* without the mutex: it reads the store */
            pthread_mutex_unlock(&events->mutex);
            texts[language] = render(events, event, language, &arena);
            is_rendered[language] = true;
            pthread_mutex_lock(&events->mutex);
            continue;
        }
        taker->after = event->sequence;
        events->delivering = taker; /* from here on it stays, whoever unsubscribes */
        pthread_mutex_unlock(&events->mutex);
        if (texts[language])
            taker->deliver(taker->argument, event, texts[language]);
        pthread_mutex_lock(&events->mutex);
        events->delivering = NULL;
        if (taker->is_gone)
            free(taker);
        pthread_cond_broadcast(&events->delivered);
    }
    pthread_mutex_unlock(&events->mutex);
}

/* From where the page must begin so that everyone gets theirs: the subscription that is furthest
 * behind. New ones get their place; `last` is the newest event there is. -1 where nobody listens.
 */
static int64_t find_start(struct events *events, int64_t last)
{
    int64_t start = -1;
    pthread_mutex_lock(&events->mutex);
    events->last = last;
    for (struct subscription *s = events->first; s; s = s->next) {
        if (s->after < 0 || s->after > last) /* new, or of another life of the queue */
            s->after = last;
        if (start < 0 || s->after < start)
            start = s->after;
    }
    pthread_mutex_unlock(&events->mutex);
    return start;
}

/* Everyone who was not told an event up to `sequence` did not want it. */
static void advance(struct events *events, int64_t sequence)
{
    pthread_mutex_lock(&events->mutex);
    for (struct subscription *s = events->first; s; s = s->next)
        if (s->after >= 0 && s->after < sequence)
            s->after = sequence;
    pthread_mutex_unlock(&events->mutex);
}

/* One page of events; *ret_last is the newest event there is, *ret_is_behind whether there is more.
 */
static enum es_code pass_on(struct events *events, int64_t *ret_last, bool *ret_is_behind,
                            struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct job_queue *queue = events->context->queue;
    struct event *list = NULL;
    size_t count = 0;
    int64_t last;
    *ret_is_behind = false;
    enum es_code code =
        queue->ops->event_list(queue, -1, EVENTS_PAGE, &arena, &list, &count, &last, reterr);
    if (code)
        return code;
    *ret_last = last;
    int64_t start = find_start(events, last);
    if (start < 0 || start >= last)
        return ES_OK;
    code = queue->ops->event_list(queue, start, EVENTS_PAGE, &arena, &list, &count, &last, reterr);
    if (code)
        return code;
    for (size_t i = 0; i < count; i++)
        if (!is_told_later(list, count, i))
            tell(events, &list[i]);
    advance(events, count ? list[count - 1].sequence : last);
    *ret_last = last;
    *ret_is_behind = count == EVENTS_PAGE;
    return ES_OK;
}

static void *run(void *argument)
{
    struct events *events = argument;
    struct job_queue *queue = events->context->queue;
    while (!atomic_load(&events->is_closing)) {
        int64_t last;
        bool is_behind;
        if (pass_on(events, &last, &is_behind, NULL))
            es_sleep_ms(EVENTS_ERROR_MS); /* watchers are told when the queue is back */
        else if (!is_behind)
            queue->ops->event_wait(queue, last, EVENTS_WAIT_MS);
    }
    return NULL;
}

/* Where the queue stands before anybody watches, so that what happens right after is news to those
 * who do. A queue that is away says it later. */
static int64_t first_last(struct job_queue *queue)
{
    es_auto_arena arena = { 0 };
    struct event *list;
    size_t count;
    int64_t last;
    return queue->ops->event_list(queue, -1, 1, &arena, &list, &count, &last, NULL) ? -1 : last;
}

enum es_code events_open(struct service_context *context, struct events **ret_events,
                         struct es_err *reterr)
{
    struct events *events = es_malloc(sizeof(*events));
    events->context = context;
    events->last = first_last(context->queue);
    pthread_mutex_init(&events->mutex, NULL);
    pthread_cond_init(&events->delivered, NULL);
    int failed = pthread_create(&events->thread, NULL, run, events);
    if (failed) {
        pthread_cond_destroy(&events->delivered);
        pthread_mutex_destroy(&events->mutex);
        free(events);
        return es_fail_errno(reterr, failed, "starting the events' thread");
    }
    pthread_setname_np(events->thread, "events");
    *ret_events = events;
    return ES_OK;
}

void events_close(struct events *events)
{
    atomic_store(&events->is_closing, true);
    events->context->queue->ops->wake(events->context->queue);
    pthread_join(events->thread, NULL);
    while (events->first) {
        struct subscription *next = events->first->next;
        free(events->first);
        events->first = next;
    }
    pthread_cond_destroy(&events->delivered);
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

enum es_code events_subscribe(struct events *events, const char *user_id, int64_t last_event_id,
                              enum language language, subscription_deliver *deliver, void *argument,
                              struct subscription **ret_subscription, struct es_err *reterr)
{
    struct subscription *subscription = es_malloc(sizeof(*subscription));
    snprintf(subscription->user_id, ES_ID_SIZE, "%s", user_id);
    subscription->language = language;
    subscription->deliver = deliver;
    subscription->argument = argument;
    size_t count = 0;
    pthread_mutex_lock(&events->mutex);
    /* What the thread has not seen yet is news: nothing that happens from now on may be missed. */
    subscription->after = last_event_id < 0 ? events->last : last_event_id;
    for (struct subscription *s = events->first; s; s = s->next)
        count += strcmp(s->user_id, user_id) == 0;
    bool is_full = count >= SUBSCRIPTIONS_PER_USER_MAX;
    if (!is_full) {
        subscription->next = events->first;
        events->first = subscription;
    }
    pthread_mutex_unlock(&events->mutex);
    if (is_full) {
        free(subscription);
        return es_fail_word(reterr, ES_LIMIT, "limit", "%zu event streams are open", count);
    }
    *ret_subscription = subscription;
    if (last_event_id >=
        0) /* what it missed is there already: no event will end the thread's wait */
        events->context->queue->ops->wake(events->context->queue);
    return ES_OK;
}

void events_unsubscribe(struct events *events, struct subscription *subscription)
{
    pthread_mutex_lock(&events->mutex);
    unlink_subscription(events, subscription);
    bool is_own_call =
        events->delivering == subscription && pthread_equal(pthread_self(), events->thread);
    if (is_own_call) {
        subscription->is_gone = true;
    } else {
        while (events->delivering == subscription)
            pthread_cond_wait(&events->delivered, &events->mutex);
        free(subscription);
    }
    pthread_mutex_unlock(&events->mutex);
}
