/* Whole trees: listing in the order of keys, removing everything below a prefix, and clearing away
 * folders that have become empty. Keys are short (BLOB_KEY_BYTES_MAX), so recursion is shallow. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/blob_store_fs_private.h"
#include "base/es_buf.h"
#include "base/es_text.h"

/* How often a folder is emptied anew because others put something in meanwhile. */
#define EMPTY_TRIES_MAX 16

enum entry_kind { ENTRY_OTHER = 0, ENTRY_FILE, ENTRY_FOLDER };

static enum entry_kind entry_kind(int fd, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type == DT_REG)
        return ENTRY_FILE;
    if (entry->d_type == DT_DIR)
        return ENTRY_FOLDER;
    if (entry->d_type != DT_UNKNOWN || fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return ENTRY_OTHER;
    return S_ISREG(status.st_mode)   ? ENTRY_FILE
           : S_ISDIR(status.st_mode) ? ENTRY_FOLDER
                                     : ENTRY_OTHER;
}

static bool is_self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum es_code remove_tree(int fd, const char *name, struct es_err *reterr);

static enum es_code empty_folder(DIR *folder, struct es_err *reterr)
{
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (is_self_or_parent(entry->d_name))
            continue;
        if (entry_kind(dirfd(folder), entry) == ENTRY_FOLDER) {
            enum es_code code = remove_tree(dirfd(folder), entry->d_name, reterr);
            if (code)
                return code;
        } else if (unlinkat(dirfd(folder), entry->d_name, 0) < 0 && errno != ENOENT) {
            return fs_fail(reterr, errno, "cannot remove", entry->d_name);
        }
    }
    return ES_OK;
}

static enum es_code remove_tree(int fd, const char *name, struct es_err *reterr)
{
    fs_auto_folder *folder = fs_open_folder(fd, name);
    if (!folder)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? ES_OK
                   : fs_fail(reterr, errno, "cannot open", name);
    for (int tries = 1;; tries++) {
        enum es_code code = empty_folder(folder, reterr);
        if (code)
            return code;
        if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return ES_OK;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return fs_fail(reterr, errno, "cannot remove the folder", name);
        /* What was there is gone; what is there has come since, and goes on coming. */
        if (tries == EMPTY_TRIES_MAX)
            return ES_OK;
        rewinddir(folder);
    }
}

enum es_code fs_remove_all(struct blob_store *store, const char *prefix, struct es_err *reterr)
{
    struct blob_store_fs *fs = (struct blob_store_fs *)store;
    if (!blob_prefix_is_valid(prefix))
        return es_fail(reterr, ES_INVALID, "'%s' is no prefix", prefix);
    char path[BLOB_KEY_BYTES_MAX + 1];
    snprintf(path, sizeof(path), "%.*s", (int)strlen(prefix) - 1, prefix);
    es_auto_fd parent_fd = -1;
    const char *name;
    enum es_code code = fs_open_parent(fs, path, false, &parent_fd, &name, reterr);
    if (code)
        return code == ES_NOT_FOUND ? ES_OK : code;
    code = remove_tree(parent_fd, name, reterr);
    if (code)
        return es_wrap(reterr, code, "'%s'", prefix);
    if (fs_sync(fs, parent_fd) < 0)
        return fs_fail(reterr, errno, "cannot sync the folder of", prefix);
    fs_prune(fs, path);
    return ES_OK;
}

