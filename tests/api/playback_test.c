/* Playing over HTTP: ranges, validators, who may, signed links, HLS trees. */
#include "../unit/test.h"
#include "fixture.h"

#define OUTPUT "0123456789abcdefghij"

struct song {
    const char *token, *media_id, *job_id, *stream;
};

static struct song make(struct fixture *fixture, const char *target, const char *output)
{
    struct song song = { .token = fixture_user(fixture, "ana") };
    song.media_id = fixture_upload(fixture, song.token, "Canción.flac", SONG);
    song.job_id = fixture_convert(fixture, song.token, song.media_id, target);
    fixture_work(fixture, output);
    song.stream = textf(fixture, "/media/%s/stream?job_id=%s", song.media_id, song.job_id);
    return song;
}

static void set_signed(struct fixture *fixture, const struct song *song)
{
    struct request change = { .method = "PATCH",
                              .path = textf(fixture, "/media/%s", song->media_id),
                              .token = song->token,
                              .json = "{\"playback\":\"signed\"}" };
    assert_answer(client_send(fixture->client, &change), 200);
}

static const struct answer *get_with(struct fixture *fixture, const char *method, const char *path,
                                     const char *header)
{
    const char *const headers[] = { header, NULL };
    return client_send(fixture->client,
                       &(struct request){ .method = method, .path = path, .headers = headers });
}

static void a_stream_is_seekable(void **state)
{
    struct fixture *fixture = *state;
    struct song song = make(fixture, "mp3", OUTPUT);
    struct client *client = fixture->client;
    const struct answer *whole = get(fixture, song.stream, NULL);
    assert_answer(whole, 200);
    assert_string_equal(whole->body, OUTPUT);
    assert_string_equal(answer_header(client, whole, "Content-Type"), "audio/mpeg");
    assert_string_equal(answer_header(client, whole, "Accept-Ranges"), "bytes");
    assert_non_null(answer_header(client, whole, "Last-Modified"));
    const char *etag = answer_header(client, whole, "ETag");
    assert_int_equal(etag[0], '"');
    const struct {
        const char *header;
        int status;
        const char *body, *content_range;
    } cases[] = {
        { "Range: bytes=0-", 206, OUTPUT, "bytes 0-19/20" },
        { "Range: bytes=2-4", 206, "234", "bytes 2-4/20" },
        { "Range: bytes=15-999", 206, "fghij", "bytes 15-19/20" },
        { "Range: bytes=-3", 206, "hij", "bytes 17-19/20" },
        { "Range: bytes=19-19", 206, "j", "bytes 19-19/20" },
        { "Range: bytes=20-", 416, NULL, "bytes */20" },
        { "Range: bytes=4-2", 200, OUTPUT, NULL },
        { "Range: items=0-1", 200, OUTPUT, NULL },
        { "Range: bytes=0-1,4-5", 200, OUTPUT, NULL },
        { textf(fixture, "If-None-Match: %s", etag), 304, "", NULL },
        { "If-None-Match: \"other\"", 200, OUTPUT, NULL },
        { "If-Match: \"other\"", 412, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct answer *answer = get_with(fixture, "GET", song.stream, cases[i].header);
        assert_answer(answer, cases[i].status);
        if (cases[i].body)
            assert_string_equal(answer->body, cases[i].body);
        const char *range = answer_header(client, answer, "Content-Range");
        assert_int_equal(range != NULL, cases[i].content_range != NULL);
        if (range)
            assert_string_equal(range, cases[i].content_range);
    }
    const char *const matching[] = { "Range: bytes=0-1", textf(fixture, "If-Range: %s", etag),
                                     NULL };
    const char *const stale[] = { "Range: bytes=0-1", "If-Range: \"other\"", NULL };
    struct request request = { .path = song.stream, .headers = matching };
    assert_answer(client_send(client, &request), 206);
    request.headers = stale;
    assert_answer(client_send(client, &request), 200);
}

static void head_tells_all_but_the_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct song song = make(fixture, "mp4", OUTPUT);
    const struct answer *answer = send_to(fixture, "HEAD", song.stream, NULL);
    assert_answer(answer, 200);
    assert_int_equal(answer->body_size, 0);
    assert_string_equal(answer_header(fixture->client, answer, "Content-Length"), "20");
    assert_string_equal(answer_header(fixture->client, answer, "Content-Type"), "video/mp4");
    assert_non_null(
        strstr(answer_header(fixture->client, answer, "Content-Disposition"), "Canci%C3%B3n.mp4"));
    answer = get_with(fixture, "HEAD", song.stream, "Range: bytes=2-4");
    assert_answer(answer, 206);
    assert_string_equal(answer_header(fixture->client, answer, "Content-Length"), "3");
}

