/* HLS playlists of a job, from what its parts have published: the gateway renders them while the
 * job runs, the engine's join at its end, with this one piece of code (RFC 8216, and
 * draft-pantos-hls-rfc8216bis for CODECS and friends). The result of a part that makes segments is
 * the JSON form of its hls_tracks. */
#ifndef HLS_H
#define HLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_buf.h"
#include "base/es_error.h"
#include "model/part.h"

struct hls_segment {
    const char *name;      /* the object, relative to the job's prefix */
    const char *init_name; /* its initialisation segment */
    double duration_seconds;
    int64_t size_bytes;
};

/* One rendition: one track of the timeline, or what is there of it so far. */
struct hls_track {
    const char *name; /* "video", "audio": the playlist is "{name}.m3u8" */
    bool is_video;
    const char *codecs; /* RFC 6381: "avc1.64001f", "mp4a.40.2" */
    int width, height;  /* video */
    double frame_rate;  /* video; 0 unknown */
    int channels;       /* audio */
    const struct hls_segment *segments;
    size_t segment_count;
    bool is_complete; /* every part of it is done */
};

/* Writes / reads the JSON form: an object with the member "tracks". ES_INVALID for text that is no
 * such form: it comes from a child. */
void hls_tracks_write(const struct hls_track *tracks, size_t track_count, struct es_buf *buf);
ES_CHECK enum es_code hls_tracks_read(const char *text, struct es_arena *arena,
                                      struct hls_track **ret_tracks, size_t *ret_track_count,
                                      struct es_err *reterr);

/* The job's tracks from all its parts (by index; results may be missing): of each track the
 * segments of its parts in order, up to the first that is missing. A part belongs to the tracks
 * that its spec names ({"tracks": [{"name": "video"}]}), so a track that has nothing yet is there
 * too (codecs NULL). ES_INVALID. */
ES_CHECK enum es_code hls_tracks_of_parts(const struct part *parts, size_t part_count,
                                          struct es_arena *arena, struct hls_track **ret_tracks,
                                          size_t *ret_track_count, struct es_err *reterr);

/* index.m3u8: with two tracks the multivariant playlist, with one that track's media playlist.
 * `name_prefix` goes before every name ("" or "/hls/LINK/"). */
void hls_render_index(const struct hls_track *tracks, size_t track_count, const char *name_prefix,
                      bool is_final, struct es_buf *buf);
/* One track's media playlist: EXT-X-PLAYLIST-TYPE EVENT while it grows, VOD with EXT-X-ENDLIST when
 * final. */
void hls_render_track(const struct hls_track *track, const char *name_prefix, bool is_final,
                      struct es_buf *buf);

#endif
