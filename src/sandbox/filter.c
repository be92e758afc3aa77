/* An allow-list. What stands in no table here kills the process, fork, exec, socket and ptrace
 * among it. The tables hold what decoding, encoding (x264 and its threads), libc and a channel were
 * seen to need, and nothing that names a path, makes a descriptor from nothing or reaches another
 * process. */
#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_file.h"
#include "sandbox/sanitizer.h"

/* Stands for the process's own id until filter_enter knows it; no process has so high a one. */
#define OWN_ID 0x7ffffff1U

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

struct filter {
    size_t count;
    size_t own_id_place;
    struct sock_filter instructions[];
};

static enum es_code fail_seccomp(struct es_err *reterr, int result)
{
    return es_fail_errno(reterr, -result, "cannot build a seccomp filter");
}

static int add_tables(scmp_filter_ctx context)
{
    int result = 0;
    for (size_t i = 0; i < COUNT(allowed) && result == 0; i++)
        result = seccomp_rule_add(context, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < COUNT(refused) && result == 0; i++)
        result = seccomp_rule_add(context, SCMP_ACT_ERRNO((uint32_t)refused[i].error_number),
                                  refused[i].syscall, 0);
    for (size_t i = 0; i < COUNT(by_argument) && result == 0; i++)
        result = seccomp_rule_add_array(context, by_argument[i].action, by_argument[i].syscall, 1,
                                        &by_argument[i].argument);
    return result;
}

/* Rules that take this process's id, or two arguments. */
static int add_rules_about_itself(scmp_filter_ctx context)
{
    /* abort and pthread_kill; no other process is ever signalled. */
    int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, OWN_ID));
    /* Limits are read, of this process, and never set. */
    if (result == 0)
        result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                                  SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
    return result;
}

static int describe(scmp_filter_ctx context, uint32_t architecture)
{
    int result = 0;
    if (architecture != SCMP_ARCH_NATIVE && architecture != seccomp_arch_native()) {
        result = seccomp_arch_add(context, architecture);
        if (result == 0)
            result = seccomp_arch_remove(context, SCMP_ARCH_NATIVE);
    }
    /* Calls by another architecture's numbers die too; the filter is searched as a tree. */
    if (result == 0)
        result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = add_tables(context);
    if (result == 0)
        result = add_rules_about_itself(context);
    return result;
}

/* The one comparison with OWN_ID; SIZE_MAX where there is not exactly one. */
static size_t find_own_id(const struct filter *filter)
{
    size_t place = SIZE_MAX;
    for (size_t i = 0; i < filter->count; i++) {
        if (filter->instructions[i].k != OWN_ID)
            continue;
        if (place != SIZE_MAX || BPF_OP(filter->instructions[i].code) != BPF_JEQ)
            return SIZE_MAX;
        place = i;
    }
    return place;
}

/* Takes the instructions out of libseccomp by way of a file in memory, the one way that its version
 * in Debian 12 has. */
static enum es_code export(scmp_filter_ctx context, struct filter **ret_filter,
                           struct es_err *reterr) {
    es_auto_fd fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) return es_fail_errno(reterr, errno, "cannot hold a seccomp filter");
    int result = seccomp_export_bpf(context, fd);
    if (result != 0) return fail_seccomp(reterr, result);
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || size > (off_t)(BPF_MAXINSNS * sizeof(struct sock_filter))) return es_fail(
        reterr, ES_IO, "a seccomp filter of %lld bytes", (long long)size);

    es_auto_free struct filter *filter = es_malloc(sizeof(*filter) + (size_t)size);
    size_t got;
    enum es_code code = es_pread_all(fd, filter->instructions, (size_t)size, 0, &got, reterr);
    if (code != ES_OK) return code;
    filter->count = got / sizeof(struct sock_filter);
    filter->own_id_place = find_own_id(filter);
    if (filter->own_id_place ==
        SIZE_MAX) return es_fail(reterr, ES_IO,
                                 "the seccomp filter has no one place for the process's id");
    *ret_filter = es_take(filter);
    return ES_OK;
}

enum es_code filter_compile(uint32_t architecture, struct filter **ret_filter,
                            struct es_err *reterr)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!context)
        return es_fail(reterr, ES_NO_MEMORY, "cannot make a seccomp filter");
    int result = describe(context, architecture);
    enum es_code code =
        result == 0 ? export(context, ret_filter, reterr) : fail_seccomp(reterr, result);
    seccomp_release(context);
    return code;
}

enum es_code filter_enter(struct filter *filter, struct es_err *reterr)
{
    filter->instructions[filter->own_id_place].k = (uint32_t)getpid();
    const struct sock_fprog program = { .len = (unsigned short)filter->count,
                                        .filter = filter->instructions };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        return es_fail_errno(reterr, errno, "cannot enter a seccomp filter");
    return ES_OK;
}
