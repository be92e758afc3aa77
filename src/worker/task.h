/* What a part's child is asked to do, and the words between it and its parent. The parent believes
 * nothing that a child says: every message is bounded and checked where it is read. Long texts go
 * in pieces (MESSAGE_MORE ... and the message itself with the last piece). */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_buf.h"
#include "base/es_error.h"
#include "model/depiction.h"
#include "model/job.h"
#include "model/part.h"
#include "sandbox/channel.h"

#define TASK_TEXT_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define TASK_NAME_BYTES_MAX 128

enum task_kind { TASK_UNSET = 0, TASK_PROBE, TASK_PLAN, TASK_CONVERT, TASK_JOIN, TASK_DEPICT };

struct task {
    enum task_kind kind;
    int64_t input_size_bytes;   /* of the source; a join has none: 0 */
    bool is_input_arriving;     /* its size is not known, its end is still to come */
    const char *filename_hint;  /* PROBE; may be NULL */
    enum job_target target;     /* PLAN */
    struct job_options options; /* PLAN */
    const char *spec;           /* CONVERT, JOIN */
    const struct part *parts;   /* JOIN: index, spec and result are used */
    size_t part_count;
    enum depiction depiction; /* DEPICT */
    double duration_seconds;  /* DEPICT */
};

enum task_message {
    MESSAGE_UNSET = 0,
    MESSAGE_MORE, /* both ways: a piece of the text that the next other message ends */
    /* From the parent. */
    MESSAGE_TASK,   /* text: the task; one descriptor where the source has one */
    MESSAGE_ANSWER, /* struct task_answer, then bytes; perhaps a descriptor */
    /* From the child; all but PROGRESS, RESULT and FAILURE are answered. */
    MESSAGE_READ,         /* struct task_read */
    MESSAGE_OPEN_SOURCE,  /* name; the answer's value is its size, its number is the next one */
    MESSAGE_CLOSE_SOURCE, /* struct task_read, of which `input` counts */
    MESSAGE_OPEN_OUTPUT,  /* name; answered with a descriptor */
    MESSAGE_CLOSE_OUTPUT, /* name */
    MESSAGE_PROGRESS,     /* struct task_progress, then the result so far where there is one */
    MESSAGE_RESULT,       /* text */
    MESSAGE_FAILURE,      /* struct task_answer, then word, zero byte, detail */
};

struct task_answer {
    int32_t code; /* enum es_code */
    uint32_t input;
    int64_t value;
};

struct task_read {
    int64_t offset;
    uint32_t input; /* 0 is the source */
    uint32_t size;
};

struct task_progress {
    double seconds_done;
    uint32_t is_playable;
    uint32_t has_result;
};

/* What one READ may ask for. */
#define TASK_READ_BYTES_MAX (CHANNEL_MESSAGE_BYTES_MAX - sizeof(struct task_answer))

/* The task as text and back. ES_INVALID for text that is none. */
void task_write(const struct task *task, struct es_buf *buf);
ES_CHECK enum es_code task_read(const char *text, size_t size, struct es_arena *arena,
                                struct task *ret_task, struct es_err *reterr);

/* The parts of a plan as text and back; what is read is checked against PART_COUNT_MAX and
 * PART_TEXT_BYTES_MAX, and for exactly one JOIN, as the last. ES_INVALID. */
void task_parts_write(const struct part *parts, size_t part_count, struct es_buf *buf);
ES_CHECK enum es_code task_parts_read(const char *text, struct es_arena *arena,
                                      struct part **ret_parts, size_t *ret_part_count,
                                      struct es_err *reterr);

/* Sends `head` and `text` as one message of that type, in pieces where it is long. */
ES_CHECK enum es_code task_send(struct channel *channel, enum task_message type, const void *head,
                                size_t head_size, const void *text, size_t text_size, int fd,
                                struct es_err *reterr);

/* Receives one message and appends it, its pieces put together, to `text`, which the caller clears
 * between messages. ES_UNAVAILABLE after `timeout_ms` without a piece: call again with the same
 * `text`. Otherwise as channel_receive. */
ES_CHECK enum es_code task_receive(struct channel *channel, int timeout_ms, struct es_buf *text,
                                   enum task_message *ret_type, struct es_err *reterr);

#endif
