/* Layer III frames, and the graft on frames made by hand. */
#include "test.h"

#include "base/es_auto.h"
#include "wire/mp3_frames.h"

#define PAYLOAD_AT  36 /* stereo, no checksum */
#define FRAME_BYTES 626
#define FRAMES      MP3_GRAFT_OVERLAP_FRAMES

static void set_bits(uint8_t *bytes, unsigned position, unsigned count, unsigned value)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned at = position + i, bit = value >> (count - 1 - i) & 1;
        bytes[at / 8] = (uint8_t)((bytes[at / 8] & ~(0x80 >> at % 8)) | bit << (7 - at % 8));
    }
}

/* A frame of 192 kbit/s at 44.1 kHz, stereo; its payload is filled with `filling`. */
static void make_frame(uint8_t *frame, uint8_t filling, unsigned main_data_begin,
                       unsigned left_window, unsigned right_window)
{
    memset(frame, filling, FRAME_BYTES);
    memcpy(frame, "\xff\xfb\xb0\x00", 4);
    memset(frame + 4, 0, 32);
    uint8_t *side = frame + 4;
    set_bits(side, 0, 9, main_data_begin);
    const unsigned windows[] = { left_window, right_window };
    for (unsigned channel = 0; channel < 2; channel++) {
        unsigned at = 9 + 3 + 8 + (2 + channel) * 59 + 33;
        set_bits(side, at, 1, windows[channel] != 0);
        set_bits(side, at + 1, 2, windows[channel]);
    }
}

static uint8_t *make_stream(uint8_t filling, unsigned main_data_begin)
{
    uint8_t *bytes = es_malloc(FRAMES * FRAME_BYTES);
    for (int i = 0; i < FRAMES; i++)
        make_frame(bytes + i * FRAME_BYTES, filling, main_data_begin, 0, 0);
    return bytes;
}

static void test_a_frame_says_its_size_and_windows(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_BYTES];
    make_frame(bytes, 0, 300, 1, 3);
    struct mp3_frame frame;
    assert_true(mp3_frame_read(bytes, sizeof(bytes), &frame));
    assert_int_equal(frame.size_bytes, 626);
    assert_int_equal(frame.payload_at, PAYLOAD_AT);
    assert_int_equal(frame.bitrate_kbps, 192);
    assert_int_equal(frame.sample_rate, 44100);
    assert_int_equal(frame.sample_count, 1152);
    assert_int_equal(frame.channel_count, 2);
    assert_int_equal(frame.main_data_begin, 300);
    assert_int_equal(frame.windows[0], 1);
    assert_int_equal(frame.windows[1], 3);
}

static void test_what_is_cut_off_or_no_frame_is_none(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_BYTES];
    struct mp3_frame frame;
    make_frame(bytes, 0, 0, 0, 0);
    assert_false(mp3_frame_read(bytes, FRAME_BYTES - 1, &frame));
    assert_false(mp3_frame_read(bytes, 3, &frame));
    assert_false(mp3_frame_read(bytes, 0, &frame));
    static const uint8_t wrong[][4] = {
        { 0xfe, 0xfb, 0xb0, 0x00 }, /* no sync */
        { 0xff, 0xfd, 0xb0, 0x00 }, /* layer II */
        { 0xff, 0xeb, 0xb0, 0x00 }, /* a version that is none */
        { 0xff, 0xfb, 0xf0, 0x00 }, /* a bit rate that is none */
        { 0xff, 0xfb, 0x00, 0x00 }, /* free format */
        { 0xff, 0xfb, 0xbc, 0x00 }, /* a sample rate that is none */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        memcpy(bytes, wrong[i], 4);
        assert_false(mp3_frame_read(bytes, sizeof(bytes), &frame));
    }
}

