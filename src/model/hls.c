/* A job's tracks, put together from what its parts plan and have published. Pure. */
#include "model/hls.h"

#include <string.h>

#include "model/hls_json.h"

/* A track that grows part by part. */
struct growing_track {
    struct hls_track track;
    struct hls_segment *segments;
    size_t count, capacity;
    bool has_facts; /* from a part that is made, in place of what was planned */
};

static struct growing_track *find_or_add(struct growing_track *tracks, size_t *count,
                                         const struct hls_track *planned)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(tracks[i].track.name, planned->name) == 0)
            return &tracks[i];
    if (*count == HLS_TRACKS_MAX)
        return NULL;
    struct growing_track *added = &tracks[(*count)++];
    *added = (struct growing_track){ .track = *planned };
    added->track.is_complete = added->track.is_whole = true; /* until a part of it is not */
    return added;
}

static void append_segments(struct growing_track *growing, const struct hls_segment *segments,
                            size_t count, struct es_arena *arena)
{
    if (growing->count + count > growing->capacity) {
        growing->capacity = (growing->count + count) * 2;
        struct hls_segment *larger = es_new_array(arena, struct hls_segment, growing->capacity);
        if (growing->count)
            memcpy(larger, growing->segments, growing->count * sizeof(*larger));
        growing->segments = larger;
    }
    if (count)
        memcpy(growing->segments + growing->count, segments, count * sizeof(*segments));
    growing->count += count;
}

static void append_made(struct growing_track *growing, const struct hls_track *made,
                        struct es_arena *arena)
{
    if (!growing->has_facts) {
        bool is_complete = growing->track.is_complete;
        growing->track = *made;
        growing->track.is_complete = is_complete;
        growing->track.is_whole = true;
        growing->has_facts = true;
    }
    append_segments(growing, made->segments, made->segment_count, arena);
}

/* What is planned beyond the `made_count` segments that the part has made. */
static void append_planned(struct growing_track *growing, const struct hls_track *planned,
                           size_t made_count, int part_index, struct es_arena *arena)
{
    for (size_t i = made_count; i < planned->segment_count; i++) {
        struct hls_segment segment = planned->segments[i];
        segment.awaited_part = part_index;
        segment.size_bytes = segment.key_bytes = 0; /* not known before it is made */
        if (made_count > 0)                         /* the part may have a header of its own */
            segment.init_name = growing->segments[growing->count - 1].init_name;
        append_segments(growing, &segment, 1, arena);
    }
}

/* Adds what a part has of one track: `made` is NULL where that is nothing yet. */
static enum es_code add_part(struct growing_track *growing, size_t *track_count,
                             const struct hls_track *planned, const struct hls_track *made,
                             int part_index, struct es_arena *arena, struct es_err *reterr)
{
    struct growing_track *of_name = find_or_add(growing, track_count, planned);
    if (!of_name)
        return es_fail(reterr, ES_INVALID, "more than %d tracks", HLS_TRACKS_MAX);
    if (!of_name->track.is_whole)
        return ES_OK; /* something before it is missing */
    if (made)
        append_made(of_name, made, arena);
    if (made && made->is_complete)
        return ES_OK;
    of_name->track.is_complete = false;
    of_name->track.is_whole = planned->segment_count > 0;
    append_planned(of_name, planned, made ? made->segment_count : 0, part_index, arena);
    return ES_OK;
}

/* The tracks that a part's spec names, before there is any result: some of them have one. */
static enum es_code add_tracks(struct growing_track *growing, size_t *track_count,
                               const struct part *part, struct es_arena *arena,
                               struct es_err *reterr)
{
    struct hls_track *planned = NULL, *made = NULL;
    size_t planned_count = 0, made_count = 0, used = 0;
    enum es_code code = hls_tracks_read(part->spec, arena, &planned, &planned_count, reterr);
    if (code == ES_OK && part->result)
        code = hls_tracks_read(part->result, arena, &made, &made_count, reterr);
    for (size_t i = 0; i < planned_count && code == ES_OK; i++) {
        const struct hls_track *of_track = NULL;
        for (size_t t = 0; t < made_count && !of_track; t++)
            if (strcmp(made[t].name, planned[i].name) == 0)
                of_track = &made[t];
        used += of_track != NULL;
        code = add_part(growing, track_count, &planned[i], of_track, part->index, arena, reterr);
    }
    if (code == ES_OK && used != made_count)
        code = es_fail(reterr, ES_INVALID, "the result is for another track");
    return code == ES_OK ? code : es_wrap(reterr, code, "part %d", part->index);
}

void hls_track_drop_awaited(struct hls_track *track)
{
    for (size_t i = 0; i < track->segment_count; i++)
        if (track->segments[i].awaited_part)
            track->segment_count = i;
}

enum es_code hls_tracks_of_parts(const struct part *parts, size_t part_count,
                                 struct es_arena *arena, struct hls_track **ret_tracks,
                                 size_t *ret_track_count, struct es_err *reterr)
{
    struct growing_track growing[HLS_TRACKS_MAX];
    size_t track_count = 0;
    for (size_t i = 0; i < part_count; i++) {
        enum es_code code = ES_OK;
        if (parts[i].kind == PART_CONVERT)
            code = add_tracks(growing, &track_count, &parts[i], arena, reterr);
        if (code != ES_OK)
            return code;
    }
    struct hls_track *tracks = es_new_array(arena, struct hls_track, track_count);
    int target_seconds = 0;
    for (size_t i = 0; i < track_count; i++) {
        tracks[i] = growing[i].track;
        tracks[i].segments = growing[i].segments;
        tracks[i].segment_count = growing[i].count;
        if (!tracks[i].is_whole)
            hls_track_drop_awaited(&tracks[i]);
        if (tracks[i].target_seconds > target_seconds)
            target_seconds = tracks[i].target_seconds;
    }
    for (size_t i = 0; i < track_count; i++)
        tracks[i].target_seconds = target_seconds;
    *ret_tracks = tracks;
    *ret_track_count = track_count;
    return ES_OK;
}

static bool has_begun(const struct hls_track *tracks, size_t track_count, enum hls_kind kind)
{
    bool has_kind = false;
    for (size_t i = 0; i < track_count; i++) {
        if (tracks[i].kind == kind && tracks[i].segment_count > 0 &&
            !tracks[i].segments[0].awaited_part)
            return true;
        has_kind |= tracks[i].kind == kind;
    }
    return !has_kind;
}

bool hls_tracks_can_play(const struct hls_track *tracks, size_t track_count)
{
    return track_count > 0 && has_begun(tracks, track_count, HLS_VIDEO) &&
           has_begun(tracks, track_count, HLS_AUDIO);
}
