/* Whole reads and writes over descriptors, and small files in one call. Blocking; thread-safe. */
#ifndef ES_FILE_H
#define ES_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/es_buf.h"
#include "base/es_error.h"

/* Writes all of `bytes`, going on after short writes and EINTR. ES_IO. */
ES_CHECK enum es_code es_write_all(int fd, const void *bytes, size_t size, struct es_err *reterr);

/* Reads up to `size` bytes at `offset`, less only at the end of the file. ES_IO. */
ES_CHECK enum es_code es_pread_all(int fd, void *ret_bytes, size_t size, int64_t offset,
                                   size_t *ret_size, struct es_err *reterr);

/* Appends the whole file to `buf`. ES_NOT_FOUND, ES_IO, ES_LIMIT where it is larger than
 * `size_max`. */
ES_CHECK enum es_code es_file_read(const char *path, size_t size_max, struct es_buf *buf,
                                   struct es_err *reterr);

/* Replaces the file as a whole: written aside, fsync, renamed, folder fsync. ES_IO. */
ES_CHECK enum es_code es_file_write(const char *path, const void *bytes, size_t size, mode_t mode,
                                    struct es_err *reterr);

/* mkdir -p, with `mode` for what is missing. ES_IO. */
ES_CHECK enum es_code es_make_folders(const char *path, mode_t mode, struct es_err *reterr);

/* fsync of a folder, so that a rename or unlink in it lasts. ES_IO. */
ES_CHECK enum es_code es_folder_sync(const char *path, struct es_err *reterr);

#endif