static void test_reads_the_half_rates_too(void **state)
{
    (void)state;
    uint8_t bytes[208] = { 0xff, 0xf3, 0x80, 0xc0 }; /* MPEG-2, 64 kbit/s, 22.05 kHz, mono */
    set_bits(bytes + 4, 0, 8, 200);
    set_bits(bytes + 4, 9 + 38, 1, 1);
    set_bits(bytes + 4, 9 + 39, 2, 2);
    set_bits(bytes + 4, 9 + 41, 1, 1);
    struct mp3_frame frame;
    assert_true(mp3_frame_read(bytes, sizeof(bytes), &frame));
    assert_int_equal(frame.size_bytes, 208);
    assert_int_equal(frame.sample_rate, 22050);
    assert_int_equal(frame.sample_count, 576);
    assert_int_equal(frame.channel_count, 1);
    assert_int_equal(frame.payload_at, 13);
    assert_int_equal(frame.main_data_begin, 200);
    assert_int_equal(frame.windows[0], 2 + 4);
}

static void test_sizes_repeat_after_the_period(void **state)
{
    (void)state;
    assert_int_equal(mp3_padding_period(44100), 49);
    assert_int_equal(mp3_padding_period(48000), 1);
    assert_int_equal(mp3_padding_period(32000), 2);
    assert_int_equal(mp3_padding_period(22050), 49);
    static const int rates[] = { 44100, 48000, 32000, 22050, 24000, 16000, 11025, 8000 };
    for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
        for (int kbps = 8; kbps <= 320; kbps += 8) {
            int period = mp3_padding_period(rates[i]);
            int64_t once =
                mp3_frames_bytes(kbps, rates[i], period + 1) - mp3_frames_bytes(kbps, rates[i], 1);
            for (int n = 1; n < 3 * period; n++)
                assert_int_equal(mp3_frames_bytes(kbps, rates[i], n + period) -
                                     mp3_frames_bytes(kbps, rates[i], n),
                                 once);
        }
    assert_int_equal(mp3_frames_bytes(192, 44100, 0), 0);
    assert_int_equal(mp3_frames_bytes(192, 44100, 1), 626);
    assert_int_equal(mp3_frames_bytes(192, 44100, 2), 626 + 627);
    assert_int_equal(mp3_frames_bytes(192, 48000, 1000), 576000);
}

static void test_grafts_at_the_first_place_that_fits(void **state)
{
    (void)state;
    es_auto_free uint8_t *left = make_stream('A', 100), *right = make_stream('B', 100);
    struct mp3_graft graft;
    struct es_err err;
    assert_ok(mp3_graft(left, right, FRAMES * FRAME_BYTES, &graft, &err), err);
    assert_true(graft.is_clean);
    assert_int_equal(graft.frame, MP3_GRAFT_WARM_UP_FRAMES);
    assert_int_equal(graft.offset_bytes, MP3_GRAFT_WARM_UP_FRAMES * FRAME_BYTES);
    for (size_t i = 0; i < graft.offset_bytes; i++)
        if (i % FRAME_BYTES >= PAYLOAD_AT)
            assert_int_equal(left[i], i < graft.offset_bytes - 100 ? 'A' : 'B');
}

static void test_a_reservoir_that_reaches_over_frames_leaves_their_heads(void **state)
{
    (void)state;
    es_auto_free uint8_t *left = make_stream('A', 511), *right = make_stream('B', 511);
    es_auto_free uint8_t *before = make_stream('A', 511);
    for (size_t i = 0; i < FRAMES; i++) /* the payloads become short: 120 bytes */
        for (int side = 0; side < 2; side++) {
            uint8_t *frame = (side ? left : right) + i * 156;
            make_frame(frame, side ? 'A' : 'B', 511, 0, 0);
            frame[2] = 0x30; /* 48 kbit/s */
        }
    memcpy(before, left, FRAMES * FRAME_BYTES);
    struct mp3_graft graft;
    struct es_err err;
    assert_ok(mp3_graft(left, right, FRAMES * 156, &graft, &err), err);
    assert_true(graft.is_clean);
    size_t patched = 0;
    for (size_t i = 0; i < graft.offset_bytes; i++) {
        if (i % 156 < PAYLOAD_AT)
            assert_int_equal(left[i], before[i]);
        else
            patched += left[i] == 'B';
    }
    assert_int_equal(patched, 511);
}

