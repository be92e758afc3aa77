/* Registration, login, tokens, and the end of an account. */
#include "service/accounts.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/library.h"

enum es_code accounts_register(struct service_context *context, const char *username,
                               const char *password, struct es_arena *arena, struct user **ret_user,
                               struct es_err *reterr)
{
    enum es_code code = username_check(username, reterr);
    if (code == ES_OK)
        code = password_check(password, reterr);
    if (code)
        return code;
    char hash[PASSWORD_HASH_SIZE];
    code = password_hash(context->passwords, password, hash, reterr);
    if (code)
        return code;
    struct user *user = es_new(arena, struct user);
    es_id_v7(user->id);
    user->username = es_strdup(arena, username);
    user->password_hash = es_strdup(arena, hash);
    user->created_at_ms = es_clock_realtime_ms();
    code = context->meta->ops->user_create(context->meta, user, reterr);
    if (code)
        return code;
    *ret_user = user;
    return ES_OK;
}

static enum es_code issue(struct service_context *context, const struct user *user,
                          int64_t issued_at_ms, struct es_arena *arena, struct session *ret_session,
                          struct es_err *reterr)
{
    char token_id[ES_ID_SIZE];
    es_id_v4(token_id);
    struct jwt_claims claims = {
        .username = user->username,
        .user_id = user->id,
        .token_id = es_strdup(arena, token_id),
        .issued_at_ms = issued_at_ms,
        .expires_at_ms = issued_at_ms + context->settings.token_lifetime_ms,
    };
    struct session session = {
        .expires_at_ms = claims.expires_at_ms,
        .caller = { .username = user->username,
                    .token_id = claims.token_id,
                    .issued_at_ms = issued_at_ms,
                    .expires_at_ms = claims.expires_at_ms },
    };
    memcpy(session.caller.user_id, user->id, ES_ID_SIZE);
    enum es_code code =
        jwt_claims_sign(&context->jwt_keys, &claims, arena, &session.access_token, reterr);
    if (code == ES_OK)
        *ret_session = session;
    return code;
}

static enum es_code refuse_credentials(struct es_err *reterr)
{
    return es_fail_word(reterr, ES_UNAUTHENTICATED, "wrong_credentials",
                        "unknown user or wrong password");
}

/* The user of that name if `password` is theirs; an old hash is replaced on the way. */
static enum es_code check_credentials(struct service_context *context, const char *username,
                                      const char *password, struct es_arena *arena,
                                      struct user **ret_user, struct es_err *reterr)
{
    struct user *user = NULL;
    enum es_code code =
        context->meta->ops->user_by_username(context->meta, username, arena, &user, reterr);
    if (code && code != ES_NOT_FOUND)
        return code;
    const char *hash = code == ES_OK ? user->password_hash : NULL;
    bool is_right = false;
    char new_hash[PASSWORD_HASH_SIZE];
    code = password_check_hash(context->passwords, hash, password, &is_right, new_hash, reterr);
    if (code)
        return code;
    if (!is_right)
        return refuse_credentials(reterr);
    if (*new_hash) {
        code = context->meta->ops->user_set_password(context->meta, user->id, new_hash, 0, reterr);
        if (code)
            return code;
    }
    *ret_user = user;
    return ES_OK;
}

enum es_code accounts_login(struct service_context *context, const char *username,
                            const char *password, struct es_arena *arena,
                            struct session *ret_session, struct es_err *reterr)
{
    if (strlen(password) > PASSWORD_BYTES_MAX)
        return refuse_credentials(reterr);
    struct user *user;
    enum es_code code = check_credentials(context, username, password, arena, &user, reterr);
    if (code)
        return code;
    int64_t now_ms = es_clock_realtime_ms();
    active_users_seen(context->active_users, user->id, now_ms);
    /* Another gateway's clock may be ahead: a token must not seem older than the password. */
    int64_t issued_at_ms =
        now_ms > user->tokens_valid_from_ms ? now_ms : user->tokens_valid_from_ms;
    return issue(context, user, issued_at_ms, arena, ret_session, reterr);
}

enum es_code accounts_authenticate(struct service_context *context, const char *token,
                                   struct es_arena *arena, struct caller *ret_caller,
                                   struct es_err *reterr)
{
    int64_t now_ms = es_clock_realtime_ms();
    struct jwt_claims claims;
    enum es_code code =
        jwt_claims_verify(&context->jwt_keys, token, now_ms, arena, &claims, reterr);
    if (code)
        return code;
    bool is_revoked;
    code =
        context->meta->ops->token_is_revoked(context->meta, claims.token_id, &is_revoked, reterr);
    if (code)
        return code;
    if (is_revoked)
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "token_invalid", "revoked");
    struct user *user;
    code = context->meta->ops->user_by_id(context->meta, claims.user_id, arena, &user, reterr);
    if (code == ES_NOT_FOUND)
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "token_invalid", "the account is gone");
    if (code)
        return code;
    if (claims.issued_at_ms < user->tokens_valid_from_ms)
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "token_invalid",
                            "issued before the password was changed");
    *ret_caller = (struct caller){ .username = user->username,
                                   .token_id = claims.token_id,
                                   .issued_at_ms = claims.issued_at_ms,
                                   .expires_at_ms = claims.expires_at_ms };
    memcpy(ret_caller->user_id, user->id, ES_ID_SIZE);
    active_users_seen(context->active_users, user->id, now_ms);
    return ES_OK;
}

