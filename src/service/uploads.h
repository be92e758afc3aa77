/* One upload: bytes go straight into the blob store while their SHA-256 is computed, whatever their
 * number; then they are probed, and only what is media gets a record. An upload belongs to one
 * thread at a time.
 *
 * One that wants conversions may get its record, and they may begin, while its bytes still come: as
 * soon as its head tells what it is, where it is of a kind that can be read from its head. */
#ifndef UPLOADS_H
#define UPLOADS_H

#include "service/media_view.h"
#include "service/service.h"

#define UPLOAD_CONVERSIONS_MAX 8

struct upload;

/* `filename` as the client sent it, or NULL for "unnamed". ES_INVALID filename_invalid, ES_LIMIT
 * storage_full. */
ES_CHECK enum es_code upload_begin(struct service_context *context, const struct caller *caller,
                                   const char *filename, struct upload **ret_upload,
                                   struct es_err *reterr);

/* What is uploaded shall be converted: while it comes where this is said before the first byte,
 * else when it has. ES_INVALID target_invalid, option_invalid; ES_LIMIT too_many_jobs, also for
 * more than UPLOAD_CONVERSIONS_MAX. */
ES_CHECK enum es_code upload_want(struct upload *upload, enum job_target target,
                                  const struct job_options *options, struct es_err *reterr);

/* The next bytes. After a failure only upload_abort may follow. ES_LIMIT upload_too_large,
 * storage_full. With a conversion wanted also what upload_finish may answer, as soon as it is
 * known, and it blocks now and then for a probe of what has come. */
ES_CHECK enum es_code upload_write(struct upload *upload, const void *bytes, size_t size,
                                   struct es_err *reterr);

int64_t upload_size_bytes(const struct upload *upload);

/* Makes the media exist, or completes its record, and begins what is wanted and has not begun. The
 * upload is gone afterwards, on failure too, and then nothing is left behind. ES_MEDIA media_empty,
 * unsupported_format, media_damaged; ES_UNAUTHENTICATED token_invalid where the account was deleted
 * meanwhile; ES_NOT_FOUND media_not_found where the media was; ES_LIMIT too_many_jobs. Blocks for
 * the probe (some seconds at most). */
ES_CHECK enum es_code upload_finish(struct upload *upload, struct es_arena *arena,
                                    struct media_view *ret_view, struct es_err *reterr);

/* Leaves nothing behind. */
void upload_abort(struct upload *upload);
ES_DEFINE_AUTO(upload, upload_abort);

/* Removes the media whose upload came to no end, since the process that took it did. Any number of
 * processes may do it at once; every ten seconds or so. */
ES_CHECK enum es_code uploads_sweep(struct service_context *context, size_t *ret_removed,
                                    struct es_err *reterr);

#endif
