/* "order number id text", in hexadecimal digits, which need no escaping in a URL. */
#include "backend/list_cursor.h"

#include <stdbool.h>
#include <string.h>

#include "base/es_text.h"

#define CURSOR_TEXT_BYTES_MAX 4096

const char *list_cursor_write(const struct list_cursor *cursor, struct es_arena *arena)
{
    const char *plain = es_printf(arena, "%c %lld %s %s", cursor->order, (long long)cursor->number,
                                  cursor->id, cursor->text);
    size_t size = strlen(plain);
    char *hex = es_alloc(arena, 2 * size + 1);
    es_hex_encode(plain, size, hex);
    return hex;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static char *hex_decode(const char *hex, struct es_arena *arena)
{
    size_t length = strlen(hex);
    if (length == 0 || length % 2 || length > CURSOR_TEXT_BYTES_MAX)
        return NULL;
    char *plain = es_alloc(arena, length / 2 + 1);
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit_value(hex[2 * i]), low = digit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0 || high + low == 0)
            return NULL;
        plain[i] = (char)(high << 4 | low);
    }
    return plain;
}

static bool parse(char *plain, char order, struct list_cursor *ret_cursor)
{
    if (plain[0] != order || plain[1] != ' ')
        return false;
    char *number = plain + 2;
    char *id = strchr(number, ' ');
    if (!id)
        return false;
    *id++ = 0;
    char *text = strchr(id, ' ');
    if (!text)
        return false;
    *text++ = 0;
    struct list_cursor cursor = { .order = order, .text = text };
    if (!es_text_to_i64(number, &cursor.number) || strlen(id) >= ES_ID_SIZE ||
        !es_utf8_is_valid(text, strlen(text)))
        return false;
    memcpy(cursor.id, id, strlen(id));
    *ret_cursor = cursor;
    return true;
}

enum es_code list_cursor_read(const char *text, char order, struct es_arena *arena,
                              struct list_cursor *ret_cursor, struct es_err *reterr)
{
    char *plain = hex_decode(text, arena);
    if (!plain || !parse(plain, order, ret_cursor))
        return es_fail_word(reterr, ES_INVALID, "cursor_invalid", "the cursor is none of ours");
    return ES_OK;
}
