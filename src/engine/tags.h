/* Tags and cover art: what of a source's metadata is worth keeping, and into what a muxer takes. */
#ifndef TAGS_H
#define TAGS_H

#include <libavformat/avformat.h>

#include "base/es_arena.h"
#include "model/media.h"

#define PICTURE_BYTES_MAX (16 * 1024 * 1024)

/* Valid UTF-8, bounded in number and size, names in lower case as libav's generic ones; without
 * what only describes the container. A stream's own tags (Ogg has them there) stand behind the
 * file's. */
void tags_collect(const AVFormatContext *format, int main_stream_index, struct es_arena *arena,
                  const struct media_tag **ret_tags, size_t *ret_tag_count);

void tags_apply(const struct media_tag *tags, size_t tag_count, AVDictionary **metadata);

/* The stream of the cover art that players read (JPEG, PNG) and of sane size, or -1. */
int picture_find(const AVFormatContext *format);

/* "picture.jpg" */
const char *picture_object_name(enum AVCodecID codec_id);
enum AVCodecID picture_codec_of_name(const char *name);

/* Adds a stream for the picture to a muxer; its packet is to be written right after the header. */
AVStream *picture_add_stream(AVFormatContext *muxer, enum AVCodecID codec_id, int width,
                             int height);

#define ID3_HEAD_BYTES 10

/* How long the ID3v2 tag is that begins with these bytes (ID3v2.4.0, 3.1), all included; 0 where
 * they are no such beginning. */
int64_t tags_id3_bytes(const uint8_t head[static ID3_HEAD_BYTES]);

#endif
