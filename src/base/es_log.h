/* Structured logs on standard error: readable lines on a terminal, one JSON object a line
 * otherwise. Who logs: the API's dispatch, the worker's loop and main, once for each thing that
 * happened; library code returns errors instead. Thread-safe; a line is written by one write(2), so
 * lines never mix. */
#ifndef ES_LOG_H
#define ES_LOG_H

#include <stdint.h>

enum es_log_level {
    ES_LOG_UNSET = 0,
    ES_LOG_DEBUG,
    ES_LOG_INFO,
    ES_LOG_WARNING,
    ES_LOG_ERROR,
};

enum es_log_format {
    ES_LOG_FORMAT_AUTO = 0, /* text on a terminal, JSON otherwise */
    ES_LOG_FORMAT_TEXT,
    ES_LOG_FORMAT_JSON,
};

struct es_log_field {
    const char *key; /* NULL ends the list */
    enum { ES_LOG_STRING = 1, ES_LOG_INTEGER, ES_LOG_REAL } kind;
    const char *string; /* NULL: the field is left out */
    int64_t integer;
    double real;
};

#define es_log_str(key_, value_)                                                                   \
    {                                                                                              \
        .key = (key_), .kind = ES_LOG_STRING, .string = (value_)                                   \
    }
#define es_log_int(key_, value_)                                                                   \
    {                                                                                              \
        .key = (key_), .kind = ES_LOG_INTEGER, .integer = (value_)                                 \
    }
#define es_log_real(key_, value_)                                                                  \
    {                                                                                              \
        .key = (key_), .kind = ES_LOG_REAL, .real = (value_)                                       \
    }

/* Once, before other threads start; without it INFO and AUTO hold. */
void es_log_configure(enum es_log_level least, enum es_log_format format);

/* `event` is a short constant in lower case ("request", "part failed"); what varies goes into
 * fields. */
void es_log_fields(enum es_log_level level, const char *event, const struct es_log_field *fields);

/* es_log(ES_LOG_INFO, "job done", es_log_str("job_id", id), es_log_int("bytes", n)) */
#define es_log(level, event, ...)                                                                  \
    es_log_fields((level), (event),                                                                \
                  (const struct es_log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })

#endif
