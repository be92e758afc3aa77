/* The windows of an AAC frame. */
#include "engine/aac_window.h"

#define SINGLE_CHANNEL 0
#define CHANNEL_PAIR   1
#define BYTES_NEEDED   3

int aac_window_read(const uint8_t *bytes, size_t size)
{
    if (size < BYTES_NEEDED)
        return 0;
    uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    unsigned element = bits >> 21;
    /* Behind the element's name and number: a single channel's gain; whether a pair shares. */
    unsigned skipped = 3 + 4;
    if (element == SINGLE_CHANNEL)
        skipped += 8;
    else if (element == CHANNEL_PAIR && (bits >> (24 - skipped - 1) & 1))
        skipped += 1;
    else
        return 0;
    skipped += 1;                                     /* reserved */
    unsigned window = bits >> (24 - skipped - 3) & 7; /* the sequence, and the shape */
    return (int)(8 + window);
}
