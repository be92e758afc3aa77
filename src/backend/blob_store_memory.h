/* Objects in this process's memory: the reference implementation of blob_store.h, for tests.
 * Readers and writers have no descriptor. */
#ifndef BLOB_STORE_MEMORY_H
#define BLOB_STORE_MEMORY_H

#include "port/blob_store.h"

ES_CHECK enum es_code blob_store_memory_open(struct blob_store **ret_store, struct es_err *reterr);

#endif
