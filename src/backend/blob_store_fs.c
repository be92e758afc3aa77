/* Opening, reading, and removing one object. Writing and copying have files of their own,
 * and so have whole trees. */
#include "backend/blob_store_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/blob_store_fs_private.h"
#include "base/es_file.h"

enum es_code fs_fail(struct es_err *reterr, int error_number, const char *doing, const char *key)
{
    char text[128];
    const char *reason = strerror_r(error_number, text, sizeof(text));
    switch (error_number) {
    case ENOSPC:
    case EDQUOT:
        return es_fail_word(reterr, ES_LIMIT, "storage_full", "%s '%s': %s", doing, key, reason);
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST:
    case ELOOP:
        return es_fail(reterr, ES_CONFLICT, "%s '%s': %s", doing, key, reason);
    case ENOENT:
        return es_fail(reterr, ES_NOT_FOUND, "%s '%s': %s", doing, key, reason);
    default:
        return es_fail(reterr, ES_IO, "%s '%s': %s", doing, key, reason);
    }
}

enum es_code fs_missing(struct es_err *reterr, const char *key)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "blob_not_found", "no object '%s'", key);
}

static enum es_code check_key(const char *key, struct es_err *reterr)
{
    return blob_key_is_valid(key) ? ES_OK : es_fail(reterr, ES_INVALID, "'%s' is no key", key);
}

