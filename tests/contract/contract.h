/* One suite of tests for each port, run against every backend: a backend is one row in a table of
 * openers. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "../unit/test.h"

#include <stdbool.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_error.h"
#include "base/es_id.h"

/* A folder of the test's own under TMPDIR; removed with all that is in it. */
char *contract_folder_make(void);
void contract_folder_remove(char *folder);

/* Runs `run(argument, i)` in `count` threads at once and waits for all. */
void contract_race(size_t count, void (*run)(void *argument, size_t i), void *argument);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
