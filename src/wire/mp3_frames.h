/* MPEG audio layer III frames as bytes (ISO/IEC 11172-3, 2.4.1; ISO/IEC 13818-3), and the graft
 * that makes one stream of two encodings of neighbouring spans with the bit reservoir kept. Pure;
 * reads and writes nothing outside what it is given, whatever the bytes are.
 *
 * How a constant bit rate MP3 is made in parts. All parts count the frames of the one stream that a
 * single encoder would make. A part's encoder begins at a frame that is a multiple of
 * mp3_padding_period, so each of its frames is as large as the single encoder's of that number:
 * frame n of the whole lies at mp3_frames_bytes(..., n) behind the first one, in whichever part it
 * is. A part's object holds nothing but its frames, `first_frame` to `first_frame + frame_count`,
 * and overlaps the next part's: the frames from the next one's `first_frame` on are in both. Up to
 * there (and in fact for all of the next one's warm-up, less the reservoir's reach) the left one's
 * bytes are final; from the graft's offset on the right one's are; in between mp3_graft has
 * patched the left one's. */
#ifndef MP3_FRAMES_H
#define MP3_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_error.h"

#define MP3_GRAFT_WARM_UP_FRAMES 24 /* an encoder that began that long ago decides as any other */
#define MP3_GRAFT_PLACES         24 /* frames among which the graft is looked for */
#define MP3_GRAFT_OVERLAP_FRAMES (MP3_GRAFT_WARM_UP_FRAMES + MP3_GRAFT_PLACES)
#define MP3_FRAME_BYTES_MAX      1441

struct mp3_frame {
    size_t size_bytes; /* the header included */
    size_t payload_at; /* behind header, checksum and side information */
    int bitrate_kbps, sample_rate, sample_count, channel_count;
    int main_data_begin; /* its data begin that many payload bytes before its own payload */
    uint8_t windows[2];  /* of its last granule, a channel each: block type, plus 4 if mixed */
};

/* The frame at the beginning of `bytes`. False where there is none, or not all of it. */
bool mp3_frame_read(const uint8_t *bytes, size_t size, struct mp3_frame *ret_frame);

/* Samples that a frame of this sample rate holds: 1152, or 576 below 32 kHz. */
int mp3_frame_samples(int sample_rate);

/* Frames that LAME makes of so many samples, its delay in front of them and the padding behind. */
int64_t mp3_frame_count(int64_t sample_count, int sample_rate);

/* After so many frames a constant bit rate's frame sizes repeat, whatever the bit rate. */
int mp3_padding_period(int sample_rate);

/* Bytes of the first `frame_count` frames of a constant bit rate, as LAME pads them. */
int64_t mp3_frames_bytes(int bitrate_kbps, int sample_rate, int64_t frame_count);

struct mp3_graft {
    size_t frame;        /* the first that is the right one's, counted from the overlap's begin */
    size_t offset_bytes; /* where that frame begins, in both */
    bool is_clean; /* nothing was lost: the reservoir had room, and the windows fit each other */
};

/* `left` and `right` are `size` bytes of the same frames from two encoders: the overlap, beginning
 * with the right one's first frame. Finds the first frame behind the right one's warm-up from which
 * on the right one can go on, patches the end of the left one's payload before it with the
 * right one's data, and says where. Where no place is clean it takes the one that harms least, the
 * first of equals: the same bytes always give the same graft. ES_INVALID where the two are not
 * frames of equal sizes up to a first place. Frames that are cut off at the end do not count. */
ES_CHECK enum es_code mp3_graft(uint8_t *left, const uint8_t *right, size_t size,
                                struct mp3_graft *ret_graft, struct es_err *reterr);

#endif
