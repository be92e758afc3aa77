/* The walls around a child, tried from inside, one system call at a time. The child is a copy of
 * this program, so addresses of constants mean the same on both sides. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/es_file.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"
#include "sandbox/sanitizer.h"

#include "process.h"

/* A system call that the child is to make; it answers with its errno, 0 where it succeeded. */
struct call {
    const char *name;
    long number;
    long arguments[6];
    int error_number; /* expected, where the call is not one that kills */
};

#define CALL(name, ...)                                                                            \
    {                                                                                              \
#name, SYS_##name, { __VA_ARGS__ }, 0                                                      \
    }
/* Stand for what only the child knows. */
#define ITS_PARENT   0x7ffffff1L
#define WRITABLE     ((long)scratch)
#define PATH         ((long)"/etc/hostname")
#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

static char scratch[65536] __attribute__((aligned(65536)));
static const struct confine_limits limits = {
    .memory_bytes = 64 << 20, .cpu_seconds = 20, .file_bytes = 1 << 20, .fd_count = 32
};
static struct sandbox *sandbox;

static int child_main(struct channel *channel)
{
    struct channel_message message;
    while (channel_receive(channel, -1, &message, NULL) == ES_OK) {
        struct call call;
        memcpy(&call, message.bytes, sizeof(call));
        long *a = call.arguments;
        for (int i = 0; i < 6; i++)
            if (a[i] == ITS_PARENT)
                a[i] = getppid();
        errno = 0;
        long result = syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
        int error_number = result < 0 ? errno : 0;
        if (channel_send(channel, 1, &error_number, sizeof(error_number), NULL, 0, NULL) != ES_OK)
            return 1;
    }
    return 0;
}

static const struct sandbox_settings settings = { .child_main = child_main, .confine = true };

/* False where the child died of the call, and then how. */
static bool make_call(const struct call *call, int *ret_error_number, struct child_exit *ret_exit)
{
    struct es_err err = { 0 };
    es_auto(child) child = NULL;
    assert_ok(sandbox_spawn(sandbox, &limits, &child, &err), err);
    assert_ok(channel_send(child_channel(child), 1, call, sizeof(*call), NULL, 0, &err), err);
    struct channel_message message;
    if (channel_receive(child_channel(child), 10000, &message, &err) == ES_OK) {
        assert_int_equal(message.size, sizeof(*ret_error_number));
        memcpy(ret_error_number, message.bytes, sizeof(*ret_error_number));
        return true;
    }
    assert_ok(child_wait(child, 10000, ret_exit, &err), err);
    return false;
}

