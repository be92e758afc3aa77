/* hls_tracks <-> JSON. Whatever is read comes from a child that has parsed a stranger's bytes, so
 * names, codecs and texts are held to the characters that a playlist can carry. */
#include "model/hls_json.h"

#include <math.h>
#include <string.h>

#include "base/es_text.h"
#include "model/names.h"

#define SEGMENTS_MAX        200000
#define NAME_BYTES_MAX      128
#define SEGMENT_SECONDS_MAX 86400.0
#define TARGET_SECONDS_MAX  3600
#define BIT_RATE_MAX        INT64_C(10000000000)

static const char *const kind_names[] = {
    [HLS_VIDEO] = "video",
    [HLS_AUDIO] = "audio",
    [HLS_SUBTITLES] = "subtitles",
};

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

/* What a quoted string of a playlist can hold (RFC 8216, 4.2). */
static bool is_quotable(const char *text)
{
    return *text && strlen(text) <= NAME_BYTES_MAX && !es_text_has_control(text) &&
           !strchr(text, '"');
}

/* [name, seconds, bytes] and of video [.., bytes of the key frame], preceded by the name of the
 * header where that changes: short, since a day of sound has to fit into a part's result. */
static json_t *segments_json(const struct hls_track *track)
{
    json_t *segments = json_array();
    const char *init_name = "";
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        if (segment->init_name && strcmp(segment->init_name, init_name) != 0) {
            json_array_append_new(segments, json_string(segment->init_name));
            init_name = segment->init_name;
        }
        json_t *entry = json_array();
        json_array_append_new(entry, json_string(segment->name));
        json_array_append_new(entry, json_real(round(segment->duration_seconds * 1e6) / 1e6));
        json_array_append_new(entry, json_integer(segment->size_bytes));
        if (segment->key_bytes)
            json_array_append_new(entry, json_integer(segment->key_bytes));
        json_array_append_new(segments, entry);
    }
    return segments;
}

static json_t *track_json(const struct hls_track *track)
{
    json_t *object = json_object();
    json_put_text(object, "name", track->name);
    json_put_text(object, "kind", NAME_OF(kind_names, track->kind));
    if (track->codecs)
        json_put_text(object, "codecs", track->codecs);
    if (track->kind == HLS_VIDEO) {
        json_put(object, "width", json_integer(track->width));
        json_put(object, "height", json_integer(track->height));
        json_put(object, "frame_rate", json_real(track->frame_rate));
    }
    if (track->channels)
        json_put(object, "channels", json_integer(track->channels));
    if (track->language)
        json_put_text(object, "language", track->language);
    if (track->label)
        json_put_text(object, "label", track->label);
    if (track->is_default)
        json_put(object, "is_default", json_true());
    if (track->target_seconds)
        json_put(object, "target_seconds", json_integer(track->target_seconds));
    if (track->planned_bit_rate)
        json_put(object, "planned_bit_rate", json_integer(track->planned_bit_rate));
    if (track->is_complete)
        json_put(object, "is_complete", json_true());
    if (track->segment_count)
        json_put(object, "segments", segments_json(track));
    return object;
}

json_t *hls_tracks_json(const struct hls_track *tracks, size_t track_count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < track_count; i++)
        json_array_append_new(array, track_json(&tracks[i]));
    return array;
}

void hls_tracks_write(const struct hls_track *tracks, size_t track_count, struct es_buf *buf)
{
    json_auto object = json_object();
    json_put(object, "tracks", hls_tracks_json(tracks, track_count));
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
    if (array && (!json_is_array(array) || count > SEGMENTS_MAX))
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
        int64_t key_bytes = json_integer_value(json_array_get(entry, 3));
        if ((!init_name && track->kind != HLS_SUBTITLES) || !name || !is_object_name(name))
            return fail_track(reterr, "segment's name");
        if (!(seconds >= 0 && seconds <= SEGMENT_SECONDS_MAX) || size_bytes < 0 || key_bytes < 0 ||
            key_bytes > size_bytes)
            return fail_track(reterr, "segment's length");
        segments[kept++] = (struct hls_segment){
            es_strdup(arena, name), init_name, seconds, size_bytes, key_bytes,
        };
    }
    track->segments = segments;
    track->segment_count = kept;
    return ES_OK;
}

