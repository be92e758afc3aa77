/* What src/sandbox/sandbox.h promises of its helper processes: who ends with whom, and what a
 * program sees of it. */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "sandbox/sanitizer.h"

#include "process.h"

static const struct confine_limits limits = {
    .memory_bytes = 64 << 20, .cpu_seconds = 60, .file_bytes = 1 << 20, .fd_count = 32
};

/* Waits for one message: a byte of 0 has it exit at once, any other spin. */
static int child_main(struct channel *channel)
{
    struct channel_message message;
    if (channel_receive(channel, -1, &message, NULL) != ES_OK)
        return 1;
    while (message.size == 1 && message.bytes[0] != 0)
        ;
    return 0;
}

static const struct sandbox_settings settings = { .child_main = child_main, .confine = true };

static struct sandbox *open_sandbox(void)
{
    struct es_err err = { 0 };
    struct sandbox *sandbox = NULL;
    assert_ok(sandbox_open(&settings, &sandbox, &err), err);
    return sandbox;
}

static struct child *spawn(struct sandbox *sandbox)
{
    struct es_err err = { 0 };
    struct child *child = NULL;
    assert_ok(sandbox_spawn(sandbox, &limits, &child, &err), err);
    return child;
}

static struct child_exit await_end(struct child *child)
{
    struct es_err err = { 0 };
    struct child_exit ended;
    assert_ok(child_wait(child, 30000, &ended, &err), err);
    return ended;
}

static void server_that_is_killed_is_replaced(void **state)
{
    (void)state;
    es_auto(sandbox) sandbox = open_sandbox();
    for (int round = 0; round < 3; round++) {
        es_auto(child) lost = spawn(sandbox);
        pid_t server = process_parent(child_pid(lost));
        assert_int_equal(kill(server, SIGKILL), 0);
        assert_int_equal(await_end(lost).end, CHILD_END_LOST);
        assert_true(process_is_reaped(server));
        assert_true(process_is_reaped(child_pid(lost)));

        struct es_err err = { 0 };
        es_auto(child) next = spawn(sandbox);
        assert_ok(channel_send(child_channel(next), 1, "", 1, NULL, 0, &err), err);
        assert_int_equal(await_end(next).end, CHILD_END_EXITED);
    }
}

struct family {
    pid_t keeper, server, children[3];
};

/* A program of its own, which opens a sandbox, starts three children, and waits. */
static _Noreturn void be_a_program(int report_fd)
{
    struct es_err err = { 0 };
    struct sandbox *sandbox;
    struct family family = { 0 };
    if (sandbox_open(&settings, &sandbox, &err) != ES_OK)
        _exit(1);
    for (int i = 0; i < 3; i++) {
        struct child *child;
        if (sandbox_spawn(sandbox, &limits, &child, &err) != ES_OK)
            _exit(2);
        family.children[i] = child_pid(child);
        /* The first waits on its channel, the others never look at it again. */
        if (i > 0 && channel_send(child_channel(child), 1, "x", 1, NULL, 0, &err) != ES_OK)
            _exit(3);
    }
    family.server = process_parent(family.children[0]);
    family.keeper = process_parent(family.server);
    if (write(report_fd, &family, sizeof(family)) != sizeof(family))
        _exit(4);
    for (;;)
        pause();
}

static struct family start_program(pid_t *ret_pid)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0)
        be_a_program(fds[1]);
    close(fds[1]);
    struct family family = { 0 };
    assert_int_equal(read(fds[0], &family, sizeof(family)), sizeof(family));
    close(fds[0]);
    *ret_pid = pid;
    return family;
}

static void everything_ends_with_the_program(void **state)
{
    (void)state;
    pid_t program;
    struct family family = start_program(&program);
    assert_true(process_is_alive(family.keeper) && process_is_alive(family.server));
    for (int i = 0; i < 3; i++)
        assert_true(process_is_alive(family.children[i]));
    int64_t start_ms = es_clock_monotonic_ms();
    assert_int_equal(kill(program, SIGKILL), 0);
    assert_int_equal(waitpid(program, NULL, 0), program);
    for (int i = 0; i < 3; i++)
        assert_true(process_vanishes(family.children[i]));
    assert_true(process_vanishes(family.server));
    assert_true(process_vanishes(family.keeper));
    print_message("all gone %d ms after the program\n", (int)(es_clock_monotonic_ms() - start_ms));
}

static void children_and_server_end_with_the_keeper(void **state)
{
    (void)state;
    pid_t program;
    struct family family = start_program(&program);
    assert_int_equal(kill(family.keeper, SIGKILL), 0);
    for (int i = 0; i < 3; i++)
        assert_true(process_vanishes(family.children[i]));
    assert_true(process_vanishes(family.server));
    assert_int_equal(kill(program, SIGKILL), 0);
    assert_int_equal(waitpid(program, NULL, 0), program);
}

static void spawn_without_a_keeper_is_an_error(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(sandbox) sandbox = open_sandbox();
    es_auto(child) lost = spawn(sandbox);
    pid_t server = process_parent(child_pid(lost));
    assert_int_equal(kill(process_parent(server), SIGKILL), 0);
    assert_int_equal(await_end(lost).end, CHILD_END_LOST);
    assert_true(process_vanishes(server));
    struct child *child;
    assert_int_equal(sandbox_spawn(sandbox, &limits, &child, &err), ES_UNAVAILABLE);
}

static void close_ends_the_helpers(void **state)
{
    (void)state;
    struct sandbox *sandbox = open_sandbox();
    struct child *child = spawn(sandbox);
    pid_t server = process_parent(child_pid(child));
    pid_t keeper = process_parent(server);
    assert_true(process_is_alive(keeper) && process_is_alive(server));
    child_close(child);
    sandbox_close(sandbox);
    assert_false(process_is_alive(keeper) || process_is_alive(server));
}

static void *open_beside(void *ret_code)
{
    struct es_err err = { 0 };
    struct sandbox *sandbox = NULL;
    *(enum es_code *)ret_code = sandbox_open(&settings, &sandbox, &err);
    if (sandbox)
        sandbox_close(sandbox);
    return NULL;
}

static void open_is_refused_to_a_program_with_threads(void **state)
{
    (void)state;
    if (SANITIZED)
        return; /* threads of the sanitizer's own cannot be told from the program's */
    enum es_code code;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_beside, &code), 0);
    pthread_join(thread, NULL);
    assert_int_equal(code, ES_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_that_is_killed_is_replaced),
        cmocka_unit_test(everything_ends_with_the_program),
        cmocka_unit_test(children_and_server_end_with_the_keeper),
        cmocka_unit_test(spawn_without_a_keeper_is_an_error),
        cmocka_unit_test(close_ends_the_helpers),
        cmocka_unit_test(open_is_refused_to_a_program_with_threads),
    };
    return cmocka_run_group_tests_name("sandbox helpers", tests, NULL, NULL);
}
