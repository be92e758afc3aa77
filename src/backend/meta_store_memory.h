/* Metadata in this process's memory: the reference implementation of meta_store.h, for tests. It
 * ends with the process. */
#ifndef META_STORE_MEMORY_H
#define META_STORE_MEMORY_H

#include "port/meta_store.h"

ES_CHECK enum es_code meta_store_memory_open(struct meta_store **ret_store, struct es_err *reterr);

#endif
