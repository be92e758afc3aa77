/* Opens the local backends in a folder beside the output, runs one job through a worker, and links
 * its objects to where the user wants them. */
#include "app/local_conversion.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/local_source.h"
#include "app/version.h"
#include "app/wiring.h"
#include "base/es_clock.h"
#include "base/es_file.h"
#include "base/es_log.h"
#include "base/es_text.h"
#include "service/conversion.h"
#include "worker/prober.h"
#include "worker/worker.h"

#define POLL_MS          150
#define COPY_BLOCK_BYTES (1024 * 1024)
#define LIST_PAGE        200

struct local {
    const struct local_conversion *conversion;
    struct sandbox *sandbox;
    struct es_arena *arena;
    const char *folder; /* of the output */
    char *work_folder;  /* holds the parts; removed at the end */
    struct backends backends;
    struct media_prober *prober;
    struct es_metrics *metrics;
    struct service_context *context;
    struct worker *worker;
    struct caller caller;
    struct media media;
};

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static const char *folder_of(const char *path, struct es_arena *arena)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : es_strndup(arena, path, (size_t)(slash - path));
}

static enum es_code open_local(struct local *local, struct es_err *reterr)
{
    enum es_code code = es_make_folders(local->folder, 0777, reterr);
    if (code)
        return code;
    local->work_folder = es_printf(local->arena, "%s/.espotifai-XXXXXX", local->folder);
    if (!mkdtemp(local->work_folder)) {
        local->work_folder = NULL;
        return es_fail_errno(reterr, errno, "cannot write into '%s'", local->folder);
    }
    code = wiring_open_local(local->work_folder, &local->backends, reterr);
    if (code)
        return code;
    struct blob_store *beneath = es_take(local->backends.blobs);
    code =
        local_source_open(local->conversion->input_path, beneath, &local->backends.blobs, reterr);
    if (code)
        return code;
    local->prober = prober_open(local->sandbox);
    local->metrics = es_metrics_open();
    static const char *const keys[] = { "no sessions are signed here" };
    struct service_settings settings = service_settings_default();
    settings.jwt_keys = keys;
    settings.jwt_key_count = 1;
    settings.node_id = "convert";
    settings.version = version();
    struct service_ports ports = { .meta = local->backends.meta,
                                   .queue = local->backends.queue,
                                   .blobs = local->backends.blobs,
                                   .prober = local->prober,
                                   .metrics = local->metrics };
    return service_context_open(&ports, &settings, &local->context, reterr);
}

