/* What port/meta_store.h promises of accounts and tokens, and of the store as a whole. */
#include "meta_store_fixture.h"

static void a_store_answers(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->meta->ops->name, opener->name);
    assert_ok(f->meta->ops->check(f->meta, &f->err), f->err);
}

static void a_user_is_found_by_id_and_by_name(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), *read;
    struct user guest = make_user("Ana");
    guest.password_hash = NULL;
    CALL(user_create, &guest);
    CALL(user_by_id, ana.id, &f->arena, &read);
    assert_string_equal(read->username, "ana");
    assert_string_equal(read->password_hash, ana.password_hash);
    assert_int_equal(read->created_at_ms, 1000);
    assert_int_equal(read->tokens_valid_from_ms, 5);
    CALL(user_by_username, "Ana", &f->arena, &read);
    assert_string_equal(read->id, guest.id);
    assert_null(read->password_hash);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_by_id, "nobody", &f->arena, &read);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_by_username, "an", &f->arena, &read);
    int64_t count;
    CALL(user_count, &count);
    assert_int_equal(count, 2);
}

static void a_username_is_taken_once(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), again = make_user("ana");
    REFUSED(ES_CONFLICT, "username_taken", user_create, &again);
    again = ana;
    again.username = "other";
    assert_int_equal(f->meta->ops->user_create(f->meta, &again, &f->err), ES_CONFLICT);
    CALL(user_delete, ana.id);
    add_user(f, "ana");
}

static void register_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct user user = make_user("the one");
    (void)i;
    count_code(race, race->f->meta->ops->user_create(race->f->meta, &user, NULL));
}

static void of_racing_registrations_one_wins(void **state)
{
    struct race race = { .f = *state };
    contract_race(8, register_one, &race);
    assert_int_equal(race.won, 1);
    assert_int_equal(race.conflicts, 7);
}

static void users_are_listed_by_name(void **state)
{
    struct fixture *f = *state;
    const char *names[] = { "zoe", "an", "ana", "ana maria", "Ana", "álvaro", "anb", "a%", "a_c" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        add_user(f, names[i]);
    struct user *users;
    size_t count;
    CALL(user_list, "", NULL, 100, &f->arena, &users, &count);
    assert_int_equal(count, COUNT_OF(names));
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(users[i - 1].username, users[i].username) < 0);
    assert_null(users[0].password_hash);
    assert_int_equal(users[0].created_at_ms, 1000);

    CALL(user_list, "ana", NULL, 100, &f->arena, &users, &count);
    assert_int_equal(count, 2);
    assert_string_equal(users[1].username, "ana maria");
    CALL(user_list, "a%", NULL, 100, &f->arena, &users, &count);
    assert_int_equal(count, 1);
    CALL(user_list, "a", "ana", 2, &f->arena, &users, &count);
    assert_int_equal(count, 2);
    assert_string_equal(users[0].username, "ana maria");
    assert_string_equal(users[1].username, "anb");
    CALL(user_list, "a", "anb", 2, &f->arena, &users, &count);
    assert_int_equal(count, 0);
}

static void a_password_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), *read;
    CALL(user_set_password, ana.id, "new", 0);
    CALL(user_by_id, ana.id, &f->arena, &read);
    assert_string_equal(read->password_hash, "new");
    assert_int_equal(read->tokens_valid_from_ms, 5);
    CALL(user_set_password, ana.id, "newer", 99);
    CALL(user_by_id, ana.id, &f->arena, &read);
    assert_int_equal(read->tokens_valid_from_ms, 99);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_set_password, "nobody", "x", 0);
}

static void a_user_goes_with_the_shares_but_not_before_the_media(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media media = add_media(f, &ana, "a.mp3", 1);
    struct job job = add_job(f, &media, 1);
    struct share share = { .created_at_ms = 1 };
    memcpy(share.media_id, media.id, ES_ID_SIZE);
    memcpy(share.job_id, job.id, ES_ID_SIZE);
    memcpy(share.owner_id, ana.id, ES_ID_SIZE);
    memcpy(share.recipient_id, ben.id, ES_ID_SIZE);
    CALL(share_add, &share);
    REFUSED(ES_CONFLICT, "user_has_media", user_delete, ana.id);
    CALL(user_delete, ben.id);
    struct share *shares;
    size_t count;
    CALL(share_list, media.id, NULL, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
    CALL(media_delete, media.id);
    CALL(user_delete, ana.id);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_delete, ana.id);
}

static void a_revoked_token_is_remembered(void **state)
{
    struct fixture *f = *state;
    bool is_revoked = true;
    CALL(token_is_revoked, "t1", &is_revoked);
    assert_false(is_revoked);
    int64_t far_ms = INT64_C(4102444800000);
    CALL(token_revoke, "t1", far_ms);
    CALL(token_revoke, "t1", far_ms);
    CALL(token_revoke, "t2", far_ms);
    CALL(token_is_revoked, "t1", &is_revoked);
    assert_true(is_revoked);
}

static void what_was_written_is_there_after_opening_again(void **state)
{
    struct fixture *f = *state;
    if (!opener->is_lasting)
        return; /* not promised by this backend */
    struct user ana = add_user(f, "ana"), *read;
    struct media media = add_media(f, &ana, "a", 1);
    add_job(f, &media, 5);
    meta_store_close(f->meta);
    assert_ok(opener->open(f, &f->err), f->err);
    CALL(user_by_username, "ana", &f->arena, &read);
    assert_string_equal(read->id, ana.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
}

static void write_and_read(void *argument, size_t i)
{
    struct race *race = argument;
    struct meta_store *store = race->f->meta;
    for (int round = 0; round < 20; round++) {
        es_auto_arena arena = { 0 };
        struct user user = make_user(es_printf(&arena, "user %zu %d", i, round)), *users;
        size_t count;
        count_code(race, store->ops->user_create(store, &user, NULL));
        if (store->ops->user_list(store, "user ", NULL, 200, &arena, &users, &count, NULL))
            atomic_fetch_add(&race->others, 1);
    }
}

static void many_threads_write_and_read_at_once(void **state)
{
    struct race race = { .f = *state };
    contract_race(16, write_and_read, &race);
    assert_int_equal(race.won, 16 * 20);
    assert_int_equal(race.conflicts + race.others, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_answers),
        TEST(a_user_is_found_by_id_and_by_name),
        TEST(a_username_is_taken_once),
        TEST(of_racing_registrations_one_wins),
        TEST(users_are_listed_by_name),
        TEST(a_password_is_replaced),
        TEST(a_user_goes_with_the_shares_but_not_before_the_media),
        TEST(a_revoked_token_is_remembered),
        TEST(what_was_written_is_there_after_opening_again),
        TEST(many_threads_write_and_read_at_once),
    };
    return contract_run(meta_store_openers, tests);
}
