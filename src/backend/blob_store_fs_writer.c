/* Writing aside and renaming. A file in "~tmp" is locked by its writer (flock, which ends with the
 * last descriptor), so that an opening store can tell what a crash left behind from what is being
 * written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/blob_store_fs_private.h"
#include "base/es_id.h"

struct fs_writer {
    struct blob_writer base;
    struct blob_store_fs *fs;
    char *key;
    char name[FS_TEMP_NAME_SIZE]; /* in "~tmp" */
};

static enum es_code writer_write(struct blob_writer *writer, const void *bytes, size_t size,
                                 struct es_err *reterr)
{
    const char *cursor = bytes;
    while (size > 0) {
        ssize_t written = write(writer->fd, cursor, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fs_fail(reterr, errno, "cannot write", ((struct fs_writer *)writer)->key);
        cursor += written;
        size -= (size_t)written;
    }
    return ES_OK;
}

static void writer_free(struct fs_writer *writer)
{
    close(writer->base.fd);
    free(writer->key);
    free(writer);
}

static void writer_abort(struct blob_writer *writer)
{
    struct fs_writer *fs_writer = (struct fs_writer *)writer;
    unlinkat(fs_writer->fs->temp_fd, fs_writer->name, 0);
    writer_free(fs_writer);
}

/* A moment that no other object of this process has, since etags are made of it. */
static struct timespec own_moment(struct blob_store_fs *fs)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long time_ns = (long long)now.tv_sec * 1000000000 + now.tv_nsec;
    long long last_ns = atomic_load(&fs->last_time_ns), mine_ns;
    do
        mine_ns = time_ns > last_ns ? time_ns : last_ns + 1;
    while (!atomic_compare_exchange_weak(&fs->last_time_ns, &last_ns, mine_ns));
    return (struct timespec){ .tv_sec = mine_ns / 1000000000, .tv_nsec = mine_ns % 1000000000 };
}

static enum es_code make_lasting(struct fs_writer *writer, struct stat *ret_status,
                                 struct es_err *reterr)
{
    struct timespec moment = own_moment(writer->fs);
    if (futimens(writer->base.fd, (struct timespec[]){ moment, moment }) < 0 ||
        fs_sync(writer->fs, writer->base.fd) < 0 || fstat(writer->base.fd, ret_status) < 0)
        return fs_fail(reterr, errno, "cannot finish", writer->key);
    return ES_OK;
}

static enum es_code try_rename(struct fs_writer *writer, struct es_err *reterr)
{
    es_auto_fd parent_fd = -1;
    const char *name;
    enum es_code code = fs_open_parent(writer->fs, writer->key, true, &parent_fd, &name, reterr);
    if (code)
        return code;
    if (renameat(writer->fs->temp_fd, writer->name, parent_fd, name) < 0)
        return fs_fail(reterr, errno, "cannot rename into place", writer->key);
    if (fs_sync(writer->fs, parent_fd) < 0)
        return fs_fail(reterr, errno, "cannot sync the folder of", writer->key);
    return ES_OK;
}

static enum es_code rename_into_place(struct fs_writer *writer, struct es_err *reterr)
{
    for (int tries = 0; tries < FS_TRIES_MAX; tries++) {
        enum es_code code = try_rename(writer, reterr);
        if (code != ES_NOT_FOUND)
            return code;
    }
    return es_fail(reterr, ES_IO, "the folder of '%s' vanishes again and again", writer->key);
}

static enum es_code writer_commit(struct blob_writer *writer, struct blob_info *ret_info,
                                  struct es_err *reterr)
{
    struct fs_writer *fs_writer = (struct fs_writer *)writer;
    struct stat status;
    enum es_code code = make_lasting(fs_writer, &status, reterr);
    if (!code)
        code = rename_into_place(fs_writer, reterr);
    if (code) {
        writer_abort(writer);
        return code;
    }
    if (ret_info)
        fs_info(&status, ret_info);
    writer_free(fs_writer);
    return ES_OK;
}

static const struct blob_writer_ops writer_ops = {
    .write = writer_write,
    .commit = writer_commit,
    .abort = writer_abort,
};

/* `name` NULL: any that is free. */
static enum es_code create_named(struct blob_store *store, const char *key, const char *name,
                                 struct blob_writer **ret_writer, struct es_err *reterr)
{
    struct blob_store_fs *fs = (struct blob_store_fs *)store;
    struct fs_writer *writer = es_malloc(sizeof(*writer));
    *writer = (struct fs_writer){ .base = { .ops = &writer_ops }, .fs = fs };
    struct stat status;
    do {
        if (name)
            snprintf(writer->name, sizeof(writer->name), "%s", name);
        else
            es_id_v4(writer->name);
        es_auto_fd fd = openat(fs->temp_fd, writer->name,
                               O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &status) < 0) {
            int error_number = errno;
            if (fd >= 0)
                unlinkat(fs->temp_fd, writer->name, 0);
            free(writer);
            return fs_fail(reterr, error_number, "cannot create", key);
        }
        if (status.st_nlink > 0)
            writer->base.fd = es_take_fd(&fd);
        /* Else a store that opened just now took it for a leftover, before it was locked. */
    } while (status.st_nlink == 0);
    writer->key = es_strdup_heap(key);
    *ret_writer = &writer->base;
    return ES_OK;
}

enum es_code fs_create(struct blob_store *store, const char *key, struct blob_writer **ret_writer,
                       struct es_err *reterr)
{
    return create_named(store, key, NULL, ret_writer, reterr);
}

enum es_code fs_create_growing(struct blob_store *store, const char *key,
                               struct blob_writer **ret_writer, struct es_err *reterr)
{
    char name[FS_TEMP_NAME_SIZE];
    fs_growing_name(key, name);
    return create_named(store, key, name, ret_writer, reterr);
}

enum es_code fs_clean_temp(struct blob_store_fs *fs, struct es_err *reterr)
{
    fs_auto_folder *folder = fs_open_folder(fs->temp_fd, ".");
    if (!folder)
        return fs_fail(reterr, errno, "cannot read", FS_TEMP_FOLDER);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!es_id_is_valid(entry->d_name) && !fs_is_growing_name(entry->d_name))
            continue;
        es_auto_fd fd = openat(fs->temp_fd, entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
            unlinkat(fs->temp_fd, entry->d_name, 0) < 0 && errno != ENOENT)
            return fs_fail(reterr, errno, "cannot remove a leftover in", FS_TEMP_FOLDER);
    }
    return ES_OK;
}
