/* Accounts and tokens of the memory backend, and its opening. One lock over everything: plain and
 * right before fast. */
#include "backend/meta_store_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/meta_store_memory_private.h"
#include "base/es_clock.h"
#include "base/es_text.h"

struct record *record_list_add(struct record_list *list)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        list->records = es_realloc(list->records, list->capacity * sizeof(struct record *));
    }
    struct record *record = es_malloc(sizeof(*record));
    list->records[list->count++] = record;
    return record;
}

static void record_free(struct record *record)
{
    es_arena_release(&record->arena);
    free(record);
}

void record_list_remove(struct record_list *list, size_t position)
{
    record_free(list->records[position]);
    list->records[position] = list->records[--list->count];
}

static void record_list_release(struct record_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        record_free(list->records[i]);
    free(list->records);
}

static struct user *user_copy(const struct user *user, struct es_arena *arena)
{
    struct user *copy = es_memdup(arena, user, sizeof(*user));
    copy->username = es_strdup(arena, user->username);
    copy->password_hash = es_strdup(arena, user->password_hash);
    return copy;
}

struct record *memory_user_find(struct meta_store_memory *memory, const char *id)
{
    for (size_t i = 0; i < memory->users.count; i++)
        if (strcmp(memory->users.records[i]->user->id, id) == 0)
            return memory->users.records[i];
    return NULL;
}

static enum es_code user_missing(struct es_err *reterr, const char *name)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "user_not_found", "no user '%s'", name);
}

