/* HLS playlists, and the JSON form of what they list. */
#include "model/hls_json.h"

#include "base/es_auto.h"
#include "test.h"

static const struct hls_segment video_segments[] = {
    { "video-00001-00001.m4s", "video-init.mp4", 1.001, 50000, 9000 },
    { "video-00001-00002.m4s", "video-init.mp4", 4.004, 400000, 20000 },
    { "video-00003-00001.m4s", "video-00003-init.mp4", 5.005, 300000, 15000 },
};
static const struct hls_track video = {
    .name = "video",
    .kind = HLS_VIDEO,
    .codecs = "avc1.64001f",
    .width = 1280,
    .height = 720,
    .frame_rate = 30000 / 1001.,
    .segments = video_segments,
    .segment_count = 3,
    .is_complete = true,
};
static const struct hls_segment audio_segments[] = {
    { "audio-00002-00001.m4s", "audio-init.mp4", 5.0, 80000, 0 },
};
static const struct hls_track audio = {
    .name = "audio",
    .kind = HLS_AUDIO,
    .codecs = "mp4a.40.2",
    .channels = 2,
    .is_default = true,
    .segments = audio_segments,
    .segment_count = 1,
};

static void test_track_survives_json(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    es_auto_buf text = { 0 };
    struct es_err err = { 0 };
    struct hls_track *tracks = NULL;
    size_t track_count = 0;
    struct hls_track spanish = audio;
    spanish.language = "es";
    spanish.label = "Español";
    spanish.is_default = true;
    hls_tracks_write((struct hls_track[]){ spanish, video }, 2, &text);
    assert_ok(hls_tracks_read(es_buf_text(&text), &arena, &tracks, &track_count, &err), err);
    assert_int_equal(track_count, 2);
    assert_string_equal(tracks[0].name, "audio");
    assert_string_equal(tracks[0].language, "es");
    assert_string_equal(tracks[0].label, "Español");
    assert_true(tracks[0].is_default && tracks[0].kind == HLS_AUDIO);
    const struct hls_track back = tracks[1];
    assert_string_equal(back.name, "video");
    assert_string_equal(back.codecs, "avc1.64001f");
    assert_true(back.kind == HLS_VIDEO && back.is_complete);
    assert_int_equal(back.width, 1280);
    assert_int_equal(back.height, 720);
    assert_int_equal(back.segment_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(back.segments[i].name, video_segments[i].name);
        assert_string_equal(back.segments[i].init_name, video_segments[i].init_name);
        assert_true(back.segments[i].duration_seconds == video_segments[i].duration_seconds);
        assert_int_equal(back.segments[i].size_bytes, video_segments[i].size_bytes);
        assert_int_equal(back.segments[i].key_bytes, video_segments[i].key_bytes);
    }
}

static void assert_refused(const char *text)
{
    es_auto_arena arena = { 0 };
    struct hls_track *tracks;
    size_t count;
    struct es_err err = { 0 };
    if (hls_tracks_read(text, &arena, &tracks, &count, &err) != ES_INVALID)
        fail_msg("taken: %s", text);
}

