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
        "[ -e '%s' ] || ffmpeg -y -v error -f lavfi -i testsrc2=d=13.4:s=192x108:r=30000/1001 "
        "-f lavfi -i 'sine=f=300:d=13.5:r=48000' %s '%s'",
        name, arguments, name);
    return scratch_path("%s", name);
}

/* "PTS SIZE HASH" of each packet in the order of decoding, from the given time of showing on. */
static void list_packets(const char *path, const char *stream, double from, const char *list)
{
    oracle_do("ffprobe -v error -select_streams %s -show_data_hash crc32 -show_entries "
              "packet=pts_time,size,data_hash -of compact=p=0:nk=1 '%s' | tr -d '\\n' | "
              "sed 's/CRC32:[0-9a-f]\\{8\\}/&\\n/g' | tr -s '|' ' ' | " /* side data breaks lines */
              "sed 's/^ *//' | "
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
    double target =
        oracle_number("grep TARGETDURATION '%s' | cut -d: -f2", file_in(folder, "video.m3u8"));
    char *rest = list;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        char name[64];
        double seconds = 0;
        assert_int_equal(sscanf(line, "%lf %63s", &seconds, name), 2);
        /* Of the frames of the segment alone, key and time and kind; or what the decoder says. */
        es_auto_free char *frames =
            oracle_run("cat '%s/video-init.mp4' '%s/%s' | ffprobe -v warning -show_entries "
                       "frame=key_frame,pts_time,pict_type -of csv=p=0 -",
                       folder, folder, name);
        int is_key = 0;
        double first = 0;
        char kind = 0;
        if (sscanf(frames, "%d,%lf,%c", &is_key, &first, &kind) != 3 || !is_key || kind != 'I' ||
            strchr(frames, '['))
            fail_msg("%s: %s", name, frames);
        if (!isnan(begin))
            assert_float_equal(first, begin, 0.001);
        begin = first + seconds;
        assert_true(seconds <= longest);
        assert_true(round(seconds) <= target);
    }
}

#define H264_AAC "-c:v libx264 -g 60 -bf 3 -crf 28 -c:a aac"
#define UNSTEADY                                                                                   \
    "-vf \"select='not(between(mod(n,90),20,60))+eq(mod(n,7),0)'\" -fps_mode vfr "                 \
    "-c:v libx264 -g 30 -bf 3 -crf 28 -c:a aac"

static void test_hls_is_the_sources_packets(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
        double slack;
    } sources[] = {
        { "film.mp4", H264_AAC, 0.0001 },
        { "film.mkv", H264_AAC, 0.0011 },
        { "still.mp4", "-c:v libx264 -g 60 -bf 0 -crf 28 -c:a aac -profile:v baseline", 0.0001 },
        { "unsteady.mkv", UNSTEADY, 0.0011 },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *source = make(sources[i].name, sources[i].arguments);
        struct job_run run;
        const char *folder = convert(source, JOB_HLS, NULL, &run);
        const char *index = file_in(folder, "index.m3u8");
        assert_int_equal(run.part_count, 3);
        assert_null(run.outcome.details);
        assert_same_packets(source, index, "v:0", -1, 0, sources[i].slack);
        assert_same_packets(source, index, "a:0", -1, 0, sources[i].slack);
        assert_true_segments(folder, 6.5);
        oracle_decodes(index);
        assert_float_equal(run.outcome.duration_seconds, 13.5, 0.04);
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

/* Whether the tracks of a source are copied into HLS; into which folder. */
static const char *assert_planned(const char *source, const struct job_options *options,
                                  bool is_video, bool is_audio)
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
    return folder;
}

