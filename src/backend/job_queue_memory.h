/* The queue in this process's memory: the reference implementation of job_queue.h, for tests. It
 * ends with the process. */
#ifndef JOB_QUEUE_MEMORY_H
#define JOB_QUEUE_MEMORY_H

#include "port/job_queue.h"

ES_CHECK enum es_code job_queue_memory_open(struct job_queue **ret_queue, struct es_err *reterr);

#endif
