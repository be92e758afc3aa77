/* The engine's input, host and source, each a question over the channel where no descriptor answers
 * it. One thread: libav's own threads never call back. */
#include "worker/task_child.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/es_auto.h"
#include "base/es_file.h"
#include "engine/engine.h"
#include "model/media_json.h"
#include "worker/task.h"

#define OUTPUTS_OPEN_MAX 8

/* The heap of a child: see heap_prepare. */
#define PAGE_BYTES           4096
#define HEAP_RESERVE_BYTES   (64 * 1024 * 1024)
#define HEAP_BLOCK_BYTES_MAX (16 * 1024 * 1024) /* larger ones are mapped alone */

struct child_output {
    char name[TASK_NAME_BYTES_MAX];
    int fd;
};

struct child {
    struct channel *channel;
    struct es_arena arena;
    struct child_output outputs[OUTPUTS_OPEN_MAX]; /* name "" is a free place */
};

/* One source of bytes: read directly, or through the parent. */
struct child_input {
    struct child *child;
    int fd; /* -1: ask the parent */
    uint32_t number;
    bool is_arriving; /* what one answer brings is all that there is */
};

/* Sends a question and waits for its answer, whose bytes stay valid until the next one. */
static enum es_code ask(struct child *child, enum task_message type, const void *question,
                        size_t size, struct task_answer *ret_answer,
                        struct channel_message *ret_message, struct es_err *reterr)
{
    enum es_code code = channel_send(child->channel, type, question, size, NULL, 0, reterr);
    if (code)
        return code;
    code = channel_receive(child->channel, -1, ret_message, reterr);
    if (code)
        return code;
    if (ret_message->type != MESSAGE_ANSWER || ret_message->size < sizeof(*ret_answer))
        return es_fail(reterr, ES_IO, "the parent did not answer");
    memcpy(ret_answer, ret_message->bytes, sizeof(*ret_answer));
    if (ret_answer->code)
        return es_fail(reterr, (enum es_code)ret_answer->code, "%.*s",
                       (int)(ret_message->size - sizeof(*ret_answer)),
                       (const char *)ret_message->bytes + sizeof(*ret_answer));
    return ES_OK;
}

static enum es_code read_input(void *context, int64_t offset, void *ret_bytes, size_t size,
                               size_t *ret_size, struct es_err *reterr)
{
    struct child_input *input = context;
    if (input->fd >= 0)
        return es_pread_all(input->fd, ret_bytes, size, offset, ret_size, reterr);
    size_t total = 0;
    while (total < size) {
        size_t wanted = size - total < TASK_READ_BYTES_MAX ? size - total : TASK_READ_BYTES_MAX;
        struct task_read question = { .offset = offset + (int64_t)total,
                                      .input = input->number,
                                      .size = (uint32_t)wanted };
        struct task_answer answer;
        struct channel_message message;
        enum es_code code =
            ask(input->child, MESSAGE_READ, &question, sizeof(question), &answer, &message, reterr);
        if (code)
            return code;
        size_t got = message.size - sizeof(answer);
        if (got > wanted)
            return es_fail(reterr, ES_IO, "the parent answered too much");
        memcpy((char *)ret_bytes + total, message.bytes + sizeof(answer), got);
        total += got;
        if (got < wanted || input->is_arriving)
            break;
    }
    *ret_size = total;
    return ES_OK;
}

static enum es_code open_source(void *context, const char *name, struct engine_input *ret_input,
                                struct es_err *reterr)
{
    struct child *child = context;
    struct task_answer answer;
    struct channel_message message;
    enum es_code code =
        ask(child, MESSAGE_OPEN_SOURCE, name, strlen(name), &answer, &message, reterr);
    if (code)
        return code;
    struct child_input *input = es_new(&child->arena, struct child_input);
    input->child = child;
    input->fd = message.fd_count > 0 ? channel_take_fd(child->channel, 0) : -1;
    input->number = answer.input;
    *ret_input =
        (struct engine_input){ .context = input, .size_bytes = answer.value, .read = read_input };
    return ES_OK;
}

static void close_source(void *context, struct engine_input *ret_input)
{
    struct child *child = context;
    struct child_input *input = ret_input->context;
    if (input->fd >= 0)
        close(input->fd);
    struct task_read question = { .input = input->number };
    struct task_answer answer;
    struct channel_message message;
    /* A parent that is gone ends this process at its next question. */
    (void)!ask(child, MESSAGE_CLOSE_SOURCE, &question, sizeof(question), &answer, &message, NULL);
}

static struct child_output *find_output(struct child *child, const char *name)
{
    for (size_t i = 0; i < OUTPUTS_OPEN_MAX; i++)
        if (strcmp(child->outputs[i].name, name) == 0)
            return &child->outputs[i];
    return NULL;
}

static enum es_code open_output(void *context, const char *name, int *ret_fd, struct es_err *reterr)
{
    struct child *child = context;
    struct child_output *output = find_output(child, "");
    if (!output || strlen(name) >= sizeof(output->name))
        return es_fail(reterr, ES_INVALID, "output '%s' is one too many, or its name too long",
                       name);
    struct task_answer answer;
    struct channel_message message;
    enum es_code code =
        ask(child, MESSAGE_OPEN_OUTPUT, name, strlen(name), &answer, &message, reterr);
    if (code)
        return code;
    output->fd = message.fd_count > 0 ? channel_take_fd(child->channel, 0) : -1;
    if (output->fd < 0)
        return es_fail(reterr, ES_IO, "no descriptor came for output '%s'", name);
    memcpy(output->name, name, strlen(name) + 1);
    *ret_fd = output->fd;
    return ES_OK;
}

