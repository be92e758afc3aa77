/* MP4: parts that nobody can tell apart once they are joined. */
#include <math.h>

#include "../unit/test.h"
#include "oracle.h"

/* What is tested here is encoding; taking over has tests of its own. */
static const struct job_options encode = { .copy = JOB_COPY_NEVER };

static const char *output_of(const char *folder)
{
    return scratch_path("%s/output.mp4", strrchr(folder, '/') + 1);
}

/* 26 s of moving picture and sound, coded with long GOPs and B-frames, so that cuts fall between
 * key frames. */
static const char *make_film(const char *name, const char *options)
{
    oracle_do(
        "[ -e '%s' ] || ffmpeg -y -v error -f lavfi -i testsrc2=d=26:s=192x108:r=25 -f lavfi -i "
        "'sine=f=300:d=26:r=44100' %s '%s'",
        name, options, name);
    return scratch_path("%s", name);
}

static void assert_as_good_as_ffmpeg(const char *source, const char *output)
{
    oracle_do("ffmpeg -y -v error -i '%s' -c:v libx264 -preset veryfast -crf 23 -pix_fmt yuv420p "
              "-c:a aac "
              "-b:a 128k -fps_mode passthrough reference.mp4",
              source);
    double least, least_reference;
    double mean = oracle_ssim(output, source, &least);
    double mean_reference = oracle_ssim(scratch_path("reference.mp4"), source, &least_reference);
    print_message("SSIM %.5f, least %.5f; ffmpeg %.5f, least %.5f\n", mean, least, mean_reference,
                  least_reference);
    assert_true(mean > mean_reference - 0.002);
    assert_true(least > least_reference - 0.02);
}

static void test_seams_lose_and_double_nothing(void **state)
{
    (void)state;
    static const char *const films[][2] = {
        { "long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac" },
        { "open-gop.mkv",
          "-c:v libx264 -x264-params open-gop=1:keyint=40:bframes=5:b-pyramid=2 -crf 18 "
          "-c:a libvorbis" },
        { "vp9.webm",
          "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 600k -g 128 -c:a libopus" },
        { "mpeg4.mkv", "-c:v mpeg4 -bf 2 -q:v 3 -g 60 -c:a mp3" },
        { "intra-refresh.mp4",
          "-c:v libx264 -x264-params intra-refresh=1:keyint=50 -crf 18 -c:a aac" },
    };
    for (size_t i = 0; i < sizeof(films) / sizeof(*films); i++) {
        const char *source = make_film(films[i][0], films[i][1]);
        struct job_run run;
        const char *output = output_of(convert(source, JOB_MP4, &encode, &run));
        print_message("%s: ", films[i][0]);
        assert_true(run.part_count >= 4);
        assert_null(run.outcome.details);
        assert_as_good_as_ffmpeg(source, output);
        oracle_decodes(output);
    }
}

static void test_index_comes_first(void **state)
{
    (void)state;
    const char *source = make_film("long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac");
    const char *output = output_of(convert(source, JOB_MP4, &encode, NULL));
    double moov = oracle_number("grep -abo moov '%s' | head -1 | cut -d: -f1", output);
    double mdat = oracle_number("grep -abo mdat '%s' | head -1 | cut -d: -f1", output);
    assert_true(moov < mdat);
}

static void test_the_file_says_its_length(void **state)
{
    (void)state;
    const char *source = make_film("long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac");
    const char *output = output_of(convert(source, JOB_MP4, &encode, NULL));
    double length =
        oracle_number("ffprobe -v error -show_entries format=duration -of csv=p=0 '%s'", output);
    assert_float_equal(length, 26, 0.03);
}

static void test_streams_are_the_references(void **state)
{
    (void)state;
    const char *source = make_film("long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac");
    struct job_run run;
    const char *output = output_of(convert(source, JOB_MP4, &encode, &run));
    es_auto_free char *streams =
        oracle_run("ffprobe -v error -show_entries stream=codec_name,profile,"
                   "pix_fmt,sample_rate,channels,start_time -of csv=p=0 '%s'",
                   output);
    assert_string_equal(streams, "h264,High,yuv420p,0.000000\naac,LC,44100,1,0.000000\n");
    assert_float_equal(run.outcome.duration_seconds, 26, 0.03);
    assert_float_equal(oracle_end_seconds(output, "v:0"), 26, 0.001);
    assert_float_equal(oracle_end_seconds(output, "a:0"), 26, 0.03);
}

