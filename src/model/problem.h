/* Every reason that a client can be told, once: its machine word, the HTTP status it goes with, and
 * its texts. A word that is none of these is a programmer's error. Constant; thread-safe. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include <stddef.h>

#include "base/es_error.h"

enum language { LANGUAGE_SPANISH = 0, LANGUAGE_ENGLISH }; /* Spanish is what the reference speaks */

struct problem {
    const char *word;
    int status; /* HTTP */
    const char
        *texts[2]; /* by enum language; a full sentence that says what to do where that helps */
};

/* The problem of that word; NULL for none. */
const struct problem *problem_find(const char *word);

/* The problem that an error stands for: by its word, or else by its code. Never NULL. */
const struct problem *problem_of(enum es_code code, const char *word);

/* For tests that hold the table against the documentation. */
size_t problem_count(void);
const struct problem *problem_at(size_t index);

#endif
