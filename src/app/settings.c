/* Reads the table from the environment and a dotenv file: KEY=value lines, '#' comments, "export ",
 * single and double quotes around a value. */
#include "app/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_auto.h"
#include "base/es_buf.h"
#include "base/es_file.h"
#include "base/es_text.h"

#define ENV_FILE_BYTES_MAX (256 * 1024)
#define SECRET_BYTES_MAX   16384
#define TERABYTE           ((int64_t)1 << 40)

const struct setting_row setting_rows[SETTING_COUNT] = {
    [SETTING_HOST] = { "HOST", NULL, SETTING_TEXT, "127.0.0.1", 0, 0, "", NULL, false,
                       "Where the gateway listens; 0.0.0.0 lets other machines in." },
    [SETTING_PORT] = { "PORT", NULL, SETTING_INTEGER, "8000", 0, 65535, "", NULL, false,
                       "The gateway's port; 0 takes any free one." },
    [SETTING_DATA_DIR] = { "DATA_DIR", NULL, SETTING_TEXT, "./data", 0, 0, "", NULL, false,
                           "The folder of the database, the objects and the keys." },
    [SETTING_PUBLIC_URL] = { "PUBLIC_URL", NULL, SETTING_TEXT, "", 0, 0, "", NULL, false,
                             "How users reach the gateway (https://media.example.org); by default "
                             "what "
                             "their request says." },
    [SETTING_TRUST_PROXY] = { "TRUST_PROXY", NULL, SETTING_CHOICE, "off", 0, 0, "", "off|on", false,
                              "Believe X-Forwarded-For and X-Forwarded-Proto; only behind a proxy "
                              "that "
                              "sets them." },
    [SETTING_CORS_ALLOWED_ORIGINS] = { "CORS_ALLOWED_ORIGINS", NULL, SETTING_TEXT, "", 0, 0, "",
                                       NULL, false,
                                       "Origins, by commas, whose pages may call the API." },
    [SETTING_JWT_SECRET_KEY] = { "JWT_SECRET_KEY", "SECRET_KEY", SETTING_TEXT, "", 0, 0, "", NULL,
                                 true,
                                 "Signs sessions; several by commas: the first signs, all verify. "
                                 "By "
                                 "default one is made and kept in DATA_DIR." },
    [SETTING_JWT_ALGORITHM] = { "JWT_ALGORITHM", NULL, SETTING_CHOICE, "HS256", 0, 0, "", "HS256",
                                false, "How sessions are signed." },
    [SETTING_ACCESS_TOKEN_EXPIRE_MINUTES] = { "ACCESS_TOKEN_EXPIRE_MINUTES", NULL, SETTING_INTEGER,
                                              "1440", 1, 525600, "min", NULL, false,
                                              "How long a session lasts." },
    [SETTING_PLAYBACK_POLICY] = { "PLAYBACK_POLICY", NULL, SETTING_CHOICE, "public", 0, 0, "",
                                  "public|signed", false,
                                  "Who may play new media: whoever knows both ids, or only the "
                                  "owner, "
                                  "recipients and signed links." },
    [SETTING_LINK_LIFETIME_SECONDS] = { "LINK_LIFETIME_SECONDS", NULL, SETTING_INTEGER, "3600", 60,
                                        31536000, "s", NULL, false,
                                        "How long a signed link works." },
    [SETTING_UPLOAD_BYTES_MAX] = { "UPLOAD_BYTES_MAX", NULL, SETTING_INTEGER, "64G", 1,
                                   16 * TERABYTE, "bytes", NULL, false,
                                   "The largest file that is taken." },
    [SETTING_USER_JOBS_MAX] = { "USER_JOBS_MAX", NULL, SETTING_INTEGER, "100", 1, 200, "", NULL,
                                false, "Unfinished jobs that one user may have." },
    [SETTING_CONNECTIONS_MAX] = { "CONNECTIONS_MAX", NULL, SETTING_INTEGER, "4096", 16, 100000, "",
                                  NULL, false, "Open connections in all." },
    [SETTING_CONNECTIONS_PER_ADDRESS_MAX] = { "CONNECTIONS_PER_ADDRESS_MAX", NULL, SETTING_INTEGER,
                                              "256", 0, 100000, "", NULL, false,
                                              "Open connections of one address; 0 sets no limit, "
                                              "as behind a proxy." },
    [SETTING_HANDLER_THREADS] = { "HANDLER_THREADS", NULL, SETTING_INTEGER, "16", 2, 256, "", NULL,
                                  false, "Requests that are worked on at once." },
    [SETTING_REDIS_QUEUE] = { "REDIS_QUEUE", NULL, SETTING_TEXT, "convert", 0, 0, "", NULL, false,
                              "The queue's name, in metrics and on the monitor." },
    [SETTING_WORKER_ID] = { "WORKER_ID", NULL, SETTING_TEXT, "worker_a", 0, 0, "", NULL, false,
                            "The worker's name in the fleet; each needs its own." },
    [SETTING_WORKER_SLOTS] = { "WORKER_SLOTS", NULL, SETTING_INTEGER, "0", 0, 256, "", NULL, false,
                               "Parts that are converted at once; 0 takes one a core." },
    [SETTING_METRICS_PORT] = { "METRICS_PORT", NULL, SETTING_INTEGER, "9102", 0, 65535, "", NULL,
                               false,
                               "Where `espotifai worker` serves its metrics; 0 takes any free "
                               "port." },
    [SETTING_LEASE_SECONDS] = { "LEASE_SECONDS", NULL, SETTING_INTEGER, "10", 2, 600, "s", NULL,
                                false,
                                "After so long without a heartbeat a part goes to another slot." },
    [SETTING_DRAIN_SECONDS] = { "DRAIN_SECONDS", NULL, SETTING_INTEGER, "10", 0, 3600, "s", NULL,
                                false, "How long requests and parts may finish at shutdown." },
    [SETTING_PART_MEMORY_BYTES] = { "PART_MEMORY_BYTES", NULL, SETTING_INTEGER, "4G",
                                    (int64_t)256 << 20, TERABYTE, "bytes", NULL, false,
                                    "Memory that one part may allocate." },
    [SETTING_PART_CPU_SECONDS] = { "PART_CPU_SECONDS", NULL, SETTING_INTEGER, "7200", 10, 1000000,
                                   "s", NULL, false, "Processor time that one part may use." },
    [SETTING_PART_STALL_SECONDS] = { "PART_STALL_SECONDS", NULL, SETTING_INTEGER, "60", 5, 3600,
                                     "s", NULL, false,
                                     "A part without progress for so long is ended." },
    [SETTING_SANDBOX] = { "SANDBOX", NULL, SETTING_CHOICE, "on", 0, 0, "", "off|on", false,
                          "Decoders run behind walls; off only where the kernel cannot." },
    [SETTING_LOG_LEVEL] = { "LOG_LEVEL", NULL, SETTING_CHOICE, "info", 0, 0, "",
                            "debug|info|warning|error", false, "The least that is logged." },
    [SETTING_LOG_FORMAT] = { "LOG_FORMAT", NULL, SETTING_CHOICE, "auto", 0, 0, "", "auto|text|json",
                             false, "auto is text on a terminal and JSON lines elsewhere." },
};

