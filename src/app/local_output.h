/* Where a conversion without a server puts its files: beside a hidden folder that holds the parts
 * meanwhile. Everything appears at the end, the output itself last, or nothing does. */
#ifndef LOCAL_OUTPUT_H
#define LOCAL_OUTPUT_H

#include <stddef.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_error.h"
#include "model/job.h"
#include "port/blob_store.h"

struct local_output {
    const char *path; /* of the file; for HLS of the index playlist, whose folder takes the rest */
    const char *folder;      /* that it lies in */
    const char *work_folder; /* in that one */

    /* private */
    struct es_arena arena;
    size_t folder_length_before; /* of `folder`, as much as was there */
    const char **published;      /* paths */
    size_t published_count, published_room;
    bool is_kept;
};

/* Makes the folders that are missing. ES_IO, ES_NOT_FOUND, ES_LIMIT. */
ES_CHECK enum es_code local_output_open(const char *path, struct local_output **ret_output,
                                        struct es_err *reterr);
/* Removes the hidden folder and, unless publishing has ended well, all that was put or made
 * outside of it. */
void local_output_close(struct local_output *output);
ES_DEFINE_AUTO(local_output, local_output_close);

/* Gives the finished job's objects their names, in place of what has them. *ret_count: how many. */
ES_CHECK enum es_code local_output_publish(struct local_output *output, struct blob_store *blobs,
                                           const struct job *job, size_t *ret_count,
                                           struct es_err *reterr);

#endif
