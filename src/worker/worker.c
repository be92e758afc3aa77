/* The threads of a worker and their end. There are more than slots: parts that wait for a source
 * that is still arriving lend their places to others. */
#include "worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/es_clock.h"
#include "base/es_log.h"
#include "service/conversion.h"
#include "service/library.h"
#include "service/system_stats.h"
#include "service/uploads.h"
#include "worker/slot.h"

#define WAIT_MS              1000
#define PAUSE_AFTER_ERROR_MS 1000
#define BEAT_INTERVAL_MS     2000
#define SWEEP_INTERVAL_MS    10000
#define ORPHANS_INTERVAL_MS  (60 * 60 * 1000)
#define ORPHANS_AGE_MS_MIN   (6 * 60 * 60 * 1000) /* what is being uploaded has no record yet */

struct worker {
    struct slot_shared shared;
    char *id;
    size_t slots;
    int64_t started_at_ms;
    atomic_bool is_stopping;
    pthread_mutex_t mutex;
    pthread_cond_t stopping; /* wakes the keeper */
    pthread_t *slot_threads;
    size_t slot_thread_count;
    pthread_t keeper_thread;
    bool has_keeper;
    bool is_stopped;
};

struct task_limits task_limits_default(void)
{
    return (struct task_limits){
        .confine = { .memory_bytes = (uint64_t)2 << 30,
                     .cpu_seconds = 2 * 3600,
                     .file_bytes = (uint64_t)256 << 30,
                     .fd_count = 64,
                     .niceness = 5 },
        .stall_ms = 60000,
        .wait_ms = INT64_MAX, /* as long as the upload lives, and its job */
    };
}

/* How many parts may be at work on sources that are still arriving: the picture and the sound of
 * two films at least. */
static size_t arriving_max(size_t slots)
{
    return slots > 2 ? 2 * slots : 4;
}

static void *slot_main(void *argument)
{
    struct worker *worker = argument;
    struct job_queue *queue = worker->shared.context->queue;
    while (places_take(worker->shared.places)) {
        es_auto_arena arena = { 0 };
        struct lease *lease = NULL;
        const char *dead_job_id = NULL;
        struct es_err err = { 0 };
        enum es_code code = queue->ops->lease(queue, worker->id, worker->shared.lease_ms, &arena,
                                              &lease, &dead_job_id, &err);
        if (code) {
            es_log(ES_LOG_ERROR, "no lease", es_log_str("worker_id", worker->id),
                   es_log_str("code", es_code_name(code)), es_log_str("reason", err.detail));
            es_sleep_ms(PAUSE_AFTER_ERROR_MS); /* `wait` would return at once while a part is due */
        }
        if (dead_job_id)
            slot_report_dead(&worker->shared, dead_job_id);
        if (lease)
            slot_run(&worker->shared, lease, &arena);
        else if (!code && !dead_job_id)
            queue->ops->wait(queue, WAIT_MS);
        places_give(worker->shared.places);
    }
    return NULL;
}

static void beat(struct worker *worker)
{
    struct service_context *context = worker->shared.context;
    struct system_stats stats = system_sample(context->system);
    struct worker_node node = {
        .id = worker->id,
        .role = NODE_WORKER,
        .version = context->settings.version,
        .slots = (int)worker->slots,
        .busy = atomic_load(&worker->shared.busy),
        .cpu_percent = stats.cpu_percent,
        .memory_percent = stats.memory_percent,
        .jobs_done = atomic_load(&worker->shared.jobs_done),
        .jobs_failed = atomic_load(&worker->shared.jobs_failed),
        .started_at_ms = worker->started_at_ms,
    };
    struct es_err err = { 0 };
    enum es_code code = context->queue->ops->node_beat(context->queue, &node, &err);
    if (code)
        es_log(ES_LOG_WARNING, "no heartbeat", es_log_str("worker_id", worker->id),
               es_log_str("reason", err.detail));
}

static void sweep(struct worker *worker)
{
    struct es_err err = { 0 };
    size_t changed = 0, removed = 0;
    enum es_code code = uploads_sweep(worker->shared.context, &removed, &err);
    if (!code)
        code = conversion_sweep(worker->shared.context, &changed, &err);
    if (code)
        es_log(ES_LOG_WARNING, "no sweep", es_log_str("reason", err.detail));
    else if (changed > 0 || removed > 0)
        es_log(ES_LOG_INFO, "sweep", es_log_int("jobs_put_right", (int64_t)changed),
               es_log_int("uploads_removed", (int64_t)removed));
}

static void sweep_orphans(struct worker *worker)
{
    struct es_err err = { 0 };
    size_t removed = 0;
    enum es_code code = library_sweep(worker->shared.context, ORPHANS_AGE_MS_MIN, &removed, &err);
    if (code)
        es_log(ES_LOG_WARNING, "no sweep of objects", es_log_str("reason", err.detail));
    else if (removed > 0)
        es_log(ES_LOG_INFO, "sweep of objects", es_log_int("orphans_removed", (int64_t)removed));
}

/* Sleeps, or until the worker stops; whether it still runs. */
static bool keeper_sleeps(struct worker *worker, int64_t duration_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += duration_ms / 1000;
    until.tv_nsec += duration_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&worker->mutex);
    int error = 0;
    while (!atomic_load(&worker->is_stopping) && !error)
        error = pthread_cond_timedwait(&worker->stopping, &worker->mutex, &until);
    pthread_mutex_unlock(&worker->mutex);
    return !atomic_load(&worker->is_stopping);
}

