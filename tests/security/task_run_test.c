/* The parent's side of a task against children that do as they please: here the test itself is the
 * child's program, and the task's file name says what it does. Whatever that is, the parent answers
 * with an error, kills the child, and leaves nothing half-written. */
#include "test.h"

#include <signal.h>
#include <unistd.h>

#include "backend/blob_store_memory.h"
#include "base/es_auto.h"
#include "base/es_clock.h"
#include "worker/task_run.h"

static struct sandbox *sandbox;

/* ---- the child ---- */

static void say(struct channel *channel, uint32_t type, const void *bytes, size_t size)
{
    if (channel_send(channel, type, bytes, size, NULL, 0, NULL))
        _exit(3);
}

static int open_output(struct channel *channel, const char *name)
{
    struct channel_message message;
    say(channel, MESSAGE_OPEN_OUTPUT, name, strlen(name));
    if (channel_receive(channel, -1, &message, NULL))
        _exit(3);
    return channel_take_fd(channel, 0);
}

static void tell_progress(struct channel *channel, double seconds_done)
{
    struct task_progress progress = { .seconds_done = seconds_done };
    say(channel, MESSAGE_PROGRESS, &progress, sizeof(progress));
}

static void behave(struct channel *channel, const char *how, const struct task *task)
{
    char page[4096] = { 0 };
    struct channel_message message;
    if (strcmp(how, "good") == 0) {
        int fd = open_output(channel, "output.bin");
        if (fd < 0 || write(fd, "whole", 5) != 5)
            _exit(4);
        close(fd);
        tell_progress(channel, 1);
        say(channel, MESSAGE_CLOSE_OUTPUT, "output.bin", 10);
        if (channel_receive(channel, -1, &message, NULL))
            _exit(3);
        struct task_read question = { .offset = 2, .input = 0, .size = 3 };
        say(channel, MESSAGE_READ, &question, sizeof(question));
        if (channel_receive(channel, -1, &message, NULL))
            _exit(3);
        say(channel, MESSAGE_RESULT, message.bytes + sizeof(struct task_answer),
            message.size - sizeof(struct task_answer));
    } else if (strcmp(how, "reads on") == 0) {
        struct task_read question = { .size = 7 };
        for (size_t got = 1; got > 0; question.offset += (int64_t)got) {
            say(channel, MESSAGE_READ, &question, sizeof(question));
            if (channel_receive(channel, -1, &message, NULL))
                _exit(3);
            got = message.size - sizeof(struct task_answer);
        }
        int size = snprintf(page, sizeof(page), "%lld", (long long)question.offset);
        say(channel, MESSAGE_RESULT, page, (size_t)size);
    } else if (strcmp(how, "long result") == 0) {
        for (int i = 0; i < 100; i++)
            say(channel, MESSAGE_MORE, page, sizeof(page));
        say(channel, MESSAGE_RESULT, page, sizeof(page));
    } else if (strcmp(how, "says why") == 0) {
        struct task_answer head = { .code = ES_MEDIA };
        memcpy(page, &head, sizeof(head));
        memcpy(page + sizeof(head), "no_audio_stream\0none at all", 27);
        say(channel, MESSAGE_FAILURE, page, sizeof(head) + 27);
    } else if (strcmp(how, "invents a word") == 0) {
        struct task_answer head = { .code = ES_MEDIA };
        memcpy(page, &head, sizeof(head));
        memcpy(page + sizeof(head), "%s%s%n\0%n", 9);
        say(channel, MESSAGE_FAILURE, page, sizeof(head) + 9);
    } else if (strcmp(how, "half an output") == 0) {
        int fd = open_output(channel, "output.bin");
        if (write(fd, "half", 4) != 4)
            _exit(4);
        raise(SIGSEGV);
    } else if (strcmp(how, "crashes") == 0) {
        raise(SIGSEGV);
    } else if (strcmp(how, "exits quietly") == 0) {
        _exit(0);
    } else if (strcmp(how, "stalls") == 0) {
        for (;;)
            es_sleep_ms(60000);
    } else if (strcmp(how, "repeats itself") == 0) {
        for (;;) {
            tell_progress(channel, 1);
            es_sleep_ms(20);
        }
    } else if (strcmp(how, "climbs out") == 0) {
        open_output(channel, "../../escape");
    } else if (strcmp(how, "paints over the original") == 0) {
        open_output(channel, "original.flac");
        es_sleep_ms(60000);
    } else if (strcmp(how, "hides") == 0) {
        open_output(channel, ".hidden");
    } else if (strcmp(how, "opens everything") == 0) {
        for (int i = 0; i < 1000; i++) {
            char name[32];
            snprintf(name, sizeof(name), "output-%d", i);
            open_output(channel, name);
        }
    } else if (strcmp(how, "reads another input") == 0) {
        struct task_read question = { .input = 7, .size = 10 };
        say(channel, MESSAGE_READ, &question, sizeof(question));
        es_sleep_ms(60000);
    } else if (strcmp(how, "reads too much") == 0) {
        struct task_read question = { .size = UINT32_MAX };
        say(channel, MESSAGE_READ, &question, sizeof(question));
        es_sleep_ms(60000);
    } else if (strcmp(how, "reads before the start") == 0) {
        struct task_read question = { .offset = -1, .size = 10 };
        say(channel, MESSAGE_READ, &question, sizeof(question));
        es_sleep_ms(60000);
    } else if (strcmp(how, "talks nonsense") == 0) {
        say(channel, 4711, page, sizeof(page));
        es_sleep_ms(60000);
    } else if (strcmp(how, "plays the parent") == 0) {
        say(channel, MESSAGE_ANSWER, page, sizeof(page));
        es_sleep_ms(60000);
    } else if (strcmp(how, "no number") == 0) {
        tell_progress(channel, 0.0 / (double)task->part_count);
        es_sleep_ms(60000);
    } else if (strcmp(how, "never ends") == 0) {
        for (;;)
            say(channel, MESSAGE_MORE, page, sizeof(page));
    } else if (strcmp(how, "closes what it has not") == 0) {
        say(channel, MESSAGE_CLOSE_OUTPUT, "nothing", 7);
        es_sleep_ms(60000);
    }
}

