/* Where a page of a list ended, as opaque text: the last row's sort key and id, so that the next
 * page begins right after it whatever was inserted or removed meanwhile. Pure; thread-safe. */
#ifndef LIST_CURSOR_H
#define LIST_CURSOR_H

#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "base/es_id.h"

struct list_cursor {
    char order;       /* a letter that says what the list was sorted by */
    int64_t number;   /* the sort key, where it is a number */
    const char *text; /* the sort key, where it is a text; else "" */
    char id[ES_ID_SIZE];
};

const char *list_cursor_write(const struct list_cursor *cursor, struct es_arena *arena);

/* ES_INVALID cursor_invalid for what was not written so, or for another order. */
ES_CHECK enum es_code list_cursor_read(const char *text, char order, struct es_arena *arena,
                                       struct list_cursor *ret_cursor, struct es_err *reterr);

#endif
