/* A chain of chunks, each at least twice as large as what it must hold. Any thread, one at a time.
 */
#include "base/es_arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MIN 4096

struct es_arena_chunk {
    struct es_arena_chunk *previous;
    size_t used;
    size_t capacity;
    alignas(max_align_t) unsigned char bytes[];
};

static _Noreturn void die_of_memory(size_t size)
{
    fprintf(stderr, "espotifai: out of memory (asked for %zu bytes)\n", size);
    abort();
}

void *es_malloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        die_of_memory(size);
    return memory;
}

void *es_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size ? size : 1);
    if (!moved)
        die_of_memory(size);
    return moved;
}

char *es_strdup_heap(const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    return memcpy(es_malloc(size), text, size);
}

void es_arena_init(struct es_arena *arena)
{
    *arena = (struct es_arena){ 0 };
}

void es_arena_release(struct es_arena *arena)
{
    for (struct es_arena_chunk *chunk = arena->chunk; chunk;) {
        struct es_arena_chunk *previous = chunk->previous;
        free(chunk);
        chunk = previous;
    }
    *arena = (struct es_arena){ 0 };
}

void *es_alloc(struct es_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 4)
        die_of_memory(size);
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct es_arena_chunk *chunk = arena->chunk;
    if (!chunk || chunk->capacity - chunk->used < rounded) {
        size_t capacity = CHUNK_BYTES_MIN;
        while (capacity < 2 * rounded)
            capacity *= 2;
        chunk = es_malloc(sizeof(*chunk) + capacity);
        chunk->capacity = capacity;
        chunk->previous = arena->chunk;
        arena->chunk = chunk;
    }
    void *memory =
        chunk->bytes + chunk->used; /* zeroed: chunks come from calloc and are never reused */
    chunk->used += rounded;
    arena->total_bytes += rounded;
    return memory;
}

void *es_alloc_array(struct es_arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        die_of_memory(SIZE_MAX);
    return es_alloc(arena, total);
}

void *es_memdup(struct es_arena *arena, const void *bytes, size_t size)
{
    void *copy = es_alloc(arena, size);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

char *es_strndup(struct es_arena *arena, const char *text, size_t length)
{
    if (!text)
        return NULL;
    char *copy = es_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *es_strdup(struct es_arena *arena, const char *text)
{
    return text ? es_strndup(arena, text, strlen(text)) : NULL;
}

char *es_vprintf(struct es_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    assert(format);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        abort(); /* a format that cannot be printed is a programmer's error */
    char *text = es_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *es_printf(struct es_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = es_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}
