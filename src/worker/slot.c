/* Runs in a slot's thread. The record is written before the queue is told, so that a crash between
 * the two leaves a part that is leased again, whose next holder finds the record and only finishes
 * the rest. */
#include "worker/slot.h"

#include <math.h>
#include <string.h>

#include "base/es_clock.h"
#include "base/es_log.h"
#include "engine/engine.h"
#include "service/conversion.h"

#define EVENT_INTERVAL_MS  1000
#define EXTEND_INTERVAL_MS 700
#define PLAN_STALL_MS      180000 /* a plan that measures nothing tells no progress: all its time */
#define LIST_PAGE          200
/* A source that will be whole in a moment is planned as one that is. */
#define ARRIVAL_GRACE_MS   1000
#define ARRIVAL_POLL_MS    20
/* How soon a part is tried again for which there was no room, since too many wait for sources. */
#define CROWDED_DELAY_MS   2000

struct slot {
    struct slot_shared *shared;
    struct service_context *context;
    struct job_queue *queue;
    const struct lease *lease;
    struct es_arena *arena;
    int64_t started_at_ms;  /* monotonic */
    int64_t extended_at_ms; /* monotonic; the last heartbeat that the queue took */
    int64_t told_at_ms;     /* monotonic; the last event */
    bool has_lent;          /* its place, while it waits for its source */
    bool is_admitted;       /* its source is, or was, still arriving */
    bool is_crowded_out;    /* too many of those are at work */
    bool was_published;     /* the queue has what this part has published so far */
    bool is_playable;       /* told to the queue */
};

/* Whether every first part of the job has published something: then it can be heard and seen. */
static bool first_parts_published(struct slot *slot)
{
    es_auto_arena arena = { 0 };
    struct part *parts;
    size_t count;
    if (slot->queue->ops->parts(slot->queue, slot->lease->part.job_id, &arena, &parts, &count,
                                NULL))
        return false; /* asked again at the next heartbeat */
    for (size_t i = 0; i < count; i++)
        if (parts[i].is_first && !parts[i].result)
            return false;
    return count > 0;
}

static enum es_code extend(struct slot *slot, const struct task_progress *progress,
                           const char *result_so_far, bool is_playable, struct es_err *reterr)
{
    int64_t now_ms = es_clock_monotonic_ms();
    double elapsed = (double)(now_ms - slot->started_at_ms) / 1000;
    struct part_progress report = {
        .seconds_done = progress->seconds_done,
        .speed = elapsed > 0 ? progress->seconds_done / elapsed : 0,
        .result_so_far = result_so_far,
        .is_playable = is_playable,
    };
    struct es_err err = { 0 };
    enum es_code code =
        slot->queue->ops->extend(slot->queue, slot->lease, slot->shared->lease_ms, &report, &err);
    switch (code) {
    case ES_OK:
        slot->extended_at_ms = now_ms;
        return ES_OK;
    case ES_UNAVAILABLE:
    case ES_IO:
        /* The queue is away: the part goes on for as long as nobody else can have it. */
        if (now_ms - slot->extended_at_ms < slot->shared->lease_ms)
            return ES_OK;
        return es_fail_word(reterr, ES_CONFLICT, "lease_lost", "no heartbeat in time: %s",
                            err.detail);
    default:
        if (reterr)
            *reterr = err;
        return code;
    }
}

static enum es_code tick(void *context, const struct task_progress *progress,
                         const char *result_so_far, struct es_err *reterr)
{
    struct slot *slot = context;
    if (atomic_load(&slot->shared->must_hand_back))
        return es_fail(reterr, ES_CANCELLED, "the worker is stopping");
    int64_t now_ms = es_clock_monotonic_ms();
    bool becomes_playable = progress->is_playable && !slot->is_playable;
    if (now_ms - slot->extended_at_ms < EXTEND_INTERVAL_MS && !becomes_playable)
        return ES_OK;
    enum es_code code = extend(slot, progress, result_so_far, false, reterr);
    if (!code && becomes_playable && first_parts_published(slot)) {
        code = extend(slot, progress, NULL, true, reterr);
        slot->is_playable = !code;
        slot->told_at_ms = 0;
    }
    if (!code && now_ms - slot->told_at_ms >= EVENT_INTERVAL_MS) {
        slot->told_at_ms = now_ms;
        /* Whoever watches polls as well: an event that is lost costs a second. */
        (void)!conversion_progressed(slot->context, slot->lease, NULL);
    }
    return code;
}

static enum es_code waits(void *context, bool is_waiting, struct es_err *reterr)
{
    (void)reterr;
    struct slot *slot = context;
    slot->has_lent = is_waiting;
    if (is_waiting)
        places_lend(slot->shared->places);
    else
        places_take_back(slot->shared->places);
    return ES_OK;
}

