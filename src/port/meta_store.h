/* What must last: accounts, media, jobs' records, shares. Every function blocks, is thread-safe,
 * and may fail with ES_UNAVAILABLE (the store is away) or ES_IO besides what its comment says. What
 * is read lives in `arena`. Lists are in the order that they say and end early only at `limit`. */
#ifndef META_STORE_H
#define META_STORE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "model/job.h"
#include "model/media.h"
#include "model/share.h"
#include "model/user.h"

#define META_LIST_MAX 200

struct meta_store;

enum media_sort { MEDIA_SORT_UNSET = 0, MEDIA_NEWEST, MEDIA_OLDEST, MEDIA_BY_NAME, MEDIA_LARGEST };

/* Which media: NULL, 0 and UNSET leave a condition out. */
struct media_query {
    const char *user_id; /* NULL: of every user, which needs a status */
    const char *text;    /* anywhere in file name, title, artist or album; letters of either case */
    const char *type;    /* "audio" or "video" */
    enum media_status status;
    enum media_sort sort; /* UNSET is NEWEST */
    const char
        *cursor;  /* what the page before returned; one that is none: ES_INVALID cursor_invalid */
    size_t limit; /* 1..META_LIST_MAX */
};

/* Which jobs, newest first. */
struct job_query {
    const char *user_id;
    const char *media_id;
    const char *content_key; /* with user_id only */
    enum job_status status;
    bool is_unfinished; /* only ENQUEUED and PROCESSING: what the sweep looks for */
    const char *cursor;
    size_t limit;
};

/* Which fields of a media are to change; NULL, 0 and UNSET are left alone. */
struct media_change {
    const char *original_filename;
    enum playback_policy playback;
    enum media_status status;
    bool revokes_links;                    /* link_epoch grows by one */
    const struct media_loudness *loudness; /* of the facts */
};

/* A write to a job's record by whoever holds its lease or its ownership. */
struct job_change {
    enum job_status status;    /* required; the state table decides */
    int64_t fence;             /* 0: a gateway's write, not fenced */
    int64_t output_size_bytes; /* with DONE */
    int64_t at_ms; /* becomes updated_at_ms, and started_at_ms or finished_at_ms where it fits */
    const char *details;     /* NULL leaves it alone */
    const char *content_key; /* the same */
    enum es_code error_code; /* with FAILED */
    const char *error_word;
    bool is_retry; /* FAILED or CANCELLED -> ENQUEUED: attempts + 1, the old outcome erased */
};

struct meta_store_ops {
    const char *name;
    void (*close)(struct meta_store *store);
    /* Answers, and can write. */
    enum es_code (*check)(struct meta_store *store, struct es_err *reterr);

    /* ES_CONFLICT username_taken; decided by the store itself, not by looking first. */
    enum es_code (*user_create)(struct meta_store *store, const struct user *user,
                                struct es_err *reterr);
    /* ES_NOT_FOUND user_not_found */
    enum es_code (*user_by_id)(struct meta_store *store, const char *id, struct es_arena *arena,
                               struct user **ret_user, struct es_err *reterr);
    enum es_code (*user_by_username)(struct meta_store *store, const char *username,
                                     struct es_arena *arena, struct user **ret_user,
                                     struct es_err *reterr);
    /* By username, those that begin with `prefix` ("" for all) and come after `after` (NULL: from
     * the first). Passwords' hashes are left out. */
    enum es_code (*user_list)(struct meta_store *store, const char *prefix, const char *after,
                              size_t limit, struct es_arena *arena, struct user **ret_users,
                              size_t *ret_count, struct es_err *reterr);
    /* Sets the hash, and tokens_valid_from_ms where it is not 0. ES_NOT_FOUND. */
    enum es_code (*user_set_password)(struct meta_store *store, const char *id, const char *hash,
                                      int64_t tokens_valid_from_ms, struct es_err *reterr);
    /* Removes the account, its shares, and those with it. Its media must be gone: ES_CONFLICT. */
    enum es_code (*user_delete)(struct meta_store *store, const char *id, struct es_err *reterr);
    enum es_code (*user_count)(struct meta_store *store, int64_t *ret_count, struct es_err *reterr);

