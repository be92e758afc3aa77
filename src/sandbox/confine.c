/* The walls, in the order that lets each be raised: what needs privileges first, seccomp last. */
#include "sandbox/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/sanitizer.h"

#define NOBODY_ID 65534
#define FDS_MIN   8

#define MEMORY_BYTES_MAX ((uint64_t)1 << 48)

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
    if (limits->memory_bytes > MEMORY_BYTES_MAX)
        return es_fail(reterr, ES_INVALID, "no machine has so much memory");
    if (limits->fd_count < FDS_MIN)
        return es_fail(reterr, ES_INVALID, "a child needs at least %d descriptors", FDS_MIN);
    if (limits->niceness < 0 || limits->niceness > 19)
        return es_fail(reterr, ES_INVALID, "niceness %d is not within 0..19", limits->niceness);
    return ES_OK;
}

struct confine_plan {
    uint64_t mapped_bytes;
    uint64_t data_bytes;   /* the writable part of it */
    struct filter *filter; /* NULL: of a plan without seccomp */
};

static void measure_mapped(struct confine_plan *plan)
{
    plan->mapped_bytes = plan->data_bytes = MAPPED_BYTES_UNKNOWN;
    es_auto_fd fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[256];
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (got < 0)
        return;
    text[got] = 0;

    uint64_t pages[6]; /* size, resident, shared, text, (nothing), data */
    char *cursor = text;
    for (size_t i = 0; i < 6; i++) {
        char *end;
        pages[i] = strtoull(cursor, &end, 10);
        if (end == cursor)
            return;
        cursor = end;
    }
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    plan->mapped_bytes = pages[0] * page_bytes;
    plan->data_bytes = pages[5] * page_bytes;
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

static enum es_code set_limits(const struct confine_plan *plan, const struct confine_limits *limits,
                               struct es_err *reterr)
{
    uint64_t data_bytes = plan->data_bytes + limits->memory_bytes;
    uint64_t mapped_bytes = plan->mapped_bytes + limits->memory_bytes + RESERVED_BYTES;
    if (SANITIZED)
        data_bytes = mapped_bytes = RLIM_INFINITY;
    const struct {
        int resource;
        uint64_t soft, hard;
    } table[] = {
        { RLIMIT_DATA, data_bytes, data_bytes },
        { RLIMIT_AS, mapped_bytes, mapped_bytes },
        /* SIGXCPU first, which tells the reason; SIGKILL a second later to who ignores it. */
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

enum es_code confine_prepare(unsigned int walls, struct confine_plan **ret_plan,
                             struct es_err *reterr)
{
    es_auto_free struct confine_plan *plan = es_malloc(sizeof(*plan));
    measure_mapped(plan);
    if (walls & CONFINE_SECCOMP) {
        enum es_code code = filter_compile(SCMP_ARCH_NATIVE, &plan->filter, reterr);
        if (code != ES_OK)
            return code;
    }
    *ret_plan = es_take(plan);
    return ES_OK;
}

enum es_code confine(struct confine_plan *plan, const struct confine_limits *limits,
                     unsigned int walls, struct es_err *reterr)
{
    assert(plan->filter || !(walls & CONFINE_SECCOMP));
    enum es_code code = confine_check(limits, reterr);
    if (code == ES_OK)
        code = set_limits(plan, limits, reterr);
    if (code == ES_OK)
        code = drop_privileges(reterr);
    if (code == ES_OK && (walls & CONFINE_LANDLOCK))
        code = landlock_deny_all(reterr);
    if (code == ES_OK && (walls & CONFINE_SECCOMP))
        code = filter_enter(plan->filter, reterr);
    return code;
}