static void *keeper_main(void *argument)
{
    struct worker *worker = argument;
    int64_t sweep_due_ms = 0, orphans_due_ms = 0;
    do {
        int64_t now_ms = es_clock_monotonic_ms();
        beat(worker);
        if (now_ms >= sweep_due_ms) {
            sweep(worker);
            sweep_due_ms = now_ms + SWEEP_INTERVAL_MS;
        }
        if (now_ms >= orphans_due_ms) {
            sweep_orphans(worker);
            orphans_due_ms = now_ms + ORPHANS_INTERVAL_MS;
        }
    } while (keeper_sleeps(worker, BEAT_INTERVAL_MS));
    return NULL;
}

static void define_metrics(struct slot_shared *shared, struct es_metrics *metrics)
{
    shared->jobs_in_progress = es_metric_define(
        metrics, &(struct es_metric_desc){ .name = "worker_jobs_in_progress",
                                           .help = "Parts of jobs that are being worked on.",
                                           .kind = ES_METRIC_GAUGE,
                                           .labels = { "worker_id" } });
    shared->jobs_done_total =
        es_metric_define(metrics, &(struct es_metric_desc){ .name = "worker_jobs_done_total",
                                                            .help = "Jobs finished.",
                                                            .kind = ES_METRIC_COUNTER,
                                                            .labels = { "worker_id" } });
    shared->jobs_failed_total =
        es_metric_define(metrics, &(struct es_metric_desc){ .name = "worker_jobs_failed_total",
                                                            .help = "Jobs failed for good.",
                                                            .kind = ES_METRIC_COUNTER,
                                                            .labels = { "worker_id" } });
    shared->part_seconds = es_metric_define(
        metrics, &(struct es_metric_desc){ .name = "worker_part_duration_seconds",
                                           .help = "How long a part took, by kind.",
                                           .kind = ES_METRIC_HISTOGRAM,
                                           .labels = { "kind" },
                                           .buckets = { 0.05, 0.25, 1, 5, 15, 60, 300, 1800 } });
    es_metric_set(shared->jobs_in_progress, &shared->worker_id, 0);
    es_metric_add(shared->jobs_done_total, &shared->worker_id, 0);
    es_metric_add(shared->jobs_failed_total, &shared->worker_id, 0);
}

static enum es_code start_threads(struct worker *worker, struct es_err *reterr)
{
    /* Signals are the main thread's business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->keeper_thread, NULL, keeper_main, worker);
    worker->has_keeper = !error;
    if (worker->has_keeper)
        pthread_setname_np(worker->keeper_thread, "worker-keeper");
    for (size_t i = 0; i < worker->slots + arriving_max(worker->slots) && !error; i++) {
        error = pthread_create(&worker->slot_threads[i], NULL, slot_main, worker);
        if (error)
            break;
        pthread_setname_np(worker->slot_threads[i], "worker-slot");
        worker->slot_thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return es_fail_errno(reterr, error, "cannot start the worker's threads");
    return ES_OK;
}

enum es_code worker_open(const struct worker_settings *settings, struct service_context *context,
                         struct sandbox *sandbox, struct worker **ret_worker, struct es_err *reterr)
{
    struct worker *worker = es_malloc(sizeof(*worker));
    worker->id = es_strdup_heap(settings->id);
    worker->slots = settings->slots;
    size_t thread_count = settings->slots + arriving_max(settings->slots);
    worker->slot_threads = es_malloc(thread_count * sizeof(pthread_t));
    worker->started_at_ms = es_clock_realtime_ms();
    worker->shared = (struct slot_shared){ .worker_id = worker->id,
                                           .lease_ms = settings->lease_ms,
                                           .is_hasty = settings->is_hasty,
                                           .limits = settings->limits,
                                           .context = context,
                                           .sandbox = sandbox,
                                           .places = places_open(settings->slots,
                                                                 arriving_max(settings->slots)) };
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->stopping, NULL);
    define_metrics(&worker->shared, context->metrics);
    enum es_code code = start_threads(worker, reterr);
    if (code) {
        worker_close(worker);
        return code;
    }
    *ret_worker = worker;
    return ES_OK;
}

void worker_stop(struct worker *worker, int64_t drain_ms)
{
    if (worker->is_stopped)
        return;
    worker->is_stopped = true;
    struct job_queue *queue = worker->shared.context->queue;
    pthread_mutex_lock(&worker->mutex);
    atomic_store(&worker->is_stopping, true);
    pthread_cond_broadcast(&worker->stopping);
    pthread_mutex_unlock(&worker->mutex);
    places_end(worker->shared.places);
    queue->ops->wake(queue);
    int64_t until_ms = es_clock_monotonic_ms() + drain_ms;
    while (atomic_load(&worker->shared.busy) > 0 && es_clock_monotonic_ms() < until_ms)
        es_sleep_ms(20);
    atomic_store(&worker->shared.must_hand_back, true);
    for (size_t i = 0; i < worker->slot_thread_count; i++)
        pthread_join(worker->slot_threads[i], NULL);
    if (worker->has_keeper)
        pthread_join(worker->keeper_thread, NULL);
    struct es_err err = { 0 };
    if (queue->ops->node_leave(queue, worker->id, &err))
        es_log(ES_LOG_WARNING, "no farewell", es_log_str("worker_id", worker->id),
               es_log_str("reason", err.detail));
}

void worker_close(struct worker *worker)
{
    worker_stop(worker, 0);
    places_close(worker->shared.places);
    pthread_cond_destroy(&worker->stopping);
    pthread_mutex_destroy(&worker->mutex);
    free(worker->slot_threads);
    free(worker->id);
    free(worker);
}
