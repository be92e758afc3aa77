/* Percent decoding and query parsing, by what RFC 3986 and the URL standard's forms ask for. */
#include "test.h"

#include "base/es_auto.h"
#include "wire/uri.h"

static const char *decoded(struct es_arena *arena, const char *text)
{
    char *result;
    return uri_decode(arena, text, strlen(text), &result, NULL) == ES_OK ? result : NULL;
}

static void decodes_escapes_and_leaves_plus_alone(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    assert_string_equal(decoded(&arena, ""), "");
    assert_string_equal(decoded(&arena, "a+b"), "a+b");
    assert_string_equal(decoded(&arena, "%41%2fb"), "A/b");
    assert_string_equal(decoded(&arena, "caf%C3%a9"), "caf\xc3\xa9");
}

static void refuses_what_does_not_decode(void **state)
{
    (void)state;
    static const char *const bad[] = { "%",   "%4",        "%4g",    "%00",  "a%",          "%c3",
                                       "%ff", "%ed%a0%80", "%c0%af", "\xff", "%f5%80%80%80" };
    es_auto_arena arena = { 0 };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_null(decoded(&arena, bad[i]));
    char *text;
    assert_int_equal(uri_decode(&arena, "a\0b", 3, &text, NULL), ES_INVALID);
}

static void splits_a_query_in_order(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct uri_pairs pairs;
    const char *query = "a=1&&b=x+y%26z&a=2&flag&=v&c=";
    assert_int_equal(uri_pairs_parse(&arena, query, strlen(query), 10, &pairs, NULL), ES_OK);
    assert_int_equal(pairs.count, 6);
    assert_string_equal(uri_pairs_get(&pairs, "a"), "1");
    assert_string_equal(uri_pairs_get(&pairs, "b"), "x y&z");
    assert_string_equal(uri_pairs_get(&pairs, "flag"), "");
    assert_string_equal(uri_pairs_get(&pairs, ""), "v");
    assert_string_equal(uri_pairs_get(&pairs, "c"), "");
    assert_string_equal(pairs.pairs[2].value, "2");
    assert_null(uri_pairs_get(&pairs, "A"));
}

static void bounds_the_number_of_pairs(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct uri_pairs pairs;
    assert_int_equal(uri_pairs_parse(&arena, "a&b&c", 5, 3, &pairs, NULL), ES_OK);
    assert_int_equal(uri_pairs_parse(&arena, "a&b&c&d", 7, 3, &pairs, NULL), ES_LIMIT);
    assert_int_equal(uri_pairs_parse(&arena, "a=%zz", 5, 3, &pairs, NULL), ES_INVALID);
    assert_int_equal(uri_pairs_parse(&arena, "", 0, 0, &pairs, NULL), ES_OK);
    assert_int_equal(pairs.count, 0);
}

static void encodes_all_but_unreserved(void **state)
{
    (void)state;
    es_auto_buf buf = { 0 };
    uri_encode(&buf, "a b/\xc3\xa9~+%", false);
    assert_string_equal(es_buf_text(&buf), "a%20b%2F%C3%A9~%2B%25");
    es_buf_clear(&buf);
    uri_encode(&buf, "a/b", true);
    assert_string_equal(es_buf_text(&buf), "a/b");
}

static void knows_an_origin_form_target(void **state)
{
    (void)state;
    static const char *const good[] = {
        "/", "/a?b=c", "/%41", "/a:@!$&'()*+,;=", "//x", "/?a=[1]"
    };
    static const char *const bad[] = { "",    "*",     "a",         "http://h/", "/a b", "/a#b",
                                       "/%4", "/\x7f", "/\xc3\xa9", "/a\tb",     "/<",   "/{x}" };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(uri_target_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(uri_target_is_valid(bad[i], strlen(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_escapes_and_leaves_plus_alone),
        cmocka_unit_test(refuses_what_does_not_decode),
        cmocka_unit_test(splits_a_query_in_order),
        cmocka_unit_test(bounds_the_number_of_pairs),
        cmocka_unit_test(encodes_all_but_unreserved),
        cmocka_unit_test(knows_an_origin_form_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