static enum es_code close_output(void *context, const char *name, struct es_err *reterr)
{
    struct child *child = context;
    struct child_output *output = find_output(child, name);
    if (!output)
        return es_fail(reterr, ES_INVALID, "output '%s' is not open", name);
    close(output->fd);
    output->name[0] = 0;
    struct task_answer answer;
    struct channel_message message;
    return ask(child, MESSAGE_CLOSE_OUTPUT, name, strlen(name), &answer, &message, reterr);
}

static enum es_code report_progress(void *context, double seconds_done, const char *result_so_far,
                                    bool is_playable, struct es_err *reterr)
{
    struct child *child = context;
    struct task_progress progress = { .seconds_done = seconds_done,
                                      .is_playable = is_playable,
                                      .has_result = result_so_far != NULL };
    return task_send(child->channel, MESSAGE_PROGRESS, &progress, sizeof(progress), result_so_far,
                     result_so_far ? strlen(result_so_far) : 0, -1, reterr);
}

static enum es_code run(struct child *child, const struct task *task, int input_fd,
                        struct es_buf *ret_text, struct es_err *reterr)
{
    struct child_input source = { .child = child,
                                  .fd = input_fd,
                                  .is_arriving = task->is_input_arriving };
    struct engine_input input = { .context = &source,
                                  .size_bytes = task->input_size_bytes,
                                  .is_arriving = task->is_input_arriving,
                                  .read = read_input };
    struct engine_host host = { .context = child,
                                .open_output = open_output,
                                .close_output = close_output,
                                .progress = report_progress };
    struct engine_source parts = { .context = child, .open = open_source, .close = close_source };
    enum es_code code = ES_INVALID;
    const char *result = NULL;
    switch (task->kind) {
    case TASK_PROBE: {
        struct media_facts facts;
        code = engine_probe(&input, task->filename_hint, &child->arena, &facts, reterr);
        if (!code)
            media_facts_write(&facts, ret_text);
        return code;
    }
    case TASK_PLAN: {
        struct part *planned;
        size_t count;
        code = engine_plan(&input, task->target, &task->options, &host, &child->arena, &planned,
                           &count, reterr);
        if (!code)
            task_parts_write(planned, count, ret_text);
        return code;
    }
    case TASK_CONVERT:
        code = engine_convert(&input, task->spec, &host, &child->arena, &result, reterr);
        break;
    case TASK_JOIN:
        code = engine_join(task->spec, task->parts, task->part_count, &parts, &host, &child->arena,
                           &result, reterr);
        break;
    case TASK_DEPICT:
        code = engine_depict(&input, task->depiction, task->duration_seconds, &host, &child->arena,
                             &result, reterr);
        break;
    case TASK_UNSET:
        return es_fail(reterr, ES_INVALID, "a task of no known kind");
    }
    if (!code)
        es_buf_append_text(ret_text, result);
    return code;
}

static enum es_code receive_and_run(struct child *child, struct es_buf *ret_text,
                                    struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    enum task_message type;
    enum es_code code = task_receive(child->channel, -1, &text, &type, reterr);
    if (code)
        return code;
    if (type != MESSAGE_TASK)
        return es_fail(reterr, ES_INVALID, "the first message is no task");
    es_auto_fd input_fd = channel_take_fd(child->channel, 0);
    struct task task;
    code = task_read(es_buf_text(&text), text.size, &child->arena, &task, reterr);
    if (code)
        return code;
    return run(child, &task, input_fd, ret_text, reterr);
}

/* Fresh memory costs a page fault for every 4 KiB, which in a virtual machine is most of what a
 * short task takes: frames and tables are large and many. So the heap begins with room in huge
 * pages, and what is freed stays for the next frame. Where the kernel has none to give, all is as
 * ever. */
static void heap_prepare(void)
{
    static bool is_prepared; /* in a spare, when its task comes */
    if (is_prepared)
        return;
    is_prepared = true;
    char *before = sbrk(0);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_BYTES_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * HEAP_RESERVE_BYTES);
    (void)mallopt(M_TOP_PAD, HEAP_RESERVE_BYTES);
    volatile char *block = es_malloc(HEAP_BLOCK_BYTES_MAX - 4096);
    free((void *)block);
    char *after = sbrk(0);
    uintptr_t begin = ((uintptr_t)before + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    if (after - before >= HEAP_RESERVE_BYTES) /* else this malloc does not grow so */
        (void)madvise((void *)begin, (size_t)((uintptr_t)after - begin), MADV_HUGEPAGE);
    (void)mallopt(M_TOP_PAD, 1024 * 1024);
}

void task_child_warm_up(void)
{
    heap_prepare();
    engine_warm_up();
}

int task_child_main(struct channel *channel)
{
    heap_prepare();
    struct child child = { .channel = channel };
    struct es_err err = { 0 };
    es_auto_buf text = { 0 };
    enum es_code code = receive_and_run(&child, &text, &err);
    if (!code) {
        code = task_send(channel, MESSAGE_RESULT, NULL, 0, es_buf_text(&text), text.size, -1, NULL);
    } else {
        struct task_answer failure = { .code = code };
        es_buf_clear(&text);
        es_buf_append_text(&text, err.word ? err.word : "");
        es_buf_append_char(&text, 0);
        es_buf_append_text(&text, err.detail);
        code = task_send(channel, MESSAGE_FAILURE, &failure, sizeof(failure), text.bytes, text.size,
                         -1, NULL);
    }
    es_arena_release(&child.arena);
    return code == ES_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

void task_child_preload(void)
{
    json_object_seed(0); /* reads the kernel's random numbers, which a confined child cannot */
    engine_preload();
}
