/* The joins, behind engine_join. */
#ifndef JOIN_H
#define JOIN_H

#include "engine/engine.h"
#include "engine/part_result.h"
#include "engine/spec.h"

struct join {
    const struct join_spec *spec;
    const struct part *parts;
    const struct part_result *results; /* of each part; zero for what is no CONVERT part */
    size_t part_count;
    const struct engine_source *source;
    const struct engine_host *host;
    struct es_arena *arena;
};

/* Each fills in what the job's output is; `details` is not theirs. */
ES_CHECK enum es_code join_hls(const struct join *join, struct engine_outcome *ret_outcome,
                               struct es_err *reterr);
ES_CHECK enum es_code join_mp4(const struct join *join, struct engine_outcome *ret_outcome,
                               struct es_err *reterr);

#endif
