/* Session tokens: JSON Web Tokens (RFC 7519) signed by HMAC-SHA-256 (HS256, RFC 7518), over libjwt.
 * Claims are the reference's `sub` (username), `uid`, `exp`, and `iat`, `iat_ms` (the same with
 * milliseconds), `jti`. No I/O, no clock; thread-safe. */
#ifndef WIRE_JWT_H
#define WIRE_JWT_H

#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"

#define JWT_KEYS_MAX        8
#define JWT_TOKEN_BYTES_MAX 4096

/* The first key signs, all of them verify, so that keys can be changed without ending sessions. */
struct jwt_keys {
    const char *const *keys;
    size_t count; /* 1..JWT_KEYS_MAX */
};

struct jwt_claims {
    const char *username; /* sub */
    const char *user_id;  /* uid */
    const char *token_id; /* jti */
    int64_t issued_at_ms;
    int64_t expires_at_ms; /* whole seconds: what comes after the point is dropped */
};

ES_CHECK enum es_code jwt_claims_sign(const struct jwt_keys *keys, const struct jwt_claims *claims,
                                      struct es_arena *arena, const char **ret_token,
                                      struct es_err *reterr);

/* ES_UNAUTHENTICATED token_invalid for text that is no token, any algorithm but HS256 ("none" too),
 * a signature by none of the keys, a claim that is missing or of another type, and a token whose
 * `exp` is not after `now_ms`: there is no leeway, for it is our own clock. */
ES_CHECK enum es_code jwt_claims_verify(const struct jwt_keys *keys, const char *token,
                                        int64_t now_ms, struct es_arena *arena,
                                        struct jwt_claims *ret_claims, struct es_err *reterr);

#endif
