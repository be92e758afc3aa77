/* By ranges: most capitals stand one before their small letter, or a fixed distance away. */
#include "backend/text_fold.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From..to: capitals `distance` before their small letters; `step` 2: every other one is a capital.
 */
struct fold_range {
    uint32_t from, to;
    int distance;
    uint32_t step;
};

static const struct fold_range ranges[] = {
    { 0x0041, 0x005a, 32, 1 }, /* A..Z */
    { 0x00c0, 0x00d6, 32, 1 },
    { 0x00d8, 0x00de, 32, 1 },   /* Latin-1, but for the multiplication sign */
    { 0x0100, 0x012e, 1, 2 },    /* Latin Extended-A */
    { 0x0130, 0x0130, -199, 1 }, /* I with a dot: i */
    { 0x0132, 0x0136, 1, 2 },
    { 0x0139, 0x0147, 1, 2 },
    { 0x014a, 0x0176, 1, 2 },
    { 0x0178, 0x0178, -121, 1 }, /* Y with diaeresis */
    { 0x0179, 0x017d, 1, 2 },
    { 0x01cd, 0x01db, 1, 2 }, /* Latin Extended-B: carons and so on */
    { 0x01de, 0x01ee, 1, 2 },
    { 0x01f8, 0x021e, 1, 2 },
    { 0x0222, 0x0232, 1, 2 },
    { 0x0386, 0x0386, 38, 1 }, /* Greek, accented ones first */
    { 0x0388, 0x038a, 37, 1 },
    { 0x038c, 0x038c, 64, 1 },
    { 0x038e, 0x038f, 63, 1 },
    { 0x0391, 0x03a1, 32, 1 },
    { 0x03a3, 0x03ab, 32, 1 },
    { 0x03c2, 0x03c2, 1, 1 }, /* final sigma */
    { 0x0400, 0x040f, 80, 1 },
    { 0x0410, 0x042f, 32, 1 }, /* Cyrillic */
    { 0x0460, 0x0480, 1, 2 },
    { 0x048a, 0x04be, 1, 2 },
    { 0x04c0, 0x04c0, 15, 1 },
    { 0x04c1, 0x04cd, 1, 2 },
    { 0x04d0, 0x052e, 1, 2 },
    { 0x1e00, 0x1e94, 1, 2 }, /* Latin Extended Additional */
    { 0x1ea0, 0x1efe, 1, 2 },
};

static uint32_t fold_letter(uint32_t letter)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (letter >= ranges[i].from && letter <= ranges[i].to)
            return (letter - ranges[i].from) % ranges[i].step == 0
                       ? (uint32_t)((int64_t)letter + ranges[i].distance)
                       : letter;
    return letter;
}

static void append_letter(struct es_buf *buf, uint32_t letter)
{
    if (letter < 0x80) {
        es_buf_append_char(buf, (char)letter);
    } else if (letter < 0x800) {
        es_buf_append_char(buf, (char)(0xc0 | letter >> 6));
        es_buf_append_char(buf, (char)(0x80 | (letter & 0x3f)));
    } else {
        es_buf_append_char(buf, (char)(0xe0 | letter >> 12));
        es_buf_append_char(buf, (char)(0x80 | (letter >> 6 & 0x3f)));
        es_buf_append_char(buf, (char)(0x80 | (letter & 0x3f)));
    }
}

static bool is_following(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

void text_fold(const char *text, struct es_buf *buf)
{
    const unsigned char *cursor = (const unsigned char *)text;
    while (*cursor) {
        if (cursor[0] < 0x20 || cursor[0] == 0x7f) {
            es_buf_append_char(buf, ' ');
            cursor++;
        } else if (cursor[0] < 0x80) {
            append_letter(buf, fold_letter(*cursor++));
        } else if (cursor[0] >= 0xc2 && cursor[0] < 0xe0 && is_following(cursor[1])) {
            append_letter(buf, fold_letter((cursor[0] & 0x1fu) << 6 | (cursor[1] & 0x3fu)));
            cursor += 2;
        } else if (cursor[0] == 0xe1 && is_following(cursor[1]) && is_following(cursor[2])) {
            append_letter(buf,
                          fold_letter(0x1000u | (cursor[1] & 0x3fu) << 6 | (cursor[2] & 0x3fu)));
            cursor += 3;
        } else {
            es_buf_append_char(buf, (char)*cursor++);
        }
    }
}
