/* Adaptive HLS: one film in several sizes, between which a player can switch at every segment, and
 * playlists that say of each what is true. */
#include "engine/ladder.h"

#include <math.h>

#include "../unit/test.h"
#include "base/es_file.h"
#include "model/hls.h"
#include "oracle.h"

static const struct job_options three = { .ladder = { 240, 180, 144 }, .ladder_count = 3 };
static const char *const names[] = { "video-216", "video-180", "video-144" };

static const char *make_film(void)
{
    oracle_do(
        "[ -e film.mp4 ] || ffmpeg -y -v error -f lavfi -i testsrc2=d=16.4:s=384x216:r=30000/1001 "
        "-f lavfi -i 'sine=f=300:d=16.5:r=48000' -c:v libx264 -g 77 -bf 3 -crf 18 -c:a aac "
        "film.mp4");
    return scratch_path("film.mp4");
}

/* Converted once for all tests that only look. */
static const char *ladder_folder(void)
{
    static const char *folder;
    if (!folder)
        folder = convert(make_film(), JOB_HLS, &three, NULL);
    return folder;
}

static const char *file_in(const char *folder, const char *name)
{
    return scratch_path("%s/%s", strrchr(folder, '/') + 1, name);
}

static void test_every_rendition_plays_through(void **state)
{
    (void)state;
    const char *source = make_film(), *folder = ladder_folder();
    for (size_t i = 0; i < 3; i++) {
        const char *playlist = scratch_path("%s/%s.m3u8", strrchr(folder, '/') + 1, names[i]);
        assert_int_equal(oracle_frames(playlist), oracle_frames(source));
        oracle_decodes(playlist);
    }
    oracle_decodes(file_in(folder, "index.m3u8"));
}

static void test_cuts_stand_at_the_same_frames(void **state)
{
    (void)state;
    const char *folder = ladder_folder();
    for (size_t i = 0; i < 3; i++)
        oracle_do("grep EXTINF '%s/%s.m3u8' > cuts-%zu && test $(wc -l < cuts-%zu) -ge 5", folder,
                  names[i], i, i);
    oracle_do("cmp cuts-0 cuts-1 && cmp cuts-0 cuts-2");
    oracle_do("for s in '%s'/video-*.m4s; do n=${s##*/}; "
              "cat '%s'/${n%%-*-*}-init.mp4 $s > one.mp4; "
              "ffprobe -v error -show_entries frame=key_frame,pict_type -of csv=p=0 one.mp4 "
              "| head -1 | grep -q ^1,I || { echo $n; exit 1; }; done",
              folder, folder);
}

/* "avc1.640015" of what the stream itself says. */
static const char *true_codecs(const char *playlist)
{
    es_auto_free char *level = oracle_run(
        "ffprobe -v error -show_entries stream=level -of csv=p=0 '%s' | grep -m1 .", playlist);
    oracle_do("ffprobe -v error -show_entries stream=profile -of csv=p=0 '%s' | grep -q ^High",
              playlist);
    static char codecs[16];
    snprintf(codecs, sizeof(codecs), "avc1.6400%02x", (unsigned)atoi(level));
    return codecs;
}

static void test_variants_are_what_the_index_says(void **state)
{
    (void)state;
    const char *folder = ladder_folder();
    static const char *const sizes[] = { "384x216", "320x180", "256x144" };
    for (size_t i = 0; i < 3; i++) {
        const char *playlist = scratch_path("%s/%s.m3u8", strrchr(folder, '/') + 1, names[i]);
        oracle_do(
            "grep -B1 '^%s.m3u8' '%s/index.m3u8' > variant && "
            "grep -q 'CODECS=\"%s,mp4a.40.2\"' variant && grep -q 'RESOLUTION=%s,' variant && "
            "grep -q 'FRAME-RATE=29.970' variant",
            names[i], folder, true_codecs(playlist), sizes[i]);
        oracle_do("ffprobe -v error -show_entries stream=width,height,r_frame_rate -of csv=p=0:s=x "
                  "'%s' | grep -q '^%sx30000/1001'",
                  playlist, sizes[i]);
    }
    oracle_do("grep -A1 'CODECS=\"mp4a.40.2\"' '%s/index.m3u8' | grep -q '^audio.m3u8'", folder);
    double channels = oracle_number("ffprobe -v error -show_entries stream=channels -of csv=p=0 "
                                    "'%s/audio.m3u8' | grep -m1 .",
                                    folder);
    oracle_do("grep -q 'CHANNELS=\"%d\"' '%s/index.m3u8'", (int)channels, folder);
}

/* Bits a second of the run of segments that takes most, as RFC 8216bis measures it, by the sizes of
 * the files. */
