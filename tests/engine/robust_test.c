/* Whatever the bytes are: a reason, never a crash, and what can be saved is saved. */
#include "../unit/test.h"
#include "base/es_file.h"
#include "oracle.h"

static void assert_word(const char *path, enum job_target target, enum es_code code,
                        const char *word)
{
    struct es_err err = convert_failing(path, target);
    if (err.code != code || !err.word || strcmp(err.word, word) != 0)
        fail_msg("'%s': %s/%s: %s", path, es_code_name(err.code), err.word ? err.word : "-",
                 err.detail);
}

static void test_what_is_no_media_is_refused(void **state)
{
    (void)state;
    oracle_do(
        "seq 1 20000 > text.mp3; head -c 300000 /dev/urandom > noise.mp4; head -c 100000 /dev/zero "
        "> zero.wav; "
        "echo '<html><body>hello</body></html>' > page.html; cp /bin/sh program.avi; printf x > "
        "one; "
        "printf 'ID3\\4\\0\\0\\0\\0\\0\\12aaaaaaaaaa' > tag.mp3; gzip -c text.mp3 > packed.mp3; "
        "ffmpeg -y -v error -f lavfi -i testsrc=d=1 -frames:v 1 picture.png; cp picture.png "
        "picture.mp4");
    static const char *const names[] = { "text.mp3",    "noise.mp4",  "zero.wav", "page.html",
                                         "program.avi", "one",        "tag.mp3",  "packed.mp3",
                                         "picture.png", "picture.mp4" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_word(scratch_path("%s", names[i]), JOB_MP3, ES_MEDIA, "unsupported_format");
}

static void test_what_names_other_files_is_refused(void **state)
{
    (void)state;
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i sine=d=3 secret.wav; "
        "printf '#EXTM3U\\n#EXT-X-TARGETDURATION:3\\n#EXTINF:3,\\nsecret.wav\\n#EXT-X-ENDLIST\\n' "
        "> list.mp4; "
        "printf 'ffconcat version 1.0\\nfile secret.wav\\n' > concat.mp3; "
        "printf 'v=0\\no=- 0 0 IN IP4 127.0.0.1\\ns=x\\nc=IN IP4 127.0.0.1\\nt=0 0\\nm=audio 5004 "
        "RTP/AVP 0\\n' > call.mp3; "
        "printf ';FFMETADATA1\\ntitle=x\\n' > meta.mp3; "
        "printf '[playlist]\\nFile1=secret.wav\\n' > list.pls; "
        "printf '<?xml version=\"1.0\"?><MPD "
        "xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><Period><AdaptationSet>"
        "<Representation><BaseURL>secret.wav</BaseURL></Representation></AdaptationSet></Period></"
        "MPD>' > dash.mp4");
    static const char *const names[] = { "list.mp4", "concat.mp3", "call.mp3",
                                         "meta.mp3", "list.pls",   "dash.mp4" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_word(scratch_path("%s", names[i]), JOB_MP3, ES_MEDIA, "unsupported_format");
}

static void test_no_bytes_no_sound_no_index(void **state)
{
    (void)state;
    oracle_do(
        ": > empty.mp3; ffmpeg -y -v error -f lavfi -i testsrc2=d=3:s=64x64 -c:v libx264 mute.mp4; "
        "head -c 20000 mute.mp4 > no-index.mp4; "
        "ffmpeg -y -v error -f lavfi -i sine=d=1 -f srt x.srt 2>/dev/null; "
        "printf '1\\n00:00:00,000 --> 00:00:02,000\\nhello\\n' > s.srt; "
        "ffmpeg -y -v error -i s.srt -c:s srt words.mkv");
    assert_word(scratch_path("empty.mp3"), JOB_MP3, ES_MEDIA, "media_empty");
    assert_word(scratch_path("mute.mp4"), JOB_MP3, ES_MEDIA, "no_audio_stream");
    assert_word(scratch_path("no-index.mp4"), JOB_MP4, ES_MEDIA, "media_damaged");
}

/* Truncated at every kind of place: what is there is converted, and the details say so. */
static void test_truncated_files_give_what_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *name, *options;
    } kinds[] = {
        { "t.mkv", "-c:v libx264 -g 50 -c:a aac" },
        { "t.mp4", "-c:v libx264 -g 50 -c:a aac -movflags faststart" },
        { "t.avi", "-c:v mpeg4 -c:a mp3" },
        { "t.ts", "-c:v libx264 -g 50 -c:a aac" },
        { "t.flac", "-vn -c:a flac" },
        { "t.wav", "-vn" },
        { "t.mp3", "-vn -c:a libmp3lame" },
        { "t.ogg", "-vn -c:a libvorbis" },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=20:s=128x72:r=25 -f lavfi -i "
                  "'sine=d=20:r=44100' "
                  "-shortest %s whole-%s && size=$(stat -c %%s whole-%s) && "
                  "head -c $((size * 6 / 10)) whole-%s > %s",
                  kinds[i].options, kinds[i].name, kinds[i].name, kinds[i].name, kinds[i].name);
        for (enum job_target target = JOB_MP3; target <= JOB_HLS; target++) {
            struct job_run run;
            convert(scratch_path("%s", kinds[i].name), target, NULL, &run);
            if (run.outcome.duration_seconds < 10 || run.outcome.duration_seconds > 14.5)
                fail_msg("%s: %.3f s of 12", kinds[i].name, run.outcome.duration_seconds);
            bool has_claim = strstr("t.mkv t.mp4 t.flac t.mp3", kinds[i].name);
            if (has_claim && (!run.outcome.details || !strstr(run.outcome.details, "ends early")))
                fail_msg("%s: details: %s", kinds[i].name,
                         run.outcome.details ? run.outcome.details : "-");
        }
    }
}

