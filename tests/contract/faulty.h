/* Backends that fail on demand: each wraps another one, which it owns and closes. For tests of what
 * stands above the ports. `faults` must outlive the wrapper. `check` fails like any other
 * operation; waits never do. */
#ifndef FAULTY_H
#define FAULTY_H

#include "faults.h"
#include "port/blob_store.h"
#include "port/job_queue.h"
#include "port/meta_store.h"

struct meta_store *meta_store_faulty(struct meta_store *inner, struct faults *faults);
struct job_queue *job_queue_faulty(struct job_queue *inner, struct faults *faults);
/* Operations of readers and writers count too: "read", "write", "commit". A commit that fails
 * leaves nothing, as the port says, unless it is done anyway. */
struct blob_store *blob_store_faulty(struct blob_store *inner, struct faults *faults);

/* The body of a wrapped operation. */
#define FAULTY_CALL(wrapper, operation, ...)                                                       \
    do {                                                                                           \
        struct fault fault_ = faults_next((wrapper)->faults, #operation);                          \
        if (fault_.code && !fault_.is_done_anyway)                                                 \
            return faults_fail(&fault_, #operation, reterr);                                       \
        enum es_code code_ = (wrapper)->inner->ops->operation((wrapper)->inner, __VA_ARGS__);      \
        return fault_.code && !code_ ? faults_fail(&fault_, #operation, reterr) : code_;           \
    } while (0)

#endif
