/* Accounts and sessions over HTTP, as the reference's clients and a browser use them. */
#include "../unit/test.h"
#include "base/es_clock.h"
#include "fixture.h"
#include "wire/jwt.h"

static const struct answer *post_form(struct fixture *fixture, const char *path, const char *form)
{
    return client_send(fixture->client,
                       &(struct request){ .method = "POST", .path = path, .form = form });
}

static const char *field_code(const struct answer *answer, size_t index, const char *field)
{
    const json_t *error = json_array_get(json_object_get(answer->json, "errors"), index);
    assert_string_equal(json_member_string(error, "field", ""), field);
    assert_true(strlen(json_member_string(error, "detail", "")) > 5);
    return json_member_string(error, "code", "");
}

static void an_account_is_made_from_each_kind_of_body(void **state)
{
    struct fixture *fixture = *state;
    const struct answer *answer =
        post_form(fixture, "/auth/register", "username=ana&password=12345678");
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "username"), "ana");
    assert_int_equal(strlen(answer_text(answer, "id")), 36);
    answer = post_json(fixture, "/auth/register", NULL,
                       "{\"username\":\"ñandú\",\"password\":\"contraseña\"}");
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "username"), "ñandú");
    struct form_part parts[] = { { "name=\"username\"", "bob", 0 },
                                 { "name=\"password\"", "12345678", 0 } };
    size_t size;
    const char *body = multipart_body(fixture->client, parts, 2, &size);
    answer = client_send(fixture->client, &(struct request){ .method = "POST",
                                                             .path = "/auth/register",
                                                             .content_type = MULTIPART_TYPE,
                                                             .body = body,
                                                             .body_size = size });
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "username"), "bob");
    assert_problem(post_form(fixture, "/auth/register", "username=ana&password=12345678"), 400,
                   "username_taken");
}

static void a_registration_that_breaks_a_rule_names_every_field(void **state)
{
    struct fixture *fixture = *state;
    const struct answer *answer = post_form(fixture, "/auth/register", "username=ab&password=1");
    assert_problem(answer, 422, "field_invalid");
    assert_string_equal(field_code(answer, 0, "username"), "username_invalid");
    assert_string_equal(field_code(answer, 1, "password"), "password_invalid");
    answer = post_form(fixture, "/auth/register", "username=ab&password=12345678");
    assert_problem(answer, 422, "username_invalid");
    answer = post_form(fixture, "/auth/register", "");
    assert_problem(answer, 422, "field_invalid");
    assert_string_equal(field_code(answer, 0, "username"), "field_missing");
    assert_string_equal(field_code(answer, 1, "password"), "field_missing");
    answer = post_json(fixture, "/auth/register", NULL, "{\"username\":7,\"password\":null}");
    assert_problem(answer, 422, "field_invalid");
    assert_string_equal(field_code(answer, 0, "username"), "field_type");
    assert_string_equal(field_code(answer, 1, "password"), "field_missing");
    const char *const usernames[] = {
        "%20ana", "a%0Ab%0Ac", "12345678901234567890123456789012345678901234567890123456789012345"
    };
    for (size_t i = 0; i < sizeof(usernames) / sizeof(*usernames); i++)
        assert_problem(post_form(fixture, "/auth/register",
                                 textf(fixture, "username=%s&password=12345678", usernames[i])),
                       422, "username_invalid");
}

static void a_login_takes_the_forms_of_the_reference_s_clients(void **state)
{
    struct fixture *fixture = *state;
    fixture_user(fixture, "ana");
    /* An OAuth 2.0 client's form has more fields than we read. */
    const struct answer *answer =
        post_form(fixture, "/auth/token",
                  "grant_type=password&username=ana&password=correct%20horse&scope=&client_id=");
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "token_type"), "bearer");
    assert_true(json_member_integer(answer->json, "expires_in", 0) > 60);
    /* The reference's page posts a FormData. */
    struct form_part parts[] = { { "name=\"username\"", "ana", 0 },
                                 { "name=\"password\"", "correct horse", 0 } };
    size_t size;
    const char *body = multipart_body(fixture->client, parts, 2, &size);
    answer = client_send(fixture->client, &(struct request){ .method = "POST",
                                                             .path = "/auth/token",
                                                             .content_type = MULTIPART_TYPE,
                                                             .body = body,
                                                             .body_size = size });
    assert_answer(answer, 200);
    const struct answer *me = get(fixture, "/me", answer_text(answer, "access_token"));
    assert_answer(me, 200);
    assert_string_equal(answer_text(me, "username"), "ana");
}

