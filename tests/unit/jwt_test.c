/* Session tokens: what is ours verifies, and nothing else does. */
#include "test.h"

#include <openssl/evp.h>

#include "wire/base64url.h"
#include "wire/jwt.h"
#include "wire/sha256.h"

#define NOW_MS 1763461800123

static const char *const one_key[] = { "a key of at least thirty-two bytes!" };
static const char *const new_and_old[] = { "another key, which signs from now on",
                                           "a key of at least thirty-two bytes!" };
static const struct jwt_keys keys = { one_key, 1 };
static const struct jwt_keys rotated = { new_and_old, 2 };
static const struct jwt_keys new_only = { new_and_old, 1 };

static const struct jwt_claims claims = {
    .username = "maría",
    .user_id = "0193f1a2-0000-7000-8000-000000000001",
    .token_id = "6d2f2f6e-1111-4111-8111-000000000001",
    .issued_at_ms = NOW_MS,
    .expires_at_ms = NOW_MS + 60000,
};

static const char *sign(const struct jwt_keys *with, struct es_arena *arena)
{
    struct es_err err = { 0 };
    const char *token = NULL;
    assert_ok(jwt_claims_sign(with, &claims, arena, &token, &err), err);
    return token;
}

static void assert_refused(const struct jwt_keys *with, const char *token, int64_t now_ms)
{
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct jwt_claims read;
    assert_int_equal(jwt_claims_verify(with, token, now_ms, &arena, &read, &err),
                     ES_UNAUTHENTICATED);
    assert_string_equal(err.word, "token_invalid");
}

/* header.payload.signature by hand, so that anything can stand in it. */
static const char *forge(const char *header, const char *payload, const char *key,
                         struct es_arena *arena)
{
    const char *signed_part =
        es_printf(arena, "%s.%s", base64url_encode(header, strlen(header), arena),
                  base64url_encode(payload, strlen(payload), arena));
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(key, strlen(key), signed_part, strlen(signed_part), mac);
    return es_printf(arena, "%s.%s", signed_part, base64url_encode(mac, sizeof(mac), arena));
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD                                                                                       \
    "{\"sub\":\"ana\",\"uid\":\"u1\",\"jti\":\"t1\",\"iat\":1763461800,"                           \
    "\"iat_ms\":1763461800123,\"exp\":1763469999}"

static void claims_come_back_as_signed(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct jwt_claims read;
    assert_ok(jwt_claims_verify(&keys, sign(&keys, &arena), NOW_MS, &arena, &read, &err), err);
    assert_string_equal(read.username, claims.username);
    assert_string_equal(read.user_id, claims.user_id);
    assert_string_equal(read.token_id, claims.token_id);
    assert_int_equal(read.issued_at_ms, NOW_MS);
    assert_int_equal(read.expires_at_ms, (NOW_MS + 60000) / 1000 * 1000);
    assert_ok(jwt_claims_verify(&keys, forge(HS256, GOOD, one_key[0], &arena), NOW_MS, &arena,
                                &read, &err),
              err);
}

static void old_keys_verify_until_they_are_taken_away(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct jwt_claims read;
    const char *old = sign(&keys, &arena), *new = sign(&rotated, &arena);
    assert_ok(jwt_claims_verify(&rotated, old, NOW_MS, &arena, &read, &err), err);
    assert_ok(jwt_claims_verify(&rotated, new, NOW_MS, &arena, &read, &err), err);
    assert_ok(jwt_claims_verify(&new_only, new, NOW_MS, &arena, &read, &err), err);
    assert_refused(&new_only, old, NOW_MS);
    assert_refused(&keys, new, NOW_MS);
}

static void expiry_has_no_leeway(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct jwt_claims read;
    const char *token = sign(&keys, &arena);
    int64_t expires_at_ms = (NOW_MS + 60000) / 1000 * 1000;
    assert_ok(jwt_claims_verify(&keys, token, expires_at_ms - 1, &arena, &read, &err), err);
    assert_refused(&keys, token, expires_at_ms);
}

static void other_algorithms_are_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *const headers[] = {
        "{\"alg\":\"none\",\"typ\":\"JWT\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\"}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":1}",
        "[]",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        const char *token = forge(headers[i], GOOD, one_key[0], &arena);
        assert_refused(&keys, token, NOW_MS);
        char *unsigned_token = es_strdup(&arena, token);
        strrchr(unsigned_token, '.')[1] = 0;
        assert_refused(&keys, unsigned_token, NOW_MS);
    }
    /* An HS512 signature that is right, by the right key: still not our algorithm. */
    const char *head =
        es_printf(&arena, "%s.%s", base64url_encode("{\"alg\":\"HS512\"}", 15, &arena),
                  base64url_encode(GOOD, strlen(GOOD), &arena));
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t mac_size = 0;
    EVP_Q_mac(NULL, "HMAC", NULL, "SHA512", NULL, one_key[0], strlen(one_key[0]),
              (const unsigned char *)head, strlen(head), mac, sizeof(mac), &mac_size);
    assert_int_equal(mac_size, 64);
    assert_refused(&keys, es_printf(&arena, "%s.%s", head, base64url_encode(mac, mac_size, &arena)),
                   NOW_MS);
}

static void claims_that_are_missing_or_of_another_type_are_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *const payloads[] = {
        "{}",
        "[]",
        "null",
        "{\"sub\":\"a\",\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1}",
        "{\"sub\":\"a\",\"uid\":\"u\",\"jti\":\"t\",\"exp\":1763469999}",
        "{\"sub\":\"a\",\"uid\":\"u\",\"iat_ms\":1,\"exp\":1763469999}",
        "{\"sub\":\"a\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":1763469999}",
        "{\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":1763469999}",
        "{\"sub\":\"\",\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":1763469999}",
        "{\"sub\":7,\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":1763469999}",
        "{\"sub\":\"a\",\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":\"1763469999\"}",
        "{\"sub\":\"a\",\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":-1}",
        "{\"sub\":\"a\",\"uid\":\"u\",\"jti\":\"t\",\"iat_ms\":1,\"exp\":9223372036854775807}",
        "{\"sub\":\"a\",\"uid\":[\"u\"],\"jti\":\"t\",\"iat_ms\":1,\"exp\":1763469999}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++)
        assert_refused(&keys, forge(HS256, payloads[i], one_key[0], &arena), NOW_MS);
}

static void damaged_text_is_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *const texts[] = {
        "",         ".",          "..",      "...",      "a",
        "a.b",      "a.b.c",      "a.b.c.d", "Bearer x", "\xff\xfe.\x80.\x01",
        "e30.e30.", "e30.e30.e30"
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_refused(&keys, texts[i], NOW_MS);
    const char *token = sign(&keys, &arena);
    size_t length = strlen(token);
    for (size_t i = 0; i < length; i++) { /* every character changed, and every cut */
        char *changed = es_strdup(&arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        if (i + 1 < length) /* the last one has bits that mean nothing; its text is compared too */
            assert_refused(&keys, changed, NOW_MS);
        assert_refused(&keys, es_strndup(&arena, token, i), NOW_MS);
    }
    char *endless = es_alloc(&arena, JWT_TOKEN_BYTES_MAX + 2);
    memset(endless, 'a', JWT_TOKEN_BYTES_MAX + 1);
    assert_refused(&keys, endless, NOW_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_come_back_as_signed),
        cmocka_unit_test(old_keys_verify_until_they_are_taken_away),
        cmocka_unit_test(expiry_has_no_leeway),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(claims_that_are_missing_or_of_another_type_are_refused),
        cmocka_unit_test(damaged_text_is_refused),
    };
    return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