static enum es_code read_integer(const struct setting_row *row, const char *text,
                                 int64_t *ret_value, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    static const char suffixes[] = "KMGT";
    size_t length = strlen(text);
    int shift = 0;
    const char *suffix = NULL;
    if (length > 1 && strcmp(row->unit, "bytes") == 0)
        suffix = strchr(suffixes, toupper((unsigned char)text[length - 1]));
    if (suffix && *suffix) {
        shift = 10 * (int)(suffix - suffixes + 1);
        length--;
    }
    int64_t value;
    if (!es_text_to_i64(es_strndup(&arena, text, length), &value) || value < 0 ||
        value > INT64_MAX >> shift || value << shift < row->min || value << shift > row->max)
        return es_fail(reterr, ES_INVALID,
                       "%s must be a whole number from %lld to %lld%s%s, not '%s'", row->name,
                       (long long)row->min, (long long)row->max, *row->unit ? " " : "", row->unit,
                       text);
    *ret_value = value << shift;
    return ES_OK;
}

static enum es_code read_choice(const struct setting_row *row, const char *text, int64_t *ret_index,
                                struct es_err *reterr)
{
    size_t length = strlen(text);
    int64_t index = 0;
    for (const char *word = row->choices; word; index++) {
        const char *end = strchr(word, '|');
        size_t word_length = end ? (size_t)(end - word) : strlen(word);
        if (word_length == length && memcmp(word, text, length) == 0) {
            *ret_index = index;
            return ES_OK;
        }
        word = end ? end + 1 : NULL;
    }
    return es_fail(reterr, ES_INVALID, "%s must be one of %s, not '%s'", row->name, row->choices,
                   text);
}

