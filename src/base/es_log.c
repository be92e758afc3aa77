/* Lines are built in a buffer and written at once. Strings are escaped as JSON in both forms, so no
 * input can forge a line or send a terminal its control codes. */
#include "base/es_log.h"

#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/es_buf.h"
#include "base/es_clock.h"
#include "base/es_text.h"

static enum es_log_level least_level = ES_LOG_INFO;
static enum es_log_format chosen_format = ES_LOG_FORMAT_AUTO;

void es_log_configure(enum es_log_level least, enum es_log_format format)
{
    least_level = least;
    chosen_format = format;
}

static const char *level_name(enum es_log_level level)
{
    switch (level) {
    case ES_LOG_DEBUG:
        return "debug";
    case ES_LOG_WARNING:
        return "warning";
    case ES_LOG_ERROR:
        return "error";
    case ES_LOG_UNSET:
    case ES_LOG_INFO:
        break;
    }
    return "info";
}

static bool needs_quotes(const char *text)
{
    if (!*text)
        return true;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '"' || *text == '=' || *text == '\\' ||
            *text == 0x7f)
            return true;
    return false;
}

static void append_value(struct es_buf *line, const struct es_log_field *field, bool is_json)
{
    switch (field->kind) {
    case ES_LOG_STRING:
        if (is_json || needs_quotes(field->string))
            es_json_quote(line, field->string);
        else
            es_buf_append_text(line, field->string);
        return;
    case ES_LOG_INTEGER:
        es_buf_printf(line, "%lld", (long long)field->integer);
        return;
    case ES_LOG_REAL:
        if (isfinite(field->real))
            es_buf_printf(line, "%.6g", field->real);
        else
            es_buf_append_text(line, "null");
        return;
    }
}

void es_log_fields(enum es_log_level level, const char *event, const struct es_log_field *fields)
{
    if (level < least_level)
        return;
    bool is_json = chosen_format == ES_LOG_FORMAT_JSON ||
                   (chosen_format == ES_LOG_FORMAT_AUTO && !isatty(STDERR_FILENO));
    char time_text[ES_TIME_TEXT_SIZE];
    es_time_format(es_clock_realtime_ms(), time_text);

    es_auto_buf line = { 0 };
    if (is_json) {
        es_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time_text,
                      level_name(level));
        es_json_quote(&line, event);
    } else {
        es_buf_printf(&line, "%.12s %-7s %s", time_text + 11, level_name(level), event);
    }
    for (const struct es_log_field *field = fields; field->key; field++) {
        if (field->kind == ES_LOG_STRING && !field->string)
            continue;
        es_buf_printf(&line, is_json ? ",\"%s\":" : " %s=", field->key);
        append_value(&line, field, is_json);
    }
    es_buf_append_text(&line, is_json ? "}\n" : "\n");
    ssize_t written = write(STDERR_FILENO, line.bytes, line.size);
    (void)written; /* a log that cannot be written has nowhere to say so */
}
