/* The system calls that a confined process may make, as one seccomp filter. Compiled once, by the
 * process that forks those that enter it. */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <stdint.h>

#include "base/es_error.h"

struct filter;

/* Compiles the filter for `architecture`, SCMP_ARCH_NATIVE or another's SCMP_ARCH_; freed with
 * free(). ES_IO, ES_NO_MEMORY. */
ES_CHECK enum es_code filter_compile(uint32_t architecture, struct filter **ret_filter,
                                     struct es_err *reterr);

/* Completes the filter with this process's id and enters it: this thread, and those that it starts.
 * No way back. Needs PR_SET_NO_NEW_PRIVS. ES_IO. */
ES_CHECK enum es_code filter_enter(struct filter *filter, struct es_err *reterr);

#endif