/* And to a picture and sound that decode. */
static void assert_copied(const char *source, const struct job_options *options, bool is_video,
                          bool is_audio)
{
    const char *folder = assert_planned(source, options, is_video, is_audio);
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
    const char *source = make("film.mp4", H264_AAC);
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

static const char *mp4_of(const char *source, const struct job_options *options, size_t parts)
{
    struct job_run run;
    const char *folder = convert(source, JOB_MP4, options, &run);
    if (run.part_count != parts)
        fail_msg("'%s': %zu parts", source, run.part_count);
    assert_null(run.outcome.details);
    return file_in(folder, "output.mp4");
}

static void assert_index_in_front(const char *path)
{
    double moov = oracle_number("grep -abo moov '%s' | head -1 | cut -d: -f1", path);
    double mdat = oracle_number("grep -abo mdat '%s' | head -1 | cut -d: -f1", path);
    assert_true(moov < mdat);
}

static void test_mp4_is_the_sources_packets(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
        double slack;
    } sources[] = {
        { "film.mp4", H264_AAC, 0.0001 },
        { "film.mkv", H264_AAC, 0.0011 },
        { "fast.mp4", "-c:v libx264 -bf 2 -crf 28 -c:a aac -movflags +faststart", 0.0001 },
        { "pieces.mp4", "-c:v libx264 -bf 2 -crf 28 -c:a aac -movflags +frag_keyframe", 0.0001 },
        { "unsteady.mkv", UNSTEADY, 0.0011 },
        { "open.mp4", "-c:v libx264 -x264-params open-gop=1:keyint=40:bframes=5 -c:a aac", 0.0001 },
        { "mp3.mp4", "-c:v libx264 -g 60 -crf 28 -c:a mp3", 0.0001 },
        { "endless.mov", "-c:v libx264 -g 600 -sc_threshold 0 -c:a aac", 0.0001 },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *source = make(sources[i].name, sources[i].arguments);
        const char *output = mp4_of(source, NULL, 2);
        double offset = oracle_number("ffprobe -v error -show_entries format=start_time -of "
                                      "csv=p=0 '%s'",
                                      source);
        assert_same_packets(source, output, "v:0", -1, offset, sources[i].slack);
        assert_same_packets(source, output, "a:0", -1, offset, sources[i].slack);
        assert_index_in_front(output);
        oracle_decodes(output);
        static const char *const length =
            "ffprobe -v error -show_entries format=duration -of csv=p=0 '%s'";
        assert_float_equal(oracle_number(length, output), oracle_number(length, source), 0.034);
        /* What is decoded is the same to the sample. */
        oracle_do("ffmpeg -v error -i '%s' -map 0:a -f md5 - > a.txt && "
                  "ffmpeg -v error -i '%s' -map 0:a -f md5 - > b.txt && cmp a.txt b.txt",
                  source, output);
    }
}

