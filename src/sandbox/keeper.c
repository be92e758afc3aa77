/* One thread, one loop: a server runs, or its next start is waited for. */
#include "sandbox/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/es_auto.h"
#include "base/es_clock.h"
#include "sandbox/sanitizer.h"
#include "sandbox/server.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A server that lived shorter than this died of its start; the next one waits, longer each time. */
#define LIFE_MS_MIN      1000
#define RESTART_MS_MIN   50
#define RESTART_MS_MAX   5000
#define LAST_WAIT_MS     2000
#define DEAD_STACK_BYTES ((size_t)256 * 1024)
#define FD_REQUESTS      3
#define FD_SCRATCH_MIN   16

/* Secrets may lie in the environment, and children are copies of this memory. */
static void erase_environment(void)
{
    for (char **variable = environ; variable && *variable; variable++)
        explicit_bzero(*variable, strlen(*variable));
    clearenv();
}

/* What the program's finished calls left below its stack's end, such as a file of settings that was
 * read through a buffer there. */
static __attribute__((noinline)) void erase_dead_stack(void)
{
    unsigned char dead[DEAD_STACK_BYTES];
    explicit_bzero(dead, sizeof(dead));
}

/* Leaves the program's terminal, signals, descriptors and environment. Standard error stays. */
static void leave_program(int requests_fd)
{
    /* Ctrl-C and a service manager's SIGTERM are for the program, which ends its helpers when it
     * has finished what runs; so they must not reach the helpers and the children. */
    setsid();
    const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
    for (size_t i = 0; i < COUNT(ignored); i++)
        signal(ignored[i], SIG_IGN);
    /* How a child ends is read off the signal that ended it, so none may be ignored or handled, as
     * they are where the program was started by one that ignores them, or has handlers of its own.
     */
    const int deadly[] = { SIGCHLD, SIGXCPU, SIGXFSZ, SIGSYS, SIGABRT };
    for (size_t i = 0; i < COUNT(deadly); i++)
        signal(deadly[i], SIG_DFL);
    /* A sanitizer's handlers of these write its report. */
    const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
    for (size_t i = 0; i < COUNT(faults) && !SANITIZED; i++)
        signal(faults[i], SIG_DFL);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_SETMASK, &mask, NULL);

    int requests = fcntl(requests_fd, F_DUPFD, FD_SCRATCH_MIN);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0)
        null = fcntl(null, F_DUPFD, FD_SCRATCH_MIN);
    if (requests < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup3(requests, FD_REQUESTS, O_CLOEXEC) < 0)
        _exit(1);
    if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0)
        _exit(1);
    closefrom(FD_REQUESTS + 1);
    erase_environment();
    erase_dead_stack();
}

static _Noreturn void run_server(const struct sandbox_settings *settings, pid_t keeper)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != keeper)
        _exit(0);
    closefrom(FD_REQUESTS + 1);
    server_run(settings, FD_REQUESTS);
}

/* Reaps what has ended: the server, or the children of one that died before it could. True where
 * `server` (0: none) was among them. */
static bool has_ended(pid_t server)
{
    bool found = false;
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
        found = found || pid == server;
    return found;
}

static bool is_program_gone(short events)
{
    return (events & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static _Noreturn void keep(const struct sandbox_settings *settings)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    int ended_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (ended_fd < 0)
        _exit(1);

    pid_t keeper = getpid();
    pid_t server = 0; /* 0: none runs */
    int64_t started_ms = 0;
    int wait_ms = 0; /* before the next start */
    for (;;) {
        if (server == 0) {
            server = fork();
            if (server == 0)
                run_server(settings, keeper);
            if (server < 0)
                server = 0;
            started_ms = es_clock_monotonic_ms();
        }

        struct pollfd polled[] = { { .fd = FD_REQUESTS }, { .fd = ended_fd, .events = POLLIN } };
        if (poll(polled, 2, server == 0 ? RESTART_MS_MAX : -1) < 0 && errno != EINTR)
            _exit(1);
        if (is_program_gone(polled[0].revents)) {
            /* The server has seen it too, and ends when its children have. */
            polled[0].fd = -1;
            if (server > 0 && poll(polled, 2, LAST_WAIT_MS) <= 0)
                kill(server, SIGKILL);
            has_ended(server);
            _exit(0);
        }
        struct signalfd_siginfo info;
        while (read(ended_fd, &info, sizeof(info)) > 0)
            ;
        if (has_ended(server)) {
            server = 0;
            bool died_young = es_clock_monotonic_ms() - started_ms < LIFE_MS_MIN;
            wait_ms = !died_young                    ? 0
                      : wait_ms == 0                 ? RESTART_MS_MIN
                      : wait_ms * 2 > RESTART_MS_MAX ? RESTART_MS_MAX
                                                     : wait_ms * 2;
            if (wait_ms > 0 && poll(polled, 1, wait_ms) > 0 && is_program_gone(polled[0].revents))
                _exit(0);
        }
    }
}

/* False where /proc cannot tell. A sanitizer may run a thread of its own. */
static bool has_threads(void)
{
    DIR *folder = SANITIZED ? NULL : opendir("/proc/self/task");
    if (!folder)
        return false;
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count > 1;
}

enum es_code keeper_start(const struct sandbox_settings *settings, int requests_fd, pid_t *ret_pid,
                          struct es_err *reterr)
{
    if (has_threads())
        return es_fail(reterr, ES_INVALID, "a sandbox is opened before the program starts threads");
    pid_t pid = fork();
    if (pid < 0)
        return es_fail_errno(reterr, errno, "cannot fork the sandbox's keeper");
    if (pid == 0) {
        leave_program(requests_fd);
        prctl(PR_SET_NAME, "espotifai-keep");
        /* Children whose server was killed come here to be reaped: the program, where it is a
         * container's first process, would never do it. */
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        keep(settings);
    }
    *ret_pid = pid;
    return ES_OK;
}
