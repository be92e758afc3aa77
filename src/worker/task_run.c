/* One loop: receive a message or time out, answer it, tick. A child that says something impossible
 * is killed and counts as crashed. */
#include "worker/task_run.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/es_clock.h"
#include "base/es_file.h"
#include "model/problem.h"

#define SOURCES_OPEN_MAX 64
#define OUTPUTS_OPEN_MAX 8
#define AWAIT_POLL_MS    10 /* how soon bytes that arrive are noticed */

struct output {
    char name[TASK_NAME_BYTES_MAX];
    struct blob_writer *writer;
    int spool_fd; /* memory that stands in where the writer has no descriptor; else -1 */
};

struct run {
    const struct task *task;
    const struct task_place *place;
    const struct task_watch *watch;
    struct es_arena *arena;
    struct child *child;
    struct channel *channel;
    struct blob_reader
        *sources[SOURCES_OPEN_MAX];          /* 0 is place->source, which is not ours to close */
    struct output outputs[OUTPUTS_OPEN_MAX]; /* writer NULL is a free place */
    struct task_progress progress;
    char *result_so_far; /* heap; NULL: none yet */
    int64_t progressed_at_ms;
    struct task_read awaited; /* a question that has no answer yet */
    bool is_awaited, is_wait_told;
    int64_t awaited_since_ms;
    int64_t wait_ms;
    bool is_finished; /* RESULT or FAILURE came */
    const char *result;
};

static enum es_code answer(struct run *run, enum es_code outcome, uint32_t input, int64_t value,
                           const void *bytes, size_t size, int fd, struct es_err *reterr)
{
    struct task_answer head = { .code = outcome, .input = input, .value = value };
    return task_send(run->channel, MESSAGE_ANSWER, &head, sizeof(head), bytes, size, fd, reterr);
}

/* The child asked for what no engine asks for. */
static enum es_code disbelieve(struct es_err *reterr, const char *what)
{
    return es_fail(reterr, ES_INVALID, "the child sent %s", what);
}

/* A name as engine.h allows it: one segment of a blob's key. */
static enum es_code read_name(const struct es_buf *text, char ret_name[static TASK_NAME_BYTES_MAX],
                              struct es_err *reterr)
{
    if (text->size < 1 || text->size >= TASK_NAME_BYTES_MAX || text->bytes[0] == '.')
        return disbelieve(reterr, "a name that is none");
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        if (c > 0x7f || (!isalnum(c) && c != '.' && c != '_' && c != '-'))
            return disbelieve(reterr, "a name that is none");
    }
    memcpy(ret_name, text->bytes, text->size);
    ret_name[text->size] = 0;
    return ES_OK;
}

static const char *key_of(struct run *run, const char *name)
{
    return es_printf(run->arena, "%s/%s", run->place->prefix, name);
}

static enum es_code tell_wait(struct run *run, bool is_waiting, struct es_err *reterr)
{
    if (run->is_wait_told == is_waiting || !run->watch || !run->watch->waits)
        return ES_OK;
    run->is_wait_told = is_waiting;
    return run->watch->waits(run->watch->context, is_waiting, reterr);
}

/* The awaited bytes of the growing source have not come. That is no fault of the child's. */
static enum es_code wait_on(struct run *run, struct es_err *reterr)
{
    int64_t now_ms = es_clock_monotonic_ms();
    int64_t waited_ms = now_ms - run->awaited_since_ms;
    run->progressed_at_ms = now_ms;
    if (waited_ms >= run->wait_ms)
        return es_fail(reterr, ES_UNAVAILABLE, "the bytes at %lld have not arrived",
                       (long long)run->awaited.offset);
    return waited_ms < TASK_WAIT_TOLD_MS ? ES_OK : tell_wait(run, true, reterr);
}

/* Answers the awaited question where there is something to answer. */
static enum es_code serve_awaited(struct run *run, struct es_err *reterr)
{
    struct blob_reader *source = run->sources[0];
    size_t size = run->awaited.size, got = 0;
    es_auto_free void *bytes = es_malloc(size);
    enum es_code code = source->ops->read(source, run->awaited.offset, bytes, size, &got, reterr);
    if (code == ES_OK && got == 0) { /* looked at, then read: the end is the end only then */
        code = source->ops->look(source, reterr);
        if (code == ES_OK)
            code = source->ops->read(source, run->awaited.offset, bytes, size, &got, reterr);
    }
    if (code)
        return code;
    if (got == 0 && source->is_growing)
        return wait_on(run, reterr);
    run->is_awaited = false;
    code = tell_wait(run, false, reterr);
    return code ? code : answer(run, ES_OK, 0, (int64_t)got, bytes, got, -1, reterr);
}