enum es_code accounts_logout(struct service_context *context, const struct caller *caller,
                             struct es_err *reterr)
{
    return context->meta->ops->token_revoke(context->meta, caller->token_id, caller->expires_at_ms,
                                            reterr);
}

/* Every token issued so far is older than the moment returned, also one of this very millisecond.
 */
static enum es_code set_password(struct service_context *context, const char *user_id,
                                 const char *new_password, int64_t *ret_valid_from_ms,
                                 struct es_err *reterr)
{
    char hash[PASSWORD_HASH_SIZE];
    enum es_code code = password_hash(context->passwords, new_password, hash, reterr);
    if (code)
        return code;
    int64_t valid_from_ms = es_clock_realtime_ms() + 1;
    code =
        context->meta->ops->user_set_password(context->meta, user_id, hash, valid_from_ms, reterr);
    if (code == ES_OK)
        *ret_valid_from_ms = valid_from_ms;
    return code;
}

enum es_code accounts_change_password(struct service_context *context, const struct caller *caller,
                                      const char *old_password, const char *new_password,
                                      struct es_arena *arena, struct session *ret_session,
                                      struct es_err *reterr)
{
    enum es_code code = password_check(new_password, reterr);
    if (code)
        return code;
    if (strlen(old_password) > PASSWORD_BYTES_MAX)
        return refuse_credentials(reterr);
    struct user *user;
    code = check_credentials(context, caller->username, old_password, arena, &user, reterr);
    if (code)
        return code;
    if (strcmp(user->id, caller->user_id) != 0) /* deleted, and the name taken anew meanwhile */
        return refuse_credentials(reterr);
    int64_t valid_from_ms;
    code = set_password(context, user->id, new_password, &valid_from_ms, reterr);
    if (code)
        return code;
    return issue(context, user, valid_from_ms, arena, ret_session, reterr);
}

enum es_code accounts_set_password(struct service_context *context, const char *username,
                                   const char *new_password, struct es_err *reterr)
{
    enum es_code code = password_check(new_password, reterr);
    if (code)
        return code;
    es_auto_arena arena = { 0 };
    struct user *user;
    code = context->meta->ops->user_by_username(context->meta, username, &arena, &user, reterr);
    if (code)
        return code;
    int64_t valid_from_ms;
    return set_password(context, user->id, new_password, &valid_from_ms, reterr);
}

/* Deletes the user's media until a listing shows none. */
static enum es_code delete_all_media(struct service_context *context, const char *user_id,
                                     struct es_err *reterr)
{
    for (;;) {
        es_auto_arena arena = { 0 };
        struct media_query query = { .user_id = user_id, .limit = META_LIST_MAX };
        struct media *media;
        size_t count;
        const char *next_cursor;
        enum es_code code = context->meta->ops->media_list(context->meta, &query, &arena, &media,
                                                           &count, &next_cursor, reterr);
        if (code || count == 0)
            return code;
        for (size_t i = 0; i < count; i++) {
            code = library_delete_media(context, &media[i], reterr);
            if (code && code != ES_NOT_FOUND)
                return code;
        }
    }
}

enum es_code accounts_delete(struct service_context *context, const char *user_id,
                             struct es_err *reterr)
{
    enum { ROUNDS_MAX = 3 }; /* an upload may end between the listing and the account's end */
    enum es_code code = ES_OK;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        code = delete_all_media(context, user_id, reterr);
        if (code)
            return code;
        code = context->meta->ops->user_delete(context->meta, user_id, reterr);
        if (code != ES_CONFLICT)
            break;
    }
    if (code)
        return code;
    es_auto_arena arena = { 0 };
    return context->blobs->ops->remove_all(context->blobs,
                                           es_printf(&arena, "uploads/%s/", user_id), reterr);
}

enum es_code accounts_list(struct service_context *context, const struct caller *caller,
                           const char *prefix, const char *after, size_t limit,
                           struct es_arena *arena, struct user **ret_users, size_t *ret_count,
                           const char **ret_next, struct es_err *reterr)
{
    /* One more for the caller, who is left out, and one to know whether there is a next page. */
    size_t wanted = limit + 2 > META_LIST_MAX ? META_LIST_MAX : limit + 2;
    struct user *users;
    size_t count;
    enum es_code code = context->meta->ops->user_list(context->meta, prefix ? prefix : "", after,
                                                      wanted, arena, &users, &count, reterr);
    if (code)
        return code;
    size_t kept = 0, others = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(users[i].id, caller->user_id) == 0)
            continue;
        others++;
        if (kept < limit)
            users[kept++] = users[i];
    }
    bool has_more = others > kept || count == wanted;
    *ret_users = users;
    *ret_count = kept;
    *ret_next = has_more && kept ? users[kept - 1].username : NULL;
    return ES_OK;
}

size_t accounts_active_estimate(struct service_context *context)
{
    return active_users_count(context->active_users, es_clock_realtime_ms());
}
