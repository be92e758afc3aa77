/* How loud outputs are, and what their tags say of it. The judge is ffmpeg's own measure of EBU R
 * 128. */
#include <math.h>
#include <stdlib.h>

#include "../unit/test.h"
#include "engine/encoder.h"
#include "engine/loudness_tally.h"
#include "engine/replay_gain.h"
#include "oracle.h"

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

static void assert_tags(const char *source, int bitrate_kbps, size_t part_count)
{
    struct job_run run;
    struct job_options options = { .copy = JOB_COPY_NEVER, .bitrate_kbps = bitrate_kbps };
    const char *mp3 = output_of(convert(source, JOB_MP3, &options, &run), JOB_MP3);
    assert_int_equal(run.part_count, part_count + 1);
    double level_db = encoder_level_db(JOB_MP3, bitrate_kbps ? bitrate_kbps : 192);
    double gain = tag_of(mp3, "REPLAYGAIN_TRACK_GAIN"), lufs = REPLAY_GAIN_LUFS - gain;
    /* The judge has one place behind the point, and hears what is lost in coding. */
    if (fabs(lufs - lufs_of(source) - level_db) > 0.11 || fabs(lufs - lufs_of(mp3)) > 0.3)
        fail_msg("'%s': %.2f LUFS by its tag, %.2f by ffmpeg", source, lufs, lufs_of(mp3));
    double peak = tag_of(mp3, "REPLAYGAIN_TRACK_PEAK"),
           wanted = peak_of(source) * pow(10, level_db / 20);
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
            assert_tags(source, 0, 1);
    }
    oracle_do("ffmpeg -y -v error -f lavfi -i "
              "'sine=d=3:r=44100,volume=-30dB,aformat=channel_layouts=stereo' quiet.wav");
    for (int kbps = 32; kbps <= 320; kbps += 16)
        assert_tags(scratch_path("quiet.wav"), kbps, 1);
}

static void test_parts_say_together_how_loud_the_whole_is(void **state)
{
    (void)state;
    const char *ogg = oracle_real_media("music-9min.ogg");
    const char *flac = oracle_real_media("music-139s.flac");
    if (ogg)
        assert_tags(ogg, 0, 10);
    if (flac)
        assert_tags(flac, 0, 2);
    /* One part is loud, the other below the relative gate. */
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i 'anoisesrc=d=130:r=44100:seed=7:c=pink,"
        "volume=if(lt(t\\,60)\\,0.9\\,0.05):eval=frame,aformat=channel_layouts=stereo' uneven.wav");
    assert_tags(scratch_path("uneven.wav"), 0, 2);
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

/* Full scale is 0 dB. */
static double true_peak_of(const char *path)
{
    return oracle_number("ffmpeg -nostats -i '%s' -vn -ac 2 -af ebur128=peak=true -f null - 2>&1 | "
                         "sed -n '/True peak/,$s/^ *Peak: *\\([-0-9.]*\\) dBFS/\\1/p'",
                         path);
}

static void assert_loudness(const char *path, double lufs)
{
    double measured = lufs_of(path), peak = peak_of(path);
    if (fabs(measured - lufs) > 0.3 || peak > 1)
        fail_msg("'%s': %.1f LUFS for %.1f, peak %.3f", path, measured, lufs, peak);
    oracle_decodes(path);
}

static void assert_normalizes(const char *source, double lufs)
{
    struct job_options options = { .normalize_lufs = lufs };
    assert_loudness(output_of(convert(source, JOB_MP3, &options, NULL), JOB_MP3), lufs);
    assert_loudness(output_of(convert(source, JOB_MP4, &options, NULL), JOB_MP4), lufs);
    assert_loudness(output_of(convert(source, JOB_HLS, &options, NULL), JOB_HLS), lufs);
}

