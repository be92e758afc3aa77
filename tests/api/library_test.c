/* Uploads and the library over HTTP. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "../unit/test.h"
#include "base/es_auto.h"
#include "base/es_clock.h"
#include "fixture.h"
#include "http/http_server.h"

static const struct answer *upload_parts(struct fixture *fixture, const char *token,
                                         const struct form_part *parts, size_t count)
{
    size_t size;
    const char *body = multipart_body(fixture->client, parts, count, &size);
    return client_send(fixture->client, &(struct request){ .method = "POST",
                                                           .path = "/media/upload",
                                                           .token = token,
                                                           .content_type = MULTIPART_TYPE,
                                                           .body = body,
                                                           .body_size = size });
}

static const struct answer *upload(struct fixture *fixture, const char *token,
                                   const char *disposition, const char *content)
{
    return upload_parts(fixture, token, &(struct form_part){ disposition, content, 0 }, 1);
}

static size_t object_count(struct fixture *fixture)
{
    struct es_err err = { 0 };
    const char **keys;
    size_t count;
    assert_ok(fixture->blobs->ops->list(fixture->blobs, "uploads/", NULL, 1000,
                                        client_arena(fixture->client), &keys, &count, &err),
              err);
    return count;
}

static void an_upload_becomes_a_media_object(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const struct form_part parts[] = { { "name=\"note\"", "other fields are tolerated", 0 },
                                       { "name=\"file\"; filename=\"canción.mp3\"", SONG, 0 },
                                       { "name=\"file\"; filename=\"second.mp3\"", FILM, 0 },
                                       { "name=\"after\"", "", 0 } };
    const struct answer *answer = upload_parts(fixture, token, parts, 4);
    assert_answer(answer, 200);
    const char *id = answer_text(answer, "id"), *user_id = answer_text(answer, "user_id");
    assert_string_equal(answer_text(answer, "original_filename"), "canción.mp3");
    assert_string_equal(answer_text(answer, "source_bucket"), "espotifai-media");
    assert_string_equal(answer_text(answer, "source_object"),
                        textf(fixture, "uploads/%s/%s/original.mp3", user_id, id));
    assert_string_equal(answer_text(answer, "content_type"), "audio/mpeg");
    assert_string_equal(answer_text(answer, "original_extension"), ".mp3");
    assert_string_equal(answer_text(answer, "status"), "uploaded");
    assert_int_equal(json_member_integer(answer->json, "original_size_bytes", 0), strlen(SONG));
    assert_int_equal(strlen(answer_text(answer, "sha256")), 64);
    const struct answer *read = get(fixture, textf(fixture, "/media/%s", id), token);
    assert_answer(read, 200);
    assert_string_equal(read->body, answer->body);
}

static void what_is_no_media_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    assert_problem(upload(fixture, token, "name=\"file\"; filename=\"a.mp3\"", "not media"), 400,
                   "unsupported_format");
    assert_problem(upload(fixture, token, "name=\"file\"; filename=\"a.mp3\"", ""), 400,
                   "media_empty");
    assert_int_equal(object_count(fixture), 0);
    const struct answer *list = get(fixture, "/media", token);
    assert_int_equal(json_array_size(json_object_get(list->json, "items")), 0);
}

static void an_upload_without_a_file_or_whole_form_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    assert_problem(upload(fixture, token, "name=\"other\"; filename=\"a.mp3\"", SONG), 422,
                   "file_missing");
    assert_problem(upload(fixture, token, "name=\"file\"", SONG), 422, "file_missing");
    struct request request = {
        .method = "POST", .path = "/media/upload", .token = token, .content_type = MULTIPART_TYPE
    };
    request.body = "--boundary\r\nContent-Disposition: form-data; name=\"file\"; "
                   "filename=\"a.mp3\"\r\n\r\nSONG cut";
    assert_problem(client_send(fixture->client, &request), 400, "multipart_malformed");
    request.body = "SONG";
    request.content_type = "audio/mpeg";
    assert_problem(client_send(fixture->client, &request), 415, "unsupported_media_type");
    request.content_type = "multipart/form-data";
    assert_problem(client_send(fixture->client, &request), 400, "multipart_malformed");
    request.content_type = MULTIPART_TYPE;
    request.token = NULL;
    assert_problem(client_send(fixture->client, &request), 401, "unauthenticated");
    assert_int_equal(object_count(fixture), 0);
}

static void a_file_name_cannot_lead_anywhere(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const struct {
        const char *disposition, *name;
    } cases[] = {
        { "name=\"file\"; filename=\"../../../etc/passwd\"", "passwd" },
        { "name=\"file\"; filename=\"C:\\\\music\\\\song.mp3\"", "song.mp3" },
        { "name=\"file\"; filename=\"..\"", "unnamed" },
        { "name=\"file\"; filename=\"\"", "unnamed" },
        { "name=\"file\"; filename*=UTF-8''..%2F..%2Fpasswd.mp3", "passwd.mp3" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer *answer = upload(fixture, token, cases[i].disposition, SONG);
        assert_answer(answer, 200);
        assert_string_equal(answer_text(answer, "original_filename"), cases[i].name);
        assert_null(strstr(answer_text(answer, "source_object"), ".."));
    }
    int status = upload(fixture, token, "name=\"file\"; filename=\"\xff\xfe.mp3\"", SONG)->status;
    assert_true(status == 400 || status == 422);
}

static void an_upload_over_the_limit_is_413_and_leaves_nothing_behind(void **state)
{
    (void)state;
    struct service_settings settings = fixture_service_settings();
    settings.upload_bytes_max = 100000;
    struct fixture *fixture = fixture_open(NULL, &settings);
    const char *token = fixture_user(fixture, "ana");
    char *content = es_alloc(client_arena(fixture->client), 400001);
    memset(content, 'x', 400000);
    memcpy(content, "SONG", 4);
    assert_problem(upload(fixture, token, "name=\"file\"; filename=\"a.mp3\"", content), 413,
                   "upload_too_large");
    content[100001] = '\0';
    assert_problem(upload(fixture, token, "name=\"file\"; filename=\"a.mp3\"", content), 413,
                   "upload_too_large");
    content[100000] = '\0';
    assert_answer(upload(fixture, token, "name=\"file\"; filename=\"a.mp3\"", content), 200);
    assert_int_equal(object_count(fixture), 1);
    fixture_close(fixture);
}

/* Sends `text` as it is and goes away. */
static void send_and_leave(struct fixture *fixture, const char *text)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(http_server_port(fixture->server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    es_auto_fd fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1); /* nothing is answered yet */
}

