/* Events: each watcher is told of their own things, once, with the state of now. */
#include "service_fixture.h"

#include <pthread.h>

#include "base/es_clock.h"
#include "service/events.h"
#include "service/sharing.h"

#define WAIT_MS 10000 /* far more than it takes; only a failing test waits so long */

/* What one subscription has been told. */
struct watcher {
    pthread_mutex_t mutex;
    pthread_cond_t told;
    struct es_arena arena;
    size_t count;
    struct {
        struct event event;
        const char *json;
    } list[64];
    struct events *events; /* with `leaves_at_once`: unsubscribes out of the call */
    struct subscription *subscription;
    bool leaves_at_once;
};

static void deliver(void *argument, const struct event *event, const char *json)
{
    struct watcher *watcher = argument;
    pthread_mutex_lock(&watcher->mutex);
    assert_true(watcher->count < 64);
    watcher->list[watcher->count].event = *event;
    watcher->list[watcher->count++].json = es_strdup(&watcher->arena, json);
    bool leaves = watcher->leaves_at_once;
    pthread_cond_broadcast(&watcher->told);
    pthread_mutex_unlock(&watcher->mutex);
    if (leaves)
        events_unsubscribe(watcher->events, watcher->subscription);
}

static void watcher_init(struct watcher *watcher)
{
    *watcher = (struct watcher){ 0 };
    pthread_mutex_init(&watcher->mutex, NULL);
    pthread_cond_init(&watcher->told, NULL);
}

static void watcher_release(struct watcher *watcher)
{
    pthread_cond_destroy(&watcher->told);
    pthread_mutex_destroy(&watcher->mutex);
    es_arena_release(&watcher->arena);
}

/* Waits until `kind` has been told with a JSON text that contains `needle`. */
static void wait_for(struct watcher *watcher, enum event_kind kind, const char *needle)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&watcher->mutex);
    for (size_t seen = 0;;) {
        for (; seen < watcher->count; seen++)
            if (watcher->list[seen].event.kind == kind &&
                strstr(watcher->list[seen].json, needle)) {
                pthread_mutex_unlock(&watcher->mutex);
                return;
            }
        if (pthread_cond_timedwait(&watcher->told, &watcher->mutex, &deadline)) {
            pthread_mutex_unlock(&watcher->mutex);
            fail_msg("never told of %s %s", event_kind_name(kind), needle);
        }
    }
}

static struct subscription *subscribe(struct fixture *f, struct events *events,
                                      const struct caller *user, int64_t after,
                                      struct watcher *watcher)
{
    (void)f;
    struct subscription *subscription;
    assert_works(events_subscribe(events, user->user_id, after, LANGUAGE_SPANISH, deliver, watcher,
                                  &subscription, reterr));
    return subscription;
}

static void watchers_are_told_of_their_own_things(void **state)
{
    struct fixture *f = *state;
    es_auto(events) events = NULL;
    assert_works(events_open(f->context, &events, reterr));
    struct watcher ana, luis;
    watcher_init(&ana);
    watcher_init(&luis);
    struct subscription *of_ana = subscribe(f, events, &f->ana, -1, &ana),
                        *of_luis = subscribe(f, events, &f->luis, -1, &luis);
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    wait_for(&ana, EVENT_MEDIA, "\"status\":\"uploaded\"");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    wait_for(&ana, EVENT_JOB, "\"status\":\"enqueued\"");
    fixture_finish(f, "sound");
    wait_for(&ana, EVENT_JOB, "\"status\":\"done\"");
    wait_for(&ana, EVENT_MEDIA, "\"status\":\"ready\"");
    struct share *share;
    assert_works(
        sharing_add(f->context, &f->ana, media->id, job->id, "luis", &f->arena, &share, reterr));
    wait_for(&luis, EVENT_SHARE, "\"original_filename\":\"song.flac\"");
    assert_works(
        sharing_remove(f->context, &f->ana, media->id, job->id, "luis", &f->arena, reterr));
    wait_for(&luis, EVENT_SHARE, "\"deleted\":true");
    assert_works(conversion_delete(f->context, &f->ana, job->id, reterr));
    wait_for(&ana, EVENT_JOB, "\"deleted\":true");
    assert_works(library_delete(f->context, &f->ana, media->id, reterr));
    wait_for(&ana, EVENT_MEDIA, "\"deleted\":true");
    events_unsubscribe(events, of_ana);
    events_unsubscribe(events, of_luis);
    for (size_t i = 0; i < luis.count; i++)
        assert_int_equal(luis.list[i].event.kind, EVENT_SHARE);
    for (size_t i = 0; i < ana.count; i++) {
        assert_string_equal(ana.list[i].event.user_id, f->ana.user_id);
        assert_true(i == 0 || ana.list[i].event.sequence > ana.list[i - 1].event.sequence);
    }
    watcher_release(&ana);
    watcher_release(&luis);
}

