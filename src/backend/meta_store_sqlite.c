/* Accounts and tokens in SQLite, and the store's opening. Media, and jobs with their shares, have
 * files of their own. */
#include "backend/meta_store_sqlite.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/meta_store_sqlite_private.h"
#include "base/es_clock.h"

static enum es_code user_missing(struct es_err *reterr, const char *name)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "user_not_found", "no user '%s'", name);
}

static void store_close(struct meta_store *store)
{
    sqlite_db_close(meta_db(store));
    free(store);
}

/* The write lock can only be had where the file can be written. */
static enum es_code store_check(struct meta_store *store, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t count;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE, &tx, reterr);
    return code ? code
                : sqlite_tx_number(&tx, "SELECT count(*) FROM (SELECT 1 FROM user LIMIT 1)",
                                   SQL_VALUES(), 0, &count, reterr);
}

static enum es_code user_create(struct meta_store *store, const struct user *user,
                                struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (code)
        return code;
    code = sqlite_tx_run(&tx,
                         "INSERT INTO user (id, username, password_hash, created_at_ms,"
                         " tokens_valid_from_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                         SQL_VALUES(sql_text(user->id), sql_text(user->username),
                                    sql_text(user->password_hash), sql_int(user->created_at_ms),
                                    sql_int(user->tokens_valid_from_ms)),
                         NULL, reterr);
    if (code == ES_CONFLICT) {
        int64_t is_taken;
        enum es_code look =
            sqlite_tx_number(&tx, "SELECT 1 FROM user WHERE username = ?1",
                             SQL_VALUES(sql_text(user->username)), 0, &is_taken, reterr);
        if (look)
            return look;
        return is_taken ? es_fail_word(reterr, ES_CONFLICT, "username_taken", "'%s' exists",
                                       user->username)
                        : es_fail(reterr, ES_CONFLICT, "user %s exists", user->id);
    }
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static void read_user(const struct sqlite_rows *rows, struct es_arena *arena, struct user *ret_user)
{
    sqlite_rows_id(rows, 0, ret_user->id);
    ret_user->username = sqlite_rows_text(rows, 1, arena);
    ret_user->password_hash = sqlite_rows_text(rows, 2, arena);
    ret_user->created_at_ms = sqlite_rows_int(rows, 3);
    ret_user->tokens_valid_from_ms = sqlite_rows_int(rows, 4);
}

static enum es_code user_by(struct meta_store *store, const char *sql, const char *key,
                            struct es_arena *arena, struct user **ret_user, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    bool has_row;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_first(&tx, sql, SQL_VALUES(sql_text(key)), &rows, &has_row, reterr);
    if (code)
        return code;
    if (!has_row)
        return user_missing(reterr, key);
    *ret_user = es_new(arena, struct user);
    read_user(&rows, arena, *ret_user);
    return ES_OK;
}

static enum es_code user_by_id(struct meta_store *store, const char *id, struct es_arena *arena,
                               struct user **ret_user, struct es_err *reterr)
{
    return user_by(store,
                   "SELECT id, username, password_hash, created_at_ms, tokens_valid_from_ms"
                   " FROM user WHERE id = ?1",
                   id, arena, ret_user, reterr);
}

static enum es_code user_by_username(struct meta_store *store, const char *username,
                                     struct es_arena *arena, struct user **ret_user,
                                     struct es_err *reterr)
{
    return user_by(store,
                   "SELECT id, username, password_hash, created_at_ms, tokens_valid_from_ms"
                   " FROM user WHERE username = ?1",
                   username, arena, ret_user, reterr);
}

/* Names that begin with the prefix lie between it and it followed by a byte that no UTF-8 has. */
static enum es_code user_list(struct meta_store *store, const char *prefix, const char *after,
                              size_t limit, struct es_arena *arena, struct user **ret_users,
                              size_t *ret_count, struct es_err *reterr)
{
    assert(limit > 0);
    sqlite_auto_tx tx = { 0 };
    sqlite_auto_rows rows = { 0 };
    const char *end = es_printf(arena, "%s\xff", prefix);
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_query(&tx,
                               "SELECT id, username, NULL, created_at_ms, tokens_valid_from_ms"
                               " FROM user WHERE username >= ?1 AND username < ?2 AND username > ?3"
                               " ORDER BY username LIMIT ?4",
                               SQL_VALUES(sql_text(prefix), sql_text(end),
                                          sql_text(after ? after : ""), sql_int((int64_t)limit)),
                               &rows, reterr);
    if (code)
        return code;
    struct user *users = es_new_array(arena, struct user, limit);
    size_t count = 0;
    for (;;) {
        bool has_row;
        code = sqlite_rows_next(&rows, &has_row, reterr);
        if (code)
            return code;
        if (!has_row)
            break;
        read_user(&rows, arena, &users[count++]);
    }
    *ret_users = users;
    *ret_count = count;
    return ES_OK;
}