static void test_mp4_with_one_track_copied(void **state)
{
    (void)state;
    struct job_run run;
    const char *vp9 =
        make("vp9.webm.mkv", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a aac");
    const char *output = file_in(convert(vp9, JOB_MP4, NULL, &run), "output.mp4");
    assert_same_packets(vp9, output, "a:0", -1, 0, 0.0011);
    assert_int_equal(oracle_frames(output), oracle_frames(vp9));
    oracle_decodes(output);
    const char *vorbis = make("vorbis.mkv", "-c:v libx264 -g 60 -crf 28 -c:a libvorbis");
    output = mp4_of(vorbis, NULL, 3);
    assert_same_packets(vorbis, output, "v:0", -1, 0.003, 0.0011); /* its first sound */
    assert_float_equal(oracle_end_seconds(output, "a:0"), 13.5, 0.03);
    oracle_decodes(output);
    /* Without an IDR picture but the first the fragments begin at what is a key frame. */
    const char *open =
        make("open-vorbis.mkv",
             "-c:v libx264 -x264-params open-gop=1:keyint=40:bframes=5 -c:a libvorbis");
    output = mp4_of(open, NULL, 3);
    assert_same_packets(open, output, "v:0", -1, 0.003, 0.0011);
    oracle_decodes(output);
}

/* A key frame and a beep at the same moments meet in the copy as in the source. */
static void test_tracks_that_begin_apart_stay_together(void **state)
{
    (void)state;
    const char *source = make("film.mp4", H264_AAC);
    oracle_do("ffmpeg -y -v error -i film.mp4 -itsoffset 1.5 -i film.mp4 -map 0:v -map 1:a -c copy "
              "apart.mp4 && ffmpeg -y -v error -itsoffset 0.7 -i film.mp4 -i film.mp4 -map 0:v "
              "-map 1:a -c copy apart.mkv && ffmpeg -y -v error -ss 3 -i film.mp4 -c copy cut.mp4");
    (void)source;
    static const char *const names[] = { "apart.mp4", "apart.mkv" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *apart = scratch_path("%s", names[i]);
        const char *output = mp4_of(apart, NULL, 2);
        static const char *const begin = "ffprobe -v error -select_streams %s -show_entries "
                                         "frame=pts_time -read_intervals '%%+#1' -of csv=p=0 '%s' "
                                         "| grep -m1 -o '^[0-9.-]*'";
        double source_lag = oracle_number(begin, "a:0", apart) - oracle_number(begin, "v:0", apart);
        double lag = oracle_number(begin, "a:0", output) - oracle_number(begin, "v:0", output);
        print_message("%s: %.4f s apart, %.4f s in the copy\n", names[i], source_lag, lag);
        assert_float_equal(lag, source_lag, 0.002);
        assert_int_equal(oracle_frames(output), oracle_frames(apart));
        oracle_decodes(output);
    }
    /* Cut at no key frame: what stands before the beginning is decoded and not shown. */
    const char *cut = mp4_of(scratch_path("cut.mp4"), NULL, 2);
    oracle_do("ffmpeg -v error -i cut.mp4 -f framemd5 - > a.txt && "
              "ffmpeg -v error -i '%s' -f framemd5 - > b.txt && cmp a.txt b.txt",
              cut);
}

static void test_mp4_keeps_what_belongs_to_the_file(void **state)
{
    (void)state;
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 cover.jpg && "
        "printf ';FFMETADATA1\\ntitle=Canto\\nalbum=Año\\n[CHAPTER]\\nTIMEBASE=1/1000\\nSTART=0\\n"
        "END=9000\\ntitle=Uno\\n[CHAPTER]\\nTIMEBASE=1/"
        "1000\\nSTART=9000\\nEND=13000\\ntitle=Dos\\n' "
        "> tags.txt");
    make("film.mp4", H264_AAC);
    oracle_do("ffmpeg -y -v error -i film.mp4 -i tags.txt -i cover.jpg -map 0 -map 2 -map_metadata "
              "1 -c copy -disposition:2 attached_pic whole.mp4");
    const char *output = mp4_of(scratch_path("whole.mp4"), NULL, 2);
    oracle_do("ffprobe -v error -show_entries format_tags=title,album -of csv=p=0 '%s' | "
              "grep -qx 'Canto,Año'",
              output);
    es_auto_free char *chapters = oracle_run(
        "ffprobe -v error -show_chapters -show_entries chapter=start_time,end_time:chapter_tags="
        "title -of csv=p=0 '%s'",
        output);
    assert_string_equal(chapters, "0.000000,9.000000,Uno\n9.000000,13.000000,Dos\n");
    oracle_do("ffmpeg -y -v error -i '%s' -map 0:v:1 -c copy -f image2 -update 1 back.jpg && "
              "cmp back.jpg cover.jpg",
              output);
    assert_index_in_front(output);

    /* A turned picture stays turned in the file, and is turned by encoding for HLS. */
    oracle_turn("film.mp4", 90, "turned.mp4");
    const char *turned = mp4_of(scratch_path("turned.mp4"), NULL, 2);
    const char *const files[] = { scratch_path("turned.mp4"), turned };
    for (size_t i = 0; i < 2; i++)
        oracle_do("ffprobe -v error -select_streams v -show_entries stream_side_data=displaymatrix,"
                  "rotation -of json '%s' > turn-%zu.txt",
                  files[i], i);
    oracle_do("grep -q rotation turn-0.txt && cmp turn-0.txt turn-1.txt");
    assert_copied(scratch_path("turned.mp4"), NULL, false, true);
}

