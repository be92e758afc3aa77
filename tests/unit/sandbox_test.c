/* What src/sandbox/sandbox.h promises of children: how they start, talk, and end. That the walls
 * hold is tests/security's. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "sandbox/sandbox.h"
#include "sandbox/sanitizer.h"

#include "process.h"

static size_t open_fd_count(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* What the child is asked to do, by message type. */
enum order {
    ORDER_ECHO = 1, /* sends back what it is sent, descriptors too, until the channel closes */
    ORDER_EXIT,     /* with the first byte as its code */
    ORDER_CRASH,
    ORDER_ABORT,
    ORDER_SPIN,
    ORDER_SPIN_DEAF, /* ignores SIGXCPU */
    ORDER_EAT,       /* allocates and touches memory until refused, then exits as told to */
    ORDER_FILL,      /* writes into the descriptor without end */
    ORDER_BABBLE,    /* malformed messages, then waits */
    ORDER_WAIT,
    ORDER_TELL, /* answers with a struct self_portrait */
    ORDER_START_THREADS,
};

struct self_portrait {
    uid_t uid;
    bool has_environment;
    bool has_preloaded;
    bool is_warm;
    int fd_count;
    char name[16];
};

#define TEST_LIMITS                                                                                \
    (const struct confine_limits)                                                                  \
    {                                                                                              \
        .memory_bytes = 256 << 20, .cpu_seconds = 20, .file_bytes = 1 << 20, .fd_count = 32        \
    }

static struct sandbox *sandbox;
static volatile int *volatile nowhere;
static bool preloaded; /* in the server, and so in its children */
static bool warmed_up; /* in a spare, and so in the child that it becomes */

static void eat_memory(void)
{
    for (;;) {
        unsigned char *memory = malloc(1 << 20);
        if (!memory)
            _exit(CHILD_CODE_NO_MEMORY);
        for (size_t i = 0; i < 1 << 20; i += 4096)
            ((volatile unsigned char *)memory)[i] = 1;
    }
}

static void fill(int fd)
{
    static const char bytes[65536];
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
    _exit(2);
}

/* As a compromised child would, around the channel. */
static void babble(int fd)
{
    es_auto_free char *bytes = calloc(1, CHANNEL_MESSAGE_BYTES_MAX + 100);
    struct iovec pieces[] = { { bytes, 3 }, { bytes, CHANNEL_MESSAGE_BYTES_MAX + 100 } };
    for (int i = 0; i < 2; i++) {
        struct msghdr message = { .msg_iov = &pieces[i], .msg_iovlen = 1 };
        if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
            _exit(3);
    }
}

static void tell(struct channel *channel)
{
    struct self_portrait portrait = { .uid = getuid(),
                                      .has_environment = environ && *environ,
                                      .has_preloaded = preloaded,
                                      .is_warm = warmed_up };
    prctl(PR_GET_NAME, portrait.name);
    for (int fd = 0; fd < 1024; fd++)
        portrait.fd_count += fcntl(fd, F_GETFD) >= 0;
    if (channel_send(channel, ORDER_TELL, &portrait, sizeof(portrait), NULL, 0, NULL) != ES_OK)
        _exit(3);
}

static void *count_up(void *counter)
{
    pthread_setname_np(pthread_self(), "counter");
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add((atomic_int *)counter, 1);
    return NULL;
}

static int run_threads(void)
{
    atomic_int counter = 0;
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, count_up, &counter) != 0)
            return 4;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    return counter == 8000 ? 0 : 5;
}

