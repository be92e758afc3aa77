/* A stored object as a reply. Private to src/api. */
#ifndef SEND_FILE_H
#define SEND_FILE_H

#include "api/api_route.h"
#include "port/blob_store.h"

struct sent_file {
    struct blob_reader *reader; /* taken over */
    const char *content_type;
    const char *disposition; /* or NULL */
    const char *cache_control;
};

/* Replies by http_reply_file: from the reader's descriptor where it has one, else by its reads.
 * ES_IO. */
ES_CHECK enum es_code send_file(struct api_call *call, const struct sent_file *file,
                                struct es_err *reterr);

#endif