/* Bytes turned over in the middle: the job ends well, or with a word, and never takes the process
 * down. */
static void test_damaged_files_never_crash(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "-c:v libx264 -g 25 -c:a aac d.mp4",
        "-c:v libx264 -g 25 -c:a aac d.mkv",
        "-c:v mpeg4 -c:a mp3 d.avi",
        "-c:v libvpx -cpu-used 8 -deadline realtime -c:a libopus d.webm",
        "-c:v libx264 -c:a aac d.ts",
        "-vn -c:a flac d.flac",
        "-vn -c:a libmp3lame d.mp3",
        "-vn -c:a libvorbis d.ogg",
        "-vn -c:a alac d.m4a",
        "-vn d.wav",
    };
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        oracle_do(
            "ffmpeg -y -v error -f lavfi -i testsrc2=d=4:s=64x48:r=25 -f lavfi -i 'sine=d=4' %s",
            sources[i]);
        const char *whole = scratch_path("%s", strrchr(sources[i], ' ') + 1);
        es_auto_buf bytes = { 0 };
        struct es_err err = { 0 };
        assert_ok(es_file_read(whole, 1 << 26, &bytes, &err), err);
        for (int round = 0; round < 12; round++) {
            es_auto_buf damaged = { 0 };
            es_buf_append(&damaged, bytes.bytes, bytes.size);
            int flips = 1 << (round % 8);
            for (int flip = 0; flip < flips; flip++) {
                seed = seed * 1103515245u + 12345u;
                size_t at = round < 6 ? (seed >> 8) % damaged.size
                                      : (seed >> 8) % (damaged.size < 2000 ? damaged.size : 2000);
                damaged.bytes[at] = (char)(seed >> 24);
            }
            const char *path = scratch_path("damaged-%zu-%d", i, round);
            assert_ok(es_file_write(path, damaged.bytes, damaged.size, 0600, &err), err);
            es_auto_arena arena = { 0 };
            struct engine_input input;
            struct host_folder host;
            struct job_run run;
            struct job_options options = { 0 };
            host_folder_init(&host, scratch_path("."));
            assert_ok(file_input_open(path, &input, &err), err);
            enum es_code code = host_folder_run(&host, &input, round % 2 ? JOB_HLS : JOB_MP4,
                                                &options, false, &arena, &run, &err);
            if (code != ES_OK && code != ES_MEDIA)
                fail_msg("%s: %s: %s", path, es_code_name(code), err.detail);
            host_folder_release(&host);
            file_input_close(&input);
        }
    }
}