static int child_main(struct channel *channel)
{
    struct channel_message message;
    while (channel_receive(channel, -1, &message, NULL) == ES_OK) {
        switch ((enum order)message.type) {
        case ORDER_ECHO:
            if (channel_send(channel, ORDER_ECHO, message.bytes, message.size, message.fds,
                             message.fd_count, NULL) != ES_OK)
                return 3;
            break;
        case ORDER_EXIT:
            return message.bytes[0];
        case ORDER_CRASH:
            signal(SIGSEGV, SIG_DFL);
            *nowhere = 1;
            return 1;
        case ORDER_ABORT:
            abort();
        case ORDER_SPIN_DEAF:
            signal(SIGXCPU, SIG_IGN);
            for (;;)
                ;
        case ORDER_SPIN:
            for (;;)
                ;
        case ORDER_EAT:
            eat_memory();
            break;
        case ORDER_FILL:
            fill(message.fds[0]);
            break;
        case ORDER_BABBLE:
            babble(channel_fd(channel));
            break;
        case ORDER_WAIT:
            break;
        case ORDER_TELL:
            tell(channel);
            break;
        case ORDER_START_THREADS:
            return run_threads();
        }
    }
    return 0;
}

static struct child *spawn(const struct confine_limits *limits)
{
    struct es_err err = { 0 };
    struct child *child;
    assert_ok(sandbox_spawn(sandbox, limits, &child, &err), err);
    return child;
}

static void order(struct child *child, enum order order, const void *bytes, size_t size, int fd)
{
    struct es_err err = { 0 };
    assert_ok(channel_send(child_channel(child), order, bytes, size, &fd, fd < 0 ? 0 : 1, &err),
              err);
}

static struct child_exit await_end(struct child *child)
{
    struct es_err err = { 0 };
    struct child_exit ended;
    assert_ok(child_wait(child, 30000, &ended, &err), err);
    return ended;
}

static struct child_exit end_of(enum order what, const struct confine_limits *limits, int fd)
{
    es_auto(child) child = spawn(limits);
    order(child, what, NULL, 0, fd);
    return await_end(child);
}

static void child_talks_both_ways_and_passes_descriptors(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(child) child = spawn(&TEST_LIMITS);
    int pipe_fds[2];
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    es_auto_fd reader = pipe_fds[0];
    order(child, ORDER_ECHO, "ping", 4, pipe_fds[1]);
    close(pipe_fds[1]);
    struct channel_message message;
    assert_ok(channel_receive(child_channel(child), 10000, &message, &err), err);
    assert_int_equal(message.size, 4);
    assert_memory_equal(message.bytes, "ping", 4);
    assert_int_equal(message.fd_count, 1);
    assert_int_equal(write(message.fds[0], "x", 1), 1);
    char byte;
    assert_int_equal(read(reader, &byte, 1), 1);
    order(child, ORDER_EXIT, "\x2a", 1, -1);
    struct child_exit ended = await_end(child);
    assert_int_equal(ended.end, CHILD_END_EXITED);
    assert_int_equal(ended.code, 42);
    assert_int_equal(await_end(child).code, 42);
    assert_true(ended.memory_peak_bytes > 0);
}

static struct self_portrait portrait_of_a_child(void)
{
    struct es_err err = { 0 };
    es_auto(child) child = spawn(&TEST_LIMITS);
    order(child, ORDER_TELL, NULL, 0, -1);
    struct channel_message message;
    assert_ok(channel_receive(child_channel(child), 10000, &message, &err), err);
    struct self_portrait portrait;
    assert_int_equal(message.size, sizeof(portrait));
    memcpy(&portrait, message.bytes, sizeof(portrait));
    return portrait;
}

static void too_many_spares_are_refused(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    const struct sandbox_settings settings = { .child_main = child_main,
                                               .spare_count = SANDBOX_SPARES_MAX + 1 };
    struct sandbox *refused = NULL;
    assert_int_equal(sandbox_open(&settings, &refused, &err), ES_INVALID);
}

static void spares_are_warm_when_their_task_comes(void **state)
{
    (void)state;
    bool is_warm = false;
    for (int tries = 0; tries < 20 && !is_warm; tries++) {
        is_warm = portrait_of_a_child().is_warm;
        es_sleep_ms(500); /* the server is idle meanwhile */
    }
    assert_true(is_warm);
}

static void child_starts_with_nothing_of_the_programs(void **state)
{
    (void)state;
    es_auto_fd leaked = open("/dev/null", O_RDONLY); /* no O_CLOEXEC */
    assert_true(leaked >= 0);
    const struct self_portrait portrait = portrait_of_a_child();
    assert_true(portrait.uid != 0);
    assert_false(portrait.has_environment);
    assert_true(portrait.has_preloaded);
    assert_false(preloaded);
    assert_int_equal(portrait.fd_count, 4); /* the standard ones and the channel */
    assert_string_equal(portrait.name, "espotifai-part");
}

