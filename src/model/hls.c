/* HLS playlists and the JSON form of what they list. Pure. Whatever is read comes from a child that
 * has parsed a stranger's bytes, so names and codecs are held to the characters that a playlist can
 * carry. */
#include "model/hls.h"

#include <math.h>
#include <string.h>

#include "wire/json.h"

#define TRACKS_MAX          16
#define SEGMENTS_MAX        200000
#define NAME_BYTES_MAX      128
#define SEGMENT_SECONDS_MAX 86400.0
#define TARGET_SECONDS_MIN                                                                         \
    6 /* longer than any segment that is cut to plan: it may not change later */
#define BIT_RATE_LEAST 1000

static bool is_plain(const char *text, const char *extra)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr(extra, c)))
            return false;
    }
    return length > 0 && length <= NAME_BYTES_MAX;
}

static bool is_object_name(const char *text)
{
    return is_plain(text, "._-") && text[0] != '.';
}

static json_t *track_json(const struct hls_track *track)
{
    json_t *object = json_object();
    json_put_text(object, "name", track->name);
    json_put(object, "is_video", json_boolean(track->is_video));
    json_put_text(object, "codecs", track->codecs);
    json_put(object, "width", json_integer(track->width));
    json_put(object, "height", json_integer(track->height));
    json_put(object, "frame_rate", json_real(track->frame_rate));
    json_put(object, "channels", json_integer(track->channels));
    json_put(object, "is_complete", json_boolean(track->is_complete));
    /* [name, seconds, bytes], preceded by the name of the header where that changes: short, since a
     * day of sound has to fit into a part's result. */
    json_t *segments = json_array();
    const char *init_name = "";
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        if (strcmp(segment->init_name, init_name) != 0)
            json_array_append_new(segments, json_string(segment->init_name));
        init_name = segment->init_name;
        json_t *entry = json_array();
        json_array_append_new(entry, json_string(segment->name));
        json_array_append_new(entry, json_real(round(segment->duration_seconds * 1e6) / 1e6));
        json_array_append_new(entry, json_integer(segment->size_bytes));
        json_array_append_new(segments, entry);
    }
    json_put(object, "segments", segments);
    return object;
}

void hls_tracks_write(const struct hls_track *tracks, size_t track_count, struct es_buf *buf)
{
    json_auto object = json_object();
    json_t *array = json_array();
    for (size_t i = 0; i < track_count; i++)
        json_array_append_new(array, track_json(&tracks[i]));
    json_put(object, "tracks", array);
    json_write(object, buf);
}

static enum es_code fail_track(struct es_err *reterr, const char *what)
{
    return es_fail(reterr, ES_INVALID, "the track's %s is missing or not valid", what);
}

static enum es_code read_segments(const json_t *array, struct es_arena *arena,
                                  struct hls_track *track, struct es_err *reterr)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > SEGMENTS_MAX)
        return fail_track(reterr, "list of segments");
    struct hls_segment *segments = es_new_array(arena, struct hls_segment, count);
    const char *init_name = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(array, i);
        if (json_is_string(entry)) {
            if (!is_object_name(json_string_value(entry)))
                return fail_track(reterr, "header's name");
            init_name = es_strdup(arena, json_string_value(entry));
            continue;
        }
        const char *name = json_string_value(json_array_get(entry, 0));
        double seconds = json_number_value(json_array_get(entry, 1));
        int64_t size_bytes = json_integer_value(json_array_get(entry, 2));
        if (!init_name || !name || !is_object_name(name))
            return fail_track(reterr, "segment's name");
        if (!(seconds >= 0 && seconds <= SEGMENT_SECONDS_MAX) || size_bytes < 0)
            return fail_track(reterr, "segment's length");
        segments[kept++] =
            (struct hls_segment){ es_strdup(arena, name), init_name, seconds, size_bytes };
    }
    track->segments = segments;
    track->segment_count = kept;
    return ES_OK;
}

static enum es_code read_track(const json_t *object, struct es_arena *arena,
                               struct hls_track *ret_track, struct es_err *reterr)
{
    const char *name = json_member_string(object, "name", "");
    const char *codecs = json_member_string(object, "codecs", "");
    int64_t width = json_member_integer(object, "width", 0);
    int64_t height = json_member_integer(object, "height", 0);
    int64_t channels = json_member_integer(object, "channels", 0);
    double frame_rate = json_member_real(object, "frame_rate", 0);
    if (!is_object_name(name))
        return fail_track(reterr, "name");
    if (!is_plain(codecs, ".,"))
        return fail_track(reterr, "codecs");
    if (width < 0 || width > 65535 || height < 0 || height > 65535 || channels < 0 ||
        channels > 64 || !(frame_rate >= 0 && frame_rate <= 100000))
        return fail_track(reterr, "size");
    struct hls_track track = {
        .name = es_strdup(arena, name),
        .is_video = json_member_bool(object, "is_video", false),
        .codecs = es_strdup(arena, codecs),
        .width = (int)width,
        .height = (int)height,
        .frame_rate = frame_rate,
        .channels = (int)channels,
        .is_complete = json_member_bool(object, "is_complete", false),
    };
    enum es_code code = read_segments(json_object_get(object, "segments"), arena, &track, reterr);
    if (code == ES_OK)
        *ret_track = track;
    return code;
}

