/* Facts as a person reads them: rounded well, and harmless to a terminal. */
#include "test.h"

#include "app/facts_text.h"
#include "base/es_auto.h"

static void numbers_are_rounded_as_people_read_them(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    assert_string_equal(text_of_duration(0, &arena), "unknown length");
    assert_string_equal(text_of_time(0, &arena), "0:00");
    assert_string_equal(text_of_duration(0.04, &arena), "0.04 s");
    assert_string_equal(text_of_duration(59.6, &arena), "1:00");
    assert_string_equal(text_of_duration(3599.4, &arena), "59:59");
    assert_string_equal(text_of_duration(36125, &arena), "10:02:05");
    assert_string_equal(text_of_size(0, &arena), "0 bytes");
    assert_string_equal(text_of_size(1, &arena), "1 byte");
    assert_string_equal(text_of_size(1023, &arena), "1023 bytes");
    assert_string_equal(text_of_size(1536, &arena), "1.5 KiB");
    assert_string_equal(text_of_size(1024 * 1024 - 1, &arena), "1.0 MiB");
    assert_string_equal(text_of_size(INT64_C(3) << 40, &arena), "3.0 TiB");
    assert_string_equal(text_of_size(INT64_MAX, &arena), "8388608.0 TiB");
    assert_string_equal(text_of_bit_rate(127999, &arena), "128 kb/s");
    assert_string_equal(text_of_bit_rate(999500, &arena), "1.0 Mb/s");
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct stream_facts stream = { .kind = STREAM_AUDIO, .codec = "aac" };
    assert_string_equal(text_of_stream(&stream, &arena), "aac");
    stream = (struct stream_facts){ .kind = STREAM_AUDIO,
                                    .codec = "aac",
                                    .language = "eng",
                                    .channels = 6,
                                    .sample_rate = 44100,
                                    .bit_rate = 160000 };
    assert_string_equal(text_of_stream(&stream, &arena),
                        "aac, 44.1 kHz, 6 channels, 160 kb/s, eng");
    stream = (struct stream_facts){
        .kind = STREAM_VIDEO, .codec = "h264", .width = 640, .height = 360, .frame_rate = 30 / 1.001
    };
    assert_string_equal(text_of_stream(&stream, &arena), "h264, 640x360, 29.97 fps");
    struct media_facts facts = { .format = "flac" };
    assert_string_equal(text_of_file(&facts, 10, &arena), "FLAC, unknown length, 10 bytes");
    facts = (struct media_facts){ .format = "voc", .duration_seconds = 10 };
    assert_string_equal(text_of_file(&facts, 10000, &arena), "voc, 0:10, 9.8 KiB, 8 kb/s");
}

static void nothing_from_a_file_steers_the_terminal(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    assert_string_equal(text_of_unsafe("Ñandú 日本", &arena), "Ñandú 日本");
    assert_string_equal(text_of_unsafe("a\033[31mb\nc\177", &arena), "a [31mb c ");
    assert_string_equal(text_of_unsafe("c1 \xc2\x9b"
                                       "31m",
                                       &arena),
                        "c1  31m");
    assert_string_equal(text_of_unsafe("no \xff\xc3", &arena), "no ??");
    char *long_text = es_alloc(&arena, 1000);
    for (size_t i = 0; i < 998; i += 2)
        memcpy(long_text + i, "ñ", 2);
    const char *cut = text_of_unsafe(long_text, &arena);
    assert_int_equal(strlen(cut), SAFE_TEXT_BYTES_MAX + 3);
    assert_string_equal(cut + SAFE_TEXT_BYTES_MAX - 2, "ñ...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_rounded_as_people_read_them),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(nothing_from_a_file_steers_the_terminal),
    };
    return cmocka_run_group_tests_name("facts_text", tests, NULL, NULL);
}
