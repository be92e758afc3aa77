/* What happened to a user's things, for whoever watches. */
#ifndef EVENT_H
#define EVENT_H

#include <stdint.h>

#include "base/es_id.h"

enum event_kind { EVENT_UNSET = 0, EVENT_JOB, EVENT_MEDIA, EVENT_SHARE };

/* Events name things and carry no state: who receives one reads the thing itself, under its own
 * rights. */
struct event {
    int64_t sequence; /* grows; the id of Server-Sent Events */
    enum event_kind kind;
    char user_id[ES_ID_SIZE]; /* who is told */
    char media_id[ES_ID_SIZE];
    char job_id[ES_ID_SIZE]; /* "" where it concerns none */
};

const char *event_kind_name(enum event_kind kind); /* "job" "media" "share" */

#endif