static void test_is_cancelled_at_once(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=60:s=640x360:r=25 -f lavfi -i sine=d=60 "
              "-c:v libx264 "
              "-preset ultrafast -c:a aac long.mp4");
    for (enum job_target target = JOB_MP3; target <= JOB_HLS; target++) {
        es_auto_arena arena = { 0 };
        struct es_err err = { 0 };
        struct engine_input input;
        struct host_folder host;
        struct job_run run;
        struct job_options options = { .copy = JOB_COPY_NEVER };
        host_folder_init(&host, scratch_path("."));
        host.cancel_after_calls = 2;
        assert_ok(file_input_open(scratch_path("long.mp4"), &input, &err), err);
        assert_int_equal(
            host_folder_run(&host, &input, target, &options, false, &arena, &run, &err),
            ES_CANCELLED);
        assert_int_equal(host.progress_calls, 2);
        host_folder_release(&host);
        file_input_close(&input);
    }
}

static enum es_code fail_read(void *context, int64_t offset, void *ret_bytes, size_t size,
                              size_t *ret_size, struct es_err *reterr)
{
    struct engine_input *input = context;
    if (offset > input->size_bytes / 2)
        return es_fail_word(reterr, ES_UNAVAILABLE, "unavailable", "the store is away");
    return input->read(input->context, offset, ret_bytes, size, ret_size, reterr);
}

/* What the source's reader answers is what the caller hears. */
static void test_a_failing_source_is_not_the_mediums_fault(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i sine=d=100 -c:a flac far.flac");
    struct es_err err = { 0 };
    struct engine_input file;
    assert_ok(file_input_open(scratch_path("far.flac"), &file, &err), err);
    struct engine_input input = { &file, file.size_bytes, fail_read };
    es_auto_arena arena = { 0 };
    struct media_facts facts;
    assert_int_equal(engine_probe(&input, NULL, &arena, &facts, &err), ES_UNAVAILABLE);
    struct job_options options = { 0 };
    struct part *parts = NULL;
    size_t count = 0;
    assert_ok(engine_plan(&file, JOB_MP3, &options, NULL, &arena, &parts, &count, &err), err);
    struct host_folder host;
    host_folder_init(&host, scratch_path("."));
    struct engine_host engine_host = host_folder_host(&host);
    const char *result = NULL;
    const char *last = parts[count - 2].spec; /* the join is behind it */
    assert_int_equal(engine_convert(&input, last, &engine_host, &arena, &result, &err),
                     ES_UNAVAILABLE);
    host_folder_release(&host);
    file_input_close(&file);
}

static void test_foreign_specs_are_refused(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i sine=d=2 a.wav");
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    struct engine_input input;
    assert_ok(file_input_open(scratch_path("a.wav"), &input, &err), err);
    static const char *const specs[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"version\":3,\"kind\":\"video\"}",
        "{\"version\":99,\"track\":\"audio\",\"target\":\"mp3\"}"
    };
    struct host_folder host;
    host_folder_init(&host, scratch_path("."));
    struct engine_host engine_host = host_folder_host(&host);
    struct engine_source source = host_folder_source(&host);
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        const char *result = NULL;
        assert_int_equal(engine_convert(&input, specs[i], &engine_host, &arena, &result, &err),
                         ES_INVALID);
        assert_int_equal(
            engine_join(specs[i], NULL, 0, &source, &engine_host, &arena, &result, &err),
            ES_INVALID);
        struct engine_outcome outcome;
        assert_int_equal(engine_outcome_read(specs[i], &arena, &outcome, &err), ES_INVALID);
    }
    host_folder_release(&host);
    file_input_close(&input);
}

static void test_trim_behind_the_end_is_refused(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i sine=d=2 a.wav");
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    struct engine_input input;
    struct part *parts = NULL;
    size_t count = 0;
    struct job_options options = { .start_seconds = 5 };
    assert_ok(file_input_open(scratch_path("a.wav"), &input, &err), err);
    assert_int_equal(engine_plan(&input, JOB_MP3, &options, NULL, &arena, &parts, &count, &err),
                     ES_INVALID);
    assert_string_equal(err.word, "option_invalid");
    file_input_close(&input);
}

int main(void)
{
    engine_preload();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_media_is_refused),
        cmocka_unit_test(test_what_names_other_files_is_refused),
        cmocka_unit_test(test_no_bytes_no_sound_no_index),
        cmocka_unit_test(test_truncated_files_give_what_is_there),
        cmocka_unit_test(test_damaged_files_never_crash),
        cmocka_unit_test(test_is_cancelled_at_once),
        cmocka_unit_test(test_a_failing_source_is_not_the_mediums_fault),
        cmocka_unit_test(test_foreign_specs_are_refused),
        cmocka_unit_test(test_trim_behind_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
