/* Chapters. */
#include "engine/chapters.h"

#include <libavutil/mem.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_text.h"

#define CHAPTER_SECONDS_MIN 0.001
#define TICKS               1000 /* a second; what both muxers count in */

static const char *title_of(const AVChapter *chapter, struct es_arena *arena)
{
    const AVDictionaryEntry *entry = av_dict_get(chapter->metadata, "title", NULL, 0);
    const char *text = entry ? entry->value : "";
    size_t size = strlen(text);
    if (!es_utf8_is_valid(text, size))
        return "";
    while (size > MEDIA_CHAPTER_BYTES_MAX ||
           (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80))
        size--;
    return es_strndup(arena, text, size);
}

static int by_start(const void *left, const void *right)
{
    const struct media_chapter *a = left, *b = right;
    return (a->start_seconds > b->start_seconds) - (a->start_seconds < b->start_seconds);
}

void chapters_collect(const AVFormatContext *format, int64_t origin_us, double duration_seconds,
                      struct es_arena *arena, const struct media_chapter **ret_chapters,
                      size_t *ret_count)
{
    size_t most =
        format->nb_chapters < MEDIA_CHAPTERS_MAX ? format->nb_chapters : MEDIA_CHAPTERS_MAX;
    struct media_chapter *chapters = es_new_array(arena, struct media_chapter, most);
    size_t count = 0;
    for (size_t i = 0; i < most; i++) {
        const AVChapter *chapter = format->chapters[i];
        if (chapter->time_base.num <= 0 || chapter->time_base.den <= 0)
            continue;
        double zero = (double)origin_us / AV_TIME_BASE, unit = av_q2d(chapter->time_base);
        double start = fmax(0, (double)chapter->start * unit - zero);
        double end = chapter->end != AV_NOPTS_VALUE
                         ? fmin(duration_seconds, (double)chapter->end * unit - zero)
                         : duration_seconds;
        if (end - start >= CHAPTER_SECONDS_MIN)
            chapters[count++] = (struct media_chapter){ start, end, title_of(chapter, arena) };
    }
    if (count > 0)
        qsort(chapters, count, sizeof(*chapters), by_start);
    *ret_chapters = chapters;
    *ret_count = count;
}

void chapters_apply(const struct media_chapter *chapters, size_t count, AVFormatContext *muxer)
{
    for (size_t i = 0; i < count; i++) {
        AVChapter *chapter = av_mallocz(sizeof(*chapter));
        if (!chapter)
            abort();
        chapter->id = (int64_t)i + 1;
        chapter->time_base = (AVRational){ 1, TICKS };
        chapter->start = llround(chapters[i].start_seconds * TICKS);
        chapter->end = llround(chapters[i].end_seconds * TICKS);
        if (*chapters[i].title)
            av_dict_set(&chapter->metadata, "title", chapters[i].title, 0);
        int number = (int)muxer->nb_chapters;
        av_dynarray_add(&muxer->chapters, &number, chapter);
        muxer->nb_chapters = (unsigned)number;
    }
}