static int child_main(struct channel *channel)
{
    signal(SIGSEGV, SIG_DFL); /* cmocka's handler would go on with the tests, in the child */
    es_auto_buf text = { 0 };
    enum task_message type;
    es_auto_arena arena = { 0 };
    struct task task;
    if (task_receive(channel, -1, &text, &type, NULL) || type != MESSAGE_TASK ||
        task_read(es_buf_text(&text), text.size, &arena, &task, NULL))
        return 2;
    behave(channel, task.filename_hint, &task);
    return 0;
}

/* ---- the parent ---- */

struct outcome {
    enum es_code code;
    bool is_crash;
    struct es_err err;
    const char *result;
    size_t objects;
    int64_t took_ms;
};

static enum es_code give_up(void *context, const struct task_progress *progress,
                            const char *result_so_far, struct es_err *reterr)
{
    (void)progress;
    (void)result_so_far;
    int *ticks = context;
    return ++*ticks < 3 ? ES_OK : es_fail(reterr, ES_CANCELLED, "enough");
}

static struct outcome run(const char *how, const struct task_watch *watch, struct es_arena *arena)
{
    struct es_err err = { 0 };
    es_auto(blob_store) blobs = NULL;
    assert_ok(blob_store_memory_open(&blobs, &err), err);
    struct blob_writer *writer;
    assert_ok(blobs->ops->create(blobs, "source", &writer, &err), err);
    assert_ok(writer->ops->write(writer, "0123456789", 10, &err), err);
    assert_ok(writer->ops->commit(writer, NULL, &err), err);
    es_auto(blob_reader) source = NULL;
    assert_ok(blobs->ops->open(blobs, "source", &source, &err), err);

