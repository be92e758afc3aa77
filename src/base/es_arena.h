/* Memory that dies together. A request or a job owns one arena; whatever it makes along the way
 * lives there and is freed in one call. Not thread-safe: one arena belongs to one thread at a time.
 * Allocation never returns NULL: when the system has no memory left the process ends with a clear
 * line, since none of our callers could go on (leases and write-aside files make that safe). */
#ifndef ES_ARENA_H
#define ES_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/es_error.h"

struct es_arena_chunk;

struct es_arena {
    struct es_arena_chunk *chunk; /* the newest; private */
    size_t total_bytes;           /* handed out so far */
};

/* `{ 0 }` is a valid empty arena as well. */
void es_arena_init(struct es_arena *arena);
void es_arena_release(struct es_arena *arena);

/* `size` zeroed bytes, aligned for any type. A size of 0 gives a pointer that must not be read. */
void *es_alloc(struct es_arena *arena, size_t size) __attribute__((malloc, returns_nonnull));

/* `count` zeroed elements of `size` bytes; an overflow of the product ends the process. */
void *es_alloc_array(struct es_arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));

/* Copies; a NULL `text` gives NULL. */
char *es_strdup(struct es_arena *arena, const char *text);
char *es_strndup(struct es_arena *arena, const char *text, size_t length);
void *es_memdup(struct es_arena *arena, const void *bytes, size_t size);

char *es_printf(struct es_arena *arena, const char *format, ...) ES_PRINTF(2, 3);
char *es_vprintf(struct es_arena *arena, const char *format, va_list arguments) ES_PRINTF(2, 0);

#define es_new(arena, type)              ((type *)es_alloc((arena), sizeof(type)))
#define es_new_array(arena, type, count) ((type *)es_alloc_array((arena), (count), sizeof(type)))

/* malloc for what outlives every arena: never NULL, zeroed, freed with free(). */
void *es_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *es_realloc(void *memory, size_t size) __attribute__((returns_nonnull));
char *es_strdup_heap(const char *text);

#endif
