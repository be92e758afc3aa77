/* Layer III frames, and the graft. */
#include "wire/mp3_frames.h"

#include <string.h>

#define HEADER_BYTES   4
#define CHECKSUM_BYTES 2
#define MONO_MODE      3
#define KBPS_UNIT      1000
#define MIXED_FLAG     4

/* lame_encode_flush */
#define LAME_DELAY_SAMPLES 576
#define LAME_PADDING_MIN   576

/* Bits from the most significant one on; the caller has seen that they are there. */
struct bit_reader {
    const uint8_t *bytes;
    unsigned position;
};

static unsigned read_bits(struct bit_reader *reader, unsigned count)
{
    unsigned value = 0;
    for (; count > 0; count--, reader->position++)
        value =
            value << 1 | (reader->bytes[reader->position / 8] >> (7 - reader->position % 8) & 1);
    return value;
}

static bool is_low_rate(int sample_rate)
{
    return sample_rate < 32000; /* MPEG-2 and 2.5 */
}

int mp3_frame_samples(int sample_rate)
{
    return is_low_rate(sample_rate) ? 576 : 1152;
}

int64_t mp3_frame_count(int64_t sample_count, int sample_rate)
{
    int64_t frame = mp3_frame_samples(sample_rate), samples = sample_count + LAME_DELAY_SAMPLES;
    int64_t padding = frame - samples % frame;
    if (padding < LAME_PADDING_MIN)
        padding += frame;
    return (samples + padding) / frame;
}

/* A frame's bytes are bitrate_kbps * byte_units / sample_rate, before rounding. */
static int64_t byte_units(int sample_rate)
{
    return (int64_t)mp3_frame_samples(sample_rate) * KBPS_UNIT / 8;
}

int mp3_padding_period(int sample_rate)
{
    int64_t a = byte_units(sample_rate), b = sample_rate;
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return (int)(sample_rate / a);
}

int64_t mp3_frames_bytes(int bitrate_kbps, int sample_rate, int64_t frame_count)
{
    if (frame_count <= 0)
        return 0;
    int64_t units = byte_units(sample_rate) * bitrate_kbps;
    int64_t whole = units / sample_rate, rest = units % sample_rate;
    /* The first frame has no padding; the debt that it begins is paid from the second on. */
    int64_t padding = ((frame_count - 1) * rest + sample_rate - 1) / sample_rate;
    return frame_count * whole + padding;
}

/* The side information: what the graft wants of it. */
static void read_side(const uint8_t *bytes, bool is_low, struct mp3_frame *frame)
{
    struct bit_reader reader = { .bytes = bytes };
    int granules = is_low ? 1 : 2;
    unsigned private_bits =
        is_low ? (unsigned)frame->channel_count : (frame->channel_count == 1 ? 5 : 3);
    frame->main_data_begin = (int)read_bits(&reader, is_low ? 8 : 9);
    (void)read_bits(&reader, private_bits);
    if (!is_low)
        (void)read_bits(&reader, 4 * (unsigned)frame->channel_count);
    unsigned granule_bits = is_low ? 63 : 59;
    for (int granule = 0; granule < granules; granule++)
        for (int channel = 0; channel < frame->channel_count; channel++) {
            unsigned begin = reader.position;
            reader.position += 12 + 9 + 8 + (is_low ? 9 : 4);
            unsigned is_switched = read_bits(&reader, 1);
            unsigned type = read_bits(&reader, 2), is_mixed = read_bits(&reader, 1);
            frame->windows[channel] =
                is_switched ? (uint8_t)(type | (is_mixed ? MIXED_FLAG : 0)) : 0;
            reader.position = begin + granule_bits;
        }
}

