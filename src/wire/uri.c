/* One decoder for all three uses; what differs is whether '+' is a space. */
#include "wire/uri.h"

#include <string.h>

#include "base/es_text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum es_code decode(struct es_arena *arena, const char *text, size_t size,
                           bool plus_is_space, char **ret_text, struct es_err *reterr)
{
    char *decoded = es_alloc(arena, size + 1);
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < size ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return es_fail(reterr, ES_INVALID, "a '%%' without two hexadecimal digits");
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (!c)
            return es_fail(reterr, ES_INVALID, "a NUL character");
        decoded[length++] = c;
    }
    if (!es_utf8_is_valid(decoded, length))
        return es_fail(reterr, ES_INVALID, "not UTF-8");
    *ret_text = decoded; /* zeroed by the arena, so it ends */
    return ES_OK;
}

enum es_code uri_decode(struct es_arena *arena, const char *text, size_t size, char **ret_text,
                        struct es_err *reterr)
{
    return decode(arena, text, size, false, ret_text, reterr);
}

static size_t count_pieces(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '&', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        count += length > 0;
        at += length + 1;
    }
    return count;
}

static enum es_code parse_pair(struct es_arena *arena, const char *piece, size_t length,
                               struct uri_pair *ret_pair, struct es_err *reterr)
{
    const char *equals = memchr(piece, '=', length);
    size_t name_length = equals ? (size_t)(equals - piece) : length;
    char *name, *value = es_alloc(arena, 1);
    enum es_code code = decode(arena, piece, name_length, true, &name, reterr);
    if (code == ES_OK && equals)
        code = decode(arena, equals + 1, length - name_length - 1, true, &value, reterr);
    if (code == ES_OK)
        *ret_pair = (struct uri_pair){ .name = name, .value = value };
    return code;
}

enum es_code uri_pairs_parse(struct es_arena *arena, const char *text, size_t size,
                             size_t count_max, struct uri_pairs *ret_pairs, struct es_err *reterr)
{
    size_t count = count_pieces(text, size);
    if (count > count_max)
        return es_fail(reterr, ES_LIMIT, "more than %zu parameters", count_max);
    struct uri_pair *pairs = es_new_array(arena, struct uri_pair, count);
    size_t filled = 0;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '&', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        if (length > 0) {
            enum es_code code = parse_pair(arena, text + at, length, &pairs[filled++], reterr);
            if (code != ES_OK)
                return code;
        }
        at += length + 1;
    }
    *ret_pairs = (struct uri_pairs){ .pairs = pairs, .count = count };
    return ES_OK;
}

const char *uri_pairs_get(const struct uri_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->pairs[i].name, name) == 0)
            return pairs->pairs[i].value;
    return NULL;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void uri_encode(struct es_buf *buf, const char *text, bool keep_slash)
{
    for (; *text; text++) {
        if (is_unreserved(*text) || (*text == '/' && keep_slash))
            es_buf_append_char(buf, *text);
        else
            es_buf_printf(buf, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

bool uri_target_is_valid(const char *target, size_t size)
{
    if (size == 0 || target[0] != '/')
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = target[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"#<>\\^`{|}", c))
            return false;
        if (c == '%' &&
            (size - i < 3 || hex_digit(target[i + 1]) < 0 || hex_digit(target[i + 2]) < 0))
            return false;
    }
    return true;
}