/* A dotenv value: quotes around it go, blanks around it too. Changes `value` in place. */
static char *unquote(char *value)
{
    size_t length = strlen(value);
    while (length > 0 && isspace((unsigned char)value[length - 1]))
        value[--length] = 0;
    if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
        value[length - 1] = 0;
        return value + 1;
    }
    return value;
}

struct pair {
    char *name, *value;
};

/* Cuts `line` into name and value; false for a blank line or a comment. */
static bool cut_line(char *line, struct pair *ret_pair, bool *ret_is_malformed)
{
    *ret_is_malformed = false;
    line += strspn(line, " \t\r");
    if (!*line || *line == '#')
        return false;
    if (es_text_has_prefix(line, "export "))
        line += strlen("export ");
    char *equals = strchr(line, '=');
    *ret_is_malformed = !equals || equals == line;
    if (*ret_is_malformed)
        return false;
    *equals = 0;
    *ret_pair = (struct pair){ .name = unquote(line),
                               .value = unquote(equals + 1 + strspn(equals + 1, " \t")) };
    return true;
}

static int row_named(const char *name, bool *ret_is_file)
{
    size_t length = strlen(name);
    *ret_is_file = es_text_has_suffix(name, "_FILE");
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        const char *const names[] = { row->name, row->alias };
        for (size_t n = 0; n < 2; n++) {
            if (names[n] && strcmp(names[n], name) == 0) {
                *ret_is_file = false;
                return i;
            }
            if (names[n] && row->is_secret && *ret_is_file && strlen(names[n]) == length - 5 &&
                strncmp(names[n], name, length - 5) == 0)
                return i;
        }
    }
    return -1;
}

static enum es_code read_secret_file(const char *path, struct es_arena *arena,
                                     const char **ret_text, struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    enum es_code code = es_file_read(path, SECRET_BYTES_MAX, &text, reterr);
    if (code)
        return code;
    char *value = es_strndup(arena, es_buf_text(&text), text.size);
    value[strcspn(value, "\r\n")] = 0;
    if (text.size > 0)
        explicit_bzero(text.bytes, text.size);
    *ret_text = value;
    return ES_OK;
}

static enum es_code load_env_file(const char *path, struct es_arena *arena,
                                  struct settings *settings, struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    enum es_code code = es_file_read(path, ENV_FILE_BYTES_MAX, &text, reterr);
    if (code)
        return code;
    char *rest = es_strndup(arena, es_buf_text(&text), text.size);
    for (int line_number = 1; rest; line_number++) {
        char *line = strsep(&rest, "\n");
        struct pair pair;
        bool is_malformed, is_file;
        if (!cut_line(line, &pair, &is_malformed)) {
            if (is_malformed)
                return es_fail(reterr, ES_INVALID, "%s, line %d: not NAME=value", path,
                               line_number);
            continue;
        }
        int row = row_named(pair.name, &is_file);
        if (row < 0)
            return es_fail(reterr, ES_INVALID,
                           "%s, line %d: there is no setting '%s'; `espotifai config` lists all",
                           path, line_number, pair.name);
        const char *value = pair.value;
        if (is_file)
            code = read_secret_file(pair.value, arena, &value, reterr);
        if (code)
            return es_wrap(reterr, code, "%s, line %d", path, line_number);
        settings->texts[row] = value;
        settings->origins[row] = path;
    }
    return ES_OK;
}