static enum es_code run_task(struct slot *slot, const struct task *task, struct blob_reader *source,
                             const char **ret_result, bool *ret_is_crash, struct es_err *reterr)
{
    const struct part *part = &slot->lease->part;
    struct task_place place = {
        .source = source,
        .blobs = slot->context->blobs,
        .prefix = es_printf(slot->arena, "converted/%s/%s", slot->lease->media_id, part->job_id),
    };
    struct task_limits limits = slot->shared->limits;
    if (part->kind == PART_PLAN)
        limits.stall_ms = PLAN_STALL_MS;
    if (part->kind == PART_CONVERT && !part->is_first)
        limits.confine.niceness = CHILD_YIELD_NICENESS; /* first those that make a job playable */
    struct task_watch watch = { .context = slot, .tick = tick, .waits = waits };
    enum es_code code = task_run(slot->shared->sandbox, task, &limits, &place, &watch, slot->arena,
                                 ret_result, ret_is_crash, reterr);
    if (slot->has_lent) /* it ended while it waited */
        (void)!waits(slot, false, NULL);
    return code;
}

static enum es_code open_source(struct slot *slot, struct blob_reader **ret_reader,
                                struct es_err *reterr)
{
    struct media *media;
    enum es_code code = slot->context->meta->ops->media_get(
        slot->context->meta, slot->lease->media_id, slot->arena, &media, reterr);
    if (code)
        return code;
    struct blob_store *blobs = slot->context->blobs;
    code = blobs->ops->open_growing(blobs, media->source_object, ret_reader, reterr);
    if (code == ES_NOT_FOUND)
        return es_fail_word(reterr, ES_MEDIA, "source_missing", "'%s' is gone",
                            media->source_object);
    if (code || !(*ret_reader)->is_growing || slot->is_admitted)
        return code;
    slot->is_admitted = places_admit(slot->shared->places);
    slot->is_crowded_out = !slot->is_admitted;
    if (slot->is_admitted)
        return ES_OK;
    blob_reader_close(es_take(*ret_reader));
    return es_fail(reterr, ES_CANCELLED, "too many parts wait for their sources");
}

/* Opens the source for a plan. */
static enum es_code open_for_plan(struct slot *slot, struct blob_reader **ret_reader,
                                  struct es_err *reterr)
{
    es_auto(blob_reader) source = NULL;
    enum es_code code = open_source(slot, &source, reterr);
    bool has_grown = !code && source->is_growing;
    int64_t until_ms = es_clock_monotonic_ms() + ARRIVAL_GRACE_MS;
    while (!code && source->is_growing && es_clock_monotonic_ms() < until_ms) {
        es_sleep_ms(ARRIVAL_POLL_MS);
        code = source->ops->look(source, reterr);
    }
    if (!code && has_grown && !source->is_growing) { /* a whole one has a descriptor */
        blob_reader_close(es_take(source));
        code = open_source(slot, &source, reterr);
    }
    if (!code)
        *ret_reader = es_take(source);
    return code;
}

/* The task over a source, whole or not. */
static struct task task_over(enum task_kind kind, const struct blob_reader *source)
{
    return (struct task){ .kind = kind,
                          .input_size_bytes = source->is_growing ? 0 : source->info.size_bytes,
                          .is_input_arriving = source->is_growing };
}

static enum es_code do_plan(struct slot *slot, bool *ret_is_crash, struct es_err *reterr)
{
    struct job *job;
    enum es_code code = slot->context->meta->ops->job_get(
        slot->context->meta, slot->lease->part.job_id, slot->arena, &job, reterr);
    if (code)
        return code;
    es_auto(blob_reader) source = NULL;
    code = open_for_plan(slot, &source, reterr);
    if (code)
        return code;
    struct task task = task_over(TASK_PLAN, source);
    task.target = job->target;
    task.options = job->options;
    const char *text;
    code = run_task(slot, &task, source, &text, ret_is_crash, reterr);
    if (code)
        return code;
    struct part *parts;
    size_t count;
    code = task_parts_read(text, slot->arena, &parts, &count, reterr);
    if (code)
        return code;
    return slot->queue->ops->finish(slot->queue, slot->lease, NULL, parts, count, reterr);
}

static enum es_code do_convert(struct slot *slot, bool *ret_is_crash, struct es_err *reterr)
{
    es_auto(blob_reader) source = NULL;
    enum es_code code = open_source(slot, &source, reterr);
    if (code)
        return code;
    struct task task = task_over(TASK_CONVERT, source);
    task.spec = slot->lease->part.spec;
    const char *result;
    code = run_task(slot, &task, source, &result, ret_is_crash, reterr);
    if (code)
        return code;
    return slot->queue->ops->finish(slot->queue, slot->lease, result, NULL, 0, reterr);
}

