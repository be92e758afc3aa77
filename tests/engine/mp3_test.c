/* MP3: what the ffmpeg program would make, whole, gapless, with its tags. */
#include "../unit/test.h"
#include "oracle.h"

static const char *output_of(const char *folder)
{
    return scratch_path("%s/output.mp3", strrchr(folder, '/') + 1);
}

/* What is tested here is encoding; taking over has tests of its own. */
static const struct job_options encode = { .copy = JOB_COPY_NEVER };

#define LAME_PADDING_AT 178 /* of 12 bits, the first 4 in the byte before; checksums behind it */
#define HEADER_FRAME    417

/* The reference's command, compared behind the tags. But for the length of the padding in the
 * header, which ffmpeg takes from the last frame alone. */
static void assert_as_ffmpeg(const char *source, const char *mp3)
{
    oracle_do("ffmpeg -y -v error -i '%s' -vn -ar 44100 -ac 2 -b:a 192k reference.mp3", source);
    const char *reference = scratch_path("reference.mp3");
    long ours = id3_bytes(mp3), theirs = id3_bytes(reference);
    assert_true(files_are_equal(mp3, ours + HEADER_FRAME, reference, theirs + HEADER_FRAME));
    es_auto_buf left = file_bytes(mp3), right = file_bytes(reference);
    assert_memory_equal(left.bytes + ours, right.bytes + theirs, LAME_PADDING_AT);
}

/* Gapless: whatever the length, the decoder gives back exactly the samples that went in. */
static void test_is_as_long_as_its_source(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=r=44100' -af atrim=end_sample=%d t.wav",
                  44100 + 97 * i);
        const char *mp3 = output_of(convert(scratch_path("t.wav"), JOB_MP3, NULL, NULL));
        double bytes = oracle_number("ffmpeg -v error -i '%s' -ac 1 -f s16le - | wc -c", mp3);
        assert_int_equal((long)bytes / 2, 44100 + 97 * i);
    }
}

static void test_is_what_ffmpeg_makes(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "-f flac s16.flac",
        "-ar 48000 -sample_fmt s32 -f flac s24.flac",
        "-ar 22050 -ac 1 mono.wav",
        "-ar 96000 -c:a pcm_f32le float.wav",
        "-c:a libvorbis -ar 48000 v.ogg",
        "-c:a aac a.m4a",
        "-c:a libmp3lame -b:a 128k m.mp3",
        "-c:a libopus o.opus",
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        oracle_do(
            "ffmpeg -y -v error -f lavfi -i 'aevalsrc=sin(440*2*PI*t)*sin(t)|random(0)/4:d=7.3:"
            "s=44100' %s",
            sources[i]);
        const char *source = scratch_path("%s", strrchr(sources[i], ' ') + 1);
        assert_as_ffmpeg(source, output_of(convert(source, JOB_MP3, &encode, NULL)));
    }
}

static void test_real_music_is_what_ffmpeg_makes(void **state)
{
    (void)state;
    static const char *const names[] = { "music-5s.ogg", "lena.flac", "lena.m4a",
                                         "lena.opus",    "lena.aac",  "speech-mono.mp3",
                                         "speech-8k.wav" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = oracle_real_media(names[i]);
        if (source)
            assert_as_ffmpeg(source, output_of(convert(source, JOB_MP3, &encode, NULL)));
    }
}

static void test_has_a_true_lame_header(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=12.34:r=44100' t.wav");
    const char *mp3 = output_of(convert(scratch_path("t.wav"), JOB_MP3, NULL, NULL));
    oracle_do("tail -c +%ld '%s' | head -c 400 | grep -qaE 'Xing|Info' && "
              "tail -c +%ld '%s' | head -c 400 | grep -qa Lavc",
              id3_bytes(mp3) + 1, mp3, id3_bytes(mp3) + 1, mp3);
    /* Gapless: the decoder gives back exactly the samples that went in. */
    double samples = oracle_number("ffmpeg -v error -i '%s' -ac 1 -f s16le - | wc -c", mp3) / 2;
    assert_int_equal((long)samples, (long)(12.34 * 44100));
    oracle_decodes(mp3);
}

static void test_keeps_tags_and_cover_art(void **state)
{
    (void)state;
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 cover.png && "
        "ffmpeg -y -v error -f lavfi -i sine=d=2 -i cover.png -map 0 -map 1 -c:a flac -c:v copy "
        "-disposition:v attached_pic -metadata title='El título' -metadata artist=Ana "
        "-metadata album=Uno -metadata track=3 tagged.flac");
    const char *mp3 = output_of(convert(scratch_path("tagged.flac"), JOB_MP3, NULL, NULL));
    es_auto_free char *tags =
        oracle_run("ffprobe -v error -show_entries format_tags -of flat '%s'", mp3);
    assert_non_null(strstr(tags, "title=\"El título\""));
    assert_non_null(strstr(tags, "artist=\"Ana\""));
    assert_non_null(strstr(tags, "album=\"Uno\""));
    assert_non_null(strstr(tags, "track=\"3\""));
    oracle_do("ffmpeg -y -v error -i '%s' -map 0:v -c copy -f image2 -update 1 back.png && "
              "cmp back.png cover.png",
              mp3);
    oracle_decodes(mp3);
}

static void test_ogg_keeps_the_streams_tags(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i sine=d=1 -metadata title=Canto -c:a libvorbis t.ogg");
    const char *mp3 = output_of(convert(scratch_path("t.ogg"), JOB_MP3, NULL, NULL));
    oracle_do("ffprobe -v error -show_entries format_tags=title -of csv=p=0 '%s' | grep -qx Canto",
              mp3);
}

static void test_trims_to_the_sample(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=20:r=44100' t.wav");
    struct job_options options = { .start_seconds = 3.5, .end_seconds = 10.25 };
    const char *mp3 = output_of(convert(scratch_path("t.wav"), JOB_MP3, &options, NULL));
    double samples = oracle_number("ffmpeg -v error -i '%s' -ac 1 -f s16le - | wc -c", mp3) / 2;
    assert_int_equal((long)samples, (long)(6.75 * 44100));
}

static void test_takes_the_bit_rate(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=5:r=44100' t.wav");
    struct job_options options = { .bitrate_kbps = 96 };
    const char *mp3 = output_of(convert(scratch_path("t.wav"), JOB_MP3, &options, NULL));
    assert_int_equal((long)oracle_number("ffprobe -v error -select_streams a -show_entries "
                                         "stream=bit_rate -of csv=p=0 '%s'",
                                         mp3),
                     96000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_what_ffmpeg_makes),
        cmocka_unit_test(test_is_as_long_as_its_source),
        cmocka_unit_test(test_real_music_is_what_ffmpeg_makes),
        cmocka_unit_test(test_has_a_true_lame_header),
        cmocka_unit_test(test_keeps_tags_and_cover_art),
        cmocka_unit_test(test_ogg_keeps_the_streams_tags),
        cmocka_unit_test(test_trims_to_the_sample),
        cmocka_unit_test(test_takes_the_bit_rate),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