static void two_hundred_children_leave_nothing_behind(void **state)
{
    (void)state;
    size_t fds_before = open_fd_count();
    int64_t start_us = es_clock_monotonic_us();
    int64_t spawn_us = 0;
    for (int i = 0; i < 200; i++) {
        int64_t spawn_start_us = es_clock_monotonic_us();
        es_auto(child) child = spawn(&TEST_LIMITS);
        spawn_us += es_clock_monotonic_us() - spawn_start_us;
        order(child, ORDER_EXIT, "\x01", 1, -1);
        struct child_exit ended = await_end(child);
        assert_int_equal(ended.end, CHILD_END_EXITED);
        assert_int_equal(ended.code, 1);
    }
    print_message("spawn: %.2f ms; spawn, one message, end: %.2f ms\n", (double)spawn_us / 200e3,
                  (double)(es_clock_monotonic_us() - start_us) / 200e3);
    assert_int_equal(open_fd_count(), fds_before);
}

static void children_run_side_by_side(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct child *children[24];
    for (int i = 0; i < 24; i++)
        children[i] = spawn(&TEST_LIMITS);
    for (int i = 0; i < 24; i++)
        order(children[i], ORDER_ECHO, &i, sizeof(i), -1);
    for (int i = 23; i >= 0; i--) {
        struct channel_message message;
        assert_ok(channel_receive(child_channel(children[i]), 10000, &message, &err), err);
        assert_memory_equal(message.bytes, &i, sizeof(i));
    }
    for (int i = 0; i < 24; i++)
        child_close(children[i]);
}

static void *spawn_some(void *failures)
{
    for (int i = 0; i < 10; i++) {
        struct es_err err = { 0 };
        struct child *child;
        struct child_exit ended;
        if (sandbox_spawn(sandbox, &TEST_LIMITS, &child, &err) != ES_OK) {
            atomic_fetch_add((atomic_int *)failures, 1);
            continue;
        }
        uint8_t code = (uint8_t)i;
        if (channel_send(child_channel(child), ORDER_EXIT, &code, 1, NULL, 0, &err) != ES_OK ||
            child_wait(child, 30000, &ended, &err) != ES_OK || ended.code != i)
            atomic_fetch_add((atomic_int *)failures, 1);
        child_close(child);
    }
    return NULL;
}

static void spawn_works_from_many_threads(void **state)
{
    (void)state;
    atomic_int failures = 0;
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spawn_some, &failures), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
}

static void child_may_start_threads(void **state)
{
    (void)state;
    struct child_exit ended = end_of(ORDER_START_THREADS, &TEST_LIMITS, -1);
    assert_int_equal(ended.end, CHILD_END_EXITED);
    assert_int_equal(ended.code, 0);
}

static void child_that_crashes_is_told_from_one_that_aborts(void **state)
{
    (void)state;
    struct child_exit ended = end_of(ORDER_CRASH, &TEST_LIMITS, -1);
    assert_int_equal(ended.end, CHILD_END_CRASHED);
    assert_int_equal(ended.signal, SIGSEGV);
    ended = end_of(ORDER_ABORT, &TEST_LIMITS, -1);
    assert_int_equal(ended.end, CHILD_END_CRASHED);
    assert_int_equal(ended.signal, SIGABRT);
    char text[CHILD_EXIT_TEXT_SIZE];
    child_exit_format(&ended, text);
    assert_string_equal(text, "crashed with signal 6 (Aborted)");
}

static void child_death_shows_on_its_channel(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(child) child = spawn(&TEST_LIMITS);
    order(child, ORDER_ABORT, NULL, 0, -1);
    struct channel_message message;
    assert_int_equal(channel_receive(child_channel(child), 10000, &message, &err), ES_CANCELLED);
}