static const struct call forbidden[] = {
    /* the network */
    CALL(socket, AF_INET, SOCK_STREAM),
    CALL(socket, AF_UNIX, SOCK_STREAM),
    CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, WRITABLE),
    CALL(connect, 3, WRITABLE, 16),
    CALL(bind, 3, WRITABLE, 16),
    CALL(listen, 3, 1),
    CALL(accept4, 3),
    /* processes and programs */
    CALL(clone, SIGCHLD),
    CALL(clone, CLONE_VM | CLONE_VFORK | SIGCHLD),
    CALL(clone, CLONE_NEWUSER | SIGCHLD),
    CALL(clone, THREAD_FLAGS | CLONE_NEWNET),
    CALL(execve, (long)"/bin/true", 0, 0),
    CALL(execveat, 0, (long)"", 0, 0, AT_EMPTY_PATH),
    CALL(unshare, CLONE_NEWUSER),
    CALL(setns, 0, 0),
    /* other processes */
    CALL(ptrace, PTRACE_TRACEME),
    CALL(ptrace, PTRACE_ATTACH, ITS_PARENT),
    CALL(process_vm_readv, ITS_PARENT, WRITABLE, 1, WRITABLE, 1),
    CALL(process_vm_writev, ITS_PARENT, WRITABLE, 1, WRITABLE, 1),
    CALL(kill, ITS_PARENT, 0),
    CALL(tgkill, ITS_PARENT, ITS_PARENT, 0),
    CALL(rt_sigqueueinfo, ITS_PARENT, 0, WRITABLE),
    CALL(pidfd_open, ITS_PARENT),
    CALL(pidfd_send_signal, 0, 0),
    CALL(pidfd_getfd, 0, 0),
    CALL(setpgid, 0, 0),
    CALL(fcntl, 3, F_SETOWN, ITS_PARENT),
    CALL(prlimit64, ITS_PARENT, RLIMIT_CPU, 0, WRITABLE),
    /* the file system */
    CALL(unlinkat, AT_FDCWD, PATH),
    CALL(renameat2, AT_FDCWD, PATH, AT_FDCWD, PATH),
    CALL(mkdirat, AT_FDCWD, PATH, 0700),
    CALL(mknodat, AT_FDCWD, PATH, S_IFIFO),
    CALL(linkat, AT_FDCWD, PATH, AT_FDCWD, PATH),
    CALL(symlinkat, PATH, AT_FDCWD, PATH),
    CALL(fchmodat, AT_FDCWD, PATH, 0777),
    CALL(fchownat, AT_FDCWD, PATH),
    CALL(truncate, PATH, 0),
    CALL(chdir, PATH),
    CALL(chroot, PATH),
    CALL(mount, PATH, PATH, PATH),
    CALL(umount2, PATH),
    CALL(open_by_handle_at, 0, WRITABLE, 0),
    CALL(name_to_handle_at, AT_FDCWD, PATH, WRITABLE, WRITABLE),
    CALL(inotify_init1, 0),
    CALL(getdents64, 0, WRITABLE, 100),
    CALL(setxattr, PATH, PATH, WRITABLE, 1),
    /* memory that runs, or is shared */
    CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
    CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
    CALL(mprotect, WRITABLE, 4096, PROT_READ | PROT_EXEC),
    CALL(pkey_mprotect, WRITABLE, 4096, PROT_READ | PROT_EXEC, -1),
    CALL(personality, 0x0400000 /* READ_IMPLIES_EXEC */),
    CALL(memfd_create, (long)"x"),
    CALL(shmget, 0, 4096, 0600 | 01000),
    CALL(msgget, 0, 0600 | 01000),
    CALL(semget, 0, 1, 0600 | 01000),
    CALL(userfaultfd, 0),
    /* privileges and the walls themselves */
    CALL(setuid, 0),
    CALL(setresuid, 0, 0, 0),
    CALL(setgroups, 0, 0),
    CALL(capset, WRITABLE, WRITABLE),
    CALL(setrlimit, RLIMIT_CPU, WRITABLE),
    CALL(prlimit64, 0, RLIMIT_CPU, WRITABLE, 0),
    CALL(prctl, PR_SET_PDEATHSIG, 0),
    CALL(prctl, PR_SET_NO_NEW_PRIVS, 1),
    CALL(seccomp, 0, 0, 0),
    /* the kernel's wider doors */
    CALL(bpf, 0, WRITABLE, 0),
    CALL(perf_event_open, WRITABLE, 0, -1, -1, 0),
    CALL(io_uring_setup, 1, WRITABLE),
    CALL(keyctl, 0),
    CALL(add_key, PATH, PATH, 0, 0, 0),
    CALL(init_module, 0, 0, 0),
    CALL(kexec_load, 0, 0, 0, 0),
    CALL(reboot, 0, 0, 0, 0),
    CALL(settimeofday, 0, 0),
    CALL(clock_settime, 0, WRITABLE),
    CALL(syslog, 3, WRITABLE, 10),
    CALL(timer_create, 0, 0, WRITABLE),
    CALL(epoll_create1, 0),
    CALL(eventfd2, 0, 0),
#ifdef __x86_64__
    CALL(fork, 0),
    CALL(vfork, 0),
    CALL(iopl, 3),
    CALL(modify_ldt, 0, 0, 0),
    CALL(arch_prctl, 0x1002, 0),
    /* x32: the same calls by other numbers */
    { "x32 read", 0x40000000L, { 0 }, 0 },
    { "x32 execve", 0x40000000L + 520, { 0 }, 0 },
#endif
    /* what is not invented yet */
    { "number 999", 999, { 0 }, 0 },
};

static void forbidden_calls_end_the_child(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        int error_number;
        struct child_exit ended;
        if (make_call(&forbidden[i], &error_number, &ended))
            fail_msg("%s (%ld, ...) was answered: %s", forbidden[i].name, forbidden[i].arguments[0],
                     error_number ? strerror(error_number) : "it succeeded");
        if (ended.end != CHILD_END_FORBIDDEN)
            fail_msg("%s ended the child by signal %d", forbidden[i].name, ended.signal);
        assert_int_equal(ended.signal, SIGSYS);
    }
}