static void what_is_not_finished_does_not_play(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const char *media_id = fixture_upload(fixture, token, "a.mp3", SONG);
    const char *stream = textf(fixture, "/media/%s/stream", media_id);
    const char *share = textf(fixture, "/media/%s/share", media_id);
    assert_problem(get(fixture, stream, token), 404, "no_finished_job");
    assert_problem(get(fixture, share, token), 404, "no_finished_job");
    const char *job_id = fixture_convert(fixture, token, media_id, "mp3");
    assert_problem(get(fixture, textf(fixture, "%s?job_id=%s", stream, job_id), NULL), 400,
                   "job_not_finished");
    assert_problem(get(fixture, textf(fixture, "%s?job_id=%s", share, job_id), token), 400,
                   "job_not_finished");
    assert_problem(get(fixture, stream, NULL), 422, "field_missing");
    assert_problem(get(fixture, textf(fixture, "%s?job_id=7", stream), NULL), 422, "field_invalid");
    const char *unknown = "0198c0de-0000-4000-8000-000000000000";
    assert_problem(get(fixture, textf(fixture, "%s?job_id=%s", stream, unknown), NULL), 404,
                   "job_not_found");
    assert_problem(
        get(fixture, textf(fixture, "/media/%s/stream?job_id=%s", unknown, job_id), NULL), 404,
        "media_not_found");
    fixture_work(fixture, OUTPUT);
    assert_answer(get(fixture, stream, token), 200);
}

static void signed_media_play_for_those_who_may(void **state)
{
    struct fixture *fixture = *state;
    struct song song = make(fixture, "mp3", OUTPUT);
    const char *bob = fixture_user(fixture, "bob"), *eve = fixture_user(fixture, "eve");
    assert_answer(get(fixture, song.stream, NULL), 200);
    set_signed(fixture, &song);
    assert_problem(get(fixture, song.stream, NULL), 401, "unauthenticated");
    assert_problem(get(fixture, song.stream, "stale.token"), 401, "unauthenticated");
    assert_answer(get(fixture, song.stream, song.token), 200);
    assert_problem(get(fixture, song.stream, bob), 403, "forbidden");
    const char *share = textf(fixture, "/media/%s/share-with-user", song.media_id);
    assert_answer(
        post_json(fixture, share, song.token,
                  textf(fixture, "{\"username_to_share\":\"bob\",\"job_id\":\"%s\"}", song.job_id)),
        200);
    assert_answer(get(fixture, song.stream, bob), 200);
    assert_problem(get(fixture, song.stream, eve), 403, "forbidden");
    struct request by_cookie = { .path = song.stream, .cookie = bob };
    assert_answer(client_send(fixture->client, &by_cookie), 200);
}

