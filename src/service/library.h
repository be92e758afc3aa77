/* A user's media: list, read, change, delete. What is not the caller's, nor shared with them, is
 * not found. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "service/media_view.h"
#include "service/service.h"

/* The caller's own media. `query->user_id` is not read. ES_INVALID cursor_invalid. */
ES_CHECK enum es_code library_list(struct service_context *context, const struct caller *caller,
                                   const struct media_query *query, struct es_arena *arena,
                                   struct media_view **ret_views, size_t *ret_count,
                                   const char **ret_next_cursor, struct es_err *reterr);

/* One media as the caller may see it: all of it for its owner; for a recipient only the jobs shared
 * with them, and only themself in its shares. ES_NOT_FOUND media_not_found. */
ES_CHECK enum es_code library_get(struct service_context *context, const struct caller *caller,
                                  const char *media_id, struct es_arena *arena,
                                  struct media_view *ret_view, struct es_err *reterr);

/* The record alone, for its owner. ES_NOT_FOUND media_not_found; ES_FORBIDDEN where it is another's
 * but shared with the caller. */
ES_CHECK enum es_code library_owned(struct service_context *context, const struct caller *caller,
                                    const char *media_id, struct es_arena *arena,
                                    struct media **ret_media, struct es_err *reterr);

/* NULL and UNSET leave a thing alone. Owner only, as library_owned. ES_INVALID filename_invalid. */
ES_CHECK enum es_code library_change(struct service_context *context, const struct caller *caller,
                                     const char *media_id, const char *original_filename,
                                     enum playback_policy playback, struct es_arena *arena,
                                     struct media_view *ret_view, struct es_err *reterr);

/* Cancels its jobs, removes the original, every output, the records and shares. Owner only. May be
 * called again after a failure half-way. */
ES_CHECK enum es_code library_delete(struct service_context *context, const struct caller *caller,
                                     const char *media_id, struct es_err *reterr);

/* The uploaded bytes; owner only. The reader is the caller's to close. ES_NOT_FOUND blob_not_found
 * where the object is gone. */
ES_CHECK enum es_code library_open_original(struct service_context *context,
                                            const struct caller *caller, const char *media_id,
                                            struct es_arena *arena, struct media **ret_media,
                                            struct blob_reader **ret_reader, struct es_err *reterr);

/* Removes objects that no record speaks of, and outputs of failed and cancelled jobs, where they
 * are older than `age_ms_min`: what a crash between an object and its record leaves, and a store
 * that was away. Reads the whole listing of the store: once at start and then hourly is plenty.
 * `age_ms_min` must be longer than the longest upload's last step (an hour).
 */
ES_CHECK enum es_code library_sweep(struct service_context *context, int64_t age_ms_min,
                                    size_t *ret_removed, struct es_err *reterr);

/* ---- private to src/service ---- */

ES_CHECK enum es_code library_delete_media(struct service_context *context,
                                           const struct media *media, struct es_err *reterr);

#endif
