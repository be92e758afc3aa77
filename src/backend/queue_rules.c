/* The sums behind job_live, and the checks on what workers hand in. */
#include "backend/queue_rules.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* The shares of planning and joining in a job's progress; converting has the rest. */
#define PLAN_SHARE 0.01
#define JOIN_SHARE 0.02

void queue_sums_tell(const struct queue_sums *sums, struct job_live *live)
{
    double left = sums->seconds_total - sums->seconds_done;
    double converted = sums->seconds_total > 0 ? sums->seconds_done / sums->seconds_total : 1;
    live->speed = sums->speed;
    live->eta_seconds = -1;
    if (sums->outcome == QUEUE_DONE) {
        live->progress = 1;
        live->eta_seconds = 0;
        return;
    }
    if (!sums->is_planned)
        return;
    live->progress =
        PLAN_SHARE + converted * (1 - PLAN_SHARE - JOIN_SHARE) + sums->join_fraction * JOIN_SHARE;
    if (live->progress > 0.999)
        live->progress = 0.999;
    if (sums->outcome == QUEUE_OPEN && (sums->speed > 0 || left <= 0))
        live->eta_seconds = left > 0 ? left / sums->speed : 0;
}

/* Of two that come to the same round: who began in it, or was served longer ago, goes first. */
static bool begins_before(const struct queue_turn *a, const struct queue_turn *b)
{
    if (a->leased != b->leased)
        return a->leased > b->leased;
    return a->served != b->served ? a->served < b->served : a->number < b->number;
}

int64_t queue_plans_before(const struct queue_turn *mine, int64_t place,
                           const struct queue_turn *other)
{
    int64_t rounds = mine->leased + mine->before + place - other->leased - other->before;
    if (rounds < 0)
        return 0;
    if (rounds >= other->plans)
        return other->plans;
    return rounds + begins_before(other, mine);
}

int64_t queue_turn_number(enum part_kind kind, bool is_first)
{
    if (kind == PART_JOIN)
        return QUEUE_TURN_JOIN;
    return kind == PART_PLAN || is_first ? QUEUE_TURN_FIRST : QUEUE_TURN_OTHER;
}

int64_t queue_turn_asked(int64_t least)
{
    return (least < QUEUE_TURN_JOIN ? least : QUEUE_TURN_JOIN) - 1;
}

int64_t queue_first_fence(const struct job *job)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    return job->fence > now_us ? job->fence : now_us;
}

enum es_code queue_check_text(const char *text, struct es_err *reterr)
{
    if (text && strnlen(text, PART_TEXT_BYTES_MAX + 1) > PART_TEXT_BYTES_MAX)
        return es_fail(reterr, ES_INVALID, "a part's text is longer than %d bytes",
                       PART_TEXT_BYTES_MAX);
    return ES_OK;
}

enum es_code queue_check_plan(const struct part *parts, size_t count, struct es_err *reterr)
{
    if (count < 1 || count > PART_COUNT_MAX)
        return es_fail(reterr, ES_INVALID, "a plan of %zu parts", count);
    es_auto_arena arena = { 0 };
    bool *is_used = es_new_array(&arena, bool, PART_COUNT_MAX + 1);
    size_t join_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct part *part = &parts[i];
        if (part->index < 1 || part->index > PART_COUNT_MAX || is_used[part->index])
            return es_fail(reterr, ES_INVALID, "a plan with the index %d", part->index);
        is_used[part->index] = true;
        if (part->kind != PART_CONVERT && part->kind != PART_JOIN)
            return es_fail(reterr, ES_INVALID, "a plan with a part of kind %d", (int)part->kind);
        join_count += part->kind == PART_JOIN;
        if (!isfinite(part->weight_seconds) || part->weight_seconds < 0)
            return es_fail(reterr, ES_INVALID, "a plan with a weight that is no number");
        enum es_code code = queue_check_text(part->spec, reterr);
        if (code)
            return code;
    }
    if (join_count != 1)
        return es_fail(reterr, ES_INVALID, "a plan with %zu joins", join_count);
    return ES_OK;
}

enum es_code queue_lease_lost(const struct lease *lease, struct es_err *reterr)
{
    return es_fail_word(reterr, ES_CONFLICT, "lease_lost", "part %d of job %s has another holder",
                        lease->part.index, lease->part.job_id);
}

enum es_code queue_job_ended(const struct lease *lease, struct es_err *reterr)
{
    return es_fail(reterr, ES_CANCELLED, "job %s was cancelled, given up or forgotten",
                   lease->part.job_id);
}
