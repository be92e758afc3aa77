/* What a process gives up for good before it reads a user's bytes. In this order: limits on what it
 * may use (setrlimit), privileges (no new ones; capabilities; root becomes 65534), life beyond its
 * parent's, every right to the file system and TCP (Landlock, where the kernel has it), and every
 * system call that converting media does not need (seccomp, which kills the process). What it
 * keeps: memory, threads, time, and the descriptors that it holds or is sent.
 *
 * Answered with an error rather than death, because libc and codecs ask and live with "no": opening
 * and looking up paths (EACCES), ioctl (ENOTTY), clone3 (ENOSYS: glibc then uses clone, whose flags
 * can be checked). Builds with ASan or TSan have no limit on memory, which they reserve by the
 * terabyte, and allow the few calls more that their run-time makes.
 *
 * What is left open where the program is not root, which alone can enter an empty tree: libc's
 * fstat is fstatat with an empty path, and seccomp cannot see the path, so a compromised process
 * can learn which paths exist, their sizes and times; it cannot open any.
 *
 * Calling thread only: a process confines itself while it has one thread. */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/es_error.h"

/* Every limit must be given: 0 is refused, so that none is forgotten. */
struct confine_limits {
    uint64_t memory_bytes; /* that the process may allocate beyond what it already maps */
    uint32_t cpu_seconds;  /* of all its threads together, since its start */
    uint64_t file_bytes;   /* how long a file may grow by its writing */
    uint32_t fd_count; /* open descriptors, the channel's and standard ones among them; from 8 */
    int niceness;      /* 0..19, see nice(2): what it yields to others */
};

/* Which walls to raise: bits. Limits and the loss of privileges always come with them. */
enum confine_walls {
    CONFINE_NONE = 0,
    CONFINE_LANDLOCK = 1 << 0, /* does nothing on a kernel without it */
    CONFINE_SECCOMP = 1 << 1,
    CONFINE_ALL = CONFINE_LANDLOCK | CONFINE_SECCOMP,
};

/* Whether confine would take these limits. ES_INVALID. */
ES_CHECK enum es_code confine_check(const struct confine_limits *limits, struct es_err *reterr);

/* What can be made ready once by a process that forks those that confine themselves. */
struct confine_plan;

/* Measures what the process maps, and compiles the system calls' filter where CONFINE_SECCOMP is in
 * `walls`. Never freed: it is the forking process's, for its whole life. ES_IO, ES_NO_MEMORY. */
ES_CHECK enum es_code confine_prepare(unsigned int walls, struct confine_plan **ret_plan,
                                      struct es_err *reterr);

/* Confines the calling process by a plan that its parent made, behind `walls`, which are among the
 * plan's. There is no way back. The process also dies with its parent from here on. ES_INVALID: a
 * limit out of its range; nothing was given up. ES_IO: the kernel refused a wall; the process is
 * confined in part and should end. */
ES_CHECK enum es_code confine(struct confine_plan *plan, const struct confine_limits *limits,
                              unsigned int walls, struct es_err *reterr);

#endif