static void test_variable_frame_rate_is_kept(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=24:s=128x72:r=30 -vf "
              "\"select='not(between(mod(n,90),20,60))+eq(mod(n,7),0)'\" -fps_mode vfr -c:v "
              "libx264 -bf 3 "
              "vfr.mkv");
    const char *source = scratch_path("vfr.mkv");
    const char *output = output_of(convert(source, JOB_MP4, &encode, NULL));
    const char *const files[] = { source, output };
    for (size_t i = 0; i < 2; i++)
        oracle_do(
            "ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 '%s' "
            "| grep -o '^[0-9.]*' > times-%zu.txt",
            files[i], i);
    es_auto_free char *bad = oracle_run(
        "paste times-0.txt times-1.txt | awk '{ d = $1 - $2; if (d > 0.0011 || d < -0.0011) "
        "bad++ } END { print bad + 0 }'");
    assert_string_equal(bad, "0\n");
    assert_int_equal(oracle_frames(source), oracle_frames(output));
    oracle_decodes(output);
}

static void test_odd_sizes_rotation_and_height(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=2:s=161x91:r=10 -c:v ffv1 odd.mkv && "
              "ffmpeg -y -v error -f lavfi -i testsrc2=d=2:s=160x90:r=10 -c:v libx264 flat.mp4");
    oracle_turn("flat.mp4", 90, "turned.mp4");
    static const char *const size =
        "ffprobe -v error -select_streams v -show_entries stream=width,height -of "
        "csv=p=0:s=x '%s'";
    es_auto_free char *odd =
        oracle_run(size, output_of(convert(scratch_path("odd.mkv"), JOB_MP4, &encode, NULL)));
    assert_string_equal(odd, "160x90\n");
    const char *turned = output_of(convert(scratch_path("turned.mp4"), JOB_MP4, &encode, NULL));
    es_auto_free char *turned_size = oracle_run(size, turned);
    assert_string_equal(turned_size, "90x160\n");
    /* The same picture as the ffmpeg program turns it to. */
    double least;
    oracle_do("ffmpeg -y -v error -i turned.mp4 -c:v ffv1 upright.mkv");
    assert_true(oracle_ssim(turned, scratch_path("upright.mkv"), &least) > 0.95);
    struct job_options options = { .height = 144 };
    const char *film = make_film("long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac");
    es_auto_free char *same = oracle_run(size, output_of(convert(film, JOB_MP4, &options, NULL)));
    assert_string_equal(same, "192x108\n"); /* never enlarged */
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=1:s=640x360:r=10 -c:v libx264 large.mp4");
    es_auto_free char *small =
        oracle_run(size, output_of(convert(scratch_path("large.mp4"), JOB_MP4, &options, NULL)));
    assert_string_equal(small, "256x144\n");
}

/* A flash and a beep at the same moments, each track's own times moved about: after the conversion
 * they still meet. */
