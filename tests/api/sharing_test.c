/* Shares between users over HTTP. */
#include "../unit/test.h"
#include "fixture.h"

struct shared {
    const char *ana, *bob, *bob_id, *media_id, *job_id, *path;
};

static struct shared make(struct fixture *fixture)
{
    struct shared shared = { fixture_user(fixture, "ana"), fixture_user(fixture, "bob") };
    shared.bob_id = answer_text(get(fixture, "/me", shared.bob), "id");
    shared.media_id = fixture_upload(fixture, shared.ana, "a.mp3", SONG);
    shared.job_id = fixture_convert(fixture, shared.ana, shared.media_id, "mp3");
    fixture_work(fixture, "the sound");
    shared.path = textf(fixture, "/media/%s/share-with-user", shared.media_id);
    return shared;
}

static const struct answer *share(struct fixture *fixture, const struct shared *shared,
                                  const char *token, const char *username, const char *job_id)
{
    return post_json(
        fixture, shared->path, token,
        textf(fixture, "{\"username_to_share\":\"%s\",\"job_id\":\"%s\"}", username, job_id));
}

static const json_t *items_of(struct fixture *fixture, const char *token)
{
    const struct answer *answer = get(fixture, "/media/shared-with-me", token);
    assert_answer(answer, 200);
    return json_object_get(answer->json, "items");
}

static void a_share_shows_only_what_was_shared(void **state)
{
    struct fixture *fixture = *state;
    struct shared shared = make(fixture);
    const char *second = fixture_convert(fixture, shared.ana, shared.media_id, "mp4");
    fixture_user(fixture, "eve");
    const struct answer *answer = share(fixture, &shared, shared.ana, "bob", shared.job_id);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "detail"), "Archivo compartido correctamente");
    assert_string_equal(answer_text(answer, "media_id"), shared.media_id);
    assert_string_equal(answer_text(answer, "job_id"), shared.job_id);
    assert_string_equal(answer_text(answer, "shared_with_user_id"), shared.bob_id);
    assert_string_equal(answer_text(answer, "username_to_share"), "bob");
    assert_answer(share(fixture, &shared, shared.ana, "bob", shared.job_id), 200);
    assert_answer(share(fixture, &shared, shared.ana, "eve", second), 200);
    const json_t *items = items_of(fixture, shared.bob);
    assert_int_equal(json_array_size(items), 1);
    const json_t *item = json_array_get(items, 0);
    assert_string_equal(json_member_string(item, "media_id", ""), shared.media_id);
    assert_int_equal(json_object_size(json_object_get(item, "jobs")), 1);
    assert_non_null(json_object_get(json_object_get(item, "jobs"), shared.job_id));
    assert_int_equal(json_array_size(json_object_get(item, "shared_with")), 1);
    assert_int_equal(json_array_size(json_object_get(item, "shares")), 1);
    assert_answer(get(fixture, textf(fixture, "/jobs/%s/status", shared.job_id), shared.bob), 200);
    assert_problem(get(fixture, textf(fixture, "/jobs/%s/status", second), shared.bob), 404,
                   "job_not_found");
}

static void a_recipient_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct shared shared = make(fixture);
    assert_answer(share(fixture, &shared, shared.ana, "bob", shared.job_id), 200);
    const char *media = textf(fixture, "/media/%s", shared.media_id);
    assert_problem(send_to(fixture, "DELETE", media, shared.bob), 403, "forbidden");
    assert_problem(
        send_to(fixture, "DELETE", textf(fixture, "/jobs/%s", shared.job_id), shared.bob), 403,
        "forbidden");
    assert_problem(share(fixture, &shared, shared.bob, "ana", shared.job_id), 403, "forbidden");
    assert_problem(get(fixture, textf(fixture, "%s/share", media), shared.bob), 403, "forbidden");
    assert_problem(
        post_json(fixture, textf(fixture, "%s/convert", media), shared.bob, "{\"target\":\"mp3\"}"),
        403, "forbidden");
}

static void a_share_that_makes_no_sense_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct shared shared = make(fixture);
    const char *other = fixture_upload(fixture, shared.ana, "b.mp3", SONG);
    const char *foreign = fixture_convert(fixture, shared.ana, other, "mp3");
    assert_problem(share(fixture, &shared, shared.ana, "ana", shared.job_id), 400,
                   "share_with_oneself");
    assert_problem(share(fixture, &shared, shared.ana, "nobody", shared.job_id), 404,
                   "user_not_found");
    assert_problem(share(fixture, &shared, shared.ana, "bob", foreign), 400, "job_foreign");
    assert_problem(share(fixture, &shared, shared.ana, "bob", "7"), 422, "field_invalid");
    assert_problem(share(fixture, &shared, shared.ana, "", shared.job_id), 422, "field_invalid");
    assert_problem(share(fixture, &shared, shared.bob, "ana", shared.job_id), 404,
                   "media_not_found");
    assert_problem(post_json(fixture, shared.path, shared.ana, "{}"), 422, "field_invalid");
}

static void a_share_is_taken_back_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct shared shared = make(fixture);
    struct request unshare = { .method = "DELETE",
                               .path = shared.path,
                               .token = shared.ana,
                               .json = textf(fixture, "{\"username\":\"bob\",\"job_id\":\"%s\"}",
                                             shared.job_id) };
    assert_problem(client_send(fixture->client, &unshare), 404, "share_not_found");
    assert_answer(share(fixture, &shared, shared.ana, "bob", shared.job_id), 200);
    assert_int_equal(json_array_size(items_of(fixture, shared.bob)), 1);
    assert_answer(client_send(fixture->client, &unshare), 204);
    assert_int_equal(json_array_size(items_of(fixture, shared.bob)), 0);
    unshare.json = "{\"job_id\":\"x\"}";
    assert_problem(client_send(fixture->client, &unshare), 422, "field_invalid");
}

static void the_other_users_are_listed_by_name_in_pages(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *const names[] = { "dan", "bob", "carla", "carlos" };
    for (size_t i = 0; i < 4; i++)
        fixture_user(fixture, names[i]);
    const struct answer *answer = get(fixture, "/users", token);
    assert_answer(answer, 200);
    const char *const sorted[] = { "bob", "carla", "carlos", "dan" };
    assert_int_equal(json_array_size(answer->json), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(json_member_string(json_array_get(answer->json, i), "username", ""),
                            sorted[i]);
    answer = get(fixture, "/users?q=carl&limit=1", token);
    assert_int_equal(json_array_size(answer->json), 1);
    const char *link = answer_header(fixture->client, answer, "Link");
    answer = get(fixture, textf(fixture, "%.*s", (int)strcspn(link + 1, ">"), link + 1), token);
    assert_string_equal(json_member_string(json_array_get(answer->json, 0), "username", ""),
                        "carlos");
    assert_null(answer_header(fixture->client, answer, "Link"));
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(a_share_shows_only_what_was_shared),
        with_fixture(a_recipient_changes_nothing),
        with_fixture(a_share_that_makes_no_sense_is_refused),
        with_fixture(a_share_is_taken_back_at_once),
        with_fixture(the_other_users_are_listed_by_name_in_pages),
    };
    return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
