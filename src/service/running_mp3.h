/* The MP3 of a job that still runs, as the file that it is going to be: every byte has its place
 * from the beginning on (model/mp3_plan.h), and comes as soon as the parts that make it are done.
 * Beyond the head the bytes are those of the finished file. One thread at a time. */
#ifndef RUNNING_MP3_H
#define RUNNING_MP3_H

#include "service/service.h"

struct running_mp3;

/* ES_NOT_FOUND where the file is not foretold (its source's end is not known for sure, it is short
 * and made in one piece, or it is copied), or where its first part has not begun yet. A read waits
 * for `wait_ms_max` at most. Outlives `job`, not `context`. */
ES_CHECK enum es_code running_mp3_open(struct service_context *context, const struct job *job,
                                       int64_t wait_ms_max, struct running_mp3 **ret_file,
                                       struct es_err *reterr);
void running_mp3_close(struct running_mp3 *file);
ES_DEFINE_AUTO(running_mp3, running_mp3_close);

int64_t running_mp3_bytes(const struct running_mp3 *file); /* of the whole */

/* Fills 1..size bytes from `offset`, which lies in the file; none where they are still to come:
 * then their part is the next one that is made, and running_mp3_awaited says what to wait for.
 * ES_UNAVAILABLE not_converted_yet where that took too long; ES_CANCELLED where the job has ended
 * without them; ES_CONFLICT where the file has become another one than foretold. */
ES_CHECK enum es_code running_mp3_read(struct running_mp3 *file, int64_t offset, void *ret_bytes,
                                       size_t size, size_t *ret_size, struct es_err *reterr);

/* The object whose arrival makes another read worthwhile, after a read that gave nothing; so does
 * its end of time: the job may have ended meanwhile. */
const char *running_mp3_awaited(const struct running_mp3 *file);

#endif