static void close_local(struct local *local)
{
    if (local->worker)
        worker_close(local->worker);
    if (local->context)
        service_context_close(local->context);
    if (local->prober)
        prober_close(local->prober);
    if (local->metrics)
        es_metrics_close(local->metrics);
    wiring_close(&local->backends);
    if (local->work_folder)
        nftw(local->work_folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static enum es_code make_records(struct local *local, struct es_err *reterr)
{
    es_auto(blob_reader) source = NULL;
    struct blob_store *blobs = local->backends.blobs;
    enum es_code code = blobs->ops->open(blobs, LOCAL_SOURCE_KEY, &source, reterr);
    if (code)
        return code;
    struct media *media = &local->media;
    code = local->prober->ops->probe(local->prober, source, local->conversion->input_path,
                                     local->arena, &media->facts, reterr);
    if (code)
        return code;
    struct user user = { .username = "local", .created_at_ms = es_clock_realtime_ms() };
    es_id_v7(user.id);
    es_id_v7(media->id);
    memcpy(media->user_id, user.id, sizeof(media->user_id));
    memcpy(local->caller.user_id, user.id, sizeof(local->caller.user_id));
    local->caller.username = user.username;
    media->original_filename = local->conversion->input_path;
    media->source_object = LOCAL_SOURCE_KEY;
    media->content_type = media->facts.content_type;
    media->original_extension = "";
    media->sha256 = "";
    media->original_size_bytes = source->info.size_bytes;
    media->created_at_ms = user.created_at_ms;
    media->status = MEDIA_UPLOADED;
    media->playback = PLAYBACK_SIGNED;
    struct meta_store *meta = local->backends.meta;
    code = meta->ops->user_create(meta, &user, reterr);
    return code ? code : meta->ops->media_create(meta, media, reterr);
}

static enum es_code start_worker(struct local *local, struct es_err *reterr)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t slots = local->conversion->slots;
    struct worker_settings settings = {
        .id = "convert",
        .slots = slots       ? slots
                 : cores > 0 ? (size_t)cores
                             : 1,
        .lease_ms = 10000,
        .limits = task_limits_default(),
    };
    return worker_open(&settings, local->context, local->sandbox, &local->worker, reterr);
}

static enum es_code await_end(struct local *local, const char *job_id, const struct job **ret_job,
                              struct es_err *reterr)
{
    const struct local_conversion *conversion = local->conversion;
    for (;;) {
        if (*conversion->is_interrupted)
            return es_fail_word(reterr, ES_CANCELLED, "cancelled", "interrupted");
        es_auto_arena arena = { 0 };
        struct job_view view;
        enum es_code code =
            conversion_status(local->context, &local->caller, job_id, NULL, &arena, &view, reterr);
        if (code)
            return code;
        if (job_status_is_final(view.job->status)) {
            *ret_job = job_copy_of(view.job, local->arena);
            return ES_OK;
        }
        if (conversion->progress)
            conversion->progress(conversion->argument, &local->media.facts, &view.live);
        es_sleep_ms(POLL_MS);
    }
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

/* Gives the object the name `path`, in place of what has it: by a link where the file system can.
 */
static enum es_code publish(struct local *local, const char *key, const char *path,
                            struct es_err *reterr)
{
    struct blob_store *blobs = local->backends.blobs;
    es_auto(blob_reader) reader = NULL;
    enum es_code code = blobs->ops->open(blobs, key, &reader, reterr);
    if (code)
        return code;
    const char *aside = es_printf(local->arena, "%s/output", local->work_folder);
    const char *handle = es_printf(local->arena, "/proc/self/fd/%d", reader->fd);
    unlink(aside);
    if (reader->fd < 0 || linkat(AT_FDCWD, handle, AT_FDCWD, aside, AT_SYMLINK_FOLLOW) < 0)
        code = copy_bytes(reader, aside, reterr);
    else
        code = chmod(aside, 0644) < 0 ? es_fail_errno(reterr, errno, "cannot open up '%s'", aside)
                                      : ES_OK;
    if (!code && rename(aside, path) < 0)
        code = es_fail_errno(reterr, errno, "cannot write '%s'", path);
    return code;
}

static enum es_code publish_all(struct local *local, const struct job *job, struct es_err *reterr)
{
    struct blob_store *blobs = local->backends.blobs;
    const char *prefix = es_printf(local->arena, "%s/", job_output_prefix(job, local->arena));
    const char *main_name = job_output_name(job->target);
    const char *after = NULL;
    enum es_code code = ES_OK;
    size_t count = LIST_PAGE;
    while (!code && count == LIST_PAGE) {
        const char **keys;
        code =
            blobs->ops->list(blobs, prefix, after, LIST_PAGE, local->arena, &keys, &count, reterr);
        for (size_t i = 0; !code && i < count; i++) {
            after = keys[i];
            const char *name = keys[i] + strlen(prefix);
            bool is_main = strcmp(name, main_name) == 0;
            if (!is_main && job->target != JOB_HLS)
                continue; /* left for the join only */
            code = publish(local, keys[i],
                           is_main ? local->conversion->output_path
                                   : es_printf(local->arena, "%s/%s", local->folder, name),
                           reterr);
        }
    }
    return code;
}

static enum es_code convert(struct local *local, const struct job **ret_job, struct es_err *reterr)
{
    enum es_code code = open_local(local, reterr);
    if (!code)
        code = make_records(local, reterr);
    struct job_view view;
    if (!code)
        code = conversion_convert(local->context, &local->caller, local->media.id,
                                  local->conversion->target, &local->conversion->options,
                                  local->arena, &view, reterr);
    if (!code)
        code = start_worker(local, reterr);
    if (!code)
        code = await_end(local, view.job->id, ret_job, reterr);
    if (code)
        return code;
    if ((*ret_job)->status != JOB_DONE)
        return es_fail_word(reterr, (*ret_job)->error_code ? (*ret_job)->error_code : ES_CANCELLED,
                            (*ret_job)->error_word, "the conversion failed");
    return publish_all(local, *ret_job, reterr);
}

enum es_code local_conversion_run(const struct local_conversion *conversion,
                                  struct sandbox *sandbox, struct es_arena *arena,
                                  struct media_facts *ret_facts, const struct job **ret_job,
                                  struct es_err *reterr)
{
    struct local local = { .conversion = conversion,
                           .sandbox = sandbox,
                           .arena = arena,
                           .folder = folder_of(conversion->output_path, arena) };
    enum es_code code = convert(&local, ret_job, reterr);
    *ret_facts = local.media.facts;
    close_local(&local);
    return code;
}
