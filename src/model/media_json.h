/* The facts of a media as JSON text: in the stores' columns and between a child and its parent.
 * Numbers and sizes that come from elsewhere are checked; text that is no such form is ES_INVALID.
 */
#ifndef MEDIA_JSON_H
#define MEDIA_JSON_H

#include "base/es_buf.h"
#include "model/media.h"
#include "wire/json.h"

void media_facts_write(const struct media_facts *facts, struct es_buf *buf);
ES_CHECK enum es_code media_facts_read(const char *text, struct es_arena *arena,
                                       struct media_facts *ret_facts, struct es_err *reterr);

/* [{kind, codec, width, height ...}] and {title: ..., artist: ...}: the same form in the API's
 * media object. The caller owns the value. */
json_t *media_streams_json(const struct media_facts *facts);
json_t *media_tags_json(const struct media_facts *facts);

/* [{start, end, title}]; what is read is bounded, and what is no chapter left out. */
json_t *media_chapters_json(const struct media_chapter *chapters, size_t count);
void media_chapters_read(const json_t *array, struct es_arena *arena,
                         const struct media_chapter **ret_chapters, size_t *ret_count);

/* {integrated, range, true_peak}, or null where it is not known. */
json_t *media_loudness_json(const struct media_loudness *loudness);
struct media_loudness media_loudness_read(const json_t *object);

#endif
