/* HLS: segments that begin with a key frame and last as long as the playlist says, published as
 * they come, playable while the rest is still to be made. */
#include <math.h>

#include "../unit/test.h"
#include "base/es_file.h"
#include "model/hls.h"
#include "oracle.h"

static const char *make_film(void)
{
    oracle_do(
        "[ -e film.mp4 ] || ffmpeg -y -v error -f lavfi -i testsrc2=d=21.4:s=192x108:r=30000/1001 "
        "-f lavfi -i 'sine=f=300:d=21.5:r=48000' -c:v libx264 -g 77 -bf 3 -crf 18 -c:a aac "
        "film.mp4");
    return scratch_path("film.mp4");
}

/* What is tested here is encoding; taking over has tests of its own. */
static const struct job_options encode = { .copy = JOB_COPY_NEVER };

static const char *file_in(const char *folder, const char *name)
{
    return scratch_path("%s/%s", strrchr(folder, '/') + 1, name);
}

static void assert_plays(const char *folder, const char *source, double slack)
{
    const char *index = file_in(folder, "index.m3u8");
    assert_int_equal(oracle_frames(index), oracle_frames(source));
    assert_float_equal(oracle_end_seconds(index, "v:0"), oracle_end_seconds(source, "v:0"), 0.002);
    assert_float_equal(oracle_end_seconds(index, "a:0"), oracle_end_seconds(source, "a:0"), slack);
    oracle_decodes(index);
}

static void test_plays_through(void **state)
{
    (void)state;
    const char *source = make_film();
    struct job_run run;
    const char *folder = convert(source, JOB_HLS, &encode, &run);
    assert_plays(folder, source, 0.05);
    assert_null(run.outcome.details);
    for (size_t i = 0; i < run.outcome.object_count; i++)
        oracle_do("test -s '%s'", file_in(folder, run.outcome.objects[i]));
    oracle_do("test $(ls '%s' | wc -l) = %zu", folder, run.outcome.object_count);
    double bytes = oracle_number("cat '%s'/* | wc -c", folder);
    assert_int_equal((long)bytes, (long)run.outcome.output_size_bytes);
}

/* Every segment alone, behind its header: begins with an IDR frame, lasts as its EXTINF says, and
 * begins when the one before it ends. */
static void check_track(const char *folder, const char *track, bool is_video)
{
    es_auto_free char *list = oracle_run(
        "grep -A1 EXTINF '%s' | grep -v '^--' | paste - - | sed 's/#EXTINF:\\(.*\\),\\t/\\1 /'",
        file_in(folder, track));
    double expected_start = 0;
    char *rest = list;
    int count = 0;
    for (char *line; (line = strtok_r(rest, "\n", &rest)); count++) {
        char name[64];
        double seconds = 0;
        assert_int_equal(sscanf(line, "%lf %63s", &seconds, name), 2);
        oracle_do("cat '%s/%s-init.mp4' '%s/%s' > one.mp4", folder, is_video ? "video" : "audio",
                  folder, name);
        /* What lies before zero is for the decoder alone. */
        double start = fmax(
            0, oracle_number("ffprobe -v error -show_entries packet=pts_time -of csv=p=0 one.mp4 | "
                             "tr -d , | sort -n | head -1"));
        double last =
            oracle_number("ffprobe -v error -show_entries packet=pts_time -of csv=p=0 one.mp4 | "
                          "tr -d , | sort -n | tail -1");
        assert_float_equal(start, expected_start, 0.0005);
        double step = is_video ? 1001 / 30000. : 1024 / 48000.;
        if (is_video || rest)
            assert_float_equal(last + step - start, seconds, 0.001);
        expected_start = start + seconds;
        if (is_video)
            oracle_do("ffprobe -v error -show_entries frame=key_frame,pict_type -of csv=p=0 "
                      "one.mp4 | head -1 "
                      "| grep -q ^1,I");
        assert_true(seconds < 6.5);
    }
    assert_true(count >= 5);
}

