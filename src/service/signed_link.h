/* Signed links: text that lets its bearer play one job of one media until it expires or is revoked.
 * Its form is base64url(claims) "." base64url(HMAC-SHA256) under a key derived from the token keys,
 * so keys rotate together. Pure; what a link means is playback.h's. */
#ifndef SIGNED_LINK_H
#define SIGNED_LINK_H

#include "base/es_arena.h"
#include "base/es_error.h"
#include "base/es_id.h"
#include "wire/jwt.h"

#define SIGNED_LINK_BYTES_MAX 512

/* On whose account the bearer may play; asked again at every use, so that a change holds at once.
 */
enum link_ground {
    LINK_GROUND_UNSET = 0,
    LINK_BEARER, /* the link itself is enough: the owner gave it out */
    LINK_PUBLIC, /* while the media is public */
    LINK_USER,   /* while `user_id` owns it or has it shared */
};

struct link_claims {
    char media_id[ES_ID_SIZE];
    char job_id[ES_ID_SIZE];
    int64_t expires_at_ms;
    int64_t epoch; /* media.link_epoch when it was made */
    enum link_ground ground;
    char user_id[ES_ID_SIZE]; /* LINK_USER, else "" */
};

/* Letters, digits, '-', '_' and '.': needs no escaping in a path or query. */
const char *signed_link_make(const struct jwt_keys *keys, const struct link_claims *claims,
                             struct es_arena *arena);

/* ES_FORBIDDEN link_invalid for anything but an unexpired link of ours. */
ES_CHECK enum es_code signed_link_read(const struct jwt_keys *keys, const char *link,
                                       int64_t now_ms, struct link_claims *ret_claims,
                                       struct es_err *reterr);

#endif