static void an_upload_that_is_given_up_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *head = textf(fixture,
                             "POST /media/upload HTTP/1.1\r\nHost: localhost\r\n"
                             "Authorization: Bearer %s\r\nContent-Length: 100000\r\n"
                             "Content-Type: " MULTIPART_TYPE "\r\n\r\n",
                             token);
    const char *const bodies[] = { "", "--boun",
                                   "--boundary\r\nContent-Disposition: form-data; name=\"file\"; "
                                   "filename=\"a.mp3\"\r\n\r\n" SONG };
    for (size_t i = 0; i < 3; i++)
        send_and_leave(fixture, textf(fixture, "%s%s", head, bodies[i]));
    while (http_server_load(fixture->server).exchanges > 0)
        es_sleep_ms(1);
    assert_int_equal(object_count(fixture), 0);
    const struct answer *list = get(fixture, "/media", token);
    assert_int_equal(json_array_size(json_object_get(list->json, "items")), 0);
}

static void the_library_is_paged_sorted_and_searched(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *const names[] = { "one.mp3", "two.mp3", "three.mp4" };
    for (size_t i = 0; i < 3; i++)
        fixture_upload(fixture, token, names[i], i == 2 ? FILM : SONG);
    const struct answer *page = get(fixture, "/media?limit=2&sort=name", token);
    assert_answer(page, 200);
    json_t *items = json_object_get(page->json, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(json_member_string(json_array_get(items, 0), "original_filename", ""),
                        "one.mp3");
    const char *link = answer_header(fixture->client, page, "Link");
    assert_non_null(strstr(link, "rel=\"next\""));
    assert_non_null(strstr(link, "sort=name"));
    assert_true(strlen(answer_text(page, "next_cursor")) > 0);
    const char *next = textf(fixture, "%.*s", (int)strcspn(link + 1, ">"), link + 1);
    page = get(fixture, next, token);
    assert_answer(page, 200);
    items = json_object_get(page->json, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_member_string(json_array_get(items, 0), "original_filename", ""),
                        "two.mp3");
    assert_null(answer_header(fixture->client, page, "Link"));
    assert_true(json_is_null(json_object_get(page->json, "next_cursor")));
    page = get(fixture, "/media?type=video", token);
    assert_int_equal(json_array_size(json_object_get(page->json, "items")), 1);
    page = get(fixture, "/media?q=TW", token);
    assert_int_equal(json_array_size(json_object_get(page->json, "items")), 1);
    assert_problem(get(fixture, "/media?cursor=nonsense", token), 400, "cursor_invalid");
}

static void only_its_owner_sees_changes_or_removes_a_media(void **state)
{
    struct fixture *fixture = *state;
    const char *ana = fixture_user(fixture, "ana"), *bob = fixture_user(fixture, "bob");
    const char *path = textf(fixture, "/media/%s", fixture_upload(fixture, ana, "a.mp3", SONG));
    const char *original = textf(fixture, "%s/original", path);
    struct request change = {
        .method = "PATCH", .path = path, .token = bob, .json = "{\"original_filename\":\"b.mp3\"}"
    };
    assert_problem(get(fixture, path, bob), 404, "media_not_found");
    assert_problem(get(fixture, original, bob), 404, "media_not_found");
    assert_problem(client_send(fixture->client, &change), 404, "media_not_found");
    assert_problem(send_to(fixture, "DELETE", path, bob), 404, "media_not_found");
    change.token = ana;
    const struct answer *answer = client_send(fixture->client, &change);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "original_filename"), "b.mp3");
    assert_string_equal(answer_text(answer, "playback"), "public");
    change.json = "{\"playback\":\"signed\",\"unknown\":[1]}";
    answer = client_send(fixture->client, &change);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "playback"), "signed");
    assert_string_equal(answer_text(answer, "original_filename"), "b.mp3");
    const char *const wrong[] = { "{\"playback\":\"secret\"}", "{\"playback\":true}",
                                  "{\"original_filename\":\"\"}", "{\"original_filename\":7}" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        change.json = wrong[i];
        assert_problem(client_send(fixture->client, &change), 422, "field_invalid");
    }
    assert_answer(send_to(fixture, "DELETE", path, ana), 204);
    assert_problem(get(fixture, path, ana), 404, "media_not_found");
    assert_int_equal(object_count(fixture), 0);
}

