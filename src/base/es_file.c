/* Plain POSIX calls with their retries. */
#include "base/es_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/es_auto.h"
#include "base/es_id.h"

enum es_code es_write_all(int fd, const void *bytes, size_t size, struct es_err *reterr)
{
    const char *cursor = bytes;
    while (size > 0) {
        ssize_t written = write(fd, cursor, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return es_fail_errno(reterr, errno, "cannot write");
        cursor += written;
        size -= (size_t)written;
    }
    return ES_OK;
}

enum es_code es_pread_all(int fd, void *ret_bytes, size_t size, int64_t offset, size_t *ret_size,
                          struct es_err *reterr)
{
    size_t total = 0;
    while (total < size) {
        ssize_t got = pread(fd, (char *)ret_bytes + total, size - total, offset + (off_t)total);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return es_fail_errno(reterr, errno, "cannot read");
        if (got == 0)
            break;
        total += (size_t)got;
    }
    *ret_size = total;
    return ES_OK;
}

enum es_code es_file_read(const char *path, size_t size_max, struct es_buf *buf,
                          struct es_err *reterr)
{
    es_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return es_fail_errno(reterr, errno, "cannot open '%s'", path);
    size_t total = 0;
    for (;;) {
        char block[16384];
        size_t got;
        enum es_code code = es_pread_all(fd, block, sizeof(block), (int64_t)total, &got, reterr);
        if (code)
            return es_wrap(reterr, code, "'%s'", path);
        total += got;
        if (total > size_max)
            return es_fail(reterr, ES_LIMIT, "'%s' is larger than %zu bytes", path, size_max);
        es_buf_append(buf, block, got);
        if (got < sizeof(block))
            return ES_OK;
    }
}

static enum es_code write_synced(const char *path, const void *bytes, size_t size, mode_t mode,
                                 struct es_err *reterr)
{
    es_auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return es_fail_errno(reterr, errno, "cannot create '%s'", path);
    enum es_code code = es_write_all(fd, bytes, size, reterr);
    if (code)
        return es_wrap(reterr, code, "'%s'", path);
    if (fsync(fd) < 0)
        return es_fail_errno(reterr, errno, "cannot sync '%s'", path);
    return ES_OK;
}

enum es_code es_folder_sync(const char *path, struct es_err *reterr)
{
    es_auto_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return es_fail_errno(reterr, errno, "cannot open the folder '%s'", path);
    if (fsync(fd) < 0)
        return es_fail_errno(reterr, errno, "cannot sync the folder '%s'", path);
    return ES_OK;
}

enum es_code es_file_write(const char *path, const void *bytes, size_t size, mode_t mode,
                           struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    char id[ES_ID_SIZE];
    es_id_v4(id);
    char *aside = es_printf(&arena, "%s.%s", path, id);
    enum es_code code = write_synced(aside, bytes, size, mode, reterr);
    if (!code && rename(aside, path) < 0)
        code = es_fail_errno(reterr, errno, "cannot rename '%s' to '%s'", aside, path);
    if (code) {
        unlink(aside);
        return code;
    }
    const char *slash = strrchr(path, '/');
    const char *folder = !slash          ? "."
                         : slash == path ? "/"
                                         : es_strndup(&arena, path, (size_t)(slash - path));
    return es_folder_sync(folder, reterr);
}

enum es_code es_make_folders(const char *path, mode_t mode, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    char *partial = es_strdup(&arena, path);
    for (char *cursor = partial + 1;; cursor++) {
        char separator = *cursor;
        if (separator != '/' && separator != 0)
            continue;
        *cursor = 0;
        if (mkdir(partial, mode) < 0 && errno != EEXIST)
            return es_fail_errno(reterr, errno, "cannot make the folder '%s'", partial);
        *cursor = separator;
        if (!separator)
            return ES_OK;
    }
}
