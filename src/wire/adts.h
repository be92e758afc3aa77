/* The header that each frame of AAC bears in a broadcast or a raw file (ISO/IEC 14496-3, 1.A.2.2),
 * and what stands in its place in MP4: one AudioSpecificConfig for all. Pure. */
#ifndef ADTS_H
#define ADTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADTS_CONFIG_BYTES 2

struct adts_header {
    size_t header_bytes, frame_bytes; /* of the header, the checksum included; with the frame */
    int sample_rate;
    int block_count; /* raw data blocks in the frame: 1 as a rule */
    int channels;    /* as numbered there: 7 stands for eight, 0 for what the frame describes */
    uint8_t config[ADTS_CONFIG_BYTES];
};

/* The header at the beginning of `bytes`. False where there is none, or not all of its frame. */
bool adts_read(const uint8_t *bytes, size_t size, struct adts_header *ret_header);

#endif
