/* A set-associative table of token buckets under one lock, which is held for some nanoseconds. */
#include "api/rate_limiter.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/es_id.h"

#define SETS 1024
#define WAYS 8

struct bucket {
    char key[RATE_KEY_BYTES_MAX + 1]; /* "": free */
    double tokens;
    int64_t at_us;
};

struct rate_limiter {
    pthread_mutex_t mutex;
    double burst, per_second;
    uint64_t seed; /* so that nobody outside can aim at a set */
    struct bucket buckets[SETS][WAYS];
};

struct rate_limiter *rate_limiter_open(double burst, double per_second)
{
    assert(burst >= 1 && per_second > 0);
    struct rate_limiter *limiter = es_malloc(sizeof(*limiter));
    pthread_mutex_init(&limiter->mutex, NULL);
    limiter->burst = burst;
    limiter->per_second = per_second;
    es_random(&limiter->seed, sizeof(limiter->seed));
    return limiter;
}

/* FNV-1a, begun at a secret place. */
static uint64_t key_hash(uint64_t seed, const char *key)
{
    uint64_t hash = 14695981039346656037U ^ seed;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 1099511628211U;
    return hash ^ (hash >> 32);
}

static double tokens_now(const struct rate_limiter *limiter, const struct bucket *bucket,
                         int64_t now_us)
{
    double elapsed_s = (double)(now_us - bucket->at_us) / 1e6;
    return fmin(limiter->burst, bucket->tokens + fmax(0, elapsed_s) * limiter->per_second);
}

/* The key's bucket, or the one that it takes over: a free one, else the fullest. */
static struct bucket *find_bucket(struct rate_limiter *limiter, const char *key, int64_t now_us)
{
    struct bucket *set = limiter->buckets[key_hash(limiter->seed, key) % SETS];
    struct bucket *best = &set[0];
    double best_tokens = -1;
    for (size_t i = 0; i < WAYS; i++) {
        if (strcmp(set[i].key, key) == 0)
            return &set[i];
        double tokens = set[i].key[0] ? tokens_now(limiter, &set[i], now_us) : INFINITY;
        if (tokens > best_tokens) {
            best = &set[i];
            best_tokens = tokens;
        }
    }
    memcpy(best->key, key, strlen(key) + 1);
    best->tokens = limiter->burst;
    best->at_us = now_us;
    return best;
}

bool rate_limiter_take(struct rate_limiter *limiter, const char *key, int64_t now_us,
                       int64_t *ret_wait_s)
{
    char short_key[RATE_KEY_BYTES_MAX + 1] = "";
    memcpy(short_key, key, strnlen(key, RATE_KEY_BYTES_MAX));
    pthread_mutex_lock(&limiter->mutex);
    struct bucket *bucket = find_bucket(limiter, short_key, now_us);
    bucket->tokens = tokens_now(limiter, bucket, now_us);
    bucket->at_us = now_us;
    double missing = 1 - bucket->tokens;
    if (missing <= 0)
        bucket->tokens -= 1;
    pthread_mutex_unlock(&limiter->mutex);
    if (missing > 0)
        *ret_wait_s = (int64_t)fmax(1, ceil(missing / limiter->per_second));
    return missing <= 0;
}

void rate_limiter_close(struct rate_limiter *limiter)
{
    pthread_mutex_destroy(&limiter->mutex);
    free(limiter);
}
