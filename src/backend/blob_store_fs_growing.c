/* Reading what is still being written. A growing object is the writer's own file in "~tmp", under a
 * name that is made of its key; a commit moves the file and an abort unlinks it, and who has it
 * open sees both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/blob_store_fs_private.h"
#include "base/es_file.h"
#include "base/es_text.h"
#include "wire/sha256.h"

#define GROWING_PREFIX "growing-"

struct growing_reader {
    struct blob_reader base;
    struct blob_store_fs *fs;
    char *key;
    int file_fd;
};

void fs_growing_name(const char *key, char ret_name[static FS_TEMP_NAME_SIZE])
{
    /* A key may be longer than a name. */
    es_auto(sha256) sum = sha256_open();
    char digest[SHA256_HEX_SIZE];
    sha256_add(sum, key, strlen(key));
    sha256_finish_hex(sum, digest);
    snprintf(ret_name, FS_TEMP_NAME_SIZE, GROWING_PREFIX "%s", digest);
}

bool fs_is_growing_name(const char *name)
{
    return es_text_has_prefix(name, GROWING_PREFIX);
}

static enum es_code growing_read(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                                 size_t size, size_t *ret_size, struct es_err *reterr)
{
    if (offset < 0)
        return es_fail(reterr, ES_INVALID, "an offset of %lld", (long long)offset);
    return es_pread_all(((struct growing_reader *)reader)->file_fd, ret_bytes, size, offset,
                        ret_size, reterr);
}

/* Whether the object under the key is our file. */
static bool is_in_place(const struct growing_reader *growing, const struct stat *own)
{
    es_auto_fd parent_fd = -1;
    const char *name;
    struct stat status;
    return fs_open_parent(growing->fs, growing->key, false, &parent_fd, &name, NULL) == ES_OK &&
           fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_ino == own->st_ino && status.st_dev == own->st_dev;
}

static enum es_code growing_look(struct blob_reader *reader, struct es_err *reterr)
{
    struct growing_reader *growing = (struct growing_reader *)reader;
    struct stat status;
    if (!reader->is_growing)
        return ES_OK;
    if (fstat(growing->file_fd, &status) < 0)
        return fs_fail(reterr, errno, "cannot look at", growing->key);
    /* The size is read after the place: what is in place does not grow any more. */
    reader->is_growing = !is_in_place(growing, &status);
    if (fstat(growing->file_fd, &status) < 0)
        return fs_fail(reterr, errno, "cannot look at", growing->key);
    if (reader->is_growing && status.st_nlink == 0)
        return es_fail(reterr, ES_CANCELLED, "the writer of '%s' gave it up", growing->key);
    fs_info(&status, &reader->info);
    return ES_OK;
}

static void growing_close(struct blob_reader *reader)
{
    struct growing_reader *growing = (struct growing_reader *)reader;
    close(growing->file_fd);
    free(growing->key);
    free(growing);
}

static const struct blob_reader_ops growing_ops = {
    .read = growing_read,
    .look = growing_look,
    .close = growing_close,
};

enum es_code fs_open_growing(struct blob_store *store, const char *key,
                             struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct blob_store_fs *fs = (struct blob_store_fs *)store;
    char name[FS_TEMP_NAME_SIZE];
    fs_growing_name(key, name);
    es_auto_fd fd = openat(fs->temp_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) /* not begun, or whole by now */
        return fs_open(store, key, ret_reader, reterr);
    if (fd < 0)
        return fs_fail(reterr, errno, "cannot open", key);
    struct growing_reader *growing = es_malloc(sizeof(*growing));
    *growing = (struct growing_reader){
        .base = { .ops = &growing_ops, .is_growing = true, .fd = -1 },
        .fs = fs,
        .key = es_strdup_heap(key),
        .file_fd = es_take_fd(&fd),
    };
    es_auto(blob_reader) reader = &growing->base;
    enum es_code code = growing_look(reader, reterr);
    if (code == ES_CANCELLED)
        return fs_missing(reterr, key);
    if (code == ES_OK)
        *ret_reader = es_take(reader);
    return code;
}
