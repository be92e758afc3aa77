/* Passwords: what matches, what is replaced, and what a flood meets. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/es_clock.h"
#include "service/password.h"

static const struct password_settings cheap = {
    .operations = 1, .memory_bytes = 64 * 1024, .threads = 2, .waiting_max = 32
};

static void a_hash_matches_its_password_alone(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(password_pool) pool = NULL;
    assert_ok(password_pool_open(&cheap, &pool, &err), err);
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE], new_hash[PASSWORD_HASH_SIZE];
    assert_ok(password_hash(pool, "contraseña", hash, &err), err);
    assert_ok(password_hash(pool, "contraseña", again, &err), err);
    assert_memory_equal(hash, "$argon2id$v=19$m=64,t=1,p=1$", 28);
    assert_string_not_equal(hash, again);
    bool is_right;
    assert_ok(password_check_hash(pool, hash, "contraseña", &is_right, new_hash, &err), err);
    assert_true(is_right);
    assert_string_equal(new_hash, "");
    const char *const wrong[] = { "", "contraseñ", "contraseña ", "Contraseña", hash };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_ok(password_check_hash(pool, hash, wrong[i], &is_right, new_hash, &err), err);
        assert_false(is_right);
        assert_string_equal(new_hash, "");
    }
    assert_ok(password_check_hash(pool, NULL, "contraseña", &is_right, new_hash, &err), err);
    assert_false(is_right);
}

static void passlib_hashes_verify(void **state)
{
    (void)state;
    static const struct {
        const char *hash, *password;
        bool is_right;
    } cases[] = {
        /* sums by Python's hashlib; the 6400 rounds are of passlib's own documentation */
        { "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$ZvLORN3Wu1.2s6Mb0kBKZ43bylSsC/t0Vz5rE9nJPNg",
          "correct horse", true },
        { "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$ZvLORN3Wu1.2s6Mb0kBKZ43bylSsC/t0Vz5rE9nJPNg",
          "wrong horse", false },
        { "$pbkdf2-sha256$1000$.//..//.$Tl.TQDXp4yPh1dt5u6oHEHvBukzlMDRXAE/sWfcNfRg", "contraseña",
          true },
        { "$pbkdf2-sha256$1000$+//++//+$Tl+TQDXp4yPh1dt5u6oHEHvBukzlMDRXAE/sWfcNfRg", "contraseña",
          true },
        { "$pbkdf2-sha256$1$cw$hlaZvx.fQUB7nsOXctgpvyJ4ixMmVOdSfNbS.6nH3wk", "", true },
        { "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
          "password", true },
        { "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
          "passwor", false },
        { "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$ZvLORN3Wu1.2s6Mb0kBKZ43bylSsC/t0Vz5rE9nJPN",
          "correct horse", false },
        { "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$ZvLORN3Wu1.2s6Mb0kBKZ43bylSsC/"
          "t0Vz5rE9nJPNgA",
          "correct horse", false },
        { "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$ZvLORN3Wu1.2s6Mb0kBKZ43bylSsC/"
          "t0Vz5rE9nJPNg=",
          "correct horse", false },
        { "$pbkdf2-sha256$", "x", false },
        { "$pbkdf2-sha256$1$$", "x", false },
        { "$pbkdf2-sha256$1$c2FsdA$", "x", false },
        { "$pbkdf2-sha256$0$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", false },
        { "$pbkdf2-sha256$-1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", false },
        { "$pbkdf2-sha256$99999999999$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x",
          false },
        { "$pbkdf2-sha256$1$c2FsdA$AAAA", "x", false },
        { "$pbkdf2-sha256$1$c2Fsd!$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", false },
        { "$pbkdf2-sha512$1$c2FsdA$AAAA", "x", false },
        { "", "", false },
        { "x", "x", false },
        { "$argon2id$", "x", false },
        { "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA", "x", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (password_matches(cases[i].hash, cases[i].password) != cases[i].is_right)
            fail_msg("'%s' with '%s'", cases[i].hash, cases[i].password);
}

static void old_and_cheap_hashes_are_replaced(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(password_pool) pool = NULL;
    struct password_settings dearer = cheap;
    dearer.operations = 2;
    assert_ok(password_pool_open(&dearer, &pool, &err), err);
    es_auto(password_pool) before = NULL;
    assert_ok(password_pool_open(&cheap, &before, &err), err);
    char cheap_hash[PASSWORD_HASH_SIZE];
    assert_ok(password_hash(before, "correct horse", cheap_hash, &err), err);
    const char *const old[] = {
        cheap_hash,
        "$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$ZvLORN3Wu1.2s6Mb0kBKZ43bylSsC/t0Vz5rE9nJPNg"
    };
    for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++) {
        bool is_right;
        char new_hash[PASSWORD_HASH_SIZE], newer[PASSWORD_HASH_SIZE];
        assert_ok(password_check_hash(pool, old[i], "correct horse", &is_right, new_hash, &err),
                  err);
        assert_true(is_right);
        assert_memory_equal(new_hash, "$argon2id$v=19$m=64,t=2,p=1$", 28);
        assert_ok(password_check_hash(pool, new_hash, "correct horse", &is_right, newer, &err),
                  err);
        assert_true(is_right);
        assert_string_equal(newer, "");
        assert_ok(password_check_hash(pool, old[i], "wrong horse", &is_right, newer, &err), err);
        assert_false(is_right);
        assert_string_equal(newer, "");
    }
}

static atomic_int refused, hashed;

static void *hash_once(void *argument)
{
    struct es_err err = { 0 };
    char hash[PASSWORD_HASH_SIZE];
    enum es_code code = password_hash(argument, "some password", hash, &err);
    if (code == ES_OK)
        hashed++;
    else if (code == ES_LIMIT && strcmp(err.word, "too_many_logins") == 0)
        refused++;
    return NULL;
}

static void a_flood_is_refused_and_not_kept_waiting(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct password_settings slow = { /* one at a time, of a hash that takes a while */
                                      .operations = 3,
                                      .memory_bytes = 32 * 1024 * 1024,
                                      .threads = 1,
                                      .waiting_max = 2
    };
    es_auto(password_pool) pool = NULL;
    assert_ok(password_pool_open(&slow, &pool, &err), err);
    enum { COUNT = 24 };
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_once, pool), 0);
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(hashed + refused, COUNT);
    assert_true(hashed >= 1);
    assert_true(refused >= 1);
}

static void settings_out_of_range_are_refused(void **state)
{
    (void)state;
    struct password_settings bad[4] = { cheap, cheap, cheap, cheap };
    bad[0].operations = 0;
    bad[1].memory_bytes = 100;
    bad[2].threads = 0;
    bad[3].memory_bytes = (size_t)4 << 30;
    for (size_t i = 0; i < 4; i++) {
        struct password_pool *pool;
        struct es_err err = { 0 };
        assert_int_equal(password_pool_open(&bad[i], &pool, &err), ES_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_matches_its_password_alone),
        cmocka_unit_test(passlib_hashes_verify),
        cmocka_unit_test(old_and_cheap_hashes_are_replaced),
        cmocka_unit_test(a_flood_is_refused_and_not_kept_waiting),
        cmocka_unit_test(settings_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
