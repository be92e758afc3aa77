/* What src/model promises. */
#include "test.h"

#include "base/es_auto.h"
#include "model/job.h"
#include "model/job_json.h"
#include "model/media.h"
#include "model/media_json.h"
#include "model/part.h"
#include "model/problem.h"
#include "model/user.h"

static void usernames_and_passwords_keep_their_limits(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    assert_ok(username_check("ana", &err), err);
    assert_ok(username_check("ñandú mío", &err), err);
    const char *const wrong[] = {
        "",
        "ab",
        " ana",
        "ana ",
        "a\nb c",
        "\xff\xfe\xfd",
        "12345678901234567890123456789012345678901234567890123456789012345"
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(username_check(wrong[i], &err), ES_INVALID);
        assert_string_equal(err.word, "username_invalid");
    }
    assert_ok(password_check("12345678", &err), err);
    assert_int_equal(password_check("1234567", &err), ES_INVALID);
}

static const char *clean(const char *filename, struct es_arena *arena)
{
    struct es_err err = { 0 };
    const char *name = NULL;
    assert_ok(media_filename_clean(filename, arena, &name, &err), err);
    return name;
}

static void file_names_lose_paths_and_control_characters(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    assert_string_equal(clean("../../etc/passwd", &arena), "passwd");
    assert_string_equal(clean("C:\\music\\canción.mp3", &arena), "canción.mp3");
    assert_string_equal(clean("a\nb\x7f.mp3", &arena), "ab.mp3");
    assert_string_equal(clean("..", &arena), "unnamed");
    assert_string_equal(clean("dir/", &arena), "unnamed");
    assert_string_equal(clean("   ", &arena), "unnamed");
    char longest[1001];
    for (size_t i = 0; i < 500; i++)
        memcpy(longest + 2 * i, "ñ", 2);
    memcpy(longest + 996, ".mp3", 5);
    const char *name = clean(longest, &arena);
    assert_in_range(strlen(name), 200, MEDIA_FILENAME_BYTES_MAX);
    assert_string_equal(name + strlen(name) - 4, ".mp3");
    struct es_err err = { 0 };
    assert_int_equal(media_filename_clean("\xff.mp3", &arena, &name, &err), ES_INVALID);
    assert_string_equal(media_filename_extension("A.FLAC", &arena), ".flac");
    assert_string_equal(media_filename_extension("a.b c", &arena), "");
    assert_string_equal(media_filename_extension("noext", &arena), "");
}

static void facts_survive_json_and_nonsense_is_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct stream_facts streams[] = {
        { .kind = STREAM_VIDEO, .codec = "h264", .width = 1280, .height = 720, .frame_rate = 25 },
        { .kind = STREAM_AUDIO,
          .codec = "aac",
          .channels = 2,
          .sample_rate = 48000,
          .language = "spa" },
    };
    struct media_tag tags[] = { { "title", "Señal \"1\"" } };
    struct media_facts facts = { .format = "mov",
                                 .content_type = "video/mp4",
                                 .duration_seconds = 12.5,
                                 .streams = streams,
                                 .stream_count = 2,
                                 .tags = tags,
                                 .tag_count = 1 };
    es_auto_buf text = { 0 };
    media_facts_write(&facts, &text);
    struct media_facts read;
    struct es_err err = { 0 };
    assert_ok(media_facts_read(es_buf_text(&text), &arena, &read, &err), err);
    assert_int_equal(read.stream_count, 2);
    assert_int_equal(read.streams[0].height, 720);
    assert_string_equal(read.streams[1].language, "spa");
    assert_string_equal(read.tags[0].value, "Señal \"1\"");
    assert_true(read.duration_seconds == 12.5);
    assert_true(media_has_stream(&read, STREAM_AUDIO));
    assert_false(media_has_stream(&read, STREAM_PICTURE));
    const char *const wrong[] = { "", "[]", "{}",
                                  "{\"streams\":[],\"tags\":{},\"duration_seconds\":-1}",
                                  "{\"streams\":[{}],\"tags\":{},\"duration_seconds\":1}" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(media_facts_read(wrong[i], &arena, &read, &err), ES_INVALID);
}

