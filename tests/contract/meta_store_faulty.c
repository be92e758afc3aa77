/* A metadata store that fails on demand. */
#include <stdlib.h>

#include "faulty.h"

struct meta_store_faulty {
    struct meta_store base;
    struct meta_store *inner;
    struct faults *faults;
};

static struct meta_store_faulty *wrapper_of(struct meta_store *store)
{
    return (struct meta_store_faulty *)store;
}

static void faulty_close(struct meta_store *store)
{
    meta_store_close(wrapper_of(store)->inner);
    free(store);
}

static enum es_code faulty_check(struct meta_store *store, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), check, reterr);
}

static enum es_code faulty_user_create(struct meta_store *store, const struct user *user,
                                       struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_create, user, reterr);
}

static enum es_code faulty_user_by_id(struct meta_store *store, const char *id,
                                      struct es_arena *arena, struct user **ret_user,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_by_id, id, arena, ret_user, reterr);
}

static enum es_code faulty_user_by_username(struct meta_store *store, const char *username,
                                            struct es_arena *arena, struct user **ret_user,
                                            struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_by_username, username, arena, ret_user, reterr);
}

static enum es_code faulty_user_list(struct meta_store *store, const char *prefix,
                                     const char *after, size_t limit, struct es_arena *arena,
                                     struct user **ret_users, size_t *ret_count,
                                     struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_list, prefix, after, limit, arena, ret_users, ret_count,
                reterr);
}

static enum es_code faulty_user_set_password(struct meta_store *store, const char *id,
                                             const char *hash, int64_t tokens_valid_from_ms,
                                             struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_set_password, id, hash, tokens_valid_from_ms, reterr);
}

static enum es_code faulty_user_delete(struct meta_store *store, const char *id,
                                       struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_delete, id, reterr);
}

static enum es_code faulty_user_count(struct meta_store *store, int64_t *ret_count,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), user_count, ret_count, reterr);
}

static enum es_code faulty_token_revoke(struct meta_store *store, const char *token_id,
                                        int64_t expires_at_ms, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), token_revoke, token_id, expires_at_ms, reterr);
}

static enum es_code faulty_token_is_revoked(struct meta_store *store, const char *token_id,
                                            bool *ret_is_revoked, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), token_is_revoked, token_id, ret_is_revoked, reterr);
}

static enum es_code faulty_media_create(struct meta_store *store, const struct media *media,
                                        struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), media_create, media, reterr);
}

static enum es_code faulty_media_get(struct meta_store *store, const char *id,
                                     struct es_arena *arena, struct media **ret_media,
                                     struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), media_get, id, arena, ret_media, reterr);
}

static enum es_code faulty_media_list(struct meta_store *store, const struct media_query *query,
                                      struct es_arena *arena, struct media **ret_media,
                                      size_t *ret_count, const char **ret_next_cursor,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), media_list, query, arena, ret_media, ret_count, ret_next_cursor,
                reterr);
}

static enum es_code faulty_media_change(struct meta_store *store, const char *id,
                                        const struct media_change *change, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), media_change, id, change, reterr);
}

static enum es_code faulty_media_complete(struct meta_store *store, const struct media *media,
                                          struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), media_complete, media, reterr);
}

static enum es_code faulty_media_delete(struct meta_store *store, const char *id,
                                        struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), media_delete, id, reterr);
}

static enum es_code faulty_job_create(struct meta_store *store, const struct job *job,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), job_create, job, reterr);
}

static enum es_code faulty_job_get(struct meta_store *store, const char *id, struct es_arena *arena,
                                   struct job **ret_job, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), job_get, id, arena, ret_job, reterr);
}

static enum es_code faulty_job_list(struct meta_store *store, const struct job_query *query,
                                    struct es_arena *arena, struct job **ret_jobs,
                                    size_t *ret_count, const char **ret_next_cursor,
                                    struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), job_list, query, arena, ret_jobs, ret_count, ret_next_cursor,
                reterr);
}

static enum es_code faulty_job_change(struct meta_store *store, const char *id,
                                      const struct job_change *change, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), job_change, id, change, reterr);
}

static enum es_code faulty_job_delete(struct meta_store *store, const char *id,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), job_delete, id, reterr);
}

static enum es_code faulty_share_add(struct meta_store *store, const struct share *share,
                                     struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), share_add, share, reterr);
}

static enum es_code faulty_share_remove(struct meta_store *store, const char *media_id,
                                        const char *job_id, const char *recipient_id,
                                        struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), share_remove, media_id, job_id, recipient_id, reterr);
}

static enum es_code faulty_share_list(struct meta_store *store, const char *media_id,
                                      const char *recipient_id, struct es_arena *arena,
                                      struct share **ret_shares, size_t *ret_count,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), share_list, media_id, recipient_id, arena, ret_shares, ret_count,
                reterr);
}

static const struct meta_store_ops faulty_ops = {
    .name = "faulty",
    .close = faulty_close,
    .check = faulty_check,
    .user_create = faulty_user_create,
    .user_by_id = faulty_user_by_id,
    .user_by_username = faulty_user_by_username,
    .user_list = faulty_user_list,
    .user_set_password = faulty_user_set_password,
    .user_delete = faulty_user_delete,
    .user_count = faulty_user_count,
    .token_revoke = faulty_token_revoke,
    .token_is_revoked = faulty_token_is_revoked,
    .media_create = faulty_media_create,
    .media_get = faulty_media_get,
    .media_list = faulty_media_list,
    .media_change = faulty_media_change,
    .media_complete = faulty_media_complete,
    .media_delete = faulty_media_delete,
    .job_create = faulty_job_create,
    .job_get = faulty_job_get,
    .job_list = faulty_job_list,
    .job_change = faulty_job_change,
    .job_delete = faulty_job_delete,
    .share_add = faulty_share_add,
    .share_remove = faulty_share_remove,
    .share_list = faulty_share_list,
};

struct meta_store *meta_store_faulty(struct meta_store *inner, struct faults *faults)
{
    struct meta_store_faulty *wrapper = es_malloc(sizeof(*wrapper));
    wrapper->base.ops = &faulty_ops;
    wrapper->inner = inner;
    wrapper->faults = faults;
    return &wrapper->base;
}
