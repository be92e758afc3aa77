/* Links from the object store to the user's names, and their undoing. */
#include "app/local_output.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/es_file.h"

#define COPY_BLOCK_BYTES (1024 * 1024)
#define LIST_PAGE        200

static const char *folder_of(const char *path, struct es_arena *arena)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : es_strndup(arena, path, (size_t)(slash - path));
}

/* How much of `folder` is there already: "a" of "a/b/c". */
static size_t length_there(const char *folder, struct es_arena *arena)
{
    size_t length = strlen(folder);
    while (length > 0 && access(es_strndup(arena, folder, length), F_OK) < 0) {
        while (length > 0 && folder[length - 1] != '/')
            length--;
        while (length > 0 && folder[length - 1] == '/')
            length--;
    }
    return length;
}

enum es_code local_output_open(const char *path, struct local_output **ret_output,
                               struct es_err *reterr)
{
    es_auto(local_output) output = es_malloc(sizeof(*output));
    output->path = path;
    output->folder = folder_of(path, &output->arena);
    output->folder_length_before = length_there(output->folder, &output->arena);
    enum es_code code = es_make_folders(output->folder, 0777, reterr);
    if (code)
        return code;
    char *work_folder = es_printf(&output->arena, "%s/.espotifai-XXXXXX", output->folder);
    if (!mkdtemp(work_folder))
        return es_fail_errno(reterr, errno, "cannot write into '%s'", output->folder);
    output->work_folder = work_folder;
    *ret_output = es_take(output);
    return ES_OK;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* Folders that hold something else by now stay. */
static void remove_made_folders(const struct local_output *output)
{
    es_auto_arena arena = { 0 };
    for (size_t length = strlen(output->folder); length > output->folder_length_before; length--) {
        char next = output->folder[length];
        if ((next == 0 || next == '/') && output->folder[length - 1] != '/' &&
            rmdir(es_strndup(&arena, output->folder, length)) < 0)
            return;
    }
}

void local_output_close(struct local_output *output)
{
    if (output->work_folder)
        nftw(output->work_folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (!output->is_kept) {
        for (size_t i = 0; i < output->published_count; i++)
            unlink(output->published[i]);
        remove_made_folders(output);
    }
    free(output->published);
    es_arena_release(&output->arena);
    free(output);
}

static enum es_code copy_bytes(struct blob_reader *reader, const char *path, struct es_err *reterr)
{
    es_auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return es_fail_errno(reterr, errno, "cannot create '%s'", path);
    es_auto_free char *block = es_malloc(COPY_BLOCK_BYTES);
    for (int64_t offset = 0; offset < reader->info.size_bytes;) {
        size_t got;
        enum es_code code =
            reader->ops->read(reader, offset, block, COPY_BLOCK_BYTES, &got, reterr);
        if (!code && got == 0)
            code = es_fail(reterr, ES_IO, "the output ends early");
        if (!code)
            code = es_write_all(fd, block, got, reterr);
        if (code)
            return code;
        offset += (int64_t)got;
    }
    return ES_OK;
}

/* A file of our own at `aside` with the object's bytes: by a link where the file system can. */
static enum es_code set_aside(struct blob_reader *reader, const char *aside, struct es_err *reterr)
{
    char handle[64];
    snprintf(handle, sizeof(handle), "/proc/self/fd/%d", reader->fd);
    unlink(aside);
    if (reader->fd < 0 || linkat(AT_FDCWD, handle, AT_FDCWD, aside, AT_SYMLINK_FOLLOW) < 0)
        return copy_bytes(reader, aside, reterr);
    mode_t mask = umask(0);
    umask(mask);
    return chmod(aside, 0666 & ~mask) < 0
               ? es_fail_errno(reterr, errno, "cannot open up '%s'", aside)
               : ES_OK;
}

static void remember(struct local_output *output, const char *path)
{
    if (output->published_count == output->published_room) {
        output->published_room = output->published_room ? 2 * output->published_room : 64;
        output->published =
            es_realloc(output->published, output->published_room * sizeof(*output->published));
    }
    output->published[output->published_count++] = es_strdup(&output->arena, path);
}

static enum es_code publish(struct local_output *output, struct blob_store *blobs, const char *key,
                            const char *path, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    es_auto(blob_reader) reader = NULL;
    enum es_code code = blobs->ops->open(blobs, key, &reader, reterr);
    if (code)
        return code;
    const char *aside = es_printf(&arena, "%s/output", output->work_folder);
    code = set_aside(reader, aside, reterr);
    if (!code && rename(aside, path) < 0)
        code = es_fail_errno(reterr, errno, "cannot write '%s'", path);
    if (!code)
        remember(output, path);
    return code;
}

/* The segments and playlists beside the index. */
static enum es_code publish_tree(struct local_output *output, struct blob_store *blobs,
                                 const char *prefix, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    const char *after = NULL;
    for (size_t count = LIST_PAGE; count == LIST_PAGE;) {
        const char **keys;
        enum es_code code =
            blobs->ops->list(blobs, prefix, after, LIST_PAGE, &arena, &keys, &count, reterr);
        for (size_t i = 0; !code && i < count; i++) {
            const char *name = keys[i] + strlen(prefix);
            after = keys[i];
            if (strcmp(name, job_output_name(JOB_HLS)) != 0)
                code = publish(output, blobs, keys[i],
                               es_printf(&arena, "%s/%s", output->folder, name), reterr);
        }
        if (code)
            return code;
    }
    return ES_OK;
}

enum es_code local_output_publish(struct local_output *output, struct blob_store *blobs,
                                  const struct job *job, size_t *ret_count, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    const char *prefix = es_printf(&arena, "%s/", job_output_prefix(job, &arena));
    enum es_code code = ES_OK;
    if (job->target == JOB_HLS)
        code = publish_tree(output, blobs, prefix, reterr);
    if (!code)
        code =
            publish(output, blobs, es_printf(&arena, "%s%s", prefix, job_output_name(job->target)),
                    output->path, reterr);
    if (code)
        return code;
    output->is_kept = true;
    *ret_count = output->published_count;
    return ES_OK;
}
