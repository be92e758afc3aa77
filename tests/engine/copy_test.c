/* Copying: what needs no encoding comes out as it went in, packet by packet, at its time. */
#include <math.h>

#include "../unit/test.h"
#include "oracle.h"

static const char *file_in(const char *folder, const char *name)
{
    return scratch_path("%s/%s", strrchr(folder, '/') + 1, name);
}

static const char *make(const char *name, const char *arguments)
{
    oracle_do(
        "[ -e '%s' ] || ffmpeg -y -v error -f lavfi -i testsrc2=d=21.4:s=192x108:r=30000/1001 "
        "-f lavfi -i 'sine=f=300:d=21.5:r=48000' %s '%s'",
        name, arguments, name);
    return scratch_path("%s", name);
}

/* "PTS SIZE HASH" of each packet in the order of decoding, from the given time of showing on. */
static void list_packets(const char *path, const char *stream, double from, const char *list)
{
    oracle_do("ffprobe -v error -select_streams %s -show_data_hash crc32 -show_entries "
              "packet=pts_time,size,data_hash -of compact=p=0:nk=1 '%s' | tr -d '\\n' | "
              "sed 's/CRC32:[0-9a-f]\\{8\\}/&\\n/g' | tr -s '|' ' ' | " /* side data breaks lines */
              "awk '$1 >= %f { print }' > %s",
              stream, path, from, list);
    oracle_do("test -s %s", list);
}

/* The same payloads in the same order, and times of showing that differ by `offset` everywhere. */
static void assert_same_packets(const char *source, const char *output, const char *stream,
                                double from, double offset, double slack)
{
    list_packets(source, stream, from, "source.txt");
    list_packets(output, stream, from - offset, "output.txt");
    oracle_do("cut -d' ' -f2,3 source.txt > a.txt; cut -d' ' -f2,3 output.txt > b.txt; cmp a.txt "
              "b.txt");
    double worst = oracle_number("paste -d' ' source.txt output.txt | awk -v o=%f 'BEGIN { w = 0 } "
                                 "{ d = $1 - $4 - o; d = d < 0 ? -d : d; w = d > w ? d : w } END "
                                 "{ print w }'",
                                 offset);
    if (worst > slack)
        fail_msg("%s of '%s': times are off by up to %.6f s", stream, output, worst);
}

/* Every segment begins with a key frame that decodes alone, and lasts as its EXTINF says. */
static void assert_true_segments(const char *folder, double longest)
{
    es_auto_free char *list = oracle_run(
        "grep -A1 EXTINF '%s' | grep -v '^--' | paste - - | sed 's/#EXTINF:\\(.*\\),\\t/\\1 /'",
        file_in(folder, "video.m3u8"));
    double begin = NAN;
    char *rest = list;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        char name[64];
        double seconds = 0;
        assert_int_equal(sscanf(line, "%lf %63s", &seconds, name), 2);
        oracle_do("cat '%s/video-init.mp4' '%s/%s' > one.mp4", folder, folder, name);
        oracle_decodes(scratch_path("one.mp4"));
        oracle_do("ffprobe -v error -show_entries frame=key_frame,pict_type -of csv=p=0 one.mp4 | "
                  "head -1 | grep -q ^1,I");
        double first = oracle_number("ffprobe -v error -show_entries packet=pts_time -of csv=p=0 "
                                     "one.mp4 | tr -d , | sort -n | head -1");
        if (!isnan(begin))
            assert_float_equal(first, begin, 0.001);
        begin = first + seconds;
        assert_true(seconds <= longest);
        double target =
            oracle_number("grep TARGETDURATION '%s' | cut -d: -f2", file_in(folder, "video.m3u8"));
        assert_true(round(seconds) <= target);
    }
}

static const char *const h264_aac = "-c:v libx264 -g 60 -bf 3 -crf 28 -c:a aac";

static void test_hls_is_the_sources_packets(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
        double slack;
    } sources[] = {
        { "film.mp4", "-c:v libx264 -g 60 -bf 3 -crf 28 -c:a aac", 0.0001 },
        { "film.mkv", "-c:v libx264 -g 60 -bf 3 -crf 28 -c:a aac", 0.0011 },
        { "still.mp4", "-c:v libx264 -g 60 -bf 0 -crf 28 -c:a aac -profile:v baseline", 0.0001 },
        { "unsteady.mkv",
          "-vf \"select='not(between(mod(n,90),20,60))+eq(mod(n,7),0)'\" -fps_mode vfr "
          "-c:v libx264 -g 30 -bf 3 -crf 28 -c:a aac",
          0.0011 },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *source = make(sources[i].name, sources[i].arguments);
        struct job_run run;
        const char *folder = convert(source, JOB_HLS, NULL, &run);
        const char *index = file_in(folder, "index.m3u8");
        assert_int_equal(run.part_count, 3);
        assert_null(run.outcome.details);
        assert_same_packets(source, index, "v:0", -1, 0, sources[i].slack);
        assert_same_packets(source, index, "a:0", 0, 0, sources[i].slack);
        assert_true_segments(folder, 6.5);
        oracle_decodes(index);
        assert_float_equal(run.outcome.duration_seconds, 21.5, 0.04);
        double first =
            oracle_number("grep -m1 EXTINF '%s' | cut -d: -f2", file_in(folder, "video.m3u8"));
        assert_true(first < 2.1 || i == 3); /* the first key frame behind one second */
    }
}

