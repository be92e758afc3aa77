/* The media object of the API: the record with its jobs and shares, as one user may see them. */
#ifndef MEDIA_VIEW_H
#define MEDIA_VIEW_H

#include "model/media.h"
#include "model/share.h"
#include "service/job_view.h"

struct media_view {
    const struct media *media;
    const char *owner_username;  /* filled for a recipient; NULL where the account is gone */
    const struct job_view *jobs; /* newest first; the newest META_LIST_MAX */
    size_t job_count;
    const struct share *shares; /* oldest first */
    size_t share_count;
};

/* Reads jobs and shares of `media` as `viewer_id` may see them. */
ES_CHECK enum es_code media_view_make(struct service_context *context, const struct media *media,
                                      const char *viewer_id, struct es_arena *arena,
                                      struct media_view *ret_view, struct es_err *reterr);

/* The caller owns the value. */
json_t *media_view_json(const struct media_view *view, enum language language);

/* An item of GET /media/shared-with-me: media_id, owner_id, original_filename, jobs, shared_with,
 * shares, and what it takes to show it: owner_username, duration_seconds, streams, tags. */
json_t *shared_item_json(const struct media_view *view, enum language language);

#endif
