/* One upload: bytes go straight into the blob store while their SHA-256 is computed, whatever their
 * number; then they are probed, and only what is media gets a record. An upload belongs to one
 * thread at a time. */
#ifndef UPLOADS_H
#define UPLOADS_H

#include "service/media_view.h"
#include "service/service.h"

struct upload;

/* `filename` as the client sent it, or NULL for "unnamed". ES_INVALID filename_invalid, ES_LIMIT
 * storage_full. */
ES_CHECK enum es_code upload_begin(struct service_context *context, const struct caller *caller,
                                   const char *filename, struct upload **ret_upload,
                                   struct es_err *reterr);

/* The next bytes. After a failure only upload_abort may follow. ES_LIMIT upload_too_large,
 * storage_full. */
ES_CHECK enum es_code upload_write(struct upload *upload, const void *bytes, size_t size,
                                   struct es_err *reterr);

int64_t upload_size_bytes(const struct upload *upload);

/* Makes the media exist. The upload is gone afterwards, on failure too, and then nothing is left
 * behind. ES_MEDIA media_empty, unsupported_format, media_damaged; ES_UNAUTHENTICATED token_invalid
 * where the account was deleted meanwhile. Blocks for the probe (some seconds at most). */
ES_CHECK enum es_code upload_finish(struct upload *upload, struct es_arena *arena,
                                    struct media_view *ret_view, struct es_err *reterr);

/* Leaves nothing behind. */
void upload_abort(struct upload *upload);
ES_DEFINE_AUTO(upload, upload_abort);

#endif