static void test_segments_are_what_the_playlist_says(void **state)
{
    (void)state;
    const char *folder = convert(make_film(), JOB_HLS, &encode, NULL);
    check_track(folder, "video.m3u8", true);
    check_track(folder, "audio.m3u8", false);
    double first =
        oracle_number("grep -m1 EXTINF '%s' | cut -d: -f2", file_in(folder, "video.m3u8"));
    assert_true(first < 1.1); /* short, so that play starts soon */
}

static void test_parts_share_one_header(void **state)
{
    (void)state;
    const char *folder = convert(make_film(), JOB_HLS, &encode, NULL);
    oracle_do("test $(grep -c EXT-X-MAP '%s') = 1", file_in(folder, "video.m3u8"));
}

static void test_parts_in_any_order_give_the_same_bytes(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct engine_input input;
    const char *folders[] = { scratch_path("forth"), scratch_path("back") };
    for (int i = 0; i < 2; i++) {
        oracle_do("mkdir '%s'", folders[i]);
        es_auto_arena arena = { 0 };
        struct job_run run;
        struct host_folder host;
        host_folder_init(&host, folders[i]);
        assert_ok(file_input_open(make_film(), &input, &err), err);
        assert_ok(host_folder_run(&host, &input, JOB_HLS, &encode, i == 1, &arena, &run, &err),
                  err);
        host_folder_release(&host);
        file_input_close(&input);
    }
    oracle_do("diff -r '%s' '%s'", folders[0], folders[1]);
}

static void test_first_part_is_published_as_it_comes(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    struct engine_input input;
    struct part *parts = NULL;
    size_t count = 0;
    assert_ok(file_input_open(make_film(), &input, &err), err);
    assert_ok(engine_plan(&input, JOB_HLS, &encode, NULL, &arena, &parts, &count, &err), err);
    assert_true(parts[0].is_first && parts[1].is_first && !parts[2].is_first);
    assert_int_equal(parts[count - 1].kind, PART_JOIN);
    const char *folder = scratch_path("live");
    oracle_do("mkdir '%s'", folder);
    struct host_folder host;
    host_folder_init(&host, folder);
    struct engine_host engine_host = host_folder_host(&host);
    assert_ok(engine_convert(&input, parts[0].spec, &engine_host, &arena, &parts[0].result, &err),
              err);
    assert_true(host.is_playable);
    assert_ok(engine_convert(&input, parts[1].spec, &engine_host, &arena, &parts[1].result, &err),
              err);

    /* What the gateway renders while the rest is missing. */
    struct hls_track *tracks = NULL;
    size_t track_count = 0;
    assert_ok(hls_tracks_of_parts(parts, count, &arena, &tracks, &track_count, &err), err);
    assert_int_equal(track_count, 2);
    assert_false(tracks[0].is_complete);
    assert_true(tracks[1].is_complete);
    es_auto_buf text = { 0 };
    hls_render_index(tracks, track_count, "", false, &text);
    assert_ok(es_file_write(file_in(folder, "index.m3u8"), text.bytes, text.size, 0600, &err), err);
    for (size_t i = 0; i < track_count; i++) {
        es_buf_clear(&text);
        hls_track_drop_awaited(&tracks[i]);
        hls_render_track(&tracks[i], "", true,
                         &text); /* final, or the player would wait for more */
        const char *name = es_printf(&arena, "%s.m3u8", tracks[i].name);
        assert_ok(es_file_write(file_in(folder, name), text.bytes, text.size, 0600, &err), err);
    }
    double end = oracle_end_seconds(file_in(folder, "index.m3u8"), "v:0");
    assert_float_equal(end, parts[0].weight_seconds, 0.04);
    host_folder_release(&host);
    file_input_close(&input);
}

