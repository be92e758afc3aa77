/* The joins, behind engine_join. */
#ifndef JOIN_H
#define JOIN_H

#include "engine/engine.h"
#include "engine/handles.h"
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

/* The cover art that one of the parts has put aside; an empty packet where none has. */
ES_CHECK enum es_code join_read_picture(const struct join *join, AVPacket *picture,
                                        enum AVCodecID *ret_codec_id, struct es_err *reterr);

/* What people are told of joins at which no place was clean; NULL for none. */
const char *join_rough_remark(const struct join *join, int rough_joins);

/* Each fills in what the job's output is; `details` is of the joins alone. */
ES_CHECK enum es_code join_hls(const struct join *join, struct engine_outcome *ret_outcome,
                               struct es_err *reterr);
ES_CHECK enum es_code join_mp3(const struct join *join, struct engine_outcome *ret_outcome,
                               struct es_err *reterr);
ES_CHECK enum es_code join_mp4(const struct join *join, struct engine_outcome *ret_outcome,
                               struct es_err *reterr);

#endif
