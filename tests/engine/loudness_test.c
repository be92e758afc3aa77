/* How loud outputs are, and what their tags say of it. The judge is ffmpeg's own measure of EBU R
 * 128. */
#include <math.h>
#include <stdlib.h>

#include "../unit/test.h"
#include "engine/loudness_tally.h"
#include "engine/replay_gain.h"
#include "oracle.h"

static const struct job_options encode = { .copy = JOB_COPY_NEVER };

static const char *output_of(const char *folder, enum job_target target)
{
    return scratch_path("%s/%s", strrchr(folder, '/') + 1, job_output_name(target));
}

static double lufs_of(const char *path)
{
    return oracle_number("ffmpeg -nostats -i '%s' -vn -ac 2 -af ebur128 -f null - 2>&1 | "
                         "sed -n '/Summary/,$s/^ *I: *\\([-0-9.]*\\) LUFS/\\1/p'",
                         path);
}

static double tag_of(const char *path, const char *name)
{
    return oracle_number("ffprobe -v error -show_entries format_tags -of default=nk=0 '%s' | "
                         "grep -i 'TAG:%s=' | cut -d= -f2 | cut -d' ' -f1",
                         path, name);
}

static double peak_of(const char *path)
{
    double db = oracle_number("ffmpeg -nostats -i '%s' -vn -ar 44100 -ac 2 -af "
                              "aformat=sample_fmts=flt,astats=measure_perchannel=none -f null - "
                              "2>&1 | sed -n 's/.*Peak level dB: *//p'",
                              path);
    return pow(10, db / 20);
}

static void assert_tags(const char *source, size_t part_count)
{
    struct job_run run;
    const char *mp3 = output_of(convert(source, JOB_MP3, &encode, &run), JOB_MP3);
    assert_int_equal(run.part_count, part_count + 1);
    double gain = tag_of(mp3, "REPLAYGAIN_TRACK_GAIN"), lufs = lufs_of(source);
    if (fabs(REPLAY_GAIN_LUFS - gain - lufs) > 0.11) /* the judge has one place behind the point */
        fail_msg("'%s': %.2f LUFS by its tag, %.2f by ffmpeg", source, REPLAY_GAIN_LUFS - gain,
                 lufs);
    double peak = tag_of(mp3, "REPLAYGAIN_TRACK_PEAK"), wanted = peak_of(source);
    if (fabs(peak - wanted) > 0.002)
        fail_msg("'%s': a peak of %f, and %f by ffmpeg", source, peak, wanted);
    oracle_decodes(mp3);
}

static void test_an_mp3_says_how_loud_it_is(void **state)
{
    (void)state;
    static const char *const names[] = { "music-5s.ogg", "music-52s.ogg", "music-43s-48k.ogg" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = oracle_real_media(names[i]);
        if (source)
            assert_tags(source, 1);
    }
    oracle_do("ffmpeg -y -v error -f lavfi -i "
              "'sine=d=3:r=44100,volume=-30dB,aformat=channel_layouts=stereo' quiet.wav");
    assert_tags(scratch_path("quiet.wav"), 1);
}

static void test_parts_say_together_how_loud_the_whole_is(void **state)
{
    (void)state;
    const char *ogg = oracle_real_media("music-9min.ogg");
    const char *flac = oracle_real_media("music-139s.flac");
    if (ogg)
        assert_tags(ogg, 10);
    if (flac)
        assert_tags(flac, 2);
    /* One part is loud, the other below the relative gate. */
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i 'anoisesrc=d=130:r=44100:seed=7:c=pink,"
        "volume=if(lt(t\\,60)\\,0.9\\,0.05):eval=frame,aformat=channel_layouts=stereo' uneven.wav");
    assert_tags(scratch_path("uneven.wav"), 2);
}

static void test_the_head_is_as_long_whatever_it_says(void **state)
{
    (void)state;
    static const char *const volumes[] = { "0dB", "-25dB", "-60dB", "0" };
    long bytes = 0;
    for (size_t i = 0; i < sizeof(volumes) / sizeof(*volumes); i++) {
        oracle_do("ffmpeg -y -v error -f lavfi -i "
                  "'aevalsrc=sin(440*2*PI*t):d=2:s=44100,volume=%s' t.wav",
                  volumes[i]);
        const char *mp3 = output_of(convert(scratch_path("t.wav"), JOB_MP3, NULL, NULL), JOB_MP3);
        bytes = bytes ? bytes : id3_bytes(mp3);
        assert_int_equal(id3_bytes(mp3), bytes);
        oracle_decodes(mp3);
    }
    /* Silence is not made louder by any gain. */
    oracle_do("! ffprobe -v error -show_entries format_tags '%s' | grep -qi replaygain",
              output_of(convert(scratch_path("t.wav"), JOB_MP3, NULL, NULL), JOB_MP3));
}

static void test_the_tags_of_the_source_stay(void **state)
{
    (void)state;
    for (int seconds = 5; seconds < 140; seconds += 130) {
        oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=%d' -c:a flac "
                  "-metadata REPLAYGAIN_TRACK_GAIN='-1.23 dB' "
                  "-metadata REPLAYGAIN_TRACK_PEAK=0.5 t.flac",
                  seconds);
        const char *mp3 = output_of(convert(scratch_path("t.flac"), JOB_MP3, NULL, NULL), JOB_MP3);
        es_auto_free char *tags = oracle_run("ffprobe -v error -show_entries format_tags -of flat "
                                             "'%s' | grep -i replaygain | sort | tr A-Z a-z",
                                             mp3);
        assert_string_equal(tags, "format.tags.replaygain_track_gain=\"-1.23 db\"\n"
                                  "format.tags.replaygain_track_peak=\"0.5\"\n");
    }
}

static void test_a_tally_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct loudness_tally tally = { .peak = 0.75 }, back, none = { 0 };
    double lufs = 0;
    assert_false(loudness_tally_measure(&tally, &lufs));
    loudness_tally_count(&tally, 0);    /* silence */
    loudness_tally_count(&tally, 1e-9); /* below the gate */
    loudness_tally_count(&tally, 0.1);
    loudness_tally_count(&tally, 1e9); /* louder than can be */
    loudness_tally_count(&tally, NAN);
    json_t *object = loudness_tally_json(&tally);
    assert_true(loudness_tally_read(object, &back));
    assert_memory_equal(&back, &tally, sizeof(tally));
    json_object_set_new(object, "first", json_integer(LOUDNESS_TALLY_BINS));
    assert_false(loudness_tally_read(object, &back));
    json_decref(object);
    object = loudness_tally_json(&none);
    assert_true(loudness_tally_read(object, &back));
    assert_memory_equal(&back, &none, sizeof(none));
    json_object_set_new(object, "peak", json_string("loud"));
    assert_false(loudness_tally_read(object, &back));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_mp3_says_how_loud_it_is),
        cmocka_unit_test(test_parts_say_together_how_loud_the_whole_is),
        cmocka_unit_test(test_the_head_is_as_long_whatever_it_says),
        cmocka_unit_test(test_the_tags_of_the_source_stay),
        cmocka_unit_test(test_a_tally_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests_name("loudness", tests, scratch_open, scratch_close);
}