/* 250 frames from key to key at 24 a second: one group of pictures is one segment. */
static void test_long_groups_become_long_segments(void **state)
{
    (void)state;
    const char *source = make("long.mp4", "-r 24 -c:v libx264 -g 250 -sc_threshold 0 -c:a aac");
    const char *folder = convert(source, JOB_HLS, NULL, NULL);
    oracle_do("grep -qx '#EXT-X-TARGETDURATION:10' '%s' && "
              "grep -qx '#EXT-X-TARGETDURATION:10' '%s'",
              file_in(folder, "video.m3u8"), file_in(folder, "audio.m3u8"));
    assert_same_packets(source, file_in(folder, "index.m3u8"), "v:0", -1, 0, 0.001);
    assert_true_segments(folder, 10.5);
}

/* Whether the tracks of a source are copied into HLS, and to a picture and sound that decode. */
static void assert_copied(const char *source, const struct job_options *options, bool is_video,
                          bool is_audio)
{
    struct job_run run;
    const char *folder = convert(source, JOB_HLS, options, &run);
    const bool expected[] = { is_video, is_audio };
    static const char *const kinds[] = { "\"kind\":\"video\"", "\"kind\":\"audio\"" };
    for (size_t i = 0; i < 2; i++)
        for (size_t p = 0; p < run.part_count; p++) {
            const char *spec = run.parts[p].spec;
            bool is_copied = strstr(spec, "\"copy\":{");
            if (run.parts[p].kind == PART_CONVERT && strstr(spec, kinds[i]) &&
                is_copied != expected[i])
                fail_msg("'%s': %s", source, spec);
        }
    oracle_decodes(file_in(folder, "index.m3u8"));
}

static void test_only_what_must_be_is_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
        bool is_video, is_audio;
    } sources[] = {
        { "film.mp4", "-c:v libx264 -g 60 -bf 3 -crf 28 -c:a aac", true, true },
        { "vorbis.mkv", "-c:v libx264 -g 60 -crf 28 -c:a libvorbis", true, false },
        { "mpeg4.mp4", "-c:v mpeg4 -q:v 5 -c:a aac", false, true },
        { "mp3.mp4", "-c:v libx264 -g 60 -crf 28 -c:a mp3", true, false },
        { "deep.mp4", "-c:v libx264 -g 60 -pix_fmt yuv420p10le -c:a aac", false, true },
        { "full-color.mp4", "-c:v libx264 -g 60 -pix_fmt yuv444p -c:a aac", false, true },
        { "interlaced.mp4", "-c:v libx264 -g 60 -flags +ildct+ilme -c:a aac", false, true },
        { "endless.mp4", "-c:v libx264 -g 600 -sc_threshold 0 -c:a aac", false, true },
        { "open.mp4", "-c:v libx264 -x264-params open-gop=1:keyint=40:bframes=5 -c:a aac", false,
          true },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
        assert_copied(make(sources[i].name, sources[i].arguments), NULL, sources[i].is_video,
                      sources[i].is_audio);
    /* Sound that begins later would begin with a segment that is not there. */
    oracle_do("ffmpeg -y -v error -i film.mp4 -itsoffset 1.5 -i film.mp4 -map 0:v -map 1:a -c copy "
              "late.mkv");
    assert_copied(scratch_path("late.mkv"), NULL, true, false);
}

static void test_what_the_user_asks_for_is_encoded(void **state)
{
    (void)state;
    const char *source = make("film.mp4", h264_aac);
    static const struct {
        struct job_options options;
        bool is_video, is_audio;
    } cases[] = {
        { { .copy = JOB_COPY_NEVER }, false, false }, { { .crf = 30 }, false, true },
        { { .bitrate_kbps = 96 }, true, false },      { { .height = 2160 }, true, true },
        { { .start_seconds = 3 }, false, false },     { { .end_seconds = 9 }, false, false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_copied(source, &cases[i].options, cases[i].is_video, cases[i].is_audio);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hls_is_the_sources_packets),
        cmocka_unit_test(test_long_groups_become_long_segments),
        cmocka_unit_test(test_only_what_must_be_is_encoded),
        cmocka_unit_test(test_what_the_user_asks_for_is_encoded),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
