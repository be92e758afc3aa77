/* The queue in a SQLite file, as a rule the one that holds the metadata. A crash of the program
 * loses nothing; a crash of the machine may undo the last moments: a part is done again, and a job
 * that was just pushed is pushed again by the sweep. Threads of this process are woken at once;
 * other processes on the same file are noticed within QUEUE_POLL_MS. */
#ifndef JOB_QUEUE_SQLITE_H
#define JOB_QUEUE_SQLITE_H

#include "port/job_queue.h"

#define QUEUE_POLL_MS 250

/* As meta_store_sqlite_open. */
ES_CHECK enum es_code job_queue_sqlite_open(const char *path, struct job_queue **ret_queue,
                                            struct es_err *reterr);

#endif