    struct task task = {
        .kind = TASK_CONVERT, .filename_hint = how, .input_size_bytes = 10, .spec = "{}"
    };
    if (strcmp(how, "paints over the original") == 0) {
        task.kind = TASK_DEPICT;
        task.depiction = DEPICTION_POSTER;
    }
    struct task_limits limits = { .confine = { .memory_bytes = (uint64_t)1 << 30,
                                               .cpu_seconds = 20,
                                               .file_bytes = 1 << 20,
                                               .fd_count = 32 },
                                  .stall_ms = 500 };
    struct task_place place = { .source = source, .blobs = blobs, .prefix = "converted/m/j" };
    struct outcome outcome = { 0 };
    int64_t started_ms = es_clock_monotonic_ms();
    outcome.code = task_run(sandbox, &task, &limits, &place, watch, arena, &outcome.result,
                            &outcome.is_crash, &outcome.err);
    outcome.took_ms = es_clock_monotonic_ms() - started_ms;
    const char **keys;
    assert_ok(blobs->ops->list(blobs, "converted/", NULL, 10, arena, &keys, &outcome.objects, &err),
              err);
    return outcome;
}

static void a_good_child_publishes_and_answers(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct outcome outcome = run("good", NULL, &arena);
    assert_ok(outcome.code, outcome.err);
    assert_string_equal(outcome.result, "234");
    assert_int_equal(outcome.objects, 1);
    outcome = run("long result", NULL, &arena);
    assert_ok(outcome.code, outcome.err);
}

static void a_child_may_say_why_but_only_in_our_words(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct outcome outcome = run("says why", NULL, &arena);
    assert_int_equal(outcome.code, ES_MEDIA);
    assert_false(outcome.is_crash);
    assert_string_equal(outcome.err.word, "no_audio_stream");
    assert_string_equal(outcome.err.detail, "none at all");
    outcome = run("invents a word", NULL, &arena);
    assert_int_equal(outcome.code, ES_MEDIA);
    assert_null(outcome.err.word);
}

static void what_no_engine_does_counts_as_a_crash_and_leaves_nothing(void **state)
{
    (void)state;
    static const char *const ways[] = { "crashes",
                                        "half an output",
                                        "exits quietly",
                                        "climbs out",
                                        "hides",
                                        "paints over the original",
                                        "opens everything",
                                        "reads another input",
                                        "reads too much",
                                        "reads before the start",
                                        "talks nonsense",
                                        "plays the parent",
                                        "no number",
                                        "never ends",
                                        "closes what it has not" };
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        es_auto_arena arena = { 0 };
        struct outcome outcome = run(ways[i], NULL, &arena);
        if (outcome.code != ES_MEDIA || !outcome.is_crash || outcome.objects != 0)
            fail_msg("a child that '%s': code %s, crash %d, %zu objects (%s)", ways[i],
                     es_code_name(outcome.code), outcome.is_crash, outcome.objects,
                     outcome.err.detail);
        assert_string_equal(outcome.err.word, "decoder_crashed");
    }
}

/* ---- a source that is still arriving ---- */

struct arrival {
    struct blob_writer *writer;
    int waits, ticks_to_wait;
    bool is_waiting, is_given_up;
};

static enum es_code tick_arrival(void *context, const struct task_progress *progress,
                                 const char *result_so_far, struct es_err *reterr)
{
    (void)progress, (void)result_so_far;
    struct arrival *arrival = context;
    if (!arrival->is_waiting || !arrival->writer || arrival->ticks_to_wait-- > 0)
        return ES_OK;
    arrival->ticks_to_wait = 4; /* longer than a child may be without progress */
    if (arrival->waits == 1)
        return arrival->writer->ops->write(arrival->writer, "and more", 8, reterr);
    if (!arrival->is_given_up)
        return arrival->writer->ops->commit(es_take(arrival->writer), NULL, reterr);
    blob_writer_abort(es_take(arrival->writer));
    return ES_OK;
}

static enum es_code count_waits(void *context, bool is_waiting, struct es_err *reterr)
{
    (void)reterr;
    struct arrival *arrival = context;
    assert_true(arrival->is_waiting != is_waiting);
    arrival->is_waiting = is_waiting;
    arrival->waits += is_waiting;
    return ES_OK;
}

