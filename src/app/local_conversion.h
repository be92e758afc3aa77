/* One conversion without a server: the same engine, parts, sandbox and worker, over a queue in
 * memory. */
#ifndef LOCAL_CONVERSION_H
#define LOCAL_CONVERSION_H

#include <stdatomic.h>
#include <stdbool.h>

#include "model/job.h"
#include "model/media.h"
#include "sandbox/sandbox.h"

struct local_conversion {
    const char *input_path;
    const char *output_path; /* the file; for HLS the index playlist, whose folder takes the rest */
    enum job_target target;
    struct job_options options;
    size_t slots;                       /* 0: one a core */
    const volatile int *is_interrupted; /* not 0: stop */
    /* Called a few times a second while it runs. */
    void (*progress)(void *argument, const struct job_live *live);
    void *argument;
};

struct local_outcome {
    struct media_facts source;
    int64_t source_size_bytes;
    struct media_facts made; /* without streams for HLS, whose files are probed by nobody */
    const struct job *job;   /* done: size, details */
    size_t file_count;       /* written, the output itself among them */
};

/* Writes the output whole or not at all: a folder beside it holds the parts meanwhile, and goes,
 * and so do folders that were made for it in vain. An output that exists is replaced. What is told
 * lives in `arena`. ES_MEDIA and the words of model/problem.h; ES_CANCELLED where it was
 * interrupted; ES_NOT_FOUND, ES_INVALID, ES_IO for files. */
ES_CHECK enum es_code local_conversion_run(const struct local_conversion *conversion,
                                           struct sandbox *sandbox, struct es_arena *arena,
                                           struct local_outcome *ret_outcome,
                                           struct es_err *reterr);

#endif