static double peak_of(const char *folder, const char *track)
{
    return oracle_number(
        "cd '%s' && grep -A1 EXTINF %s.m3u8 | grep -v '^--' | paste - - | "
        "sed 's/#EXTINF:\\(.*\\),\\t/\\1 /' | while read t f; do echo $t $(stat -c %%s $f); done | "
        "awk '{ t[NR] = $1; b[NR] = $2 } END { for (i = 1; i <= NR; i++) { s = 0; n = 0; "
        "for (j = i; j <= NR; j++) { s += t[j]; n += b[j]; if (s > 9) break; "
        "if (s >= 3 && 8 * n / s > p) p = 8 * n / s } } printf \"%%.3f\", p }'",
        folder, track);
}

static double attribute(const char *folder, const char *track, const char *name)
{
    return oracle_number("grep -B1 '^%s.m3u8' '%s/index.m3u8' | grep -o '[:,]%s=[0-9]*' | "
                         "head -1 | cut -d= -f2",
                         track, folder, name);
}

static void test_bandwidths_are_those_of_the_segments(void **state)
{
    (void)state;
    const char *folder = ladder_folder();
    double sound = peak_of(folder, "audio");
    assert_float_equal(attribute(folder, "audio", "BANDWIDTH"), ceil(sound), 1);
    for (size_t i = 0; i < 3; i++) {
        double peak = peak_of(folder, names[i]) + sound;
        assert_float_equal(attribute(folder, names[i], "BANDWIDTH"), ceil(peak), 1);
        assert_true(attribute(folder, names[i], "AVERAGE-BANDWIDTH") <= ceil(peak));
    }
    double whole =
        oracle_number("cat '%s'/video-144-*-*.m4s '%s'/audio-*-*.m4s | wc -c", folder, folder);
    assert_float_equal(attribute(folder, names[2], "AVERAGE-BANDWIDTH"), whole * 8 / 16.4, 2000);
}

static void test_segments_keep_the_target_duration(void **state)
{
    (void)state;
    oracle_do("cd '%s' && for p in video-???.m3u8 video-*-iframes.m3u8 audio.m3u8; do "
              "grep -q '^#EXT-X-TARGETDURATION:6$' $p && grep -q '^#EXT-X-INDEPENDENT' $p && "
              "grep EXTINF $p | cut -d: -f2 | awk '$1 >= 6.5 { exit 1 }' || exit 1; done",
              ladder_folder());
}

/* The ranges end where the first sample of each segment does, and header and range together are a
 * film of that one frame. */
static void test_each_key_frame_can_be_had_alone(void **state)
{
    (void)state;
    const char *folder = ladder_folder();
    for (size_t i = 0; i < 3; i++) {
        oracle_do("cd '%s' && grep -q EXT-X-I-FRAMES-ONLY %s-iframes.m3u8 && "
                  "grep -A1 BYTERANGE %s-iframes.m3u8 | grep -v '^--' | paste - - | "
                  "sed 's/.*:\\(.*\\)@0\\t/\\1 /' > ../ranges && "
                  "test $(wc -l < ../ranges) = $(grep -c EXTINF %s.m3u8)",
                  folder, names[i], names[i], names[i]);
        oracle_do(
            "cd '%s' && head=$(stat -c %%s %s-init.mp4) && while read bytes name; do "
            "cat %s-init.mp4 $name > ../whole.mp4; "
            "head -c $((head + bytes)) ../whole.mp4 > ../one.mp4; "
            "ffprobe -v error -show_entries packet=pos,size,flags -of csv=p=0 ../whole.mp4 | "
            "head -1 | tr -d K_ | awk -F, -v end=$((head + bytes)) "
            "'$1 + $2 != end { exit 1 }' || exit 1; "
            "ffmpeg -nostdin -y -v quiet -i ../one.mp4 -f framemd5 ../one.md5; "
            "ffmpeg -nostdin -y -v quiet -i ../whole.mp4 -frames:v 1 -f framemd5 ../whole.md5; "
            "test $(grep -vc '^#' ../one.md5) = 1 && cmp ../one.md5 ../whole.md5 || exit 1; "
            "done < ../ranges",
            folder, names[i], names[i]);
        oracle_do("grep -q 'I-FRAME-STREAM-INF.*URI=\"%s-iframes.m3u8\"' '%s/index.m3u8'", names[i],
                  folder);
    }
}

static void test_the_same_bytes_whatever_the_order_and_timing(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    struct engine_input input;
    const char *folder = scratch_path("back");
    oracle_do("mkdir '%s'", folder);
    struct job_run run;
    struct host_folder host;
    host_folder_init(&host, folder);
    assert_ok(file_input_open(make_film(), &input, &err), err);
    assert_ok(host_folder_run(&host, &input, JOB_HLS, &three, true, &arena, &run, &err), err);
    host_folder_release(&host);
    file_input_close(&input);
    oracle_do("diff -r '%s' '%s'", folder, ladder_folder());
}