static void a_wrong_password_and_an_unknown_user_get_the_same_answer(void **state)
{
    struct fixture *fixture = *state;
    fixture_user(fixture, "ana");
    const struct answer *wrong =
        post_form(fixture, "/auth/token", "username=ana&password=wrong+horse");
    const struct answer *unknown =
        post_form(fixture, "/auth/token", "username=nobody&password=wrong+horse");
    assert_problem(wrong, 401, "wrong_credentials");
    assert_string_equal(wrong->body, unknown->body);
    assert_string_equal(answer_header(fixture->client, wrong, "WWW-Authenticate"), "Bearer");
    assert_null(answer_header(fixture->client, wrong, "Set-Cookie"));
}

static void a_login_sets_a_cookie_that_scripts_cannot_read(void **state)
{
    struct fixture *fixture = *state;
    fixture_user(fixture, "ana");
    const struct answer *answer =
        post_form(fixture, "/auth/token", "username=ana&password=correct+horse");
    const char *cookie = answer_header(fixture->client, answer, "Set-Cookie");
    assert_non_null(cookie);
    const char *start = textf(
        fixture, "espotifai_session=%s; Path=/; Max-Age=", answer_text(answer, "access_token"));
    assert_memory_equal(cookie, start, strlen(start));
    assert_non_null(strstr(cookie, "; HttpOnly; SameSite=Lax"));
    assert_null(strstr(cookie, "Secure"));
    const struct answer *me = client_send(
        fixture->client,
        &(struct request){ .path = "/me", .cookie = answer_text(answer, "access_token") });
    assert_answer(me, 200);
}

static void the_cookie_is_secure_where_clients_come_by_https(void **state)
{
    (void)state;
    struct api_settings settings = api_settings_default();
    settings.public_url = "https://music.example";
    struct fixture *fixture = fixture_open(&settings, NULL);
    fixture_user(fixture, "ana");
    const struct answer *answer =
        post_form(fixture, "/auth/token", "username=ana&password=correct+horse");
    assert_non_null(strstr(answer_header(fixture->client, answer, "Set-Cookie"), "; Secure"));
    fixture_close(fixture);

    settings.public_url = NULL;
    settings.trust_proxy = true;
    fixture = fixture_open(&settings, NULL);
    fixture_user(fixture, "ana");
    const char *const headers[] = { "X-Forwarded-Proto: https", NULL };
    answer = client_send(fixture->client,
                         &(struct request){ .method = "POST",
                                            .path = "/auth/token",
                                            .form = "username=ana&password=correct+horse",
                                            .headers = headers });
    assert_non_null(strstr(answer_header(fixture->client, answer, "Set-Cookie"), "; Secure"));
    fixture_close(fixture);
}

static void a_proxy_that_is_not_trusted_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    fixture_user(fixture, "ana");
    const char *const headers[] = { "X-Forwarded-Proto: https", NULL };
    const struct answer *answer = client_send(
        fixture->client, &(struct request){ .method = "POST",
                                            .path = "/auth/token",
                                            .form = "username=ana&password=correct+horse",
                                            .headers = headers });
    assert_answer(answer, 200);
    assert_null(strstr(answer_header(fixture->client, answer, "Set-Cookie"), "Secure"));
}

static void without_credentials_that_hold_nothing_is_told(void **state)
{
    struct fixture *fixture = *state;
    const char *const paths[] = {
        "/me", "/users", "/media", "/jobs", "/media/shared-with-me", "/events", "/monitor/summary"
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const struct answer *answer = get(fixture, paths[i], NULL);
        assert_problem(answer, 401, "unauthenticated");
        assert_string_equal(answer_header(fixture->client, answer, "WWW-Authenticate"), "Bearer");
        assert_problem(get(fixture, paths[i], "not.a.token"), 401, "token_invalid");
    }
    const char *const basic[] = { "Authorization: Basic YW5hOjEyMw==", NULL };
    assert_problem(
        client_send(fixture->client, &(struct request){ .path = "/me", .headers = basic }), 401,
        "token_invalid");
}

