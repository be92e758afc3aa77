/* A job's options as JSON: in the stores, in the queue, and in the API's job object. */
#ifndef JOB_JSON_H
#define JOB_JSON_H

#include "base/es_buf.h"
#include "model/job.h"
#include "wire/json.h"

/* Only what differs from the default. The caller owns the value. */
json_t *job_options_json(const struct job_options *options);

/* Members: bitrate (kb/s) quality (CRF) height ladder ("auto" or heights) copy ("auto", "never")
 * start end (seconds); null is missing. ES_INVALID option_invalid for an unknown member, a wrong
 * type or `object` no object; ranges are job_options_check's. */
ES_CHECK enum es_code job_options_from_json(const json_t *object, struct job_options *ret_options,
                                            struct es_err *reterr);

void job_options_write(const struct job_options *options, struct es_buf *buf);
ES_CHECK enum es_code job_options_read(const char *text, struct job_options *ret_options,
                                       struct es_err *reterr);

#endif
