/* The playlists of a finished HLS job. The segments stay as the parts published them. */
#include <string.h>

#include "engine/join.h"
#include "engine/output.h"
#include "model/hls.h"

static enum es_code write_playlist(const struct join *join, const char *name, struct es_buf *text,
                                   struct engine_outcome *outcome, struct es_err *reterr)
{
    outcome->output_size_bytes += (int64_t)text->size;
    enum es_code code = output_write(join->host, name, text->bytes, text->size, reterr);
    es_buf_clear(text);
    return code;
}

/* Segments, headers (each once) and playlists. */
static void list_objects(const struct hls_track *tracks, size_t track_count,
                         const char *const *playlists, size_t playlist_count,
                         struct es_arena *arena, struct engine_outcome *outcome)
{
    size_t most = playlist_count;
    for (size_t t = 0; t < track_count; t++)
        most += 2 * tracks[t].segment_count;
    const char **objects = es_new_array(arena, const char *, most);
    size_t count = 0;
    for (size_t t = 0; t < track_count; t++) {
        const char *init_name = "";
        for (size_t s = 0; s < tracks[t].segment_count; s++) {
            const struct hls_segment *segment = &tracks[t].segments[s];
            if (segment->init_name && strcmp(segment->init_name, init_name) != 0)
                objects[count++] = init_name = segment->init_name;
            objects[count++] = segment->name;
            outcome->output_size_bytes += segment->size_bytes;
        }
    }
    memcpy(objects + count, playlists, playlist_count * sizeof(*playlists));
    outcome->objects = objects;
    outcome->object_count = count + playlist_count;
}

enum es_code join_hls(const struct join *join, struct engine_outcome *ret_outcome,
                      struct es_err *reterr)
{
    struct hls_track *tracks = NULL;
    size_t track_count = 0;
    enum es_code code = hls_tracks_of_parts(join->parts, join->part_count, join->arena, &tracks,
                                            &track_count, reterr);
    if (code != ES_OK)
        return code;
    size_t kept = 0; /* a track of no segments is no track */
    for (size_t t = 0; t < track_count; t++) {
        if (!tracks[t].is_complete)
            return es_fail(reterr, ES_INVALID, "the track '%s' is not complete", tracks[t].name);
        if (tracks[t].segment_count > 0)
            tracks[kept++] = tracks[t];
    }
    if (kept == 0)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no part found anything to convert");

    struct engine_outcome outcome = { 0 };
    for (size_t i = 0; i < join->part_count; i++)
        outcome.output_size_bytes += join->results[i].size_bytes; /* of the headers */
    size_t playlist_count = 0;
    const char **playlists = hls_playlist_names(tracks, kept, join->arena, &playlist_count);
    list_objects(tracks, kept, playlists, playlist_count, join->arena, &outcome);
    es_auto_buf text = { 0 };
    for (size_t i = 0; i < playlist_count && code == ES_OK; i++) {
        if (!hls_render(tracks, kept, playlists[i], "", true, &text))
            return es_fail(reterr, ES_IO, "there is no playlist '%s'", playlists[i]);
        code = write_playlist(join, playlists[i], &text, &outcome, reterr);
    }
    if (code == ES_OK)
        *ret_outcome = outcome;
    return code;
}
