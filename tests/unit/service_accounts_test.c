/* Accounts and sessions: who gets in, and for how long. */
#include "service_fixture.h"

#include "base/es_clock.h"

static struct session login(struct fixture *f, const char *username, const char *password)
{
    struct session session;
    assert_works(accounts_login(f->context, username, password, &f->arena, &session, reterr));
    return session;
}

static void assert_token_refused(struct fixture *f, const char *token)
{
    struct caller caller;
    assert_fails(accounts_authenticate(f->context, token, &f->arena, &caller, reterr),
                 ES_UNAUTHENTICATED, "token_invalid");
}

static void a_token_names_its_user(void **state)
{
    struct fixture *f = *state;
    struct session session = login(f, "ana", "a good password");
    struct caller caller;
    assert_works(
        accounts_authenticate(f->context, session.access_token, &f->arena, &caller, reterr));
    assert_string_equal(caller.username, "ana");
    assert_string_equal(caller.user_id, f->ana.user_id);
    assert_string_equal(caller.token_id, session.caller.token_id);
    assert_string_not_equal(caller.token_id, f->ana.token_id);
    assert_int_equal(accounts_active_estimate(f->context), 3);
}

static void bad_names_and_passwords_are_refused(void **state)
{
    struct fixture *f = *state;
    struct user *user;
    static char long_password[PASSWORD_BYTES_MAX + 2];
    memset(long_password, 'x', PASSWORD_BYTES_MAX + 1);
    const char *const names[] = {
        "",
        "ab",
        " ana",
        "ana ",
        "a\nb",
        "a\x7f-b",
        "\xff\xfe\xfd",
        "0123456789012345678901234567890123456789012345678901234567890123x"
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_fails(
            accounts_register(f->context, names[i], "a good password", &f->arena, &user, reterr),
            ES_INVALID, "username_invalid");
    const char *const passwords[] = { "", "1234567", long_password };
    for (size_t i = 0; i < sizeof(passwords) / sizeof(*passwords); i++)
        assert_fails(accounts_register(f->context, "nuevo", passwords[i], &f->arena, &user, reterr),
                     ES_INVALID, "password_invalid");
    assert_fails(accounts_register(f->context, "ana", "a good password", &f->arena, &user, reterr),
                 ES_CONFLICT, "username_taken");
    assert_works(accounts_register(f->context, "Ana", "a good password", &f->arena, &user, reterr));
}

static void wrong_credentials_are_told_alike(void **state)
{
    struct fixture *f = *state;
    static char long_password[PASSWORD_BYTES_MAX + 2];
    memset(long_password, 'x', PASSWORD_BYTES_MAX + 1);
    const char *const pairs[][2] = {
        { "ana", "a wrong password" },
        { "nobody", "a good password" },
        { "ana", "" },
        { "", "" },
        { "\xff", "a good password" },
        { "ana", long_password },
        { "ANA", "a good password" },
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        struct session session;
        assert_fails(
            accounts_login(f->context, pairs[i][0], pairs[i][1], &f->arena, &session, reterr),
            ES_UNAUTHENTICATED, "wrong_credentials");
    }
}

static void a_logout_ends_one_session_at_once(void **state)
{
    struct fixture *f = *state;
    struct session one = login(f, "ana", "a good password"),
                   two = login(f, "ana", "a good password");
    assert_works(accounts_logout(f->context, &one.caller, reterr));
    assert_works(accounts_logout(f->context, &one.caller, reterr)); /* twice is once */
    assert_token_refused(f, one.access_token);
    struct caller caller;
    assert_works(accounts_authenticate(f->context, two.access_token, &f->arena, &caller, reterr));
}

static void a_new_password_ends_every_other_session(void **state)
{
    struct fixture *f = *state;
    struct session old = login(f, "ana", "a good password"), fresh;
    assert_fails(accounts_change_password(f->context, &old.caller, "not the old one",
                                          "a better password", &f->arena, &fresh, reterr),
                 ES_UNAUTHENTICATED, "wrong_credentials");
    assert_fails(accounts_change_password(f->context, &old.caller, "a good password", "short",
                                          &f->arena, &fresh, reterr),
                 ES_INVALID, "password_invalid");
    struct caller caller;
    assert_works(accounts_authenticate(f->context, old.access_token, &f->arena, &caller, reterr));
    assert_works(accounts_change_password(f->context, &old.caller, "a good password",
                                          "a better password", &f->arena, &fresh, reterr));
    assert_token_refused(f, old.access_token);
    assert_works(accounts_authenticate(f->context, fresh.access_token, &f->arena, &caller, reterr));
    assert_fails(accounts_login(f->context, "ana", "a good password", &f->arena, &fresh, reterr),
                 ES_UNAUTHENTICATED, "wrong_credentials");
    login(f, "ana", "a better password");
}

static void the_operator_can_set_a_password(void **state)
{
    struct fixture *f = *state;
    struct session old = login(f, "luis", "a good password");
    assert_works(accounts_set_password(f->context, "luis", "another password", reterr));
    assert_token_refused(f, old.access_token);
    login(f, "luis", "another password");
    assert_fails(accounts_set_password(f->context, "nobody", "another password", reterr),
                 ES_NOT_FOUND, "user_not_found");
    assert_fails(accounts_set_password(f->context, "luis", "short", reterr), ES_INVALID,
                 "password_invalid");
}

static void an_old_hash_is_replaced_at_login(void **state)
{
    struct fixture *f = *state;
    struct user user = { .username = "antigua",
                         .password_hash = "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$"
                                          "98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
                         .created_at_ms = 1 };
    es_id_v7(user.id);
    assert_works(f->meta->ops->user_create(f->meta, &user, reterr));
    struct session session;
    assert_fails(accounts_login(f->context, "antigua", "passwort", &f->arena, &session, reterr),
                 ES_UNAUTHENTICATED, "wrong_credentials");
    session = login(f, "antigua", "password");
    struct user *read;
    assert_works(f->meta->ops->user_by_id(f->meta, user.id, &f->arena, &read, reterr));
    assert_memory_equal(read->password_hash, "$argon2id$", 10);
    assert_int_equal(read->tokens_valid_from_ms, 0); /* nobody is signed out by it */
    login(f, "antigua", "password");
}

static void an_account_without_a_password_has_no_login(void **state)
{
    struct fixture *f = *state;
    struct user user = { .username = "externa", .created_at_ms = 1 };
    es_id_v7(user.id);
    assert_works(f->meta->ops->user_create(f->meta, &user, reterr));
    const char *const passwords[] = { "", "a good password" };
    for (size_t i = 0; i < 2; i++) {
        struct session session;
        assert_fails(
            accounts_login(f->context, "externa", passwords[i], &f->arena, &session, reterr),
            ES_UNAUTHENTICATED, "wrong_credentials");
    }
}

static void a_deleted_account_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct session session = login(f, "ana", "a good password");
    const struct media *song = fixture_media(f, &f->ana, "song.flac");
    fixture_media(f, &f->ana, "other.flac");
    const struct media *kept = fixture_media(f, &f->luis, "kept.flac");
    fixture_job(f, &f->ana, song->id, JOB_MP3);
    fixture_finish(f, "sound");
    fixture_job(f, &f->ana, song->id, JOB_MP4); /* still waiting */
    assert_works(accounts_delete(f->context, f->ana.user_id, reterr));
    assert_token_refused(f, session.access_token);
    assert_int_equal(fixture_count(f, "converted/"), 0);
    assert_int_equal(fixture_count(f, "uploads/"), 1);
    int64_t length;
    assert_works(f->queue->ops->length(f->queue, &length, reterr));
    assert_int_equal(length, 0);
    struct media_view view;
    assert_works(library_get(f->context, &f->luis, kept->id, &f->arena, &view, reterr));
    assert_fails(accounts_delete(f->context, f->ana.user_id, reterr), ES_NOT_FOUND,
                 "user_not_found");
    fixture_user(f, "ana"); /* the name is free again, and its new owner has nothing */
}

