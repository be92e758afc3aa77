/* UUIDs by hand: sixteen bytes and two fields. Thread-safe. */
#include "base/es_id.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/es_clock.h"

void es_random(void *bytes, size_t size)
{
    unsigned char *cursor = bytes;
    while (size > 0) {
        ssize_t got = getrandom(cursor, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            perror("espotifai: getrandom");
            abort();
        }
        cursor += got;
        size -= (size_t)got;
    }
}

static void format(const unsigned char uuid[16], char ret_id[static ES_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *cursor = ret_id;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *cursor++ = '-';
        *cursor++ = digits[uuid[i] >> 4];
        *cursor++ = digits[uuid[i] & 15];
    }
    *cursor = 0;
}

static void stamp(unsigned char uuid[16], int version)
{
    uuid[6] = (unsigned char)((uuid[6] & 0x0f) | version << 4);
    uuid[8] = (unsigned char)((uuid[8] & 0x3f) | 0x80);
}

void es_id_v7(char ret_id[static ES_ID_SIZE])
{
    unsigned char uuid[16];
    es_random(uuid, sizeof(uuid));
    uint64_t now_ms = (uint64_t)es_clock_realtime_ms();
    for (int i = 0; i < 6; i++)
        uuid[i] = (unsigned char)(now_ms >> (8 * (5 - i)));
    stamp(uuid, 7);
    format(uuid, ret_id);
}

void es_id_v4(char ret_id[static ES_ID_SIZE])
{
    unsigned char uuid[16];
    es_random(uuid, sizeof(uuid));
    stamp(uuid, 4);
    format(uuid, ret_id);
}

bool es_id_is_valid(const char *text)
{
    for (int i = 0; i < ES_ID_SIZE - 1; i++) {
        char c = text[i];
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (is_dash ? c != '-' : !is_hex)
            return false;
    }
    return text[ES_ID_SIZE - 1] == 0;
}
