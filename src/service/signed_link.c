/* The claims are a line of text: "1 media job expires epoch ground user". */
#include "service/signed_link.h"

#include <string.h>

#include "base/es_text.h"
#include "wire/base64url.h"
#include "wire/sha256.h"

#define KEY_CONTEXT "espotifai signed link 1"
#define FIELD_COUNT 7

static const char *const ground_names[] = {
    [LINK_BEARER] = "bearer",
    [LINK_PUBLIC] = "public",
    [LINK_USER] = "user",
};

static void sign(const char *key, const char *text, unsigned char ret_mac[static SHA256_SIZE])
{
    unsigned char link_key[SHA256_SIZE];
    hmac_sha256(key, strlen(key), KEY_CONTEXT, strlen(KEY_CONTEXT), link_key);
    hmac_sha256(link_key, sizeof(link_key), text, strlen(text), ret_mac);
}

const char *signed_link_make(const struct jwt_keys *keys, const struct link_claims *claims,
                             struct es_arena *arena)
{
    const char *line =
        es_printf(arena, "1 %s %s %lld %lld %s %s", claims->media_id, claims->job_id,
                  (long long)claims->expires_at_ms, (long long)claims->epoch,
                  ground_names[claims->ground], *claims->user_id ? claims->user_id : "-");
    const char *text = base64url_encode(line, strlen(line), arena);
    unsigned char mac[SHA256_SIZE];
    sign(keys->keys[0], text, mac);
    return es_printf(arena, "%s.%s", text, base64url_encode(mac, sizeof(mac), arena));
}

static bool is_signed(const struct jwt_keys *keys, const char *text, const char *mac_text,
                      struct es_arena *arena)
{
    unsigned char *mac;
    size_t size;
    if (!base64url_decode(mac_text, arena, &mac, &size) || size != SHA256_SIZE)
        return false;
    bool is_ours = false;
    for (size_t i = 0; i < keys->count; i++) {
        unsigned char ours[SHA256_SIZE];
        sign(keys->keys[i], text, ours);
        is_ours |= digest_equals(mac, ours, SHA256_SIZE);
    }
    return is_ours;
}

static bool copy_id(char ret_id[static ES_ID_SIZE], const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length >= ES_ID_SIZE)
        return false;
    memcpy(ret_id, text, length + 1);
    return true;
}

static bool read_line(char *line, struct link_claims *ret_claims)
{
    char *fields[FIELD_COUNT] = { 0 }, *rest = line;
    size_t count = 0;
    for (; rest && count < FIELD_COUNT; count++)
        fields[count] = strsep(&rest, " ");
    if (count != FIELD_COUNT || rest || strcmp(fields[0], "1") != 0)
        return false;
    struct link_claims claims = { 0 };
    for (int ground = LINK_BEARER; ground <= LINK_USER; ground++)
        if (strcmp(fields[5], ground_names[ground]) == 0)
            claims.ground = (enum link_ground)ground;
    bool has_user = strcmp(fields[6], "-") != 0;
    if (claims.ground == LINK_GROUND_UNSET || has_user != (claims.ground == LINK_USER) ||
        (has_user && !copy_id(claims.user_id, fields[6])) || !copy_id(claims.media_id, fields[1]) ||
        !copy_id(claims.job_id, fields[2]) || !es_text_to_i64(fields[3], &claims.expires_at_ms) ||
        !es_text_to_i64(fields[4], &claims.epoch))
        return false;
    *ret_claims = claims;
    return true;
}

static enum es_code refuse(struct es_err *reterr, const char *why)
{
    return es_fail_word(reterr, ES_FORBIDDEN, "link_invalid", "%s", why);
}

enum es_code signed_link_read(const struct jwt_keys *keys, const char *link, int64_t now_ms,
                              struct link_claims *ret_claims, struct es_err *reterr)
{
    if (strlen(link) > SIGNED_LINK_BYTES_MAX)
        return refuse(reterr, "longer than a link can be");
    es_auto_arena arena = { 0 };
    char *text = es_strdup(&arena, link);
    char *dot = strchr(text, '.');
    if (!dot)
        return refuse(reterr, "no link");
    *dot = 0;
    if (!is_signed(keys, text, dot + 1, &arena))
        return refuse(reterr, "not signed by one of the keys");
    unsigned char *line;
    size_t size;
    struct link_claims claims;
    if (!base64url_decode(text, &arena, &line, &size) ||
        !read_line(es_strndup(&arena, (char *)line, size), &claims))
        return refuse(reterr, "of another form");
    if (claims.expires_at_ms <= now_ms)
        return refuse(reterr, "expired");
    *ret_claims = claims;
    return ES_OK;
}
