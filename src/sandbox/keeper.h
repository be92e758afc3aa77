/* The process between the program and the server. Forked while the program had one thread, it can
 * fork a server at any time, and does so again when one dies. It owns nothing else. */
#ifndef SANDBOX_KEEPER_H
#define SANDBOX_KEEPER_H

#include <sys/types.h>

#include "base/es_error.h"
#include "sandbox/sandbox.h"

/* Forks the keeper. `requests_fd`, the servers' end of the requests channel, stays the caller's.
 * The keeper ends when the other end is closed. ES_IO; ES_INVALID where the program has threads. */
ES_CHECK enum es_code keeper_start(const struct sandbox_settings *settings, int requests_fd,
                                   pid_t *ret_pid, struct es_err *reterr);

#endif