static void test_sound_becomes_as_loud_as_is_wanted(void **state)
{
    (void)state;
    static const char *const names[] = { "music-5s.ogg", "music-139s.flac", "speech-8k.wav",
                                         "film-surround.mp4" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = oracle_real_media(names[i]);
        if (source)
            assert_normalizes(source, -27);
    }
    oracle_do("ffmpeg -y -v error -f lavfi -i "
              "'aevalsrc=sin(997*2*PI*t)/300|sin(997*2*PI*t)/300:d=4:s=48000' quiet.wav");
    assert_normalizes(scratch_path("quiet.wav"), JOB_NORMALIZE_LUFS_DEFAULT);
}

static void test_no_gain_makes_sound_clip(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'anoisesrc=d=20:r=44100:seed=3:c=pink,volume=-20dB,"
              "aformat=channel_layouts=stereo' noise.flac");
    struct job_options options = { .normalize_lufs = -5 };
    const char *mp3 =
        output_of(convert(scratch_path("noise.flac"), JOB_MP3, &options, NULL), JOB_MP3);
    double peak = true_peak_of(mp3);
    assert_true(lufs_of(mp3) < -6);
    if (fabs(peak + 1) > 0.6) /* what is lossy moves peaks a little */
        fail_msg("a true peak of %.1f dB", peak);
    assert_true(peak_of(mp3) < 1);
}

static void test_what_could_be_copied_is_normalized_too(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'aevalsrc=sin(997*2*PI*t)/30|0:d=4:s=44100' "
              "-metadata replaygain_track_gain='5.00 dB' t.mp3 && "
              "ffmpeg -y -v error -f lavfi -i testsrc=d=4:s=320x180 -i t.mp3 -c:v libx264 "
              "-pix_fmt yuv420p -c:a aac t.mp4");
    struct job_options options = { .normalize_lufs = -20 };
    const char *mp3 = output_of(convert(scratch_path("t.mp3"), JOB_MP3, &options, NULL), JOB_MP3);
    assert_loudness(mp3, -20);
    assert_true(fabs(tag_of(mp3, "REPLAYGAIN_TRACK_GAIN") - 2) < 0.2);
    const char *mp4 = output_of(convert(scratch_path("t.mp4"), JOB_MP4, &options, NULL), JOB_MP4);
    assert_loudness(mp4, -20);
    assert_true(oracle_ssim(mp4, scratch_path("t.mp4"), &(double){ 0 }) == 1);
}

/* Spans are done in whatever order by whatever number of workers. */
static void test_the_order_of_parts_changes_no_byte(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'aevalsrc=sin(330*2*PI*t)*sin(t/9)/9+random(0)/30:"
              "d=200:s=48000' made.flac && mkdir -p backwards");
    es_auto_arena arena = { 0 };
    struct es_err err;
    struct engine_input input;
    struct job_options options = { .normalize_lufs = -18 };
    struct job_run run;
    struct host_folder host;
    const char *forwards =
        output_of(convert(scratch_path("made.flac"), JOB_MP3, &options, &run), JOB_MP3);
    assert_true(run.part_count > 2);
    assert_ok(file_input_open(scratch_path("made.flac"), &input, &err), err);
    host_folder_init(&host, scratch_path("backwards"));
    assert_ok(host_folder_run(&host, &input, JOB_MP3, &options, true, &arena, &run, &err), err);
    assert_true(files_are_equal(scratch_path("backwards/output.mp3"), 0, forwards, 0));
    assert_true(host.progress_calls > 0);
    host_folder_release(&host);
    file_input_close(&input);
    assert_loudness(forwards, -18);
}

static void test_silence_stays_silent(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'anullsrc=r=44100' -t 3 silence.wav");
    struct job_options options = { .normalize_lufs = -14 };
    const char *mp3 =
        output_of(convert(scratch_path("silence.wav"), JOB_MP3, &options, NULL), JOB_MP3);
    oracle_decodes(mp3);
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
        cmocka_unit_test(test_sound_becomes_as_loud_as_is_wanted),
        cmocka_unit_test(test_no_gain_makes_sound_clip),
        cmocka_unit_test(test_what_could_be_copied_is_normalized_too),
        cmocka_unit_test(test_the_order_of_parts_changes_no_byte),
        cmocka_unit_test(test_silence_stays_silent),
        cmocka_unit_test(test_a_tally_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests_name("loudness", tests, scratch_open, scratch_close);
}
