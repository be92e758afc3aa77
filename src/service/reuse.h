/* Private to src/service: the same conversion is never done twice. Jobs of one user that have the
 * same content key make the same output, so the second gets copies of the first one's objects:
 * links where the store can. Each owns its own, and whichever is deleted, the others play. Between
 * users nothing is shared: how fast a job is done would tell what others have. */
#ifndef REUSE_H
#define REUSE_H

#include "service/service.h"

/* Fills job->content_key from its target, options and the media's bytes; "" where these, or the
 * engine, are not known. */
void reuse_set_key(const struct service_context *context, const struct media *media,
                   struct job *job);

/* Sets an unfinished job on its way which the queue does not know. It waits where another job is
 * making the same or, of two that nobody has begun, the older one will; it is done at once where
 * one has made it; else it is pushed. *ret_has_moved: not where it waits. What cannot be copied,
 * deleted meanwhile perhaps, is made anew. */
ES_CHECK enum es_code reuse_or_push(struct service_context *context, const struct job *job,
                                    bool *ret_has_moved, struct es_err *reterr);

/* The job that `job`, which the queue does not know, waits for; or NULL. */
ES_CHECK enum es_code reuse_awaited(struct service_context *context, const struct job *job,
                                    struct es_arena *arena, const struct job **ret_awaited,
                                    struct es_err *reterr);

/* The job has ended, or its record is gone: those that waited for it go on. What fails here the
 * sweep does. */
void reuse_settle(struct service_context *context, const struct job *job);

#endif
