/* Line by line; a line that is not whole yet is only looked at for what no more bytes can mend. */
#include "wire/http_head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "wire/http_header.h"

/* The length of the line that begins at `bytes`, or -1 where its CRLF is not there yet. */
static ptrdiff_t line_length(const char *bytes, size_t size)
{
    const char *newline = memchr(bytes, '\n', size);
    return newline && newline > bytes && newline[-1] == '\r' ? newline - bytes - 1 : -1;
}

/* No control character but tabs, and no line end but CRLF; a CR may be the last byte so far. */
static bool has_illegal(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\r' && (i + 1 == size || bytes[i + 1] == '\n'))
            i++;
        else if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static enum http_head_verdict check_version(const char *version, size_t size)
{
    bool is_version = size == 8 && memcmp(version, "HTTP/", 5) == 0 && version[5] >= '0' &&
                      version[5] <= '9' && version[6] == '.' && version[7] >= '0' &&
                      version[7] <= '9';
    if (!is_version)
        return HTTP_HEAD_MALFORMED;
    bool is_known = version[5] == '1' && (version[7] == '0' || version[7] == '1');
    return is_known ? HTTP_HEAD_SOUND : HTTP_HEAD_BAD_VERSION;
}

static enum http_head_verdict check_request_line(const char *line, size_t size, bool is_whole,
                                                 size_t target_bytes_max)
{
    const char *space = memchr(line, ' ', size);
    size_t method_size = space ? (size_t)(space - line) : size;
    bool is_method = http_token_is_valid(line, method_size) || (method_size == 0 && size == 0);
    if (!is_method || (is_whole && !space))
        return HTTP_HEAD_MALFORMED;
    if (!space)
        return HTTP_HEAD_UNFINISHED;
    const char *target = space + 1, *end = line + size;
    space = memchr(target, ' ', (size_t)(end - target));
    if ((size_t)((space ? space : end) - target) > target_bytes_max)
        return HTTP_HEAD_TARGET_TOO_LONG;
    if (!is_whole)
        return HTTP_HEAD_UNFINISHED;
    if (!space)
        return HTTP_HEAD_MALFORMED;
    return check_version(space + 1, (size_t)(end - space - 1));
}

static bool is_number(const char *text, size_t size)
{
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return size > 0 && size <= 18;
}

/* "name: value"; the value of Content-Length too, since a parser may stumble over it. */
static bool is_header_sound(const char *line, size_t size)
{
    static const char content_length[] = "content-length";
    const char *colon = memchr(line, ':', size);
    size_t name_size = colon ? (size_t)(colon - line) : 0;
    if (!colon || !http_token_is_valid(line, name_size))
        return false;
    bool is_length = name_size == sizeof(content_length) - 1 &&
                     strncasecmp(line, content_length, name_size) == 0;
    return !is_length || is_number(colon + 1, size - name_size - 1);
}

static enum http_head_verdict check_lines(const char *bytes, size_t size, size_t target_bytes_max)
{
    ptrdiff_t length = line_length(bytes, size);
    enum http_head_verdict verdict = check_request_line(
        bytes, length < 0 ? size - (size && bytes[size - 1] == '\r') : (size_t)length, length >= 0,
        target_bytes_max);
    while (length >= 0 && verdict == HTTP_HEAD_SOUND) {
        bytes += length + 2;
        size -= (size_t)length + 2;
        length = line_length(bytes, size);
        if (length == 0)
            return HTTP_HEAD_SOUND;
        if (length > 0 && !is_header_sound(bytes, (size_t)length))
            return HTTP_HEAD_MALFORMED;
    }
    return verdict == HTTP_HEAD_SOUND ? HTTP_HEAD_UNFINISHED : verdict;
}

/* The size up to and with the empty line, or all of it. */
static size_t head_size(const char *bytes, size_t size)
{
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : size;
}

enum http_head_verdict http_head_check(const char *bytes, size_t size,
                                       const struct http_head_limits *limits)
{
    if (size >= 2 && memcmp(bytes, "\r\n", 2) == 0) {
        bytes += 2;
        size -= 2;
    }
    size = head_size(bytes, size);
    enum http_head_verdict verdict = check_lines(bytes, size, limits->target_bytes_max);
    bool is_hopeful = verdict == HTTP_HEAD_SOUND || verdict == HTTP_HEAD_UNFINISHED;
    if (is_hopeful && has_illegal(bytes, size))
        return HTTP_HEAD_MALFORMED;
    if (is_hopeful && size > limits->head_bytes_max)
        return HTTP_HEAD_TOO_LARGE;
    return verdict;
}
