/* What a finished CONVERT part says of itself, as JSON: for HLS its hls_tracks (model/hls_json.h),
 * for the others the object that the join reads; and for all what the join's remarks are made of.
 */
#ifndef PART_RESULT_H
#define PART_RESULT_H

#include "base/es_arena.h"
#include "base/es_error.h"
#include "engine/loudness_tally.h"
#include "engine/span.h"
#include "model/hls.h"

struct part_result {
    const char *object;        /* NULL for HLS, or where the part's span held nothing */
    const char *picture;       /* the object of the cover art, or NULL */
    int64_t size_bytes;        /* of the object; for HLS of the header */
    int64_t shift;             /* ticks that were added to its times */
    double end_seconds;        /* where on the job's timeline it ends; 0 for an empty span */
    double source_end_seconds; /* and where the last that was read of the source does */
    int64_t damaged_packets;
    struct span_result span;               /* where the part is one of several spans of sound */
    const struct loudness_tally *loudness; /* of what of it the join takes; NULL: not measured */
};

/* `tracks` are none but for HLS. */
const char *part_result_write(const struct part_result *result, const struct hls_track *tracks,
                              size_t track_count, struct es_arena *arena);
/* ES_INVALID for text that is no such result. */
ES_CHECK enum es_code part_result_read(const char *text, struct es_arena *arena,
                                       struct part_result *ret_result, struct es_err *reterr);

#endif
