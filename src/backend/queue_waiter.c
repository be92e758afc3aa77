/* A condition variable on the monotonic clock, with counters, since a signal alone could be missed.
 */
#include "backend/queue_waiter.h"

#include <errno.h>
#include <time.h>

void queue_waiter_init(struct queue_waiter *waiter)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter->is_told, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&waiter->lock, NULL);
}

void queue_waiter_release(struct queue_waiter *waiter)
{
    pthread_cond_destroy(&waiter->is_told);
    pthread_mutex_destroy(&waiter->lock);
}

void queue_waiter_tell(struct queue_waiter *waiter, bool all)
{
    pthread_mutex_lock(&waiter->lock);
    waiter->told++;
    if (all)
        pthread_cond_broadcast(&waiter->is_told);
    else
        pthread_cond_signal(&waiter->is_told);
    pthread_mutex_unlock(&waiter->lock);
}

void queue_waiter_wake(struct queue_waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    waiter->woken++;
    pthread_cond_broadcast(&waiter->is_told);
    pthread_mutex_unlock(&waiter->lock);
}

struct queue_seen queue_waiter_look(struct queue_waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    struct queue_seen seen = { .told = waiter->told, .woken = waiter->woken };
    pthread_mutex_unlock(&waiter->lock);
    return seen;
}

bool queue_waiter_wait(struct queue_waiter *waiter, const struct queue_seen *seen,
                       int64_t timeout_ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += timeout_ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&waiter->lock);
    while (waiter->told == seen->told && waiter->woken == seen->woken)
        if (pthread_cond_timedwait(&waiter->is_told, &waiter->lock, &deadline) == ETIMEDOUT)
            break;
    bool goes_on = waiter->woken == seen->woken;
    pthread_mutex_unlock(&waiter->lock);
    return goes_on;
}
