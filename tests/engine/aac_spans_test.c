/* AAC alone, in spans: at the join what one encoder would have made. The judge is an encoding that
 * the ffmpeg program made in one go. */
#include <math.h>

#include "../unit/test.h"
#include "engine/aac_window.h"
#include "engine/spec.h"
#include "oracle.h"

#define FRAME_SAMPLES  1024
#define ZONE_FRAMES    120 /* looked at, around the join */
/* Two encoders spend their bits differently; a join that lost anything is tens of decibels down. */
#define FRAME_LOSS_MAX (-5.0)
#define MEAN_LOSS_MAX  (-1.0)

static void test_windows_are_read_from_the_first_bits(void **state)
{
    (void)state;
    /* A pair with shared windows: element 1, number 0, shared, reserved, sequence 2, shape 1. */
    static const uint8_t pair[] = { 0x21, 0x50, 0, 0 };
    static const uint8_t long_pair[] = { 0x21, 0x00, 0, 0 };
    static const uint8_t apart[] = { 0x20, 0x50, 0, 0 };
    static const uint8_t single[] = { 0x01, 0xfe, 0xa0, 0 }; /* gain 255, reserved, 2, 1 */
    static const uint8_t filling[] = { 0xc0, 0, 0, 0 };
    int windows = aac_window_read(pair, sizeof(pair));
    assert_int_not_equal(windows, 0);
    assert_int_equal(aac_window_read(single, sizeof(single)), windows);
    assert_int_not_equal(aac_window_read(long_pair, sizeof(long_pair)), windows);
    assert_int_not_equal(aac_window_read(long_pair, sizeof(long_pair)), 0);
    assert_int_equal(aac_window_read(apart, sizeof(apart)), 0);
    assert_int_equal(aac_window_read(filling, sizeof(filling)), 0);
    assert_int_equal(aac_window_read(pair, 2), 0);
    assert_int_equal(aac_window_read(pair, 0), 0);
}

static void test_the_join_is_where_windows_agree(void **state)
{
    (void)state;
    struct span_result left = { .is_one_of_many = true, .first_frame = 0 };
    struct span_result right = { .is_one_of_many = true, .first_frame = 1000 };
    bool is_clean = true;
    assert_int_equal(span_join_frame(&left, &right, &is_clean), 1000 + AAC_WARM_UP_FRAMES);
    assert_false(is_clean); /* nothing is known of any frame */
    for (int i = 0; i < SPAN_PLACES; i++) {
        left.tail_windows[i] = 9;
        right.head_windows[i] = i < 5 ? 10 : 9;
    }
    assert_int_equal(span_join_frame(&left, &right, &is_clean), 1000 + AAC_WARM_UP_FRAMES + 5);
    assert_true(is_clean);
}

static struct es_buf decode(const char *path)
{
    oracle_do("ffmpeg -y -v error -i '%s' -ac 1 -f f32le decoded.f32", path);
    return file_bytes(scratch_path("decoded.f32"));
}

/* How much louder than its error a frame is, in decibels. */
static double frame_snr(const struct es_buf *decoded, const struct es_buf *source, int64_t frame)
{
    const float *a = (const float *)(const void *)decoded->bytes;
    const float *b = (const float *)(const void *)source->bytes;
    double power = 1e-9, error = 1e-12;
    for (int64_t i = frame * FRAME_SAMPLES; i < (frame + 1) * FRAME_SAMPLES; i++) {
        power += (double)b[i] * b[i];
        error += pow((double)a[i] - b[i], 2);
    }
    return 10 * log10(power / error);
}

static void assert_join(const char *path)
{
    struct job_run run;
    const char *folder = convert(path, JOB_MP4, NULL, &run);
    const char *mp4 = scratch_path("%s/output.mp4", strrchr(folder, '/') + 1);
    assert_int_equal(run.part_count, 3);
    assert_null(run.outcome.details);
    oracle_decodes(mp4);
    /* Each packet begins where the one before it ends. */
    oracle_do(
        "ffprobe -v error -show_entries packet=pts,duration -of csv=p=0 '%s' | grep . | awk -F, "
        "'NR > 1 && $1 != end { exit 1 } { end = $1 + $2 }'",
        mp4);
    oracle_do("ffmpeg -y -v error -i '%s' -c:a aac -b:a 128k reference.mp4", path);
    es_auto_buf ours = decode(mp4), theirs = decode(scratch_path("reference.mp4"));
    es_auto_buf source = decode(path);
    long length = (long)(ours.size / sizeof(float)), right = (long)(source.size / sizeof(float));
    assert_in_range(length, right, right + FRAME_SAMPLES);

    es_auto_arena arena = { 0 };
    struct part_spec spec;
    struct es_err err;
    assert_ok(part_spec_read(run.parts[1].spec, &arena, &spec, &err), err);
    double worst = 0, mean = 0;
    int64_t first = spec.audio.span.first_frame + AAC_WARM_UP_FRAMES - ZONE_FRAMES / 4;
    for (int64_t i = first; i < first + ZONE_FRAMES; i++) {
        double difference = frame_snr(&ours, &source, i) - frame_snr(&theirs, &source, i);
        worst = difference < worst ? difference : worst;
        mean += difference / ZONE_FRAMES;
    }
    if (worst < FRAME_LOSS_MAX || mean < MEAN_LOSS_MAX)
        fail_msg("'%s': %.2f dB, at worst %.2f dB", path, mean, worst);
}

static void test_a_join_loses_nothing(void **state)
{
    (void)state;
    const char *flac = oracle_real_media("music-139s.flac");
    if (!flac)
        return;
    oracle_do("ffmpeg -y -v error -stream_loop 1 -i '%s' -t 185 -c:a flac twice.flac && "
              "ffmpeg -y -v error -i twice.flac -ac 1 mono.wav",
              flac);
    assert_join(scratch_path("twice.flac"));
    assert_join(scratch_path("mono.wav"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_are_read_from_the_first_bits),
        cmocka_unit_test(test_the_join_is_where_windows_agree),
        cmocka_unit_test(test_a_join_loses_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
