/* A job's tracks, put together from what its parts have published. Pure. */
#include "model/hls.h"

#include <string.h>

#include "model/hls_json.h"

/* A track that grows part by part. */
struct growing_track {
    struct hls_track track;
    struct hls_segment *segments;
    size_t capacity;
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
    added->track.is_complete = true; /* until a part of it is not */
    return added;
}

static void append_segments(struct growing_track *growing, const struct hls_track *part,
                            struct es_arena *arena)
{
    size_t before = growing->track.segment_count, count = before + part->segment_count;
    if (count > growing->capacity) {
        growing->capacity = count * 2;
        struct hls_segment *larger = es_new_array(arena, struct hls_segment, growing->capacity);
        if (before)
            memcpy(larger, growing->segments, before * sizeof(*larger));
        growing->segments = larger;
    }
    if (part->segment_count)
        memcpy(growing->segments + before, part->segments,
               part->segment_count * sizeof(*part->segments));
    if (before == 0)
        growing->track = *part;
    growing->track.segments = growing->segments;
    growing->track.segment_count = count;
    growing->track.is_complete = part->is_complete;
}

/* Adds what a part has of one track: of_part is NULL where that is nothing yet. */
static enum es_code add_part(struct growing_track *growing, size_t *track_count,
                             const struct hls_track *planned, const struct hls_track *of_part,
                             struct es_arena *arena, struct es_err *reterr)
{
    struct growing_track *of_name = find_or_add(growing, track_count, planned);
    if (!of_name)
        return es_fail(reterr, ES_INVALID, "more than %d tracks", HLS_TRACKS_MAX);
    if (!of_name->track.is_complete)
        return ES_OK; /* an earlier part of it is still missing something */
    if (of_part)
        append_segments(of_name, of_part, arena);
    else
        of_name->track.is_complete = false;
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
        const struct hls_track *of_part = NULL;
        for (size_t t = 0; t < made_count && !of_part; t++)
            if (strcmp(made[t].name, planned[i].name) == 0)
                of_part = &made[t];
        used += of_part != NULL;
        code = add_part(growing, track_count, &planned[i], of_part, arena, reterr);
    }
    if (code == ES_OK && used != made_count)
        code = es_fail(reterr, ES_INVALID, "the result is for another track");
    return code == ES_OK ? code : es_wrap(reterr, code, "part %d", part->index);
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
    for (size_t i = 0; i < track_count; i++)
        tracks[i] = growing[i].track;
    *ret_tracks = tracks;
    *ret_track_count = track_count;
    return ES_OK;
}

static bool has_begun(const struct hls_track *tracks, size_t track_count, enum hls_kind kind)
{
    bool has_kind = false;
    for (size_t i = 0; i < track_count; i++) {
        if (tracks[i].kind == kind && tracks[i].segment_count > 0)
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
