/* Frames -> packets, by a part's spec. */
#ifndef ENCODER_H
#define ENCODER_H

#include "engine/handles.h"
#include "engine/spec.h"

/* Takes a packet (its contents may be moved away), NULL never. */
typedef enum es_code packet_taker(void *context, AVPacket *packet, struct es_err *reterr);

struct encoder {
    AVCodecContext *codec; /* its time base is that of frames and packets */
    packet_taker *take;
    void *context;

    /* private */
    AVPacket *packet;
};

/* AAC, or LAME for mp3; the time base is 1 / sample rate. ES_MEDIA where the encoder refuses the
 * settings. `sample_format` is that of the frames (LAME takes several). `take` may be NULL for one
 * that only shows its header. */
ES_CHECK enum es_code encoder_open(const struct part_spec *spec, enum AVSampleFormat sample_format,
                                   packet_taker *take, void *context, struct encoder **ret_encoder,
                                   struct es_err *reterr);
/* The same for the picture, in one of the spec's renditions: x264, in the spec's time base. */
ES_CHECK enum es_code encoder_open_video(const struct part_spec *spec, size_t rendition,
                                         packet_taker *take, void *context,
                                         struct encoder **ret_encoder, struct es_err *reterr);
/* As encoder_open_video, but quick rather than thorough: for a second or so that somebody waits
 * for. Its header may differ (encoder_header_crc). */
ES_CHECK enum es_code encoder_open_quick(const struct part_spec *spec, size_t rendition,
                                         packet_taker *take, void *context,
                                         struct encoder **ret_encoder, struct es_err *reterr);
void encoder_close(struct encoder *encoder);
ES_DEFINE_AUTO(encoder, encoder_close);

/* `frame` stays the caller's; NULL flushes at the end. What `take` answers, or ES_MEDIA. */
ES_CHECK enum es_code encoder_push(struct encoder *encoder, const AVFrame *frame,
                                   struct es_err *reterr);

/* What the packets are, for a muxer; to be freed by the caller. */
AVCodecParameters *encoder_parameters(const struct encoder *encoder);

/* CRC-32 of the header (SPS and PPS): equal where packets of two encoders can follow each other. */
uint32_t encoder_header_crc(const struct encoder *encoder);

/* By how much what is decoded is louder than what was encoded, in dB: LAME turns down what it gets
 * few bits for. Never above 0. */
double encoder_level_db(enum job_target target, int bitrate_kbps);

/* "avc1.64001f", "mp4a.40.2" (RFC 6381). */
const char *encoder_codecs(const struct encoder *encoder, struct es_arena *arena);

#endif