void fs_prune(struct blob_store_fs *fs, const char *key)
{
    char path[BLOB_KEY_BYTES_MAX + 1];
    snprintf(path, sizeof(path), "%s", key);
    for (char *slash; (slash = strrchr(path, '/'));) {
        *slash = 0;
        es_auto_fd parent_fd = -1;
        const char *name;
        if (fs_open_parent(fs, path, false, &parent_fd, &name, NULL) ||
            unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
            return;
    }
}

/* A listing under way. */
struct listing {
    const char *prefix, *after;
    size_t limit;
    struct es_arena *arena;
    struct es_buf keys; /* of const char * */
    struct es_err *reterr;
};

static bool is_full(const struct listing *listing)
{
    return listing->keys.size / sizeof(const char *) >= listing->limit;
}

static int by_name(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

/* The folder's names in the order of keys: a folder counts with its '/'. */
static enum es_code read_names(int fd, const char *folder_name, struct es_arena *arena,
                               const char ***ret_names, size_t *ret_count, struct es_err *reterr)
{
    es_auto_buf names = { 0 };
    fs_auto_folder *folder = fs_open_folder(fd, folder_name);
    *ret_count = 0;
    if (!folder)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? ES_OK
                   : fs_fail(reterr, errno, "cannot list", folder_name);
    for (struct dirent *entry; (entry = readdir(folder));) {
        enum entry_kind kind = ENTRY_OTHER;
        if (blob_key_is_valid(entry->d_name))
            kind = entry_kind(dirfd(folder), entry);
        if (kind == ENTRY_OTHER)
            continue;
        const char *name = es_printf(arena, "%s%s", entry->d_name, kind == ENTRY_FOLDER ? "/" : "");
        es_buf_append(&names, &name, sizeof(name));
    }
    if (names.size == 0)
        return ES_OK;
    *ret_count = names.size / sizeof(const char *);
    *ret_names = es_memdup(arena, names.bytes, names.size);
    qsort(*ret_names, *ret_count, sizeof(const char *), by_name);
    return ES_OK;
}

static enum es_code list_folder(struct listing *listing, int fd, const char *name,
                                const char *path);

/* One folder or file below `path`. */
static enum es_code list_entry(struct listing *listing, int folder_fd, const char *path,
                               const char *name, struct es_arena *scratch)
{
    const char *full = es_printf(scratch, "%s%s", path, name);
    const char *after = listing->after;
    if (es_text_has_suffix(name, "/")) {
        bool is_before = after && strcmp(full, after) < 0 && !es_text_has_prefix(after, full);
        if (is_before || !(es_text_has_prefix(full, listing->prefix) ||
                           es_text_has_prefix(listing->prefix, full)))
            return ES_OK;
        const char *bare = es_strndup(scratch, name, strlen(name) - 1);
        return list_folder(listing, folder_fd, bare, full);
    }
    if (!es_text_has_prefix(full, listing->prefix) || (after && strcmp(full, after) <= 0))
        return ES_OK;
    const char *key = es_strdup(listing->arena, full);
    es_buf_append(&listing->keys, &key, sizeof(key));
    return ES_OK;
}

/* `path` is the folder's own, with its '/'; "" for the root. */
static enum es_code list_folder(struct listing *listing, int fd, const char *name, const char *path)
{
    es_auto_arena scratch = { 0 };
    es_auto_fd folder_fd = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder_fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? ES_OK
                   : fs_fail(listing->reterr, errno, "cannot list", path);
    /* Where the prefix names the way down, there is no need to read what lies beside it. */
    size_t path_size = strlen(path);
    const char *rest = strlen(listing->prefix) > path_size ? listing->prefix + path_size : "";
    const char *slash = strchr(rest, '/');
    if (slash) {
        const char *next = es_strndup(&scratch, rest, (size_t)(slash - rest));
        return blob_key_is_valid(next)
                   ? list_folder(listing, folder_fd, next, es_printf(&scratch, "%s%s/", path, next))
                   : ES_OK;
    }
    const char **names = NULL;
    size_t count;
    enum es_code code = read_names(folder_fd, ".", &scratch, &names, &count, listing->reterr);
    for (size_t i = 0; !code && i < count && !is_full(listing); i++)
        code = list_entry(listing, folder_fd, path, names[i], &scratch);
    return code;
}

enum es_code fs_list(struct blob_store *store, const char *prefix, const char *after, size_t limit,
                     struct es_arena *arena, const char ***ret_keys, size_t *ret_count,
                     struct es_err *reterr)
{
    struct blob_store_fs *fs = (struct blob_store_fs *)store;
    struct listing listing = {
        .prefix = prefix, .after = after, .limit = limit, .arena = arena, .reterr = reterr
    };
    enum es_code code = list_folder(&listing, fs->root_fd, ".", "");
    if (!code) {
        *ret_keys = es_memdup(arena, es_buf_text(&listing.keys), listing.keys.size);
        *ret_count = listing.keys.size / sizeof(const char *);
    }
    es_buf_release(&listing.keys);
    return code;
}
