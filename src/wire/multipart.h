/* A streaming parser of multipart/form-data (RFC 7578 over RFC 2046, 5.1). Bytes go in as they
 * come, in pieces of any size; events come out. Memory is flat: a header block of at most
 * MULTIPART_HEADER_BYTES_MAX and a held-back delimiter; the content of parts is passed on in place,
 * never gathered. Strict: CRLF line ends, boundary 1..70 of the legal characters, form-data with a
 * name in every part, valid UTF-8 names, no NUL, no transfer encoding but identity (7bit, 8bit,
 * binary). */
#ifndef MULTIPART_H
#define MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_auto.h"
#include "base/es_error.h"

#define MULTIPART_BOUNDARY_MAX       70
#define MULTIPART_HEADER_BYTES_MAX   8192 /* of one part */
#define MULTIPART_NAME_BYTES_MAX     256
#define MULTIPART_FILENAME_BYTES_MAX 1024

struct multipart_part {
    const char *name;
    const char *filename; /* as sent (decoded from filename* where there is one), a folder of any
                           * system cut off; NULL: a plain field */
    const char *content_type; /* "text/plain" where none was sent */
};

/* Callbacks run inside multipart_feed and multipart_finish; what they return other than ES_OK ends
 * the parse and is passed on. Their pointers are valid during the call only. */
struct multipart_events {
    enum es_code (*part_begin)(void *context, const struct multipart_part *part,
                               struct es_err *reterr);
    enum es_code (*part_data)(void *context, const void *bytes, size_t size,
                              struct es_err *reterr); /* size > 0 */
    enum es_code (*part_end)(void *context, struct es_err *reterr);
};

struct multipart;

/* For a Content-Type of "multipart/form-data; boundary=...": ES_INVALID where it is anything else
 * or the boundary is not sound. `events` is copied, `parts_max` bounds the number of parts. */
ES_CHECK enum es_code multipart_open(const char *content_type, size_t parts_max,
                                     const struct multipart_events *events, void *context,
                                     struct multipart **ret_multipart, struct es_err *reterr);

/* The next bytes of the body. ES_INVALID: malformed (word `multipart_malformed`); ES_LIMIT: a
 * header block or name too long, or too many parts (word `multipart_too_large`); or what a callback
 * returned. After an error every further call returns the same code. */
ES_CHECK enum es_code multipart_feed(struct multipart *multipart, const void *bytes, size_t size,
                                     struct es_err *reterr);

/* The body is over: ES_INVALID where it ended before its closing delimiter. */
ES_CHECK enum es_code multipart_finish(struct multipart *multipart, struct es_err *reterr);

void multipart_close(struct multipart *multipart);

ES_DEFINE_AUTO(multipart, multipart_close);

#endif