static enum es_code read_texts(const json_t *object, struct es_arena *arena,
                               struct hls_track *track, struct es_err *reterr)
{
    const char *name = json_member_string(object, "name", "");
    const char *codecs = json_member_string(object, "codecs", NULL);
    const char *language = json_member_string(object, "language", NULL);
    const char *label = json_member_string(object, "label", NULL);
    if (!is_object_name(name))
        return fail_track(reterr, "name");
    if (codecs && !is_plain(codecs, ".,"))
        return fail_track(reterr, "codecs");
    if (language && !is_plain(language, "-"))
        return fail_track(reterr, "language");
    if (label && !is_quotable(label))
        return fail_track(reterr, "label");
    track->name = es_strdup(arena, name);
    track->codecs = es_strdup(arena, codecs);
    track->language = es_strdup(arena, language);
    track->label = es_strdup(arena, label);
    return ES_OK;
}

static enum es_code read_track(const json_t *object, struct es_arena *arena,
                               struct hls_track *ret_track, struct es_err *reterr)
{
    const char *kind = json_member_string(object, "kind", "");
    int64_t width = json_member_integer(object, "width", 0);
    int64_t height = json_member_integer(object, "height", 0);
    int64_t channels = json_member_integer(object, "channels", 0);
    int64_t bit_rate = json_member_integer(object, "planned_bit_rate", 0);
    int64_t target_seconds = json_member_integer(object, "target_seconds", 0);
    double frame_rate = json_member_real(object, "frame_rate", 0);
    if (width < 0 || width > 65535 || height < 0 || height > 65535 || channels < 0 ||
        channels > 64 || !(frame_rate >= 0 && frame_rate <= 100000) || bit_rate < 0 ||
        bit_rate > BIT_RATE_MAX || target_seconds < 0 || target_seconds > TARGET_SECONDS_MAX)
        return fail_track(reterr, "size");
    struct hls_track track = {
        .kind = (enum hls_kind)VALUE_OF(kind_names, kind),
        .width = (int)width,
        .height = (int)height,
        .frame_rate = frame_rate,
        .channels = (int)channels,
        .is_default = json_member_bool(object, "is_default", false),
        .target_seconds = (int)target_seconds,
        .planned_bit_rate = bit_rate,
        .is_complete = json_member_bool(object, "is_complete", false),
    };
    if (track.kind == HLS_KIND_UNSET)
        return fail_track(reterr, "kind");
    enum es_code code = read_texts(object, arena, &track, reterr);
    if (code == ES_OK)
        code = read_segments(json_object_get(object, "segments"), arena, &track, reterr);
    if (code == ES_OK)
        *ret_track = track;
    return code;
}

enum es_code hls_tracks_from_json(const json_t *array, struct es_arena *arena,
                                  struct hls_track **ret_tracks, size_t *ret_track_count,
                                  struct es_err *reterr)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > HLS_TRACKS_MAX)
        return es_fail(reterr, ES_INVALID, "the list of tracks is missing or not valid");
    struct hls_track *tracks = es_new_array(arena, struct hls_track, count);
    enum es_code code = ES_OK;
    for (size_t i = 0; i < count && code == ES_OK; i++)
        code = read_track(json_array_get(array, i), arena, &tracks[i], reterr);
    if (code == ES_OK) {
        *ret_tracks = tracks;
        *ret_track_count = count;
    }
    return code;
}

enum es_code hls_tracks_read(const char *text, struct es_arena *arena,
                             struct hls_track **ret_tracks, size_t *ret_track_count,
                             struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    if (code != ES_OK)
        return code;
    return hls_tracks_from_json(json_object_get(object, "tracks"), arena, ret_tracks,
                                ret_track_count, reterr);
}
