/* Objects as files of one folder: the key is the path below it. Written aside in its "~tmp" (a name
 * that no key can have), synced, and renamed into place, so that nothing half-written is ever seen,
 * after a crash of the machine neither. Symbolic links below the folder are never followed. Any
 * number of processes may use one folder.
 *
 * A file cannot be a folder too: with an object "a", one "a/b" is refused with ES_CONFLICT, and the
 * other way round. The etag is made of the size and of the file's time, which `commit` sets to a
 * moment of its own: it survives a backup that keeps times. */
#ifndef BLOB_STORE_FS_H
#define BLOB_STORE_FS_H

#include "port/blob_store.h"

/* Makes the folder where there is none, and removes what crashed writers left in "~tmp"; those of
 * living processes stay. ES_IO. */
ES_CHECK enum es_code blob_store_fs_open(const char *folder, struct blob_store **ret_store,
                                         struct es_err *reterr);

/* The same without waiting for the disk: for objects that nobody would look for after a crash of
 * the machine. */
ES_CHECK enum es_code blob_store_fs_open_fleeting(const char *folder, struct blob_store **ret_store,
                                                  struct es_err *reterr);

#endif
