/* hls_tracks as JSON: an object with the member "tracks", in the specs of parts (what is planned)
 * and in their results (with the segments that are made). ES_INVALID for text that is no such form:
 * it comes from a child. */
#ifndef HLS_JSON_H
#define HLS_JSON_H

#include "model/hls.h"
#include "wire/json.h"

void hls_tracks_write(const struct hls_track *tracks, size_t track_count, struct es_buf *buf);
ES_CHECK enum es_code hls_tracks_read(const char *text, struct es_arena *arena,
                                      struct hls_track **ret_tracks, size_t *ret_track_count,
                                      struct es_err *reterr);

/* The array alone, for whoever puts it beside other members. The caller owns the value. */
json_t *hls_tracks_json(const struct hls_track *tracks, size_t track_count);
ES_CHECK enum es_code hls_tracks_from_json(const json_t *array, struct es_arena *arena,
                                           struct hls_track **ret_tracks, size_t *ret_track_count,
                                           struct es_err *reterr);

#endif
