/* Scoped handles (systemd's model). ES_DEFINE_AUTO(noun, closer) teaches the compiler to call
 * `closer(noun *)` when a variable declared `es_auto(noun) x = ...;` goes out of scope; es_take
 * hands it on. Values: es_auto_fd, es_auto_free, es_auto_arena. */
#ifndef ES_AUTO_H
#define ES_AUTO_H

#include <stdlib.h>
#include <unistd.h>

#include "base/es_arena.h"

/* For `struct noun *` closed by `closer(struct noun *)`; NULL is left alone. */
#define ES_DEFINE_AUTO(noun, closer)                                                               \
    static inline void es_auto_close_##noun(struct noun **handle)                                  \
    {                                                                                              \
        if (*handle)                                                                               \
            closer(*handle);                                                                       \
    }                                                                                              \
    struct es_auto_swallow_semicolon

#define es_auto(noun) __attribute__((cleanup(es_auto_close_##noun))) struct noun *

/* Gives up the handle: evaluates to it and leaves NULL behind. */
#define es_take(handle)                                                                            \
    __extension__({                                                                                \
        __auto_type es_taken_ = (handle);                                                          \
        (handle) = NULL;                                                                           \
        es_taken_;                                                                                 \
    })

static inline void es_auto_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define es_auto_fd __attribute__((cleanup(es_auto_close_fd))) int

static inline int es_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void es_auto_free_pointer(void *pointer)
{
    free(*(void **)pointer);
}
#define es_auto_free __attribute__((cleanup(es_auto_free_pointer)))

/* `es_auto_arena arena = { 0 };` */
#define es_auto_arena __attribute__((cleanup(es_arena_release))) struct es_arena

#endif
