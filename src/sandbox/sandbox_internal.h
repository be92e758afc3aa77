/* What the self-test needs of sandbox.c and users do not. */
#ifndef SANDBOX_SANDBOX_INTERNAL_H
#define SANDBOX_SANDBOX_INTERNAL_H

#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"

/* As sandbox_spawn, with any errand and any set of walls. */
ES_CHECK enum es_code sandbox_spawn_errand(struct sandbox *sandbox,
                                           const struct spawn_request *wanted,
                                           struct child **ret_child, struct es_err *reterr);

#endif
