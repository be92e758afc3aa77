/* The form that MP4 wants of packets: one header in front of all, H.264 in counted units, AAC bare.
 * Broadcasts, raw AAC and AVI repeat headers among the packets instead, and there they may change,
 * which a copy cannot follow. */
#ifndef COPY_FORM_H
#define COPY_FORM_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>
#include <stdint.h>

#define COPY_HEADER_BYTES_MAX 4096

/* The header in MP4's form of a stream that has it in another; of no bytes where it has it so. */
struct copy_header {
    const uint8_t *bytes;
    size_t size;
};

/* Whether packets of this stream are, as far as the container says, in MP4's form already. */
bool copy_form_is_plain(const AVCodecParameters *codec);

/* Gives the parameters MP4's header, out of the one they have or (AAC) the stream's first packet.
 * False where none can be made of it. */
bool copy_form_set_header(AVCodecParameters *codec, const AVPacket *first);
/* Gives them this one. */
void copy_form_put_header(AVCodecParameters *codec, const struct copy_header *header);

/* Brings a packet into MP4's form; `codec` has the header, and `is_plain` is copy_form_is_plain of
 * the source's. False where the packet is of another header, or not understood. */
bool copy_form_apply(const AVCodecParameters *codec, bool is_plain, AVPacket *packet);

#endif