/* With too little room for the index the file is written again, index first all the same. */
static void test_mp4_index_that_needs_more_room(void **state)
{
    (void)state;
    const char *source = make("film.mp4", H264_AAC);
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct engine_input input;
    struct job_options options = { 0 };
    struct part *parts = NULL;
    size_t count = 0;
    assert_ok(file_input_open(source, &input, &err), err);
    assert_ok(engine_plan(&input, JOB_MP4, &options, NULL, &arena, &parts, &count, &err), err);
    assert_int_equal(count, 2);
    const char *whole = strstr(parts[0].spec, "\"index_bytes\":");
    assert_non_null(whole);
    const char *rest = whole + strcspn(whole, ",}");
    const char *cramped = es_printf(&arena, "%.*s\"index_bytes\":2000%s",
                                    (int)(whole - parts[0].spec), parts[0].spec, rest);
    const char *folder = scratch_path("cramped");
    oracle_do("mkdir '%s'", folder);
    struct host_folder host;
    host_folder_init(&host, folder);
    struct engine_host engine_host = host_folder_host(&host);
    assert_ok(engine_convert(&input, cramped, &engine_host, &arena, &parts[0].result, &err), err);
    const char *output = file_in(folder, "output.mp4");
    assert_index_in_front(output);
    assert_same_packets(source, output, "v:0", -1, 0, 0.0001);
    oracle_decodes(output);
    host_folder_release(&host);
    file_input_close(&input);
}

/* Frames, tags and art are the source's, and so is every sample that is decoded. */
static void test_mp3_is_the_sources_frames(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 art.jpg && "
              "ffmpeg -y -v error -f lavfi -i \"aevalsrc='sin(440*2*PI*t)|random(0)/4':d=12.34:"
              "s=44100\" -i art.jpg -map 0 -map 1 -c:a libmp3lame -b:a 128k -c:v copy "
              "-disposition:v attached_pic -metadata title=Canto song.mp3 && "
              "ffmpeg -y -v error -i song.mp3 -map 0:a -c:a libmp3lame -q:a 4 varied.mp3 && "
              "ffmpeg -y -v error -i song.mp3 -map 0:a -c copy -write_xing 0 bare.mp3");
    static const char *const names[] = { "song.mp3", "varied.mp3", "bare.mp3" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = scratch_path("%s", names[i]);
        struct job_run run;
        const char *output = file_in(convert(source, JOB_MP3, NULL, &run), "output.mp3");
        assert_non_null(strstr(run.parts[0].spec, "\"copy\":{"));
        assert_null(run.outcome.details);
        assert_same_packets(source, output, "a:0", -100, 0, 0.00001);
        oracle_do("ffmpeg -v error -i '%s' -map 0:a -f md5 - > a.txt && "
                  "ffmpeg -v error -i '%s' -map 0:a -f md5 - > b.txt && cmp a.txt b.txt",
                  source, output);
        if (i < 2) /* without a header the length is guessed, which is said */
            oracle_decodes(output);
    }
    const char *song =
        file_in(convert(scratch_path("song.mp3"), JOB_MP3, NULL, NULL), "output.mp3");
    double samples = oracle_number("ffmpeg -v error -i '%s' -map 0:a -f s16le - | wc -c", song) / 4;
    assert_int_equal((long)samples, (long)(12.34 * 44100));
    oracle_do(
        "ffprobe -v error -show_entries format_tags=title -of csv=p=0 '%s' | grep -qx Canto && "
        "ffmpeg -y -v error -i '%s' -map 0:v -c copy -f image2 -update 1 back.jpg && "
        "cmp back.jpg art.jpg",
        song, song);
    /* What was asked for, or does not fit, is encoded. */
    struct job_options options = { .bitrate_kbps = 96 };
    struct job_run run;
    convert(scratch_path("song.mp3"), JOB_MP3, &options, &run);
    assert_null(strstr(run.parts[0].spec, "\"copy\":{"));
    oracle_do("ffmpeg -y -v error -i song.mp3 -map 0:a -ar 48000 -c:a libmp3lame fast.mp3");
    convert(scratch_path("fast.mp3"), JOB_MP3, NULL, &run);
    assert_null(strstr(run.parts[0].spec, "\"copy\":{"));
}

