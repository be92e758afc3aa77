/* Copies within the folder: hard links, since an object's bytes never change. Where the file system
 * has no link for it (another one, too many already), or another object has the name, the bytes go
 * the long way through a writer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/blob_store_fs_private.h"

#define BLOCK_BYTES (1024 * 1024)

struct copying {
    struct blob_store_fs *fs;
    const char *from, *to; /* prefixes */
    int from_fd, to_fd;    /* their folders; -1 before they are opened */
    struct es_arena arena;
};

static void release(struct copying *copying)
{
    if (copying->from_fd >= 0)
        close(copying->from_fd);
    if (copying->to_fd >= 0)
        close(copying->to_fd);
    es_arena_release(&copying->arena);
}

static enum es_code open_folder(struct copying *copying, const char *prefix, const char *name,
                                bool makes_folders, int *fd, struct es_err *reterr)
{
    const char *unused, *key = es_printf(&copying->arena, "%s%s", prefix, name);
    return *fd >= 0 ? ES_OK : fs_open_parent(copying->fs, key, makes_folders, fd, &unused, reterr);
}

static enum es_code copy_bytes(struct copying *copying, const char *name, struct es_err *reterr)
{
    struct blob_store *store = &copying->fs->base;
    es_auto(blob_reader) reader = NULL;
    es_auto(blob_writer) writer = NULL;
    enum es_code code = store->ops->open(
        store, es_printf(&copying->arena, "%s%s", copying->from, name), &reader, reterr);
    if (!code)
        code = store->ops->create(store, es_printf(&copying->arena, "%s%s", copying->to, name),
                                  &writer, reterr);
    es_auto_free char *block = es_malloc(BLOCK_BYTES);
    size_t got = 1;
    for (int64_t offset = 0; !code && got > 0; offset += (int64_t)got) {
        code = reader->ops->read(reader, offset, block, BLOCK_BYTES, &got, reterr);
        if (!code)
            code = writer->ops->write(writer, block, got, reterr);
    }
    if (code)
        return code;
    struct blob_writer *whole = es_take(writer);
    return whole->ops->commit(whole, NULL, reterr);
}

static bool is_same_file(const struct copying *copying, const char *name,
                         const struct stat *original)
{
    struct stat status;
    return fstatat(copying->to_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_dev == original->st_dev && status.st_ino == original->st_ino;
}

/* One try; ES_NOT_FOUND where the folder for it has vanished. */
static enum es_code link_one(struct copying *copying, const char *name, const struct stat *original,
                             struct es_err *reterr)
{
    enum es_code code = open_folder(copying, copying->to, name, true, &copying->to_fd, reterr);
    if (code)
        return code;
    if (linkat(copying->from_fd, name, copying->to_fd, name, 0) == 0)
        return ES_OK;
    switch (errno) {
    case EXDEV:
    case EMLINK:
    case EPERM:
        return copy_bytes(copying, name, reterr);
    case EEXIST:
        return is_same_file(copying, name, original) ? ES_OK : copy_bytes(copying, name, reterr);
    default:
        return fs_fail(reterr, errno, "cannot link", name);
    }
}

static enum es_code copy_one(struct copying *copying, const char *name, int64_t *ret_size_bytes,
                             struct es_err *reterr)
{
    for (int tries = 0; tries < FS_TRIES_MAX; tries++) {
        struct stat status;
        enum es_code code =
            open_folder(copying, copying->from, name, false, &copying->from_fd, reterr);
        if (code)
            return code;
        if (fstatat(copying->from_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(status.st_mode))
            return fs_missing(reterr, name);
        *ret_size_bytes = status.st_size;
        code = link_one(copying, name, &status, reterr);
        if (code != ES_NOT_FOUND)
            return code;
        if (copying->to_fd >= 0)
            close(copying->to_fd);
        copying->to_fd = -1;
    }
    return es_fail(reterr, ES_IO, "the folder '%s' vanishes again and again", copying->to);
}

enum es_code fs_copy(struct blob_store *store, const char *from, const char *to,
                     const char *const *names, size_t count, int64_t *ret_size_bytes,
                     struct es_err *reterr)
{
    __attribute__((cleanup(release))) struct copying copying = {
        .fs = (struct blob_store_fs *)store, .from = from, .to = to, .from_fd = -1, .to_fd = -1
    };
    int64_t total = 0;
    enum es_code code = blob_copy_check(from, to, names, count, reterr);
    for (size_t i = 0; !code && i < count; i++) {
        int64_t size = 0;
        code = copy_one(&copying, names[i], &size, reterr);
        total += size;
    }
    if (code)
        return code;
    if (count > 0 && fs_sync(copying.fs, copying.to_fd) < 0)
        return fs_fail(reterr, errno, "cannot sync the folder", to);
    *ret_size_bytes = total;
    return ES_OK;
}
