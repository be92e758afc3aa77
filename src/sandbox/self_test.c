/* Each wall is proved alone, by a child of its own: what is stopped by one must not hide a hole in
 * another. */
#include "sandbox/attempt.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"
#include "sandbox/sandbox_internal.h"

#include <stddef.h>

#define ATTEMPT_TIMEOUT_MS 10000

struct wall {
    const char *name;
    size_t place; /* of its bool in struct sandbox_walls */
    enum errand errand;
    unsigned int behind; /* CONFINE_ bits raised for the attempt */
};

#define WALL(name_) .name = #name_, .place = offsetof(struct sandbox_walls, name_)

static const struct wall walls_tried[] = {
    { WALL(files), ERRAND_TRY_OPEN, CONFINE_SECCOMP },
    { WALL(network), ERRAND_TRY_SOCKET, CONFINE_SECCOMP },
    { WALL(processes), ERRAND_TRY_FORK, CONFINE_SECCOMP },
    { WALL(programs), ERRAND_TRY_EXECUTE, CONFINE_SECCOMP },
    { WALL(tracing), ERRAND_TRY_TRACE, CONFINE_SECCOMP },
    { WALL(landlock), ERRAND_TRY_OPEN, CONFINE_LANDLOCK },
    { WALL(unprivileged), ERRAND_TRY_PRIVILEGE, CONFINE_NONE },
};

#define WALL_COUNT (sizeof(walls_tried) / sizeof(walls_tried[0]))

static bool *holds(struct sandbox_walls *walls, const struct wall *wall)
{
    return (bool *)((char *)walls + wall->place);
}

static enum es_code begin_attempt(struct sandbox *sandbox, const struct wall *wall,
                                  struct child **ret_child, struct es_err *reterr)
{
    const struct spawn_request wanted = {
        .errand = wall->errand,
        .walls = wall->behind,
        .limits = { .memory_bytes = (uint64_t)64 << 20,
                    .cpu_seconds = 10,
                    .file_bytes = 1 << 20,
                    .fd_count = 16 },
    };
    enum es_code code = sandbox_spawn_errand(sandbox, &wanted, ret_child, reterr);
    return code ? es_wrap(reterr, code, "cannot try the wall '%s'", wall->name) : ES_OK;
}

static enum es_code end_attempt(struct child *child, const struct wall *wall, bool *ret_holds,
                                struct es_err *reterr)
{
    struct child_exit ended;
    enum es_code code = child_wait(child, ATTEMPT_TIMEOUT_MS, &ended, reterr);
    if (code != ES_OK)
        return es_wrap(reterr, code, "cannot try the wall '%s'", wall->name);
    *ret_holds = ended.end == CHILD_END_FORBIDDEN ||
                 (ended.end == CHILD_END_EXITED && ended.code == ATTEMPT_STOPPED);
    return ES_OK;
}

/* All at once: they are children of their own, and every start waits for them. */
enum es_code sandbox_self_test(struct sandbox *sandbox, struct sandbox_walls *ret_walls,
                               struct es_err *reterr)
{
    struct sandbox_walls walls = { .landlock_abi = landlock_abi() };
    struct child *children[WALL_COUNT] = { 0 };
    enum es_code code = ES_OK;
    for (size_t i = 0; code == ES_OK && i < WALL_COUNT; i++)
        code = begin_attempt(sandbox, &walls_tried[i], &children[i], reterr);
    for (size_t i = 0; i < WALL_COUNT; i++) {
        if (code == ES_OK)
            code =
                end_attempt(children[i], &walls_tried[i], holds(&walls, &walls_tried[i]), reterr);
        if (children[i])
            child_close(children[i]);
    }
    if (code == ES_OK)
        *ret_walls = walls;
    return code;
}

bool sandbox_walls_hold(const struct sandbox_walls *walls)
{
    return walls->files && walls->network && walls->processes && walls->programs &&
           walls->tracing && walls->unprivileged;
}

void sandbox_walls_format(const struct sandbox_walls *walls,
                          char ret_text[static SANDBOX_WALLS_TEXT_SIZE])
{
    struct sandbox_walls copy = *walls;
    size_t used = 0;
    for (size_t i = 0; i < WALL_COUNT; i++) {
        const struct wall *wall = &walls_tried[i];
        bool is_up = *holds(&copy, wall);
        used += (size_t)snprintf(ret_text + used, SANDBOX_WALLS_TEXT_SIZE - used, "%s%s%s",
                                 i == 0 ? "" : " ", is_up ? "" : "NO-", wall->name);
        if (is_up && wall->place == offsetof(struct sandbox_walls, landlock))
            used += (size_t)snprintf(ret_text + used, SANDBOX_WALLS_TEXT_SIZE - used, "-%d",
                                     copy.landlock_abi);
    }
}
