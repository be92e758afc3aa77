/* Which backend stands behind each port: the only place that names them. */
#ifndef WIRING_H
#define WIRING_H

#include "app/settings.h"
#include "port/blob_store.h"
#include "port/job_queue.h"
#include "port/meta_store.h"

struct backends {
    struct meta_store *meta;
    struct job_queue *queue;
    struct blob_store *blobs;
};

/* As the settings say: SQLite in DATA_DIR/espotifai.db and a folder, DATA_DIR/objects. Makes what
 * is missing. */
ES_CHECK enum es_code wiring_open(const struct settings *settings, struct backends *ret_backends,
                                  struct es_err *reterr);

/* For a conversion without a server: everything in memory but the objects, which are files in
 * `folder`. */
ES_CHECK enum es_code wiring_open_local(const char *folder, struct backends *ret_backends,
                                        struct es_err *reterr);

/* Closes what is open. */
void wiring_close(struct backends *backends);

#endif