static void test_bad_forms_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "[]", "{}", "{\"tracks\":7}", "{\"tracks\":[7]}" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_refused(texts[i]);
    /* Each is the whole of one track. */
    static const char *const tracks[] = {
        "'name':'video'",
        "'name':'video','kind':'film'",
        "'kind':'video'",
        "'kind':'video','name':'../video'",
        "'kind':'video','name':'video','codecs':'a\\'b'",
        "'kind':'video','name':'video','codecs':'a\\nb'",
        "'kind':'video','name':'video','width':-1",
        "'kind':'video','name':'video','planned_bit_rate':-1",
        "'kind':'audio','name':'audio','language':'de,en'",
        "'kind':'audio','name':'audio','label':'a\\'b'",
        "'kind':'audio','name':'audio','label':'a\\nb'",
        "'kind':'audio','name':'audio','label':''",
        "'kind':'video','name':'video','segments':7",
        "'kind':'video','name':'video','segments':[['a.m4s',1,1]]",
        "'kind':'video','name':'video','segments':['i.mp4',['a/b.m4s',1,1]]",
        "'kind':'video','name':'video','segments':['i.mp4',['.a',1,1]]",
        "'kind':'video','name':'video','segments':['i.mp4',['a\\n#EXT',1,1]]",
        "'kind':'video','name':'video','segments':['i.mp4',['a.m4s',-1,1]]",
        "'kind':'video','name':'video','segments':['i.mp4',['a.m4s',1,-1]]",
        "'kind':'video','name':'video','segments':['i.mp4',['a.m4s',1,1,2]]",
        "'kind':'video','name':'video','segments':['i.mp4',['a.m4s',1,1,-1]]",
        "'kind':'video','name':'video','segments':['i m p 4',['a.m4s',1,1]]",
    };
    for (size_t i = 0; i < sizeof(tracks) / sizeof(*tracks); i++) {
        es_auto_arena arena = { 0 };
        char *text = es_printf(&arena, "{'tracks':[{%s}]}", tracks[i]);
        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        assert_refused(text);
    }
}

static void test_media_playlist(void **state)
{
    (void)state;
    es_auto_buf text = { 0 };
    hls_render_track(&video, "/hls/LINK/", true, &text);
    assert_string_equal(es_buf_text(&text), "#EXTM3U\n"
                                            "#EXT-X-VERSION:7\n"
                                            "#EXT-X-TARGETDURATION:6\n"
                                            "#EXT-X-MEDIA-SEQUENCE:0\n"
                                            "#EXT-X-PLAYLIST-TYPE:VOD\n"
                                            "#EXT-X-INDEPENDENT-SEGMENTS\n"
                                            "#EXT-X-MAP:URI=\"/hls/LINK/video-init.mp4\"\n"
                                            "#EXTINF:1.001000,\n"
                                            "/hls/LINK/video-00001-00001.m4s\n"
                                            "#EXTINF:4.004000,\n"
                                            "/hls/LINK/video-00001-00002.m4s\n"
                                            "#EXT-X-MAP:URI=\"/hls/LINK/video-00003-init.mp4\"\n"
                                            "#EXTINF:5.005000,\n"
                                            "/hls/LINK/video-00003-00001.m4s\n"
                                            "#EXT-X-ENDLIST\n");
}

static void test_growing_playlist_is_an_event_without_end(void **state)
{
    (void)state;
    es_auto_buf text = { 0 };
    hls_render_track(&audio, "", false, &text);
    assert_non_null(strstr(es_buf_text(&text), "#EXT-X-PLAYLIST-TYPE:EVENT\n"));
    assert_null(strstr(es_buf_text(&text), "ENDLIST"));
}

static void test_target_duration_holds_the_longest_segment(void **state)
{
    (void)state;
    struct hls_segment slow = { "a.m4s", "i.mp4", 19.6, 1, 0 };
    struct hls_track track = audio;
    track.segments = &slow;
    es_auto_buf text = { 0 };
    hls_render_track(&track, "", true, &text);
    assert_non_null(strstr(es_buf_text(&text), "#EXT-X-TARGETDURATION:20\n"));
}

static void test_two_tracks_make_a_multivariant_playlist(void **state)
{
    (void)state;
    const struct hls_track tracks[] = { video, audio };
    es_auto_buf text = { 0 };
    hls_render_index(tracks, 2, "p/", true, &text);
    /* The peak is the 4 s segment's: 799,201 bits a second; the sound adds 128,000. */
    assert_string_equal(
        es_buf_text(&text),
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",DEFAULT=YES,AUTOSELECT=YES,"
        "CHANNELS=\"2\",URI=\"p/audio.m3u8\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=927201,AVERAGE-BANDWIDTH=727401,"
        "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO=\"audio\"\n"
        "p/video.m3u8\n"
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=46354,AVERAGE-BANDWIDTH=35165,CODECS=\"avc1.64001f\","
        "RESOLUTION=1280x720,URI=\"p/video-iframes.m3u8\"\n");
}

