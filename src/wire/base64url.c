/* base64url over OpenSSL's base64, whose decoder is lax: what it would forgive is refused first. */
#include "wire/base64url.h"

#include <string.h>

#include <openssl/evp.h>

char *base64url_encode(const void *bytes, size_t size, struct es_arena *arena)
{
    unsigned char *text = es_alloc(arena, (size + 2) / 3 * 4 + 1);
    EVP_EncodeBlock(text, bytes, (int)size);
    size_t length = (size * 4 + 2) / 3; /* without padding */
    text[length] = 0;
    for (size_t i = 0; i < length; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    return (char *)text;
}

bool base64url_decode(const char *text, struct es_arena *arena, unsigned char **ret_bytes,
                      size_t *ret_size)
{
    size_t length = strlen(text);
    if (length % 4 == 1 || length > BASE64URL_TEXT_BYTES_MAX)
        return false;
    size_t padded_length = (length + 3) / 4 * 4;
    char *padded = es_alloc(arena, padded_length + 1);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool is_ours = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
        if (!is_ours)
            return false;
        padded[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    for (size_t i = length; i < padded_length; i++)
        padded[i] = '=';
    unsigned char *bytes = es_alloc(arena, padded_length / 4 * 3 + 1);
    if (EVP_DecodeBlock(bytes, (const unsigned char *)padded, (int)padded_length) < 0)
        return false;
    size_t size = length / 4 * 3 + (length % 4 ? length % 4 - 1 : 0);
    if (strcmp(base64url_encode(bytes, size, arena), text) != 0)
        return false; /* bits left over in the last character */
    *ret_bytes = bytes;
    *ret_size = size;
    return true;
}