static void a_link_plays_without_credentials_until_it_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct song song = make(fixture, "mp3", OUTPUT);
    const char *bob = fixture_user(fixture, "bob");
    set_signed(fixture, &song);
    const char *share = textf(fixture, "/media/%s/share", song.media_id);
    assert_problem(get(fixture, share, bob), 404, "media_not_found");
    assert_problem(get(fixture, share, NULL), 401, "unauthenticated");
    const struct answer *answer = get(fixture, share, song.token);
    assert_answer(answer, 200);
    assert_string_equal(answer_text(answer, "job_id"), song.job_id);
    assert_string_equal(answer_text(answer, "target"), "mp3");
    const char *url = answer_text(answer, "url");
    size_t base_size = strlen(fixture->base_url);
    assert_memory_equal(url, fixture->base_url, base_size);
    assert_answer(get(fixture, url + base_size, NULL), 200);
    assert_problem(get(fixture, textf(fixture, "%sx", url + base_size), NULL), 403, "link_invalid");
    assert_problem(send_to(fixture, "DELETE", share, bob), 404, "media_not_found");
    assert_answer(send_to(fixture, "DELETE", share, song.token), 204);
    assert_problem(get(fixture, url + base_size, NULL), 403, "link_invalid");
}

static void a_link_is_where_the_settings_say_that_we_are(void **state)
{
    (void)state;
    struct api_settings settings = api_settings_default();
    settings.public_url = "https://music.example/listen";
    struct fixture *fixture = fixture_open(&settings, NULL);
    struct song song = make(fixture, "mp3", OUTPUT);
    const struct answer *answer =
        get(fixture, textf(fixture, "/media/%s/share", song.media_id), song.token);
    assert_answer(answer, 200);
    assert_memory_equal(answer_text(answer, "url"), "https://music.example/listen/", 29);
    fixture_close(fixture);
}

static void an_hls_tree_plays_under_its_link(void **state)
{
    struct fixture *fixture = *state;
    struct song song = make(fixture, "hls", "#EXTM3U\n#EXTINF:5,\nvideo-0.m4s\n#EXT-X-ENDLIST\n");
    struct client *client = fixture->client;
    const struct answer *answer = get(fixture, song.stream, NULL);
    assert_answer(answer, 200);
    assert_string_equal(answer_header(client, answer, "Content-Type"),
                        "application/vnd.apple.mpegurl");
    const char *address = strstr(answer->body, "/hls/");
    assert_non_null(address);
    const char *segment = textf(fixture, "%.*s", (int)strcspn(address, "\n"), address);
    answer = get(fixture, segment, NULL);
    assert_answer(answer, 200);
    assert_string_equal(answer->body, "segment zero");
    assert_non_null(strstr(answer_header(client, answer, "Cache-Control"), "immutable"));
    answer = get_with(fixture, "GET", segment, "Range: bytes=8-11");
    assert_answer(answer, 206);
    assert_string_equal(answer->body, "zero");
    int folder_size = (int)(strrchr(segment, '/') - segment);
    answer = get(fixture, textf(fixture, "%.*s/index.m3u8", folder_size, segment), NULL);
    assert_answer(answer, 200);
    assert_null(strstr(answer_header(client, answer, "Cache-Control"), "immutable"));
    const char *const missing[] = { "video-9.m4s", "..", "%2e%2e", "a%5cb", "output.mp3" };
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++) {
        answer = get(fixture, textf(fixture, "%.*s/%s", folder_size, segment, missing[i]), NULL);
        assert_true(answer->status == 404 || answer->status == 400);
    }
    assert_problem(get(fixture, "/hls/nonsense/index.m3u8", NULL), 403, "link_invalid");
    set_signed(fixture, &song);
    assert_problem(get(fixture, segment, NULL), 403, "link_invalid");
}

int main(void)
{
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        with_fixture(a_stream_is_seekable),
        with_fixture(head_tells_all_but_the_bytes),
        with_fixture(what_is_not_finished_does_not_play),
        with_fixture(signed_media_play_for_those_who_may),
        with_fixture(a_link_plays_without_credentials_until_it_is_taken_back),
        cmocka_unit_test(a_link_is_where_the_settings_say_that_we_are),
        with_fixture(an_hls_tree_plays_under_its_link),
    };
    return cmocka_run_group_tests_name("playback", tests, NULL, NULL);
}