static void a_watcher_resumes_where_it_left(void **state)
{
    struct fixture *f = *state;
    const struct media *first = fixture_media(f, &f->ana, "first.flac");
    struct event *list;
    size_t count;
    int64_t last;
    assert_works(
        f->queue->ops->event_list(f->queue, -1, 1, &f->arena, &list, &count, &last, reterr));
    const struct media *second = fixture_media(f, &f->ana, "second.flac");
    es_auto(events) events = NULL;
    assert_works(events_open(f->context, &events, reterr));
    struct watcher resumed, from_start, from_another_life, latecomer;
    watcher_init(&resumed);
    watcher_init(&from_start);
    watcher_init(&from_another_life);
    watcher_init(&latecomer);
    struct subscription *a = subscribe(f, events, &f->ana, last, &resumed),
                        *b = subscribe(f, events, &f->ana, 0, &from_start),
                        *c = subscribe(f, events, &f->ana, INT64_MAX, &from_another_life);
    wait_for(&resumed, EVENT_MEDIA, second->id);
    wait_for(&from_start, EVENT_MEDIA, first->id);
    wait_for(&from_start, EVENT_MEDIA, second->id);
    /* Whoever came before one that is told of the past has been looked at by then. */
    struct subscription *d = subscribe(f, events, &f->ana, 0, &latecomer);
    wait_for(&latecomer, EVENT_MEDIA, second->id);
    events_unsubscribe(events, d);
    watcher_release(&latecomer);
    const struct media *third = fixture_media(f, &f->ana, "third.flac");
    wait_for(&from_another_life, EVENT_MEDIA, third->id);
    wait_for(&resumed, EVENT_MEDIA, third->id);
    events_unsubscribe(events, a);
    events_unsubscribe(events, b);
    events_unsubscribe(events, c);
    assert_int_equal(resumed.count, 2);
    assert_int_equal(from_start.count, 3);
    assert_int_equal(from_another_life.count, 1);
    watcher_release(&resumed);
    watcher_release(&from_start);
    watcher_release(&from_another_life);
}

static void many_events_about_one_thing_are_told_once(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct lease *lease = fixture_lease(f);
    for (int i = 0; i < 100; i++)
        assert_works(conversion_progressed(f->context, lease, reterr));
    es_auto(events) events = NULL;
    assert_works(events_open(f->context, &events, reterr));
    struct watcher ana;
    watcher_init(&ana);
    struct subscription *subscription = subscribe(f, events, &f->ana, 0, &ana);
    wait_for(&ana, EVENT_JOB, "\"progress\"");
    const struct media *end = fixture_media(f, &f->ana, "end.flac");
    wait_for(&ana, EVENT_MEDIA, end->id);
    events_unsubscribe(events, subscription);
    assert_in_range(ana.count, 3, 4); /* two media, one job */
    watcher_release(&ana);
}

static void a_watcher_may_leave_out_of_its_own_call(void **state)
{
    struct fixture *f = *state;
    es_auto(events) events = NULL;
    assert_works(events_open(f->context, &events, reterr));
    struct watcher leaver, stayer;
    watcher_init(&leaver);
    watcher_init(&stayer);
    leaver.events = events;
    leaver.leaves_at_once = true;
    pthread_mutex_lock(&leaver.mutex); /* until its subscription is written down */
    leaver.subscription = subscribe(f, events, &f->ana, 0, &leaver);
    pthread_mutex_unlock(&leaver.mutex);
    struct subscription *subscription = subscribe(f, events, &f->ana, 0, &stayer);
    const struct media *one = fixture_media(f, &f->ana, "one.flac");
    wait_for(&stayer, EVENT_MEDIA, one->id);
    wait_for(&leaver, EVENT_MEDIA, one->id);
    const struct media *two = fixture_media(f, &f->ana, "two.flac");
    wait_for(&stayer, EVENT_MEDIA, two->id);
    events_unsubscribe(events, subscription);
    assert_int_equal(leaver.count, 1);
    watcher_release(&leaver);
    watcher_release(&stayer);
}

static void a_user_has_so_many_watchers_and_no_more(void **state)
{
    struct fixture *f = *state;
    es_auto(events) events = NULL;
    assert_works(events_open(f->context, &events, reterr));
    struct watcher watcher;
    watcher_init(&watcher);
    struct subscription *list[SUBSCRIPTIONS_PER_USER_MAX], *other;
    for (size_t i = 0; i < SUBSCRIPTIONS_PER_USER_MAX; i++)
        list[i] = subscribe(f, events, &f->ana, -1, &watcher);
    assert_fails(events_subscribe(events, f->ana.user_id, -1, LANGUAGE_SPANISH, deliver, &watcher,
                                  &other, reterr),
                 ES_LIMIT, "limit");
    other = subscribe(f, events, &f->luis, -1, &watcher);
    events_unsubscribe(events, other);
    events_unsubscribe(events, list[3]);
    list[3] = subscribe(f, events, &f->ana, -1, &watcher);
    for (size_t i = 0; i < SUBSCRIPTIONS_PER_USER_MAX; i++)
        events_unsubscribe(events, list[i]);
    watcher_release(&watcher);
}

struct churn {
    struct fixture *fixture;
    struct events *events;
};

static void *come_and_go(void *argument)
{
    struct churn *churn = argument;
    for (int i = 0; i < 200; i++) {
        struct watcher watcher;
        watcher_init(&watcher);
        struct subscription *subscription;
        if (events_subscribe(churn->events, churn->fixture->ana.user_id, 0, LANGUAGE_ENGLISH,
                             deliver, &watcher, &subscription, NULL) == ES_OK)
            events_unsubscribe(churn->events, subscription);
        watcher_release(&watcher); /* nobody may touch it any more: the sanitizers watch */
    }
    return NULL;
}

static void watchers_come_and_go_while_things_happen(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct lease *lease = fixture_lease(f);
    es_auto(events) events = NULL;
    assert_works(events_open(f->context, &events, reterr));
    struct churn churn = { f, events };
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &churn), 0);
    for (int i = 0; i < 200; i++)
        assert_works(conversion_progressed(f->context, lease, reterr));
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(watchers_are_told_of_their_own_things),
        with_fixture(a_watcher_resumes_where_it_left),
        with_fixture(many_events_about_one_thing_are_told_once),
        with_fixture(a_watcher_may_leave_out_of_its_own_call),
        with_fixture(a_user_has_so_many_watchers_and_no_more),
        with_fixture(watchers_come_and_go_while_things_happen),
    };
    return cmocka_run_group_tests_name("service_events", tests, NULL, NULL);
}