static void test_the_smallest_comes_first_and_all_are_listed(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    struct engine_input input;
    struct part *parts = NULL;
    size_t count = 0, track_count = 0;
    struct hls_track *tracks = NULL;
    assert_ok(file_input_open(make_film(), &input, &err), err);
    assert_ok(engine_plan(&input, JOB_HLS, &three, NULL, &arena, &parts, &count, &err), err);
    assert_true(parts[0].is_first && parts[1].is_first && !parts[2].is_first);
    assert_non_null(strstr(parts[0].spec, "video-144"));
    assert_null(strstr(parts[0].spec, "video-180"));
    assert_non_null(strstr(parts[2].spec, "video-180"));
    assert_null(strstr(parts[2].spec, "video-144"));
    const char *folder = scratch_path("live");
    oracle_do("mkdir '%s'", folder);
    struct host_folder host;
    host_folder_init(&host, folder);
    struct engine_host engine_host = host_folder_host(&host);
    for (int i = 0; i < 2; i++)
        assert_ok(
            engine_convert(&input, parts[i].spec, &engine_host, &arena, &parts[i].result, &err),
            err);
    assert_ok(hls_tracks_of_parts(parts, count, &arena, &tracks, &track_count, &err), err);
    assert_int_equal(track_count, 4);
    assert_true(hls_tracks_can_play(tracks, track_count));
    es_auto_buf text = { 0 };
    hls_render_index(tracks, track_count, "", false, &text);
    assert_ok(es_file_write(file_in(folder, "index.m3u8"), text.bytes, text.size, 0600, &err), err);
    /* A player never loads it again: what it promises now must hold for what is yet to come. */
    for (size_t i = 0; i < 3; i++) {
        assert_true(attribute(folder, names[i], "BANDWIDTH") >=
                    attribute(ladder_folder(), names[i], "BANDWIDTH"));
        oracle_do("for f in '%s' '%s'; do grep -B1 '^%s.m3u8' $f/index.m3u8 | "
                  "sed 's/BANDWIDTH=[0-9]*//g; s/AVERAGE-,//'; done | sort | uniq -c | "
                  "awk '$1 != 2 { exit 1 }'",
                  folder, ladder_folder(), names[i]);
    }
    host_folder_release(&host);
    file_input_close(&input);
}

static void assert_ladder(const struct job_options *options, int width, int height,
                          const char *expected)
{
    struct rendition_spec renditions[RENDITIONS_MAX];
    size_t count = ladder_build(options, width, height, 25, renditions);
    es_auto_buf text = { 0 };
    for (size_t i = 0; i < count; i++) {
        es_buf_printf(&text, "%s%dx%d", i ? " " : "", renditions[i].width, renditions[i].height);
        assert_true(i == 0 || renditions[i].rate_kbps_max < renditions[i - 1].rate_kbps_max);
        assert_true(ladder_peak_bit_rate(&renditions[i]) > renditions[i].rate_kbps_max * 1000);
    }
    assert_string_equal(es_buf_text(&text), expected);
}

static void test_sizes_are_chosen_by_the_source(void **state)
{
    (void)state;
    const struct job_options automatic = { .is_ladder_auto = true };
    assert_ladder(&automatic, 1920, 1080, "1920x1080 1280x720 854x480 640x360 426x240");
    assert_ladder(&automatic, 1280, 720, "1280x720 854x480 640x360 426x240");
    assert_ladder(&automatic, 3840, 2160, "3840x2160 2560x1440 1920x1080 1280x720 640x360");
    assert_ladder(&automatic, 7680, 4320, "3840x2160 2560x1440 1920x1080 1280x720 640x360");
    assert_ladder(&automatic, 2560, 1440, "2560x1440 1920x1080 1280x720 854x480 640x360");
    assert_ladder(&automatic, 1920, 800, "1920x800 1152x480 864x360 576x240");
    assert_ladder(&automatic, 720, 1280, "720x1280 480x852 360x640 240x426");
    assert_ladder(&automatic, 321, 181, "320x180");
    assert_ladder(&automatic, 3, 3, "2x2");
    const struct job_options list = { .ladder = { 1080, 720, 480 }, .ladder_count = 3 };
    assert_ladder(&list, 1920, 1080, "1920x1080 1280x720 854x480");
    assert_ladder(&list, 3840, 2160, "1920x1080 1280x720 854x480");
    assert_ladder(&list, 1280, 720, "1280x720 854x480");
    assert_ladder(&list, 1423, 801, "1422x800 1280x720 852x480");
    assert_ladder(&list, 320, 240, "320x240");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rendition_plays_through),
        cmocka_unit_test(test_cuts_stand_at_the_same_frames),
        cmocka_unit_test(test_variants_are_what_the_index_says),
        cmocka_unit_test(test_bandwidths_are_those_of_the_segments),
        cmocka_unit_test(test_segments_keep_the_target_duration),
        cmocka_unit_test(test_each_key_frame_can_be_had_alone),
        cmocka_unit_test(test_the_same_bytes_whatever_the_order_and_timing),
        cmocka_unit_test(test_the_smallest_comes_first_and_all_are_listed),
        cmocka_unit_test(test_sizes_are_chosen_by_the_source),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
