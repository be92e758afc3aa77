/* Percent encoding (RFC 3986), queries and application/x-www-form-urlencoded bodies (WHATWG URL).
 * What comes out is valid UTF-8 without NUL, or nothing comes out. Pure and thread-safe. */
#ifndef URI_H
#define URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_arena.h"
#include "base/es_buf.h"
#include "base/es_error.h"

struct uri_pair {
    const char *name;
    const char *value; /* "" where there was no '=' */
};

struct uri_pairs {
    const struct uri_pair *pairs;
    size_t count;
};

/* Decodes `%XX` in `text`. ES_INVALID: a '%' without two hexadecimal digits, %00 or a NUL byte, or
 * a result that is no UTF-8. The result lives in `arena`. */
ES_CHECK enum es_code uri_decode(struct es_arena *arena, const char *text, size_t size,
                                 char **ret_text, struct es_err *reterr);

/* Splits at '&' and the first '=', decodes both sides, '+' being a space; empty pieces are left
 * out. Errors as uri_decode; ES_LIMIT for more than `count_max` pairs. All lives in `arena`. */
ES_CHECK enum es_code uri_pairs_parse(struct es_arena *arena, const char *text, size_t size,
                                      size_t count_max, struct uri_pairs *ret_pairs,
                                      struct es_err *reterr);

/* The first value of that name (case matters), or NULL. */
const char *uri_pairs_get(const struct uri_pairs *pairs, const char *name);

/* Appends `text` with everything but RFC 3986's unreserved characters (and '/' where `keep_slash`)
 * encoded. Right for a path segment and for a name or value of a query alike. */
void uri_encode(struct es_buf *buf, const char *text, bool keep_slash);

/* Whether `target` is an origin-form request target (RFC 9112, 3.2.1) of legal characters only:
 * begins with '/', no fragment, sound percent escapes, nothing outside printable ASCII. */
bool uri_target_is_valid(const char *target, size_t size);

#endif