enum es_code hls_tracks_read(const char *text, struct es_arena *arena,
                             struct hls_track **ret_tracks, size_t *ret_track_count,
                             struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    const json_t *array = json_object_get(object, "tracks");
    size_t count = json_array_size(array);
    if (code == ES_OK && (!json_is_array(array) || count > TRACKS_MAX))
        code = es_fail(reterr, ES_INVALID, "the list of tracks is missing or not valid");
    if (code != ES_OK)
        return code;
    struct hls_track *tracks = es_new_array(arena, struct hls_track, count);
    for (size_t i = 0; i < count && code == ES_OK; i++)
        code = read_track(json_array_get(array, i), arena, &tracks[i], reterr);
    if (code == ES_OK) {
        *ret_tracks = tracks;
        *ret_track_count = count;
    }
    return code;
}

/* A track that grows part by part. */
struct growing_track {
    struct hls_track track;
    struct hls_segment *segments;
    size_t capacity;
};

static struct growing_track *find_or_add(struct growing_track *tracks, size_t *count,
                                         const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(tracks[i].track.name, name) == 0)
            return &tracks[i];
    if (*count == TRACKS_MAX)
        return NULL;
    struct growing_track *added = &tracks[(*count)++];
    *added = (struct growing_track){ 0 };
    added->track = (struct hls_track){
        .name = name,
        .is_video = strcmp(name, "video") == 0,
        .is_complete = true, /* until a part of it is not */
    };
    return added;
}

static void append_segments(struct growing_track *growing, const struct hls_track *part,
                            struct es_arena *arena)
{
    size_t before = growing->track.segment_count, count = before + part->segment_count;
    if (count > growing->capacity) {
        growing->capacity = count * 2;
        struct hls_segment *larger = es_new_array(arena, struct hls_segment, growing->capacity);
        if (before)
            memcpy(larger, growing->segments, before * sizeof(*larger));
        growing->segments = larger;
    }
    if (part->segment_count)
        memcpy(growing->segments + before, part->segments,
               part->segment_count * sizeof(*part->segments));
    if (!growing->track.codecs)
        growing->track = *part;
    growing->track.segments = growing->segments;
    growing->track.segment_count = count;
    growing->track.is_complete = part->is_complete;
}

/* Adds what a part has of one track: of_part is NULL where that is nothing yet. */
static enum es_code add_part(struct growing_track *growing, size_t *track_count, const char *name,
                             const struct hls_track *of_part, struct es_arena *arena,
                             struct es_err *reterr)
{
    struct growing_track *of_name = find_or_add(growing, track_count, name);
    if (!of_name)
        return es_fail(reterr, ES_INVALID, "more than %d tracks", TRACKS_MAX);
    if (!of_name->track.is_complete)
        return ES_OK; /* an earlier part of it is still missing something */
    if (of_part)
        append_segments(of_name, of_part, arena);
    else
        of_name->track.is_complete = false;
    return ES_OK;
}

/* The tracks that a part's spec names, before there is any result: some of them have one. */
static enum es_code add_tracks(struct growing_track *growing, size_t *track_count,
                               const struct part *part, struct es_arena *arena,
                               struct es_err *reterr)
{
    json_auto spec = NULL;
    if (!part->spec || json_read(part->spec, strlen(part->spec), &spec, NULL) != ES_OK)
        return ES_OK;
    struct hls_track *tracks = NULL;
    size_t count = 0;
    enum es_code code = ES_OK;
    if (part->result)
        code = hls_tracks_read(part->result, arena, &tracks, &count, reterr);
    const json_t *names = json_object_get(spec, "tracks");
    size_t name_count = json_array_size(names), used = 0;
    for (size_t i = 0; i < name_count && code == ES_OK; i++) {
        const char *name = json_member_string(json_array_get(names, i), "name", "");
        const struct hls_track *of_part = NULL;
        for (size_t t = 0; t < count && !of_part; t++)
            if (strcmp(tracks[t].name, name) == 0)
                of_part = &tracks[t];
        used += of_part != NULL;
        code = add_part(growing, track_count, es_strdup(arena, name), of_part, arena, reterr);
    }
    if (code == ES_OK && used != count)
        code = es_fail(reterr, ES_INVALID, "the result is for another track");
    return code == ES_OK ? code : es_wrap(reterr, code, "part %d", part->index);
}