    /* Remembers a token's id until the token would have expired. Revoking twice is once. */
    enum es_code (*token_revoke)(struct meta_store *store, const char *token_id,
                                 int64_t expires_at_ms, struct es_err *reterr);
    enum es_code (*token_is_revoked)(struct meta_store *store, const char *token_id,
                                     bool *ret_is_revoked, struct es_err *reterr);

    /* ES_CONFLICT media_exists. */
    enum es_code (*media_create)(struct meta_store *store, const struct media *media,
                                 struct es_err *reterr);
    /* ES_NOT_FOUND media_not_found */
    enum es_code (*media_get)(struct meta_store *store, const char *id, struct es_arena *arena,
                              struct media **ret_media, struct es_err *reterr);
    enum es_code (*media_list)(struct meta_store *store, const struct media_query *query,
                               struct es_arena *arena, struct media **ret_media, size_t *ret_count,
                               const char **ret_next_cursor, /* NULL: no more */
                               struct es_err *reterr);
    enum es_code (*media_change)(struct meta_store *store, const char *id,
                                 const struct media_change *change, struct es_err *reterr);
    /* All bytes of an UPLOADING media are there: content type, size, SHA-256 and facts become those
     * of `media`, its status what its jobs make it. ES_NOT_FOUND; ES_CONFLICT for one that is not
     * UPLOADING. */
    enum es_code (*media_complete)(struct meta_store *store, const struct media *media,
                                   struct es_err *reterr);
    /* Removes the record, its jobs' records and its shares, in one transaction. ES_NOT_FOUND. */
    enum es_code (*media_delete)(struct meta_store *store, const char *id, struct es_err *reterr);

    /* ES_NOT_FOUND media_not_found, ES_CONFLICT job_exists. */
    enum es_code (*job_create)(struct meta_store *store, const struct job *job,
                               struct es_err *reterr);
    /* ES_NOT_FOUND job_not_found */
    enum es_code (*job_get)(struct meta_store *store, const char *id, struct es_arena *arena,
                            struct job **ret_job, struct es_err *reterr);
    enum es_code (*job_list)(struct meta_store *store, const struct job_query *query,
                             struct es_arena *arena, struct job **ret_jobs, size_t *ret_count,
                             const char **ret_next_cursor, struct es_err *reterr);
    /* One atomic write. ES_NOT_FOUND job_not_found; ES_CONFLICT job_state where the state table or
     * a greater fence forbids it. The same status again is allowed to the same or a greater fence.
     * Also sets the media's status from all its jobs: PROCESSING while one is unfinished, else
     * READY while one is done, else ERROR where the newest failed, else UPLOADED; one that is
     * UPLOADING stays so. */
    enum es_code (*job_change)(struct meta_store *store, const char *id,
                               const struct job_change *change, struct es_err *reterr);
    /* With its shares; the media's status follows. ES_NOT_FOUND. */
    enum es_code (*job_delete)(struct meta_store *store, const char *id, struct es_err *reterr);

    /* Twice is once. ES_NOT_FOUND where media, job or recipient is gone. */
    enum es_code (*share_add)(struct meta_store *store, const struct share *share,
                              struct es_err *reterr);
    /* ES_NOT_FOUND share_not_found */
    enum es_code (*share_remove)(struct meta_store *store, const char *media_id, const char *job_id,
                                 const char *recipient_id, struct es_err *reterr);
    /* Those of one media (`media_id`), or those with one user (`recipient_id`), or both; oldest
     * first, recipient_username filled. */
    enum es_code (*share_list)(struct meta_store *store, const char *media_id,
                               const char *recipient_id, struct es_arena *arena,
                               struct share **ret_shares, size_t *ret_count, struct es_err *reterr);
};

struct meta_store {
    const struct meta_store_ops *ops; /* the first member of each backend's struct */
};

static inline void meta_store_close(struct meta_store *store)
{
    store->ops->close(store);
}

ES_DEFINE_AUTO(meta_store, meta_store_close);

#endif
