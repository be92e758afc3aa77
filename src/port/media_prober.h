/* Finds out what bytes are, in a place where they can do no harm. */
#ifndef MEDIA_PROBER_H
#define MEDIA_PROBER_H

#include "base/es_arena.h"
#include "base/es_error.h"
#include "model/media.h"
#include "port/blob_store.h"

struct media_prober;

struct media_prober_ops {
    const char *name;
    /* Thread-safe, blocks for at most some seconds. `filename_hint` may be NULL. ES_MEDIA
     * unsupported_format (no media, or none that we read), media_empty (zero length),
     * media_damaged; ES_UNAVAILABLE where no child could be had, or where a growing `reader` has
     * not enough to tell yet: it is not waited for. What a growing one is, its head tells: the
     * duration is what it claims. */
    enum es_code (*probe)(struct media_prober *prober, struct blob_reader *reader,
                          const char *filename_hint, struct es_arena *arena,
                          struct media_facts *ret_facts, struct es_err *reterr);
};

struct media_prober {
    const struct media_prober_ops *ops;
};

#endif
