/* The plan of an MP3, read from the specs and results of its parts, whatever they say. */
#include "test.h"

#include "base/es_auto.h"
#include "model/mp3_plan.h"

#define OVERLAP MP3_GRAFT_OVERLAP_FRAMES

static const struct mp3_span spans[] = {
    { .part_index = 1, .first_frame = 0, .end_frame = 490 + OVERLAP },
    { .part_index = 2, .first_frame = 490, .end_frame = 980 },
};

static const char *spec_of(const struct mp3_span *span, int kbps, int rate, struct es_arena *arena)
{
    json_auto spec = json_object();
    json_put(spec, "mp3", mp3_span_json(span, kbps, rate));
    return json_text(spec, arena);
}

static void make_parts(struct part *parts, struct es_arena *arena)
{
    parts[0] = (struct part){ .kind = PART_PLAN, .state = PART_DONE, .result = "{}" };
    for (int i = 0; i < 2; i++)
        parts[i + 1] = (struct part){ .index = i + 1,
                                      .kind = PART_CONVERT,
                                      .spec = spec_of(&spans[i], 192, 44100, arena) };
    parts[3] = (struct part){ .index = 3, .kind = PART_JOIN, .spec = "{}" };
}

static void test_a_plan_is_read_from_the_specs(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct part parts[4];
    make_parts(parts, &arena);
    struct mp3_layout layout;
    struct es_err err;
    assert_ok(mp3_plan_of_parts(parts, 4, &arena, &layout, &err), err);
    assert_int_equal(layout.span_count, 2);
    assert_int_equal(layout.bitrate_kbps, 192);
    assert_int_equal(layout.sample_rate, 44100);
    assert_int_equal(layout.spans[1].part_index, 2);
    assert_int_equal(layout.spans[1].first_frame, 490);
    assert_int_equal(mp3_layout_bytes(&layout), mp3_frames_bytes(192, 44100, 980));
    assert_string_equal(mp3_part_name(2, &arena), "part-00002.mp3");
}

static void assert_none(const struct part *parts)
{
    es_auto_arena arena = { 0 };
    struct mp3_layout layout;
    assert_int_equal(mp3_plan_of_parts(parts, 4, &arena, &layout, NULL), ES_NOT_FOUND);
}

static void test_what_foretells_nothing_is_none(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    static const char *const specs[] = {
        "{}",
        "{\"mp3\":7}",
        "{\"mp3\":{\"bitrate_kbps\":192,\"sample_rate\":44100,\"first_frame\":490}}",
        "{\"mp3\":{\"bitrate_kbps\":192,\"sample_rate\":44100,\"first_frame\":-1,\"end_frame\":9}}",
        "{\"mp3\":{\"bitrate_kbps\":192,\"sample_rate\":44100,\"first_frame\":490,"
        "\"end_frame\":9223372036854775807}}",
        "{\"mp3\":{\"bitrate_kbps\":0,\"sample_rate\":44100,\"first_frame\":490,\"end_frame\":980}"
        "}",
        "{\"mp3\":{\"bitrate_kbps\":128,\"sample_rate\":44100,\"first_frame\":490,\"end_frame\":"
        "980}}",
    };
    struct part parts[4];
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        make_parts(parts, &arena);
        parts[2].spec = specs[i];
        assert_none(parts);
    }
    for (int i = 0; i < 2; i++)
        parts[i + 1].spec = spec_of(&spans[i], 320, 7, &arena); /* frames larger than any are */
    assert_none(parts);
}

static void test_a_part_that_is_made_must_be_as_foretold(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct part parts[4];
    struct mp3_layout layout;
    struct es_err err;
    make_parts(parts, &arena);
    parts[2].result = "{\"object_bytes\":5}"; /* so far */
    parts[2].state = PART_LEASED;
    assert_ok(mp3_plan_of_parts(parts, 4, &arena, &layout, &err), err);
    parts[2].state = PART_DONE;
    assert_none(parts);
    parts[2].result = es_printf(&arena, "{\"object_bytes\":%lld}",
                                (long long)mp3_layout_object_bytes(&layout, 1));
    assert_ok(mp3_plan_of_parts(parts, 4, &arena, &layout, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_is_read_from_the_specs),
        cmocka_unit_test(test_what_foretells_nothing_is_none),
        cmocka_unit_test(test_a_part_that_is_made_must_be_as_foretold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
