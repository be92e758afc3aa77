/* How many parts may run at once. One whose source is still arriving lends its place to another
 * while it waits, and takes it back when it goes on: for a moment then one more may run, and no new
 * one begins. So that there are always threads for the others, and memory, only so many such parts
 * are admitted. */
#ifndef PLACES_H
#define PLACES_H

#include <stdbool.h>
#include <stddef.h>

struct places;

/* `count` places, for `arriving_max` parts at most whose sources are still arriving. Never NULL. */
struct places *places_open(size_t count, size_t arriving_max);
void places_close(struct places *places);

/* Waits for a place; false once `places_end` was called. Thread-safe, as all below. */
bool places_take(struct places *places);
void places_give(struct places *places);

/* Before a part begins whose source is still arriving: false where there are too many already. */
bool places_admit(struct places *places);
void places_dismiss(struct places *places);

/* Of who was admitted. */
void places_lend(struct places *places);
void places_take_back(struct places *places);

/* Nobody gets a place any more. */
void places_end(struct places *places);

#endif
