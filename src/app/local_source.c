/* Delegates all but reading the one key. */
#include "app/local_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/es_file.h"

struct local_store {
    struct blob_store base;
    struct blob_store *beneath;
    char *path;
};

static enum es_code read_at(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                            size_t size, size_t *ret_size, struct es_err *reterr)
{
    return es_pread_all(reader->fd, ret_bytes, size, offset, ret_size, reterr);
}

static void close_reader(struct blob_reader *reader)
{
    close(reader->fd);
    free(reader);
}

static enum es_code look(struct blob_reader *reader, struct es_err *reterr)
{
    (void)reader, (void)reterr; /* a file that is there is whole */
    return ES_OK;
}

static const struct blob_reader_ops reader_ops = {
    .read = read_at,
    .look = look,
    .close = close_reader,
};

enum es_code local_source_reader(const char *path, struct blob_reader **ret_reader,
                                 struct es_err *reterr)
{
    es_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return es_fail_errno(reterr, errno, "cannot open '%s'", path);
    if (S_ISDIR(status.st_mode))
        return es_fail(reterr, ES_INVALID, "'%s' is a folder", path);
    if (!S_ISREG(status.st_mode))
        return es_fail(reterr, ES_INVALID, "'%s' is not a regular file", path);
    struct blob_reader *reader = es_malloc(sizeof(*reader));
    reader->ops = &reader_ops;
    reader->fd = es_take_fd(&fd);
    reader->info.size_bytes = status.st_size;
    reader->info.modified_at_ms = (int64_t)status.st_mtim.tv_sec * 1000;
    snprintf(reader->info.etag, sizeof(reader->info.etag), "%llx-%llx",
             (unsigned long long)status.st_ino, (unsigned long long)status.st_mtim.tv_nsec);
    *ret_reader = reader;
    return ES_OK;
}

static struct blob_store *beneath(struct blob_store *store)
{
    return ((struct local_store *)store)->beneath;
}

static void close_store(struct blob_store *store)
{
    struct local_store *local = (struct local_store *)store;
    blob_store_close(local->beneath);
    free(local->path);
    free(local);
}

static enum es_code check(struct blob_store *store, struct es_err *reterr)
{
    return beneath(store)->ops->check(beneath(store), reterr);
}

static enum es_code open_blob(struct blob_store *store, const char *key,
                              struct blob_reader **ret_reader, struct es_err *reterr)
{
    if (strcmp(key, LOCAL_SOURCE_KEY) == 0)
        return local_source_reader(((struct local_store *)store)->path, ret_reader, reterr);
    return beneath(store)->ops->open(beneath(store), key, ret_reader, reterr);
}

static enum es_code create(struct blob_store *store, const char *key,
                           struct blob_writer **ret_writer, struct es_err *reterr)
{
    return beneath(store)->ops->create(beneath(store), key, ret_writer, reterr);
}

static enum es_code create_growing(struct blob_store *store, const char *key,
                                   struct blob_writer **ret_writer, struct es_err *reterr)
{
    return beneath(store)->ops->create_growing(beneath(store), key, ret_writer, reterr);
}

static enum es_code open_growing(struct blob_store *store, const char *key,
                                 struct blob_reader **ret_reader, struct es_err *reterr)
{
    if (strcmp(key, LOCAL_SOURCE_KEY) == 0)
        return local_source_reader(((struct local_store *)store)->path, ret_reader, reterr);
    return beneath(store)->ops->open_growing(beneath(store), key, ret_reader, reterr);
}

static enum es_code stat_blob(struct blob_store *store, const char *key, struct blob_info *ret_info,
                              struct es_err *reterr)
{
    return beneath(store)->ops->stat(beneath(store), key, ret_info, reterr);
}

static enum es_code remove_blob(struct blob_store *store, const char *key, struct es_err *reterr)
{
    return beneath(store)->ops->remove(beneath(store), key, reterr);
}

static enum es_code remove_all(struct blob_store *store, const char *prefix, struct es_err *reterr)
{
    return beneath(store)->ops->remove_all(beneath(store), prefix, reterr);
}

static enum es_code copy(struct blob_store *store, const char *from, const char *to,
                         const char *const *names, size_t count, int64_t *ret_size_bytes,
                         struct es_err *reterr)
{
    return beneath(store)->ops->copy(beneath(store), from, to, names, count, ret_size_bytes,
                                     reterr);
}

static enum es_code list(struct blob_store *store, const char *prefix, const char *after,
                         size_t limit, struct es_arena *arena, const char ***ret_keys,
                         size_t *ret_count, struct es_err *reterr)
{
    return beneath(store)->ops->list(beneath(store), prefix, after, limit, arena, ret_keys,
                                     ret_count, reterr);
}

static const struct blob_store_ops ops = {
    .name = "local",
    .close = close_store,
    .check = check,
    .open = open_blob,
    .create = create,
    .create_growing = create_growing,
    .open_growing = open_growing,
    .stat = stat_blob,
    .remove = remove_blob,
    .remove_all = remove_all,
    .copy = copy,
    .list = list,
};

enum es_code local_source_open(const char *path, struct blob_store *beneath_store,
                               struct blob_store **ret_store, struct es_err *reterr)
{
    es_auto(blob_store) owned = beneath_store;
    struct blob_reader *reader;
    enum es_code code = local_source_reader(path, &reader, reterr);
    if (code)
        return code;
    blob_reader_close(reader);
    struct local_store *store = es_malloc(sizeof(*store));
    store->base.ops = &ops;
    store->beneath = es_take(owned);
    store->path = es_strdup_heap(path);
    *ret_store = &store->base;
    return ES_OK;
}
