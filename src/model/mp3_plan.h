/* An MP3 of constant bit rate that is made in spans, as its plan foretells it: the gateway serves
 * it from this while the job still runs. A CONVERT part's spec has the member "mp3" for it; the
 * part's result says with "object_bytes" how large its object has become. */
#ifndef MP3_PLAN_H
#define MP3_PLAN_H

#include "base/es_arena.h"
#include "model/part.h"
#include "wire/json.h"
#include "wire/mp3_layout.h"

/* The object of tags and Xing/LAME header, as long as the final file's. The first part publishes it
 * before all else. */
#define MP3_HEAD_NAME "head.mp3"

/* "part-00001.mp3": the object of the part's frames. */
const char *mp3_part_name(int part_index, struct es_arena *arena);

/* The member "mp3" of the part's spec. The caller owns the value. */
json_t *mp3_span_json(const struct mp3_span *span, int bitrate_kbps, int sample_rate);

/* The file that the job's parts (all of them, by index) are going to make, but for `head_bytes`.
 * ES_NOT_FOUND where that is not foretold, or one of them has turned out otherwise. */
ES_CHECK enum es_code mp3_plan_of_parts(const struct part *parts, size_t part_count,
                                        struct es_arena *arena, struct mp3_layout *ret_layout,
                                        struct es_err *reterr);

#endif
