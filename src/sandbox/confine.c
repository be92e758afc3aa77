/* The walls, in the order that lets each be raised: what needs privileges first, seccomp last. */
#include "sandbox/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/sanitizer.h"

#define NOBODY_ID 65534
#define FDS_MIN   8

/* Address space beside memory_bytes for what malloc reserves and does not use, 64 MiB a thread's
 * arena; RLIMIT_DATA, which counts only writable memory, holds memory_bytes itself. */
#define RESERVED_BYTES ((uint64_t)1 << 30)

/* What a process is taken to map where /proc cannot tell. */
#define MAPPED_BYTES_UNKNOWN ((uint64_t)1 << 30)

/* Processes and threads of the user that children run as: so many that only a flood meets it. */
#define TASKS_MAX 8192

enum es_code confine_check(const struct confine_limits *limits, struct es_err *reterr)
{
    if (limits->memory_bytes == 0 || limits->cpu_seconds == 0 || limits->file_bytes == 0)
        return es_fail(reterr, ES_INVALID, "a child needs limits on memory, CPU and file size");
    if (limits->fd_count < FDS_MIN)
        return es_fail(reterr, ES_INVALID, "a child needs at least %d descriptors", FDS_MIN);
    if (limits->niceness < 0 || limits->niceness > 19)
        return es_fail(reterr, ES_INVALID, "niceness %d is not within 0..19", limits->niceness);
    return ES_OK;
}

/* What the process maps already: all of it, and the part that is writable. */
static void measure_mapped(uint64_t *ret_all_bytes, uint64_t *ret_data_bytes)
{
    *ret_all_bytes = *ret_data_bytes = MAPPED_BYTES_UNKNOWN;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    unsigned long all, data;
    if (fscanf(file, "%lu %*u %*u %*u %*u %lu", &all, &data) == 2) {
        uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        *ret_all_bytes = all * page_bytes;
        *ret_data_bytes = data * page_bytes;
    }
    fclose(file);
}

static enum es_code limit(int resource, uint64_t soft, uint64_t hard, struct es_err *reterr)
{
    struct rlimit old;
    if (getrlimit((__rlimit_resource_t)resource, &old) != 0)
        return es_fail_errno(reterr, errno, "cannot read limit %d", resource);
    /* A harder limit that holds already stays. */
    struct rlimit new = { .rlim_cur = soft < old.rlim_max ? soft : old.rlim_max,
                          .rlim_max = hard < old.rlim_max ? hard : old.rlim_max };
    if (setrlimit((__rlimit_resource_t)resource, &new) != 0)
        return es_fail_errno(reterr, errno, "cannot set limit %d", resource);
    return ES_OK;
}

static enum es_code set_limits(const struct confine_limits *limits, struct es_err *reterr)
{
    uint64_t all_bytes, data_bytes;
    measure_mapped(&all_bytes, &data_bytes);
    const struct {
        int resource;
        uint64_t soft, hard;
    } table[] = {
#if !SANITIZED
        { RLIMIT_DATA, data_bytes + limits->memory_bytes, data_bytes + limits->memory_bytes },
        { RLIMIT_AS, all_bytes + limits->memory_bytes + RESERVED_BYTES,
          all_bytes + limits->memory_bytes + RESERVED_BYTES },
#endif
        /* SIGXCPU first, which tells the reason; SIGKILL a second later to who would not hear it.
         */
        { RLIMIT_CPU, limits->cpu_seconds, (uint64_t)limits->cpu_seconds + 1 },
        { RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes },
        { RLIMIT_NOFILE, limits->fd_count, limits->fd_count },
        { RLIMIT_CORE, 0, 0 },
        { RLIMIT_MEMLOCK, 0, 0 },
        { RLIMIT_MSGQUEUE, 0, 0 },
        { RLIMIT_NPROC, TASKS_MAX, TASKS_MAX },
    };
    enum es_code code = ES_OK;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]) && code == ES_OK; i++)
        code = limit(table[i].resource, table[i].soft, table[i].hard, reterr);
    if (code != ES_OK)
        return code;

    errno = 0;
    int niceness = getpriority(PRIO_PROCESS, 0);
    if (errno == 0 && niceness < limits->niceness &&
        setpriority(PRIO_PROCESS, 0, limits->niceness) != 0)
        return es_fail_errno(reterr, errno, "cannot become nicer");
    return ES_OK;
}

/* Root leaves its user, its groups and the file system's tree. In a container of an ordinary user
 * some of it cannot be had, as there may be no second user: then the loss of capabilities has to
 * do. */
static enum es_code leave_root(struct es_err *reterr)
{
    /* A tree that holds nothing but the numbers of this process's own descriptors. */
    if (chroot("/proc/self/fdinfo") == 0 && chdir("/") != 0)
        return es_fail_errno(reterr, errno, "cannot enter the empty tree");
    if (setgroups(0, NULL) != 0 && errno != EPERM)
        return es_fail_errno(reterr, errno, "cannot leave the groups");
    if (setresgid(NOBODY_ID, NOBODY_ID, NOBODY_ID) != 0 && errno != EPERM && errno != EINVAL)
        return es_fail_errno(reterr, errno, "cannot change the group");
    if (setresuid(NOBODY_ID, NOBODY_ID, NOBODY_ID) != 0 && errno != EPERM && errno != EINVAL)
        return es_fail_errno(reterr, errno, "cannot change the user");
    return ES_OK;
}

static enum es_code drop_privileges(struct es_err *reterr)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return es_fail_errno(reterr, errno, "cannot give up new privileges");
    if (geteuid() == 0) {
        enum es_code code = leave_root(reterr);
        if (code != ES_OK)
            return code;
    }
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capset, &header, none) != 0)
        return es_fail_errno(reterr, errno, "cannot drop the capabilities");
    /* Both are undone by a change of user, so they come after it. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return es_fail_errno(reterr, errno, "cannot hide the memory");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return es_fail_errno(reterr, errno, "cannot be bound to the parent's life");
    return ES_OK;
}

enum es_code confine(const struct confine_limits *limits, unsigned int walls, struct es_err *reterr)
{
    enum es_code code = confine_check(limits, reterr);
    if (code == ES_OK)
        code = set_limits(limits, reterr);
    if (code == ES_OK)
        code = drop_privileges(reterr);
    if (code == ES_OK && (walls & CONFINE_LANDLOCK))
        code = landlock_deny_all(reterr);
    if (code == ES_OK && (walls & CONFINE_SECCOMP))
        code = filter_enter(reterr);
    return code;
}
