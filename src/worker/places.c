/* A counter that may be below zero, and a condition. */
#include "worker/places.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/es_auto.h"

struct places {
    pthread_mutex_t mutex;
    pthread_cond_t has_free;
    long free; /* below zero: those that went on found their places taken */
    size_t arriving, arriving_max;
    bool is_ended;
};

struct places *places_open(size_t count, size_t arriving_max)
{
    struct places *places = es_malloc(sizeof(*places));
    pthread_mutex_init(&places->mutex, NULL);
    pthread_cond_init(&places->has_free, NULL);
    places->free = (long)count;
    places->arriving_max = arriving_max;
    return places;
}

void places_close(struct places *places)
{
    pthread_cond_destroy(&places->has_free);
    pthread_mutex_destroy(&places->mutex);
    free(places);
}

bool places_take(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    while (places->free <= 0 && !places->is_ended)
        pthread_cond_wait(&places->has_free, &places->mutex);
    bool is_taken = !places->is_ended;
    places->free -= is_taken;
    pthread_mutex_unlock(&places->mutex);
    return is_taken;
}

void places_give(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    if (++places->free > 0)
        pthread_cond_signal(&places->has_free);
    pthread_mutex_unlock(&places->mutex);
}

bool places_admit(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    bool is_admitted = places->arriving < places->arriving_max;
    places->arriving += is_admitted;
    pthread_mutex_unlock(&places->mutex);
    return is_admitted;
}

void places_dismiss(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    places->arriving--;
    pthread_mutex_unlock(&places->mutex);
}

void places_lend(struct places *places)
{
    places_give(places);
}

void places_take_back(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    places->free--;
    pthread_mutex_unlock(&places->mutex);
}

void places_end(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    places->is_ended = true;
    pthread_cond_broadcast(&places->has_free);
    pthread_mutex_unlock(&places->mutex);
}
