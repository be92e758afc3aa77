/* Reading and writing of single HTTP header values. Pure and thread-safe; results live in the arena
 * that is handed in. */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"

enum http_language { HTTP_LANGUAGE_UNSET = 0, HTTP_LANGUAGE_ES, HTTP_LANGUAGE_EN };

/* The language of Accept-Language (RFC 9110, 12.5.4; NULL: none) to answer in. Spanish, unless
 * English is preferred: a higher quality, or the same and named first. */
enum http_language http_accept_language(const char *accept_language);

/* Whether Accept (NULL: anything) takes `type`/`subtype`, such as "text/html", with a quality above
 * 0. */
bool http_accepts(const char *accept, const char *media_type);

/* "inline" or "attachment" (RFC 6266), with filename and, where it is not plain ASCII, filename*.
 * Slashes, backslashes, quotes and control characters of `filename` become '_'; NULL: no file name.
 */
char *http_content_disposition(struct es_arena *arena, bool is_attachment, const char *filename);

struct http_media_type {
    const char *type;     /* lower case "application/json", without parameters */
    const char *charset;  /* lower case, or NULL */
    const char *boundary; /* as sent, or NULL */
};

/* RFC 9110, 8.3.1. ES_INVALID: not a media type, or a parameter twice. */
ES_CHECK enum es_code http_media_type_parse(struct es_arena *arena, const char *text,
                                            struct http_media_type *ret_type,
                                            struct es_err *reterr);

/* A parameter of a header such as Content-Type or Content-Disposition, `name` in lower case:
 * unquoted, NULL where it is not there. *ret_is_valid (may be NULL) tells whether all of the
 * parameters are well formed. */
char *http_header_parameter(struct es_arena *arena, const char *text, const char *name,
                            bool *ret_is_valid);

/* The value of the first cookie of that name in a Cookie header (RFC 6265, 4.2), or NULL; a pair of
 * quotes around it is taken off. */
char *http_cookie_get(struct es_arena *arena, const char *cookie_header, const char *name);

/* Whether a list of If-Match or If-None-Match ("*", or entity tags) names `etag`. Weak comparison
 * takes W/"a" and "a" for the same; strong wants both strong. */
bool http_etag_matches(const char *list, const char *etag, bool is_weak);

/* Credentials of "Authorization: Bearer token" (RFC 6750, 2.1): the token within `authorization`,
 * or NULL where it is another scheme or not of the token's characters. */
const char *http_bearer_token(const char *authorization);

/* RFC 9110, 5.6.2: a token, as names of headers and methods are. */
bool http_token_is_valid(const char *text, size_t size);

#endif