static enum es_code serve_read(struct run *run, const struct es_buf *text, struct es_err *reterr)
{
    struct task_read question;
    if (text->size != sizeof(question))
        return disbelieve(reterr, "a malformed question");
    memcpy(&question, text->bytes, sizeof(question));
    struct blob_reader *reader =
        question.input < SOURCES_OPEN_MAX ? run->sources[question.input] : NULL;
    if (!reader || question.size > TASK_READ_BYTES_MAX || question.offset < 0)
        return disbelieve(reterr, "a question about no source");
    if (reader->is_growing) {
        run->awaited = question;
        run->is_awaited = true;
        run->awaited_since_ms = es_clock_monotonic_ms();
        return serve_awaited(run, reterr);
    }
    es_auto_free void *bytes = es_malloc(question.size);
    size_t got = 0;
    enum es_code code =
        reader->ops->read(reader, question.offset, bytes, question.size, &got, reterr);
    if (code)
        return code; /* the store's fault, not the child's: the task ends with it */
    return answer(run, ES_OK, question.input, (int64_t)got, bytes, got, -1, reterr);
}

static enum es_code serve_open_source(struct run *run, const struct es_buf *text,
                                      struct es_err *reterr)
{
    char name[TASK_NAME_BYTES_MAX];
    enum es_code code = read_name(text, name, reterr);
    if (code)
        return code;
    uint32_t number = 1;
    while (number < SOURCES_OPEN_MAX && run->sources[number])
        number++;
    if (number == SOURCES_OPEN_MAX || !run->place->blobs)
        return disbelieve(reterr, "a wish for too many sources");
    struct blob_reader *reader;
    code = run->place->blobs->ops->open(run->place->blobs, key_of(run, name), &reader, reterr);
    if (code)
        return code;
    run->sources[number] = reader;
    return answer(run, ES_OK, number, reader->info.size_bytes, NULL, 0, reader->fd, reterr);
}

static enum es_code serve_close_source(struct run *run, const struct es_buf *text,
                                       struct es_err *reterr)
{
    struct task_read question;
    if (text->size != sizeof(question))
        return disbelieve(reterr, "a malformed question");
    memcpy(&question, text->bytes, sizeof(question));
    if (question.input < 1 || question.input >= SOURCES_OPEN_MAX || !run->sources[question.input])
        return disbelieve(reterr, "a question about no source");
    blob_reader_close(run->sources[question.input]);
    run->sources[question.input] = NULL;
    return answer(run, ES_OK, question.input, 0, NULL, 0, -1, reterr);
}

static struct output *find_output(struct run *run, const char *name)
{
    for (size_t i = 0; i < OUTPUTS_OPEN_MAX; i++)
        if (run->outputs[i].writer ? name && strcmp(run->outputs[i].name, name) == 0 : !name)
            return &run->outputs[i];
    return NULL;
}

static enum es_code serve_open_output(struct run *run, const struct es_buf *text,
                                      struct es_err *reterr)
{
    char name[TASK_NAME_BYTES_MAX];
    enum es_code code = read_name(text, name, reterr);
    if (code)
        return code;
    struct output *output = find_output(run, NULL);
    if (!output || find_output(run, name) || !run->place->blobs)
        return disbelieve(reterr, "a wish for too many outputs");
    /* Beside a depiction's objects lies the original, which is not the child's to write. */
    if (run->task->kind == TASK_DEPICT && !depiction_has_object(run->task->depiction, name))
        return disbelieve(reterr, "a name that is none of the depiction's");
    struct blob_writer *writer;
    code = run->place->blobs->ops->create(run->place->blobs, key_of(run, name), &writer, reterr);
    if (code)
        return code;
    *output = (struct output){ .writer = writer, .spool_fd = -1 };
    memcpy(output->name, name, sizeof(name));
    if (writer->fd < 0) {
        output->spool_fd = memfd_create("espotifai-output", MFD_CLOEXEC);
        if (output->spool_fd < 0)
            return es_fail_errno(reterr, errno, "cannot make room for output '%s'", name);
    }
    int fd = writer->fd >= 0 ? writer->fd : output->spool_fd;
    return answer(run, ES_OK, 0, 0, NULL, 0, fd, reterr);
}

static enum es_code copy_spool(struct output *output, struct es_err *reterr)
{
    size_t block_size = 256 * 1024;
    es_auto_free char *block = es_malloc(block_size);
    for (int64_t offset = 0;;) {
        size_t got;
        enum es_code code = es_pread_all(output->spool_fd, block, block_size, offset, &got, reterr);
        if (!code && got > 0)
            code = output->writer->ops->write(output->writer, block, got, reterr);
        if (code || got == 0)
            return code;
        offset += (int64_t)got;
    }
}

