/* Who was seen lately, in a table of fixed size: a user's hash may lie in any of a few neighbouring
 * slots, and where all of them are taken the one seen longest ago gives way. */
#include <pthread.h>
#include <string.h>

#include "service/accounts.h"

#define SLOT_COUNT  16384 /* a power of two */
#define PROBE_COUNT 16
#define ACTIVE_MS   (INT64_C(15) * 60 * 1000)

struct slot {
    uint64_t hash;
    int64_t seen_at_ms; /* 0: free */
};

struct active_users {
    pthread_mutex_t mutex;
    struct slot slots[SLOT_COUNT];
};

struct active_users *active_users_open(void)
{
    struct active_users *users = es_malloc(sizeof(*users));
    pthread_mutex_init(&users->mutex, NULL);
    return users;
}

void active_users_close(struct active_users *users)
{
    pthread_mutex_destroy(&users->mutex);
    free(users);
}

/* FNV-1a, and a last mixing so that the low bits are good. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
}

void active_users_seen(struct active_users *users, const char *user_id, int64_t now_ms)
{
    uint64_t hash = hash_of(user_id);
    pthread_mutex_lock(&users->mutex);
    struct slot *oldest = &users->slots[(hash >> 40) % SLOT_COUNT];
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        struct slot *slot = &users->slots[((hash >> 40) + i) % SLOT_COUNT];
        if (slot->hash == hash && slot->seen_at_ms) {
            oldest = slot;
            break;
        }
        if (slot->seen_at_ms < oldest->seen_at_ms)
            oldest = slot;
    }
    *oldest = (struct slot){ .hash = hash, .seen_at_ms = now_ms };
    pthread_mutex_unlock(&users->mutex);
}

size_t active_users_count(struct active_users *users, int64_t now_ms)
{
    size_t count = 0;
    pthread_mutex_lock(&users->mutex);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (users->slots[i].seen_at_ms && users->slots[i].seen_at_ms > now_ms - ACTIVE_MS)
            count++;
    pthread_mutex_unlock(&users->mutex);
    return count;
}