#define ANSWER(error, name, ...)                                                                   \
    {                                                                                              \
#name, SYS_##name, { __VA_ARGS__ }, error                                                  \
    }

static const struct call answered[] = {
    /* refused */
    ANSWER(EACCES, openat, AT_FDCWD, PATH, O_RDONLY),
    ANSWER(EACCES, openat, AT_FDCWD, (long)"/dev/null", O_RDWR),
    ANSWER(EACCES, openat, AT_FDCWD, (long)"new", O_WRONLY | O_CREAT, 0600),
    ANSWER(EACCES, openat2, AT_FDCWD, PATH, WRITABLE, 24),
    ANSWER(EACCES, newfstatat, AT_FDCWD, PATH, WRITABLE, 0),
    ANSWER(EACCES, statx, AT_FDCWD, PATH, 0, 0, WRITABLE),
    ANSWER(EACCES, faccessat, AT_FDCWD, PATH, 0),
    ANSWER(EACCES, readlinkat, AT_FDCWD, (long)"/proc/self/exe", WRITABLE, 100),
    ANSWER(ENOTTY, ioctl, 0, TIOCSTI, WRITABLE),
    ANSWER(ENOSYS, clone3, WRITABLE, 64),
    ANSWER(EPERM, fcntl, 3, F_SETFL, O_ASYNC),
#ifdef __x86_64__
    ANSWER(EACCES, open, PATH, O_RDONLY),
    ANSWER(EACCES, stat, PATH, WRITABLE),
    ANSWER(EACCES, access, PATH, 0),
#endif
    /* allowed */
    ANSWER(0, fstat, 0, WRITABLE),
    ANSWER(0, newfstatat, 0, (long)"", WRITABLE, AT_EMPTY_PATH),
    ANSWER(0, mmap, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1),
    ANSWER(0, mprotect, WRITABLE, 4096, PROT_READ | PROT_WRITE),
    ANSWER(0, sched_getaffinity, 0, 128, WRITABLE),
    ANSWER(0, sysinfo, WRITABLE),
    ANSWER(0, getrandom, WRITABLE, 16, 0),
    ANSWER(0, clock_gettime, 0, WRITABLE),
    ANSWER(0, prlimit64, 0, RLIMIT_NOFILE, 0, WRITABLE),
    ANSWER(0, prctl, PR_SET_NAME, (long)"named"),
    ANSWER(0, fcntl, 3, F_GETFL),
    ANSWER(EBADF, pread64, 9, WRITABLE, 1),
    ANSWER(EBADF, pwrite64, 9, WRITABLE, 1),
    ANSWER(EBADF, ftruncate, 9, 0),
    ANSWER(EBADF, lseek, 9, 0),
};

static void calls_that_conversion_makes_are_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
        int error_number;
        struct child_exit ended;
        if (!make_call(&answered[i], &error_number, &ended))
            fail_msg("%s ended the child by signal %d", answered[i].name, ended.signal);
        if (error_number != answered[i].error_number)
            fail_msg("%s was answered '%s', not '%s'", answered[i].name, strerror(error_number),
                     strerror(answered[i].error_number));
    }
}

/* One line of the child's /proc/PID/status, such as "Seccomp:\t2". */
static void assert_status(pid_t pid, const char *line)
{
    struct es_err err = { 0 };
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    es_auto_buf text = { 0 };
    assert_ok(es_file_read(path, 1 << 16, &text, &err), err);
    if (!strstr(es_buf_text(&text), line))
        fail_msg("no line '%s' in %s", line, es_buf_text(&text));
}

