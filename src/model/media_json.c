/* media_facts <-> JSON. */
#include "model/media_json.h"

#include <math.h>
#include <string.h>

static json_t *stream_json(const struct stream_facts *stream)
{
    json_t *object = json_object();
    json_put_text(object, "kind", stream_kind_name(stream->kind));
    json_put_text(object, "codec", stream->codec);
    if (stream->language)
        json_put_text(object, "language", stream->language);
    if (stream->kind == STREAM_VIDEO || stream->kind == STREAM_PICTURE) {
        json_put(object, "width", json_integer(stream->width));
        json_put(object, "height", json_integer(stream->height));
    }
    if (stream->kind == STREAM_VIDEO)
        json_put(object, "frame_rate", json_real(stream->frame_rate));
    if (stream->kind == STREAM_AUDIO) {
        json_put(object, "channels", json_integer(stream->channels));
        json_put(object, "sample_rate", json_integer(stream->sample_rate));
    }
    if (stream->bit_rate > 0)
        json_put(object, "bit_rate", json_integer(stream->bit_rate));
    return object;
}

json_t *media_streams_json(const struct media_facts *facts)
{
    json_t *streams = json_array();
    for (size_t i = 0; i < facts->stream_count; i++)
        json_array_append_new(streams, stream_json(&facts->streams[i]));
    return streams;
}

json_t *media_tags_json(const struct media_facts *facts)
{
    json_t *tags = json_object();
    for (size_t i = 0; i < facts->tag_count; i++)
        json_put_text(tags, facts->tags[i].name, facts->tags[i].value);
    return tags;
}

json_t *media_chapters_json(const struct media_chapter *chapters, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        json_put(object, "start", json_real(chapters[i].start_seconds));
        json_put(object, "end", json_real(chapters[i].end_seconds));
        json_put_text(object, "title", chapters[i].title);
        json_array_append_new(array, object);
    }
    return array;
}

void media_chapters_read(const json_t *array, struct es_arena *arena,
                         const struct media_chapter **ret_chapters, size_t *ret_count)
{
    size_t most = json_array_size(array), count = 0;
    most = most < MEDIA_CHAPTERS_MAX ? most : MEDIA_CHAPTERS_MAX;
    struct media_chapter *chapters = es_new_array(arena, struct media_chapter, most);
    for (size_t i = 0; i < most; i++) {
        const json_t *object = json_array_get(array, i);
        struct media_chapter chapter = {
            .start_seconds = json_member_real(object, "start", -1),
            .end_seconds = json_member_real(object, "end", -1),
            .title = json_member_string(object, "title", ""),
        };
        if (!(chapter.start_seconds >= 0) || !(chapter.end_seconds > chapter.start_seconds) ||
            strlen(chapter.title) > MEDIA_CHAPTER_BYTES_MAX)
            continue;
        chapter.title = es_strdup(arena, chapter.title);
        chapters[count++] = chapter;
    }
    *ret_chapters = chapters;
    *ret_count = count;
}

json_t *media_loudness_json(const struct media_loudness *loudness)
{
    if (!loudness->is_known)
        return json_null();
    json_t *object = json_object();
    json_put(object, "integrated", json_real(loudness->integrated_lufs));
    json_put(object, "range", json_real(loudness->range_lu));
    json_put(object, "true_peak", json_real(loudness->true_peak_dbtp));
    return object;
}

struct media_loudness media_loudness_read(const json_t *object)
{
    struct media_loudness loudness = {
        .integrated_lufs = json_member_real(object, "integrated", NAN),
        .range_lu = json_member_real(object, "range", NAN),
        .true_peak_dbtp = json_member_real(object, "true_peak", NAN),
    };
    loudness.is_known = isfinite(loudness.integrated_lufs) && isfinite(loudness.range_lu) &&
                        isfinite(loudness.true_peak_dbtp);
    return loudness.is_known ? loudness : (struct media_loudness){ 0 };
}

void media_facts_write(const struct media_facts *facts, struct es_buf *buf)
{
    json_auto object = json_object();
    json_put_text(object, "format", facts->format);
    json_put_text(object, "content_type", facts->content_type);
    json_put(object, "duration_seconds", json_real(facts->duration_seconds));
    json_put(object, "streams", media_streams_json(facts));
    json_put(object, "tags", media_tags_json(facts));
    json_put(object, "chapters", media_chapters_json(facts->chapters, facts->chapter_count));
    json_put(object, "loudness", media_loudness_json(&facts->loudness));
    json_write(object, buf);
}

/* A member that is an integer of 0..max; 0 for anything else. */
static int small_integer(const json_t *object, const char *name, int max)
{
    int64_t value = json_member_integer(object, name, 0);
    return value > 0 && value <= max ? (int)value : 0;
}

static struct stream_facts read_stream(const json_t *object, struct es_arena *arena)
{
    double frame_rate = json_member_real(object, "frame_rate", 0);
    int64_t bit_rate = json_member_integer(object, "bit_rate", 0);
    return (struct stream_facts){
        .kind = stream_kind_from_name(json_member_string(object, "kind", "")),
        .codec = es_strdup(arena, json_member_string(object, "codec", "unknown")),
        .language = es_strdup(arena, json_member_string(object, "language", NULL)),
        .width = small_integer(object, "width", 65535),
        .height = small_integer(object, "height", 65535),
        .frame_rate = frame_rate > 0 && frame_rate < 10000 ? frame_rate : 0,
        .channels = small_integer(object, "channels", 255),
        .sample_rate = small_integer(object, "sample_rate", 10000000),
        .bit_rate = bit_rate > 0 ? bit_rate : 0,
    };
}

enum es_code media_facts_read(const char *text, struct es_arena *arena,
                              struct media_facts *ret_facts, struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    if (code)
        return code;
    const json_t *streams = json_object_get(object, "streams");
    const json_t *tags = json_object_get(object, "tags");
    double duration = json_member_real(object, "duration_seconds", -1);
    if (!json_is_array(streams) || !json_is_object(tags) || !(duration >= 0) ||
        json_array_size(streams) > MEDIA_STREAMS_MAX || json_object_size(tags) > MEDIA_TAGS_MAX)
        return es_fail(reterr, ES_INVALID, "these are no media facts");

    size_t stream_count = json_array_size(streams), tag_count = 0;
    struct stream_facts *read_streams = es_new_array(arena, struct stream_facts, stream_count);
    for (size_t i = 0; i < stream_count; i++) {
        read_streams[i] = read_stream(json_array_get(streams, i), arena);
        if (read_streams[i].kind == STREAM_UNSET)
            return es_fail(reterr, ES_INVALID, "stream %zu is of no known kind", i);
    }
    struct media_tag *read_tags = es_new_array(arena, struct media_tag, json_object_size(tags));
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)tags, name, value)
    {
        if (json_is_string(value))
            read_tags[tag_count++] = (struct media_tag){
                .name = es_strdup(arena, name),
                .value = es_strdup(arena, json_string_value(value)),
            };
    }
    *ret_facts = (struct media_facts){
        .format = es_strdup(arena, json_member_string(object, "format", "unknown")),
        .content_type = es_strdup(
            arena, json_member_string(object, "content_type", "application/octet-stream")),
        .duration_seconds = duration,
        .streams = read_streams,
        .stream_count = stream_count,
        .tags = read_tags,
        .tag_count = tag_count,
        .loudness = media_loudness_read(json_object_get(object, "loudness")),
    };
    media_chapters_read(json_object_get(object, "chapters"), arena, &ret_facts->chapters,
                        &ret_facts->chapter_count);
    return ES_OK;
}
