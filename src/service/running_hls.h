/* HLS of a job that still runs: what it can play already, and what it is going to. */
#ifndef RUNNING_HLS_H
#define RUNNING_HLS_H

#include "service/service.h"

/* One of the job's playlists ("index.m3u8", "{track}.m3u8"), each name in it after `name_prefix`.
 * Where all of every track is planned it lists the whole timeline, with its end: a player then
 * shows the full length, and seeks to what is still to come; else what is published so far.
 * ES_NOT_FOUND not_found while nothing can be played yet, and for a name that is none. */
ES_CHECK enum es_code running_hls_playlist(struct service_context *context, const struct job *job,
                                           const char *file, const char *name_prefix,
                                           struct es_arena *arena, const char **ret_text,
                                           struct es_err *reterr);

/* The part that is going to make this segment, or header of segments. ES_NOT_FOUND not_found where
 * none is: it is there already, or will never be. */
ES_CHECK enum es_code running_hls_part(struct service_context *context, const struct job *job,
                                       const char *file, struct es_arena *arena,
                                       int *ret_part_index, struct es_err *reterr);

#endif
