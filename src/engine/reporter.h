/* Tells the host how far a part has come, often enough to be stopped soon and seldom enough to cost
 * nothing. */
#ifndef REPORTER_H
#define REPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

struct reporter {
    const struct engine_host *host; /* NULL: nobody hears */
    double weight_seconds;          /* what the whole part counts as */
    double timeline_seconds;        /* how much media that is; 0 unknown */
    bool is_playable;

    /* private */
    int64_t last_ms;
    double last_seconds;
};

/* `media_seconds` of the part are done. Calls the host if it was not called for a while.
 * ES_CANCELLED, or what the host answers. */
ES_CHECK enum es_code reporter_tick(struct reporter *reporter, double media_seconds,
                                    struct es_err *reterr);

/* The same with nothing new done. */
ES_CHECK enum es_code reporter_beat(struct reporter *reporter, struct es_err *reterr);

/* Calls the host at once, with the result so far (may be NULL). */
ES_CHECK enum es_code reporter_publish(struct reporter *reporter, double media_seconds,
                                       const char *result_so_far, struct es_err *reterr);

#endif
