/* Boxes. */
#include "engine/fragment.h"

#include <libavutil/intreadwrite.h>
#include <stdbool.h>
#include <string.h>

/* The flags of the boxes: which members are there. */
enum {
    TFHD_BASE_OFFSET = 0x1,
    TFHD_DESCRIPTION = 0x2,
    TFHD_DURATION = 0x8,
    TFHD_SIZE = 0x10,
    TRUN_DATA_OFFSET = 0x1,
    TRUN_FIRST_FLAGS = 0x4,
    TRUN_DURATION = 0x100,
    TRUN_SIZE = 0x200,
};

struct box {
    const uint8_t *content;
    size_t size;
};

/* The first box of that type among those that stand in `boxes`; empty where there is none. */
static struct box find_box(struct box boxes, const char *type)
{
    while (boxes.size >= 8) {
        uint32_t size = AV_RB32(boxes.content);
        if (size < 8 || size > boxes.size)
            break;
        if (memcmp(boxes.content + 4, type, 4) == 0)
            return (struct box){ boxes.content + 8, size - 8 };
        boxes = (struct box){ boxes.content + size, boxes.size - size };
    }
    return (struct box){ NULL, 0 };
}

/* The next number of a box; 0 behind its end. */
static uint32_t take_number(struct box *box)
{
    if (box->size < 4)
        return 0;
    uint32_t number = AV_RB32(box->content);
    *box = (struct box){ box->content + 4, box->size - 4 };
    return number;
}

static uint32_t default_sample_size(struct box tfhd)
{
    uint32_t flags = take_number(&tfhd);
    int skipped = 1 + (flags & TFHD_BASE_OFFSET ? 2 : 0) + (flags & TFHD_DESCRIPTION ? 1 : 0) +
                  (flags & TFHD_DURATION ? 1 : 0);
    while (skipped-- > 0)
        take_number(&tfhd);
    return flags & TFHD_SIZE ? take_number(&tfhd) : 0;
}

int64_t fragment_first_sample_end(const uint8_t *fragment, size_t size)
{
    struct box traf = find_box(find_box((struct box){ fragment, size }, "moof"), "traf");
    struct box trun = find_box(traf, "trun");
    uint32_t flags = take_number(&trun);
    take_number(&trun); /* how many samples */
    int64_t offset = flags & TRUN_DATA_OFFSET ? take_number(&trun) : 0;
    if (flags & TRUN_FIRST_FLAGS)
        take_number(&trun);
    if (flags & TRUN_DURATION)
        take_number(&trun);
    int64_t sample =
        flags & TRUN_SIZE ? take_number(&trun) : default_sample_size(find_box(traf, "tfhd"));
    return offset > 0 && sample > 0 && offset + sample <= (int64_t)size ? offset + sample : 0;
}
