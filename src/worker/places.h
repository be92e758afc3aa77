/* How many parts may run at once. A part that waits for its source lends its place to another, and
 * takes it back when it goes on: for a moment then one more may run, and no new one begins. */
#ifndef PLACES_H
#define PLACES_H

#include <stdbool.h>
#include <stddef.h>

struct places;

/* `count` places, and at most `lent_max` lent at a time. Never NULL. */
struct places *places_open(size_t count, size_t lent_max);
void places_close(struct places *places);

/* Waits for a place; false once `places_end` was called. Thread-safe, as all below. */
bool places_take(struct places *places);
void places_give(struct places *places);

/* False where too many are lent already. */
bool places_lend(struct places *places);
void places_take_back(struct places *places);

/* Nobody gets a place any more. */
void places_end(struct places *places);

#endif
