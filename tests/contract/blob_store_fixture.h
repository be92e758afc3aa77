/* What the suites of the object store share: the backends, and objects as texts. */
#ifndef BLOB_STORE_FIXTURE_H
#define BLOB_STORE_FIXTURE_H

#include "contract.h"

extern const struct opener blob_store_openers[2];

#define CALL(operation, ...)   CONTRACT_CALL(f->blobs, operation, __VA_ARGS__)
#define ANSWER(operation, ...) f->blobs->ops->operation(f->blobs, __VA_ARGS__, &f->err)

struct blob_info put(struct fixture *f, const char *key, const char *text);
const char *read_all(struct fixture *f, struct blob_reader *reader);
const char *get(struct fixture *f, const char *key);
bool is_there(struct fixture *f, const char *key);
const char *list(struct fixture *f, const char *prefix, const char *after, size_t limit);

#endif