static void test_several_pictures_stand_from_small_to_large(void **state)
{
    (void)state;
    struct hls_track small = video, large = video, unbegun = video;
    small.name = "video-360";
    small.width = 640;
    small.height = 360;
    unbegun.name = "video-540";
    unbegun.width = 960;
    unbegun.height = 540;
    unbegun.segment_count = 0;
    unbegun.is_complete = false;
    unbegun.planned_bit_rate = 5000000;
    large.name = "video-720";
    struct hls_track spanish = audio, words = { .name = "words-es", .kind = HLS_SUBTITLES };
    spanish.name = "audio-2";
    spanish.label = words.label = "Español";
    spanish.language = words.language = "es";
    spanish.is_default = false;
    const struct hls_track tracks[] = { large, audio, unbegun, words, small, spanish };
    es_auto_buf text = { 0 };
    hls_render_index(tracks, 6, "", false, &text);
    assert_string_equal(
        es_buf_text(&text),
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",DEFAULT=YES,AUTOSELECT=YES,"
        "CHANNELS=\"2\",URI=\"audio.m3u8\"\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Español\",LANGUAGE=\"es\",DEFAULT=NO,"
        "AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio-2.m3u8\"\n"
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subtitles\",NAME=\"Español\",LANGUAGE=\"es\","
        "DEFAULT=NO,AUTOSELECT=YES,URI=\"words-es.m3u8\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=927201,AVERAGE-BANDWIDTH=727401,"
        "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO=\"audio\","
        "SUBTITLES=\"subtitles\"\n"
        "video-360.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=5128000,"
        "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=960x540,FRAME-RATE=29.970,AUDIO=\"audio\","
        "SUBTITLES=\"subtitles\"\n"
        "video-540.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=927201,AVERAGE-BANDWIDTH=727401,"
        "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO=\"audio\","
        "SUBTITLES=\"subtitles\"\n"
        "video-720.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
        "AUDIO=\"audio\"\n"
        "audio.m3u8\n"
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=46354,AVERAGE-BANDWIDTH=35165,CODECS=\"avc1.64001f\","
        "RESOLUTION=640x360,URI=\"video-360-iframes.m3u8\"\n"
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=5000000,CODECS=\"avc1.64001f\",RESOLUTION=960x540,"
        "URI=\"video-540-iframes.m3u8\"\n"
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=46354,AVERAGE-BANDWIDTH=35165,CODECS=\"avc1.64001f\","
        "RESOLUTION=1280x720,URI=\"video-720-iframes.m3u8\"\n");
}

static void test_a_peak_is_that_of_a_run_of_segments(void **state)
{
    (void)state;
    /* No one of them lasts half a target duration; the first two together do. */
    const struct hls_segment short_ones[] = { { "a", "i.mp4", 2, 500000, 1 },
                                              { "b", "i.mp4", 2, 500000, 1 },
                                              { "c", "i.mp4", 2, 10000, 1 } };
    struct hls_track track = video;
    track.segments = short_ones;
    es_auto_buf text = { 0 };
    hls_render_index(&track, 1, "", true, &text);
    assert_non_null(strstr(es_buf_text(&text), "INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1346667,"));
}

