/* The header's fields lie behind where the side information of a frame of sound would end. */
#include "wire/mp3_info.h"

#include <string.h>

#include "wire/mp3_frames.h"

#define DECODER_DELAY  529 /* samples, of every decoder; the header moves it to the other end */
#define SAMPLES_MAX    0xfff
#define CRC_POLYNOMIAL 0xa001 /* CRC-16/ARC */

/* From the word "Xing" or "Info" on. */
enum {
    INFO_FRAME_COUNT = 8,
    INFO_BYTES = 12,
    INFO_CONTENTS = 16, /* the table of contents: at i percent of the time, 256ths of the bytes */
    INFO_CONTENTS_COUNT = 100,
    INFO_DELAYS = 141, /* 12 bits each */
    INFO_MUSIC_BYTES = 148,
    INFO_MUSIC_CRC = 152,
    INFO_CRC = 154, /* of the frame up to here */
    INFO_END = 156,
};

static void put_32(uint8_t *at, int64_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned crc_of(const uint8_t *bytes, size_t size)
{
    unsigned crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ CRC_POLYNOMIAL : crc >> 1;
    }
    return crc;
}

static int bounded(int samples)
{
    return samples < 0 ? 0 : samples > SAMPLES_MAX ? SAMPLES_MAX : samples;
}

bool mp3_info_complete(uint8_t *frame, size_t size, const struct mp3_totals *totals)
{
    struct mp3_frame header;
    if (!mp3_frame_read(frame, size, &header) || header.size_bytes != size ||
        header.payload_at + INFO_END > size)
        return false;
    uint8_t *info = frame + header.payload_at;
    if (memcmp(info, "Xing", 4) != 0 && memcmp(info, "Info", 4) != 0)
        return false;
    memcpy(info, "Info", 4); /* what it is called where the bit rate is constant */
    put_32(info + INFO_FRAME_COUNT, totals->frame_count);
    put_32(info + INFO_BYTES, totals->audio_bytes + (int64_t)size);
    for (int i = 0; i < INFO_CONTENTS_COUNT; i++)
        info[INFO_CONTENTS + i] = (uint8_t)(i * 256 / INFO_CONTENTS_COUNT);
    int delay = bounded(totals->delay - DECODER_DELAY);
    int padding = bounded(totals->end_padding + DECODER_DELAY);
    info[INFO_DELAYS] = (uint8_t)(delay >> 4);
    put_16(info + INFO_DELAYS + 1, (unsigned)((delay & 0xf) << 12 | padding));
    put_32(info + INFO_MUSIC_BYTES, totals->audio_bytes + (int64_t)size);
    put_16(info + INFO_MUSIC_CRC, 0);
    put_16(info + INFO_CRC, crc_of(frame, header.payload_at + INFO_CRC));
    return true;
}
