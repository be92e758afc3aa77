/* Specs <-> JSON. Pure. */
#include "engine/spec.h"

#include <libavutil/channel_layout.h>

#include "base/es_text.h"
#include "engine/demuxer.h"
#include "model/hls_json.h"
#include "model/media_json.h"
#include "model/mp3_plan.h"
#include "wire/base64url.h"
#include "wire/json.h"

#define SPEC_VERSION  12
#define GAIN_DB_LEAST (-200.0)
#define GAIN_DB_MOST  200.0

static json_t *rational_json(AVRational value)
{
    return json_pack("[ii]", value.num, value.den);
}

/* Positive, or 0/1 where `can_be_zero`. */
static bool rational_member(const json_t *object, const char *name, bool can_be_zero,
                            AVRational *ret_value)
{
    const json_t *pair = json_object_get(object, name);
    int64_t num = json_integer_value(json_array_get(pair, 0));
    int64_t den = json_integer_value(json_array_get(pair, 1));
    if (num < (can_be_zero ? 0 : 1) || num > INT32_MAX || den < 1 || den > INT32_MAX)
        return false;
    *ret_value = (AVRational){ (int)num, (int)den };
    return true;
}

/* Lies in least..most and fits an int. */
static bool int_member(const json_t *object, const char *name, int least, int most, int *ret_value)
{
    int64_t value = json_member_integer(object, name, INT64_MIN);
    if (value < least || value > most)
        return false;
    *ret_value = (int)value;
    return true;
}

static json_t *tags_json(const struct media_tag *tags, size_t tag_count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < tag_count; i++)
        json_array_append_new(array, json_pack("[ss]", tags[i].name, tags[i].value));
    return array;
}

static void tags_member(const json_t *object, struct es_arena *arena,
                        const struct media_tag **ret_tags, size_t *ret_count)
{
    const json_t *array = json_object_get(object, "tags");
    size_t count = json_array_size(array);
    count = count < MEDIA_TAGS_MAX ? count : MEDIA_TAGS_MAX;
    struct media_tag *tags = es_new_array(arena, struct media_tag, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(array, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (name && value)
            tags[kept++] = (struct media_tag){ es_strdup(arena, name), es_strdup(arena, value) };
    }
    *ret_tags = tags;
    *ret_count = kept;
}

static json_t *renditions_json(const struct rendition_spec *renditions, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        json_put(object, "width", json_integer(renditions[i].width));
        json_put(object, "height", json_integer(renditions[i].height));
        json_put(object, "crf", json_integer(renditions[i].crf));
        json_put(object, "rate_kbps_max", json_integer(renditions[i].rate_kbps_max));
        json_put(object, "init_crc", json_integer(renditions[i].init_crc));
        json_array_append_new(array, object);
    }
    return array;
}

static bool rendition_read(const json_t *object, struct rendition_spec *ret_rendition)
{
    struct rendition_spec *rendition = ret_rendition;
    rendition->init_crc = (uint32_t)json_member_integer(object, "init_crc", 0);
    return int_member(object, "width", 2, DIMENSION_MAX, &rendition->width) &&
           int_member(object, "height", 2, DIMENSION_MAX, &rendition->height) &&
           (int64_t)rendition->width * rendition->height <= PIXELS_MAX &&
           int_member(object, "crf", 1, 51, &rendition->crf) &&
           int_member(object, "rate_kbps_max", 0, 1000000, &rendition->rate_kbps_max);
}

static bool renditions_read(const json_t *array, struct rendition_spec *ret_renditions,
                            size_t count)
{
    if (json_array_size(array) != count || count > RENDITIONS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!rendition_read(json_array_get(array, i), &ret_renditions[i]))
            return false;
    return true;
}

static json_t *video_json(const struct video_spec *video, size_t rendition_count)
{
    json_t *object = json_object();
    json_put(object, "renditions", renditions_json(video->renditions, rendition_count));
    json_put(object, "pixel_aspect", rational_json(video->pixel_aspect));
    json_put(object, "frame_rate", rational_json(video->frame_rate));
    json_put(object, "color",
             json_pack("[iiii]", video->color_range, video->color_primaries, video->color_transfer,
                       video->color_space));
    json_put(object, "peak_nits", json_integer(video->peak_nits));
    json_put(object, "is_interlaced", json_boolean(video->is_interlaced));
    json_put(object, "segment_ticks", json_integer(video->segment_ticks));
    return object;
}