static void test_key_frames_are_ranges_of_the_segments(void **state)
{
    (void)state;
    es_auto_buf text = { 0 };
    assert_true(hls_render((const struct hls_track[]){ video, audio }, 2, "video-iframes.m3u8",
                           "p/", true, &text));
    assert_string_equal(es_buf_text(&text), "#EXTM3U\n"
                                            "#EXT-X-VERSION:7\n"
                                            "#EXT-X-TARGETDURATION:6\n"
                                            "#EXT-X-MEDIA-SEQUENCE:0\n"
                                            "#EXT-X-PLAYLIST-TYPE:VOD\n"
                                            "#EXT-X-INDEPENDENT-SEGMENTS\n"
                                            "#EXT-X-I-FRAMES-ONLY\n"
                                            "#EXT-X-MAP:URI=\"p/video-init.mp4\"\n"
                                            "#EXTINF:1.001000,\n"
                                            "#EXT-X-BYTERANGE:9000@0\n"
                                            "p/video-00001-00001.m4s\n"
                                            "#EXTINF:4.004000,\n"
                                            "#EXT-X-BYTERANGE:20000@0\n"
                                            "p/video-00001-00002.m4s\n"
                                            "#EXT-X-MAP:URI=\"p/video-00003-init.mp4\"\n"
                                            "#EXTINF:5.005000,\n"
                                            "#EXT-X-BYTERANGE:15000@0\n"
                                            "p/video-00003-00001.m4s\n"
                                            "#EXT-X-ENDLIST\n");
}

static void test_every_playlist_is_found_by_its_name(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    const struct hls_track tracks[] = { video, audio };
    static const char *const expected[] = { "video.m3u8", "video-iframes.m3u8", "audio.m3u8",
                                            "index.m3u8" };
    size_t count = 0;
    const char **names = hls_playlist_names(tracks, 2, &arena, &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        es_auto_buf text = { 0 };
        assert_string_equal(names[i], expected[i]);
        assert_true(hls_render(tracks, 2, names[i], "", true, &text));
    }
    es_auto_buf text = { 0 };
    assert_false(hls_render(tracks, 2, "audio-iframes.m3u8", "", true, &text));
    assert_false(hls_render(tracks, 2, "video", "", true, &text));
    names = hls_playlist_names(&audio, 1, &arena, &count);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "index.m3u8");
}

static void test_play_begins_with_one_picture_and_sound(void **state)
{
    (void)state;
    struct hls_track small = video, large = video, sound = audio;
    large.segment_count = 0;
    struct hls_track tracks[] = { small, large, sound };
    assert_true(hls_tracks_can_play(tracks, 3));
    tracks[2].segment_count = 0;
    assert_false(hls_tracks_can_play(tracks, 3));
    assert_true(hls_tracks_can_play(tracks, 2));
    tracks[0].segment_count = 0;
    assert_false(hls_tracks_can_play(tracks, 2));
    assert_false(hls_tracks_can_play(NULL, 0));
}

static void test_sound_alone_is_its_own_index(void **state)
{
    (void)state;
    es_auto_buf index = { 0 }, track = { 0 };
    hls_render_index(&audio, 1, "x/", false, &index);
    hls_render_track(&audio, "x/", false, &track);
    assert_string_equal(es_buf_text(&index), es_buf_text(&track));
}

static struct part convert_part(int index, const char *track, const char *result)
{
    return (struct part){
        .index = index,
        .kind = PART_CONVERT,
        .spec = strcmp(track, "video") == 0
                    ? "{\"tracks\":[{\"name\":\"video\",\"kind\":\"video\"}]}"
                    : "{\"tracks\":[{\"name\":\"audio\",\"kind\":\"audio\"}]}",
        .result = result,
    };
}

static const char *result_of(const struct hls_track *track, size_t first, size_t count,
                             bool is_complete, struct es_arena *arena)
{
    struct hls_track some = *track;
    some.segments += first;
    some.segment_count = count;
    some.is_complete = is_complete;
    es_auto_buf text = { 0 };
    hls_tracks_write(&some, 1, &text);
    return es_strdup(arena, es_buf_text(&text));
}