static bool is_kept(const struct engine_outcome *outcome, const char *name)
{
    for (size_t i = 0; i < outcome->object_count; i++)
        if (strcmp(outcome->objects[i], name) == 0)
            return true;
    return false;
}

/* Removes what the parts left for the join only. A failure leaves objects that go with the job. */
static void remove_intermediates(struct slot *slot, const struct engine_outcome *outcome)
{
    struct blob_store *blobs = slot->context->blobs;
    const char *prefix =
        es_printf(slot->arena, "converted/%s/%s/", slot->lease->media_id, slot->lease->part.job_id);
    const char *after = NULL;
    size_t count = LIST_PAGE;
    while (count == LIST_PAGE) {
        const char **keys;
        struct es_err err = { 0 };
        enum es_code code =
            blobs->ops->list(blobs, prefix, after, LIST_PAGE, slot->arena, &keys, &count, &err);
        for (size_t i = 0; !code && i < count; i++) {
            after = keys[i];
            if (!is_kept(outcome, keys[i] + strlen(prefix)))
                code = blobs->ops->remove(blobs, keys[i], &err);
        }
        if (code) {
            es_log(ES_LOG_WARNING, "intermediates left behind",
                   es_log_str("job_id", slot->lease->part.job_id),
                   es_log_str("reason", err.detail));
            return;
        }
    }
}

static enum es_code do_join(struct slot *slot, bool *ret_is_crash, struct es_err *reterr)
{
    struct part *parts;
    size_t count, converts = 0;
    enum es_code code = slot->queue->ops->parts(slot->queue, slot->lease->part.job_id, slot->arena,
                                                &parts, &count, reterr);
    if (code)
        return code;
    struct part *finished = es_new_array(slot->arena, struct part, count);
    for (size_t i = 0; i < count; i++)
        if (parts[i].kind == PART_CONVERT)
            finished[converts++] = parts[i];
    struct task task = {
        .kind = TASK_JOIN, .spec = slot->lease->part.spec, .parts = finished, .part_count = converts
    };
    const char *result;
    code = run_task(slot, &task, NULL, &result, ret_is_crash, reterr);
    if (code)
        return code;
    struct engine_outcome outcome;
    code = engine_outcome_read(result, slot->arena, &outcome, reterr);
    if (code)
        return code;
    code = conversion_done(slot->context, slot->lease, outcome.output_size_bytes, outcome.details,
                           reterr);
    if (code)
        return code;
    remove_intermediates(slot, &outcome);
    conversion_settle(slot->context, slot->lease);
    atomic_fetch_add(&slot->shared->jobs_done, 1);
    es_metric_add(slot->shared->jobs_done_total, &slot->shared->worker_id, 1);
    es_log(ES_LOG_INFO, "job done", es_log_str("job_id", slot->lease->part.job_id),
           es_log_int("output_bytes", outcome.output_size_bytes),
           es_log_real("duration_seconds", outcome.duration_seconds));
    return ES_OK;
}

/* A job whose record has ended or is gone, while the queue still holds parts of it: whoever ended
 * it did not live to tell the queue. */
static enum es_code check_alive(struct slot *slot, struct es_err *reterr)
{
    const char *job_id = slot->lease->part.job_id;
    struct job *job;
    enum es_code code =
        slot->context->meta->ops->job_get(slot->context->meta, job_id, slot->arena, &job, reterr);
    if (code && code != ES_NOT_FOUND)
        return code;
    if (!code && !job_status_is_final(job->status))
        return ES_OK;
    code = slot->queue->ops->forget(slot->queue, job_id, reterr);
    return code ? code : es_fail(reterr, ES_CANCELLED, "the job has ended already");
}

static enum es_code do_part(struct slot *slot, bool *ret_is_crash, struct es_err *reterr)
{
    enum es_code code = slot->lease->part.kind == PART_PLAN
                            ? conversion_started(slot->context, slot->lease, reterr)
                            : check_alive(slot, reterr);
    if (code)
        return code;
    switch (slot->lease->part.kind) {
    case PART_PLAN:
        return do_plan(slot, ret_is_crash, reterr);
    case PART_CONVERT:
        return do_convert(slot, ret_is_crash, reterr);
    case PART_JOIN:
        return do_join(slot, ret_is_crash, reterr);
    case PART_KIND_UNSET:
        break;
    }
    return es_fail(reterr, ES_INVALID, "a part of no known kind");
}

static void log_part(const struct slot *slot, enum es_log_level level, const char *event,
                     enum es_code code, const struct es_err *err)
{
    const struct part *part = &slot->lease->part;
    es_log(level, event, es_log_str("job_id", part->job_id), es_log_int("part", part->index),
           es_log_str("kind", part_kind_name(part->kind)),
           es_log_str("worker_id", slot->shared->worker_id), es_log_int("attempt", part->attempts),
           es_log_int("ms", es_clock_monotonic_ms() - slot->started_at_ms),
           es_log_str("code", code ? es_code_name(code) : NULL),
           es_log_str("word", code ? err->word : NULL),
           es_log_str("reason", code ? err->detail : NULL));
}

