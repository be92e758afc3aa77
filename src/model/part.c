/* A part's words, and when a failed one is tried again. */
#include "model/part.h"

#include <string.h>

#include "model/names.h"

#define RETRY_DELAY_MS_FIRST 500
#define RETRY_DELAY_MS_MAX   30000

static const char *const kind_names[] = {
    [PART_PLAN] = "plan",
    [PART_CONVERT] = "convert",
    [PART_JOIN] = "join",
};
static const char *const state_names[] = {
    [PART_BLOCKED] = "blocked",
    [PART_WAITING] = "waiting",
    [PART_LEASED] = "leased",
    [PART_DONE] = "done",
};

const char *part_kind_name(enum part_kind kind)
{
    return NAME_OF(kind_names, kind);
}

const char *part_state_name(enum part_state state)
{
    return NAME_OF(state_names, state);
}

/* Whether time can heal it: another process, a backend that comes back. */
static bool can_heal(enum es_code code)
{
    switch (code) {
    case ES_UNAVAILABLE:
    case ES_IO:
    case ES_NO_MEMORY:
    case ES_CONFLICT:
    case ES_LIMIT:
        return true;
    case ES_OK:
    case ES_NOT_FOUND:
    case ES_INVALID:
    case ES_UNAUTHENTICATED:
    case ES_FORBIDDEN:
    case ES_CANCELLED:
    case ES_MEDIA:
    case ES_CODE_COUNT:
        break;
    }
    return false;
}

struct retry part_retry(enum es_code code, int attempts, int crashes, bool is_crash)
{
    bool is_retried =
        is_crash ? crashes < PART_CRASHES_MAX : can_heal(code) && attempts < PART_ATTEMPTS_MAX;
    int64_t delay_ms = RETRY_DELAY_MS_FIRST;
    for (int i = 1; i < attempts && delay_ms < RETRY_DELAY_MS_MAX; i++)
        delay_ms *= 2;
    if (delay_ms > RETRY_DELAY_MS_MAX)
        delay_ms = RETRY_DELAY_MS_MAX;
    return (struct retry){ .is_retried = is_retried, .delay_ms = is_retried ? delay_ms : 0 };
}

bool part_failure_can_pass(enum es_code code, const char *word)
{
    return can_heal(code) ||
           (word && (strcmp(word, "part_stalled") == 0 || strcmp(word, "resource_limit") == 0));
}