static bool video_read(const json_t *object, size_t rendition_count, struct video_spec *ret_video)
{
    struct video_spec *video = ret_video;
    int *const colors[] = { &video->color_range, &video->color_primaries, &video->color_transfer,
                            &video->color_space };
    for (size_t i = 0; i < sizeof(colors) / sizeof(*colors); i++) {
        int64_t value = json_integer_value(json_array_get(json_object_get(object, "color"), i));
        if (value < 0 || value > 255)
            return false;
        *colors[i] = (int)value;
    }
    video->is_interlaced = json_member_bool(object, "is_interlaced", false);
    video->segment_ticks = json_member_integer(object, "segment_ticks", 0);
    return renditions_read(json_object_get(object, "renditions"), video->renditions,
                           rendition_count) &&
           rational_member(object, "pixel_aspect", true, &video->pixel_aspect) &&
           rational_member(object, "frame_rate", false, &video->frame_rate) &&
           int_member(object, "peak_nits", 1, 10000, &video->peak_nits) && video->segment_ticks > 0;
}

static json_t *audio_json(const struct audio_spec *audio)
{
    json_t *object = json_object();
    json_put(object, "bitrate_kbps", json_integer(audio->bitrate_kbps));
    json_put(object, "sample_rate", json_integer(audio->sample_rate));
    json_put_text(object, "layout", audio->layout);
    json_put(object, "is_synced", json_boolean(audio->is_synced));
    json_put(object, "sample_count_max", json_integer(audio->sample_count_max));
    if (audio->is_normalized)
        json_put(object, "gain_db", json_real(audio->gain_db));
    json_t *span = audio_span_json(&audio->span);
    if (span)
        json_put(object, "span", span);
    return object;
}

static bool audio_read(const json_t *object, struct es_arena *arena, struct audio_spec *ret_audio)
{
    struct audio_spec *audio = ret_audio;
    const char *layout = json_member_string(object, "layout", "");
    AVChannelLayout parsed = { 0 };
    if (av_channel_layout_from_string(&parsed, layout) < 0)
        return false;
    bool is_plain = parsed.order == AV_CHANNEL_ORDER_NATIVE;
    av_channel_layout_uninit(&parsed);
    audio->layout = es_strdup(arena, layout);
    audio->is_synced = json_member_bool(object, "is_synced", false);
    audio->sample_count_max = json_member_integer(object, "sample_count_max", 0);
    audio->is_normalized = json_object_get(object, "gain_db") != NULL;
    audio->gain_db = json_member_real(object, "gain_db", 0);
    return is_plain && audio->gain_db >= GAIN_DB_LEAST && audio->gain_db <= GAIN_DB_MOST &&
           int_member(object, "bitrate_kbps", 8, 640, &audio->bitrate_kbps) &&
           int_member(object, "sample_rate", 4000, 192000, &audio->sample_rate) &&
           audio->sample_count_max >= 0 &&
           audio_span_read(json_object_get(object, "span"), &audio->span);
}

/* What the gateway is to know of a span of an MP3; NULL where that is not foretold. */
static json_t *mp3_json(const struct part_spec *spec)
{
    const struct audio_span *span = &spec->audio.span;
    int rate = spec->audio.sample_rate;
    if (spec->target != JOB_MP3 || span->foretold_samples == 0)
        return NULL;
    struct mp3_span foretold = {
        .first_frame = span->first_frame,
        .end_frame =
            span->end_frame ? span->end_frame : mp3_frame_count(span->foretold_samples, rate),
    };
    return mp3_span_json(&foretold, spec->audio.bitrate_kbps, rate);
}

static void put_header(json_t *object, const char *name, const struct copy_header *header,
                       struct es_arena *arena)
{
    if (header->size > 0)
        json_put_text(object, name, base64url_encode(header->bytes, header->size, arena));
}

static bool header_member(const json_t *object, const char *name, struct es_arena *arena,
                          struct copy_header *ret_header)
{
    unsigned char *bytes = NULL;
    struct copy_header header = { 0 };
    const char *text = json_member_string(object, name, "");
    if (!base64url_decode(text, arena, &bytes, &header.size) || header.size > COPY_HEADER_BYTES_MAX)
        return false;
    header.bytes = bytes;
    *ret_header = header;
    return true;
}

static json_t *copy_json(const struct copy_spec *copy, struct es_arena *arena)
{
    json_t *object = json_object();
    put_header(object, "header", &copy->header, arena);
    json_put(object, "is_whole", json_boolean(copy->is_whole));
    json_put(object, "second_stream", json_integer(copy->second_stream_index));
    if (copy->second_stream_index >= 0) {
        json_put(object, "second_time_base", rational_json(copy->second_time_base));
        json_put(object, "second_origin", json_integer(copy->second_origin));
        put_header(object, "second_header", &copy->second_header, arena);
    }
    json_put(object, "index_bytes", json_integer(copy->index_bytes));
    return object;
}

