/* How many parts run at once, and what those do that wait. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/es_clock.h"
#include "worker/places.h"

struct taker {
    struct places *places;
    atomic_int has_taken; /* 1: a place, 2: the end */
    pthread_t thread;
};

static void *take(void *argument)
{
    struct taker *taker = argument;
    atomic_store(&taker->has_taken, places_take(taker->places) ? 1 : 2);
    return NULL;
}

static void start(struct taker *taker, struct places *places)
{
    *taker = (struct taker){ .places = places };
    assert_int_equal(pthread_create(&taker->thread, NULL, take, taker), 0);
}

static int result(struct taker *taker)
{
    pthread_join(taker->thread, NULL);
    return atomic_load(&taker->has_taken);
}

static void a_place_is_waited_for(void **state)
{
    (void)state;
    struct places *places = places_open(1, 1);
    assert_true(places_take(places));
    struct taker taker;
    start(&taker, places);
    es_sleep_ms(20);
    assert_int_equal(atomic_load(&taker.has_taken), 0);
    places_give(places);
    assert_int_equal(result(&taker), 1);
    start(&taker, places);
    places_end(places);
    assert_int_equal(result(&taker), 2);
    assert_false(places_take(places));
    places_close(places);
}

static void who_waits_lends_its_place_and_no_new_part_begins_when_it_goes_on(void **state)
{
    (void)state;
    struct places *places = places_open(1, 1);
    assert_true(places_take(places));
    assert_true(places_admit(places));
    places_lend(places);
    assert_true(places_take(places)); /* another part */
    places_take_back(places);         /* now two run */
    struct taker taker;
    start(&taker, places);
    places_give(places); /* one of them ends: one runs, which is as many as may */
    es_sleep_ms(20);
    assert_int_equal(atomic_load(&taker.has_taken), 0);
    places_dismiss(places);
    places_give(places);
    assert_int_equal(result(&taker), 1);
    places_close(places);
}

static void only_so_many_are_admitted(void **state)
{
    (void)state;
    struct places *places = places_open(4, 2);
    assert_true(places_admit(places));
    assert_true(places_admit(places));
    assert_false(places_admit(places));
    places_dismiss(places);
    assert_true(places_admit(places));
    assert_false(places_admit(places));
    places_close(places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_waited_for),
        cmocka_unit_test(who_waits_lends_its_place_and_no_new_part_begins_when_it_goes_on),
        cmocka_unit_test(only_so_many_are_admitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