static void child_is_stopped_at_its_cpu_limit(void **state)
{
    (void)state;
    struct confine_limits limits = TEST_LIMITS;
    limits.cpu_seconds = 1;
    struct child_exit ended = end_of(ORDER_SPIN, &limits, -1);
    assert_int_equal(ended.end, CHILD_END_CPU);
    assert_true(ended.cpu_us >= 250000);
    ended = end_of(ORDER_SPIN_DEAF, &limits, -1);
    assert_int_equal(ended.end, CHILD_END_CPU);
    assert_int_equal(ended.signal, SIGKILL);
}

static void child_is_refused_memory_beyond_its_limit(void **state)
{
    (void)state;
    if (SANITIZED)
        return; /* sanitizers need all the address space there is */
    struct confine_limits limits = TEST_LIMITS;
    limits.memory_bytes = 64 << 20;
    struct child_exit ended = end_of(ORDER_EAT, &limits, -1);
    assert_int_equal(ended.end, CHILD_END_MEMORY);
    assert_true(ended.memory_peak_bytes > 32 << 20);
    assert_true(ended.memory_peak_bytes < 128 << 20);
}

static void child_is_stopped_at_its_file_size(void **state)
{
    (void)state;
    es_auto_fd fd = memfd_create("output", MFD_CLOEXEC);
    struct child_exit ended = end_of(ORDER_FILL, &TEST_LIMITS, fd);
    assert_int_equal(ended.end, CHILD_END_FILE_SIZE);
    struct stat got;
    assert_int_equal(fstat(fd, &got), 0);
    assert_int_equal(got.st_size, 1 << 20);
}

static void limits_that_are_forgotten_are_refused(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct child *child;
    struct confine_limits limits = TEST_LIMITS;
    limits.cpu_seconds = 0;
    assert_int_equal(sandbox_spawn(sandbox, &limits, &child, &err), ES_INVALID);
    limits = TEST_LIMITS;
    limits.fd_count = 0;
    assert_int_equal(sandbox_spawn(sandbox, &limits, &child, &err), ES_INVALID);
    limits = TEST_LIMITS;
    limits.memory_bytes = 0;
    assert_int_equal(sandbox_spawn(sandbox, &limits, &child, &err), ES_INVALID);
}

static void *kill_child(void *child)
{
    es_sleep_ms(20); /* so that the other thread receives, as a rule; it must hold either way */
    child_kill(child);
    return NULL;
}

static void kill_from_another_thread_ends_a_receive(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(child) child = spawn(&TEST_LIMITS);
    order(child, ORDER_SPIN, NULL, 0, -1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, kill_child, child), 0);
    struct channel_message message;
    assert_int_equal(channel_receive(child_channel(child), 10000, &message, &err), ES_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(await_end(child).end, CHILD_END_KILLED);
    child_kill(child);
    assert_int_equal(await_end(child).end, CHILD_END_KILLED);
}

static void close_ends_a_child_that_runs(void **state)
{
    (void)state;
    struct child *child = spawn(&TEST_LIMITS);
    order(child, ORDER_SPIN, NULL, 0, -1);
    pid_t pid = child_pid(child);
    assert_true(process_is_alive(pid));
    child_close(child);
    assert_false(process_is_alive(pid));
}

static void child_that_yields_lets_others_go_first(void **state)
{
    (void)state;
    es_auto(child) child = spawn(&TEST_LIMITS);
    assert_true(getpriority(PRIO_PROCESS, (id_t)child_pid(child)) < CHILD_YIELD_NICENESS);
    child_yield(child);
    int niceness = 0;
    for (int tries = 0; tries < 200 && niceness != CHILD_YIELD_NICENESS; tries++) {
        es_sleep_ms(10);
        niceness = getpriority(PRIO_PROCESS, (id_t)child_pid(child));
    }
    assert_int_equal(niceness, CHILD_YIELD_NICENESS);
    child_kill(child); /* it hears still */
    assert_int_equal(await_end(child).end, CHILD_END_KILLED);
}