bool mp3_frame_read(const uint8_t *bytes, size_t size, struct mp3_frame *ret_frame)
{
    static const int kbps[2][16] = {
        { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0 },
        { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0 },
    };
    static const int rates[4] = { 44100, 48000, 32000, 0 };
    if (size < HEADER_BYTES || bytes[0] != 0xff || (bytes[1] & 0xe0) != 0xe0)
        return false;
    int version = bytes[1] >> 3 & 3, layer = bytes[1] >> 1 & 3; /* 3: MPEG-1, 2: 2, 0: 2.5 */
    bool is_low = version != 3, has_checksum = !(bytes[1] & 1);
    struct mp3_frame frame = {
        .bitrate_kbps = kbps[is_low][bytes[2] >> 4],
        .sample_rate = rates[bytes[2] >> 2 & 3] / (version == 3   ? 1
                                                   : version == 2 ? 2
                                                                  : 4),
        .channel_count = bytes[3] >> 6 == MONO_MODE ? 1 : 2,
    };
    if (version == 1 || layer != 1 || !frame.bitrate_kbps || !frame.sample_rate)
        return false;
    frame.sample_count = mp3_frame_samples(frame.sample_rate);
    frame.size_bytes =
        (size_t)(byte_units(frame.sample_rate) * frame.bitrate_kbps / frame.sample_rate) +
        (bytes[2] >> 1 & 1);
    size_t side_at = HEADER_BYTES + (has_checksum ? CHECKSUM_BYTES : 0);
    size_t side_bytes =
        is_low ? (frame.channel_count == 1 ? 9 : 17) : (frame.channel_count == 1 ? 17 : 32);
    frame.payload_at = side_at + side_bytes;
    if (frame.size_bytes > size || frame.payload_at > frame.size_bytes)
        return false;
    read_side(bytes + side_at, is_low, &frame);
    *ret_frame = frame;
    return true;
}

/* The frames of the overlap, as far as both sides agree in where they lie. */
struct overlap {
    size_t count;
    size_t offsets[MP3_GRAFT_OVERLAP_FRAMES];
    struct mp3_frame left[MP3_GRAFT_OVERLAP_FRAMES], right[MP3_GRAFT_OVERLAP_FRAMES];
};

static void read_overlap(const uint8_t *left, const uint8_t *right, size_t size,
                         struct overlap *overlap)
{
    size_t offset = 0, count = 0;
    for (; count < MP3_GRAFT_OVERLAP_FRAMES; count++) {
        struct mp3_frame *a = &overlap->left[count], *b = &overlap->right[count];
        if (!mp3_frame_read(left + offset, size - offset, a) ||
            !mp3_frame_read(right + offset, size - offset, b) || a->size_bytes != b->size_bytes ||
            a->payload_at != b->payload_at || a->channel_count != b->channel_count)
            break;
        overlap->offsets[count] = offset;
        offset += a->size_bytes;
    }
    overlap->count = count;
}

/* What grafting at a frame would cost: 0 nothing. A byte of the left one's data weighs more than a
 * pair of windows that do not fit. */
static size_t harm_at(const struct overlap *overlap, size_t place)
{
    const struct mp3_frame *left = overlap->left, *right = overlap->right;
    size_t harm = 0;
    if (right[place].main_data_begin > left[place].main_data_begin)
        harm = (size_t)(right[place].main_data_begin - left[place].main_data_begin) * 4;
    for (int channel = 0; channel < left[place].channel_count; channel++)
        harm += left[place - 1].windows[channel] != right[place - 1].windows[channel];
    return harm;
}

/* Copies what the right one's frame at `place` has in the payloads before it. */
static void patch(uint8_t *left, const uint8_t *right, const struct overlap *overlap, size_t place)
{
    size_t wanted = (size_t)overlap->right[place].main_data_begin;
    for (size_t i = place; i-- > 0 && wanted > 0;) {
        const struct mp3_frame *frame = &overlap->right[i];
        size_t payload = frame->size_bytes - frame->payload_at;
        size_t taken = wanted < payload ? wanted : payload;
        size_t at = overlap->offsets[i] + frame->size_bytes - taken;
        memcpy(left + at, right + at, taken);
        wanted -= taken;
    }
}

enum es_code mp3_graft(uint8_t *left, const uint8_t *right, size_t size,
                       struct mp3_graft *ret_graft, struct es_err *reterr)
{
    struct overlap overlap;
    read_overlap(left, right, size, &overlap);
    if (overlap.count <= MP3_GRAFT_WARM_UP_FRAMES)
        return es_fail(reterr, ES_INVALID, "two parts agree in %zu frames only", overlap.count);
    size_t best = MP3_GRAFT_WARM_UP_FRAMES, best_harm = SIZE_MAX;
    for (size_t place = best; place < overlap.count && best_harm > 0; place++) {
        size_t harm = harm_at(&overlap, place);
        if (harm < best_harm) {
            best = place;
            best_harm = harm;
        }
    }
    patch(left, right, &overlap, best);
    *ret_graft = (struct mp3_graft){
        .frame = best,
        .offset_bytes = overlap.offsets[best],
        .is_clean = best_harm == 0,
    };
    return ES_OK;
}
