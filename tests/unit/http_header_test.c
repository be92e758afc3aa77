/* Header values as clients really send them, and as they should not. */
#include "test.h"

#include "base/es_auto.h"
#include "wire/http_header.h"

static void prefers_spanish_unless_told_otherwise(void **state)
{
    (void)state;
    static const char *const spanish[] = { NULL,
                                           "",
                                           "es",
                                           "es-MX,es;q=0.9,en;q=0.8",
                                           "fr",
                                           "*",
                                           "en;q=0.5, es;q=0.6",
                                           "es,en",
                                           "en;q=0",
                                           "fr,de;q=0.5",
                                           "e",
                                           "eng",
                                           "en;q=0.5,*" };
    static const char *const english[] = {
        "en",           "en-US,en;q=0.9",          "en,es",          "EN-gb", "es;q=0.1,en;q=0.2",
        "fr, en;q=0.3", "en-US,en;q=0.9,es;q=0.8", "es;q=0,en;q=0.1"
    };
    for (size_t i = 0; i < sizeof(spanish) / sizeof(*spanish); i++)
        assert_int_equal(http_accept_language(spanish[i]), HTTP_LANGUAGE_ES);
    for (size_t i = 0; i < sizeof(english) / sizeof(*english); i++)
        assert_int_equal(http_accept_language(english[i]), HTTP_LANGUAGE_EN);
}

static void accept_takes_the_most_specific_range(void **state)
{
    (void)state;
    assert_true(http_accepts(NULL, "text/html"));
    assert_true(http_accepts("*/*", "text/html"));
    assert_true(http_accepts("text/*", "text/html"));
    assert_true(http_accepts("application/json, text/html;q=0.1", "text/html"));
    assert_false(http_accepts("application/json", "text/html"));
    assert_false(http_accepts("*/*, text/html;q=0", "text/html"));
    assert_false(http_accepts("text/htmlx", "text/html"));
}

static void disposition_is_safe_for_any_name(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    assert_string_equal(http_content_disposition(&arena, true, NULL), "attachment");
    assert_string_equal(http_content_disposition(&arena, false, "a b.mp3"),
                        "inline; filename=\"a b.mp3\"");
    assert_string_equal(http_content_disposition(&arena, true, "../x\"\r\nY: 1"),
                        "attachment; filename=\".._x___Y: 1\"");
    assert_string_equal(http_content_disposition(&arena, true, "caf\xc3\xa9.mp3"),
                        "attachment; filename=\"caf_.mp3\"; filename*=UTF-8''caf%C3%A9.mp3");
    assert_string_equal(http_content_disposition(&arena, true, "100%.mp3"),
                        "attachment; filename=\"100_.mp3\"; filename*=UTF-8''100%25.mp3");
}

static void reads_media_types(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct http_media_type type;
    struct es_err err;
    assert_ok(http_media_type_parse(&arena, "Application/JSON; Charset=\"UTF-8\"", &type, &err),
              err);
    assert_string_equal(type.type, "application/json");
    assert_string_equal(type.charset, "utf-8");
    assert_null(type.boundary);
    assert_ok(
        http_media_type_parse(&arena, "multipart/form-data; boundary=\"a;\\\"b\"", &type, &err),
        err);
    assert_string_equal(type.boundary, "a;\"b");
    static const char *const bad[] = { "",
                                       "text",
                                       "text/",
                                       "/x",
                                       "text/html x",
                                       "text/html; charset",
                                       "text/html; charset=a; charset=b",
                                       "text/html; charset=\"a" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(http_media_type_parse(&arena, bad[i], &type, NULL), ES_INVALID);
}

static void finds_a_cookie_by_its_whole_name(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const char *header = "xa=0; a=1; b=\"two\"; a=3; c=; d=x=y ";
    assert_string_equal(http_cookie_get(&arena, header, "a"), "1");
    assert_string_equal(http_cookie_get(&arena, header, "b"), "two");
    assert_string_equal(http_cookie_get(&arena, header, "c"), "");
    assert_string_equal(http_cookie_get(&arena, header, "d"), "x=y");
    assert_null(http_cookie_get(&arena, header, "e"));
    assert_null(http_cookie_get(&arena, NULL, "a"));
}

static void compares_entity_tags(void **state)
{
    (void)state;
    assert_true(http_etag_matches("\"a\"", "\"a\"", false));
    assert_true(http_etag_matches(" \"x\" , \"a\"", "\"a\"", false));
    assert_true(http_etag_matches("\"x,y\",\"a\"", "\"a\"", false));
    assert_false(http_etag_matches("W/\"a\"", "\"a\"", false));
    assert_true(http_etag_matches("W/\"a\"", "\"a\"", true));
    assert_true(http_etag_matches("\"a\"", "W/\"a\"", true));
    assert_false(http_etag_matches("a", "\"a\"", true));
    assert_false(http_etag_matches("\"a", "\"a\"", true));
    assert_true(http_etag_matches("*", NULL, true));
    assert_false(http_etag_matches("\"a\"", NULL, true));
}

static void takes_bearer_credentials_only(void **state)
{
    (void)state;
    assert_string_equal(http_bearer_token("Bearer abc.d-e_f=="), "abc.d-e_f==");
    assert_string_equal(http_bearer_token("bearer  x"), "x");
    assert_null(http_bearer_token(NULL));
    assert_null(http_bearer_token("Bearer"));
    assert_null(http_bearer_token("Bearer "));
    assert_null(http_bearer_token("Basic abc"));
    assert_null(http_bearer_token("Bearer a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefers_spanish_unless_told_otherwise),
        cmocka_unit_test(accept_takes_the_most_specific_range),
        cmocka_unit_test(disposition_is_safe_for_any_name),
        cmocka_unit_test(reads_media_types),
        cmocka_unit_test(finds_a_cookie_by_its_whole_name),
        cmocka_unit_test(compares_entity_tags),
        cmocka_unit_test(takes_bearer_credentials_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
