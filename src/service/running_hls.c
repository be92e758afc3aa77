/* Asks the queue for the job's parts each time: they are what is known of it.
 *
 * What is foretold as a whole is a VOD playlist with its end, not an EVENT one that names segments
 * to come: hls.js plays either, but loads an EVENT anew every few seconds for as long as one
 * listens and waits at its end for more, and a browser's own player takes it for something live. */
#include "service/running_hls.h"

#include <string.h>

#include "model/hls.h"

static enum es_code read_tracks(struct service_context *context, const struct job *job,
                                struct es_arena *arena, struct hls_track **ret_tracks,
                                size_t *ret_count, struct es_err *reterr)
{
    struct part *parts;
    size_t part_count;
    enum es_code code =
        context->queue->ops->parts(context->queue, job->id, arena, &parts, &part_count, reterr);
    return code ? code
                : hls_tracks_of_parts(parts, part_count, arena, ret_tracks, ret_count, reterr);
}

static enum es_code fail_no_file(struct es_err *reterr, const struct job *job, const char *file)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "not_found", "job %s has no '%s' (yet)", job->id,
                        file);
}

enum es_code running_hls_playlist(struct service_context *context, const struct job *job,
                                  const char *file, const char *name_prefix, struct es_arena *arena,
                                  const char **ret_text, struct es_err *reterr)
{
    struct hls_track *tracks;
    size_t track_count;
    enum es_code code = read_tracks(context, job, arena, &tracks, &track_count, reterr);
    if (code)
        return code;
    bool is_whole = true; /* what grows beside the rest, as subtitles may, keeps nobody */
    for (size_t i = 0; i < track_count; i++)
        is_whole &= tracks[i].is_whole || tracks[i].kind == HLS_SUBTITLES;
    for (size_t i = 0; i < track_count && !is_whole; i++)
        hls_track_drop_awaited(&tracks[i]);
    es_auto_buf buf = { 0 };
    if (!hls_tracks_can_play(tracks, track_count) ||
        !hls_render(tracks, track_count, file, name_prefix, is_whole, &buf))
        return fail_no_file(reterr, job, file);
    *ret_text = es_strndup(arena, es_buf_text(&buf), buf.size);
    return ES_OK;
}

/* The segment, or its header, which comes with the first that is made. */
static bool is_of(const struct hls_segment *segment, const char *file)
{
    return strcmp(segment->name, file) == 0 ||
           (segment->init_name && strcmp(segment->init_name, file) == 0);
}

enum es_code running_hls_part(struct service_context *context, const struct job *job,
                              const char *file, struct es_arena *arena, int *ret_part_index,
                              struct es_err *reterr)
{
    struct hls_track *tracks;
    size_t track_count;
    enum es_code code = read_tracks(context, job, arena, &tracks, &track_count, reterr);
    if (code)
        return code;
    for (size_t t = 0; t < track_count; t++)
        for (size_t s = 0; s < tracks[t].segment_count; s++) {
            const struct hls_segment *segment = &tracks[t].segments[s];
            if (!segment->awaited_part || !is_of(segment, file))
                continue;
            *ret_part_index = segment->awaited_part;
            return ES_OK;
        }
    return fail_no_file(reterr, job, file);
}
