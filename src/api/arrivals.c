/* One thread asks the store for every object that somebody waits for, many times a second: a look
 * costs little beside the conversion that is waited for, and finds what any worker of any machine
 * publishes. Those that wait belong to the thread while it looks, and stand under the mutex before
 * and after. */
#include "api/arrivals.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/es_clock.h"

#define LOOK_INTERVAL_MS 25
#define ARRIVALS_MAX     512

struct arrival {
    struct arrival *next;
    char *key;
    int64_t until_ms; /* monotonic */
    struct http_wait *wait;
};

struct arrivals {
    struct blob_store *blobs;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t changed;
    bool is_closing;
    struct arrival *first;
    size_t count; /* with those that the thread looks at */
};

static void end_arrival(struct arrival *arrival)
{
    http_wait_end(arrival->wait);
    free(arrival->key);
    free(arrival);
}

/* A store that is away has not got it. */
static bool is_over(struct arrivals *arrivals, const struct arrival *arrival)
{
    struct blob_info info;
    return es_clock_monotonic_ms() >= arrival->until_ms ||
           arrivals->blobs->ops->stat(arrivals->blobs, arrival->key, &info, NULL) == ES_OK;
}

/* Ends those that are over; *list is what remains, the return how many went. */
static size_t look(struct arrivals *arrivals, struct arrival **list)
{
    size_t ended = 0;
    for (struct arrival **link = list; *link;) {
        struct arrival *arrival = *link;
        if (!is_over(arrivals, arrival)) {
            link = &arrival->next;
            continue;
        }
        *link = arrival->next;
        end_arrival(arrival);
        ended++;
    }
    return ended;
}

static void put_back(struct arrivals *arrivals, struct arrival *list)
{
    struct arrival **link = &list;
    while (*link)
        link = &(*link)->next;
    *link = arrivals->first;
    arrivals->first = list;
}

static void *run(void *argument)
{
    struct arrivals *arrivals = argument;
    pthread_mutex_lock(&arrivals->mutex);
    while (!arrivals->is_closing) {
        if (!arrivals->first) {
            pthread_cond_wait(&arrivals->changed, &arrivals->mutex);
            continue;
        }
        struct arrival *list = es_take(arrivals->first);
        pthread_mutex_unlock(&arrivals->mutex);
        size_t ended = look(arrivals, &list);
        es_sleep_ms(LOOK_INTERVAL_MS);
        pthread_mutex_lock(&arrivals->mutex);
        put_back(arrivals, list);
        arrivals->count -= ended;
    }
    pthread_mutex_unlock(&arrivals->mutex);
    return NULL;
}

enum es_code arrivals_open(struct blob_store *blobs, struct arrivals **ret_arrivals,
                           struct es_err *reterr)
{
    struct arrivals *arrivals = es_malloc(sizeof(*arrivals));
    arrivals->blobs = blobs;
    pthread_mutex_init(&arrivals->mutex, NULL);
    pthread_cond_init(&arrivals->changed, NULL);
    int error_number = pthread_create(&arrivals->thread, NULL, run, arrivals);
    if (error_number) {
        free(arrivals);
        return es_fail_errno(reterr, error_number, "starting the thread of arrivals");
    }
    *ret_arrivals = arrivals;
    return ES_OK;
}

void arrivals_close(struct arrivals *arrivals)
{
    pthread_mutex_lock(&arrivals->mutex);
    arrivals->is_closing = true;
    pthread_cond_signal(&arrivals->changed);
    pthread_mutex_unlock(&arrivals->mutex);
    pthread_join(arrivals->thread, NULL);
    while (arrivals->first) {
        struct arrival *arrival = arrivals->first;
        arrivals->first = arrival->next;
        end_arrival(arrival);
    }
    pthread_cond_destroy(&arrivals->changed);
    pthread_mutex_destroy(&arrivals->mutex);
    free(arrivals);
}

/* `wait`, or where that is NULL a new one of the exchange's. */
static bool add(struct arrivals *arrivals, struct http_exchange *exchange, struct http_wait *wait,
                const char *key, int64_t timeout_ms)
{
    pthread_mutex_lock(&arrivals->mutex);
    bool has_room = arrivals->count < ARRIVALS_MAX;
    if (has_room) {
        struct arrival *arrival = es_malloc(sizeof(*arrival));
        arrival->key = es_strdup_heap(key);
        arrival->until_ms = es_clock_monotonic_ms() + timeout_ms;
        arrival->wait = wait ? wait : http_exchange_wait(exchange);
        arrival->next = arrivals->first;
        arrivals->first = arrival;
        arrivals->count++;
        pthread_cond_signal(&arrivals->changed);
    }
    pthread_mutex_unlock(&arrivals->mutex);
    return has_room;
}

bool arrivals_await(struct arrivals *arrivals, struct http_exchange *exchange, const char *key,
                    int64_t timeout_ms)
{
    return add(arrivals, exchange, NULL, key, timeout_ms);
}

bool arrivals_add(struct arrivals *arrivals, struct http_wait *wait, const char *key,
                  int64_t timeout_ms)
{
    return add(arrivals, NULL, wait, key, timeout_ms);
}
