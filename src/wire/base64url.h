/* base64url without padding (RFC 4648, 5; as JOSE uses it). Pure. */
#ifndef BASE64URL_H
#define BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_arena.h"

char *base64url_encode(const void *bytes, size_t size, struct es_arena *arena);

/* False for anything but what encode writes: other characters, padding, bits left over in the last one. */
bool base64url_decode(const char *text, struct es_arena *arena, unsigned char **ret_bytes,
                      size_t *ret_size);

#endif
