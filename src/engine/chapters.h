/* Chapters: what a container tells of them, and into what a muxer takes. Pure over libav's structs.
 */
#ifndef CHAPTERS_H
#define CHAPTERS_H

#include <libavformat/avformat.h>

#include "base/es_arena.h"
#include "model/media.h"

/* Bounded in number and titles, by their starts, on a timeline whose zero is at `origin_us`; what
 * lies outside of `duration_seconds` is cut off. */
void chapters_collect(const AVFormatContext *format, int64_t origin_us, double duration_seconds,
                      struct es_arena *arena, const struct media_chapter **ret_chapters,
                      size_t *ret_count);

/* To be called before the muxer's header is written. */
void chapters_apply(const struct media_chapter *chapters, size_t count, AVFormatContext *muxer);

#endif
