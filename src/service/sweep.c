/* library_sweep: objects without a record, and outputs of jobs that failed or were cancelled while
 * the store was away. The listing is in byte order, so all objects of a folder come together, and
 * each folder is asked about once. */
#include <string.h>

#include "base/es_clock.h"
#include "service/library.h"

#define PAGE_KEYS 500

struct sweep {
    struct service_context *context;
    int64_t modified_before_ms;
    size_t removed;
    char folder[BLOB_KEY_BYTES_MAX + 1]; /* the last one asked about, with its '/' */
    bool is_orphan;
};

/* "uploads/{user}/{media}/..." and "converted/{media}/{job}/...": the part of `key` up to the third
 * '/' with it; false where there are not that many. */
static bool folder_of(const char *key, char ret_folder[static BLOB_KEY_BYTES_MAX + 1],
                      const char *ret_segments[static 3], struct es_arena *arena)
{
    const char *at = key;
    for (int i = 0; i < 3; i++) {
        const char *slash = strchr(at, '/');
        if (!slash || (size_t)(slash + 1 - key) > BLOB_KEY_BYTES_MAX)
            return false;
        ret_segments[i] = es_strndup(arena, at, (size_t)(slash - at));
        at = slash + 1;
    }
    memcpy(ret_folder, key, (size_t)(at - key));
    ret_folder[at - key] = 0;
    return true;
}

/* Whether no record speaks of the folder, or one that can have no output. */
static enum es_code ask(struct sweep *sweep, const char *const segments[static 3],
                        struct es_arena *arena, struct es_err *reterr)
{
    struct meta_store *meta = sweep->context->meta;
    bool is_upload = strcmp(segments[0], "uploads") == 0;
    const char *owner = NULL;
    enum es_code code;
    if (is_upload) {
        struct media *media;
        code = meta->ops->media_get(meta, segments[2], arena, &media, reterr);
        owner = code == ES_OK ? media->user_id : NULL;
    } else {
        struct job *job;
        code = meta->ops->job_get(meta, segments[2], arena, &job, reterr);
        bool has_output =
            code == ES_OK && job->status != JOB_FAILED && job->status != JOB_CANCELLED;
        owner = has_output ? job->media_id : NULL;
    }
    if (code && code != ES_NOT_FOUND)
        return code;
    sweep->is_orphan = !owner || strcmp(owner, segments[1]) != 0;
    return ES_OK;
}

static enum es_code visit(struct sweep *sweep, const char *key, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    char folder[BLOB_KEY_BYTES_MAX + 1];
    const char *segments[3];
    if (!folder_of(key, folder, segments, &arena))
        return ES_OK; /* not of our making */
    enum es_code code = ES_OK;
    if (strcmp(folder, sweep->folder) != 0) {
        memcpy(sweep->folder, folder, strlen(folder) + 1);
        code = ask(sweep, (const char *const *)segments, &arena, reterr);
    }
    if (code || !sweep->is_orphan)
        return code;
    struct blob_store *blobs = sweep->context->blobs;
    struct blob_info info;
    code = blobs->ops->stat(blobs, key, &info, reterr);
    if (code == ES_NOT_FOUND)
        return ES_OK;
    if (code || info.modified_at_ms >= sweep->modified_before_ms)
        return code;
    code = blobs->ops->remove(blobs, key, reterr);
    sweep->removed += code == ES_OK;
    return code;
}

static enum es_code sweep_prefix(struct sweep *sweep, const char *prefix, struct es_err *reterr)
{
    char after[BLOB_KEY_BYTES_MAX + 1] = "";
    for (;;) {
        es_auto_arena arena = { 0 };
        const char **keys;
        size_t count;
        struct blob_store *blobs = sweep->context->blobs;
        enum es_code code = blobs->ops->list(blobs, prefix, *after ? after : NULL, PAGE_KEYS,
                                             &arena, &keys, &count, reterr);
        for (size_t i = 0; code == ES_OK && i < count; i++)
            code = visit(sweep, keys[i], reterr);
        if (code || count == 0)
            return code;
        snprintf(after, sizeof(after), "%s", keys[count - 1]);
    }
}

enum es_code library_sweep(struct service_context *context, int64_t age_ms_min, size_t *ret_removed,
                           struct es_err *reterr)
{
    struct sweep sweep = { .context = context,
                           .modified_before_ms = es_clock_realtime_ms() - age_ms_min };
    enum es_code code = sweep_prefix(&sweep, "uploads/", reterr);
    if (code == ES_OK)
        code = sweep_prefix(&sweep, "converted/", reterr);
    if (code == ES_OK)
        *ret_removed = sweep.removed;
    return code;
}
