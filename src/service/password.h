/* Passwords: hashed by Argon2id (RFC 9106, libsodium), each on one of a few threads of their own,
 * so that a flood of logins costs a bounded share of the machine. passlib's
 * `$pbkdf2-sha256$rounds$salt$hash` (its "adapted base64": '.' for '+', no padding) verifies too,
 * and asks to be replaced. */
#ifndef PASSWORD_H
#define PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_auto.h"
#include "base/es_error.h"

#define PASSWORD_MEMORY_BYTES_MIN 8192 /* what libsodium takes at least */

#define PASSWORD_HASH_SIZE 128 /* with the zero byte; what libsodium writes */

struct password_settings {
    unsigned long long operations; /* Argon2id passes, 1..10 */
    size_t memory_bytes;           /* 8 KiB..1 GiB, for each hash under way */
    size_t threads;                /* 1..64: hashes at once */
    size_t waiting_max;            /* callers that may wait for a thread; one more is refused */
};

/* Three passes over 32 MiB, on up to two threads: some 90 ms a hash on a small server, and above
 * the least that OWASP's password storage guide asks for (two passes over 19 MiB). */
struct password_settings password_settings_default(void);

struct password_pool;

/* ES_INVALID for a setting out of range; ES_IO. */
ES_CHECK enum es_code password_pool_open(const struct password_settings *settings,
                                         struct password_pool **ret_pool, struct es_err *reterr);
void password_pool_close(struct password_pool *pool);
ES_DEFINE_AUTO(password_pool, password_pool_close);

/* Both block until one of the pool's threads has done it. ES_LIMIT too_many_logins where too many
 * wait; ES_NO_MEMORY where the hash's memory cannot be had. */
ES_CHECK enum es_code password_hash(struct password_pool *pool, const char *password,
                                    char ret_hash[static PASSWORD_HASH_SIZE],
                                    struct es_err *reterr);

/* Whether `password` is the one behind `hash`. `hash` NULL (no such user, or one without a
 * password) costs the same time and is never right. Where the password is right and the hash is of
 * an older kind or cost, `ret_new_hash` gets one to keep in its place; else "". */
ES_CHECK enum es_code password_check_hash(struct password_pool *pool, const char *hash,
                                          const char *password, bool *ret_is_right,
                                          char ret_new_hash[static PASSWORD_HASH_SIZE],
                                          struct es_err *reterr);

/* The bare comparison, on the calling thread; false for a hash of no known form. */
bool password_matches(const char *hash, const char *password);

#endif