static void test_same_bytes_whoever_does_it(void **state)
{
    (void)state;
    const char *source = make("film.mp4", H264_AAC);
    assert_true(files_are_equal(mp4_of(source, NULL, 2), 0, mp4_of(source, NULL, 2), 0));
}

/* Another container of the same packets, made of film.mp4. */
static const char *remux(const char *name, const char *arguments)
{
    (void)make("film.mp4", H264_AAC);
    oracle_do("ffmpeg -y -v error -i film.mp4 -c copy %s '%s'", arguments, name);
    return scratch_path("%s", name);
}

/* Headers that broadcasts repeat among the packets stand in front: what is left is what an MP4 of
 * the same encoding has. */
static void test_streams_become_an_mp4s_packets(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments;
        double slack;
        bool has_picture;
    } sources[] = {
        { "film.ts", "", 0.0001, true },
        { "far.ts", "-output_ts_offset 95440", 0.0001, true }, /* where the clock runs over */
        { "bare.ts", "-bsf:v h264_mp4toannexb,filter_units=remove_types=6", 0.0001, true },
        { "film.flv", "", 0.0011, true },
        { "film.aac", "-map 0:a", 0.0001, false },
    };
    const char *film = make("film.mp4", H264_AAC);
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *source = remux(sources[i].name, sources[i].arguments);
        /* What comes first, which is sound here, begins at zero. */
        double offset = -1024 / 48000.0, slack = sources[i].slack;
        assert_copied(source, NULL, true, true);
        const char *folder = convert(source, JOB_HLS, NULL, NULL);
        const char *outputs[] = { mp4_of(source, NULL, 2), file_in(folder, "index.m3u8") };
        for (size_t o = 0; o < 2; o++) {
            assert_same_packets(film, outputs[o], "a:0", -1, offset, slack);
            if (sources[i].has_picture && i != 2) /* which has no remarks among its slices */
                assert_same_packets(film, outputs[o], "v:0", -1, offset, slack);
            oracle_decodes(outputs[o]);
        }
        if (!sources[i].has_picture)
            continue;
        assert_true_segments(folder, 6.5);
        oracle_do("for file in film.mp4 '%s'; do ffmpeg -v error -i $file -map 0:v "
                  "-fps_mode passthrough -f rawvideo - | md5sum; done | uniq | wc -l | grep -qx 1",
                  outputs[0]);
    }
}

static void test_avi_is_copied_where_nothing_is_shown_later(void **state)
{
    (void)state;
    (void)assert_planned(remux("bidirectional.avi", ""), NULL, false, true);
    assert_copied(make("flat.avi", "-c:v libx264 -g 60 -bf 0 -crf 28 -c:a aac"), NULL, true, true);
    const char *source = make("song.avi", "-c:v libx264 -g 60 -bf 0 -crf 28 -c:a mp3");
    const char *output = mp4_of(source, NULL, 2);
    assert_same_packets(source, output, "a:0", -1, 0, 0.0001);
    assert_int_equal(oracle_frames(output), oracle_frames(source));
    oracle_decodes(output);
}

static void test_a_recording_begins_anywhere(void **state)
{
    (void)state;
    remux("film.ts", "");
    oracle_do("tail -c +150001 film.ts >anywhere.ts"); /* in a group of pictures, in a packet */
    const char *source = scratch_path("anywhere.ts");
    const char *output = mp4_of(source, NULL, 2);
    static const char *const begin =
        "ffprobe -v quiet -select_streams %s -show_entries frame=pts_time -of csv=p=0 '%s' | "
        "grep -m1 -o '^[0-9.-]*'";
    double lag = oracle_number(begin, "a:0", output) - oracle_number(begin, "v:0", output);
    double source_lag = oracle_number(begin, "a:0", source) - oracle_number(begin, "v:0", source);
    assert_float_equal(lag, source_lag, 0.002);
    struct job_options never = { .copy = JOB_COPY_NEVER };
    const char *encoded = file_in(convert(source, JOB_MP4, &never, NULL), "output.mp4");
    assert_int_equal(oracle_frames(output), oracle_frames(encoded));
    oracle_decodes(output);
    oracle_decodes(file_in(convert(source, JOB_HLS, NULL, NULL), "index.m3u8"));
}

