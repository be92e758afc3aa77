/* A whole MP4 file with its index in front: libav's muxer over an output of the host. Where room
 * was left for the index it is written there, else everything behind it moves in a second pass. */
#ifndef MP4_FILE_H
#define MP4_FILE_H

#include <libavformat/avformat.h>

#include "base/es_auto.h"
#include "engine/output.h"
#include "model/media.h"

struct mp4_file {
    AVFormatContext *muxer; /* its chapters are the caller's to fill in before the beginning */

    /* private */
    struct output *output;
    AVStream *picture_stream;
    AVPacket *picture;
    int64_t index_bytes;
};

struct mp4_settings {
    const struct media_tag *tags;
    size_t tag_count;
    int64_t index_bytes; /* left free in front; 0: none */
    int timescale;       /* that the edit lists count in; 0: milliseconds */
};

/* Over an output that nothing has been written to yet, and that stays the caller's. */
struct mp4_file *mp4_file_new(struct output *output);
void mp4_file_free(struct mp4_file *file);
ES_DEFINE_AUTO(mp4_file, mp4_file_free);

/* A track for packets of these parameters, before the beginning; the first of a kind is what
 * players choose. */
AVStream *mp4_file_add_stream(struct mp4_file *file, const AVCodecParameters *codec,
                              AVRational time_base);
/* ISO 639-2's code, and a name for people; either may be NULL. */
void mp4_file_name_stream(AVStream *stream, const char *language, const char *label);
/* Cover art (contents moved away), after the streams. */
void mp4_file_add_picture(struct mp4_file *file, enum AVCodecID codec_id, AVPacket *picture);

/* ES_MEDIA where the muxer refuses the streams; what the host answers. */
ES_CHECK enum es_code mp4_file_begin(struct mp4_file *file, const struct mp4_settings *settings,
                                     struct es_err *reterr);
/* The packet's stream_index is that of the muxer, its times are in `time_base`. Contents moved
 * away. */
ES_CHECK enum es_code mp4_file_write(struct mp4_file *file, AVPacket *packet, AVRational time_base,
                                     struct es_err *reterr);
/* Writes the index; the output is still to be finished. Where the room that was left for it is too
 * small nothing of the file is of use, *ret_fits is false, and it has to be written again. */
ES_CHECK enum es_code mp4_file_finish(struct mp4_file *file, bool *ret_fits, struct es_err *reterr);

#endif
