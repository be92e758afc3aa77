/* Which windows an AAC frame ends with, read from its first bits (ISO/IEC 14496-3, 4.4.2.1 and
 * 4.4.2.7). Two encodings can follow each other where the frame before the place has the same in
 * both: the halves of the windows then overlap as if one encoder had made them. Pure. */
#ifndef AAC_WINDOW_H
#define AAC_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* A raw data block of one or two channels. 0 where its first bits do not tell for all channels;
 * else equal for equal windows, 1..255. */
int aac_window_read(const uint8_t *bytes, size_t size);

#endif
