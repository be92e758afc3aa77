/* The kinds of depictions, behind engine_depict. */
#ifndef DEPICT_H
#define DEPICT_H

#include "engine/engine.h"

struct depict {
    const struct engine_input *input;
    double duration_seconds; /* > 0 but for a poster */
    const struct engine_host *host;
    struct es_arena *arena;
};

ES_CHECK enum es_code depict_poster(const struct depict *depict, struct es_err *reterr);
ES_CHECK enum es_code depict_storyboard(const struct depict *depict, struct es_err *reterr);
ES_CHECK enum es_code depict_waveform(const struct depict *depict,
                                      struct media_loudness *ret_loudness, struct es_err *reterr);

#endif
