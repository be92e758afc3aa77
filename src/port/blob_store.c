/* What a key is, and other rules that every backend keeps. */
#include "port/blob_store.h"

#include <string.h>

static bool is_key_character(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '.' || character == '_' ||
           character == '-';
}

static bool is_segment(const char *bytes, size_t length)
{
    if (length < 1 || length > BLOB_SEGMENT_BYTES_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_key_character(bytes[i]))
            return false;
    return !(bytes[0] == '.' && (length == 1 || (length == 2 && bytes[1] == '.')));
}

static bool is_key(const char *bytes, size_t size)
{
    if (size > BLOB_KEY_BYTES_MAX)
        return false;
    for (;;) {
        const char *slash = memchr(bytes, '/', size);
        size_t length = slash ? (size_t)(slash - bytes) : size;
        if (!is_segment(bytes, length))
            return false;
        if (!slash)
            return true;
        bytes += length + 1;
        size -= length + 1;
    }
}

bool blob_key_is_valid(const char *key)
{
    return is_key(key, strlen(key));
}

bool blob_prefix_is_valid(const char *prefix)
{
    size_t size = strlen(prefix);
    return size > 0 && prefix[size - 1] == '/' && is_key(prefix, size - 1);
}

enum es_code blob_copy_check(const char *from, const char *to, const char *const *names,
                             size_t count, struct es_err *reterr)
{
    if (!blob_prefix_is_valid(from) || !blob_prefix_is_valid(to))
        return es_fail(reterr, ES_INVALID, "'%s' or '%s' is no prefix", from, to);
    size_t longest = strlen(from) > strlen(to) ? strlen(from) : strlen(to);
    for (size_t i = 0; i < count; i++)
        if (!is_segment(names[i], strlen(names[i])) ||
            longest + strlen(names[i]) > BLOB_KEY_BYTES_MAX)
            return es_fail(reterr, ES_INVALID, "'%s' is no name", names[i]);
    return ES_OK;
}
