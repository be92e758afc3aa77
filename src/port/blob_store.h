/* Objects: bytes under a key, written once as a whole and never changed in part; one that takes
 * long to come may be read while it grows. Thread-safe; a reader or writer belongs to one thread at
 * a time. Every function blocks and may fail with ES_UNAVAILABLE or ES_IO besides what its comment
 * says. A full disk is ES_LIMIT storage_full. */
#ifndef BLOB_STORE_H
#define BLOB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_error.h"

#define BLOB_KEY_BYTES_MAX     512
#define BLOB_SEGMENT_BYTES_MAX 255 /* what file systems take as one name */
#define BLOB_ETAG_SIZE         80

struct blob_info {
    int64_t size_bytes;
    int64_t modified_at_ms;
    char etag[BLOB_ETAG_SIZE]; /* without quotes; another one whenever the bytes are others */
};

struct blob_reader;
struct blob_writer;
struct blob_store;

struct blob_reader_ops {
    /* Up to `size` bytes at `offset`, fewer only at the end; of a growing object, at the end of
     * what there is of it. */
    enum es_code (*read)(struct blob_reader *reader, int64_t offset, void *ret_bytes, size_t size,
                         size_t *ret_size, struct es_err *reterr);
    /* Sets `info` and `is_growing` to how a growing object stands now; one that is whole stays as
     * it is. ES_CANCELLED: its writer gave it up. */
    enum es_code (*look)(struct blob_reader *reader, struct es_err *reterr);
    void (*close)(struct blob_reader *reader);
};

struct blob_reader {
    const struct blob_reader_ops *ops;
    struct blob_info info; /* of a growing object: what there was of it at the last look */
    bool is_growing;       /* more may come, or nothing of it may remain */
    int fd; /* a descriptor with the same bytes, owned by the reader, or -1; -1 while it grows */
};

struct blob_writer_ops {
    enum es_code (*write)(struct blob_writer *writer, const void *bytes, size_t size,
                          struct es_err *reterr);
    /* Makes the object appear, whole and lasting, in place of one of the same key; the writer is
     * gone afterwards, on failure too (then nothing appears). `ret_info` may be NULL. */
    enum es_code (*commit)(struct blob_writer *writer, struct blob_info *ret_info,
                           struct es_err *reterr);
    /* Leaves nothing behind. */
    void (*abort)(struct blob_writer *writer);
};

struct blob_writer {
    const struct blob_writer_ops *ops;
    int fd; /* bytes may be written here instead of by `write` (a child does), anywhere in the file,
             * or -1; owned by the writer; readable too */
};

struct blob_store_ops {
    const char *name;
    void (*close)(struct blob_store *store);
    enum es_code (*check)(struct blob_store *store, struct es_err *reterr);

    /* ES_NOT_FOUND blob_not_found; ES_INVALID for a key that is none. */
    enum es_code (*open)(struct blob_store *store, const char *key, struct blob_reader **ret_reader,
                         struct es_err *reterr);
    enum es_code (*create)(struct blob_store *store, const char *key,
                           struct blob_writer **ret_writer, struct es_err *reterr);
    /* For what others shall read while it is being written, by `open_growing`: of one key one at a
     * time, else ES_CONFLICT. What has been written can be read soon after, not at once. It is no
     * object before its commit: nothing else finds it. */
    enum es_code (*create_growing)(struct blob_store *store, const char *key,
                                   struct blob_writer **ret_writer, struct es_err *reterr);
    /* As `open`, but finds one that grows too. Where its writer died it is not found any more, or
     * its `modified_at_ms` stays as it is. */
    enum es_code (*open_growing)(struct blob_store *store, const char *key,
                                 struct blob_reader **ret_reader, struct es_err *reterr);
    enum es_code (*stat)(struct blob_store *store, const char *key, struct blob_info *ret_info,
                         struct es_err *reterr);
    /* One that is not there is no error. */
    enum es_code (*remove)(struct blob_store *store, const char *key, struct es_err *reterr);
    /* Everything whose key begins with `prefix`, which ends in '/'; ES_INVALID for one that is
     * none. */
    enum es_code (*remove_all)(struct blob_store *store, const char *prefix, struct es_err *reterr);
    /* Each object `from`NAME becomes `to`NAME too, for each of `names`, which have no '/'; the
     * prefixes are as for remove_all. As cheaply as the store can: a link, a copy on the server.
     * Each copy appears whole and lasting, in place of what had its key, and lives on its own from
     * then on. *ret_size_bytes is their size in all. ES_NOT_FOUND blob_not_found where one is not
     * there; on a failure some of the others may have appeared. ES_INVALID for names that are none.
     */
    enum es_code (*copy)(struct blob_store *store, const char *from, const char *to,
                         const char *const *names, size_t count, int64_t *ret_size_bytes,
                         struct es_err *reterr);
    /* Keys that begin with `prefix` and come after `after` (NULL: from the first), in byte order.
     */
    enum es_code (*list)(struct blob_store *store, const char *prefix, const char *after,
                         size_t limit, struct es_arena *arena, const char ***ret_keys,
                         size_t *ret_count, struct es_err *reterr);
};

struct blob_store {
    const struct blob_store_ops *ops; /* the first member of each backend's struct */
};

static inline void blob_store_close(struct blob_store *store)
{
    store->ops->close(store);
}

static inline void blob_reader_close(struct blob_reader *reader)
{
    reader->ops->close(reader);
}

static inline void blob_writer_abort(struct blob_writer *writer)
{
    writer->ops->abort(writer);
}

ES_DEFINE_AUTO(blob_store, blob_store_close);
ES_DEFINE_AUTO(blob_reader, blob_reader_close);
ES_DEFINE_AUTO(blob_writer, blob_writer_abort);

/* Letters, digits, '.', '_', '-' in one or more segments between single '/', none of them "." or
 * ".." or longer than BLOB_SEGMENT_BYTES_MAX; at most BLOB_KEY_BYTES_MAX bytes. */
bool blob_key_is_valid(const char *key);

/* A key that would be valid, and '/' after it: what `remove_all` takes. */
bool blob_prefix_is_valid(const char *prefix);

/* What every backend's `copy` refuses: ES_INVALID. */
ES_CHECK enum es_code blob_copy_check(const char *from, const char *to, const char *const *names,
                                      size_t count, struct es_err *reterr);

#endif
