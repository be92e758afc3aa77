/* Enumerations and their words: one table of names each, indexed by value, NULL for the unset zero.
 */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>

/* The word of `value`; "" for one that has none. */
const char *name_of(const char *const *names, size_t count, int value);
/* The value of that word; 0 for one that is none. */
int value_of(const char *const *names, size_t count, const char *name);

#define NAME_OF(names, value) name_of((names), sizeof(names) / sizeof(*(names)), (int)(value))
#define VALUE_OF(names, name) value_of((names), sizeof(names) / sizeof(*(names)), (name))

#endif
