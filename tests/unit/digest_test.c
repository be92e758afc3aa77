/* SHA-256, HMAC and base64url against their specifications' vectors. */
#include "test.h"

#include "base/es_text.h"
#include "wire/base64url.h"
#include "wire/sha256.h"

static void sha256_has_the_published_sums(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sum;
    } vectors[] = {
        /* FIPS 180-4 */
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        es_auto(sha256) sum = sha256_open();
        for (const char *c = vectors[i].text; *c; c++) /* byte by byte */
            sha256_add(sum, c, 1);
        char text[SHA256_HEX_SIZE];
        sha256_finish_hex(sum, text);
        assert_string_equal(text, vectors[i].sum);
        unsigned char digest[SHA256_SIZE];
        sha256_of(vectors[i].text, strlen(vectors[i].text), digest);
        es_hex_encode(digest, sizeof(digest), text);
        assert_string_equal(text, vectors[i].sum);
    }
}

static void hmac_has_the_published_sums(void **state)
{
    (void)state;
    unsigned char mac[SHA256_SIZE];
    char text[SHA256_HEX_SIZE];
    /* RFC 4231, 4.3 and 4.7 */
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    es_hex_encode(mac, sizeof(mac), text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    unsigned char key[131];
    memset(key, 0xaa, sizeof(key));
    hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                mac);
    es_hex_encode(mac, sizeof(mac), text);
    assert_string_equal(text, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_true(digest_equals(mac, mac, sizeof(mac)));
    unsigned char other[SHA256_SIZE];
    memcpy(other, mac, sizeof(mac));
    other[31] ^= 1;
    assert_false(digest_equals(mac, other, sizeof(mac)));
}

static void base64url_goes_both_ways(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } vectors[] = {
        /* RFC 4648, 10, without padding; then the two letters that differ */
        { "", 0, "" },
        { "f", 1, "Zg" },
        { "fo", 2, "Zm8" },
        { "foo", 3, "Zm9v" },
        { "foob", 4, "Zm9vYg" },
        { "fooba", 5, "Zm9vYmE" },
        { "foobar", 6, "Zm9vYmFy" },
        { "\xfb\xff\xfe", 3, "-__-" },
        { "\0\0", 2, "AAA" },
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        assert_string_equal(base64url_encode(vectors[i].bytes, vectors[i].size, &arena),
                            vectors[i].text);
        unsigned char *bytes;
        size_t size;
        assert_true(base64url_decode(vectors[i].text, &arena, &bytes, &size));
        assert_int_equal(size, vectors[i].size);
        assert_memory_equal(bytes, vectors[i].bytes, size);
    }
}

static void base64url_refuses_what_it_would_not_write(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *const texts[] = { "Zg==", "Z",     "Zh",       "Zm9=", "Zm9v Yg", "Zm9v\n",
                                  "+//+", "Zm9vY", "\xc3\xa1", "=",    "A===",    "Zm9" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        unsigned char *bytes;
        size_t size;
        assert_false(base64url_decode(texts[i], &arena, &bytes, &size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_has_the_published_sums),
        cmocka_unit_test(hmac_has_the_published_sums),
        cmocka_unit_test(base64url_goes_both_ways),
        cmocka_unit_test(base64url_refuses_what_it_would_not_write),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
