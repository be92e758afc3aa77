/* Where the bytes of an MP3 in spans lie, and what its header says. */
#include "test.h"

#include "wire/mp3_info.h"
#include "wire/mp3_layout.h"

#define OVERLAP MP3_GRAFT_OVERLAP_FRAMES

static const struct mp3_span spans[] = {
    { .part_index = 1, .first_frame = 0, .end_frame = 490 + OVERLAP },
    { .part_index = 2, .first_frame = 490, .end_frame = 980 + OVERLAP },
    { .part_index = 3, .first_frame = 980, .end_frame = 1234 },
};

static struct mp3_layout make_layout(void)
{
    return (struct mp3_layout){ .head_bytes = 777,
                                .bitrate_kbps = 192,
                                .sample_rate = 44100,
                                .spans = spans,
                                .span_count = 3 };
}

static void test_pieces_cover_the_file(void **state)
{
    (void)state;
    struct mp3_layout layout = make_layout();
    assert_true(mp3_layout_is_valid(&layout));
    int64_t total = mp3_layout_bytes(&layout), at = 0;
    assert_int_equal(total, 777 + mp3_frames_bytes(192, 44100, 1234));
    static const enum mp3_piece_kind kinds[] = { MP3_PIECE_HEAD, MP3_PIECE_FRAMES,
                                                 MP3_PIECE_SEAM, MP3_PIECE_FRAMES,
                                                 MP3_PIECE_SEAM, MP3_PIECE_FRAMES };
    static const size_t of_span[] = { 0, 0, 1, 1, 2, 2 };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct mp3_piece piece = mp3_layout_find(&layout, at);
        assert_int_equal(piece.kind, kinds[i]);
        assert_int_equal(piece.span, of_span[i]);
        assert_int_equal(piece.offset, at);
        struct mp3_piece same = mp3_layout_find(&layout, at + piece.size_bytes - 1);
        assert_int_equal(same.offset, at);
        if (piece.kind != MP3_PIECE_HEAD)
            assert_true(piece.object_offset + piece.size_bytes <=
                        mp3_layout_object_bytes(&layout, piece.span));
        if (piece.kind == MP3_PIECE_SEAM) {
            assert_int_equal(piece.object_offset, 0);
            assert_int_equal(piece.left_offset + piece.size_bytes,
                             mp3_layout_object_bytes(&layout, piece.span - 1));
            assert_true((size_t)piece.size_bytes <= MP3_SEAM_BYTES_MAX);
        }
        at += piece.size_bytes;
    }
    assert_int_equal(at, total);
}

static void test_spans_that_do_not_follow_each_other_are_none(void **state)
{
    (void)state;
    struct mp3_span wrong[3];
    struct mp3_layout layout = make_layout();
    layout.spans = wrong;
    memcpy(wrong, spans, sizeof(spans));
    wrong[0].first_frame = 1;
    assert_false(mp3_layout_is_valid(&layout));
    memcpy(wrong, spans, sizeof(spans));
    wrong[1].end_frame++;
    assert_false(mp3_layout_is_valid(&layout));
    memcpy(wrong, spans, sizeof(spans));
    wrong[2].end_frame = 980 + OVERLAP; /* nothing of its own */
    assert_false(mp3_layout_is_valid(&layout));
    layout.span_count = 0;
    assert_false(mp3_layout_is_valid(&layout));
}

static void test_frames_of_no_sane_size_are_none(void **state)
{
    (void)state;
    struct mp3_layout layout = make_layout();
    layout.sample_rate = 7; /* a seam would be larger than any */
    assert_false(mp3_layout_is_valid(&layout));
    layout.sample_rate = 0;
    assert_false(mp3_layout_is_valid(&layout));
    layout = make_layout();
    layout.bitrate_kbps = 320;
    layout.sample_rate = 32000; /* the largest frames */
    assert_true(mp3_layout_is_valid(&layout));
}

static void test_frames_are_counted_as_lame_does(void **state)
{
    (void)state;
    static const int64_t counts[][2] = { { 1, 2 },      { 44100, 40 },  { 46080, 41 },
                                         { 46081, 42 }, { 100000, 88 }, { 123456, 109 } };
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        assert_int_equal(mp3_frame_count(counts[i][0], 44100), counts[i][1]);
}

static void test_a_header_is_completed(void **state)
{
    (void)state;
    uint8_t frame[626] = "\xff\xfb\xb0"; /* 192 kbit/s at 44.1 kHz, stereo */
    const struct mp3_totals totals = {
        .frame_count = 88, .audio_bytes = 55170, .delay = 1105, .end_padding = 271
    };
    assert_false(mp3_info_complete(frame, sizeof(frame), &totals));
    memcpy(frame + 36, "Xing", 4);
    assert_false(mp3_info_complete(frame, sizeof(frame) - 1, &totals));
    assert_true(mp3_info_complete(frame, sizeof(frame), &totals));
    const uint8_t *info = frame + 36;
    assert_memory_equal(info, "Info", 4);
    assert_memory_equal(info + 8, "\0\0\0\x58\0\0\xd9\xf4", 8);
    assert_int_equal(info[16], 0);
    assert_int_equal(info[16 + 50], 128);
    assert_int_equal(info[16 + 99], 253);
    assert_memory_equal(info + 141, "\x24\x03\x20", 3); /* 576 and 800 */
    assert_memory_equal(info + 148, "\0\0\xd9\xf4\0\0", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_cover_the_file),
        cmocka_unit_test(test_spans_that_do_not_follow_each_other_are_none),
        cmocka_unit_test(test_frames_of_no_sane_size_are_none),
        cmocka_unit_test(test_frames_are_counted_as_lame_does),
        cmocka_unit_test(test_a_header_is_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