enum es_code hls_tracks_of_parts(const struct part *parts, size_t part_count,
                                 struct es_arena *arena, struct hls_track **ret_tracks,
                                 size_t *ret_track_count, struct es_err *reterr)
{
    struct growing_track growing[TRACKS_MAX];
    size_t track_count = 0;
    for (size_t i = 0; i < part_count; i++) {
        enum es_code code = ES_OK;
        if (parts[i].kind == PART_CONVERT)
            code = add_tracks(growing, &track_count, &parts[i], arena, reterr);
        if (code != ES_OK)
            return code;
    }
    struct hls_track *tracks = es_new_array(arena, struct hls_track, track_count);
    for (size_t i = 0; i < track_count; i++)
        tracks[i] = growing[i].track;
    *ret_tracks = tracks;
    *ret_track_count = track_count;
    return ES_OK;
}

static int target_seconds(const struct hls_track *track)
{
    double longest = TARGET_SECONDS_MIN;
    for (size_t i = 0; i < track->segment_count; i++)
        longest = fmax(longest, round(track->segments[i].duration_seconds));
    return (int)longest;
}

void hls_render_track(const struct hls_track *track, const char *name_prefix, bool is_final,
                      struct es_buf *buf)
{
    es_buf_printf(buf,
                  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n"
                  "#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n",
                  target_seconds(track), is_final ? "VOD" : "EVENT");
    const char *init_name = "";
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        if (strcmp(segment->init_name, init_name) != 0)
            es_buf_printf(buf, "#EXT-X-MAP:URI=\"%s%s\"\n", name_prefix, segment->init_name);
        init_name = segment->init_name;
        es_buf_printf(buf, "#EXTINF:%.6f,\n%s%s\n", segment->duration_seconds, name_prefix,
                      segment->name);
    }
    if (is_final)
        es_buf_append_text(buf, "#EXT-X-ENDLIST\n");
}

/* Bits a second: of the whole, and the most over any segment of half a target duration or more. */
static void bit_rates(const struct hls_track *track, double *ret_mean, double *ret_peak)
{
    double bytes = 0, seconds = 0, peak = BIT_RATE_LEAST;
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        bytes += (double)segment->size_bytes;
        seconds += segment->duration_seconds;
        if (segment->duration_seconds >= TARGET_SECONDS_MIN / 2.0)
            peak = fmax(peak, 8.0 * (double)segment->size_bytes / segment->duration_seconds);
    }
    *ret_mean = fmax(seconds > 0 ? 8.0 * bytes / seconds : 0, BIT_RATE_LEAST);
    *ret_peak = fmax(peak, *ret_mean);
}

static void render_audio_media(const struct hls_track *track, const char *name_prefix,
                               struct es_buf *buf)
{
    es_buf_printf(
        buf, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"%s\",DEFAULT=YES,AUTOSELECT=YES",
        track->name);
    if (track->channels > 0)
        es_buf_printf(buf, ",CHANNELS=\"%d\"", track->channels);
    es_buf_printf(buf, ",URI=\"%s%s.m3u8\"\n", name_prefix, track->name);
}

static void render_variant(const struct hls_track *video, const struct hls_track *audio,
                           const char *name_prefix, struct es_buf *buf)
{
    double video_mean, video_peak, audio_mean, audio_peak;
    bit_rates(video, &video_mean, &video_peak);
    bit_rates(audio, &audio_mean, &audio_peak);
    es_buf_printf(buf, "#EXT-X-STREAM-INF:BANDWIDTH=%.0f,AVERAGE-BANDWIDTH=%.0f",
                  ceil(video_peak + audio_peak), ceil(video_mean + audio_mean));
    if (video->codecs && audio->codecs)
        es_buf_printf(buf, ",CODECS=\"%s,%s\"", video->codecs, audio->codecs);
    if (video->width > 0 && video->height > 0)
        es_buf_printf(buf, ",RESOLUTION=%dx%d", video->width, video->height);
    if (video->frame_rate > 0)
        es_buf_printf(buf, ",FRAME-RATE=%.3f", video->frame_rate);
    es_buf_printf(buf, ",AUDIO=\"audio\"\n%s%s.m3u8\n", name_prefix, video->name);
}

void hls_render_index(const struct hls_track *tracks, size_t track_count, const char *name_prefix,
                      bool is_final, struct es_buf *buf)
{
    if (track_count == 1) {
        hls_render_track(tracks, name_prefix, is_final, buf);
        return;
    }
    es_buf_append_text(buf, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (size_t i = 0; i < track_count; i++)
        if (!tracks[i].is_video)
            render_audio_media(&tracks[i], name_prefix, buf);
    for (size_t v = 0; v < track_count; v++)
        for (size_t a = 0; a < track_count; a++)
            if (tracks[v].is_video && !tracks[a].is_video)
                render_variant(&tracks[v], &tracks[a], name_prefix, buf);
}
