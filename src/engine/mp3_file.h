/* A whole MP3 file: ID3v2 tags, cover art, the Xing/LAME header, and the frames (libav's mp3 muxer,
 * used as the ffmpeg program does). */
#ifndef MP3_FILE_H
#define MP3_FILE_H

#include <libavformat/avformat.h>

#include "base/es_auto.h"
#include "engine/encoder.h"
#include "engine/engine.h"

struct mp3_file;

/* Writes what stands before the frames. `picture` may be NULL. What the host answers, ES_MEDIA. */
ES_CHECK enum es_code mp3_file_open(const struct engine_host *host, const char *name,
                                    const struct encoder *encoder, const struct part_spec *spec,
                                    const AVStream *picture, struct mp3_file **ret_file,
                                    struct es_err *reterr);
void mp3_file_close(struct mp3_file *file);
ES_DEFINE_AUTO(mp3_file, mp3_file_close);

/* Contents moved away. */
ES_CHECK enum es_code mp3_file_add(struct mp3_file *file, AVPacket *packet, struct es_err *reterr);
/* Completes the headers and hands the object over; *ret_size_bytes is its size. */
ES_CHECK enum es_code mp3_file_finish(struct mp3_file *file, int64_t *ret_size_bytes,
                                      struct es_err *reterr);

#endif
