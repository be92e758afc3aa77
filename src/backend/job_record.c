/* The rules of meta_store.h's job_change. */
#include "backend/job_record.h"

#include <assert.h>
#include <stdio.h>

static enum es_code check(const struct job *job, const struct job_change *change,
                          struct es_err *reterr)
{
    if (change->fence && change->fence < job->fence)
        return es_fail_word(reterr, ES_CONFLICT, "job_state",
                            "job %s: fence %lld is older than %lld", job->id,
                            (long long)change->fence, (long long)job->fence);
    bool is_same = change->status == job->status && !change->is_retry;
    bool goes_back = change->status == JOB_ENQUEUED && !is_same;
    if (!is_same &&
        (goes_back != change->is_retry || !job_status_can_become(job->status, change->status)))
        return es_fail_word(reterr, ES_CONFLICT, "job_state", "job %s: %s cannot become %s",
                            job->id, job_status_name(job->status), job_status_name(change->status));
    return ES_OK;
}

enum es_code job_record_apply(struct job *job, const struct job_change *change,
                              struct es_err *reterr)
{
    assert(change->status != JOB_STATUS_UNSET);
    enum es_code code = check(job, change, reterr);
    if (code)
        return code;
    job->status = change->status;
    job->updated_at_ms = change->at_ms;
    if (change->fence)
        job->fence = change->fence;
    if (change->is_retry) {
        job->attempts++;
        job->fence++;
        job->started_at_ms = job->finished_at_ms = 0;
        job->output_size_bytes = 0;
        job->details = NULL;
    }
    if ((job->status == JOB_PROCESSING || job->status == JOB_DONE) && !job->started_at_ms)
        job->started_at_ms = change->at_ms;
    if (job_status_is_final(job->status) && !job->finished_at_ms)
        job->finished_at_ms = change->at_ms;
    if (job->status == JOB_DONE)
        job->output_size_bytes = change->output_size_bytes;
    if (change->details)
        job->details = change->details;
    if (change->content_key)
        snprintf(job->content_key, sizeof(job->content_key), "%s", change->content_key);
    job->error_code = job->status == JOB_FAILED ? change->error_code : ES_OK;
    job->error_word = job->status == JOB_FAILED ? change->error_word : NULL;
    return ES_OK;
}

enum media_status media_status_of_jobs(const enum job_status *statuses, size_t count)
{
    bool has_done = false;
    for (size_t i = 0; i < count; i++) {
        if (!job_status_is_final(statuses[i]))
            return MEDIA_PROCESSING;
        has_done |= statuses[i] == JOB_DONE;
    }
    if (has_done)
        return MEDIA_READY;
    return count > 0 && statuses[0] == JOB_FAILED ? MEDIA_ERROR : MEDIA_UPLOADED;
}
