/* What a write to a job's record means, once for every metadata store: the stores read the record,
 * apply the change here, and write it back in one transaction. Pure; thread-safe. */
#ifndef JOB_RECORD_H
#define JOB_RECORD_H

#include "model/job.h"
#include "model/media.h"
#include "port/meta_store.h"

/* Changes `job` as meta_store.h's job_change says; strings of `change` are referred to, not copied.
 * A retry raises the fence by one, so that whoever worked on the job before is refused. ES_CONFLICT
 * job_state, and `job` untouched. */
ES_CHECK enum es_code job_record_apply(struct job *job, const struct job_change *change,
                                       struct es_err *reterr);

/* The status of a media from those of all its jobs, newest first. */
enum media_status media_status_of_jobs(const enum job_status *statuses, size_t count);

#endif
