/* The Xing/LAME header of a constant bit rate MP3: a frame of its own in front, which tells players
 * how long the sound is (the LAME project's "Mp3 Info Tag revision 1"). Pure. */
#ifndef MP3_INFO_H
#define MP3_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp3_totals {
    int64_t frame_count;    /* the header itself not counted */
    int64_t audio_bytes;    /* theirs */
    int delay, end_padding; /* samples that a decoder drops at the beginning and at the end, its own
                               delay included in the one and left out of the other */
};

/* Completes the header that a muxer has begun, `size` bytes of one frame: all that it says of the
 * whole, but for the checksum of the sound, which is not known yet and 0. False, and nothing is
 * written, where the bytes are no such header. */
bool mp3_info_complete(uint8_t *frame, size_t size, const struct mp3_totals *totals);

#endif