/* Takes packets out of the middle of a recording's picture (ISO/IEC 13818-1, 2.4.3.2), as bad
 * reception does. */
static void lose_picture_packets(const char *from, const char *to)
{
    enum { PACKET_BYTES = 188, PICTURE_PID = 0x100, FIRST_LOST = 300, LOST = 12 };
    es_auto_buf recording = file_bytes(scratch_path("%s", from));
    FILE *file = fopen(scratch_path("%s", to), "wb");
    assert_non_null(file);
    int count = 0;
    for (size_t at = 0; at + PACKET_BYTES <= recording.size; at += PACKET_BYTES) {
        const uint8_t *packet = (const uint8_t *)recording.bytes + at;
        bool is_picture = ((packet[1] & 0x1f) << 8 | packet[2]) == PICTURE_PID;
        bool is_lost = is_picture && count >= FIRST_LOST && count < FIRST_LOST + LOST;
        count += is_picture;
        assert_true(is_lost || fwrite(packet, PACKET_BYTES, 1, file) == 1);
    }
    assert_int_equal(fclose(file), 0);
    assert_true(count > FIRST_LOST + LOST);
}

/* Where a copy could not follow the stream it is not tried. */
static void test_streams_that_change_are_encoded(void **state)
{
    (void)state;
    remux("film.ts", "");
    oracle_do("ffmpeg -y -v error -i film.mp4 -c copy -output_ts_offset 300 later.ts && "
              "cat film.ts later.ts >leap.ts && cat later.ts film.ts >back.ts && "
              /* the next programme, with the clock going on: other headers in the picture alone */
              "ffmpeg -y -v error -i film.mp4 -c:v libx264 -profile:v main -g 60 -bf 3 -c:a copy "
              "-output_ts_offset 13.592 next.ts && cat film.ts next.ts >headers.ts && "
              /* no key frame that closes a group */
              "ffmpeg -y -v error -i film.mp4 -c:v libx264 "
              "-x264-params open-gop=1:keyint=40:bframes=5 -c:a copy open.ts");
    lose_picture_packets("film.ts", "damaged.ts");
    static const struct {
        const char *name;
        bool is_audio;
    } sources[] = { { "leap.ts", false },
                    { "back.ts", false },
                    { "headers.ts", true },
                    { "damaged.ts", true },
                    { "open.ts", true } };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
        assert_copied(scratch_path("%s", sources[i].name), NULL, false, sources[i].is_audio);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hls_is_the_sources_packets),
        cmocka_unit_test(test_long_groups_become_long_segments),
        cmocka_unit_test(test_only_what_must_be_is_encoded),
        cmocka_unit_test(test_what_the_user_asks_for_is_encoded),
        cmocka_unit_test(test_mp4_is_the_sources_packets),
        cmocka_unit_test(test_mp4_with_one_track_copied),
        cmocka_unit_test(test_tracks_that_begin_apart_stay_together),
        cmocka_unit_test(test_mp4_keeps_what_belongs_to_the_file),
        cmocka_unit_test(test_mp4_index_that_needs_more_room),
        cmocka_unit_test(test_mp3_is_the_sources_frames),
        cmocka_unit_test(test_same_bytes_whoever_does_it),
        cmocka_unit_test(test_streams_become_an_mp4s_packets),
        cmocka_unit_test(test_avi_is_copied_where_nothing_is_shown_later),
        cmocka_unit_test(test_a_recording_begins_anywhere),
        cmocka_unit_test(test_streams_that_change_are_encoded),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