static void test_picture_and_sound_stay_together(void **state)
{
    (void)state;
    static const char *const makers[] = {
        /* the sound begins 0.7 s after the picture */
        "-itsoffset 0.7 -f lavfi -i "
        "\"aevalsrc='sin(1000*2*PI*t)*lt(mod(t+0.7,5),0.1)':d=25:s=48000\" ",
        /* nothing is out of the ordinary */
        "-f lavfi -i \"aevalsrc='sin(1000*2*PI*t)*lt(mod(t,5),0.1)':d=25:s=48000\" ",
    };
    /* The picture is copied beside sound that is not, or both are encoded. */
    const struct job_options *const options[] = { NULL, &encode };
    for (size_t i = 0; i < 2 * sizeof(makers) / sizeof(*makers); i++) {
        oracle_do(
            "ffmpeg -y -v error -f lavfi -i "
            "\"color=black:s=64x64:r=50:d=26,drawbox=c=white:t=fill:enable='lt(mod(t,5),0.1)'\" %s "
            "-c:v libx264 -g 100 -c:a flac -output_ts_offset 3.3 sync.mkv",
            makers[i / 2]);
        const char *output =
            output_of(convert(scratch_path("sync.mkv"), JOB_MP4, options[i % 2], NULL));
        double flash =
            oracle_number("ffmpeg -i '%s' -vf blackdetect=d=0.5:pix_th=0.2 -an -f null - 2>&1 | "
                          "grep -o 'black_end:[0-9.]*' | sed -n 3p | cut -d: -f2",
                          output);
        double beep =
            oracle_number("ffmpeg -i '%s' -af silencedetect=d=0.5:n=-30dB -vn -f null - 2>&1 | "
                          "grep -o 'silence_end: [0-9.]*' | sed -n 3p | cut -d' ' -f2",
                          output);
        print_message("flash at %.3f s, beep at %.3f s\n", flash, beep);
        assert_float_equal(flash, 15, 0.021);
        assert_float_equal(beep, flash, 0.02);
    }
}

static double tone_of(const char *path, int sound)
{
    return oracle_number(
        "ffmpeg -v error -i '%s' -map 0:a:%d -ac 1 -ar 8000 -f s16le - | od -An -v "
        "-td2 -w2 | awk 'NR > 9000 && NR <= 17000 { n += last < 0 && $1 >= 0; "
        "last = $1 } END { print n }'",
        path, sound);
}

static double begin_of(const char *path, int sound)
{
    return oracle_number(
        "ffmpeg -i '%s' -map 0:a:%d -af silencedetect=d=0.3:n=-40dB -f null - 2>&1 "
        "| grep -o 'silence_end: [0-9.]*' | head -1 | cut -d' ' -f2",
        path, sound);
}

static void assert_languages(const char *source, const struct job_options *options)
{
    struct job_run run;
    const char *output = output_of(convert(source, JOB_MP4, options, &run));
    assert_null(run.outcome.details);
    es_auto_free char *sounds = oracle_run(
        "ffprobe -v error -select_streams a -show_entries stream=codec_name:"
        "stream_disposition=default:stream_tags=language,handler_name -of compact=p=0:nk=1 '%s'",
        output);
    assert_string_equal(sounds, "aac|1|spa|Español\naac|0|eng|Commentary\naac|0|und|Audio 3\n");
    for (int sound = 0; sound < 3; sound++)
        assert_float_equal(tone_of(output, sound), 300 * (sound + 1), 2);
    assert_float_equal(begin_of(output, 1), 1, 0.03);
    assert_int_equal(oracle_frames(output), 100);
    static const char *const names[] = { "a:0", "a:1", "a:2" };
    for (int sound = 0; sound < 3; sound++)
        assert_float_equal(oracle_end_seconds(output, names[sound]), 4, 0.1);
    oracle_decodes(output);
}

static void test_languages_are_tracks(void **state)
{
    (void)state;
    static const char *const codecs[] = { "flac", "aac" }; /* encoded, copied */
    for (size_t i = 0; i < 2; i++) {
        oracle_do("ffmpeg -y -v error -f lavfi -i testsrc2=d=4:s=128x72:r=25 "
                  "-f lavfi -i sine=300:d=4 "
                  "-f lavfi -i 'aevalsrc=sin(600*2*PI*t)*gt(t\\,1)/8:d=4:s=22050' "
                  "-f lavfi -i sine=900:d=4:r=48000 -map 0 -map 1 -map 2 -map 3 -c:v libx264 "
                  "-pix_fmt yuv420p -c:a %s -metadata:s:a:0 language=spa "
                  "-metadata:s:a:1 language=eng -metadata:s:a:1 title=Commentary languages.mkv",
                  codecs[i]);
        assert_languages(scratch_path("languages.mkv"), NULL);
        assert_languages(scratch_path("languages.mkv"), &encode);
    }
    /* Copied is copied. */
    const char *output = output_of(convert(scratch_path("languages.mkv"), JOB_MP4, NULL, NULL));
    for (int sound = 0; sound < 3; sound++)
        oracle_do("ffmpeg -v error -i languages.mkv -map 0:a:%d -c copy -f md5 - > a.txt && "
                  "ffmpeg -v error -i '%s' -map 0:a:%d -c copy -f md5 - > b.txt && "
                  "cmp a.txt b.txt",
                  sound, output, sound);
}

