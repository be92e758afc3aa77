/* The shape of a request's head (RFC 9112, 2 to 5), checked over raw bytes before any parser sees
 * them: request line and header lines with single spaces, CRLF ends and legal characters only. What
 * the fields mean together is not judged here. Pure. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stddef.h>

struct http_head_limits {
    size_t head_bytes_max;
    size_t target_bytes_max;
};

enum http_head_verdict {
    HTTP_HEAD_UNSET = 0,
    HTTP_HEAD_UNFINISHED, /* sound so far, but not whole */
    HTTP_HEAD_SOUND,
    HTTP_HEAD_MALFORMED,
    HTTP_HEAD_BAD_VERSION, /* a version other than 1.0 and 1.1 */
    HTTP_HEAD_TARGET_TOO_LONG,
    HTTP_HEAD_TOO_LARGE,
};

/* Judges the first head in `bytes`; one empty line before it is allowed, and what follows it is not
 * looked at. Says what is wrong as early as it can. */
enum http_head_verdict http_head_check(const char *bytes, size_t size,
                                       const struct http_head_limits *limits);

#endif