static void an_expired_token_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const struct answer *me = get(fixture, "/me", token);
    struct es_err err = { 0 };
    const char *const keys[] = { fixture->context->settings.jwt_keys[0] };
    int64_t now_ms = es_clock_realtime_ms();
    struct jwt_claims claims = { .username = "ana",
                                 .user_id = answer_text(me, "id"),
                                 .token_id = "0198c0de-0000-7000-8000-000000000000",
                                 .issued_at_ms = now_ms - 7200000,
                                 .expires_at_ms = now_ms - 3600000 };
    const char *expired;
    assert_ok(jwt_claims_sign(&(struct jwt_keys){ keys, 1 }, &claims, client_arena(fixture->client),
                              &expired, &err),
              err);
    assert_problem(get(fixture, "/me", expired), 401, "token_invalid");
}

static void after_a_logout_the_token_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *const english[] = { "Accept-Language: en", NULL };
    const struct answer *answer = client_send(
        fixture->client,
        &(struct request){
            .method = "POST", .path = "/auth/logout", .token = token, .headers = english });
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "user"), "ana");
    assert_string_equal(answer_text(answer, "detail"), "Signed out.");
    assert_non_null(strstr(answer_header(fixture->client, answer, "Set-Cookie"), "Max-Age=0"));
    assert_problem(get(fixture, "/me", token), 401, "token_invalid");
    assert_problem(send_to(fixture, "POST", "/auth/logout", token), 401, "token_invalid");
}

static void a_new_password_ends_other_sessions_and_begins_one(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    assert_problem(
        post_json(fixture, "/auth/password", token,
                  "{\"current_password\":\"wrong horse\",\"new_password\":\"battery staple\"}"),
        401, "wrong_credentials");
    assert_problem(post_json(fixture, "/auth/password", token,
                             "{\"current_password\":\"correct horse\",\"new_password\":\"short\"}"),
                   422, "password_invalid");
    const struct answer *answer =
        post_json(fixture, "/auth/password", token,
                  "{\"current_password\":\"correct horse\",\"new_password\":\"battery staple\"}");
    assert_answer(answer, 200);
    assert_answer(get(fixture, "/me", answer_text(answer, "access_token")), 200);
    assert_problem(get(fixture, "/me", token), 401, "token_invalid");
    assert_answer(post_form(fixture, "/auth/token", "username=ana&password=battery+staple"), 200);
}

static void google_says_that_it_is_not_set_up(void **state)
{
    struct fixture *fixture = *state;
    const struct answer *answer =
        post_json(fixture, "/auth/google", NULL, "{\"id_token\":\"eyJhbGciOi\"}");
    assert_problem(answer, 503, "google_not_configured");
    assert_non_null(answer_header(fixture->client, answer, "Retry-After"));
    answer = get(fixture, "/auth/config", NULL);
    assert_answer(answer, 200);
    assert_true(json_is_null(json_object_get(answer->json, "google")));
    assert_problem(post_json(fixture, "/auth/google", NULL, "{}"), 422, "field_invalid");
}

static void an_account_can_be_removed_with_all_it_owns(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *media_id = fixture_upload(fixture, token, "a.mp3", SONG);
    const struct answer *answer = send_to(fixture, "DELETE", "/me", token);
    assert_answer(answer, 204);
    assert_int_equal(answer->body_size, 0);
    assert_problem(get(fixture, "/me", token), 401, "token_invalid");
    assert_problem(post_form(fixture, "/auth/token", "username=ana&password=correct+horse"), 401,
                   "wrong_credentials");
    const char *other = fixture_user(fixture, "bob");
    assert_problem(get(fixture, textf(fixture, "/media/%s", media_id), other), 404,
                   "media_not_found");
}