static void log_settled(const struct slot *slot, enum es_code code, const struct es_err *err)
{
    if (code && code != ES_CANCELLED && code != ES_CONFLICT)
        log_part(slot, ES_LOG_ERROR, "part not settled", code, err);
}

/* The job has failed for good. */
static void fail_job(struct slot *slot, enum es_code code, const struct es_err *why)
{
    log_part(slot, ES_LOG_WARNING, "job failed", code, why);
    struct es_err err = { 0 };
    enum es_code settled = conversion_failed(slot->context, slot->lease, code, why->word, &err);
    log_settled(slot, settled, &err);
    if (!settled) {
        atomic_fetch_add(&slot->shared->jobs_failed, 1);
        es_metric_add(slot->shared->jobs_failed_total, &slot->shared->worker_id, 1);
    }
}

static void settle_failure(struct slot *slot, enum es_code code, bool is_crash,
                           const struct es_err *why)
{
    const struct part *part = &slot->lease->part;
    struct es_err err = { 0 };
    if (atomic_load(&slot->shared->must_hand_back) && code == ES_CANCELLED) {
        log_part(slot, ES_LOG_INFO, "part handed back", ES_OK, why);
        log_settled(slot, slot->queue->ops->release(slot->queue, slot->lease, 0, &err), &err);
        return;
    }
    if (slot->is_crowded_out && code == ES_CANCELLED) {
        log_part(slot, ES_LOG_INFO, "part handed back", ES_OK, why);
        log_settled(slot,
                    slot->queue->ops->release(slot->queue, slot->lease, CROWDED_DELAY_MS, &err),
                    &err);
        return;
    }
    if (code == ES_CANCELLED || code == ES_NOT_FOUND) { /* the user's will, or the media is gone */
        log_part(slot, ES_LOG_INFO, "part dropped", code, why);
        log_settled(slot,
                    conversion_discard(slot->context, slot->lease->media_id, part->job_id, &err),
                    &err);
        return;
    }
    if (code == ES_CONFLICT) { /* another worker has it */
        log_part(slot, ES_LOG_WARNING, "part lost", code, why);
        return;
    }
    struct retry retry = part_retry(code, part->attempts, part->crashes + is_crash, is_crash);
    if (!retry.is_retried || (slot->shared->is_hasty && !is_crash)) {
        fail_job(slot, code, why);
        return;
    }
    log_part(slot, ES_LOG_WARNING, "part will be tried again", code, why);
    log_settled(slot,
                slot->queue->ops->retry(slot->queue, slot->lease, retry.delay_ms, is_crash, &err),
                &err);
}

void slot_run(struct slot_shared *shared, const struct lease *lease, struct es_arena *arena)
{
    struct slot slot = { .shared = shared,
                         .context = shared->context,
                         .queue = shared->context->queue,
                         .lease = lease,
                         .arena = arena,
                         .started_at_ms = es_clock_monotonic_ms(),
                         .extended_at_ms = es_clock_monotonic_ms() };
    struct es_err err = { 0 };
    bool is_crash = false;
    log_part(&slot, ES_LOG_INFO, "part started", ES_OK, &err);
    int busy = atomic_fetch_add(&shared->busy, 1) + 1;
    es_metric_set(shared->jobs_in_progress, &shared->worker_id, busy);

    enum es_code code = do_part(&slot, &is_crash, &err);
    if (code)
        settle_failure(&slot, code, is_crash, &err);
    else
        log_part(&slot, ES_LOG_INFO, "part done", ES_OK, &err);

    if (slot.is_admitted)
        places_dismiss(shared->places);
    busy = atomic_fetch_sub(&shared->busy, 1) - 1;
    es_metric_set(shared->jobs_in_progress, &shared->worker_id, busy);
    es_metric_observe(shared->part_seconds, (const char *[]){ part_kind_name(lease->part.kind) },
                      (double)(es_clock_monotonic_ms() - slot.started_at_ms) / 1000);
}

void slot_report_dead(struct slot_shared *shared, const char *job_id)
{
    struct es_err err = { 0 };
    enum es_code code = conversion_dead(shared->context, job_id, &err);
    if (code) {
        es_log(ES_LOG_ERROR, "dead job not recorded", es_log_str("job_id", job_id),
               es_log_str("reason", err.detail));
        return;
    }
    atomic_fetch_add(&shared->jobs_failed, 1);
    es_metric_add(shared->jobs_failed_total, &shared->worker_id, 1);
    es_log(ES_LOG_WARNING, "job failed", es_log_str("job_id", job_id),
           es_log_str("word", "attempts_exhausted"));
}
