/* What the token buckets promise. */
#include "../unit/test.h"
#include "api/rate_limiter.h"

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    es_auto(rate_limiter) limiter = rate_limiter_open(3, 2);
    int64_t now_us = 1000000, wait_s = 0;
    for (int i = 0; i < 3; i++)
        assert_true(rate_limiter_take(limiter, "ana", now_us, &wait_s));
    assert_false(rate_limiter_take(limiter, "ana", now_us, &wait_s));
    assert_int_equal(wait_s, 1);
    assert_true(rate_limiter_take(limiter, "bob", now_us, &wait_s));
    now_us += 500000;
    assert_true(rate_limiter_take(limiter, "ana", now_us, &wait_s));
    assert_false(rate_limiter_take(limiter, "ana", now_us, &wait_s));
    now_us += 3600 * INT64_C(1000000);
    for (int i = 0; i < 3; i++)
        assert_true(rate_limiter_take(limiter, "ana", now_us, &wait_s));
    assert_false(rate_limiter_take(limiter, "ana", now_us, &wait_s));
}

static void the_wait_is_as_long_as_the_rate_is_slow(void **state)
{
    (void)state;
    es_auto(rate_limiter) limiter = rate_limiter_open(1, 0.01);
    int64_t wait_s = 0;
    assert_true(rate_limiter_take(limiter, "ana", 0, &wait_s));
    assert_false(rate_limiter_take(limiter, "ana", 0, &wait_s));
    assert_int_equal(wait_s, 100);
}

static void a_flood_of_keys_does_not_free_the_one_that_is_held_back(void **state)
{
    (void)state;
    es_auto(rate_limiter) limiter = rate_limiter_open(5, 0.001);
    int64_t wait_s = 0;
    for (int i = 0; i < 5; i++)
        assert_true(rate_limiter_take(limiter, "eve", 0, &wait_s));
    for (int i = 0; i < 100000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key %d", i);
        rate_limiter_take(limiter, key, 0, &wait_s);
    }
    assert_false(rate_limiter_take(limiter, "eve", 0, &wait_s));
}

static void long_keys_and_a_clock_that_stands_still_are_fine(void **state)
{
    (void)state;
    es_auto(rate_limiter) limiter = rate_limiter_open(1, 1);
    char key[300];
    int64_t wait_s = 0;
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    assert_true(rate_limiter_take(limiter, key, 100, &wait_s));
    assert_false(rate_limiter_take(limiter, key, 50, &wait_s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(the_wait_is_as_long_as_the_rate_is_slow),
        cmocka_unit_test(a_flood_of_keys_does_not_free_the_one_that_is_held_back),
        cmocka_unit_test(long_keys_and_a_clock_that_stands_still_are_fine),
    };
    return cmocka_run_group_tests_name("rate_limiter", tests, NULL, NULL);
}