static void drop_output(struct output *output)
{
    if (output->writer)
        blob_writer_abort(output->writer);
    if (output->spool_fd >= 0)
        close(output->spool_fd);
    *output = (struct output){ .spool_fd = -1 };
}

static enum es_code serve_close_output(struct run *run, const struct es_buf *text,
                                       struct es_err *reterr)
{
    char name[TASK_NAME_BYTES_MAX];
    enum es_code code = read_name(text, name, reterr);
    if (code)
        return code;
    struct output *output = find_output(run, name);
    if (!output)
        return disbelieve(reterr, "the end of an output that it has not");
    if (output->spool_fd >= 0)
        code = copy_spool(output, reterr);
    if (!code) {
        struct blob_writer *writer = es_take(output->writer);
        code = writer->ops->commit(writer, NULL, reterr);
    }
    drop_output(output);
    return code ? code : answer(run, ES_OK, 0, 0, NULL, 0, -1, reterr);
}

static enum es_code take_progress(struct run *run, const struct es_buf *text, struct es_err *reterr)
{
    struct task_progress progress;
    if (text->size < sizeof(progress) || text->size > sizeof(progress) + PART_TEXT_BYTES_MAX)
        return disbelieve(reterr, "malformed progress");
    memcpy(&progress, text->bytes, sizeof(progress));
    if (!isfinite(progress.seconds_done))
        return disbelieve(reterr, "progress that is no number");
    if (progress.seconds_done > run->progress.seconds_done)
        run->progressed_at_ms = es_clock_monotonic_ms();
    /* What somebody may be waiting for has come: those for whom it has not go first. */
    if (progress.is_playable && !run->progress.is_playable)
        child_yield(run->child);
    run->progress = progress;
    if (progress.has_result) {
        free(run->result_so_far);
        run->result_so_far = es_strdup_heap(text->bytes + sizeof(progress));
    }
    return ES_OK;
}

/* The child's own account of why it failed; its word counts only where we have it too. */
static enum es_code take_failure(const struct es_buf *text, struct es_err *reterr)
{
    struct task_answer head;
    if (text->size < sizeof(head) + 1)
        return disbelieve(reterr, "a malformed failure");
    memcpy(&head, text->bytes, sizeof(head));
    if (head.code <= ES_OK || head.code >= ES_CODE_COUNT)
        return disbelieve(reterr, "a failure of no known kind");
    const char *word = text->bytes + sizeof(head);
    size_t word_size = strnlen(word, text->size - sizeof(head));
    const struct problem *problem = problem_find(word_size > 0 ? word : "");
    const char *detail = word_size + 1 < text->size - sizeof(head) ? word + word_size + 1 : "";
    if (problem)
        return es_fail_word(reterr, (enum es_code)head.code, problem->word, "%s", detail);
    return es_fail(reterr, (enum es_code)head.code, "%s", detail);
}

static enum es_code serve(struct run *run, enum task_message type, const struct es_buf *text,
                          struct es_err *reterr)
{
    switch (type) {
    case MESSAGE_READ:
        return serve_read(run, text, reterr);
    case MESSAGE_OPEN_SOURCE:
        return serve_open_source(run, text, reterr);
    case MESSAGE_CLOSE_SOURCE:
        return serve_close_source(run, text, reterr);
    case MESSAGE_OPEN_OUTPUT:
        return serve_open_output(run, text, reterr);
    case MESSAGE_CLOSE_OUTPUT:
        return serve_close_output(run, text, reterr);
    case MESSAGE_PROGRESS:
        return take_progress(run, text, reterr);
    case MESSAGE_RESULT:
        run->is_finished = true;
        run->result = es_strndup(run->arena, es_buf_text(text), text->size);
        return ES_OK;
    case MESSAGE_FAILURE:
        run->is_finished = true;
        return take_failure(text, reterr);
    case MESSAGE_UNSET:
    case MESSAGE_MORE:
    case MESSAGE_TASK:
    case MESSAGE_ANSWER:
        break;
    }
    return disbelieve(reterr, "a message of no known kind");
}

static enum es_code send_task(struct run *run, const struct task *task, struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    task_write(task, &text);
    int fd = run->place->source ? run->place->source->fd : -1;
    return task_send(run->channel, MESSAGE_TASK, NULL, 0, text.bytes, text.size, fd, reterr);
}

