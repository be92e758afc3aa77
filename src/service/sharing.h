/* Shares between users: one job of one media at a time. */
#ifndef SHARING_H
#define SHARING_H

#include "service/media_view.h"
#include "service/service.h"

/* Owner only. Sharing twice is one share. ES_NOT_FOUND media_not_found, user_not_found;
 * ES_FORBIDDEN for a recipient; ES_INVALID share_with_oneself, job_foreign (also for a job that
 * does not exist). */
ES_CHECK enum es_code sharing_add(struct service_context *context, const struct caller *caller,
                                  const char *media_id, const char *job_id, const char *username,
                                  struct es_arena *arena, struct share **ret_share,
                                  struct es_err *reterr);

/* Owner only. `job_id` NULL: every job of the media. ES_NOT_FOUND media_not_found, user_not_found,
 * share_not_found. */
ES_CHECK enum es_code sharing_remove(struct service_context *context, const struct caller *caller,
                                     const char *media_id, const char *job_id, const char *username,
                                     struct es_arena *arena, struct es_err *reterr);

/* What others share with the caller, by the age of each media's first share. Each view holds only
 * the jobs shared with the caller, and only the caller's own shares. */
ES_CHECK enum es_code sharing_list_with_me(struct service_context *context,
                                           const struct caller *caller, struct es_arena *arena,
                                           struct media_view **ret_views, size_t *ret_count,
                                           struct es_err *reterr);

#endif
