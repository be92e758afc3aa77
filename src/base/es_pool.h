/* A bounded pool of threads for work that blocks: HTTP handlers, password hashing. Work that finds
 * the queue full is refused at once, so that load turns into an answer rather than into memory. */
#ifndef ES_POOL_H
#define ES_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_auto.h"
#include "base/es_error.h"

struct es_pool;

/* Starts `thread_count` (1..256) threads that share one queue of at most `queue_max` waiting items.
 * `name` (at most 11 characters) names the threads. Failure: ES_IO, nothing kept. */
ES_CHECK enum es_code es_pool_open(const char *name, size_t thread_count, size_t queue_max,
                                   struct es_pool **ret_pool, struct es_err *reterr);

/* Has `run(argument)` called once on one of the threads. False where the queue is full or the pool
 * is draining: then `run` is never called. Thread-safe, does not block. */
ES_CHECK bool es_pool_submit(struct es_pool *pool, void (*run)(void *argument), void *argument);

/* Items waiting or running. Thread-safe. */
size_t es_pool_load(struct es_pool *pool);

/* Takes no new work, runs all that waits, joins the threads, frees. Blocks. */
void es_pool_close(struct es_pool *pool);

ES_DEFINE_AUTO(es_pool, es_pool_close);

#endif