static int open_folder_fd(int fd, const char *name)
{
    return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

DIR *fs_open_folder(int fd, const char *name)
{
    int folder_fd = open_folder_fd(fd, name);
    if (folder_fd < 0)
        return NULL;
    DIR *folder = fdopendir(folder_fd);
    if (!folder)
        close(folder_fd);
    return folder;
}

int fs_sync(const struct blob_store_fs *fs, int fd)
{
    return fs->is_lasting ? fsync(fd) : 0;
}

/* The next folder down; made, and its name made lasting, where that is wanted. */
static int step_down(const struct blob_store_fs *fs, int fd, const char *name, bool makes_folders)
{
    int next = open_folder_fd(fd, name);
    if (next >= 0 || errno != ENOENT || !makes_folders)
        return next;
    if (mkdirat(fd, name, 0700) < 0 && errno != EEXIST)
        return -1;
    if (fs_sync(fs, fd) < 0)
        return -1;
    return open_folder_fd(fd, name);
}

enum es_code fs_open_parent(struct blob_store_fs *fs, const char *key, bool makes_folders,
                            int *ret_fd, const char **ret_name, struct es_err *reterr)
{
    es_auto_fd fd = open_folder_fd(fs->root_fd, ".");
    if (fd < 0)
        return fs_fail(reterr, errno, "cannot open the folder for", key);
    const char *segment = key;
    for (const char *slash; (slash = strchr(segment, '/')) && slash[1]; segment = slash + 1) {
        char name[BLOB_SEGMENT_BYTES_MAX + 1] = { 0 };
        memcpy(name, segment, (size_t)(slash - segment));
        int next = step_down(fs, fd, name, makes_folders);
        if (next < 0 && !makes_folders && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
            return fs_missing(reterr, key);
        if (next < 0)
            return fs_fail(reterr, errno, "cannot make the folder for", key);
        close(fd);
        fd = next;
    }
    *ret_fd = es_take_fd(&fd);
    *ret_name = segment;
    return ES_OK;
}

void fs_info(const struct stat *status, struct blob_info *ret_info)
{
    const struct timespec *time = &status->st_mtim;
    *ret_info = (struct blob_info){
        .size_bytes = status->st_size,
        .modified_at_ms = (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000,
    };
    long long time_ns = (long long)time->tv_sec * 1000000000 + time->tv_nsec;
    snprintf(ret_info->etag, sizeof(ret_info->etag), "%llx-%llx", time_ns,
             (long long)status->st_size);
}

static void store_close(struct blob_store *store)
{
    struct blob_store_fs *fs = (struct blob_store_fs *)store;
    if (fs->root_fd >= 0)
        close(fs->root_fd);
    if (fs->temp_fd >= 0)
        close(fs->temp_fd);
    free(fs);
}

static enum es_code store_check(struct blob_store *store, struct es_err *reterr)
{
    struct blob_writer *writer;
    enum es_code code = fs_create(store, "check", &writer, reterr);
    if (!code)
        blob_writer_abort(writer);
    return code;
}

static enum es_code reader_read(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                                size_t size, size_t *ret_size, struct es_err *reterr)
{
    if (offset < 0)
        return es_fail(reterr, ES_INVALID, "an offset of %lld", (long long)offset);
    return es_pread_all(reader->fd, ret_bytes, size, offset, ret_size, reterr);
}

static enum es_code reader_look(struct blob_reader *reader, struct es_err *reterr)
{
    (void)reader, (void)reterr;
    return ES_OK;
}

static void reader_close(struct blob_reader *reader)
{
    close(reader->fd);
    free(reader);
}

static const struct blob_reader_ops reader_ops = {
    .read = reader_read,
    .look = reader_look,
    .close = reader_close,
};

enum es_code fs_open(struct blob_store *store, const char *key, struct blob_reader **ret_reader,
                     struct es_err *reterr)
{
    es_auto_fd parent_fd = -1;
    const char *name;
    enum es_code code = check_key(key, reterr);
    if (!code)
        code = fs_open_parent((struct blob_store_fs *)store, key, false, &parent_fd, &name, reterr);
    if (code)
        return code;
    /* O_NONBLOCK: a pipe that somebody put there must not hold us. */
    es_auto_fd fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? fs_missing(reterr, key)
                                                 : fs_fail(reterr, errno, "cannot open", key);
    struct stat status;
    if (fstat(fd, &status) < 0)
        return fs_fail(reterr, errno, "cannot open", key);
    if (!S_ISREG(status.st_mode))
        return fs_missing(reterr, key);
    struct blob_reader *reader = es_malloc(sizeof(*reader));
    reader->ops = &reader_ops;
    fs_info(&status, &reader->info);
    reader->fd = es_take_fd(&fd);
    *ret_reader = reader;
    return ES_OK;
}

static enum es_code store_create(struct blob_store *store, const char *key,
                                 struct blob_writer **ret_writer, struct es_err *reterr)
{
    enum es_code code = check_key(key, reterr);
    return code ? code : fs_create(store, key, ret_writer, reterr);
}

static enum es_code store_create_growing(struct blob_store *store, const char *key,
                                         struct blob_writer **ret_writer, struct es_err *reterr)
{
    enum es_code code = check_key(key, reterr);
    return code ? code : fs_create_growing(store, key, ret_writer, reterr);
}

static enum es_code store_open_growing(struct blob_store *store, const char *key,
                                       struct blob_reader **ret_reader, struct es_err *reterr)
{
    enum es_code code = check_key(key, reterr);
    return code ? code : fs_open_growing(store, key, ret_reader, reterr);
}

static enum es_code store_stat(struct blob_store *store, const char *key,
                               struct blob_info *ret_info, struct es_err *reterr)
{
    es_auto_fd parent_fd = -1;
    const char *name;
    enum es_code code = check_key(key, reterr);
    if (!code)
        code = fs_open_parent((struct blob_store_fs *)store, key, false, &parent_fd, &name, reterr);
    if (code)
        return code;
    struct stat status;
    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? fs_missing(reterr, key)
                               : fs_fail(reterr, errno, "cannot look at", key);
    if (!S_ISREG(status.st_mode))
        return fs_missing(reterr, key);
    fs_info(&status, ret_info);
    return ES_OK;
}

static enum es_code store_remove(struct blob_store *store, const char *key, struct es_err *reterr)
{
    struct blob_store_fs *fs = (struct blob_store_fs *)store;
    es_auto_fd parent_fd = -1;
    const char *name;
    enum es_code code = check_key(key, reterr);
    if (code)
        return code;
    code = fs_open_parent(fs, key, false, &parent_fd, &name, reterr);
    if (code)
        return code == ES_NOT_FOUND ? ES_OK : code;
    if (unlinkat(parent_fd, name, 0) < 0)
        return errno == ENOENT || errno == EISDIR ? ES_OK
                                                  : fs_fail(reterr, errno, "cannot remove", key);
    if (fs_sync(fs, parent_fd) < 0)
        return fs_fail(reterr, errno, "cannot sync the folder of", key);
    fs_prune(fs, key);
    return ES_OK;
}

static const struct blob_store_ops fs_ops = {
    .name = "fs",
    .close = store_close,
    .check = store_check,
    .open = fs_open,
    .create = store_create,
    .create_growing = store_create_growing,
    .open_growing = store_open_growing,
    .stat = store_stat,
    .remove = store_remove,
    .remove_all = fs_remove_all,
    .copy = fs_copy,
    .list = fs_list,
};

static enum es_code open_store(const char *folder, bool is_lasting, struct blob_store **ret_store,
                               struct es_err *reterr)
{
    enum es_code code = es_make_folders(folder, 0700, reterr);
    if (code)
        return code;
    struct blob_store_fs *fs = es_malloc(sizeof(*fs));
    es_auto(blob_store) store = &fs->base;
    store->ops = &fs_ops;
    fs->is_lasting = is_lasting;
    fs->temp_fd = -1;
    fs->root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fs->root_fd < 0)
        return fs_fail(reterr, errno, "cannot open the folder", folder);
    fs->temp_fd = step_down(fs, fs->root_fd, FS_TEMP_FOLDER, true);
    if (fs->temp_fd < 0)
        return fs_fail(reterr, errno, "cannot make the folder '" FS_TEMP_FOLDER "' in", folder);
    code = fs_clean_temp(fs, reterr);
    if (code)
        return code;
    *ret_store = es_take(store);
    return ES_OK;
}

enum es_code blob_store_fs_open(const char *folder, struct blob_store **ret_store,
                                struct es_err *reterr)
{
    return open_store(folder, true, ret_store, reterr);
}

enum es_code blob_store_fs_open_fleeting(const char *folder, struct blob_store **ret_store,
                                         struct es_err *reterr)
{
    return open_store(folder, false, ret_store, reterr);
}
