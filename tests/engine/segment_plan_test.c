/* What a plan says of the segments to come is what comes: players are told of them beforehand. */
#include <math.h>

#include "../unit/test.h"
#include "model/hls.h"
#include "oracle.h"

static void tracks_of(const struct job_run *run, bool is_planned, struct es_arena *arena,
                      struct hls_track **ret_tracks, size_t *ret_count)
{
    struct es_err err = { 0 };
    struct part *parts = es_new_array(arena, struct part, run->part_count);
    for (size_t i = 0; i < run->part_count; i++) {
        parts[i] = run->parts[i];
        if (is_planned)
            parts[i].result = NULL;
    }
    assert_ok(hls_tracks_of_parts(parts, run->part_count, arena, ret_tracks, ret_count, &err), err);
}

/* Every segment by name and header, and its length to within `slack` seconds. */
static void check_plan(const char *source, struct job_options options, double slack)
{
    options.copy = JOB_COPY_NEVER;
    es_auto_arena arena = { 0 };
    struct job_run run;
    struct hls_track *planned = NULL, *made = NULL;
    size_t planned_count, made_count;
    convert(source, JOB_HLS, &options, &run);
    tracks_of(&run, true, &arena, &planned, &planned_count);
    tracks_of(&run, false, &arena, &made, &made_count);
    assert_int_equal(planned_count, made_count);
    for (size_t t = 0; t < made_count; t++) {
        assert_true(planned[t].is_whole && made[t].is_complete);
        assert_string_equal(planned[t].name, made[t].name);
        assert_string_equal(planned[t].codecs, made[t].codecs);
        assert_int_equal(planned[t].segment_count, made[t].segment_count);
        for (size_t s = 0; s < made[t].segment_count; s++) {
            const struct hls_segment *before = &planned[t].segments[s],
                                     *after = &made[t].segments[s];
            assert_string_equal(before->name, after->name);
            assert_string_equal(before->init_name, after->init_name);
            assert_float_equal(before->duration_seconds, after->duration_seconds, slack);
            assert_true(before->awaited_part > 0 && after->awaited_part == 0);
            assert_true(after->duration_seconds < 6.5);
        }
    }
}

static void test_a_film_comes_as_planned(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=36.7:s=96x54:r=30000/1001 "
              "-f lavfi -i 'sine=d=36.4:r=44100' -c:v libx264 -preset ultrafast -g 77 -bf 2 "
              "-c:a aac film.mp4");
    check_plan(scratch_path("film.mp4"), (struct job_options){ 0 }, 0.07);
    check_plan(scratch_path("film.mp4"),
               (struct job_options){ .start_seconds = 3.3, .end_seconds = 25.2 }, 0.07);
}

/* The length of a whole is that of its longest stream: the others are planned by their own. */
static void test_streams_that_end_apart_are_planned_apart(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=17.2:s=96x54:r=25 "
              "-f lavfi -i sine=d=20.8:r=48000 -c:v libx264 -preset ultrafast -g 50 -c:a flac "
              "long-sound.mkv");
    check_plan(scratch_path("long-sound.mkv"), (struct job_options){ 0 }, 0.07);
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=20.8:s=96x54:r=25 "
              "-f lavfi -i sine=d=17.2:r=48000 -c:v libx264 -preset ultrafast -g 50 -c:a flac "
              "short-sound.mkv");
    check_plan(scratch_path("short-sound.mkv"), (struct job_options){ 0 }, 0.07);
}

/* Frames where something moves, and none for a long time where nothing does, over segments and
 * spans. */
static void test_a_picture_that_stands_still_comes_as_planned(void **state)
{
    (void)state;
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i testsrc2=d=62:s=96x54:r=25 -f lavfi -i "
        "sine=d=62:r=48000 -vf "
        "\"select='lt(t,6)+between(t,14,15)+between(t,17.8,18)+between(t,47,50)+gt(t,60.5)'\" "
        "-fps_mode vfr -c:v mpeg4 -g 25 -c:a flac still.mkv");
    check_plan(scratch_path("still.mkv"), (struct job_options){ 0 }, 1.07);
}

static void test_every_size_comes_as_planned(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=19:s=640x480:r=25 -f lavfi -i "
              "sine=d=19:r=48000 -c:v mpeg4 -g 50 -c:a flac large.mkv");
    check_plan(scratch_path("large.mkv"), (struct job_options){ .is_ladder_auto = true }, 0.07);
}

static void test_sound_comes_as_planned_whatever_its_end(void **state)
{
    (void)state;
    static const char *const lengths[] = { "0.4", "1.02", "6.98", "7.01", "12.4", "17.3" };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        oracle_do("ffmpeg -y -v error -f lavfi -i sine=d=%s:r=44100 -c:a flac tone-%zu.flac",
                  lengths[i], i);
        check_plan(scratch_path("tone-%zu.flac", i), (struct job_options){ 0 }, 0.05);
    }
}

static void test_a_part_that_cannot_be_reached_alone_is_planned_too(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=23.3:s=96x54:r=25 "
              "-f lavfi -i sine=d=23.3:r=48000 -c:v mpeg2video -g 12 -c:a mp2 film.ts");
    check_plan(scratch_path("film.ts"), (struct job_options){ 0 }, 0.07);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_film_comes_as_planned),
        cmocka_unit_test(test_streams_that_end_apart_are_planned_apart),
        cmocka_unit_test(test_a_picture_that_stands_still_comes_as_planned),
        cmocka_unit_test(test_every_size_comes_as_planned),
        cmocka_unit_test(test_sound_comes_as_planned_whatever_its_end),
        cmocka_unit_test(test_a_part_that_cannot_be_reached_alone_is_planned_too),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
