/* Foreign errors in, ours out: the one place where an AVERROR becomes an es_code, and where libav's
 * log goes: nowhere, but for its last complaint, which the error's detail then carries. */
#ifndef AV_ERROR_H
#define AV_ERROR_H

#include "base/es_error.h"

/* Silences libav; its last error line is kept for av_fail. Idempotent. */
void av_log_capture(void);

/* The reason, libav's text for `averror` and its last complaint. What the bytes are to blame for is
 * ES_MEDIA with unsupported_format (no decoder, not implemented) or media_damaged; else
 * ES_NO_MEMORY, ES_CANCELLED (AVERROR_EXIT) or ES_IO. */
enum es_code av_fail(struct es_err *reterr, int averror, const char *format, ...) ES_PRINTF(3, 4);

#endif