/* The channel broke before a result: what the child died of. */
static enum es_code explain_death(struct run *run, bool *ret_is_crash, struct es_err *reterr)
{
    struct child_exit ended;
    enum es_code code = child_wait(run->child, 5000, &ended, reterr);
    if (code)
        return code;
    char text[CHILD_EXIT_TEXT_SIZE];
    child_exit_format(&ended, text);
    switch (ended.end) {
    case CHILD_END_CPU:
    case CHILD_END_FILE_SIZE:
    case CHILD_END_MEMORY:
        *ret_is_crash = true;
        return es_fail_word(reterr, ES_MEDIA, "resource_limit", "the child was %s", text);
    case CHILD_END_CRASHED:
    case CHILD_END_FORBIDDEN:
    case CHILD_END_EXITED:
        *ret_is_crash = true;
        return es_fail_word(reterr, ES_MEDIA, "decoder_crashed", "the child was %s", text);
    case CHILD_END_KILLED:
    case CHILD_END_LOST:
    case CHILD_END_UNSET:
        break;
    }
    return es_fail(reterr, ES_UNAVAILABLE, "the child was lost: %s", text);
}

static enum es_code check_stall(struct run *run, int64_t stall_ms, bool *ret_is_crash,
                                struct es_err *reterr)
{
    if (es_clock_monotonic_ms() - run->progressed_at_ms < stall_ms)
        return ES_OK;
    *ret_is_crash = true;
    return es_fail_word(reterr, ES_MEDIA, "part_stalled", "no progress for %lld ms",
                        (long long)stall_ms);
}

static enum es_code converse(struct run *run, const struct task *task, int64_t stall_ms,
                             bool *ret_is_crash, struct es_err *reterr)
{
    enum es_code code = send_task(run, task, reterr);
    if (code == ES_CANCELLED)
        return explain_death(run, ret_is_crash, reterr);
    int64_t ticked_at_ms = es_clock_monotonic_ms();
    es_auto_buf text = { 0 };
    while (!code && !run->is_finished) {
        enum task_message type;
        code = task_receive(run->channel, run->is_awaited ? AWAIT_POLL_MS : TASK_TICK_MS, &text,
                            &type, reterr);
        if (code == ES_CANCELLED)
            return explain_death(run, ret_is_crash, reterr);
        bool has_message = code == ES_OK;
        if (has_message) {
            code = serve(run, type, &text, reterr);
            es_buf_clear(&text);
        } else if (code == ES_UNAVAILABLE) {
            code = run->is_awaited ? serve_awaited(run, reterr) : ES_OK;
        }
        if (!code && !run->is_finished)
            code = check_stall(run, stall_ms, ret_is_crash, reterr);
        if (code == ES_INVALID && !run->is_finished) { /* it said what no engine says */
            *ret_is_crash = true;
            reterr->word = "decoder_crashed";
            return ES_MEDIA;
        }
        int64_t now_ms = es_clock_monotonic_ms();
        bool is_due =
            now_ms - ticked_at_ms >= TASK_TICK_MS || (has_message && type == MESSAGE_PROGRESS);
        if (!code && run->watch && is_due && !run->is_finished) {
            ticked_at_ms = now_ms;
            code =
                run->watch->tick(run->watch->context, &run->progress, run->result_so_far, reterr);
        }
    }
    return code;
}

enum es_code task_run(struct sandbox *sandbox, const struct task *task,
                      const struct task_limits *limits, const struct task_place *place,
                      const struct task_watch *watch, struct es_arena *arena,
                      const char **ret_result, bool *ret_is_crash, struct es_err *reterr)
{
    struct es_err own;
    struct es_err *err = reterr ? reterr : &own;
    *err = (struct es_err){ 0 };
    *ret_is_crash = false;
    es_auto(child) child = NULL;
    enum es_code code = sandbox_spawn(sandbox, &limits->confine, &child, err);
    if (code)
        return code;
    struct run run = { .task = task,
                       .place = place,
                       .watch = watch,
                       .arena = arena,
                       .child = child,
                       .channel = child_channel(child),
                       .sources = { place->source },
                       .wait_ms = limits->wait_ms,
                       .progressed_at_ms = es_clock_monotonic_ms() };
    for (size_t i = 0; i < OUTPUTS_OPEN_MAX; i++)
        run.outputs[i].spool_fd = -1;

    code = converse(&run, task, limits->stall_ms, ret_is_crash, err);

    for (size_t i = 0; i < OUTPUTS_OPEN_MAX; i++)
        drop_output(&run.outputs[i]);
    for (size_t i = 1; i < SOURCES_OPEN_MAX; i++)
        if (run.sources[i])
            blob_reader_close(run.sources[i]);
    free(run.result_so_far);
    if (!code) {
        *ret_result = run.result;
        child_leave(es_take(child));
    }
    return code;
}