static void kernel_says_that_a_child_is_confined(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(child) child = NULL;
    assert_ok(sandbox_spawn(sandbox, &limits, &child, &err), err);
    pid_t pid = child_pid(child);
    assert_status(pid, "Name:\tespotifai-part\n");
    assert_status(pid, "\nNoNewPrivs:\t1\n");
    assert_status(pid, "\nSeccomp:\t2\n");
    assert_status(pid, "\nCapPrm:\t0000000000000000\n");
    assert_status(pid, "\nCapEff:\t0000000000000000\n");
    if (geteuid() == 0) {
        assert_status(pid, "\nUid:\t65534\t65534\t65534\t65534\n");
        assert_status(pid, "\nGid:\t65534\t65534\t65534\t65534\n");
        assert_status(pid, "\nGroups:\t \n");
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    es_auto_buf text = { 0 };
    assert_ok(es_file_read(path, 100, &text, &err), err);
    assert_memory_equal(text.bytes, "1000\n", 5);
}

static void self_test_proves_every_wall(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct sandbox_walls walls;
    assert_ok(sandbox_self_test(sandbox, &walls, &err), err);
    char text[SANDBOX_WALLS_TEXT_SIZE];
    sandbox_walls_format(&walls, text);
    print_message("walls: %s\n", text);
    assert_true(sandbox_walls_hold(&walls));
    assert_int_equal(walls.landlock, landlock_abi() > 0);
}

static void self_test_sees_that_walls_are_missing(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(sandbox) open = NULL;
    const struct sandbox_settings without = { .child_main = child_main, .confine = false };
    assert_ok(sandbox_open(&without, &open, &err), err);
    struct sandbox_walls walls;
    assert_ok(sandbox_self_test(open, &walls, &err), err);
    assert_false(sandbox_walls_hold(&walls));
    assert_false(walls.files || walls.network || walls.processes || walls.programs ||
                 walls.tracing || walls.landlock);
    char text[SANDBOX_WALLS_TEXT_SIZE];
    sandbox_walls_format(&walls, text);
    assert_string_equal(text, "NO-files NO-network NO-processes NO-programs NO-tracing NO-landlock "
                              "unprivileged");
}

/* In a process of its own: become(), then open a sandbox, whose walls must hold. 77: not possible
 * here. */
static int prove_walls_as(bool (*become)(void))
{
    struct es_err err = { 0 };
    es_auto(sandbox) own = NULL;
    struct sandbox_walls walls;
    if (!become())
        return 77;
    if (sandbox_open(&settings, &own, &err) != ES_OK ||
        sandbox_self_test(own, &walls, &err) != ES_OK) {
        fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
    if (walls.landlock != (landlock_abi() > 0))
        return 3;
    return sandbox_walls_hold(&walls) ? 0 : 2;
}

static void assert_walls_hold_as(bool (*become)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(prove_walls_as(become));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77 && SANITIZED)
        return; /* a sanitizer's own thread keeps a process from leaving its namespace */
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool become_ordinary(void)
{
    return geteuid() != 0 ||
           (setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
}

static void walls_hold_for_an_ordinary_user(void **state)
{
    (void)state;
    assert_walls_hold_as(become_ordinary);
}

/* Root of a user namespace that has no other user, as in a container without privileges. */
static bool become_lonely_root(void)
{
    struct es_err err;
    char map[64];
    int length = snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
    if (unshare(CLONE_NEWUSER) != 0)
        return false;
    es_auto_fd fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    return fd >= 0 && es_write_all(fd, map, (size_t)length, &err) == ES_OK;
}

static void walls_hold_for_root_in_a_container_without_users(void **state)
{
    (void)state;
    assert_walls_hold_as(become_lonely_root);
}

/* A kernel without Landlock, as far as anyone can tell. */
static bool become_without_landlock(void)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    bool done = context && seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), 444, 0) == 0 &&
                seccomp_load(context) == 0;
    seccomp_release(context);
    return done && landlock_abi() == 0;
}

static void walls_hold_on_a_kernel_without_landlock(void **state)
{
    (void)state;
    assert_walls_hold_as(become_without_landlock);
}

/* 0: Landlock alone stops all that its version claims to. */
static int try_landlock_alone(void)
{
    struct es_err err = { 0 };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(9) };
    int held = open("/dev/zero", O_RDONLY);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || landlock_deny_all(&err) != ES_OK)
        return 1;
    char byte;
    if (read(held, &byte, 1) != 1)
        return 2;
    if (open("/", O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
        return 3;
    if (landlock_abi() >= 4) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EACCES)
            return 4;
        address.sin_port = 0;
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EACCES)
            return 5;
    }
    if (landlock_abi() >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
        return 6;
    return 0;
}

static void landlock_alone_denies_files_tcp_and_signals(void **state)
{
    (void)state;
    if (landlock_abi() == 0)
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(try_landlock_alone());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void filter_compiles_for_every_architecture(void **state)
{
    (void)state;
    const uint32_t architectures[] = { SCMP_ARCH_NATIVE, SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64 };
    for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++) {
        struct es_err err = { 0 };
        es_auto_free struct filter *filter = NULL;
        assert_ok(filter_compile(architectures[i], &filter, &err), err);
    }
}

