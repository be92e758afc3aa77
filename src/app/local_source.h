/* A blob store in which one key is a file of the user's, read where it lies; everything else is
 * another store's. So a conversion without a server copies no source. */
#ifndef LOCAL_SOURCE_H
#define LOCAL_SOURCE_H

#include "port/blob_store.h"

#define LOCAL_SOURCE_KEY "source"

/* ES_NOT_FOUND, ES_IO; ES_INVALID for what is no regular file. */
ES_CHECK enum es_code local_source_reader(const char *path, struct blob_reader **ret_reader,
                                          struct es_err *reterr);

/* Takes over `beneath`, on success and failure. Errors as above. */
ES_CHECK enum es_code local_source_open(const char *path, struct blob_store *beneath,
                                        struct blob_store **ret_store, struct es_err *reterr);

#endif
