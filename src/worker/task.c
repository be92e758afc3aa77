/* Tasks and plans as JSON, messages in pieces. Pure but for the channel. */
#include "worker/task.h"

#include <math.h>
#include <string.h>

#include "model/job_json.h"
#include "model/names.h"
#include "wire/json.h"

static const char *const kind_names[] = {
    [TASK_PROBE] = "probe", [TASK_PLAN] = "plan",     [TASK_CONVERT] = "convert",
    [TASK_JOIN] = "join",   [TASK_DEPICT] = "depict",
};

void task_write(const struct task *task, struct es_buf *buf)
{
    json_auto object = json_object();
    json_put_text(object, "kind", NAME_OF(kind_names, task->kind));
    json_put(object, "size", json_integer(task->input_size_bytes));
    json_put(object, "is_arriving", json_boolean(task->is_input_arriving));
    if (task->filename_hint)
        json_put_text(object, "filename", task->filename_hint);
    if (task->target)
        json_put_text(object, "target", job_target_name(task->target));
    json_put(object, "options", job_options_json(&task->options));
    if (task->spec)
        json_put_text(object, "spec", task->spec);
    if (task->depiction)
        json_put_text(object, "depiction", depiction_name(task->depiction));
    json_put(object, "duration", json_real(task->duration_seconds));
    json_t *parts = json_array();
    for (size_t i = 0; i < task->part_count; i++) {
        json_t *part = json_object();
        json_put(part, "index", json_integer(task->parts[i].index));
        json_put_text(part, "spec", task->parts[i].spec);
        json_put_text(part, "result", task->parts[i].result);
        json_array_append_new(parts, part);
    }
    json_put(object, "parts", parts);
    json_write(object, buf);
}

enum es_code task_read(const char *text, size_t size, struct es_arena *arena, struct task *ret_task,
                       struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, size, &object, reterr);
    if (code)
        return code;
    struct task task = {
        .kind = (enum task_kind)VALUE_OF(kind_names, json_member_string(object, "kind", "")),
        .input_size_bytes = json_member_integer(object, "size", 0),
        .is_input_arriving = json_member_bool(object, "is_arriving", false),
        .filename_hint = es_strdup(arena, json_member_string(object, "filename", NULL)),
        .target = job_target_from_name(json_member_string(object, "target", "")),
        .spec = es_strdup(arena, json_member_string(object, "spec", NULL)),
        .depiction = depiction_from_name(json_member_string(object, "depiction", "")),
        .duration_seconds = json_member_real(object, "duration", 0),
    };
    code = job_options_from_json(json_object_get(object, "options"), &task.options, reterr);
    if (code)
        return code;
    const json_t *parts = json_object_get(object, "parts");
    struct part *read = es_new_array(arena, struct part, json_array_size(parts));
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        read[i] = (struct part){
            .index = (int)json_member_integer(part, "index", 0),
            .kind = PART_CONVERT,
            .state = PART_DONE,
            .spec = es_strdup(arena, json_member_string(part, "spec", NULL)),
            .result = es_strdup(arena, json_member_string(part, "result", NULL)),
        };
    }
    task.parts = read;
    task.part_count = json_array_size(parts);
    *ret_task = task;
    return ES_OK;
}

void task_parts_write(const struct part *parts, size_t part_count, struct es_buf *buf)
{
    json_auto array = json_array();
    for (size_t i = 0; i < part_count; i++) {
        json_t *part = json_object();
        json_put(part, "is_join", json_boolean(parts[i].kind == PART_JOIN));
        json_put(part, "is_first", json_boolean(parts[i].is_first));
        json_put(part, "weight", json_real(parts[i].weight_seconds));
        json_put_text(part, "spec", parts[i].spec);
        json_array_append_new(array, part);
    }
    json_write(array, buf);
}

static enum es_code read_planned(const json_t *object, bool is_last, struct es_arena *arena,
                                 struct part *ret_part, struct es_err *reterr)
{
    const char *spec = json_member_string(object, "spec", NULL);
    double weight = json_member_real(object, "weight", -1);
    if (!spec || strlen(spec) > PART_TEXT_BYTES_MAX)
        return es_fail(reterr, ES_INVALID, "a planned part has no fitting spec");
    if (!(weight >= 0 && weight < 1e9))
        return es_fail(reterr, ES_INVALID, "a planned part weighs nonsense");
    if (json_member_bool(object, "is_join", false) != is_last)
        return es_fail(reterr, ES_INVALID, "a plan must have one join, at its end");
    *ret_part = (struct part){
        .kind = is_last ? PART_JOIN : PART_CONVERT,
        .is_first = json_member_bool(object, "is_first", false),
        .weight_seconds = weight,
        .spec = es_strdup(arena, spec),
    };
    return ES_OK;
}

enum es_code task_parts_read(const char *text, struct es_arena *arena, struct part **ret_parts,
                             size_t *ret_part_count, struct es_err *reterr)
{
    json_auto array = NULL;
    enum es_code code = json_read(text, strlen(text), &array, reterr);
    if (code)
        return code;
    size_t count = json_array_size(array);
    if (count < 2 || count > PART_COUNT_MAX)
        return es_fail(reterr, ES_INVALID, "a plan of %zu parts", count);
    struct part *parts = es_new_array(arena, struct part, count);
    for (size_t i = 0; i < count; i++) {
        code = read_planned(json_array_get(array, i), i + 1 == count, arena, &parts[i], reterr);
        if (code)
            return code;
        parts[i].index = (int)i + 1;
    }
    *ret_parts = parts;
    *ret_part_count = count;
    return ES_OK;
}

enum es_code task_send(struct channel *channel, enum task_message type, const void *head,
                       size_t head_size, const void *text, size_t text_size, int fd,
                       struct es_err *reterr)
{
    es_auto_buf whole = { 0 };
    es_buf_append(&whole, head, head_size);
    es_buf_append(&whole, text, text_size);
    size_t sent = 0;
    while (whole.size - sent > CHANNEL_MESSAGE_BYTES_MAX) {
        enum es_code code = channel_send(channel, MESSAGE_MORE, whole.bytes + sent,
                                         CHANNEL_MESSAGE_BYTES_MAX, NULL, 0, reterr);
        if (code)
            return code;
        sent += CHANNEL_MESSAGE_BYTES_MAX;
    }
    return channel_send(channel, type, whole.bytes + sent, whole.size - sent, &fd, fd >= 0 ? 1 : 0,
                        reterr);
}

enum es_code task_receive(struct channel *channel, int timeout_ms, struct es_buf *text,
                          enum task_message *ret_type, struct es_err *reterr)
{
    for (;;) {
        struct channel_message message;
        enum es_code code = channel_receive(channel, timeout_ms, &message, reterr);
        if (code)
            return code;
        if (text->size + message.size > TASK_TEXT_BYTES_MAX)
            return es_fail(reterr, ES_INVALID, "a message of more than %zu bytes",
                           TASK_TEXT_BYTES_MAX);
        es_buf_append(text, message.bytes, message.size);
        if (message.type != MESSAGE_MORE) {
            *ret_type = (enum task_message)message.type;
            return ES_OK;
        }
    }
}
