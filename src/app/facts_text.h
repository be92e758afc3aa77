/* Facts of media as a person reads them on a terminal. Texts live in the arena. What comes out of
 * files is made harmless first: no control character reaches the terminal. Pure. */
#ifndef FACTS_TEXT_H
#define FACTS_TEXT_H

#include <stdint.h>

#include "base/es_arena.h"
#include "model/media.h"

#define SAFE_TEXT_BYTES_MAX 200

/* Control characters of either set become blanks, what is no UTF-8 becomes '?'; cut at a
 * character's edge after SAFE_TEXT_BYTES_MAX bytes, with "..." where something is left out. */
const char *text_of_unsafe(const char *text, struct es_arena *arena);

const char *text_of_time(double seconds, struct es_arena *arena);     /* "0:00" "1:02:03" */
const char *text_of_duration(double seconds, struct es_arena *arena); /* "0:30" "1:02:03" "0.4 s" */
const char *text_of_size(int64_t bytes, struct es_arena *arena);      /* "512 bytes" "3.4 MiB" */
const char *text_of_bit_rate(double bits_a_second, struct es_arena *arena); /* "128 kb/s" */

/* "MP4/MOV", "Matroska/WebM", "FLAC"; libav's own name for what is rarer. */
const char *text_of_format(const struct media_facts *facts, struct es_arena *arena);
/* "h264, 1280x720, 25 fps, 1.2 Mb/s", "aac, 48 kHz, stereo, 128 kb/s, eng": what is known. */
const char *text_of_stream(const struct stream_facts *stream, struct es_arena *arena);
/* "MP4/MOV, 0:30, 1.2 MiB, 345 kb/s": the file as a whole. */
const char *text_of_file(const struct media_facts *facts, int64_t size_bytes,
                         struct es_arena *arena);

#endif
