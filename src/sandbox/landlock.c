/* Numbers and layouts are the kernel's, include/uapi/linux/landlock.h of Linux 6.12. */
#include "sandbox/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/es_auto.h"

/* The same on every architecture: both came after the tables were unified. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION (1U << 0)

struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* version 4 */
    uint64_t scoped;             /* version 6 */
};

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

/* How many rights to files each version knows: execute to make_sym, then refer, truncate,
 * ioctl_dev. */
static uint64_t file_rights(int abi)
{
    int count = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    return (UINT64_C(1) << count) - 1;
}

enum es_code landlock_deny_all(struct es_err *reterr)
{
    int abi = landlock_abi();
    if (abi == 0)
        return ES_OK;
    struct ruleset ruleset = {
        .handled_access_fs = file_rights(abi),
        .handled_access_net = abi >= 4 ? 3 : 0, /* bind_tcp, connect_tcp */
        .scoped = abi >= 6 ? 3 : 0,             /* abstract_unix_socket, signal */
    };
    size_t size = sizeof(uint64_t) * (abi >= 6 ? 3 : abi >= 4 ? 2 : 1);
    es_auto_fd fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (fd < 0)
        return es_fail_errno(reterr, errno, "cannot make a Landlock ruleset (version %d)", abi);
    if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        return es_fail_errno(reterr, errno, "cannot enter a Landlock ruleset (version %d)", abi);
    return ES_OK;
}
