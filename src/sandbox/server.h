/* The forking server: one thread, which preloads, forks children when asked, and says how they
 * ended. */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include "sandbox/sandbox.h"

/* Runs until the program's end of `requests_fd` is closed; then kills its children, waits for them,
 * and exits. Expects SIGCHLD blocked, and no descriptors open but the standard ones and
 * `requests_fd`. */
_Noreturn void server_run(const struct sandbox_settings *settings, int requests_fd);

#endif
