/* What the files of the folder store share. */
#ifndef BLOB_STORE_FS_PRIVATE_H
#define BLOB_STORE_FS_PRIVATE_H

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "port/blob_store.h"

#define FS_TEMP_FOLDER    "~tmp"
#define FS_TEMP_NAME_SIZE 80
/* How often a folder may vanish between its making and the first file in it: others remove empty
 * ones. */
#define FS_TRIES_MAX      100

/* The name in "~tmp" of the object that grows under `key`; others there have ids for names. */
void fs_growing_name(const char *key, char ret_name[static FS_TEMP_NAME_SIZE]);
bool fs_is_growing_name(const char *name);

struct blob_store_fs {
    struct blob_store base;
    int root_fd;
    int temp_fd;
    bool is_lasting;           /* what is written survives a crash of the machine */
    atomic_llong last_time_ns; /* of the newest commit; grows */
};

/* The one conversion of errno: a full disk or quota is ES_LIMIT storage_full, a file where a folder
 * should be (or the other way round) ES_CONFLICT, ENOENT ES_NOT_FOUND, all else ES_IO. */
enum es_code fs_fail(struct es_err *reterr, int error_number, const char *doing, const char *key);
enum es_code fs_missing(struct es_err *reterr, const char *key);

/* As fsync, where the store is a lasting one. */
int fs_sync(const struct blob_store_fs *fs, int fd);

/* The folder that holds the last segment of `key`, reached without following links, and that
 * segment. `makes_folders`: makes what is missing, lastingly. ES_NOT_FOUND blob_not_found where it
 * is not there. */
ES_CHECK enum es_code fs_open_parent(struct blob_store_fs *fs, const char *key, bool makes_folders,
                                     int *ret_fd, const char **ret_name, struct es_err *reterr);

/* ES_NOT_FOUND blob_not_found. */
ES_CHECK enum es_code fs_open(struct blob_store *store, const char *key,
                              struct blob_reader **ret_reader, struct es_err *reterr);
enum es_code fs_open_growing(struct blob_store *store, const char *key,
                             struct blob_reader **ret_reader, struct es_err *reterr);
enum es_code fs_create(struct blob_store *store, const char *key, struct blob_writer **ret_writer,
                       struct es_err *reterr);
enum es_code fs_create_growing(struct blob_store *store, const char *key,
                               struct blob_writer **ret_writer, struct es_err *reterr);
void fs_info(const struct stat *status, struct blob_info *ret_info);
/* Removes the files in "~tmp" that nobody holds. */
ES_CHECK enum es_code fs_clean_temp(struct blob_store_fs *fs, struct es_err *reterr);

enum es_code fs_remove_all(struct blob_store *store, const char *prefix, struct es_err *reterr);
enum es_code fs_copy(struct blob_store *store, const char *from, const char *to,
                     const char *const *names, size_t count, int64_t *ret_size_bytes,
                     struct es_err *reterr);
enum es_code fs_list(struct blob_store *store, const char *prefix, const char *after, size_t limit,
                     struct es_arena *arena, const char ***ret_keys, size_t *ret_count,
                     struct es_err *reterr);
/* Removes the folders above `key` that have become empty; one that stays does no harm. */
void fs_prune(struct blob_store_fs *fs, const char *key);

/* A stream over the folder `name` of `fd`; NULL with errno. Links are not followed. */
DIR *fs_open_folder(int fd, const char *name);

static inline void fs_auto_closedir(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}
#define fs_auto_folder __attribute__((cleanup(fs_auto_closedir))) DIR

#endif
