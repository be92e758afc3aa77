/* link(2) makes the file appear whole, and for one process only. */
#include "app/jwt_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/es_auto.h"
#include "base/es_buf.h"
#include "base/es_file.h"
#include "base/es_id.h"
#include "base/es_text.h"

#define KEY_BYTES      32
#define KEY_LENGTH_MIN 16
#define FILE_BYTES_MAX 4096

static enum es_code make_key(const char *path, struct es_err *reterr)
{
    unsigned char bytes[KEY_BYTES];
    char text[2 * KEY_BYTES + 1], id[ES_ID_SIZE];
    es_random(bytes, sizeof(bytes));
    es_hex_encode(bytes, sizeof(bytes), text);
    es_id_v4(id);
    es_auto_arena arena = { 0 };
    const char *aside = es_printf(&arena, "%s.%s", path, id);
    enum es_code code = es_file_write(aside, text, strlen(text), 0600, reterr);
    if (!code && link(aside, path) < 0 && errno != EEXIST)
        code = es_fail_errno(reterr, errno, "cannot create '%s'", path);
    unlink(aside);
    return code;
}

static enum es_code load_own(const char *path, struct es_arena *arena, const char **ret_key,
                             struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    enum es_code code = es_file_read(path, FILE_BYTES_MAX, &text, reterr);
    if (code == ES_NOT_FOUND) {
        code = make_key(path, reterr);
        if (!code)
            code = es_file_read(path, FILE_BYTES_MAX, &text, reterr);
    }
    if (code)
        return code;
    char *key = es_strndup(arena, es_buf_text(&text), text.size);
    key[strcspn(key, "\r\n")] = 0;
    *ret_key = key;
    return ES_OK;
}

enum es_code jwt_secret_load(const struct settings *settings, struct es_arena *arena,
                             const char *const **ret_keys, size_t *ret_count, struct es_err *reterr)
{
    size_t count;
    const char *const *keys =
        settings_split(settings->texts[SETTING_JWT_SECRET_KEY], arena, &count);
    if (count == 0) {
        const char **own = es_new_array(arena, const char *, 1);
        const char *path = es_printf(arena, "%s/jwt_secret_key", settings->texts[SETTING_DATA_DIR]);
        enum es_code code = load_own(path, arena, &own[0], reterr);
        if (code)
            return code;
        keys = own;
        count = 1;
    }
    for (size_t i = 0; i < count; i++)
        if (strlen(keys[i]) < KEY_LENGTH_MIN)
            return es_fail(reterr, ES_INVALID,
                           "each key of JWT_SECRET_KEY needs at least %d characters",
                           KEY_LENGTH_MIN);
    *ret_keys = keys;
    *ret_count = count;
    return ES_OK;
}
