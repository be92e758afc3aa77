/* What a search finds in a media, once for every metadata store. Pure; thread-safe. */
#ifndef MEDIA_SEARCH_H
#define MEDIA_SEARCH_H

#include <stdbool.h>

#include "model/media.h"
#include "port/meta_store.h"

/* "video" with a moving picture, "audio" with sound alone, else "". */
const char *media_type(const struct media_facts *facts);

/* The file name in small letters: what MEDIA_BY_NAME sorts by, then by id. */
const char *media_name_key(const char *original_filename, struct es_arena *arena);

/* File name, title, artist and album in small letters, one a line: it contains
 * media_search_needle(text) exactly where the query's text is found. */
const char *media_search_text(const char *original_filename, const struct media_facts *facts,
                              struct es_arena *arena);
const char *media_search_needle(const char *text, struct es_arena *arena);

#endif
