/* ADTS headers. */
#include "wire/adts.h"

#define HEADER_BYTES   7
#define CHECKSUM_BYTES 2

static const int sample_rates[] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                    22050, 16000, 12000, 11025, 8000,  7350 };

bool adts_read(const uint8_t *bytes, size_t size, struct adts_header *ret_header)
{
    /* Twelve bits of sync, the version, two of layer, and whether a checksum is missing. */
    if (size < HEADER_BYTES || bytes[0] != 0xff || (bytes[1] & 0xf6) != 0xf0)
        return false;
    unsigned profile = bytes[2] >> 6, rate = bytes[2] >> 2 & 15;
    unsigned channels = (bytes[2] & 1u) << 2 | bytes[3] >> 6;
    if (rate >= sizeof(sample_rates) / sizeof(*sample_rates))
        return false;
    struct adts_header header = {
        .header_bytes = HEADER_BYTES + (bytes[1] & 1 ? 0 : CHECKSUM_BYTES),
        .frame_bytes = (size_t)(bytes[3] & 3) << 11 | (size_t)bytes[4] << 3 | bytes[5] >> 5,
        .sample_rate = sample_rates[rate],
        .block_count = (bytes[6] & 3) + 1,
        .channels = (int)channels,
    };
    if (header.frame_bytes <= header.header_bytes || header.frame_bytes > size)
        return false;
    unsigned config = (profile + 1) << 11 | rate << 7 | channels << 3;
    header.config[0] = (uint8_t)(config >> 8);
    header.config[1] = (uint8_t)config;
    *ret_header = header;
    return true;
}
