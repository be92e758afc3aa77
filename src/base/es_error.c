/* The one place where error values are made. Pure functions over the caller's struct; any thread.
 */
#include "base/es_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[ES_CODE_COUNT] = {
    [ES_OK] = "ok",
    [ES_NOT_FOUND] = "not_found",
    [ES_CONFLICT] = "conflict",
    [ES_INVALID] = "invalid",
    [ES_UNAUTHENTICATED] = "unauthenticated",
    [ES_FORBIDDEN] = "forbidden",
    [ES_LIMIT] = "limit",
    [ES_UNAVAILABLE] = "unavailable",
    [ES_CANCELLED] = "cancelled",
    [ES_MEDIA] = "media",
    [ES_IO] = "io",
    [ES_NO_MEMORY] = "no_memory",
};

ES_PRINTF(4, 0)
static void set(struct es_err *reterr, enum es_code code, const char *word, const char *format,
                va_list arguments)
{
    if (!reterr)
        return;
    reterr->code = code;
    reterr->word = word;
    vsnprintf(reterr->detail, sizeof(reterr->detail), format, arguments);
}

enum es_code es_fail(struct es_err *reterr, enum es_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set(reterr, code, NULL, format, arguments);
    va_end(arguments);
    return code;
}

enum es_code es_fail_word(struct es_err *reterr, enum es_code code, const char *word,
                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set(reterr, code, word, format, arguments);
    va_end(arguments);
    return code;
}

static enum es_code code_from_errno(int error_number)
{
    switch (error_number) {
    case ENOENT:
        return ES_NOT_FOUND;
    case EEXIST:
        return ES_CONFLICT;
    case ENOMEM:
        return ES_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return ES_LIMIT;
    default:
        return ES_IO;
    }
}

enum es_code es_fail_errno(struct es_err *reterr, int error_number, const char *format, ...)
{
    enum es_code code = code_from_errno(error_number);
    if (!reterr)
        return code;
    va_list arguments;
    va_start(arguments, format);
    set(reterr, code, code == ES_LIMIT ? "storage_full" : NULL, format, arguments);
    va_end(arguments);

    char text[128];
    size_t used = strlen(reterr->detail);
    snprintf(reterr->detail + used, sizeof(reterr->detail) - used, ": %s",
             strerror_r(error_number, text, sizeof(text)));
    return code;
}

enum es_code es_wrap(struct es_err *reterr, enum es_code code, const char *format, ...)
{
    if (!reterr)
        return code;
    char inner[ES_DETAIL_MAX];
    memcpy(inner, reterr->detail, sizeof(inner));

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reterr->detail, sizeof(reterr->detail), format, arguments);
    va_end(arguments);
    size_t used = strlen(reterr->detail);
    snprintf(reterr->detail + used, sizeof(reterr->detail) - used, ": %s", inner);
    return reterr->code;
}

const char *es_code_name(enum es_code code)
{
    return code >= ES_OK && code < ES_CODE_COUNT ? code_names[code] : "unknown";
}

enum es_code es_code_from_name(const char *name)
{
    for (int code = 0; code < ES_CODE_COUNT; code++)
        if (strcmp(code_names[code], name) == 0)
            return (enum es_code)code;
    return ES_CODE_COUNT;
}