static void options_are_read_strictly_and_bounded(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct job_options options;
    assert_ok(job_options_read("{\"bitrate\":256,\"start\":1,\"end\":2.5,\"copy\":\"never\"}",
                               &options, &err),
              err);
    assert_ok(job_options_check(&options, JOB_MP3, &err), err);
    es_auto_buf text = { 0 };
    job_options_write(&options, &text);
    assert_string_equal(es_buf_text(&text),
                        "{\"bitrate\":256,\"copy\":\"never\",\"start\":1.0,\"end\":2.5}");
    const char *const wrong[] = { "[]", "{\"bitrate\":\"256\"}", "{\"speed\":1}",
                                  "{\"copy\":\"yes\"}", "{\"height\":99999999999}" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(job_options_read(wrong[i], &options, &err), ES_INVALID);
    const struct job_options out_of_range[] = { { .bitrate_kbps = 8 },
                                                { .crf = 60 },
                                                { .height = -2 },
                                                { .start_seconds = 5, .end_seconds = 5 },
                                                { .start_seconds = -1 } };
    for (size_t i = 0; i < sizeof(out_of_range) / sizeof(*out_of_range); i++)
        assert_int_equal(job_options_check(&out_of_range[i], JOB_MP4, &err), ES_INVALID);
    assert_int_equal(job_options_check(&(struct job_options){ .height = 720 }, JOB_MP3, &err),
                     ES_INVALID);
}

static void a_ladder_is_auto_or_a_list_of_heights(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct job_options options;
    es_auto_buf text = { 0 };
    assert_ok(job_options_read("{\"ladder\":[480,1080,720]}", &options, &err), err);
    assert_ok(job_options_check(&options, JOB_HLS, &err), err);
    assert_int_equal(job_options_check(&options, JOB_MP4, &err), ES_INVALID);
    job_options_write(&options, &text);
    assert_string_equal(es_buf_text(&text), "{\"ladder\":[1080,720,480]}");
    es_buf_clear(&text);
    assert_ok(job_options_read("{\"ladder\":\"auto\"}", &options, &err), err);
    assert_ok(job_options_check(&options, JOB_HLS, &err), err);
    job_options_write(&options, &text);
    assert_string_equal(es_buf_text(&text), "{\"ladder\":\"auto\"}");
    const char *const wrong[] = { "{\"ladder\":[]}", "{\"ladder\":\"all\"}", "{\"ladder\":720}",
                                  "{\"ladder\":[\"720\"]}",
                                  "{\"ladder\":[200,300,400,500,600,700,800]}" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(job_options_read(wrong[i], &options, &err), ES_INVALID);
    const char *const unfit[] = { "{\"ladder\":[720,720]}", "{\"ladder\":[143]}",
                                  "{\"ladder\":[2161,720]}",
                                  "{\"ladder\":\"auto\",\"height\":720}" };
    for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++) {
        assert_ok(job_options_read(unfit[i], &options, &err), err);
        assert_int_equal(job_options_check(&options, JOB_HLS, &err), ES_INVALID);
    }
}

static void loudness_is_the_usual_one_or_a_number(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct job_options options;
    es_auto_buf text = { 0 };
    assert_ok(job_options_read("{\"normalize\":true}", &options, &err), err);
    assert_true(options.normalize_lufs == JOB_NORMALIZE_LUFS_DEFAULT);
    assert_ok(job_options_check(&options, JOB_MP3, &err), err);
    job_options_write(&options, &text);
    assert_string_equal(es_buf_text(&text), "{\"normalize\":-14.0}");
    es_buf_clear(&text);
    assert_ok(job_options_read("{\"normalize\":-23.5}", &options, &err), err);
    assert_ok(job_options_check(&options, JOB_HLS, &err), err);
    job_options_write(&options, &text);
    assert_string_equal(es_buf_text(&text), "{\"normalize\":-23.5}");
    es_buf_clear(&text);
    assert_ok(job_options_read("{\"normalize\":false}", &options, &err), err);
    job_options_write(&options, &text);
    assert_string_equal(es_buf_text(&text), "{}");
    const char *const wrong[] = { "{\"normalize\":0}", "{\"normalize\":\"-14\"}",
                                  "{\"normalize\":[]}" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(job_options_read(wrong[i], &options, &err), ES_INVALID);
    const char *const unfit[] = { "{\"normalize\":-36.1}", "{\"normalize\":-4}",
                                  "{\"normalize\":14}" };
    for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++) {
        assert_ok(job_options_read(unfit[i], &options, &err), err);
        assert_int_equal(job_options_check(&options, JOB_MP3, &err), ES_INVALID);
    }
}

static void a_finished_job_never_runs_again_but_a_failed_one_may(void **state)
{
    (void)state;
    for (enum job_status to = JOB_ENQUEUED; to <= JOB_CANCELLED; to++)
        assert_false(job_status_can_become(JOB_DONE, to));
    assert_true(job_status_can_become(JOB_FAILED, JOB_ENQUEUED));
    assert_false(job_status_can_become(JOB_FAILED, JOB_PROCESSING));
    assert_true(job_status_can_become(JOB_ENQUEUED, JOB_DONE)); /* made before */
    assert_false(job_status_can_become(JOB_CANCELLED, JOB_DONE));
}

static void only_what_can_heal_is_tried_again_and_not_forever(void **state)
{
    (void)state;
    assert_false(part_retry(ES_MEDIA, 1, 0, false).is_retried);
    assert_true(part_retry(ES_UNAVAILABLE, 1, 0, false).is_retried);
    assert_false(part_retry(ES_UNAVAILABLE, PART_ATTEMPTS_MAX, 0, false).is_retried);
    assert_true(part_retry(ES_OK, 1, 1, true).is_retried);
    assert_false(part_retry(ES_OK, 2, PART_CRASHES_MAX, true).is_retried);
    assert_int_equal(part_retry(ES_IO, 2, 0, false).delay_ms, 1000);
}

static void a_person_may_try_again_what_can_pass(void **state)
{
    (void)state;
    assert_true(part_failure_can_pass(ES_LIMIT, "storage_full"));
    assert_true(part_failure_can_pass(ES_UNAVAILABLE, "attempts_exhausted"));
    assert_true(part_failure_can_pass(ES_MEDIA, "part_stalled"));
    assert_true(part_failure_can_pass(ES_MEDIA, "resource_limit"));
    assert_false(part_failure_can_pass(ES_MEDIA, "decoder_crashed"));
    assert_false(part_failure_can_pass(ES_MEDIA, NULL));
}

static void every_problem_has_a_status_and_both_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < problem_count(); i++) {
        const struct problem *problem = problem_at(i);
        assert_in_range(problem->status, 400, 599);
        assert_true(strlen(problem->texts[LANGUAGE_SPANISH]) > 5);
        assert_true(strlen(problem->texts[LANGUAGE_ENGLISH]) > 5);
        assert_ptr_equal(problem_find(problem->word), problem);
    }
    for (enum es_code code = ES_NOT_FOUND; code < ES_CODE_COUNT; code++)
        assert_non_null(problem_of(code, NULL));
    assert_int_equal(problem_of(ES_IO, NULL)->status, 500);
    assert_int_equal(problem_of(ES_CONFLICT, "username_taken")->status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usernames_and_passwords_keep_their_limits),
        cmocka_unit_test(file_names_lose_paths_and_control_characters),
        cmocka_unit_test(facts_survive_json_and_nonsense_is_refused),
        cmocka_unit_test(options_are_read_strictly_and_bounded),
        cmocka_unit_test(a_ladder_is_auto_or_a_list_of_heights),
        cmocka_unit_test(loudness_is_the_usual_one_or_a_number),
        cmocka_unit_test(a_finished_job_never_runs_again_but_a_failed_one_may),
        cmocka_unit_test(a_person_may_try_again_what_can_pass),
        cmocka_unit_test(only_what_can_heal_is_tried_again_and_not_forever),
        cmocka_unit_test(every_problem_has_a_status_and_both_texts),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
