/* Landlock (landlock(7)): every right to the file system, to TCP and to other processes, given up.
 * By raw system calls, since libc has none and Debian 12's headers know only the first versions. */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "base/es_error.h"

/* The version that the kernel offers, 0: none, or turned off. */
int landlock_abi(void);

/* Denies all that the kernel's version can deny; nothing on a kernel with none. Needs
 * PR_SET_NO_NEW_PRIVS. Descriptors that are open keep their rights. Calling thread only. ES_IO. */
ES_CHECK enum es_code landlock_deny_all(struct es_err *reterr);

#endif
