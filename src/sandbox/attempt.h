/* What a child of the self-test does: it tries to break out, by one of the ERRAND_TRY_ ways. */
#ifndef SANDBOX_ATTEMPT_H
#define SANDBOX_ATTEMPT_H

#include "sandbox/protocol.h"

/* Exit codes; a seccomp kill says "stopped" too. Neither is 0, with which a program that was
 * executed after all would end. */
#define ATTEMPT_STOPPED    41
#define ATTEMPT_GOT_BEYOND 42

/* Tries; its result is the exit code. May not return. */
int attempt_run(enum errand errand);

#endif
