/* What the files of the memory backend share. Every function here wants the store's lock held. */
#ifndef META_STORE_MEMORY_PRIVATE_H
#define META_STORE_MEMORY_PRIVATE_H

#include <pthread.h>

#include "model/job.h"
#include "model/media.h"
#include "model/share.h"
#include "model/user.h"
#include "port/meta_store.h"

/* A record and the memory of its strings. */
struct record {
    struct es_arena arena;
    union {
        struct user *user;
        struct media *media;
        struct job *job;
        struct share *share;
        struct revoked_token *token;
    };
};

struct revoked_token {
    const char *id;
    int64_t expires_at_ms;
};

struct record_list {
    struct record **records;
    size_t count, capacity;
};

struct meta_store_memory {
    struct meta_store base;
    pthread_mutex_t lock;
    struct record_list users, media, jobs, shares, tokens;
};

struct record *record_list_add(struct record_list *list);
void record_list_remove(struct record_list *list,
                        size_t position); /* the last one takes its place */

struct record *memory_user_find(struct meta_store_memory *memory, const char *id);
struct record *memory_media_find(struct meta_store_memory *memory, const char *id);
struct record *memory_job_find(struct meta_store_memory *memory, const char *id);

/* Makes the media's status what its jobs make it. */
void memory_media_follow_jobs(struct meta_store_memory *memory, struct media *media);
/* Removes a media's jobs; a job's shares; a user's. */
void memory_jobs_remove_of_media(struct meta_store_memory *memory, const char *media_id);
void memory_shares_remove_of_job(struct meta_store_memory *memory, const char *job_id);
void memory_shares_remove_of_user(struct meta_store_memory *memory, const char *user_id);

enum es_code memory_media_create(struct meta_store *store, const struct media *media,
                                 struct es_err *reterr);
enum es_code memory_media_get(struct meta_store *store, const char *id, struct es_arena *arena,
                              struct media **ret_media, struct es_err *reterr);
enum es_code memory_media_list(struct meta_store *store, const struct media_query *query,
                               struct es_arena *arena, struct media **ret_media, size_t *ret_count,
                               const char **ret_next_cursor, struct es_err *reterr);
enum es_code memory_media_change(struct meta_store *store, const char *id,
                                 const struct media_change *change, struct es_err *reterr);
enum es_code memory_media_complete(struct meta_store *store, const struct media *media,
                                   struct es_err *reterr);
enum es_code memory_media_delete(struct meta_store *store, const char *id, struct es_err *reterr);

enum es_code memory_job_create(struct meta_store *store, const struct job *job,
                               struct es_err *reterr);
enum es_code memory_job_get(struct meta_store *store, const char *id, struct es_arena *arena,
                            struct job **ret_job, struct es_err *reterr);
enum es_code memory_job_list(struct meta_store *store, const struct job_query *query,
                             struct es_arena *arena, struct job **ret_jobs, size_t *ret_count,
                             const char **ret_next_cursor, struct es_err *reterr);
enum es_code memory_job_change(struct meta_store *store, const char *id,
                               const struct job_change *change, struct es_err *reterr);
enum es_code memory_job_delete(struct meta_store *store, const char *id, struct es_err *reterr);
enum es_code memory_share_add(struct meta_store *store, const struct share *share,
                              struct es_err *reterr);
enum es_code memory_share_remove(struct meta_store *store, const char *media_id, const char *job_id,
                                 const char *recipient_id, struct es_err *reterr);
enum es_code memory_share_list(struct meta_store *store, const char *media_id,
                               const char *recipient_id, struct es_arena *arena,
                               struct share **ret_shares, size_t *ret_count, struct es_err *reterr);

/* Unlocks at the end of the scope. */
static inline void memory_unlock(struct meta_store_memory **memory)
{
    pthread_mutex_unlock(&(*memory)->lock);
}
static inline struct meta_store_memory *memory_lock(struct meta_store *store)
{
    struct meta_store_memory *memory = (struct meta_store_memory *)store;
    pthread_mutex_lock(&memory->lock);
    return memory;
}
#define auto_unlock __attribute__((cleanup(memory_unlock))) struct meta_store_memory

#endif
