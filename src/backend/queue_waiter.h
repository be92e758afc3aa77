/* Where threads of this process wait for something to come into a queue. Thread-safe. */
#ifndef QUEUE_WAITER_H
#define QUEUE_WAITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct queue_waiter {
    pthread_mutex_t lock;
    pthread_cond_t is_told;
    uint64_t told;  /* how often something came */
    uint64_t woken; /* how often everybody was sent away */
};

/* What a thread knew when it looked. */
struct queue_seen {
    uint64_t told, woken;
};

void queue_waiter_init(struct queue_waiter *waiter);
void queue_waiter_release(struct queue_waiter *waiter);

/* Something came: wakes one thread, or all. */
void queue_waiter_tell(struct queue_waiter *waiter, bool all);
/* Ends every wait. */
void queue_waiter_wake(struct queue_waiter *waiter);

/* Before looking, so that nothing that comes between the look and the wait is missed. */
struct queue_seen queue_waiter_look(struct queue_waiter *waiter);
/* Blocks until something has come since `seen`, or the time is over. False: everybody was sent
 * away. */
bool queue_waiter_wait(struct queue_waiter *waiter, const struct queue_seen *seen,
                       int64_t timeout_ms);

#endif
