/* base64url without padding (RFC 4648, 5; as JOSE uses it). Pure. */
#ifndef BASE64URL_H
#define BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_arena.h"

#define BASE64URL_TEXT_BYTES_MAX (16 * 1024 * 1024)

/* At most three quarters of BASE64URL_TEXT_BYTES_MAX. */
char *base64url_encode(const void *bytes, size_t size, struct es_arena *arena);

/* False for anything but what encode writes, or longer than BASE64URL_TEXT_BYTES_MAX: other
 * characters, padding, bits left over in the last one. */
bool base64url_decode(const char *text, struct es_arena *arena, unsigned char **ret_bytes,
                      size_t *ret_size);

#endif
