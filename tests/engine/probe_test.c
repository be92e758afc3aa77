/* What the engine says a file is: by its bytes alone, with durations that are true. */
#include "../unit/test.h"
#include "oracle.h"

static struct media_facts probe(const char *path, struct es_arena *arena)
{
    struct es_err err = { 0 };
    struct engine_input input;
    struct media_facts facts = { 0 };
    assert_ok(file_input_open(path, &input, &err), err);
    assert_ok(engine_probe(&input, "wrong.txt", arena, &facts, &err), err);
    file_input_close(&input);
    return facts;
}

static void test_content_type_and_duration_by_content(void **state)
{
    (void)state;
    static const struct {
        const char *options, *type;
    } kinds[] = {
        { "-map 1 -c:a libmp3lame -f mp3", "audio/mpeg" },
        { "-map 1 -c:a libmp3lame -write_xing 0 -q:a 2 -f mp3", "audio/mpeg" },
        { "-map 1 -c:a flac -f flac", "audio/flac" },
        { "-map 1 -c:a libvorbis -f ogg", "audio/ogg" },
        { "-map 1 -c:a libopus -f ogg", "audio/ogg" },
        { "-map 1 -f wav", "audio/wav" },
        { "-map 1 -f aiff", "audio/aiff" },
        { "-map 1 -c:a aac -f adts", "audio/aac" },
        { "-map 1 -c:a aac -f ipod", "audio/mp4" },
        { "-map 1 -c:a wmav2 -f asf", "audio/x-ms-wma" },
        { "-map 1 -c:a libopus -f webm", "audio/webm" },
        { "-c:v libx264 -c:a aac -f mp4", "video/mp4" },
        { "-c:v libx264 -c:a aac -f mov", "video/quicktime" },
        { "-c:v libx264 -c:a aac -f matroska", "video/x-matroska" },
        { "-c:v libvpx -cpu-used 8 -deadline realtime -c:a libvorbis -f webm", "video/webm" },
        { "-c:v libvpx -cpu-used 8 -deadline realtime -c:a libvorbis -f webm -live 1",
          "video/webm" },
        { "-c:v mpeg4 -c:a libmp3lame -f avi", "video/x-msvideo" },
        { "-c:v libx264 -c:a aac -f mpegts", "video/mp2t" },
        { "-c:v mpeg2video -c:a mp2 -f mpeg", "video/mpeg" },
        { "-c:v flv1 -c:a libmp3lame -ar 44100 -f flv", "video/x-flv" },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        oracle_do(
            "ffmpeg -y -v error -f lavfi -i testsrc2=d=9:s=64x48:r=25 -f lavfi -i "
            "'aevalsrc=random(0)*lt(mod(t\\,3)\\,1):d=9:s=44100' -output_ts_offset 0 %s file.bin",
            kinds[i].options);
        es_auto_arena arena = { 0 };
        struct media_facts facts = probe(scratch_path("file.bin"), &arena);
        if (strcmp(facts.content_type, kinds[i].type) != 0)
            fail_msg("'%s' is '%s'", kinds[i].options, facts.content_type);
        /* WMA's decoder gives nothing for the first two blocks: the timeline begins behind them. */
        double least = strstr(kinds[i].options, "wmav2") ? 8.9 : 8.95;
        if (facts.duration_seconds < least || facts.duration_seconds > 9.06)
            fail_msg("'%s' lasts %.3f s", kinds[i].options, facts.duration_seconds);
        assert_true(media_has_stream(&facts, STREAM_AUDIO));
        assert_int_equal(media_has_stream(&facts, STREAM_VIDEO),
                         !strstr(kinds[i].options, "-map 1"));
    }
}

static void test_streams_tags_and_pictures(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 cover.jpg && "
              "ffmpeg -y -v error -f lavfi -i sine=d=2:r=48000 -i cover.jpg -map 0 -map 1 -c:a "
              "libmp3lame "
              "-ac 2 -c:v copy -disposition:v attached_pic -metadata title='Ñandú' -metadata "
              "artist=B a.mp3 && "
              "ffmpeg -y -v error -f lavfi -i testsrc2=d=2:s=320x180:r=24 -f lavfi -i sine=d=2 "
              "-c:v libx264 -c:a aac -metadata:s:a language=spa flat.mp4");
    oracle_turn("flat.mp4", 90, "turned.mp4");
    es_auto_arena arena = { 0 };
    struct media_facts song = probe(scratch_path("a.mp3"), &arena);
    assert_int_equal(song.stream_count, 2);
    assert_string_equal(song.content_type, "audio/mpeg");
    assert_true(media_has_stream(&song, STREAM_PICTURE));
    assert_false(media_has_stream(&song, STREAM_VIDEO));
    assert_int_equal(song.tag_count, 2);
    assert_string_equal(song.tags[0].name, "title");
    assert_string_equal(song.tags[0].value, "Ñandú");
    struct media_facts film = probe(scratch_path("turned.mp4"), &arena);
    assert_int_equal(film.streams[0].kind, STREAM_VIDEO);
    assert_string_equal(film.streams[0].codec, "h264");
    assert_int_equal(film.streams[0].width, 180); /* as shown */
    assert_int_equal(film.streams[0].height, 320);
    assert_float_equal(film.streams[0].frame_rate, 24, 0.01);
    assert_string_equal(film.streams[1].language, "spa");
    assert_int_equal(film.streams[1].channels, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_type_and_duration_by_content),
        cmocka_unit_test(test_streams_tags_and_pictures),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
