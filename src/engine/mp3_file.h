/* A whole MP3 file: ID3v2 tags, cover art, the Xing/LAME header, and the frames (libav's mp3 muxer,
 * used as the ffmpeg program does). */
#ifndef MP3_FILE_H
#define MP3_FILE_H

#include <libavformat/avformat.h>

#include "base/es_auto.h"
#include "engine/engine.h"
#include "engine/handles.h"
#include "engine/replay_gain.h"
#include "wire/mp3_info.h"

#define MP3_SKIP_BYTES 10 /* AV_PKT_DATA_SKIP_SAMPLES */

struct mp3_file_settings {
    const char *name;
    const AVCodecParameters *codec; /* of the frames; its initial padding goes into the header */
    AVRational time_base;           /* of the packets that come */
    bool is_padding_unknown; /* no header then: one of zero would have players cut what is sound */
    const struct media_tag *tags;
    size_t tag_count;
    bool has_gain_room; /* for tags that mp3_file_finish writes: as long whatever they say */
    const struct media_chapter *chapters;
    size_t chapter_count;
    const AVCodecParameters *picture_codec; /* of the cover art; NULL: none */
    const AVPacket *picture;
};

struct mp3_file;

/* Writes what stands before the frames. `settings` need not outlive it. What the host answers,
 * ES_MEDIA. */
ES_CHECK enum es_code mp3_file_open(const struct engine_host *host,
                                    const struct mp3_file_settings *settings,
                                    struct mp3_file **ret_file, struct es_err *reterr);
void mp3_file_close(struct mp3_file *file);
ES_DEFINE_AUTO(mp3_file, mp3_file_close);

/* Contents moved away. */
ES_CHECK enum es_code mp3_file_add(struct mp3_file *file, AVPacket *packet, struct es_err *reterr);
/* Completes the headers and hands the object over; *ret_size_bytes is its size. `gain` goes among
 * the tags where room was left for it. */
ES_CHECK enum es_code mp3_file_finish(struct mp3_file *file, const struct replay_gain *gain,
                                      int64_t *ret_size_bytes, struct es_err *reterr);
/* Instead, before any frame was added: the object is the head alone, tags and Xing/LAME header, as
 * it will stand before frames of those totals but for their loudness and the checksum of their
 * bytes. */
ES_CHECK enum es_code mp3_file_finish_head(struct mp3_file *file, const struct mp3_totals *totals,
                                           struct es_err *reterr);

#endif
