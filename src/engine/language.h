/* What a stream says of its language and name, as a playlist and a player's menu want it. */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include <libavformat/avformat.h>

#include "base/es_arena.h"
#include "model/hls.h"

/* BCP 47, with the short code where the source has ISO 639-2's long one ("spa" -> "es"); NULL where
 * the stream does not say. */
const char *language_tag(const AVStream *stream, struct es_arena *arena);

/* ISO 639-2's code, as MP4 has it, of what language_tag gives ("es-MX" -> "spa"); NULL where it has
 * none. */
const char *language_code(const char *tag, struct es_arena *arena);

/* For people: the stream's title, else its language's own name, else `fallback` ("Audio") with its
 * number; never one that any of the `count` tracks before it has. */
const char *language_label(const AVStream *stream, const char *fallback,
                           const struct hls_track *tracks, size_t count, struct es_arena *arena);

#endif