static bool copy_read(const json_t *object, struct es_arena *arena, struct copy_spec *ret_copy)
{
    struct copy_spec *copy = ret_copy;
    copy->is_whole = json_member_bool(object, "is_whole", false);
    copy->second_origin = json_member_integer(object, "second_origin", 0);
    copy->index_bytes = json_member_integer(object, "index_bytes", 0);
    return int_member(object, "second_stream", -1, INT32_MAX, &copy->second_stream_index) &&
           (copy->second_stream_index < 0 ||
            rational_member(object, "second_time_base", false, &copy->second_time_base)) &&
           header_member(object, "header", arena, &copy->header) &&
           header_member(object, "second_header", arena, &copy->second_header) &&
           copy->index_bytes >= 0 && copy->index_bytes <= COPY_INDEX_BYTES_MAX;
}

static json_t *indexes_json(const int *indexes, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_integer(indexes[i]));
    return array;
}

/* As many as there are tracks, all of them of subtitles. */
static bool subtitles_read(const json_t *array, struct es_arena *arena, struct part_spec *spec)
{
    int *streams = es_new_array(arena, int, spec->track_count);
    for (size_t i = 0; i < spec->track_count; i++) {
        int64_t index = json_integer_value(json_array_get(array, i));
        if (spec->tracks[i].kind != HLS_SUBTITLES || index < 0 || index > INT32_MAX)
            return false;
        streams[i] = (int)index;
    }
    spec->subtitle_streams = streams;
    return json_array_size(array) == spec->track_count;
}

const char *part_spec_write(const struct part_spec *spec, struct es_arena *arena)
{
    json_auto object = json_object();
    json_put(object, "version", json_integer(SPEC_VERSION));
    bool is_subtitles = spec->tracks[0].kind == HLS_SUBTITLES;
    json_put_text(object, "kind", is_subtitles ? "subtitles" : spec->is_video ? "video" : "audio");
    json_put(object, "tracks", hls_tracks_json(spec->tracks, spec->track_count));
    json_put_text(object, "target", job_target_name(spec->target));
    json_put(object, "index", json_integer(spec->index));
    json_put(object, "is_first", json_boolean(spec->is_first));
    json_put(object, "stream", json_integer(spec->stream_index));
    json_put(object, "time_base", rational_json(spec->time_base));
    json_put(object, "origin", json_integer(spec->origin));
    if (spec->start != INT64_MIN)
        json_put(object, "start", json_integer(spec->start));
    if (spec->end != INT64_MAX)
        json_put(object, "end", json_integer(spec->end));
    if (spec->expected_end != INT64_MAX)
        json_put(object, "expected_end", json_integer(spec->expected_end));
    json_put(object, "weight_seconds", json_real(spec->weight_seconds));
    json_put(object, "timeline_seconds", json_real(spec->timeline_seconds));
    json_put(object, "picture_stream", json_integer(spec->picture_stream_index));
    if (spec->tag_count)
        json_put(object, "tags", tags_json(spec->tags, spec->tag_count));
    if (spec->chapter_count)
        json_put(object, "chapters", media_chapters_json(spec->chapters, spec->chapter_count));
    if (spec->is_copied)
        json_put(object, "copy", copy_json(&spec->copy, arena));
    else if (spec->is_video)
        json_put(object, "video", video_json(&spec->video, spec->track_count));
    else if (is_subtitles)
        json_put(object, "subtitle_streams",
                 indexes_json(spec->subtitle_streams, spec->track_count));
    else
        json_put(object, "audio", audio_json(&spec->audio));
    json_t *mp3 = mp3_json(spec);
    if (mp3)
        json_put(object, "mp3", mp3);
    return json_text(object, arena);
}

static enum es_code fail_spec(struct es_err *reterr, const char *what)
{
    return es_fail(reterr, ES_INVALID, "the spec's %s is missing or out of range", what);
}

