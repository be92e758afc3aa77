/* The system calls that a confined process may make, as one seccomp filter. */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <seccomp.h>
#include <stdint.h>

#include "base/es_error.h"

/* Builds the filter for `architecture`, SCMP_ARCH_NATIVE or another's SCMP_ARCH_; the caller
 * releases it with seccomp_release. It names this process's own id, so it is built by the process
 * that it will hold. ES_IO, ES_NO_MEMORY. */
ES_CHECK enum es_code filter_build(uint32_t architecture, scmp_filter_ctx *ret_filter,
                                   struct es_err *reterr);

/* Builds and enters it. No way back; this thread and those that it starts. */
ES_CHECK enum es_code filter_enter(struct es_err *reterr);

#endif
