/* Opens the local backends in a hidden folder beside the output, runs one job through a worker, and
 * gives its objects to the output. */
#include "app/local_conversion.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "app/local_output.h"
#include "app/local_source.h"
#include "app/version.h"
#include "app/wiring.h"
#include "base/es_clock.h"
#include "service/conversion.h"
#include "worker/prober.h"
#include "worker/worker.h"

#define POLL_MS 10
#define DRAW_MS 150

/* The probe of the source, beside the conversion, which has a look of its own. */
struct source_probe {
    struct media_prober *prober;
    const char *path;
    struct blob_reader *reader;
    pthread_t thread;
    bool is_running;
    struct es_arena arena;
    struct media_facts facts;
    enum es_code code;
    struct es_err err;
};

struct local {
    const struct local_conversion *conversion;
    struct sandbox *sandbox;
    struct es_arena *arena;
    struct local_outcome *outcome;
    struct media_prober *prober;
    struct source_probe source;
    struct local_output *output;
    struct backends backends;
    struct es_metrics *metrics;
    struct service_context *context;
    struct worker *worker;
    struct caller caller;
    char media_id[ES_ID_SIZE];
};

static void *source_main(void *argument)
{
    struct source_probe *source = argument;
    source->code = source->prober->ops->probe(source->prober, source->reader, source->path,
                                              &source->arena, &source->facts, &source->err);
    return NULL;
}

static enum es_code begin_source_probe(struct local *local, struct es_err *reterr)
{
    struct source_probe *source = &local->source;
    source->prober = local->prober;
    source->path = local->conversion->input_path;
    enum es_code code = local_source_reader(source->path, &source->reader, reterr);
    if (code)
        return code;
    local->outcome->source_size_bytes = source->reader->info.size_bytes;
    int number = pthread_create(&source->thread, NULL, source_main, source);
    if (number)
        return es_fail_errno(reterr, number, "cannot start a thread");
    source->is_running = true;
    return ES_OK;
}

static void end_source_probe(struct source_probe *source)
{
    if (source->is_running)
        pthread_join(source->thread, NULL);
    source->is_running = false;
}

/* What the probe found; where it failed that tells more than the conversion's own end. */
static enum es_code take_source_facts(struct local *local, enum es_code code, struct es_err *reterr)
{
    struct source_probe *source = &local->source;
    if (code == ES_CANCELLED)
        return code;
    end_source_probe(source);
    if (source->code) {
        *reterr = source->err;
        return source->code;
    }
    local->outcome->source = media_facts_copy(&source->facts, local->arena);
    return code;
}

static enum es_code probe_made(struct local *local, struct es_err *reterr)
{
    const struct job *job = local->outcome->job;
    if (job->target == JOB_HLS)
        return ES_OK;
    const char *name = job_output_name(job->target);
    const char *key = es_printf(local->arena, "%s/%s", job_output_prefix(job, local->arena), name);
    es_auto(blob_reader) reader = NULL;
    struct blob_store *blobs = local->backends.blobs;
    enum es_code code = blobs->ops->open(blobs, key, &reader, reterr);
    return code ? code
                : local->prober->ops->probe(local->prober, reader, name, local->arena,
                                            &local->outcome->made, reterr);
}

static enum es_code open_local(struct local *local, struct es_err *reterr)
{
    enum es_code code = local_output_open(local->conversion->output_path, &local->output, reterr);
    if (!code)
        code = wiring_open_local(local->output->work_folder, &local->backends, reterr);
    if (code)
        return code;
    struct blob_store *beneath = es_take(local->backends.blobs);
    code =
        local_source_open(local->conversion->input_path, beneath, &local->backends.blobs, reterr);
    if (code)
        return code;
    local->metrics = es_metrics_open();
    static const char *const keys[] = { "no sessions are signed here" };
    struct service_settings settings = service_settings_default();
    settings.jwt_keys = keys;
    settings.jwt_key_count = 1;
    settings.password.operations = 1; /* nobody signs in */
    settings.password.memory_bytes = PASSWORD_MEMORY_BYTES_MIN;
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
    end_source_probe(&local->source);
    if (local->source.reader)
        blob_reader_close(local->source.reader);
    es_arena_release(&local->source.arena);
    if (local->worker)
        worker_close(local->worker);
    if (local->context)
        service_context_close(local->context);
    if (local->metrics)
        es_metrics_close(local->metrics);
    wiring_close(&local->backends);
    if (local->output)
        local_output_close(local->output);
    prober_close(local->prober);
}

