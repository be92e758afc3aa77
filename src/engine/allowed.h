/* What user bytes may reach: the demuxers and decoders that this program uses. Whatever refers to
 * other files or addresses (playlists, concat scripts, SDP, image sequences) is not among them. */
#ifndef ALLOWED_H
#define ALLOWED_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>

/* Comma-separated, as libav's format_whitelist and codec_whitelist want them. */
extern const char allowed_demuxers[];
extern const char allowed_decoders[];

/* The decoder for a codec, or NULL where there is none or it is not allowed. */
const AVCodec *allowed_decoder(enum AVCodecID codec_id);

#endif
