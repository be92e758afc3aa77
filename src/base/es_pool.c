/* One ring of items, one mutex, one condition. */
#include "base/es_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/es_arena.h"

struct item {
    void (*run)(void *argument);
    void *argument;
};

struct es_pool {
    pthread_mutex_t mutex;
    pthread_cond_t has_work;
    struct item *ring;
    size_t ring_size, first, waiting, running;
    bool is_draining;
    size_t thread_count;
    char name[16];
    pthread_t threads[];
};

static void *thread_main(void *argument)
{
    struct es_pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->waiting == 0 && !pool->is_draining)
            pthread_cond_wait(&pool->has_work, &pool->mutex);
        if (pool->waiting == 0)
            break;
        struct item item = pool->ring[pool->first];
        pool->first = (pool->first + 1) % pool->ring_size;
        pool->waiting--;
        pool->running++;
        pthread_mutex_unlock(&pool->mutex);
        item.run(item.argument);
        pthread_mutex_lock(&pool->mutex);
        pool->running--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

enum es_code es_pool_open(const char *name, size_t thread_count, size_t queue_max,
                          struct es_pool **ret_pool, struct es_err *reterr)
{
    struct es_pool *pool = es_malloc(sizeof(*pool) + thread_count * sizeof(pthread_t));
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    pool->ring_size = queue_max;
    pool->ring = es_malloc(queue_max * sizeof(*pool->ring));
    snprintf(pool->name, sizeof(pool->name), "%s", name);

    /* Signals are the main thread's business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (size_t i = 0; i < thread_count && !error; i++) {
        error = pthread_create(&pool->threads[i], NULL, thread_main, pool);
        if (!error) {
            pthread_setname_np(pool->threads[i], pool->name);
            pool->thread_count++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        es_pool_close(pool);
        return es_fail_errno(reterr, error, "cannot start the threads of pool '%s'", name);
    }
    *ret_pool = pool;
    return ES_OK;
}

bool es_pool_submit(struct es_pool *pool, void (*run)(void *argument), void *argument)
{
    pthread_mutex_lock(&pool->mutex);
    bool is_taken = !pool->is_draining && pool->waiting < pool->ring_size;
    if (is_taken) {
        size_t last = (pool->first + pool->waiting) % pool->ring_size;
        pool->ring[last] = (struct item){ .run = run, .argument = argument };
        pool->waiting++;
        pthread_cond_signal(&pool->has_work);
    }
    pthread_mutex_unlock(&pool->mutex);
    return is_taken;
}

size_t es_pool_load(struct es_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    size_t load = pool->waiting + pool->running;
    pthread_mutex_unlock(&pool->mutex);
    return load;
}

void es_pool_close(struct es_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->is_draining = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->ring);
    free(pool);
}
