/* An allow-list. What stands in no table here kills the process, fork, exec, socket and ptrace
 * among it. The tables hold what decoding, encoding (x264 and its threads), libc and a channel were
 * seen to need, and nothing that names a path, makes a descriptor from nothing or reaches another
 * process. */
#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox/sanitizer.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

static const int allowed[] = {
    /* memory; mapping stands below, as it must not make code */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* descriptors that the process holds */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(dup),
    SCMP_SYS(close),
    /* the channel */
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    /* threads and signals of its own */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* time */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    /* itself and the machine */
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(times),
    SCMP_SYS(getcpu),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
#if SANITIZED
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(mincore),
    SCMP_SYS(tkill),
#endif
};

/* What libc and codecs ask for in good faith and can do without. */
static const struct {
    int syscall;
    int error_number;
} refused[] = {
    { SCMP_SYS(open), EACCES },
    { SCMP_SYS(openat), EACCES },
    { SCMP_SYS(openat2), EACCES },
    { SCMP_SYS(stat), EACCES },
    { SCMP_SYS(lstat), EACCES },
    { SCMP_SYS(statx), EACCES },
    { SCMP_SYS(statfs), EACCES },
    { SCMP_SYS(access), EACCES },
    { SCMP_SYS(faccessat), EACCES },
    { SCMP_SYS(faccessat2), EACCES },
    { SCMP_SYS(readlink), EACCES },
    { SCMP_SYS(readlinkat), EACCES },
    { SCMP_SYS(getcwd), EACCES },
    { SCMP_SYS(ioctl), ENOTTY },
    { SCMP_SYS(clone3), ENOSYS },
    { SCMP_SYS(sched_setaffinity), EPERM },
    { SCMP_SYS(sched_setscheduler), EPERM },
    { SCMP_SYS(setpriority), EPERM },
    { SCMP_SYS(get_mempolicy), EPERM },
    { SCMP_SYS(set_mempolicy), EPERM },
    { SCMP_SYS(mbind), EPERM },
    { SCMP_SYS(mlock), EPERM },
    { SCMP_SYS(munlock), EPERM },
};

/* One rule that depends on one argument; a system call may stand in several that exclude each
 * other. */
struct argument_rule {
    int syscall;
    uint32_t action;
    struct scmp_arg_cmp argument;
};

#define EQUALS(index, value)                                                                       \
    {                                                                                              \
        (index), SCMP_CMP_EQ, (value), 0                                                           \
    }
#define MASKED(index, mask, value)                                                                 \
    {                                                                                              \
        (index), SCMP_CMP_MASKED_EQ, (mask), (value)                                               \
    }
#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACE_FLAGS                                                                            \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |     \
     CLONE_NEWCGROUP)

static const struct argument_rule by_argument[] = {
    /* No memory is ever made executable. */
    { SCMP_SYS(mmap), SCMP_ACT_ALLOW, MASKED(2, PROT_EXEC, 0) },
    { SCMP_SYS(mprotect), SCMP_ACT_ALLOW, MASKED(2, PROT_EXEC, 0) },
    /* Threads, but no processes. */
    { SCMP_SYS(clone), SCMP_ACT_ALLOW, MASKED(0, THREAD_FLAGS | NAMESPACE_FLAGS, THREAD_FLAGS) },
    /* libc's fstat is fstatat with an empty path; one with a path is refused like every other. */
    { SCMP_SYS(newfstatat), SCMP_ACT_ALLOW, EQUALS(3, AT_EMPTY_PATH) },
    { SCMP_SYS(newfstatat), SCMP_ACT_ERRNO(EACCES), { 3, SCMP_CMP_NE, AT_EMPTY_PATH, 0 } },
    { SCMP_SYS(fcntl), SCMP_ACT_ALLOW, EQUALS(1, F_GETFD) },
    { SCMP_SYS(fcntl), SCMP_ACT_ALLOW, EQUALS(1, F_SETFD) },
    { SCMP_SYS(fcntl), SCMP_ACT_ALLOW, EQUALS(1, F_GETFL) },
    { SCMP_SYS(fcntl), SCMP_ACT_ALLOW, EQUALS(1, F_DUPFD) },
    { SCMP_SYS(fcntl), SCMP_ACT_ALLOW, EQUALS(1, F_DUPFD_CLOEXEC) },
    /* Flags and locks are shared with whoever else holds the file. */
    { SCMP_SYS(fcntl), SCMP_ACT_ERRNO(EPERM), EQUALS(1, F_SETFL) },
    { SCMP_SYS(fcntl), SCMP_ACT_ERRNO(EPERM), EQUALS(1, F_SETLK) },
    { SCMP_SYS(prctl), SCMP_ACT_ALLOW, EQUALS(0, PR_SET_NAME) },
    { SCMP_SYS(prctl), SCMP_ACT_ALLOW, EQUALS(0, PR_GET_NAME) },
    { SCMP_SYS(prctl), SCMP_ACT_ERRNO(EINVAL), EQUALS(0, PR_SET_VMA) },
#if SANITIZED
    { SCMP_SYS(prctl), SCMP_ACT_ALLOW, EQUALS(0, PR_GET_DUMPABLE) },
    { SCMP_SYS(prctl), SCMP_ACT_ERRNO(EINVAL), EQUALS(0, PR_SET_DUMPABLE) },
#endif
};

static enum es_code fail_seccomp(struct es_err *reterr, int result, const char *what)
{
    return es_fail_errno(reterr, -result, "cannot %s a seccomp filter", what);
}

static int add_tables(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; i < COUNT(allowed) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < COUNT(refused) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error_number),
                                  refused[i].syscall, 0);
    for (size_t i = 0; i < COUNT(by_argument) && result == 0; i++)
        result = seccomp_rule_add_array(filter, by_argument[i].action, by_argument[i].syscall, 1,
                                        &by_argument[i].argument);
    return result;
}

/* Rules that take this process's id, or two arguments. */
static int add_rules_about_itself(scmp_filter_ctx filter)
{
    /* abort and pthread_kill; no other process is ever signalled. */
    int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    /* Limits are read, of this process, and never set. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                                  SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
    return result;
}

enum es_code filter_build(uint32_t architecture, scmp_filter_ctx *ret_filter, struct es_err *reterr)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return es_fail(reterr, ES_NO_MEMORY, "cannot make a seccomp filter");

    int result = 0;
    if (architecture != SCMP_ARCH_NATIVE && architecture != seccomp_arch_native()) {
        result = seccomp_arch_add(filter, architecture);
        if (result == 0)
            result = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
    }
    /* Calls by another architecture's numbers die too; the filter is searched as a tree. */
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = add_tables(filter);
    if (result == 0)
        result = add_rules_about_itself(filter);
    if (result != 0) {
        seccomp_release(filter);
        return fail_seccomp(reterr, result, "build");
    }
    *ret_filter = filter;
    return ES_OK;
}

enum es_code filter_enter(struct es_err *reterr)
{
    scmp_filter_ctx filter;
    enum es_code code = filter_build(SCMP_ARCH_NATIVE, &filter, reterr);
    if (code != ES_OK)
        return code;
    int result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 ? ES_OK : fail_seccomp(reterr, result, "enter");
}
