/* Byte-wise and locale-free. */
#include "base/es_text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The length of the well-formed sequence at `bytes`, or 0 (Unicode 15, table 3-7). */
static size_t sequence_length(const unsigned char *bytes, size_t size)
{
    unsigned char lead = bytes[0], low = 0x80, high = 0xbf;
    size_t length;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return 0;
    if (length > size)
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    return length;
}

bool es_utf8_is_valid(const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = sequence_length((const unsigned char *)bytes + at, size - at);
        if (!length)
            return false;
        at += length;
    }
    return true;
}

size_t es_utf8_length(const char *text)
{
    size_t length = 0;
    for (; *text; text++)
        length += ((unsigned char)*text & 0xc0) != 0x80;
    return length;
}

bool es_text_has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

bool es_text_has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool es_text_has_suffix(const char *text, const char *suffix)
{
    size_t text_length = strlen(text), suffix_length = strlen(suffix);
    return text_length >= suffix_length &&
           memcmp(text + text_length - suffix_length, suffix, suffix_length) == 0;
}

bool es_text_equals_nocase(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

bool es_text_to_u64(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool es_text_to_i64(const char *text, int64_t *ret_value)
{
    bool is_negative = *text == '-';
    uint64_t magnitude;
    if (!es_text_to_u64(text + is_negative, &magnitude) || magnitude > INT64_MAX)
        return false;
    *ret_value = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

bool es_text_to_double(const char *text, double *ret_value)
{
    if (!*text || !strchr("+-.0123456789", *text) || strpbrk(text, "xXnNpP"))
        return false;
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (*end || errno || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

void es_hex_encode(const void *bytes, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *cursor = bytes;
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[cursor[i] >> 4];
        ret_text[2 * i + 1] = digits[cursor[i] & 15];
    }
    ret_text[2 * size] = 0;
}

static void quote_control(struct es_buf *buf, unsigned char character)
{
    switch (character) {
    case '\n':
        es_buf_append_text(buf, "\\n");
        return;
    case '\r':
        es_buf_append_text(buf, "\\r");
        return;
    case '\t':
        es_buf_append_text(buf, "\\t");
        return;
    default:
        es_buf_printf(buf, "\\u%04x", character);
    }
}

void es_json_quote(struct es_buf *buf, const char *text)
{
    size_t left = strlen(text);
    const unsigned char *cursor = (const unsigned char *)text;
    es_buf_append_char(buf, '"');
    while (left > 0) {
        size_t length = sequence_length(cursor, left);
        if (!length) {
            es_buf_append_text(buf, "\xef\xbf\xbd");
            length = 1;
        } else if (*cursor == '"' || *cursor == '\\') {
            es_buf_append_char(buf, '\\');
            es_buf_append_char(buf, (char)*cursor);
        } else if (*cursor < 0x20 || *cursor == 0x7f) {
            quote_control(buf, *cursor);
        } else {
            es_buf_append(buf, cursor, length);
        }
        cursor += length;
        left -= length;
    }
    es_buf_append_char(buf, '"');
}
