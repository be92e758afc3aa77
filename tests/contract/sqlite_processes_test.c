/* What the SQLite backends promise to several processes on one file: none ever hears that it is
 * locked, no part is lost or given to two, and a process that dies in the middle of a write leaves
 * the file sound. */
#include "contract.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/job_queue_sqlite.h"
#include "backend/meta_store_sqlite.h"
#include "base/es_clock.h"

#define PROCESSES 4
#define THREADS   4
#define HAMMER_MS 1500
#define PARTS     400
#define DURABLE_MS                                                                                 \
    10 /* between two synced writes, so that they do not slow the rest down to the disk's pace */

struct hammer {
    struct job_queue *queue;
    struct meta_store *store;
    const char *job_id;
    int64_t until_ms;
    atomic_int finished; /* parts */
};

static void check(enum es_code code, const struct es_err *err)
{
    if (!code)
        return;
    fprintf(stderr, "%s (%s)\n", err->detail, es_code_name(code));
    _exit(1);
}

/* Takes what it gets, as a worker would: every kind of write, now and then a synced one. */
static void hammer(void *argument, size_t i)
{
    struct hammer *hammer = argument;
    struct job_queue *queue = hammer->queue;
    struct es_err err = { 0 };
    int64_t next_durable_ms = 0;
    while (es_clock_monotonic_ms() < hammer->until_ms) {
        es_auto_arena arena = { 0 };
        struct lease *lease;
        const char *dead;
        struct part_progress progress = { .seconds_done = 1, .speed = 2, .result_so_far = "{}" };
        check(queue->ops->lease(queue, "w", 60000, &arena, &lease, &dead, &err), &err);
        if (lease) {
            check(queue->ops->extend(queue, lease, 60000, &progress, &err), &err);
            check(i % 2 ? queue->ops->release(queue, lease, 0, &err)
                        : queue->ops->finish(queue, lease, "{\"done\":1}", NULL, 0, &err),
                  &err);
            atomic_fetch_add(&hammer->finished, !(i % 2));
        }
        struct job_live live;
        check(queue->ops->live(queue, hammer->job_id, &arena, &live, &err), &err);
        struct event event = { .kind = EVENT_JOB };
        check(queue->ops->event_append(queue, &event, &err), &err);
        if (es_clock_monotonic_ms() < next_durable_ms)
            continue;
        char id[ES_ID_SIZE];
        es_id_v4(id);
        struct user user = { .username = id };
        memcpy(user.id, id, sizeof(id));
        check(hammer->store->ops->user_create(hammer->store, &user, &err), &err);
        next_durable_ms = es_clock_monotonic_ms() + DURABLE_MS * THREADS * PROCESSES;
    }
}

static struct hammer open_both(const char *path)
{
    struct hammer hammer = { 0 };
    struct es_err err = { 0 };
    check(meta_store_sqlite_open(path, &hammer.store, &err), &err);
    check(job_queue_sqlite_open(path, &hammer.queue, &err), &err);
    return hammer;
}

static void close_both(struct hammer *hammer)
{
    job_queue_close(hammer->queue);
    meta_store_close(hammer->store);
}

/* The child's life; exits with 0 where nothing failed. */
static void run_child(const char *path, const char *job_id, int result_fd)
{
    struct hammer hammer_state = open_both(path);
    hammer_state.job_id = job_id;
    hammer_state.until_ms = es_clock_monotonic_ms() + HAMMER_MS;
    contract_race(THREADS, hammer, &hammer_state);
    int finished = hammer_state.finished;
    close_both(&hammer_state);
    _exit(write(result_fd, &finished, sizeof(finished)) == sizeof(finished) ? 0 : 1);
}

static struct job push_planned(const char *path)
{
    struct hammer both = open_both(path);
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    struct job job = { .attempts = 1 };
    es_id_v4(job.id);
    es_id_v4(job.user_id);
    struct lease *lease;
    const char *dead;
    check(both.queue->ops->push(both.queue, &job, &err), &err);
    check(both.queue->ops->lease(both.queue, "w", 60000, &arena, &lease, &dead, &err), &err);
    struct part *parts = es_new_array(&arena, struct part, PARTS + 1);
    for (int i = 0; i <= PARTS; i++)
        parts[i] = (struct part){ .index = i + 1,
                                  .kind = i < PARTS ? PART_CONVERT : PART_JOIN,
                                  .weight_seconds = 1 };
    check(both.queue->ops->finish(both.queue, lease, NULL, parts, PARTS + 1, &err), &err);
    close_both(&both); /* before the fork: a connection must not cross it */
    return job;
}

/* SQLite's own word on the file. */
static void assert_sound(const char *path)
{
    sqlite3 *handle;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(handle, "PRAGMA foreign_key_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
}

static void count_parts(const char *path, const struct job *job, int *ret_done, int *ret_total)
{
    struct hammer both = open_both(path);
    struct job_live live;
    struct es_err err = { 0 };
    es_auto_arena arena = { 0 };
    check(both.queue->ops->live(both.queue, job->id, &arena, &live, &err), &err);
    *ret_done = live.parts_done;
    *ret_total = live.part_count;
    close_both(&both);
}

static void many_processes_share_a_file_and_no_part_is_lost(void **state)
{
    (void)state;
    char *folder = contract_folder_make();
    es_auto_arena arena = { 0 };
    const char *path = es_printf(&arena, "%s/espotifai.db", folder);
    struct job job = push_planned(path);
    int results[2], finished = 1; /* the plan */
    assert_int_equal(pipe(results), 0);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            run_child(path, job.id, results[1]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status, count;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(read(results[0], &count, sizeof(count)), sizeof(count));
        finished += count;
    }
    close(results[0]);
    close(results[1]);
    int done, total;
    count_parts(path, &job, &done, &total);
    assert_int_equal(total, PARTS + 2);
    assert_int_equal(done, finished);
    assert_sound(path);
    contract_folder_remove(folder);
}

static void a_process_killed_while_writing_leaves_the_file_sound(void **state)
{
    (void)state;
    char *folder = contract_folder_make();
    es_auto_arena arena = { 0 };
    const char *path = es_printf(&arena, "%s/espotifai.db", folder);
    struct job job = push_planned(path);
    int done = 0, total, before = 0;
    int sink[2];
    assert_int_equal(pipe(sink), 0);
    for (int round = 0; round < 5; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            run_child(path, job.id, sink[1]);
        es_sleep_ms(60 + 37 * round);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_sound(path);
        count_parts(path, &job, &done, &total);
        assert_int_equal(total, PARTS + 2);
        assert_true(done >= before); /* what was finished stays so */
        before = done;
    }
    close(sink[0]);
    close(sink[1]);
    contract_folder_remove(folder);
}

/* Opening at once, on a file that does not exist yet: one migrates, the others wait for it. */
static void many_processes_open_a_new_file_at_once(void **state)
{
    (void)state;
    char *folder = contract_folder_make();
    es_auto_arena arena = { 0 };
    const char *path = es_printf(&arena, "%s/espotifai.db", folder);
    pid_t children[8];
    for (size_t i = 0; i < COUNT_OF(children); i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct hammer both = open_both(path);
            close_both(&both);
            _exit(0);
        }
    }
    for (size_t i = 0; i < COUNT_OF(children); i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_sound(path);
    contract_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_processes_open_a_new_file_at_once),
        cmocka_unit_test(many_processes_share_a_file_and_no_part_is_lost),
        cmocka_unit_test(a_process_killed_while_writing_leaves_the_file_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
