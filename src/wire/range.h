/* What a conditional or partial GET asks for: RFC 9110, 13 (preconditions) and 14 (ranges). Pure.
 */
#ifndef RANGE_H
#define RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* What a client says; NULL where the header is not there. */
struct range_request {
    const char *range, *if_range, *if_match, *if_none_match;
    const char *if_modified_since, *if_unmodified_since;
};

/* What there is. */
struct range_resource {
    uint64_t size_bytes;
    const char *etag; /* quoted, strong or W/ weak; NULL: none */
    int64_t mtime_ms; /* 0: none */
};

enum range_outcome {
    RANGE_UNSET = 0,
    RANGE_WHOLE,         /* 200 */
    RANGE_PART,          /* 206: first..last */
    RANGE_NOT_MODIFIED,  /* 304 */
    RANGE_FAILED,        /* 412 */
    RANGE_UNSATISFIABLE, /* 416 */
};

struct range_answer {
    enum range_outcome outcome;
    uint64_t first, last; /* inclusive; RANGE_PART only */
};

/* Preconditions first, in the order of RFC 9110, 13.2.2, then the range. A Range that is malformed,
 * of another unit, of more than one range, or whose If-Range does not match strongly, is ignored:
 * the whole. A date matches If-Range only where it equals Last-Modified exactly. */
struct range_answer range_evaluate(const struct range_request *request,
                                   const struct range_resource *resource);

#endif
