/* The one table of settings: it drives reading, `espotifai config`, the documentation and its test.
 * A value comes from the environment, else from --env-file, else from the default; a secret also
 * from the file that NAME_FILE names. What is unknown or malformed is an error that says which
 * setting, and what it takes. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"

enum setting_type {
    SETTING_TYPE_UNSET = 0,
    SETTING_TEXT,
    SETTING_INTEGER, /* decimal, min..max; after a size K, M, G or T may stand (powers of 1024) */
    SETTING_CHOICE,  /* one of the words in `choices` */
};

enum setting {
    SETTING_HOST,
    SETTING_PORT,
    SETTING_DATA_DIR,
    SETTING_PUBLIC_URL,
    SETTING_TRUST_PROXY,
    SETTING_CORS_ALLOWED_ORIGINS,
    SETTING_JWT_SECRET_KEY,
    SETTING_JWT_ALGORITHM,
    SETTING_ACCESS_TOKEN_EXPIRE_MINUTES,
    SETTING_PLAYBACK_POLICY,
    SETTING_LINK_LIFETIME_SECONDS,
    SETTING_UPLOAD_BYTES_MAX,
    SETTING_USER_JOBS_MAX,
    SETTING_CONNECTIONS_MAX,
    SETTING_CONNECTIONS_PER_ADDRESS_MAX,
    SETTING_HANDLER_THREADS,
    SETTING_REDIS_QUEUE,
    SETTING_WORKER_ID,
    SETTING_WORKER_SLOTS,
    SETTING_METRICS_PORT,
    SETTING_LEASE_SECONDS,
    SETTING_DRAIN_SECONDS,
    SETTING_PART_MEMORY_BYTES,
    SETTING_PART_CPU_SECONDS,
    SETTING_PART_STALL_SECONDS,
    SETTING_SANDBOX,
    SETTING_LOG_LEVEL,
    SETTING_LOG_FORMAT,
    SETTING_COUNT
};

struct setting_row {
    const char *name;
    const char *alias; /* another name that counts where the first is not set, or NULL */
    enum setting_type type;
    const char *otherwise; /* the default as text */
    int64_t min, max;
    const char *unit;    /* "bytes", "s" ... or "" */
    const char *choices; /* "a|b|c" */
    bool is_secret;
    const char *help; /* one sentence */
};

extern const struct setting_row setting_rows[SETTING_COUNT];

struct settings {
    const char *texts[SETTING_COUNT];
    int64_t integers[SETTING_COUNT];    /* INTEGER: the value; CHOICE: the index of the word */
    const char *origins[SETTING_COUNT]; /* "environment", the env-file's path, or "default" */
};

/* `env_file` may be NULL. Texts live in `arena`. ES_INVALID; ES_NOT_FOUND, ES_IO for a file. */
ES_CHECK enum es_code settings_load(const char *env_file, struct es_arena *arena,
                                    struct settings *ret_settings, struct es_err *reterr);

/* Only whether SANDBOX is on, found without keeping anything of a file's bytes in memory: asked
 * before the sandbox's helpers are forked, and therefore before secrets are read. */
ES_CHECK enum es_code settings_peek_sandbox(const char *env_file, bool *ret_is_on,
                                            struct es_err *reterr);

/* Splits a text at commas, blanks around each dropped, empty ones left out. */
const char *const *settings_split(const char *text, struct es_arena *arena, size_t *ret_count);

#endif