static void malformed_messages_of_a_child_are_errors(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(child) child = spawn(&TEST_LIMITS);
    order(child, ORDER_BABBLE, NULL, 0, -1);
    struct channel_message message;
    assert_int_equal(channel_receive(child_channel(child), 10000, &message, &err), ES_INVALID);
    assert_int_equal(channel_receive(child_channel(child), 10000, &message, &err), ES_INVALID);
    order(child, ORDER_ECHO, "sane", 4, -1);
    assert_ok(channel_receive(child_channel(child), 10000, &message, &err), err);
    assert_memory_equal(message.bytes, "sane", 4);
}

static void preload(void)
{
    preloaded = true;
}

static void warm_up(void)
{
    warmed_up = true;
}

static void die_young(void)
{
    _exit(1);
}

static int open_sandbox(size_t spare_count, void (*what_warms)(void))
{
    struct es_err err = { 0 };
    setenv("A_SECRET", "hunter2", 1);
    const struct sandbox_settings settings = {
        .preload = preload,
        .child_main = child_main,
        .warm_up = what_warms,
        .spare_count = spare_count,
        .confine = true,
    };
    if (sandbox_open(&settings, &sandbox, &err) == ES_OK)
        return 0;
    print_error("%s\n", err.detail);
    return -1;
}

static int open_shared(void **state)
{
    (void)state;
    return open_sandbox(0, NULL);
}

static int open_with_spares(void **state)
{
    (void)state;
    return open_sandbox(2, warm_up);
}

static int open_with_mortal_spares(void **state)
{
    (void)state;
    return open_sandbox(2, die_young);
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
        cmocka_unit_test(too_many_spares_are_refused),
        cmocka_unit_test(child_talks_both_ways_and_passes_descriptors),
        cmocka_unit_test(child_starts_with_nothing_of_the_programs),
        cmocka_unit_test(two_hundred_children_leave_nothing_behind),
        cmocka_unit_test(children_run_side_by_side),
        cmocka_unit_test(spawn_works_from_many_threads),
        cmocka_unit_test(child_may_start_threads),
        cmocka_unit_test(child_that_crashes_is_told_from_one_that_aborts),
        cmocka_unit_test(child_death_shows_on_its_channel),
        cmocka_unit_test(child_is_stopped_at_its_cpu_limit),
        cmocka_unit_test(child_is_refused_memory_beyond_its_limit),
        cmocka_unit_test(child_is_stopped_at_its_file_size),
        cmocka_unit_test(limits_that_are_forgotten_are_refused),
        cmocka_unit_test(kill_from_another_thread_ends_a_receive),
        cmocka_unit_test(close_ends_a_child_that_runs),
        cmocka_unit_test(child_that_yields_lets_others_go_first),
        cmocka_unit_test(malformed_messages_of_a_child_are_errors),
    };
    const struct CMUnitTest tests_of_spares[] = {
        cmocka_unit_test(spares_are_warm_when_their_task_comes),
        cmocka_unit_test(child_talks_both_ways_and_passes_descriptors),
        cmocka_unit_test(child_starts_with_nothing_of_the_programs),
        cmocka_unit_test(two_hundred_children_leave_nothing_behind),
        cmocka_unit_test(spawn_works_from_many_threads),
        cmocka_unit_test(child_may_start_threads),
        cmocka_unit_test(child_that_crashes_is_told_from_one_that_aborts),
        cmocka_unit_test(child_is_stopped_at_its_cpu_limit),
        cmocka_unit_test(child_is_refused_memory_beyond_its_limit),
        cmocka_unit_test(close_ends_a_child_that_runs),
    };
    const struct CMUnitTest tests_of_mortal_spares[] = {
        cmocka_unit_test(child_starts_with_nothing_of_the_programs),
        cmocka_unit_test(children_run_side_by_side),
    };
    int failed = cmocka_run_group_tests_name("sandbox", tests, open_shared, close_shared);
    failed += cmocka_run_group_tests_name("sandbox with spares", tests_of_spares, open_with_spares,
                                          close_shared);
    failed += cmocka_run_group_tests_name("sandbox whose spares die", tests_of_mortal_spares,
                                          open_with_mortal_spares, close_shared);
    return failed;
}
