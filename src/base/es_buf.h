/* A growable run of bytes on the heap. `bytes` is always followed by a zero byte once anything was
 * appended, so that text can be used as a C string. Not thread-safe. */
#ifndef ES_BUF_H
#define ES_BUF_H

#include <stddef.h>

#include "base/es_error.h"

struct es_buf {
    char *bytes; /* NULL while empty */
    size_t size;
    size_t capacity;
};

/* `{ 0 }` is a valid empty buffer. */
void es_buf_release(struct es_buf *buf);
void es_buf_clear(struct es_buf *buf); /* keeps the memory */
void es_buf_reserve(struct es_buf *buf, size_t extra_bytes);
void es_buf_append(struct es_buf *buf, const void *bytes, size_t size);
void es_buf_append_text(struct es_buf *buf, const char *text);
void es_buf_append_char(struct es_buf *buf, char character);
void es_buf_printf(struct es_buf *buf, const char *format, ...) ES_PRINTF(2, 3);
/* Drops `size` bytes (at most all) from the front. */
void es_buf_consume(struct es_buf *buf, size_t size);
/* The text so far; "" where nothing was appended. */
const char *es_buf_text(const struct es_buf *buf);

#define es_auto_buf __attribute__((cleanup(es_buf_release))) struct es_buf

#endif
