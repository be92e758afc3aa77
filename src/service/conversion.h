/* Conversions: asked for by owners, carried out by workers. The record in the metadata store is the
 * truth about a job's state; the queue holds it only while it lives. A job is pushed after its
 * record is written, and the sweep pushes again what the queue does not know, so a crash between
 * the two loses nothing. */
#ifndef CONVERSION_H
#define CONVERSION_H

#include "service/job_view.h"
#include "service/service.h"

/* ---- for users ---- */

/* `options` NULL: the defaults. Where the same user's bytes were converted so before, the job is
 * done at once by copies of what that made; where they are being converted so, it waits for that
 * and is done with it. *ret_view is the job as it was accepted, enqueued. ES_NOT_FOUND
 * media_not_found, ES_FORBIDDEN for another's media, ES_INVALID target_invalid or option_invalid,
 * ES_LIMIT too_many_jobs. A queue that is away is no failure: the sweep pushes the job when it is
 * back. */
ES_CHECK enum es_code conversion_convert(struct service_context *context,
                                         const struct caller *caller, const char *media_id,
                                         enum job_target target, const struct job_options *options,
                                         struct es_arena *arena, struct job_view *ret_view,
                                         struct es_err *reterr);

/* For the owner and whom the job was shared with. `media_id` may be NULL; where it is another
 * media's, the job is not found. ES_NOT_FOUND job_not_found. */
ES_CHECK enum es_code conversion_status(struct service_context *context,
                                        const struct caller *caller, const char *job_id,
                                        const char *media_id, struct es_arena *arena,
                                        struct job_view *ret_view, struct es_err *reterr);

/* The caller's own jobs, newest first. `query->user_id` is not read. ES_INVALID cursor_invalid. */
ES_CHECK enum es_code conversion_list(struct service_context *context, const struct caller *caller,
                                      const struct job_query *query, struct es_arena *arena,
                                      struct job_view **ret_views, size_t *ret_count,
                                      const char **ret_next_cursor, struct es_err *reterr);

/* Owner only, as the two below; ES_NOT_FOUND job_not_found, ES_FORBIDDEN for a recipient.
 * ES_CONFLICT job_state where it has ended. Outputs are removed. */
ES_CHECK enum es_code conversion_cancel(struct service_context *context,
                                        const struct caller *caller, const char *job_id,
                                        struct es_arena *arena, struct job_view *ret_view,
                                        struct es_err *reterr);

/* A failed or cancelled job begins anew under its id. ES_CONFLICT job_state, ES_LIMIT
 * too_many_jobs. */
ES_CHECK enum es_code conversion_retry(struct service_context *context, const struct caller *caller,
                                       const char *job_id, struct es_arena *arena,
                                       struct job_view *ret_view, struct es_err *reterr);

/* In any state; with its outputs and shares. */
ES_CHECK enum es_code conversion_delete(struct service_context *context,
                                        const struct caller *caller, const char *job_id,
                                        struct es_err *reterr);

/* ---- for the fleet ---- */

/* Brings records and queue together: sets every unfinished job on its way that the queue does not
 * know, and cancels the record of one that was cancelled there. Any number of processes may do it
 * at once; every ten seconds or so. *ret_changed counts what was put right. */
ES_CHECK enum es_code conversion_sweep(struct service_context *context, size_t *ret_changed,
                                       struct es_err *reterr);

/* ---- for workers ---- */

/* The worker holds the job's PLAN part: enqueued -> processing. Again by the same or a later lease
 * is fine. ES_CANCELLED: the job was cancelled, deleted or has ended; the queue has been told to
 * forget it, and the worker drops it. */
ES_CHECK enum es_code conversion_started(struct service_context *context, const struct lease *lease,
                                         struct es_err *reterr);

/* The JOIN part has published the output, of `output_size_bytes` in all. Called INSTEAD of the
 * queue's `finish` for a JOIN: the record becomes done in one write fenced by the lease, then the
 * queue forgets the job. `details` (a remark for people) may be NULL. ES_CANCELLED as above;
 * ES_CONFLICT lease_lost where a later lease has written already: the output may be another
 * worker's by now and stays. */
ES_CHECK enum es_code conversion_done(struct service_context *context, const struct lease *lease,
                                      int64_t output_size_bytes, const char *details,
                                      struct es_err *reterr);

/* The job has failed for good, for the reason `code` and `word` (a word of model/problem.h, static
 * storage). Called INSTEAD of the queue's `bury`: the record becomes failed, the queue forgets the
 * job, its outputs are removed. Errors as conversion_done. */
ES_CHECK enum es_code conversion_failed(struct service_context *context, const struct lease *lease,
                                        enum es_code code, const char *word, struct es_err *reterr);

/* What `lease` told as *ret_dead_job_id: a part was given out too often without an answer. The
 * record becomes failed (attempts_exhausted), the queue forgets the job. A record that has ended or
 * is gone is fine. */
ES_CHECK enum es_code conversion_dead(struct service_context *context, const char *job_id,
                                      struct es_err *reterr);

/* After conversion_done, once nothing but the output is left of the job: those of its user that
 * wait for the same output get it. What fails here, the sweep does. */
void conversion_settle(struct service_context *context, const struct lease *lease);

/* After a worker was told ES_CANCELLED: removes whatever it may have published since the job was
 * cancelled or deleted. Does nothing where the job is alive or done. */
ES_CHECK enum es_code conversion_discard(struct service_context *context, const char *media_id,
                                         const char *job_id, struct es_err *reterr);

/* Tells whoever watches that the job has moved on; at most once a second and job, please. */
ES_CHECK enum es_code conversion_progressed(struct service_context *context,
                                            const struct lease *lease, struct es_err *reterr);

/* ---- private to src/service ---- */

/* Whether the user may ask for `wanted` conversions more: ES_LIMIT too_many_jobs. */
ES_CHECK enum es_code conversion_check_room(struct service_context *context, const char *user_id,
                                            size_t wanted, struct es_err *reterr);

/* Ends the job in the queue and removes its outputs. */
ES_CHECK enum es_code conversion_erase(struct service_context *context, const struct job *job,
                                       struct es_err *reterr);

#endif
