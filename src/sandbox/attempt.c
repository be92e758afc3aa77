/* Attempts at things that any process can do, by calls that fail for no other reason than a wall.
 */
#include "sandbox/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int judge(bool got_beyond)
{
    return !got_beyond && (errno == EACCES || errno == EPERM) ? ATTEMPT_STOPPED
                                                              : ATTEMPT_GOT_BEYOND;
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return judge(pid >= 0);
}

static bool has_privilege(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capget, &header, held) != 0)
        return true;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (held[i].effective || held[i].permitted || held[i].inheritable)
            return true;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

int attempt_run(enum errand errand)
{
    switch (errand) {
    case ERRAND_TRY_OPEN:
        return judge(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
    case ERRAND_TRY_SOCKET:
        return judge(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    case ERRAND_TRY_FORK:
        return try_fork();
    case ERRAND_TRY_EXECUTE:
        return judge(execl("/bin/true", "true", (char *)NULL) == 0);
    case ERRAND_TRY_TRACE:
        return judge(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    case ERRAND_TRY_PRIVILEGE:
        return has_privilege() ? ATTEMPT_GOT_BEYOND : ATTEMPT_STOPPED;
    case ERRAND_UNSET:
    case ERRAND_CHILD_MAIN:
        break;
    }
    return ATTEMPT_GOT_BEYOND;
}
