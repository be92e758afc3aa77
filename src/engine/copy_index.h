/* How much room the index (moov) of a copied MP4 takes, so that it can be left free in front and no
 * second pass is needed. */
#ifndef COPY_INDEX_H
#define COPY_INDEX_H

#include <libavformat/avformat.h>

#include "model/media.h"

/* Bytes, generously: by the source's index where that is of every frame, else by durations and
 * rates; stream indexes < 0 are none. Times that jump much may still take more. */
int64_t copy_index_bytes(AVFormatContext *format, int video_index, int audio_index,
                         double duration_seconds, const struct media_tag *tags, size_t tag_count,
                         int picture_index);

#endif
