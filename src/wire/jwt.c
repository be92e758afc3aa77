/* Over libjwt 1.x, which would verify any HMAC that the token's own header asks for: the algorithm
 * is compared after it. */
#include "wire/jwt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

static void jwt_auto_free(jwt_t **token)
{
    if (*token)
        jwt_free(*token);
}
#define jwt_auto __attribute__((cleanup(jwt_auto_free))) jwt_t *

static enum es_code refuse(struct es_err *reterr, const char *why)
{
    return es_fail_word(reterr, ES_UNAUTHENTICATED, "token_invalid", "%s", why);
}

enum es_code jwt_claims_sign(const struct jwt_keys *keys, const struct jwt_claims *claims,
                             struct es_arena *arena, const char **ret_token, struct es_err *reterr)
{
    assert(keys->count >= 1);
    const char *key = keys->keys[0];
    jwt_auto token = NULL;
    int failed = jwt_new(&token);
    if (!failed)
        failed = jwt_set_alg(token, JWT_ALG_HS256, (const unsigned char *)key, (int)strlen(key));
    if (!failed)
        failed = jwt_add_grant(token, "sub", claims->username);
    if (!failed)
        failed = jwt_add_grant(token, "uid", claims->user_id);
    if (!failed)
        failed = jwt_add_grant(token, "jti", claims->token_id);
    if (!failed)
        failed = jwt_add_grant_int(token, "iat", claims->issued_at_ms / 1000);
    if (!failed)
        failed = jwt_add_grant_int(token, "iat_ms", claims->issued_at_ms);
    if (!failed)
        failed = jwt_add_grant_int(token, "exp", claims->expires_at_ms / 1000);
    if (failed)
        return es_fail_errno(reterr, failed, "making a token");
    char *text = jwt_encode_str(token);
    if (!text)
        return es_fail_errno(reterr, errno, "signing a token");
    *ret_token = es_strdup(arena, text);
    free(text);
    return ES_OK;
}

/* A text claim of 1..`length_max` bytes, or NULL. */
static const char *text_claim(jwt_t *token, const char *name, size_t length_max,
                              struct es_arena *arena)
{
    const char *text = jwt_get_grant(token, name);
    if (!text || !*text || strlen(text) > length_max)
        return NULL;
    return es_strdup(arena, text);
}

/* A whole number > 0, or 0. */
static int64_t number_claim(jwt_t *token, const char *name)
{
    errno = 0;
    long value = jwt_get_grant_int(token, name);
    return errno || value < 0 ? 0 : value;
}

/* The token, if any of the keys signed it with HS256. */
static jwt_t *decode(const struct jwt_keys *keys, const char *text)
{
    for (size_t i = 0; i < keys->count; i++) {
        const char *key = keys->keys[i];
        jwt_t *token = NULL;
        if (jwt_decode(&token, text, (const unsigned char *)key, (int)strlen(key)) == 0) {
            if (jwt_get_alg(token) == JWT_ALG_HS256)
                return token;
            jwt_free(token);
            return NULL;
        }
    }
    return NULL;
}

enum es_code jwt_claims_verify(const struct jwt_keys *keys, const char *token, int64_t now_ms,
                               struct es_arena *arena, struct jwt_claims *ret_claims,
                               struct es_err *reterr)
{
    if (strlen(token) > JWT_TOKEN_BYTES_MAX)
        return refuse(reterr, "longer than a token can be");
    jwt_auto decoded = decode(keys, token);
    if (!decoded)
        return refuse(reterr, "no HS256 token signed by one of the keys");
    int64_t expires_at_s = number_claim(decoded, "exp");
    struct jwt_claims claims = {
        .username = text_claim(decoded, "sub", 1024, arena),
        .user_id = text_claim(decoded, "uid", 128, arena),
        .token_id = text_claim(decoded, "jti", 128, arena),
        .issued_at_ms = number_claim(decoded, "iat_ms"),
    };
    if (!claims.username || !claims.user_id || !claims.token_id || !claims.issued_at_ms ||
        !expires_at_s || expires_at_s > INT64_MAX / 1000)
        return refuse(reterr, "a claim is missing or of another type");
    claims.expires_at_ms = expires_at_s * 1000;
    if (claims.expires_at_ms <= now_ms)
        return refuse(reterr, "expired");
    *ret_claims = claims;
    return ES_OK;
}
