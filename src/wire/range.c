/* RFC 9110, 13.2.2 and 14.2, step by step. */
#include "wire/range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/es_clock.h"
#include "wire/http_header.h"

#define MS_PER_SECOND 1000

/* HTTP dates have whole seconds. */
static int64_t seconds(int64_t time_ms)
{
    return time_ms / MS_PER_SECOND;
}

/* A date that does not parse is as good as none. */
static bool date_of(const char *text, int64_t *ret_seconds)
{
    int64_t time_ms;
    if (!text || !es_http_date_parse(text, &time_ms))
        return false;
    *ret_seconds = seconds(time_ms);
    return true;
}

/* RANGE_UNSET where nothing stands in the way. */
static enum range_outcome evaluate_preconditions(const struct range_request *request,
                                                 const struct range_resource *resource)
{
    int64_t date, modified = seconds(resource->mtime_ms);
    bool has_modified = resource->mtime_ms > 0;
    if (request->if_match) {
        if (!http_etag_matches(request->if_match, resource->etag, false))
            return RANGE_FAILED;
    } else if (has_modified && date_of(request->if_unmodified_since, &date) && modified > date) {
        return RANGE_FAILED;
    }
    if (request->if_none_match) {
        if (http_etag_matches(request->if_none_match, resource->etag, true))
            return RANGE_NOT_MODIFIED;
    } else if (has_modified && date_of(request->if_modified_since, &date) && modified <= date) {
        return RANGE_NOT_MODIFIED;
    }
    return RANGE_UNSET;
}

static bool if_range_holds(const char *if_range, const struct range_resource *resource)
{
    if (!if_range)
        return true;
    if (strchr(if_range, '"'))
        return resource->etag && if_range[0] == '"' && strcmp(if_range, resource->etag) == 0;
    int64_t date;
    return resource->mtime_ms > 0 && date_of(if_range, &date) &&
           date == seconds(resource->mtime_ms);
}

/* Reads digits at *cursor. A number too large for 64 bits is as large as there is. */
static bool read_number(const char **cursor, uint64_t *ret_number)
{
    const char *at = *cursor;
    uint64_t number = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            number = UINT64_MAX;
    if (at == *cursor)
        return false;
    *cursor = at;
    *ret_number = number;
    return true;
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* One range of unit bytes, or the whole. */
static struct range_answer evaluate_range(const char *range, uint64_t size_bytes)
{
    const struct range_answer whole = { .outcome = RANGE_WHOLE };
    const struct range_answer unsatisfiable = { .outcome = RANGE_UNSATISFIABLE };
    uint64_t first = 0, last = UINT64_MAX;
    if (strncasecmp(range, "bytes=", 6) != 0)
        return whole;
    const char *at = skip_spaces(range + 6);
    bool has_first = read_number(&at, &first);
    if (*at++ != '-')
        return whole;
    bool has_last = read_number(&at, &last);
    at = skip_spaces(at);
    if (*at || (!has_first && !has_last) || (has_first && has_last && last < first))
        return whole;
    if (!has_first) { /* the last so many bytes */
        if (last == 0 || size_bytes == 0)
            return unsatisfiable;
        first = last >= size_bytes ? 0 : size_bytes - last;
        last = size_bytes - 1;
    }
    if (first >= size_bytes)
        return unsatisfiable;
    if (last >= size_bytes)
        last = size_bytes - 1;
    return (struct range_answer){ .outcome = RANGE_PART, .first = first, .last = last };
}

struct range_answer range_evaluate(const struct range_request *request,
                                   const struct range_resource *resource)
{
    enum range_outcome outcome = evaluate_preconditions(request, resource);
    if (outcome != RANGE_UNSET)
        return (struct range_answer){ .outcome = outcome };
    if (!request->range || !if_range_holds(request->if_range, resource))
        return (struct range_answer){ .outcome = RANGE_WHOLE };
    return evaluate_range(request->range, resource->size_bytes);
}
