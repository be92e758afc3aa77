/* Units of H.264, from Annex B to MP4's form. */
#include "test.h"

#include "base/es_auto.h"
#include "wire/avc.h"

#define SEQUENCE "\x67\x64\x00\x1f\xac\x01"
#define PICTURE  "\x68\xeb\xe3\xcb"
#define HEADERS  "\0\0\0\1" SEQUENCE "\0\0\1" PICTURE

static const uint8_t record_expected[] =
    "\x01\x64\x00\x1f\xff\xe1\x00\x06" SEQUENCE "\x01\x00\x04" PICTURE "\xfd\xf8\xf8";

static bool append_counted(const char *bytes, size_t size, struct es_buf *counted)
{
    return avc_append_counted(record_expected, sizeof(record_expected), (const uint8_t *)bytes,
                              size, counted);
}

static void test_headers_become_a_record(void **state)
{
    (void)state;
    es_auto_buf record = { 0 };
    assert_true(avc_record_append((const uint8_t *)HEADERS, sizeof(HEADERS) - 1, &record));
    assert_int_equal(record.size, sizeof(record_expected)); /* the last zero counts */
    assert_memory_equal(record.bytes, record_expected, record.size);
    es_buf_clear(&record);
    assert_false(avc_record_append((const uint8_t *)HEADERS, 10, &record));
    assert_false(avc_record_append((const uint8_t *)PICTURE, 4, &record));
    assert_int_equal(record.size, 0);
}

static void test_units_are_counted_and_headers_left_out(void **state)
{
    (void)state;
    static const char bytes[] =
        "\0\0\0\1\x09\xf0" HEADERS "\0\0\1\x06\x05\x80\0\0\0\0\1\x65\x88\x80";
    static const char expected[] = "\0\0\0\3\x06\x05\x80\0\0\0\3\x65\x88\x80";
    es_auto_buf counted = { 0 };
    assert_true(append_counted(bytes, sizeof(bytes) - 1, &counted));
    assert_int_equal(counted.size, sizeof(expected) - 1);
    assert_memory_equal(counted.bytes, expected, counted.size);
    size_t at = 0;
    struct avc_unit unit;
    assert_true(avc_next_counted((uint8_t *)counted.bytes, counted.size, 4, &at, &unit));
    assert_int_equal(unit.size, 3);
    assert_true(avc_next_counted((uint8_t *)counted.bytes, counted.size, 4, &at, &unit));
    assert_int_equal(avc_unit_type(&unit), AVC_IDR);
    assert_false(avc_next_counted((uint8_t *)counted.bytes, counted.size, 4, &at, &unit));
}

static void test_other_headers_are_refused(void **state)
{
    (void)state;
    static const char other[] = "\0\0\1\x67\x64\x00\x1f\xac\x02\0\0\1\x65\x88";
    es_auto_buf counted = { 0 };
    assert_false(append_counted(other, sizeof(other) - 1, &counted));
}

static void test_slices_tell_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool is_bidirectional;
    } slices[] = {
        { "\x41\x9a\x20", false }, /* 1 00110: begins at 0, of type 5 */
        { "\x01\x9e\x20", true },  /* 1 00111: type 6 */
        { "\x01\xa8\x20", true },  /* 1 010: type 1 */
        { "\x65\x9e\x20", false }, /* of an IDR picture whatever it says */
    };
    for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++) {
        struct avc_unit unit = { (const uint8_t *)slices[i].bytes, 3 };
        assert_int_equal(avc_is_bidirectional(&unit), slices[i].is_bidirectional);
    }
    struct avc_unit stub = { (const uint8_t *)"\x01", 1 };
    assert_false(avc_is_bidirectional(&stub));
}

/* Cut off anywhere, with lengths and lists that promise more than there is. */
static void test_nothing_outside_is_read(void **state)
{
    (void)state;
    static const char bytes[] = "\0\0\0\1\x09\xf0" HEADERS "\0\0\1\x65\x88\0\0\0";
    for (size_t size = 0; size < sizeof(bytes); size++) {
        es_auto_free uint8_t *cut = es_malloc(size + 1);
        memcpy(cut, bytes, size);
        es_auto_buf counted = { 0 };
        (void)avc_append_counted(cut, size, cut, size, &counted);
        (void)avc_record_append(cut, size, &counted);
        struct avc_unit unit;
        for (size_t at = 0; avc_next_counted(cut, size, 4, &at, &unit);)
            assert_true(unit.bytes + unit.size <= cut + size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_become_a_record),
        cmocka_unit_test(test_units_are_counted_and_headers_left_out),
        cmocka_unit_test(test_other_headers_are_refused),
        cmocka_unit_test(test_slices_tell_their_kind),
        cmocka_unit_test(test_nothing_outside_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
