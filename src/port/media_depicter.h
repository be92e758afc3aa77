/* Makes what can be shown of a media without playing it, in a place where its bytes can do no harm.
 */
#ifndef MEDIA_DEPICTER_H
#define MEDIA_DEPICTER_H

#include <stdbool.h>

#include "base/es_error.h"
#include "model/depiction.h"
#include "port/blob_store.h"

struct media_depicter;

struct depiction_order {
    enum depiction depiction;
    double duration_seconds;    /* as the probe found it */
    struct blob_reader *source; /* the original; stays the caller's */
    struct blob_store *blobs;   /* takes the objects, under `prefix` */
    const char *prefix;         /* "uploads/.../...", without a slash at its end */
    /* Asked several times a second; true gives up. */
    bool (*is_cancelled)(void *context);
    void *context;
};

struct media_depicter_ops {
    const char *name;
    /* Thread-safe; blocks, for minutes where there are hours of media. ES_MEDIA depiction_none
     * where the source has nothing to show, unsupported_format, media_damaged; decoder_crashed,
     * resource_limit, part_stalled where a child died of it. ES_CANCELLED; ES_UNAVAILABLE where no
     * child could be had; what the store answers. */
    enum es_code (*depict)(struct media_depicter *depicter, const struct depiction_order *order,
                           struct depiction_result *ret_result, struct es_err *reterr);
};

struct media_depicter {
    const struct media_depicter_ops *ops;
};

#endif
