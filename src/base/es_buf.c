/* Grows by doubling; memory comes from es_realloc, which never fails. */
#include "base/es_buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_arena.h"

#define CAPACITY_MIN 256

void es_buf_release(struct es_buf *buf)
{
    free(buf->bytes);
    *buf = (struct es_buf){ 0 };
}

void es_buf_clear(struct es_buf *buf)
{
    buf->size = 0;
    if (buf->bytes)
        buf->bytes[0] = 0;
}

void es_buf_reserve(struct es_buf *buf, size_t extra_bytes)
{
    size_t needed;
    if (__builtin_add_overflow(buf->size, extra_bytes, &needed) ||
        __builtin_add_overflow(needed, (size_t)1, &needed))
        needed = SIZE_MAX; /* es_realloc ends the process */
    if (needed <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity : CAPACITY_MIN;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    buf->bytes = es_realloc(buf->bytes, capacity);
    buf->capacity = capacity;
}

void es_buf_append(struct es_buf *buf, const void *bytes, size_t size)
{
    es_buf_reserve(buf, size);
    if (size)
        memcpy(buf->bytes + buf->size, bytes, size);
    buf->size += size;
    buf->bytes[buf->size] = 0;
}

void es_buf_append_text(struct es_buf *buf, const char *text)
{
    es_buf_append(buf, text, strlen(text));
}

void es_buf_append_char(struct es_buf *buf, char character)
{
    es_buf_append(buf, &character, 1);
}

void es_buf_printf(struct es_buf *buf, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    assert(format);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        abort(); /* a format that cannot be printed is a programmer's error */
    es_buf_reserve(buf, (size_t)length);
    vsnprintf(buf->bytes + buf->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)length;
}

void es_buf_consume(struct es_buf *buf, size_t size)
{
    if (size >= buf->size) {
        es_buf_clear(buf);
        return;
    }
    memmove(buf->bytes, buf->bytes + size, buf->size - size + 1);
    buf->size -= size;
}

const char *es_buf_text(const struct es_buf *buf)
{
    return buf->bytes ? buf->bytes : "";
}
