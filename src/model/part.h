/* A part is what one slot of one worker does at a time, in one child process: planning a job,
 * converting a span of one track, or joining the finished parts. The queue moves parts and reads
 * nothing of `spec` and `result`, which are the engine's (JSON text). */
#ifndef PART_H
#define PART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/es_error.h"
#include "base/es_id.h"

#define PART_COUNT_MAX      20000
#define PART_TEXT_BYTES_MAX (1024 * 1024) /* spec and result, each */
#define PART_ATTEMPTS_MAX   5             /* of what can heal */
#define PART_CRASHES_MAX    2             /* of a child that died on the same bytes */

enum part_kind { PART_KIND_UNSET = 0, PART_PLAN, PART_CONVERT, PART_JOIN };

enum part_state {
    PART_STATE_UNSET = 0,
    PART_BLOCKED, /* a join that waits for the others */
    PART_WAITING,
    PART_LEASED,
    PART_DONE,
};

struct part {
    char job_id[ES_ID_SIZE];
    int index; /* PLAN is 0; what a plan made counts from 1 in the order of wanting */
    enum part_kind kind;
    enum part_state state;
    bool is_first;         /* one of those that make the job playable: goes before others */
    double weight_seconds; /* seconds of media; the job's progress is weighed by it */
    const char *spec;      /* NULL for PLAN */
    const char *result;    /* when done; while running: what is published so far; NULL: nothing */
    double seconds_done;   /* of weight_seconds, while leased */
    double speed;          /* times real time, while leased */
    int attempts;          /* how often it was leased and not handed back */
    int crashes;
    const char *worker_id; /* while leased, and who did it when done */
};

/* The right to work on a part until it expires. `fence` grows with every lease of the same job. */
struct lease {
    char token[ES_ID_SIZE];
    char user_id[ES_ID_SIZE];
    char media_id[ES_ID_SIZE];
    int64_t fence;
    int64_t expires_at_ms; /* wall clock */
    struct part part;
};

const char *part_kind_name(enum part_kind kind); /* "plan" "convert" "join" */
const char *part_state_name(enum part_state state);

/* What becomes of a part that failed: the one table behind every retry. */
struct retry {
    bool is_retried;
    int64_t delay_ms; /* doubles with each attempt, at most 30 s */
};
/* `attempts` and `crashes` count this one; `is_crash`: the child died rather than said why. */
struct retry part_retry(enum es_code code, int attempts, int crashes, bool is_crash);

/* Whether a job that failed so, for good, may go well when a person asks for it again: on a machine
 * that has more room or less to do. `word` may be NULL. */
bool part_failure_can_pass(enum es_code code, const char *word);

#endif
