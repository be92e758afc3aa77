/* Metadata in a SQLite file. What has been acknowledged survives a crash of the machine (each write
 * is synced). Any number of processes may have the file open, the queue in the same file included.
 */
#ifndef META_STORE_SQLITE_H
#define META_STORE_SQLITE_H

#include "port/meta_store.h"

/* Creates the file where there is none, and brings an older one up to date. ES_CONFLICT for one
 * that a newer program has written, ES_IO, ES_UNAVAILABLE. */
ES_CHECK enum es_code meta_store_sqlite_open(const char *path, struct meta_store **ret_store,
                                             struct es_err *reterr);

#endif
