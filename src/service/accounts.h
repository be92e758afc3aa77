/* Accounts and sessions. A session is a signed token that its user carries; what the store keeps of
 * it is only that it was revoked. */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include "model/user.h"
#include "service/service.h"

struct session {
    const char *access_token;
    int64_t expires_at_ms;
    struct caller caller;
};

/* ES_INVALID username_invalid or password_invalid, ES_CONFLICT username_taken (HTTP 400, as the
 * reference has it), ES_LIMIT too_many_logins. Blocks for a password hash: not for a thread that
 * serves others. */
ES_CHECK enum es_code accounts_register(struct service_context *context, const char *username,
                                        const char *password, struct es_arena *arena,
                                        struct user **ret_user, struct es_err *reterr);

/* ES_UNAUTHENTICATED wrong_credentials, the same in words and time for an unknown user and a wrong
 * password; ES_LIMIT too_many_logins. Blocks for a password hash. */
ES_CHECK enum es_code accounts_login(struct service_context *context, const char *username,
                                     const char *password, struct es_arena *arena,
                                     struct session *ret_session, struct es_err *reterr);

/* Who carries this token: signature, expiry, revocation, and that the account is still there are
 * asked each time, so that a logout holds at once on every gateway. ES_UNAUTHENTICATED
 * token_invalid. */
ES_CHECK enum es_code accounts_authenticate(struct service_context *context, const char *token,
                                            struct es_arena *arena, struct caller *ret_caller,
                                            struct es_err *reterr);

/* The caller's token is refused from now on. */
ES_CHECK enum es_code accounts_logout(struct service_context *context, const struct caller *caller,
                                      struct es_err *reterr);

/* Ends every session of the caller and gives a new one. ES_UNAUTHENTICATED wrong_credentials where
 * `old_password` is wrong, ES_INVALID password_invalid, ES_LIMIT too_many_logins. */
ES_CHECK enum es_code accounts_change_password(struct service_context *context,
                                               const struct caller *caller,
                                               const char *old_password, const char *new_password,
                                               struct es_arena *arena, struct session *ret_session,
                                               struct es_err *reterr);

/* For the operator: sets a password and ends every session. ES_NOT_FOUND user_not_found. */
ES_CHECK enum es_code accounts_set_password(struct service_context *context, const char *username,
                                            const char *new_password, struct es_err *reterr);

/* Removes the account and all it owns: jobs, media, objects, shares. May be called again after a
 * failure half-way. ES_NOT_FOUND user_not_found. */
ES_CHECK enum es_code accounts_delete(struct service_context *context, const char *user_id,
                                      struct es_err *reterr);

/* Everyone but the caller whose name begins with `prefix` (NULL: all), by name, after `after` (a
 * username, or NULL); at most `limit` (1..META_LIST_MAX). *ret_next is the `after` of the next
 * page, or NULL. Only ids and names are filled. */
ES_CHECK enum es_code accounts_list(struct service_context *context, const struct caller *caller,
                                    const char *prefix, const char *after, size_t limit,
                                    struct es_arena *arena, struct user **ret_users,
                                    size_t *ret_count, const char **ret_next,
                                    struct es_err *reterr);

/* How many different users this process has authenticated in the last 15 minutes; an estimate where
 * they are very many. Does not block. */
size_t accounts_active_estimate(struct service_context *context);

/* ---- private to src/service ---- */

struct active_users *active_users_open(void);
void active_users_close(struct active_users *users);
void active_users_seen(struct active_users *users, const char *user_id, int64_t now_ms);
size_t active_users_count(struct active_users *users, int64_t now_ms);

#endif