enum es_code part_spec_read(const char *text, struct es_arena *arena, struct part_spec *ret_spec,
                            struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    if (code != ES_OK)
        return code;
    if (json_member_integer(object, "version", 0) != SPEC_VERSION)
        return fail_spec(reterr, "version");
    const char *kind = json_member_string(object, "kind", "");
    struct part_spec spec = {
        .is_video = strcmp(kind, "video") == 0,
        .target = job_target_from_name(json_member_string(object, "target", "")),
        .is_copied = json_is_object(json_object_get(object, "copy")),
        .is_first = json_member_bool(object, "is_first", false),
        .origin = json_member_integer(object, "origin", 0),
        .start = json_member_integer(object, "start", INT64_MIN),
        .end = json_member_integer(object, "end", INT64_MAX),
        .expected_end = json_member_integer(object, "expected_end", INT64_MAX),
        .weight_seconds = json_member_real(object, "weight_seconds", 0),
        .timeline_seconds = json_member_real(object, "timeline_seconds", 0),
    };
    bool is_audio = strcmp(kind, "audio") == 0;
    if (!spec.is_video && !is_audio && strcmp(kind, "subtitles") != 0)
        return fail_spec(reterr, "kind");
    struct hls_track *tracks;
    code = hls_tracks_from_json(json_object_get(object, "tracks"), arena, &tracks,
                                &spec.track_count, reterr);
    if (code != ES_OK)
        return code;
    spec.tracks = tracks;
    if (spec.track_count == 0)
        return fail_spec(reterr, "list of tracks");
    if (spec.target == JOB_TARGET_UNSET)
        return fail_spec(reterr, "target");
    if (!int_member(object, "index", 0, INT32_MAX, &spec.index) ||
        !int_member(object, "stream", 0, INT32_MAX, &spec.stream_index) ||
        !int_member(object, "picture_stream", -1, INT32_MAX, &spec.picture_stream_index))
        return fail_spec(reterr, "index");
    if (!rational_member(object, "time_base", false, &spec.time_base))
        return fail_spec(reterr, "time_base");
    tags_member(object, arena, &spec.tags, &spec.tag_count);
    media_chapters_read(json_object_get(object, "chapters"), arena, &spec.chapters,
                        &spec.chapter_count);
    if (spec.is_copied && !copy_read(json_object_get(object, "copy"), arena, &spec.copy))
        return fail_spec(reterr, "copy");
    if (spec.is_copied) {
        *ret_spec = spec;
        return ES_OK;
    }
    if (spec.is_video &&
        !video_read(json_object_get(object, "video"), spec.track_count, &spec.video))
        return fail_spec(reterr, "video");
    if (is_audio && !audio_read(json_object_get(object, "audio"), arena, &spec.audio))
        return fail_spec(reterr, "audio");
    if (!spec.is_video && !is_audio &&
        !subtitles_read(json_object_get(object, "subtitle_streams"), arena, &spec))
        return fail_spec(reterr, "list of subtitles");
    *ret_spec = spec;
    return ES_OK;
}

const char *join_spec_write(const struct join_spec *spec, struct es_arena *arena)
{
    json_auto object = json_object();
    json_put(object, "version", json_integer(SPEC_VERSION));
    json_put_text(object, "target", job_target_name(spec->target));
    json_put(object, "duration_seconds", json_real(spec->duration_seconds));
    json_put(object, "weight_seconds", json_real(spec->weight_seconds));
    json_put(object, "sounds_left_out", json_integer(spec->sounds_left_out));
    json_put(object, "subtitles_left_out", json_integer(spec->subtitles_left_out));
    json_put(object, "tags", tags_json(spec->tags, spec->tag_count));
    json_put(object, "chapters", media_chapters_json(spec->chapters, spec->chapter_count));
    return json_text(object, arena);
}

enum es_code join_spec_read(const char *text, struct es_arena *arena, struct join_spec *ret_spec,
                            struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    if (code != ES_OK)
        return code;
    struct join_spec spec = {
        .target = job_target_from_name(json_member_string(object, "target", "")),
        .duration_seconds = json_member_real(object, "duration_seconds", 0),
        .weight_seconds = json_member_real(object, "weight_seconds", 0),
    };
    if (json_member_integer(object, "version", 0) != SPEC_VERSION)
        return fail_spec(reterr, "version");
    if (spec.target == JOB_TARGET_UNSET)
        return fail_spec(reterr, "target");
    if (!int_member(object, "sounds_left_out", 0, INT32_MAX, &spec.sounds_left_out) ||
        !int_member(object, "subtitles_left_out", 0, INT32_MAX, &spec.subtitles_left_out))
        return fail_spec(reterr, "number of tracks left out");
    tags_member(object, arena, &spec.tags, &spec.tag_count);
    media_chapters_read(json_object_get(object, "chapters"), arena, &spec.chapters,
                        &spec.chapter_count);
    *ret_spec = spec;
    return ES_OK;
}
