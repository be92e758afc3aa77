/* Built on text_fold, which leaves no line breaks in what it folds. */
#include "backend/media_search.h"

#include <string.h>

#include "backend/text_fold.h"
#include "base/es_buf.h"

const char *media_type(const struct media_facts *facts)
{
    if (media_has_stream(facts, STREAM_VIDEO))
        return "video";
    return media_has_stream(facts, STREAM_AUDIO) ? "audio" : "";
}

const char *media_search_needle(const char *text, struct es_arena *arena)
{
    es_auto_buf folded = { 0 };
    text_fold(text, &folded);
    return es_strdup(arena, es_buf_text(&folded));
}

const char *media_name_key(const char *original_filename, struct es_arena *arena)
{
    return media_search_needle(original_filename, arena);
}

const char *media_search_text(const char *original_filename, const struct media_facts *facts,
                              struct es_arena *arena)
{
    static const char *const names[] = { "title", "artist", "album" };
    es_auto_buf folded = { 0 };
    text_fold(original_filename, &folded);
    for (size_t i = 0; i < facts->tag_count; i++)
        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
            if (strcmp(facts->tags[i].name, names[j]) == 0) {
                es_buf_append_char(&folded, '\n');
                text_fold(facts->tags[i].value, &folded);
            }
    return es_strdup(arena, es_buf_text(&folded));
}
