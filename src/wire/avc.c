/* Units of H.264, found and counted. */
#include "wire/avc.h"

#include <string.h>

#define TYPE_BITS           0x1f
#define LENGTH_BYTES        4
#define RECORD_HEAD_BYTES   5
#define HEADER_BYTES_MAX    0xffff
#define SEQUENCE_HEADS_MAX  31
#define PICTURE_HEADS_MAX   255
#define PROFILE_HIGH        100 /* from here on the record has more to tell */
#define SLICE_BYTES_READ    16  /* more than its first two numbers take */
#define SLICE_TYPES         5
#define SLICE_BIDIRECTIONAL 1

static size_t find_start_code(const uint8_t *bytes, size_t size, size_t at)
{
    for (; at + 3 <= size; at++) {
        const uint8_t *zero = memchr(bytes + at, 0, size - at - 2);
        if (!zero)
            return size;
        at = (size_t)(zero - bytes);
        if (bytes[at + 1] == 0 && bytes[at + 2] == 1)
            return at;
    }
    return size;
}

bool avc_next_unit(const uint8_t *bytes, size_t size, size_t *at, struct avc_unit *ret_unit)
{
    size_t begin = find_start_code(bytes, size, *at);
    while (begin < size) {
        begin += 3;
        size_t next = find_start_code(bytes, size, begin), end = next;
        while (end > begin && bytes[end - 1] == 0)
            end--; /* a unit ends with a bit that is set */
        if (end > begin) {
            *ret_unit = (struct avc_unit){ bytes + begin, end - begin };
            *at = next;
            return true;
        }
        begin = next;
    }
    *at = size;
    return false;
}

bool avc_next_counted(const uint8_t *bytes, size_t size, int length_size, size_t *at,
                      struct avc_unit *ret_unit)
{
    size_t begin = *at + (size_t)length_size, length = 0;
    if (begin >= size)
        return false;
    for (size_t i = *at; i < begin; i++)
        length = length << 8 | bytes[i];
    if (length > size - begin)
        length = size - begin;
    *at = begin + length;
    *ret_unit = (struct avc_unit){ bytes + begin, length };
    return length > 0;
}

enum avc_unit_type avc_unit_type(const struct avc_unit *unit)
{
    return (enum avc_unit_type)(unit->bytes[0] & TYPE_BITS);
}

struct bits {
    uint8_t bytes[SLICE_BYTES_READ];
    size_t size, at; /* in bits */
};

static unsigned take_bit(struct bits *bits)
{
    if (bits->at >= bits->size)
        return 1; /* ends every number */
    unsigned bit = bits->bytes[bits->at / 8] >> (7 - bits->at % 8) & 1;
    bits->at++;
    return bit;
}

/* Exp-Golomb (9.1). */
static unsigned take_number(struct bits *bits)
{
    unsigned zeros = 0, number = 1;
    while (zeros < 31 && !take_bit(bits))
        zeros++;
    for (unsigned i = 0; i < zeros; i++)
        number = number << 1 | take_bit(bits);
    return number - 1;
}

bool avc_is_bidirectional(const struct avc_unit *unit)
{
    if (avc_unit_type(unit) != AVC_SLICE)
        return false;
    struct bits bits = { .size = 0 };
    size_t zeros = 0, count = 0;
    for (size_t i = 1; i < unit->size && count < SLICE_BYTES_READ; i++) {
        bool is_filling = zeros >= 2 && unit->bytes[i] == 3; /* against false start codes (7.4.1) */
        zeros = unit->bytes[i] == 0 ? zeros + 1 : 0;
        if (!is_filling)
            bits.bytes[count++] = unit->bytes[i];
    }
    bits.size = count * 8;
    (void)take_number(&bits); /* where the slice begins */
    return take_number(&bits) % SLICE_TYPES == SLICE_BIDIRECTIONAL;
}

static size_t count_units(const uint8_t *bytes, size_t size, enum avc_unit_type type)
{
    struct avc_unit unit;
    size_t count = 0;
    for (size_t at = 0; avc_next_unit(bytes, size, &at, &unit);)
        count += avc_unit_type(&unit) == type && unit.size <= HEADER_BYTES_MAX;
    return count;
}

static void append_number(struct es_buf *buf, size_t number, int size)
{
    while (size-- > 0)
        es_buf_append_char(buf, (char)(number >> 8 * size & 0xff));
}

static void append_headers(struct es_buf *record, const uint8_t *bytes, size_t size,
                           enum avc_unit_type type)
{
    struct avc_unit unit;
    for (size_t at = 0; avc_next_unit(bytes, size, &at, &unit);) {
        if (avc_unit_type(&unit) != type || unit.size > HEADER_BYTES_MAX)
            continue;
        append_number(record, unit.size, 2);
        es_buf_append(record, unit.bytes, unit.size);
    }
}

bool avc_record_append(const uint8_t *bytes, size_t size, struct es_buf *record)
{
    struct avc_unit unit = { 0 };
    size_t at = 0;
    while (avc_next_unit(bytes, size, &at, &unit) && avc_unit_type(&unit) != AVC_SEQUENCE_HEADER) {
    }
    size_t sequences = count_units(bytes, size, AVC_SEQUENCE_HEADER);
    size_t pictures = count_units(bytes, size, AVC_PICTURE_HEADER);
    if (sequences == 0 || sequences > SEQUENCE_HEADS_MAX || pictures == 0 ||
        pictures > PICTURE_HEADS_MAX || unit.size < 4)
        return false;
    append_number(record, 1, 1); /* the version */
    es_buf_append(record, unit.bytes + 1, 3);
    append_number(record, 0xfc | (LENGTH_BYTES - 1), 1);
    append_number(record, 0xe0 | sequences, 1);
    append_headers(record, bytes, size, AVC_SEQUENCE_HEADER);
    append_number(record, pictures, 1);
    append_headers(record, bytes, size, AVC_PICTURE_HEADER);
    if (unit.bytes[1] >= PROFILE_HIGH)
        es_buf_append(record, "\xfd\xf8\xf8", 4); /* 4:2:0, 8 bits and 8 bits, nothing more */
    return true;
}

/* Whether the record has that header. */
static bool record_holds(const uint8_t *record, size_t size, const struct avc_unit *unit)
{
    size_t at = RECORD_HEAD_BYTES;
    for (int list = 0; list < 2 && at < size; list++) {
        size_t count = list == 0 ? record[at] & 0x1f : record[at];
        at++;
        while (count-- > 0 && at + 2 <= size) {
            struct avc_unit held;
            if (!avc_next_counted(record, size, 2, &at, &held))
                return false;
            if (held.size == unit->size && memcmp(held.bytes, unit->bytes, held.size) == 0)
                return true;
        }
    }
    return false;
}

bool avc_append_counted(const uint8_t *record, size_t record_size, const uint8_t *bytes,
                        size_t size, struct es_buf *counted)
{
    struct avc_unit unit;
    for (size_t at = 0; avc_next_unit(bytes, size, &at, &unit);) {
        switch (avc_unit_type(&unit)) {
        case AVC_SEQUENCE_HEADER:
        case AVC_PICTURE_HEADER:
            if (!record_holds(record, record_size, &unit))
                return false;
            break;
        case AVC_DELIMITER:
        case AVC_SEQUENCE_END:
        case AVC_STREAM_END:
        case AVC_FILLER:
            break;
        case AVC_SLICE:
        case AVC_IDR:
        default: /* all that there may be: remarks, slices in pieces */
            append_number(counted, unit.size, LENGTH_BYTES);
            es_buf_append(counted, unit.bytes, unit.size);
        }
    }
    return true;
}