static void test_tracks_end_at_the_first_gap(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct part parts[] = {
        { .index = 0, .kind = PART_PLAN },
        convert_part(1, "video", result_of(&video, 0, 2, true, &arena)),
        convert_part(2, "audio", result_of(&audio, 0, 1, false, &arena)),
        convert_part(3, "video", NULL),
        convert_part(4, "video", result_of(&video, 2, 1, true, &arena)),
        { .index = 5, .kind = PART_JOIN, .spec = "{}" },
    };
    struct hls_track *tracks = NULL;
    size_t count = 0;
    assert_ok(hls_tracks_of_parts(parts, 6, &arena, &tracks, &count, &err), err);
    assert_int_equal(count, 2);
    assert_string_equal(tracks[0].name, "video");
    assert_int_equal(tracks[0].segment_count, 2); /* what stands behind the gap waits */
    assert_false(tracks[0].is_complete);
    assert_string_equal(tracks[1].name, "audio");
    assert_int_equal(tracks[1].segment_count, 1);
    assert_false(tracks[1].is_complete);

    parts[3].result = result_of(&video, 0, 0, true, &arena); /* its span held nothing */
    parts[2].result = result_of(&audio, 0, 1, true, &arena);
    assert_ok(hls_tracks_of_parts(parts, 6, &arena, &tracks, &count, &err), err);
    assert_int_equal(tracks[0].segment_count, 3);
    assert_true(tracks[0].is_complete && tracks[1].is_complete);
}

/* A part that plans what the whole of `track` is. */
static struct part planned_part(int index, const struct hls_track *track, const char *result,
                                struct es_arena *arena)
{
    struct part part = convert_part(index, track->name, result);
    part.spec = result_of(track, 0, track->segment_count, false, arena);
    return part;
}