static void the_original_comes_back_whole_and_in_ranges(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *path =
        textf(fixture, "/media/%s/original", fixture_upload(fixture, token, "Canción.mp3", SONG));
    const struct answer *answer = get(fixture, path, token);
    assert_answer(answer, 200);
    assert_string_equal(answer->body, SONG);
    struct client *client = fixture->client;
    assert_string_equal(answer_header(client, answer, "Content-Type"), "audio/mpeg");
    const char *disposition = answer_header(client, answer, "Content-Disposition");
    assert_memory_equal(disposition, "attachment;", 11);
    assert_non_null(strstr(disposition, "filename*=UTF-8''Canci%C3%B3n.mp3"));
    const char *const range[] = { "Range: bytes=0-3", NULL };
    answer =
        client_send(client, &(struct request){ .path = path, .token = token, .headers = range });
    assert_answer(answer, 206);
    assert_string_equal(answer->body, "SONG");
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(an_upload_becomes_a_media_object),
        with_fixture(what_is_no_media_leaves_nothing_behind),
        with_fixture(an_upload_without_a_file_or_whole_form_is_refused),
        with_fixture(a_file_name_cannot_lead_anywhere),
        cmocka_unit_test(an_upload_over_the_limit_is_413_and_leaves_nothing_behind),
        with_fixture(an_upload_that_is_given_up_leaves_nothing_behind),
        with_fixture(the_library_is_paged_sorted_and_searched),
        with_fixture(only_its_owner_sees_changes_or_removes_a_media),
        with_fixture(the_original_comes_back_whole_and_in_ranges),
    };
    return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
