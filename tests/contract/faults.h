/* When a wrapped backend fails: a plan that a test sets while others call. Thread-safe. */
#ifndef FAULTS_H
#define FAULTS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/es_error.h"

struct fault {
    const char *operation; /* the ops member's name, such as "job_change"; NULL: any */
    int let_through;       /* so many calls of it go well first */
    int count;             /* so many fail then; < 0: all */
    enum es_code code;
    const char *word;    /* static storage, or NULL */
    bool is_done_anyway; /* carried out, and only the answer is lost */
};

/* `{ .lock = PTHREAD_MUTEX_INITIALIZER }`: nothing fails. */
struct faults {
    pthread_mutex_t lock;
    struct fault fault;
    int failed; /* calls so far */
};

void faults_set(struct faults *faults, const struct fault *fault);
void faults_clear(struct faults *faults);
/* How many calls have failed since `faults_set`. */
int faults_failed(struct faults *faults);

/* For the wrappers: what becomes of this call; code ES_OK: nothing special. */
struct fault faults_next(struct faults *faults, const char *operation);
enum es_code faults_fail(const struct fault *fault, const char *operation, struct es_err *reterr);

#endif