static void test_planned_tracks_are_whole_from_the_start(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct part parts[] = {
        planned_part(1, &video, result_of(&video, 0, 1, false, &arena), &arena),
        planned_part(2, &audio, NULL, &arena),
        planned_part(3, &video, NULL, &arena),
        planned_part(4, &video, result_of(&video, 2, 1, true, &arena), &arena),
    };
    struct hls_track *tracks = NULL;
    size_t count = 0;
    assert_ok(hls_tracks_of_parts(parts, 4, &arena, &tracks, &count, &err), err);
    assert_int_equal(count, 2);
    assert_true(tracks[0].is_whole && !tracks[0].is_complete);
    const int awaited[] = { 0, 1, 1, 3, 3, 3, 0 };
    assert_int_equal(tracks[0].segment_count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(tracks[0].segments[i].awaited_part, awaited[i]);
    assert_string_equal(tracks[0].segments[1].name, "video-00001-00002.m4s");
    /* a part goes on with the header that it began with, whatever was planned */
    assert_string_equal(tracks[0].segments[2].init_name, "video-init.mp4");
    assert_string_equal(tracks[0].segments[5].init_name, "video-00003-init.mp4");
    assert_true(tracks[1].is_whole);
    assert_int_equal(tracks[1].segments[0].awaited_part, 2);

    es_auto_buf text = { 0 };
    hls_render_track(&tracks[0], "", true, &text);
    assert_non_null(strstr(es_buf_text(&text), "#EXTINF:4.004000,\nvideo-00001-00002.m4s\n"));
    hls_track_drop_awaited(&tracks[0]);
    assert_int_equal(tracks[0].segment_count, 1);

    parts[2].spec = result_of(&video, 0, 0, false, &arena); /* no plan: the track ends there */
    assert_ok(hls_tracks_of_parts(parts, 4, &arena, &tracks, &count, &err), err);
    assert_false(tracks[0].is_whole);
    assert_int_equal(tracks[0].segment_count, 1);
    parts[0].result = result_of(&video, 0, 3, true, &arena);
    assert_ok(hls_tracks_of_parts(parts, 4, &arena, &tracks, &count, &err), err);
    assert_int_equal(tracks[0].segment_count, 3);
}

static void test_what_a_part_has_made_counts_more_than_its_plan(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct hls_track *tracks = NULL;
    size_t count = 0;
    struct part fewer = planned_part(1, &video, result_of(&video, 0, 1, true, &arena), &arena);
    assert_ok(hls_tracks_of_parts(&fewer, 1, &arena, &tracks, &count, &err), err);
    assert_true(tracks[0].is_complete && tracks[0].is_whole);
    assert_int_equal(tracks[0].segment_count, 1);
    struct part more = planned_part(1, &video, result_of(&video, 0, 3, false, &arena), &arena);
    more.spec = result_of(&video, 0, 2, false, &arena);
    assert_ok(hls_tracks_of_parts(&more, 1, &arena, &tracks, &count, &err), err);
    assert_int_equal(tracks[0].segment_count, 3);
}

static void test_a_rate_is_that_of_what_is_made(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct part parts[] = {
        planned_part(1, &video, result_of(&video, 0, 2, true, &arena), &arena),
        planned_part(2, &audio, result_of(&audio, 0, 1, true, &arena), &arena),
    };
    struct hls_track *tracks = NULL;
    size_t count = 0;
    assert_ok(hls_tracks_of_parts(parts, 2, &arena, &tracks, &count, &err), err);
    es_auto_buf done = { 0 }, running = { 0 };
    hls_render_index(tracks, count, "", true, &done);
    struct part more[] = { parts[0], parts[1], planned_part(3, &video, NULL, &arena) };
    assert_ok(hls_tracks_of_parts(more, 3, &arena, &tracks, &count, &err), err);
    hls_render_index(tracks, count, "", true, &running);
    assert_string_equal(es_buf_text(&done), es_buf_text(&running));
}

static void test_a_track_is_there_before_its_first_segment(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct part parts[] = { convert_part(1, "video", NULL), convert_part(2, "audio", NULL) };
    struct hls_track *tracks = NULL;
    size_t count = 0;
    assert_ok(hls_tracks_of_parts(parts, 2, &arena, &tracks, &count, &err), err);
    assert_int_equal(count, 2);
    assert_int_equal(tracks[0].segment_count, 0);
    es_auto_buf text = { 0 };
    hls_render_index(tracks, count, "", false, &text);
    assert_non_null(strstr(es_buf_text(&text), "video.m3u8"));
}

static void test_a_result_for_another_track_is_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct part parts[] = { convert_part(1, "video", result_of(&audio, 0, 1, true, &arena)) };
    struct hls_track *tracks = NULL;
    size_t count = 0;
    assert_int_equal(hls_tracks_of_parts(parts, 1, &arena, &tracks, &count, &err), ES_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_track_survives_json),
        cmocka_unit_test(test_bad_forms_are_refused),
        cmocka_unit_test(test_media_playlist),
        cmocka_unit_test(test_growing_playlist_is_an_event_without_end),
        cmocka_unit_test(test_target_duration_holds_the_longest_segment),
        cmocka_unit_test(test_two_tracks_make_a_multivariant_playlist),
        cmocka_unit_test(test_several_pictures_stand_from_small_to_large),
        cmocka_unit_test(test_a_peak_is_that_of_a_run_of_segments),
        cmocka_unit_test(test_key_frames_are_ranges_of_the_segments),
        cmocka_unit_test(test_every_playlist_is_found_by_its_name),
        cmocka_unit_test(test_play_begins_with_one_picture_and_sound),
        cmocka_unit_test(test_sound_alone_is_its_own_index),
        cmocka_unit_test(test_tracks_end_at_the_first_gap),
        cmocka_unit_test(test_planned_tracks_are_whole_from_the_start),
        cmocka_unit_test(test_what_a_part_has_made_counts_more_than_its_plan),
        cmocka_unit_test(test_a_rate_is_that_of_what_is_made),
        cmocka_unit_test(test_a_track_is_there_before_its_first_segment),
        cmocka_unit_test(test_a_result_for_another_track_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
