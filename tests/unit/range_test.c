/* The matrix of preconditions and ranges of RFC 9110, 13 and 14. */
#include "test.h"
#include "wire/range.h"

#define MODIFIED_MS INT64_C(784111777123) /* Sun, 06 Nov 1994 08:49:37 GMT and a bit */
#define MODIFIED    "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE      "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER       "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct range_resource thousand = { .size_bytes = 1000,
                                                .etag = "\"v1\"",
                                                .mtime_ms = MODIFIED_MS };

static struct range_answer ask(struct range_request request)
{
    return range_evaluate(&request, &thousand);
}

#define assert_outcome(outcome_, ...)                                                              \
    assert_int_equal(ask((struct range_request){ __VA_ARGS__ }).outcome, (outcome_))

static void assert_part(const char *range, uint64_t first, uint64_t last)
{
    struct range_answer answer = ask((struct range_request){ .range = range });
    assert_int_equal(answer.outcome, RANGE_PART);
    assert_int_equal(answer.first, first);
    assert_int_equal(answer.last, last);
}

static void cuts_one_range(void **state)
{
    (void)state;
    assert_part("bytes=0-0", 0, 0);
    assert_part("bytes=0-499", 0, 499);
    assert_part("bytes=500-", 500, 999);
    assert_part("bytes=-200", 800, 999);
    assert_part("bytes=-2000", 0, 999);
    assert_part("bytes=999-5000", 999, 999);
    assert_part("Bytes= 1-2 ", 1, 2);
    assert_part("bytes=0-99999999999999999999999", 0, 999);
}

static void refuses_a_range_behind_the_end(void **state)
{
    (void)state;
    assert_outcome(RANGE_UNSATISFIABLE, .range = "bytes=1000-");
    assert_outcome(RANGE_UNSATISFIABLE, .range = "bytes=99999999999999999999-");
    assert_outcome(RANGE_UNSATISFIABLE, .range = "bytes=-0");
    struct range_request request = { .range = "bytes=0-" };
    struct range_resource empty = { 0 };
    assert_int_equal(range_evaluate(&request, &empty).outcome, RANGE_UNSATISFIABLE);
}

static void answers_the_whole_where_a_range_is_none(void **state)
{
    (void)state;
    static const char *const ignored[] = { "bytes",      "bytes=",    "bytes=-",       "bytes=a-b",
                                           "bytes=5-4",  "items=0-1", "bytes=0-1,5-6", "bytes=0--1",
                                           "bytes=+1-2", "bytes=0 -1" };
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        assert_outcome(RANGE_WHOLE, .range = ignored[i]);
    assert_outcome(RANGE_WHOLE, .range = NULL);
}

static void if_range_needs_a_strong_match(void **state)
{
    (void)state;
    assert_outcome(RANGE_PART, .range = "bytes=0-1", .if_range = "\"v1\"");
    assert_outcome(RANGE_WHOLE, .range = "bytes=0-1", .if_range = "\"v2\"");
    assert_outcome(RANGE_WHOLE, .range = "bytes=0-1", .if_range = "W/\"v1\"");
    assert_outcome(RANGE_PART, .range = "bytes=0-1", .if_range = MODIFIED);
    assert_outcome(RANGE_WHOLE, .range = "bytes=0-1", .if_range = BEFORE);
    assert_outcome(RANGE_WHOLE, .range = "bytes=0-1", .if_range = AFTER);
    assert_outcome(RANGE_WHOLE, .range = "bytes=0-1", .if_range = "garbage");
    assert_outcome(RANGE_WHOLE, .range = "bytes=5000-", .if_range = "\"v2\"");
}

static void if_none_match_wins_over_dates(void **state)
{
    (void)state;
    assert_outcome(RANGE_NOT_MODIFIED, .if_none_match = "\"v1\"");
    assert_outcome(RANGE_NOT_MODIFIED, .if_none_match = "\"v0\", W/\"v1\"");
    assert_outcome(RANGE_NOT_MODIFIED, .if_none_match = "*");
    assert_outcome(RANGE_WHOLE, .if_none_match = "\"v2\"", .if_modified_since = AFTER);
    assert_outcome(RANGE_NOT_MODIFIED, .if_modified_since = MODIFIED);
    assert_outcome(RANGE_NOT_MODIFIED, .if_modified_since = AFTER);
    assert_outcome(RANGE_WHOLE, .if_modified_since = BEFORE);
    assert_outcome(RANGE_WHOLE, .if_modified_since = "yesterday");
    assert_outcome(RANGE_NOT_MODIFIED, .if_none_match = "\"v1\"", .range = "bytes=0-1");
}

static void if_match_is_strong(void **state)
{
    (void)state;
    assert_outcome(RANGE_WHOLE, .if_match = "\"v1\"");
    assert_outcome(RANGE_WHOLE, .if_match = "*");
    assert_outcome(RANGE_FAILED, .if_match = "W/\"v1\"");
    assert_outcome(RANGE_FAILED, .if_match = "\"v2\"");
    assert_outcome(RANGE_FAILED, .if_unmodified_since = BEFORE);
    assert_outcome(RANGE_WHOLE, .if_unmodified_since = MODIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_one_range),
        cmocka_unit_test(refuses_a_range_behind_the_end),
        cmocka_unit_test(answers_the_whole_where_a_range_is_none),
        cmocka_unit_test(if_range_needs_a_strong_match),
        cmocka_unit_test(if_none_match_wins_over_dates),
        cmocka_unit_test(if_match_is_strong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
