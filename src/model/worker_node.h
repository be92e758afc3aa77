/* A process of the fleet as its heartbeat tells it. */
#ifndef WORKER_NODE_H
#define WORKER_NODE_H

#include <stdint.h>

enum node_role { NODE_ROLE_UNSET = 0, NODE_GATEWAY, NODE_WORKER };

struct worker_node {
    const char *id; /* "api", "worker_a", ... unique in the fleet; WORKER_ID */
    enum node_role role;
    const char *version;
    int slots, busy;    /* parts at once, and now; 0 for a gateway */
    double cpu_percent; /* of the machine */
    double memory_percent;
    int64_t jobs_done, jobs_failed;
    int64_t started_at_ms;
    int64_t seen_at_ms; /* the last heartbeat; filled where it is read */
};

#endif
