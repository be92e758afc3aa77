/* Headers of AAC frames. */
#include "test.h"

#include "wire/adts.h"

/* LC, 48 kHz, stereo, no checksum, 10 bytes in all. */
static const uint8_t frame[10] = { 0xff, 0xf1, 0x4c, 0x80, 0x01, 0x5f, 0xfc, 1, 2, 3 };

static void test_a_header_says_what_mp4_wants(void **state)
{
    (void)state;
    struct adts_header header;
    assert_true(adts_read(frame, sizeof(frame), &header));
    assert_int_equal(header.header_bytes, 7);
    assert_int_equal(header.frame_bytes, 10);
    assert_int_equal(header.sample_rate, 48000);
    assert_int_equal(header.channels, 2);
    assert_int_equal(header.block_count, 1);
    assert_memory_equal(header.config, "\x11\x90", 2);
}

static void test_what_is_no_frame_is_refused(void **state)
{
    (void)state;
    struct adts_header header;
    for (size_t size = 0; size < sizeof(frame); size++)
        assert_false(adts_read(frame, size, &header));
    static const struct {
        size_t at;
        uint8_t value;
    } faults[] = { { 0, 0xfe }, { 1, 0xf3 }, { 2, 0x78 }, { 4, 0 } };
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        uint8_t faulty[sizeof(frame)];
        memcpy(faulty, frame, sizeof(frame));
        faulty[faults[i].at] = faults[i].value;
        assert_false(adts_read(faulty, sizeof(faulty), &header));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_says_what_mp4_wants),
        cmocka_unit_test(test_what_is_no_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
