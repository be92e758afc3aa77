/* Small truths about text: UTF-8, prefixes, numbers, hexadecimal, JSON quoting. Pure and
 * thread-safe. */
#ifndef ES_TEXT_H
#define ES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_buf.h"

/* Well-formed UTF-8 of RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF. */
bool es_utf8_is_valid(const char *bytes, size_t size);

/* Code points in a valid UTF-8 text. */
size_t es_utf8_length(const char *text);

/* Whether any byte is a C0 control character or DEL. */
bool es_text_has_control(const char *text);

bool es_text_has_prefix(const char *text, const char *prefix);
bool es_text_has_suffix(const char *text, const char *suffix);
bool es_text_equals_nocase(const char *a, const char *b); /* ASCII */

/* Decimal digits only, the whole text, no sign or space; false on overflow or anything else. */
bool es_text_to_u64(const char *text, uint64_t *ret_value);
/* An optional '-' before; the same strictness. */
bool es_text_to_i64(const char *text, int64_t *ret_value);
/* A finite decimal number, the whole text. */
bool es_text_to_double(const char *text, double *ret_value);

/* Lower-case hexadecimal: `ret_text` takes 2 * size + 1 characters. */
void es_hex_encode(const void *bytes, size_t size, char *ret_text);

/* Appends `text` as a JSON string with its quotes (RFC 8259, 7). Bytes that are no UTF-8 become
 * U+FFFD. */
void es_json_quote(struct es_buf *buf, const char *text);

#endif
