/* Tags and cover art. Pure over libav's structs. */
#include "engine/tags.h"

#include <libavutil/avstring.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_text.h"

#define TAG_NAME_BYTES_MAX 64

/* These describe the file that was, not the work in it. */
static bool is_about_container(const char *name)
{
    static const char *const names[] = {
        "encoder",      "major_brand", "minor_version", "compatible_brands", "creation_time",
        "handler_name", "vendor_id",   "duration",      "software",          "encoded_by",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return es_text_has_prefix(name, "id3v2_priv") || es_text_has_prefix(name, "_statistics") ||
           es_text_has_prefix(name, "bps") || es_text_has_prefix(name, "number_of_");
}

static bool has_tag(const struct media_tag *tags, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tags[i].name, name) == 0)
            return true;
    return false;
}

static size_t collect(const AVDictionary *metadata, struct es_arena *arena, struct media_tag *tags,
                      size_t count)
{
    const AVDictionaryEntry *entry = NULL;
    while (count < MEDIA_TAGS_MAX &&
           (entry = av_dict_get(metadata, "", entry, AV_DICT_IGNORE_SUFFIX))) {
        size_t name_size = strlen(entry->key), value_size = strlen(entry->value);
        if (name_size == 0 || name_size > TAG_NAME_BYTES_MAX || value_size == 0 ||
            value_size > MEDIA_TAG_BYTES_MAX || !es_utf8_is_valid(entry->key, name_size) ||
            !es_utf8_is_valid(entry->value, value_size) || es_text_has_control(entry->key))
            continue;
        char *name = es_strdup(arena, entry->key);
        for (char *c = name; *c; c++)
            *c = (char)av_tolower(*c);
        if (is_about_container(name) || has_tag(tags, count, name))
            continue;
        tags[count++] = (struct media_tag){ name, es_strdup(arena, entry->value) };
    }
    return count;
}

void tags_collect(const AVFormatContext *format, int main_stream_index, struct es_arena *arena,
                  const struct media_tag **ret_tags, size_t *ret_tag_count)
{
    struct media_tag *tags = es_new_array(arena, struct media_tag, MEDIA_TAGS_MAX);
    size_t count = collect(format->metadata, arena, tags, 0);
    if (main_stream_index >= 0) {
        /* A film's stream says which language it is in: that is no tag of the work. */
        const AVStream *stream = format->streams[main_stream_index];
        size_t with_stream = collect(stream->metadata, arena, tags, count);
        size_t kept = count;
        for (size_t i = count; i < with_stream; i++)
            if (strcmp(tags[i].name, "language") != 0)
                tags[kept++] = tags[i];
        count = kept;
    }
    *ret_tags = tags;
    *ret_tag_count = count;
}

void tags_apply(const struct media_tag *tags, size_t tag_count, AVDictionary **metadata)
{
    for (size_t i = 0; i < tag_count; i++)
        av_dict_set(metadata, tags[i].name, tags[i].value, 0);
}

int picture_find(const AVFormatContext *format)
{
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *stream = format->streams[i];
        enum AVCodecID codec_id = stream->codecpar->codec_id;
        if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC && stream->attached_pic.size > 0 &&
            stream->attached_pic.size <= PICTURE_BYTES_MAX &&
            (codec_id == AV_CODEC_ID_MJPEG || codec_id == AV_CODEC_ID_PNG))
            return (int)i;
    }
    return -1;
}

const char *picture_object_name(enum AVCodecID codec_id)
{
    return codec_id == AV_CODEC_ID_PNG ? "picture.png" : "picture.jpg";
}

enum AVCodecID picture_codec_of_name(const char *name)
{
    return es_text_has_suffix(name, ".png") ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG;
}

AVStream *picture_add_stream(AVFormatContext *muxer, enum AVCodecID codec_id, int width, int height)
{
    AVStream *stream = avformat_new_stream(muxer, NULL);
    if (!stream)
        abort();
    stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    stream->codecpar->codec_id = codec_id;
    stream->codecpar->width = width > 0 ? width : 1;
    stream->codecpar->height = height > 0 ? height : 1;
    stream->disposition = AV_DISPOSITION_ATTACHED_PIC;
    stream->time_base = (AVRational){ 1, 90000 };
    return stream;
}

int64_t tags_id3_bytes(const uint8_t head[static ID3_HEAD_BYTES])
{
    bool has_footer = head[5] & 0x10;
    if (memcmp(head, "ID3", 3) != 0 || ((head[6] | head[7] | head[8] | head[9]) & 0x80))
        return 0;
    /* The size is in four times seven bits. */
    return ID3_HEAD_BYTES + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) +
           (has_footer ? ID3_HEAD_BYTES : 0);
}