static void test_passes_over_places_that_do_not_fit(void **state)
{
    (void)state;
    es_auto_free uint8_t *left = make_stream('A', 100), *right = make_stream('B', 100);
    size_t first = MP3_GRAFT_WARM_UP_FRAMES;
    make_frame(left + first * FRAME_BYTES, 'A', 99, 1, 0);         /* too little room, ... */
    make_frame(left + (first + 1) * FRAME_BYTES, 'A', 100, 0, 2);  /* ... then windows apart, */
    make_frame(left + (first + 2) * FRAME_BYTES, 'A', 100, 3, 3);  /* and again, */
    make_frame(right + (first + 2) * FRAME_BYTES, 'B', 100, 3, 3); /* until they agree */
    struct mp3_graft graft;
    struct es_err err;
    assert_ok(mp3_graft(left, right, FRAMES * FRAME_BYTES, &graft, &err), err);
    assert_true(graft.is_clean);
    assert_int_equal(graft.frame, first + 3);
}

static void test_without_a_clean_place_takes_the_least_harm(void **state)
{
    (void)state;
    es_auto_free uint8_t *left = make_stream('A', 50), *right = make_stream('B', 100);
    size_t better = MP3_GRAFT_WARM_UP_FRAMES + 5;
    make_frame(right + better * FRAME_BYTES, 'B', 60, 0, 0);
    struct mp3_graft graft;
    struct es_err err;
    assert_ok(mp3_graft(left, right, FRAMES * FRAME_BYTES, &graft, &err), err);
    assert_false(graft.is_clean);
    assert_int_equal(graft.frame, better);
}

static void test_refuses_what_is_not_the_same_frames(void **state)
{
    (void)state;
    es_auto_free uint8_t *left = make_stream('A', 0), *right = make_stream('B', 0);
    struct mp3_graft graft;
    struct es_err err;
    right[3 * FRAME_BYTES + 2] |= 2; /* padded: of another size */
    assert_int_equal(mp3_graft(left, right, FRAMES * FRAME_BYTES, &graft, &err), ES_INVALID);
    right[3 * FRAME_BYTES + 2] &= (uint8_t)~2;
    assert_int_equal(mp3_graft(left, right, MP3_GRAFT_WARM_UP_FRAMES * FRAME_BYTES, &graft, &err),
                     ES_INVALID);
    assert_int_equal(mp3_graft(left, right, 0, &graft, &err), ES_INVALID);
}

/* For the sanitizers: frames with random side information and sizes, in buffers of exact size. */
static void test_no_bytes_lead_out_of_bounds(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        size_t size = (size_t)(round * 37 % 20000);
        uint8_t *left = es_malloc(size + 1), *right = es_malloc(size + 1);
        for (size_t i = 0; i < size; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            left[i] = (uint8_t)(seed >> 56);
            right[i] = (uint8_t)(seed >> 48);
        }
        for (size_t at = 0; at + 4 < size;) { /* some heads, so that it gets somewhere */
            left[at] = right[at] = 0xff;
            left[at + 1] = right[at + 1] = round % 3 ? 0xfb : 0xf3;
            right[at + 2] = left[at + 2] = (uint8_t)((left[at + 2] & 0x3f) | 0x10);
            right[at + 3] = left[at + 3];
            struct mp3_frame frame;
            if (!mp3_frame_read(left + at, size - at, &frame))
                break;
            at += frame.size_bytes;
        }
        struct mp3_graft graft;
        struct es_err err;
        if (mp3_graft(left, right, size, &graft, &err) == ES_OK)
            assert_true(graft.offset_bytes < size);
        free(left);
        free(right);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_says_its_size_and_windows),
        cmocka_unit_test(test_what_is_cut_off_or_no_frame_is_none),
        cmocka_unit_test(test_reads_the_half_rates_too),
        cmocka_unit_test(test_sizes_repeat_after_the_period),
        cmocka_unit_test(test_grafts_at_the_first_place_that_fits),
        cmocka_unit_test(test_a_reservoir_that_reaches_over_frames_leaves_their_heads),
        cmocka_unit_test(test_passes_over_places_that_do_not_fit),
        cmocka_unit_test(test_without_a_clean_place_takes_the_least_harm),
        cmocka_unit_test(test_refuses_what_is_not_the_same_frames),
        cmocka_unit_test(test_no_bytes_lead_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
