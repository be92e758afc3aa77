/* What a key is, for every backend alike. */
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
