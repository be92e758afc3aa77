/* A share: one job of one media that its owner lets another user see and play. */
#ifndef SHARE_H
#define SHARE_H

#include <stdint.h>

#include "base/es_id.h"

struct share {
    char media_id[ES_ID_SIZE];
    char job_id[ES_ID_SIZE];
    char owner_id[ES_ID_SIZE];
    char recipient_id[ES_ID_SIZE];
    const char *recipient_username; /* filled where it is read */
    int64_t created_at_ms;
};

#endif
