/* A running process: gateway, worker or both, over the backends that the settings name. */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>

#include "app/settings.h"
#include "sandbox/sandbox.h"

struct node_roles {
    bool is_gateway;
    bool is_worker;
};

/* Opens everything, says on standard output where it serves, runs until SIGTERM or SIGINT, and
 * closes in order: no new requests and parts, what runs may finish within DRAIN_SECONDS, the rest
 * is handed back. A second signal ends the process at once. */
ES_CHECK enum es_code node_run(const struct settings *settings, struct node_roles roles,
                               struct sandbox *sandbox, struct es_err *reterr);

/* Makes the service's settings of the table's; what is not in the table keeps its default. */
struct service_settings;
ES_CHECK enum es_code node_service_settings(const struct settings *settings,
                                            struct node_roles roles, struct es_arena *arena,
                                            struct service_settings *ret_settings,
                                            struct es_err *reterr);

#endif
