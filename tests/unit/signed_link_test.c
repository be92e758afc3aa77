/* Signed links: what is ours reads back, and nothing else does. And the names in playlists. */
#include "test.h"

#include "base/es_buf.h"
#include "service/playback.h"
#include "service/signed_link.h"
#include "wire/base64url.h"
#include "wire/sha256.h"

#define NOW_MS 1763461800123

static const char *const texts[] = { "the key that signs from now on", "the key before it" };
static const struct jwt_keys keys = { texts, 2 }, old_key = { texts + 1, 1 },
                             new_key = { texts, 1 };

static const struct link_claims claims = {
    .media_id = "0193f1a2-0000-7000-8000-000000000001",
    .job_id = "6d2f2f6e-1111-4111-8111-000000000001",
    .expires_at_ms = NOW_MS + 1000,
    .epoch = 7,
    .ground = LINK_USER,
    .user_id = "0193f1a2-0000-7000-8000-0000000000ff",
};

static void assert_refused(const struct jwt_keys *with, const char *link, int64_t now_ms)
{
    struct es_err err = { 0 };
    struct link_claims read;
    if (signed_link_read(with, link, now_ms, &read, &err) != ES_FORBIDDEN)
        fail_msg("accepted: %s", link);
    assert_string_equal(err.word, "link_invalid");
}

static void a_link_reads_back(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct link_claims read;
    const char *link = signed_link_make(&keys, &claims, &arena);
    assert_true(strlen(link) < SIGNED_LINK_BYTES_MAX);
    assert_int_equal(
        strspn(link, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
        strlen(link));
    assert_ok(signed_link_read(&keys, link, NOW_MS, &read, &err), err);
    assert_string_equal(read.media_id, claims.media_id);
    assert_string_equal(read.job_id, claims.job_id);
    assert_string_equal(read.user_id, claims.user_id);
    assert_int_equal(read.expires_at_ms, claims.expires_at_ms);
    assert_int_equal(read.epoch, 7);
    assert_int_equal(read.ground, LINK_USER);
    struct link_claims bearer = claims;
    bearer.ground = LINK_BEARER;
    bearer.user_id[0] = 0;
    assert_ok(
        signed_link_read(&keys, signed_link_make(&keys, &bearer, &arena), NOW_MS, &read, &err),
        err);
    assert_int_equal(read.ground, LINK_BEARER);
    assert_string_equal(read.user_id, "");
}

static void expiry_and_keys_are_held(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct link_claims read;
    const char *old = signed_link_make(&old_key, &claims, &arena);
    assert_ok(signed_link_read(&keys, old, NOW_MS + 999, &read, &err), err);
    assert_refused(&keys, old, NOW_MS + 1000);
    assert_refused(&new_key, old, NOW_MS);
}

static void a_changed_link_is_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *link = signed_link_make(&keys, &claims, &arena);
    size_t length = strlen(link);
    for (size_t i = 0; i < length; i++) {
        char *changed = es_strdup(&arena, link);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_refused(&keys, changed, NOW_MS);
        assert_refused(&keys, es_strndup(&arena, link, i), NOW_MS);
    }
    const char *const others[] = { "", ".", "..", "a.b", "\xff.\xff", "../../etc/passwd" };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_refused(&keys, others[i], NOW_MS);
    char *endless = es_alloc(&arena, 100000);
    memset(endless, 'a', 99999);
    assert_refused(&keys, endless, NOW_MS);
}

/* Signed by our key, but of another form: as another version might write, or a mistake of ours. */
static void claims_of_another_form_are_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *const lines[] = {
        "",
        "1",
        "1 m j 99999999999999 0 bearer",
        "1 m j 99999999999999 0 bearer - x",
        "2 m j 99999999999999 0 bearer -",
        "1 m j 99999999999999 0 owner -",
        "1 m j 99999999999999 0 bearer user",
        "1 m j 99999999999999 0 user -",
        "1 m j soon 0 bearer -",
        "1 m j 99999999999999 x bearer -",
        "1  j 99999999999999 0 bearer -",
        "1 0123456789012345678901234567890123456789 j 99999999999999 0 bearer -",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        unsigned char link_key[SHA256_SIZE], mac[SHA256_SIZE];
        static const char context[] = "espotifai signed link 1";
        hmac_sha256(texts[0], strlen(texts[0]), context, strlen(context), link_key);
        const char *text = base64url_encode(lines[i], strlen(lines[i]), &arena);
        hmac_sha256(link_key, sizeof(link_key), text, strlen(text), mac);
        assert_refused(&keys,
                       es_printf(&arena, "%s.%s", text, base64url_encode(mac, sizeof(mac), &arena)),
                       NOW_MS);
    }
}

static void playlist_names_get_their_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        { "", "" },
        { "seg0.m4s\n", "/p/seg0.m4s\n" },
        { "seg0.m4s", "/p/seg0.m4s" },
        { "#EXTM3U\r\n\r\n#EXTINF:5.0,\r\nv-1.m4s\r\n",
          "#EXTM3U\r\n\r\n#EXTINF:5.0,\r\n/p/v-1.m4s\r\n" },
        { "#EXT-X-MAP:URI=\"init.mp4\"\na\n", "#EXT-X-MAP:URI=\"/p/init.mp4\"\n/p/a\n" },
        { "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a,URI=b\",URI=\"audio.m3u8\",X=\"1\"\n",
          "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a,URI=b\",URI=\"/p/audio.m3u8\",X=\"1\"\n" },
        { "#EXT-X-KEY:METHOD=NONE,KEYURI=\"x\"\n", "#EXT-X-KEY:METHOD=NONE,KEYURI=\"x\"\n" },
        { "#EXT-X-MAP:URI=\"broken\n", "#EXT-X-MAP:URI=\"broken\n" },
        { "https://elsewhere/x\n/root\n", "https://elsewhere/x\n/root\n" },
        { "#EXT-X-MAP:URI=\"/abs\"\n", "#EXT-X-MAP:URI=\"/abs\"\n" },
        { "a b?c=http://x\n", "/p/a b?c=http://x\n" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        es_auto_buf buf = { 0 };
        playlist_prefix_names(cases[i].before, "/p/", &buf);
        assert_string_equal(es_buf_text(&buf), cases[i].after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_reads_back),
        cmocka_unit_test(expiry_and_keys_are_held),
        cmocka_unit_test(a_changed_link_is_refused),
        cmocka_unit_test(claims_of_another_form_are_refused),
        cmocka_unit_test(playlist_names_get_their_prefix),
    };
    return cmocka_run_group_tests_name("signed_link", tests, NULL, NULL);
}