static void store_close(struct meta_store *store)
{
    struct meta_store_memory *memory = (struct meta_store_memory *)store;
    record_list_release(&memory->users);
    record_list_release(&memory->media);
    record_list_release(&memory->jobs);
    record_list_release(&memory->shares);
    record_list_release(&memory->tokens);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static enum es_code store_check(struct meta_store *store, struct es_err *reterr)
{
    (void)store;
    (void)reterr;
    return ES_OK;
}

static enum es_code user_create(struct meta_store *store, const struct user *user,
                                struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    for (size_t i = 0; i < memory->users.count; i++) {
        const struct user *other = memory->users.records[i]->user;
        if (strcmp(other->username, user->username) == 0)
            return es_fail_word(reterr, ES_CONFLICT, "username_taken", "'%s' exists",
                                user->username);
        if (strcmp(other->id, user->id) == 0)
            return es_fail(reterr, ES_CONFLICT, "user %s exists", user->id);
    }
    struct record *record = record_list_add(&memory->users);
    record->user = user_copy(user, &record->arena);
    return ES_OK;
}

static enum es_code user_by_id(struct meta_store *store, const char *id, struct es_arena *arena,
                               struct user **ret_user, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_user_find(memory, id);
    if (!record)
        return user_missing(reterr, id);
    *ret_user = user_copy(record->user, arena);
    return ES_OK;
}

static enum es_code user_by_username(struct meta_store *store, const char *username,
                                     struct es_arena *arena, struct user **ret_user,
                                     struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    for (size_t i = 0; i < memory->users.count; i++) {
        const struct user *user = memory->users.records[i]->user;
        if (strcmp(user->username, username) == 0) {
            *ret_user = user_copy(user, arena);
            return ES_OK;
        }
    }
    return user_missing(reterr, username);
}

static int by_username(const void *left, const void *right)
{
    const struct user *const *a = left, *const *b = right;
    return strcmp((*a)->username, (*b)->username);
}

static enum es_code user_list(struct meta_store *store, const char *prefix, const char *after,
                              size_t limit, struct es_arena *arena, struct user **ret_users,
                              size_t *ret_count, struct es_err *reterr)
{
    (void)reterr;
    assert(limit > 0);
    auto_unlock *memory = memory_lock(store);
    const struct user **found = es_new_array(arena, const struct user *, memory->users.count);
    size_t count = 0;
    for (size_t i = 0; i < memory->users.count; i++) {
        const struct user *user = memory->users.records[i]->user;
        if (es_text_has_prefix(user->username, prefix) &&
            (!after || strcmp(user->username, after) > 0))
            found[count++] = user;
    }
    if (count > 0)
        qsort(found, count, sizeof(*found), by_username);
    if (count > limit)
        count = limit;
    struct user *users = es_new_array(arena, struct user, count);
    for (size_t i = 0; i < count; i++) {
        users[i] = *user_copy(found[i], arena);
        users[i].password_hash = NULL;
    }
    *ret_users = users;
    *ret_count = count;
    return ES_OK;
}

static enum es_code user_set_password(struct meta_store *store, const char *id, const char *hash,
                                      int64_t tokens_valid_from_ms, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    struct record *record = memory_user_find(memory, id);
    if (!record)
        return user_missing(reterr, id);
    record->user->password_hash = es_strdup(&record->arena, hash);
    if (tokens_valid_from_ms)
        record->user->tokens_valid_from_ms = tokens_valid_from_ms;
    return ES_OK;
}

static enum es_code user_delete(struct meta_store *store, const char *id, struct es_err *reterr)
{
    auto_unlock *memory = memory_lock(store);
    for (size_t i = 0; i < memory->media.count; i++)
        if (strcmp(memory->media.records[i]->media->user_id, id) == 0)
            return es_fail_word(reterr, ES_CONFLICT, "user_has_media", "user %s has media", id);
    for (size_t i = 0; i < memory->users.count; i++)
        if (strcmp(memory->users.records[i]->user->id, id) == 0) {
            memory_shares_remove_of_user(memory, id);
            record_list_remove(&memory->users, i);
            return ES_OK;
        }
    return user_missing(reterr, id);
}

static enum es_code user_count(struct meta_store *store, int64_t *ret_count, struct es_err *reterr)
{
    (void)reterr;
    auto_unlock *memory = memory_lock(store);
    *ret_count = (int64_t)memory->users.count;
    return ES_OK;
}

static bool is_revoked(const struct meta_store_memory *memory, const char *token_id)
{
    for (size_t i = 0; i < memory->tokens.count; i++)
        if (strcmp(memory->tokens.records[i]->token->id, token_id) == 0)
            return true;
    return false;
}

static enum es_code token_revoke(struct meta_store *store, const char *token_id,
                                 int64_t expires_at_ms, struct es_err *reterr)
{
    (void)reterr;
    auto_unlock *memory = memory_lock(store);
    int64_t now_ms = es_clock_realtime_ms();
    for (size_t i = memory->tokens.count; i-- > 0;)
        if (memory->tokens.records[i]->token->expires_at_ms < now_ms)
            record_list_remove(&memory->tokens, i);
    if (is_revoked(memory, token_id))
        return ES_OK;
    struct record *record = record_list_add(&memory->tokens);
    record->token = es_new(&record->arena, struct revoked_token);
    record->token->id = es_strdup(&record->arena, token_id);
    record->token->expires_at_ms = expires_at_ms;
    return ES_OK;
}

static enum es_code token_is_revoked(struct meta_store *store, const char *token_id,
                                     bool *ret_is_revoked, struct es_err *reterr)
{
    (void)reterr;
    auto_unlock *memory = memory_lock(store);
    *ret_is_revoked = is_revoked(memory, token_id);
    return ES_OK;
}

static const struct meta_store_ops memory_ops = {
    .name = "memory",
    .close = store_close,
    .check = store_check,
    .user_create = user_create,
    .user_by_id = user_by_id,
    .user_by_username = user_by_username,
    .user_list = user_list,
    .user_set_password = user_set_password,
    .user_delete = user_delete,
    .user_count = user_count,
    .token_revoke = token_revoke,
    .token_is_revoked = token_is_revoked,
    .media_create = memory_media_create,
    .media_get = memory_media_get,
    .media_list = memory_media_list,
    .media_change = memory_media_change,
    .media_complete = memory_media_complete,
    .media_delete = memory_media_delete,
    .job_create = memory_job_create,
    .job_get = memory_job_get,
    .job_list = memory_job_list,
    .job_change = memory_job_change,
    .job_delete = memory_job_delete,
    .share_add = memory_share_add,
    .share_remove = memory_share_remove,
    .share_list = memory_share_list,
};

enum es_code meta_store_memory_open(struct meta_store **ret_store, struct es_err *reterr)
{
    (void)reterr;
    struct meta_store_memory *memory = es_malloc(sizeof(*memory));
    memory->base.ops = &memory_ops;
    pthread_mutex_init(&memory->lock, NULL);
    *ret_store = &memory->base;
    return ES_OK;
}
