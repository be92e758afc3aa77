/* Subtitles of text become WebVTT beside the picture, in their languages; what cannot is said. */
#include "../unit/test.h"
#include "base/es_file.h"
#include "engine/webvtt.h"
#include "oracle.h"

static void assert_text(const char *event, const char *expected)
{
    es_auto_arena arena = { 0 };
    assert_string_equal(webvtt_text_of_ass(event, &arena), expected);
}

static void test_events_become_cues(void **state)
{
    (void)state;
    assert_text("0,0,Default,,0,0,0,,Hello, {\\i1}you{\\i0}", "Hello, <i>you</i>");
    assert_text("0,0,Default,,0,0,0,,One\\Ntwo\\n\\Nthree ", "One\ntwo\nthree");
    assert_text("0,0,Default,,0,0,0,,a < b & c --> d", "a &lt; b &amp; c --&gt; d");
    assert_text("0,0,Default,,0,0,0,,{\\b1\\fs20}{\\i1}x{\\b0}y", "<b><i>x</i></b><i>y</i>");
    assert_text("0,0,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}", "");
    assert_text("0,0,Default,,0,0,0,,{\\i1}{\\i0} \\N", "");
    assert_text("0,0,Default,,0,0,0,,an open { brace", "an open { brace");
    assert_text("not an event", "");
}

static void make_film(const char *name, const char *codec)
{
    static const char srt[] = "1\n00:00:00,500 --> 00:00:01,250\nHello <i>you</i>\n\n"
                              "2\n00:00:02,000 --> 00:00:02,900\n¡Adiós!\n";
    struct es_err err = { 0 };
    assert_ok(es_file_write(scratch_path("one.srt"), srt, strlen(srt), 0600, &err), err);
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=4:s=128x72:r=25 -i one.srt -i one.srt "
              "-map 0 -map 1 -map 2 -c:v libx264 -c:s %s -metadata:s:s:0 language=eng "
              "-metadata:s:s:1 language=spa -metadata:s:s:1 title=Comentario %s",
              codec, name);
}

static void test_renditions_in_their_languages(void **state)
{
    (void)state;
    static const char *const names[] = { "ass.mkv", "mov_text.mp4", "webvtt.mkv", "subrip.mkv" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        es_auto_arena arena = { 0 };
        make_film(names[i], es_strndup(&arena, names[i], strcspn(names[i], ".")));
        struct job_run run;
        const char *folder = convert(scratch_path("%s", names[i]), JOB_HLS, NULL, &run);
        assert_null(run.outcome.details);
        oracle_do(
            "cd '%s' && grep -q 'TYPE=SUBTITLES.*NAME=\"English\",LANGUAGE=\"en\"' index.m3u8",
            folder);
        if (!strstr(names[i], ".mp4")) /* which has no names for tracks */
            oracle_do("cd '%s' && grep -q 'NAME=\"Comentario\",LANGUAGE=\"es\"' index.m3u8",
                      folder);
        oracle_do("cd '%s' && grep -q 'EXTINF:4.0' subtitles.m3u8", folder);
        oracle_do("ffmpeg -v error -y -i '%s/subtitles.vtt' cues.srt && grep -q '00:00:00,500 --> "
                  "00:00:01,250' cues.srt && grep -q 'Hello <i>you' cues.srt && grep -q "
                  "'00:00:02,000 --> 00:00:02,900' cues.srt && grep -q '¡Adiós!' cues.srt",
                  folder);
    }
}

static void test_trimmed_with_the_film(void **state)
{
    (void)state;
    make_film("ass.mkv", "ass");
    const struct job_options options = { .start_seconds = 1, .end_seconds = 2.5 };
    const char *folder = convert(scratch_path("ass.mkv"), JOB_HLS, &options, NULL);
    oracle_do("cd '%s' && grep -q '00:00:00.000 --> 00:00:00.250' subtitles.vtt && "
              "grep -q '00:00:01.000 --> 00:00:01.500' subtitles.vtt",
              folder);
}

static void test_what_is_left_out_is_said(void **state)
{
    (void)state;
    make_film("ass.mkv", "ass");
    struct job_run run;
    (void)convert(scratch_path("ass.mkv"), JOB_MP4, NULL, &run);
    assert_string_equal(run.outcome.details, "2 tracks of subtitles could not be kept.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_become_cues),
        cmocka_unit_test(test_renditions_in_their_languages),
        cmocka_unit_test(test_trimmed_with_the_film),
        cmocka_unit_test(test_what_is_left_out_is_said),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