static void another_site_can_neither_act_by_cookie_nor_sign_anyone_in(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *const foreign[][3] = { { "Sec-Fetch-Site: cross-site", NULL },
                                       { "Sec-Fetch-Site: same-site", NULL },
                                       { "Origin: https://evil.example", NULL },
                                       { "Origin: null", NULL } };
    const char *const own[][3] = {
        { "Sec-Fetch-Site: same-origin", NULL },
        { textf(fixture, "Origin: %s", fixture->base_url), NULL },
    };
    for (size_t i = 0; i < 4; i++) {
        struct request request = {
            .method = "POST", .path = "/auth/logout", .cookie = token, .headers = foreign[i]
        };
        assert_problem(client_send(fixture->client, &request), 403, "cross_site");
        request = (struct request){ .method = "POST",
                                    .path = "/auth/token",
                                    .form = "username=ana&password=correct+horse",
                                    .headers = foreign[i] };
        assert_problem(client_send(fixture->client, &request), 403, "cross_site");
        /* A token in a header is no cookie: only who holds it can send it. Reading changes nothing.
         */
        request = (struct request){ .path = "/me", .cookie = token, .headers = foreign[i] };
        assert_answer(client_send(fixture->client, &request), 200);
    }
    const char *media_id = fixture_upload(fixture, token, "a.mp3", SONG);
    for (size_t i = 0; i < 2; i++) {
        struct request request = { .method = "PATCH",
                                   .path = textf(fixture, "/media/%s", media_id),
                                   .cookie = token,
                                   .json = "{\"playback\":\"signed\"}",
                                   .headers = own[i] };
        assert_answer(client_send(fixture->client, &request), 200);
    }
    struct request request = {
        .method = "POST", .path = "/auth/logout", .token = token, .headers = foreign[0]
    };
    assert_answer(client_send(fixture->client, &request), 200);
}

static void behind_a_proxy_the_public_address_is_our_own_origin(void **state)
{
    (void)state;
    struct api_settings settings = api_settings_default();
    settings.public_url = "https://music.example/listen";
    struct fixture *fixture = fixture_open(&settings, NULL);
    const char *token = fixture_user(fixture, "ana");
    const struct {
        const char *origin;
        int status;
    } cases[] = { { "Origin: https://music.example.evil.example", 403 },
                  { "Origin: https://music.exampl", 403 },
                  { "Origin: http://music.example", 403 },
                  { "Origin: https://music.example", 200 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const headers[] = { cases[i].origin, NULL };
        struct request request = {
            .method = "POST", .path = "/auth/logout", .cookie = token, .headers = headers
        };
        assert_answer(client_send(fixture->client, &request), cases[i].status);
    }
    fixture_close(fixture);
}

static void a_flood_of_logins_is_slowed_down_by_address(void **state)
{
    (void)state;
    struct api_settings settings = api_settings_default();
    settings.login_rate = (struct api_rate_limit){ .burst = 3, .per_second = 0.01 };
    settings.trust_proxy = true;
    struct fixture *fixture = fixture_open(&settings, NULL);
    const char *const one[] = { "X-Forwarded-For: 198.51.100.1, 203.0.113.7", NULL };
    const char *const two[] = { "X-Forwarded-For: 203.0.113.8", NULL };
    struct request request = { .method = "POST",
                               .path = "/auth/token",
                               .form = "username=ana&password=wrong+horse",
                               .headers = one };
    for (int i = 0; i < 3; i++)
        assert_problem(client_send(fixture->client, &request), 401, "wrong_credentials");
    const struct answer *answer = client_send(fixture->client, &request);
    assert_problem(answer, 429, "limit");
    int wait_s = (int)strtol(answer_header(fixture->client, answer, "Retry-After"), NULL, 10);
    assert_in_range(wait_s, 90, 100);
    request.headers = two;
    assert_problem(client_send(fixture->client, &request), 401, "wrong_credentials");
    fixture_close(fixture);
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(an_account_is_made_from_each_kind_of_body),
        with_fixture(a_registration_that_breaks_a_rule_names_every_field),
        with_fixture(a_login_takes_the_forms_of_the_reference_s_clients),
        with_fixture(a_wrong_password_and_an_unknown_user_get_the_same_answer),
        with_fixture(a_login_sets_a_cookie_that_scripts_cannot_read),
        cmocka_unit_test(the_cookie_is_secure_where_clients_come_by_https),
        with_fixture(a_proxy_that_is_not_trusted_is_not_believed),
        with_fixture(without_credentials_that_hold_nothing_is_told),
        with_fixture(an_expired_token_is_refused),
        with_fixture(after_a_logout_the_token_is_refused),
        with_fixture(a_new_password_ends_other_sessions_and_begins_one),
        with_fixture(google_says_that_it_is_not_set_up),
        with_fixture(an_account_can_be_removed_with_all_it_owns),
        with_fixture(another_site_can_neither_act_by_cookie_nor_sign_anyone_in),
        cmocka_unit_test(behind_a_proxy_the_public_address_is_our_own_origin),
        cmocka_unit_test(a_flood_of_logins_is_slowed_down_by_address),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