static struct outcome run_arriving(struct arrival *arrival, int64_t wait_ms, struct es_arena *arena)
{
    struct es_err err = { 0 };
    es_auto(blob_store) blobs = NULL;
    assert_ok(blob_store_memory_open(&blobs, &err), err);
    assert_ok(blobs->ops->create_growing(blobs, "source", &arrival->writer, &err), err);
    assert_ok(arrival->writer->ops->write(arrival->writer, "0123456789", 10, &err), err);
    es_auto(blob_reader) source = NULL;
    assert_ok(blobs->ops->open_growing(blobs, "source", &source, &err), err);
    struct task task = {
        .kind = TASK_CONVERT, .filename_hint = "reads on", .is_input_arriving = true, .spec = "{}"
    };
    struct task_limits limits = { .confine = { .memory_bytes = (uint64_t)1 << 30,
                                               .cpu_seconds = 20,
                                               .file_bytes = 1 << 20,
                                               .fd_count = 32 },
                                  .stall_ms = 500,
                                  .wait_ms = wait_ms };
    struct task_place place = { .source = source, .blobs = blobs, .prefix = "converted/m/j" };
    struct task_watch watch = { .context = arrival, .tick = tick_arrival, .waits = count_waits };
    struct outcome outcome = { 0 };
    outcome.code = task_run(sandbox, &task, &limits, &place, &watch, arena, &outcome.result,
                            &outcome.is_crash, &outcome.err);
    if (arrival->writer)
        blob_writer_abort(es_take(arrival->writer));
    return outcome;
}

static void a_child_waits_for_what_is_still_to_arrive(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct arrival arrival = { 0 };
    struct outcome outcome = run_arriving(&arrival, INT64_MAX, &arena);
    assert_ok(outcome.code, outcome.err);
    assert_string_equal(outcome.result, "18"); /* the end is where the upload ended */
    assert_int_equal(arrival.waits, 2);
    assert_false(arrival.is_waiting);
}

static void what_never_arrives_ends_the_task_and_is_no_crash(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct arrival arrival = { .is_given_up = true };
    struct outcome outcome = run_arriving(&arrival, INT64_MAX, &arena);
    assert_int_equal(outcome.code, ES_CANCELLED);
    assert_false(outcome.is_crash);
    arrival = (struct arrival){ 0 };
    outcome = run_arriving(&arrival, 0, &arena);
    assert_int_equal(outcome.code, ES_UNAVAILABLE);
    assert_false(outcome.is_crash);
    assert_int_equal(arrival.waits, 0);
}

static void a_child_without_progress_is_ended(void **state)
{
    (void)state;
    static const char *const ways[] = { "stalls", "repeats itself" };
    for (size_t i = 0; i < 2; i++) {
        es_auto_arena arena = { 0 };
        struct outcome outcome = run(ways[i], NULL, &arena);
        assert_int_equal(outcome.code, ES_MEDIA);
        assert_true(outcome.is_crash);
        assert_string_equal(outcome.err.word, "part_stalled");
    }
}

static void whoever_watches_can_end_it(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    int ticks = 0;
    struct task_watch watch = { .context = &ticks, .tick = give_up };
    struct outcome outcome = run("repeats itself", &watch, &arena);
    assert_int_equal(outcome.code, ES_CANCELLED);
    assert_false(outcome.is_crash);
}

static int open_sandbox(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct sandbox_settings settings = { .child_main = child_main,
                                         .confine = true,
                                         .keep_stderr = true };
    assert_ok(sandbox_open(&settings, &sandbox, &err), err);
    return 0;
}

static int close_sandbox(void **state)
{
    (void)state;
    sandbox_close(sandbox);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_child_publishes_and_answers),
        cmocka_unit_test(a_child_may_say_why_but_only_in_our_words),
        cmocka_unit_test(what_no_engine_does_counts_as_a_crash_and_leaves_nothing),
        cmocka_unit_test(a_child_without_progress_is_ended),
        cmocka_unit_test(a_child_waits_for_what_is_still_to_arrive),
        cmocka_unit_test(what_never_arrives_ends_the_task_and_is_no_crash),
        cmocka_unit_test(whoever_watches_can_end_it),
    };
    return cmocka_run_group_tests_name("task_run", tests, open_sandbox, close_sandbox);
}