static enum es_code load_environment(struct es_arena *arena, struct settings *settings,
                                     struct es_err *reterr)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        const char *const names[] = { row->alias, row->name }; /* the later one wins */
        for (size_t n = 0; n < 2; n++) {
            if (!names[n])
                continue;
            const char *value = getenv(names[n]);
            const char *file =
                row->is_secret ? getenv(es_printf(arena, "%s_FILE", names[n])) : NULL;
            if (!value && file) {
                enum es_code code = read_secret_file(file, arena, &value, reterr);
                if (code)
                    return es_wrap(reterr, code, "%s_FILE", names[n]);
            }
            if (value) {
                settings->texts[i] = es_strdup(arena, value);
                settings->origins[i] = "environment";
            }
        }
    }
    return ES_OK;
}

static enum es_code check(struct settings *settings, struct es_err *reterr)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        enum es_code code = ES_OK;
        if (!es_utf8_is_valid(settings->texts[i], strlen(settings->texts[i])) ||
            es_text_has_control(settings->texts[i]))
            return es_fail(reterr, ES_INVALID, "%s holds control characters or is not UTF-8",
                           row->name);
        if (row->type == SETTING_INTEGER)
            code = read_integer(row, settings->texts[i], &settings->integers[i], reterr);
        else if (row->type == SETTING_CHOICE)
            code = read_choice(row, settings->texts[i], &settings->integers[i], reterr);
        if (code)
            return es_wrap(reterr, code, "%s", settings->origins[i]);
    }
    return ES_OK;
}

enum es_code settings_load(const char *env_file, struct es_arena *arena,
                           struct settings *ret_settings, struct es_err *reterr)
{
    struct settings settings = { 0 };
    for (int i = 0; i < SETTING_COUNT; i++) {
        settings.texts[i] = setting_rows[i].otherwise;
        settings.origins[i] = "default";
    }
    enum es_code code = env_file ? load_env_file(env_file, arena, &settings, reterr) : ES_OK;
    if (!code)
        code = load_environment(arena, &settings, reterr);
    if (!code)
        code = check(&settings, reterr);
    if (!code)
        *ret_settings = settings;
    return code;
}

enum es_code settings_peek_sandbox(const char *env_file, bool *ret_is_on, struct es_err *reterr)
{
    const struct setting_row *row = &setting_rows[SETTING_SANDBOX];
    es_auto_buf text = { 0 };
    const char *value = getenv(row->name);
    if (!value && env_file) {
        enum es_code code = es_file_read(env_file, ENV_FILE_BYTES_MAX, &text, reterr);
        if (code)
            return code;
        char *rest = text.bytes;
        while (rest) {
            struct pair pair;
            bool is_malformed;
            if (cut_line(strsep(&rest, "\n"), &pair, &is_malformed) &&
                strcmp(pair.name, row->name) == 0)
                value = pair.value;
        }
    }
    int64_t index;
    enum es_code code = read_choice(row, value ? value : row->otherwise, &index, reterr);
    if (text.size > 0)
        explicit_bzero(text.bytes, text.size);
    if (!code)
        *ret_is_on = index == 1;
    return code;
}

const char *const *settings_split(const char *text, struct es_arena *arena, size_t *ret_count)
{
    size_t count = 1;
    for (const char *cursor = text; *cursor; cursor++)
        count += *cursor == ',';
    const char **pieces = es_new_array(arena, const char *, count);
    count = 0;
    char *rest = es_strdup(arena, text);
    while (rest) {
        char *piece = unquote(strsep(&rest, ","));
        piece += strspn(piece, " \t");
        if (*piece)
            pieces[count++] = piece;
    }
    *ret_count = count;
    return pieces;
}
