/* HLS playlists of a job, from what its parts plan and have published: the gateway renders them
 * while the job runs, the engine's join at its end, with this one piece of code (RFC 8216, and
 * draft-pantos-hls-rfc8216bis for CODECS and friends). A part's spec names its tracks, and the
 * result of a part that makes segments lists them, in the form of hls_json.h. */
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
    const char *init_name; /* its initialisation segment; NULL for subtitles */
    double duration_seconds;
    int64_t size_bytes;
    int64_t key_bytes; /* video: how many of them hold the key frame it begins with; 0 unknown */
    int awaited_part;  /* not there yet: the index of the part that is going to make it, else 0 */
};

#define HLS_TRACKS_MAX 16

enum hls_kind { HLS_KIND_UNSET = 0, HLS_VIDEO, HLS_AUDIO, HLS_SUBTITLES };

/* One rendition: one track of the timeline, or what is there of it so far. */
struct hls_track {
    const char *name; /* "video", "video-720", "audio": the playlist is "{name}.m3u8" */
    enum hls_kind kind;
    const char *codecs;       /* RFC 6381: "avc1.64001f", "mp4a.40.2"; NULL unknown */
    int width, height;        /* video */
    double frame_rate;        /* video; 0 unknown */
    int channels;             /* audio */
    const char *language;     /* BCP 47; NULL unknown */
    const char *label;        /* for people; NULL none */
    bool is_default;          /* of several of a kind (audio, subtitles) the one to begin with */
    int target_seconds;       /* no segment will last longer, rounded; 0: none is long */
    int64_t planned_bit_rate; /* bits a second that its segments will keep to; 0 unknown */
    const struct hls_segment *segments;
    size_t segment_count;
    bool is_complete; /* every part of it is done */
    bool is_whole;    /* the segments reach to the end: each part is done or planned */
};

/* The job's tracks from all its parts (by index; results may be missing): of each track the
 * segments of its parts in order, those that are made and those that the specs plan
 * (`awaited_part`). Where a part is neither done nor planned the track ends, with the last segment
 * that can be had without a wait. A part belongs to the tracks that its spec names, so a track that
 * has nothing yet is there too. All have the longest target that any has. ES_INVALID. */
ES_CHECK enum es_code hls_tracks_of_parts(const struct part *parts, size_t part_count,
                                          struct es_arena *arena, struct hls_track **ret_tracks,
                                          size_t *ret_track_count, struct es_err *reterr);

/* Ends the track before the first segment that is still to come. */
void hls_track_drop_awaited(struct hls_track *track);

/* Whether play can begin: of the pictures one has begun, and of the sounds one. */
bool hls_tracks_can_play(const struct hls_track *tracks, size_t track_count);

/* index.m3u8: the multivariant playlist, or with sound alone the media playlist of its one track.
 * `name_prefix` goes before every name ("" or "/hls/LINK/"). Pictures stand from the smallest to
 * the largest; with several of them the sound alone is a variant too. Bandwidths are those of the
 * segments that are there, and not less than planned of a track that is not complete, so the
 * playlist of a running job stays true without being loaded again. */
void hls_render_index(const struct hls_track *tracks, size_t track_count, const char *name_prefix,
                      bool is_final, struct es_buf *buf);
/* One track's media playlist: EXT-X-PLAYLIST-TYPE EVENT while it grows, VOD with EXT-X-ENDLIST when
 * final: a player then shows the whole length and never asks for the playlist again. So it is final
 * as soon as every track is whole, with segments that are still to come. */
void hls_render_track(const struct hls_track *track, const char *name_prefix, bool is_final,
                      struct es_buf *buf);
/* The same for the first frame of each segment alone, up to the first segment that is still to
 * come: the track's "{name}-iframes.m3u8". */
void hls_render_key_frames(const struct hls_track *track, const char *name_prefix, bool is_final,
                           struct es_buf *buf);

/* The names of all these playlists, index.m3u8 last; and any of them by its name, final where its
 * track is: false where the job has none of that name. */
const char **hls_playlist_names(const struct hls_track *tracks, size_t track_count,
                                struct es_arena *arena, size_t *ret_count);
bool hls_render(const struct hls_track *tracks, size_t track_count, const char *file,
                const char *name_prefix, bool is_final, struct es_buf *buf);

#endif