#define SECRET_SIZE 33

/* Computed, so that it lies in memory only where it was put; `kind` makes another one. */
static void make_secret(unsigned int kind, char ret_secret[static SECRET_SIZE])
{
    for (unsigned int i = 0; i < SECRET_SIZE - 1; i++)
        ret_secret[i] = (char)('a' + (i * i * 7 + i * 3 + kind * 11) % 26);
    ret_secret[SECRET_SIZE - 1] = 0;
}

enum { SECRET_OF_ENVIRONMENT = 1, SECRET_ON_STACK, SECRET_KEPT };
static char kept_secret[SECRET_SIZE]; /* shows that the search finds what there is */

/* As reading a file of settings does; the buffer is not cleared. */
static __attribute__((noinline)) size_t leave_secret_on_stack(void)
{
    char block[16384];
    for (size_t i = 0; i + SECRET_SIZE <= sizeof(block); i += SECRET_SIZE)
        make_secret(SECRET_ON_STACK, block + i);
    __asm__ volatile("" : : "r"(block) : "memory");
    return sizeof(block);
}

/* Whether a secret lies in the memory of `pid`, which this process may read. */
static bool memory_holds(pid_t pid, unsigned int kind)
{
    char secret[SECRET_SIZE], path[64], line[512];
    make_secret(kind, secret);
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    es_auto_fd memory = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    assert_non_null(maps);
    bool found = false;
    while (!found && fgets(line, sizeof(line), maps)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx rw", &start, &end) != 2 || !strstr(line, " rw-p"))
            continue;
        es_auto_free char *bytes = malloc(end - start);
        ssize_t got = pread(memory, bytes, end - start, (off_t)start);
        found = got > 0 && memmem(bytes, (size_t)got, secret, SECRET_SIZE - 1);
    }
    fclose(maps);
    return found;
}

static void child_memory_holds_no_secret_of_the_program(void **state)
{
    (void)state;
    if (SANITIZED)
        return; /* a sanitizer's memory cannot be read through */
    if (geteuid() != 0)
        skip(); /* a child's memory can be read only by root */
    struct es_err err = { 0 };
    es_auto(child) child = NULL;
    assert_ok(sandbox_spawn(sandbox, &limits, &child, &err), err);
    const pid_t family[] = { child_pid(child), process_parent(child_pid(child)) };
    for (size_t i = 0; i < 2; i++) {
        assert_true(memory_holds(family[i], SECRET_KEPT));
        assert_false(memory_holds(family[i], SECRET_OF_ENVIRONMENT));
        assert_false(memory_holds(family[i], SECRET_ON_STACK));
    }
    assert_false(memory_holds(process_parent(family[1]), SECRET_ON_STACK));
}

static int open_shared(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    char secret[SECRET_SIZE];
    make_secret(SECRET_OF_ENVIRONMENT, secret);
    setenv("A_SECRET", secret, 1);
    explicit_bzero(secret, sizeof(secret));
    make_secret(SECRET_KEPT, kept_secret);
    __asm__ volatile("" : : "r"(kept_secret) : "memory");
    assert_true(leave_secret_on_stack() > 0);
    if (sandbox_open(&settings, &sandbox, &err) == ES_OK)
        return 0;
    print_error("%s\n", err.detail);
    return -1;
}

static int close_shared(void **state)
{
    (void)state;
    sandbox_close(sandbox);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden_calls_end_the_child),
        cmocka_unit_test(calls_that_conversion_makes_are_answered),
        cmocka_unit_test(kernel_says_that_a_child_is_confined),
        cmocka_unit_test(child_memory_holds_no_secret_of_the_program),
        cmocka_unit_test(self_test_proves_every_wall),
        cmocka_unit_test(self_test_sees_that_walls_are_missing),
        cmocka_unit_test(walls_hold_for_an_ordinary_user),
        cmocka_unit_test(walls_hold_for_root_in_a_container_without_users),
        cmocka_unit_test(walls_hold_on_a_kernel_without_landlock),
        cmocka_unit_test(landlock_alone_denies_files_tcp_and_signals),
        cmocka_unit_test(filter_compiles_for_every_architecture),
    };
    return cmocka_run_group_tests_name("walls", tests, open_shared, close_shared);
}