static void test_sound_alone_is_one_playlist(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=17:r=44100' -c:a flac tone.flac");
    struct job_run run;
    const char *folder = convert(scratch_path("tone.flac"), JOB_HLS, NULL, &run);
    const char *index = file_in(folder, "index.m3u8");
    oracle_do("grep -q ENDLIST '%s' && ! test -e '%s/audio.m3u8'", index, folder);
    assert_float_equal(oracle_end_seconds(index, "a:0"), 17, 0.03);
    oracle_decodes(index);
}

static void test_picture_alone_has_one_variant(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=13:s=128x72:r=24 -c:v libx264 mute.mp4");
    const char *folder = convert(scratch_path("mute.mp4"), JOB_HLS, &encode, NULL);
    const char *index = file_in(folder, "index.m3u8");
    assert_int_equal(oracle_frames(index), 312);
    oracle_decodes(index);
}

static double loudness_db(const char *path, double begin)
{
    return oracle_number("ffmpeg -v info -copyts -i '%s' -af "
                         "atrim=start=%f:end=%f,volumedetect -f null - 2>&1 | "
                         "sed -n 's/.*mean_volume: \\(.*\\) dB/\\1/p'",
                         path, begin, begin + 0.05);
}

/* The decoder has what it needs before zero, so that the first frame does not fade in: which is
 * long where the rate is low. */
static void test_sound_is_all_there_from_the_beginning(void **state)
{
    (void)state;
    static const int rates[] = { 8000, 48000 };
    for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
        oracle_do("ffmpeg -y -v error -f lavfi -i sine=f=500:d=4:r=%d tone.wav", rates[i]);
        const char *index =
            file_in(convert(scratch_path("tone.wav"), JOB_HLS, NULL, NULL), "index.m3u8");
        assert_float_equal(loudness_db(index, 0), loudness_db(index, 2), 0.5);
        assert_float_equal(oracle_end_seconds(index, "a:0"), 4, 0.13);
    }
}

static void test_languages_are_renditions(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=4:s=128x72:r=25 -f lavfi -i sine=300:d=4 "
              "-f lavfi -i sine=600:d=4:r=22050 -map 0 -map 1 -map 2 -c:v libx264 -c:a flac "
              "-metadata:s:a:0 language=spa -metadata:s:a:1 language=eng "
              "-metadata:s:a:1 title=Commentary languages.mkv");
    struct job_run run;
    const char *folder = convert(scratch_path("languages.mkv"), JOB_HLS, NULL, &run);
    assert_null(run.outcome.details);
    const char *index = file_in(folder, "index.m3u8");
    oracle_do("grep -q 'NAME=\"Español\",LANGUAGE=\"es\",DEFAULT=YES.*\"audio.m3u8' '%s'", index);
    oracle_do("grep -q 'NAME=\"Commentary\",LANGUAGE=\"en\",DEFAULT=NO.*\"audio-2.m3u8' '%s'",
              index);
    assert_float_equal(oracle_end_seconds(index, "a:0"), 4, 0.05);
    assert_float_equal(oracle_end_seconds(index, "a:1"), 4, 0.05);
    oracle_decodes(index);
}

static void test_real_films(void **state)
{
    (void)state;
    static const char *const names[] = { "film-30s.mp4", "film-30s.webm", "film-h264.avi",
                                         "film-mpeg2.mpeg" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = oracle_real_media(names[i]);
        if (source)
            assert_plays(convert(source, JOB_HLS, NULL, NULL), source, 0.05);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plays_through),
        cmocka_unit_test(test_segments_are_what_the_playlist_says),
        cmocka_unit_test(test_parts_share_one_header),
        cmocka_unit_test(test_parts_in_any_order_give_the_same_bytes),
        cmocka_unit_test(test_first_part_is_published_as_it_comes),
        cmocka_unit_test(test_sound_alone_is_one_playlist),
        cmocka_unit_test(test_picture_alone_has_one_variant),
        cmocka_unit_test(test_sound_is_all_there_from_the_beginning),
        cmocka_unit_test(test_languages_are_renditions),
        cmocka_unit_test(test_real_films),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