static void the_list_of_users_has_pages(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 7; i++)
        fixture_user(f, es_printf(&f->arena, "user%d", i));
    struct user *users;
    size_t count, seen = 0;
    const char *after = NULL, *last = "";
    do {
        assert_works(accounts_list(f->context, &f->eva, NULL, after, 2, &f->arena, &users, &count,
                                   &after, reterr));
        assert_true(count <= 2);
        for (size_t i = 0; i < count; i++) {
            assert_true(strcmp(last, users[i].username) < 0);
            assert_string_not_equal(users[i].username, "eva");
            assert_null(users[i].password_hash);
            last = users[i].username;
            seen++;
        }
    } while (after);
    assert_int_equal(seen, 9);
    assert_works(accounts_list(f->context, &f->eva, "user", NULL, 7, &f->arena, &users, &count,
                               &after, reterr));
    assert_int_equal(count, 7);
    assert_null(after);
    assert_works(accounts_list(f->context, &f->eva, "user", NULL, 6, &f->arena, &users, &count,
                               &after, reterr));
    assert_int_equal(count, 6);
    assert_non_null(after);
    assert_works(accounts_list(f->context, &f->eva, "eva", NULL, 6, &f->arena, &users, &count,
                               &after, reterr));
    assert_int_equal(count, 0);
    assert_null(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(a_token_names_its_user),
        with_fixture(bad_names_and_passwords_are_refused),
        with_fixture(wrong_credentials_are_told_alike),
        with_fixture(a_logout_ends_one_session_at_once),
        with_fixture(a_new_password_ends_every_other_session),
        with_fixture(the_operator_can_set_a_password),
        with_fixture(an_old_hash_is_replaced_at_login),
        with_fixture(an_account_without_a_password_has_no_login),
        with_fixture(a_deleted_account_leaves_nothing),
        with_fixture(the_list_of_users_has_pages),
    };
    return cmocka_run_group_tests_name("service_accounts", tests, NULL, NULL);
}
