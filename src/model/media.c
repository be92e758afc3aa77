/* Names of media's enumerations, file names, and copies. */
#include "model/media.h"

#include <ctype.h>
#include <string.h>

#include "base/es_buf.h"
#include "base/es_text.h"
#include "model/names.h"

#define EXTENSION_LENGTH_MAX 10

static const char *const status_names[] = {
    [MEDIA_UPLOADING] = "uploading",   [MEDIA_UPLOADED] = "uploaded",
    [MEDIA_PROCESSING] = "processing", [MEDIA_READY] = "ready",
    [MEDIA_ERROR] = "error",
};
static const char *const policy_names[] = {
    [PLAYBACK_PUBLIC] = "public",
    [PLAYBACK_SIGNED] = "signed",
};
static const char *const kind_names[] = {
    [STREAM_VIDEO] = "video",
    [STREAM_AUDIO] = "audio",
    [STREAM_SUBTITLE] = "subtitle",
    [STREAM_PICTURE] = "picture",
};

const char *media_status_name(enum media_status status)
{
    return NAME_OF(status_names, status);
}

enum media_status media_status_from_name(const char *name)
{
    return (enum media_status)VALUE_OF(status_names, name);
}

const char *playback_policy_name(enum playback_policy policy)
{
    return NAME_OF(policy_names, policy);
}

enum playback_policy playback_policy_from_name(const char *name)
{
    return (enum playback_policy)VALUE_OF(policy_names, name);
}

const char *stream_kind_name(enum stream_kind kind)
{
    return NAME_OF(kind_names, kind);
}

enum stream_kind stream_kind_from_name(const char *name)
{
    return (enum stream_kind)VALUE_OF(kind_names, name);
}

bool media_has_stream(const struct media_facts *facts, enum stream_kind kind)
{
    for (size_t i = 0; i < facts->stream_count; i++)
        if (facts->streams[i].kind == kind)
            return true;
    return false;
}

const char *media_filename_extension(const char *filename, struct es_arena *arena)
{
    const char *dot = strrchr(filename, '.');
    if (!dot)
        return "";
    size_t length = strlen(dot + 1);
    if (length < 1 || length > EXTENSION_LENGTH_MAX)
        return "";
    char *extension = es_strdup(arena, dot);
    for (char *cursor = extension + 1; *cursor; cursor++) {
        if (!isalnum((unsigned char)*cursor) || (unsigned char)*cursor > 0x7f)
            return "";
        *cursor = (char)tolower((unsigned char)*cursor);
    }
    return extension;
}

/* Cuts `name` to `size_max` bytes before its extension, at a character's edge. */
static char *cut(const char *name, size_t size_max, struct es_arena *arena)
{
    const char *extension = media_filename_extension(name, arena);
    size_t stem_size = size_max - strlen(extension);
    while (stem_size > 0 && ((unsigned char)name[stem_size] & 0xc0) == 0x80)
        stem_size--;
    return es_printf(arena, "%.*s%s", (int)stem_size, name, extension);
}

enum es_code media_filename_clean(const char *filename, struct es_arena *arena,
                                  const char **ret_filename, struct es_err *reterr)
{
    if (!es_utf8_is_valid(filename, strlen(filename)))
        return es_fail_word(reterr, ES_INVALID, "filename_invalid", "the file name is not UTF-8");
    const char *last = filename;
    for (const char *cursor = filename; *cursor; cursor++)
        if (*cursor == '/' || *cursor == '\\')
            last = cursor + 1;

    es_auto_buf clean = { 0 };
    for (; *last; last++)
        if ((unsigned char)*last >= 0x20 && *last != 0x7f)
            es_buf_append_char(&clean, *last);
    while (clean.size > 0 && clean.bytes[clean.size - 1] == ' ')
        clean.bytes[--clean.size] = 0;
    const char *name = es_buf_text(&clean);
    name += strspn(name, " ");
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        name = "unnamed";
    *ret_filename = strlen(name) > MEDIA_FILENAME_BYTES_MAX
                        ? cut(name, MEDIA_FILENAME_BYTES_MAX, arena)
                        : es_strdup(arena, name);
    return ES_OK;
}

const struct media_chapter *media_chapters_copy(const struct media_chapter *chapters, size_t count,
                                                struct es_arena *arena)
{
    struct media_chapter *copies = es_new_array(arena, struct media_chapter, count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = chapters[i];
        copies[i].title = es_strdup(arena, chapters[i].title);
    }
    return copies;
}

struct media_facts media_facts_copy(const struct media_facts *facts, struct es_arena *arena)
{
    struct media_facts copy = *facts;
    copy.format = es_strdup(arena, facts->format);
    copy.content_type = es_strdup(arena, facts->content_type);
    struct stream_facts *streams = es_new_array(arena, struct stream_facts, facts->stream_count);
    for (size_t i = 0; i < facts->stream_count; i++) {
        streams[i] = facts->streams[i];
        streams[i].codec = es_strdup(arena, facts->streams[i].codec);
        streams[i].language = es_strdup(arena, facts->streams[i].language);
    }
    struct media_tag *tags = es_new_array(arena, struct media_tag, facts->tag_count);
    for (size_t i = 0; i < facts->tag_count; i++) {
        tags[i].name = es_strdup(arena, facts->tags[i].name);
        tags[i].value = es_strdup(arena, facts->tags[i].value);
    }
    copy.streams = streams;
    copy.tags = tags;
    copy.chapters = media_chapters_copy(facts->chapters, facts->chapter_count, arena);
    return copy;
}

struct media *media_copy(const struct media *media, struct es_arena *arena)
{
    struct media *copy = es_memdup(arena, media, sizeof(*media));
    copy->original_filename = es_strdup(arena, media->original_filename);
    copy->source_object = es_strdup(arena, media->source_object);
    copy->content_type = es_strdup(arena, media->content_type);
    copy->original_extension = es_strdup(arena, media->original_extension);
    copy->sha256 = es_strdup(arena, media->sha256);
    copy->facts = media_facts_copy(&media->facts, arena);
    return copy;
}