static void test_trim_is_exact(void **state)
{
    (void)state;
    const char *source = make_film("long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac");
    struct job_options options = { .start_seconds = 7.4, .end_seconds = 21 };
    struct job_run run;
    const char *output = output_of(convert(source, JOB_MP4, &options, &run));
    assert_int_equal(oracle_frames(output), 340);
    assert_float_equal(oracle_end_seconds(output, "a:0"), 13.6, 0.03);
    oracle_do("ffmpeg -y -v error -ss 7.4 -i '%s' -t 13.6 -c:v ffv1 -an cut.mkv", source);
    double least;
    assert_true(oracle_ssim(output, scratch_path("cut.mkv"), &least) > 0.95);
}

static void test_keeps_tags_and_cover_art(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 cover.jpg && "
              "ffmpeg -y -v error -f lavfi -i sine=d=3 -i cover.jpg -map 0 -map 1 -c:a libmp3lame "
              "-c:v copy "
              "-disposition:v attached_pic -metadata title=Canto -metadata album='Año' tagged.mp3");
    struct job_run run;
    const char *output = output_of(convert(scratch_path("tagged.mp3"), JOB_MP4, NULL, &run));
    assert_int_equal(run.outcome.object_count, 1);
    oracle_do("ffprobe -v error -show_entries format_tags=title,album -of csv=p=0 '%s' | grep -qx "
              "'Canto,Año'",
              output);
    oracle_do("ffmpeg -y -v error -i '%s' -map 0:v -c copy -f image2 -update 1 back.jpg && "
              "cmp back.jpg cover.jpg",
              output);
    assert_float_equal(oracle_end_seconds(output, "a:0"), 3, 0.03);
}

static void test_same_bytes_whoever_does_it(void **state)
{
    (void)state;
    const char *source = make_film("long-gop.mp4", "-c:v libx264 -g 250 -bf 3 -crf 18 -c:a aac");
    const char *first = output_of(convert(source, JOB_MP4, &encode, NULL));
    const char *second = output_of(convert(source, JOB_MP4, &encode, NULL));
    assert_true(files_are_equal(first, 0, second, 0));
}

static void test_real_films(void **state)
{
    (void)state;
    static const char *const names[] = { "film-30s.mp4",  "film-30s.webm",   "film-30s.ogv",
                                         "film-h264.avi", "film-mpeg2.mpeg", "film-surround.mp4" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = oracle_real_media(names[i]);
        if (!source)
            continue;
        struct job_run run;
        const char *output = output_of(convert(source, JOB_MP4, NULL, &run));
        assert_int_equal(oracle_frames(output), oracle_frames(source));
        assert_float_equal(oracle_end_seconds(output, "v:0"), oracle_end_seconds(source, "v:0"),
                           0.05);
        assert_float_equal(oracle_end_seconds(output, "a:0"), oracle_end_seconds(source, "a:0"),
                           0.05);
        oracle_decodes(output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seams_lose_and_double_nothing),
        cmocka_unit_test(test_index_comes_first),
        cmocka_unit_test(test_the_file_says_its_length),
        cmocka_unit_test(test_streams_are_the_references),
        cmocka_unit_test(test_variable_frame_rate_is_kept),
        cmocka_unit_test(test_odd_sizes_rotation_and_height),
        cmocka_unit_test(test_picture_and_sound_stay_together),
        cmocka_unit_test(test_languages_are_tracks),
        cmocka_unit_test(test_trim_is_exact),
        cmocka_unit_test(test_keeps_tags_and_cover_art),
        cmocka_unit_test(test_same_bytes_whoever_does_it),
        cmocka_unit_test(test_real_films),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