static enum es_code make_records(struct local *local, struct es_err *reterr)
{
    struct user user = { .username = "local", .created_at_ms = es_clock_realtime_ms() };
    es_id_v7(user.id);
    es_id_v7(local->media_id);
    memcpy(local->caller.user_id, user.id, sizeof(local->caller.user_id));
    local->caller.username = user.username;
    struct media media = { .original_filename = local->conversion->input_path,
                           .source_object = LOCAL_SOURCE_KEY,
                           .content_type = "application/octet-stream",
                           .original_extension = "",
                           .original_size_bytes = local->outcome->source_size_bytes,
                           .sha256 = "",
                           .created_at_ms = user.created_at_ms,
                           .status = MEDIA_UPLOADED,
                           .playback = PLAYBACK_SIGNED };
    memcpy(media.id, local->media_id, sizeof(media.id));
    memcpy(media.user_id, user.id, sizeof(media.user_id));
    struct meta_store *meta = local->backends.meta;
    enum es_code code = meta->ops->user_create(meta, &user, reterr);
    return code ? code : meta->ops->media_create(meta, &media, reterr);
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
        .is_hasty = true,
        .limits = task_limits_default(),
    };
    return worker_open(&settings, local->context, local->sandbox, &local->worker, reterr);
}

static enum es_code await_end(struct local *local, const char *job_id, const struct job **ret_job,
                              struct es_err *reterr)
{
    const struct local_conversion *conversion = local->conversion;
    for (int64_t drawn_at_ms = 0;;) {
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
        int64_t now_ms = es_clock_monotonic_ms();
        if (conversion->progress && now_ms - drawn_at_ms >= DRAW_MS) {
            conversion->progress(conversion->argument, &view.live);
            drawn_at_ms = now_ms;
        }
        es_sleep_ms(POLL_MS);
    }
}

static enum es_code run_job(struct local *local, struct es_err *reterr)
{
    const struct local_conversion *conversion = local->conversion;
    struct job_view view;
    enum es_code code =
        conversion_convert(local->context, &local->caller, local->media_id, conversion->target,
                           &conversion->options, local->arena, &view, reterr);
    if (!code)
        code = start_worker(local, reterr);
    const struct job *job = NULL;
    if (!code)
        code = await_end(local, view.job->id, &job, reterr);
    if (code)
        return code;
    if (job->status != JOB_DONE)
        return es_fail_word(reterr, job->error_code ? job->error_code : ES_CANCELLED,
                            job->error_word, "the conversion failed");
    local->outcome->job = job;
    return ES_OK;
}

static enum es_code convert(struct local *local, struct es_err *reterr)
{
    enum es_code code = begin_source_probe(local, reterr);
    if (!code)
        code = open_local(local, reterr);
    if (!code)
        code = make_records(local, reterr);
    if (!code)
        code = take_source_facts(local, run_job(local, reterr), reterr);
    if (!code)
        code = probe_made(local, reterr);
    return code ? code
                : local_output_publish(local->output, local->backends.blobs, local->outcome->job,
                                       &local->outcome->file_count, reterr);
}

enum es_code local_conversion_run(const struct local_conversion *conversion,
                                  struct sandbox *sandbox, struct es_arena *arena,
                                  struct local_outcome *ret_outcome, struct es_err *reterr)
{
    struct local_outcome outcome = { 0 };
    struct local local = { .conversion = conversion,
                           .sandbox = sandbox,
                           .arena = arena,
                           .outcome = &outcome,
                           .prober = prober_open(sandbox) };
    enum es_code code = convert(&local, reterr);
    close_local(&local);
    if (!code)
        *ret_outcome = outcome;
    return code;
}