static enum es_code user_set_password(struct meta_store *store, const char *id, const char *hash,
                                      int64_t tokens_valid_from_ms, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t changed;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code =
            sqlite_tx_run(&tx,
                          "UPDATE user SET password_hash = ?2, tokens_valid_from_ms ="
                          " CASE WHEN ?3 = 0 THEN tokens_valid_from_ms ELSE ?3 END WHERE id = ?1",
                          SQL_VALUES(sql_text(id), sql_text(hash), sql_int(tokens_valid_from_ms)),
                          &changed, reterr);
    if (code)
        return code;
    return changed ? sqlite_tx_commit(&tx, reterr) : user_missing(reterr, id);
}

static enum es_code user_delete(struct meta_store *store, const char *id, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t has_media, changed;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = sqlite_tx_number(&tx, "SELECT EXISTS (SELECT 1 FROM media WHERE user_id = ?1)",
                                SQL_VALUES(sql_text(id)), 0, &has_media, reterr);
    if (code)
        return code;
    if (has_media)
        return es_fail_word(reterr, ES_CONFLICT, "user_has_media", "user %s has media", id);
    code = sqlite_tx_run(&tx, "DELETE FROM share WHERE owner_id = ?1", SQL_VALUES(sql_text(id)),
                         NULL, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM user WHERE id = ?1", SQL_VALUES(sql_text(id)),
                             &changed, reterr);
    if (code)
        return code;
    return changed ? sqlite_tx_commit(&tx, reterr) : user_missing(reterr, id);
}

static enum es_code user_count(struct meta_store *store, int64_t *ret_count, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    return code ? code
                : sqlite_tx_number(&tx, "SELECT count(*) FROM user", SQL_VALUES(), 0, ret_count,
                                   reterr);
}

static enum es_code token_revoke(struct meta_store *store, const char *token_id,
                                 int64_t expires_at_ms, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_WRITE_DURABLE, &tx, reterr);
    if (!code)
        code = sqlite_tx_run(&tx, "DELETE FROM revoked_token WHERE expires_at_ms < ?1",
                             SQL_VALUES(sql_int(es_clock_realtime_ms())), NULL, reterr);
    if (!code)
        code = sqlite_tx_run(&tx,
                             "INSERT INTO revoked_token (id, expires_at_ms) VALUES (?1, ?2)"
                             " ON CONFLICT DO NOTHING",
                             SQL_VALUES(sql_text(token_id), sql_int(expires_at_ms)), NULL, reterr);
    return code ? code : sqlite_tx_commit(&tx, reterr);
}

static enum es_code token_is_revoked(struct meta_store *store, const char *token_id,
                                     bool *ret_is_revoked, struct es_err *reterr)
{
    sqlite_auto_tx tx = { 0 };
    int64_t is_there;
    enum es_code code = sqlite_tx_begin(meta_db(store), SQL_READ, &tx, reterr);
    if (!code)
        code = sqlite_tx_number(&tx, "SELECT 1 FROM revoked_token WHERE id = ?1",
                                SQL_VALUES(sql_text(token_id)), 0, &is_there, reterr);
    if (!code)
        *ret_is_revoked = is_there;
    return code;
}

static const struct meta_store_ops sqlite_ops = {
    .name = "sqlite",
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
    .media_create = sqlite_media_create,
    .media_get = sqlite_media_get,
    .media_list = sqlite_media_list,
    .media_change = sqlite_media_change,
    .media_complete = sqlite_media_complete,
    .media_delete = sqlite_media_delete,
    .job_create = sqlite_job_create,
    .job_get = sqlite_job_get,
    .job_list = sqlite_job_list,
    .job_change = sqlite_job_change,
    .job_delete = sqlite_job_delete,
    .share_add = sqlite_share_add,
    .share_remove = sqlite_share_remove,
    .share_list = sqlite_share_list,
};

enum es_code meta_store_sqlite_open(const char *path, struct meta_store **ret_store,
                                    struct es_err *reterr)
{
    struct sqlite_db *db;
    enum es_code code = sqlite_db_open(path, &db, reterr);
    if (code)
        return code;
    struct meta_store_sqlite *store = es_malloc(sizeof(*store));
    store->base.ops = &sqlite_ops;
    store->db = db;
    *ret_store = &store->base;
    return ES_OK;
}
