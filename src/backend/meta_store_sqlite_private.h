/* What the files of the SQLite metadata store share. */
#ifndef META_STORE_SQLITE_PRIVATE_H
#define META_STORE_SQLITE_PRIVATE_H

#include "backend/sqlite_db.h"
#include "port/meta_store.h"

struct meta_store_sqlite {
    struct meta_store base;
    struct sqlite_db *db;
};

static inline struct sqlite_db *meta_db(struct meta_store *store)
{
    return ((struct meta_store_sqlite *)store)->db;
}

enum es_code sqlite_media_create(struct meta_store *store, const struct media *media,
                                 struct es_err *reterr);
enum es_code sqlite_media_get(struct meta_store *store, const char *id, struct es_arena *arena,
                              struct media **ret_media, struct es_err *reterr);
enum es_code sqlite_media_list(struct meta_store *store, const struct media_query *query,
                               struct es_arena *arena, struct media **ret_media, size_t *ret_count,
                               const char **ret_next_cursor, struct es_err *reterr);
enum es_code sqlite_media_change(struct meta_store *store, const char *id,
                                 const struct media_change *change, struct es_err *reterr);
enum es_code sqlite_media_complete(struct meta_store *store, const struct media *media,
                                   struct es_err *reterr);
enum es_code sqlite_media_delete(struct meta_store *store, const char *id, struct es_err *reterr);

/* Makes the media's status what its jobs make it, unless it is UPLOADING. */
ES_CHECK enum es_code sqlite_media_follow_jobs(struct sqlite_tx *tx, const char *media_id,
                                               struct es_err *reterr);
enum es_code sqlite_job_create(struct meta_store *store, const struct job *job,
                               struct es_err *reterr);
enum es_code sqlite_job_get(struct meta_store *store, const char *id, struct es_arena *arena,
                            struct job **ret_job, struct es_err *reterr);
enum es_code sqlite_job_list(struct meta_store *store, const struct job_query *query,
                             struct es_arena *arena, struct job **ret_jobs, size_t *ret_count,
                             const char **ret_next_cursor, struct es_err *reterr);
enum es_code sqlite_job_change(struct meta_store *store, const char *id,
                               const struct job_change *change, struct es_err *reterr);
enum es_code sqlite_job_delete(struct meta_store *store, const char *id, struct es_err *reterr);

enum es_code sqlite_share_add(struct meta_store *store, const struct share *share,
                              struct es_err *reterr);
enum es_code sqlite_share_remove(struct meta_store *store, const char *media_id, const char *job_id,
                                 const char *recipient_id, struct es_err *reterr);
enum es_code sqlite_share_list(struct meta_store *store, const char *media_id,
                               const char *recipient_id, struct es_arena *arena,
                               struct share **ret_shares, size_t *ret_count, struct es_err *reterr);

#endif
