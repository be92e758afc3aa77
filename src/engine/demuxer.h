/* A source's container, opened over callbacks: found by its bytes among the allowed formats, with
 * nothing that it may name ever opened. */
#ifndef DEMUXER_H
#define DEMUXER_H

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_error.h"
#include "engine/engine.h"

#define DIMENSION_MAX 16384
#define PIXELS_MAX    (64 * 1024 * 1024)

#define STREAMS_WANTED_MAX 16

struct demuxer {
    AVFormatContext *format;
    bool is_sure;            /* the bytes could hardly be another format */
    bool has_whole_index;    /* of an arriving input: its header says where every frame will lie */
    int64_t damaged_packets; /* that the container's reader stumbled over */
    struct timeline
        *timeline; /* of times that may leap, else NULL: to be read from the beginning */

    /* private */
    const struct engine_input *input;
    int64_t position;
    int wanted[STREAMS_WANTED_MAX]; /* streams */
    size_t wanted_count;            /* 0: all are */
    struct es_err read_err;         /* of the input, in the place of libav's */
};

/* `input` must outlive it. ES_UNAVAILABLE for a format that is read once it is whole, of an input
 * that is arriving. ES_MEDIA media_empty, unsupported_format, media_damaged; what the
 * input's read answers. */
ES_CHECK enum es_code demuxer_open(const struct engine_input *input, struct demuxer **ret_demuxer,
                                   struct es_err *reterr);
/* As demuxer_open for what a part has written: an MP4 whose header says everything. */
ES_CHECK enum es_code demuxer_open_part(const struct engine_input *input,
                                        struct demuxer **ret_demuxer, struct es_err *reterr);
void demuxer_close(struct demuxer *demuxer);
ES_DEFINE_AUTO(demuxer, demuxer_close);

/* Only packets of these streams will be read; an index < 0 is none. */
void demuxer_select(struct demuxer *demuxer, int first_index, int second_index);
/* The same for up to STREAMS_WANTED_MAX streams. */
void demuxer_select_many(struct demuxer *demuxer, const int *indexes, size_t count);

/* The next packet. False in *ret_has_packet at the end, which a container so broken that nothing
 * more can be read counts as. Fails only as the input's read does. */
ES_CHECK enum es_code demuxer_read(struct demuxer *demuxer, AVPacket *packet, bool *ret_has_packet,
                                   struct es_err *reterr);

/* Goes to the last key frame of the stream at or before `timestamp` (in its time base), as far as
 * the container knows. False in *ret_is_there where it cannot: the position is then undefined. */
ES_CHECK enum es_code demuxer_seek(struct demuxer *demuxer, int stream_index, int64_t timestamp,
                                   bool *ret_is_there, struct es_err *reterr);

/* The stream of that kind which a player would choose, by `rank` (0 the best); -1 where there are
 * no more. Attached pictures are no video; streams that cannot be decoded are left out. */
int demuxer_choose(const struct demuxer *demuxer, enum AVMediaType type, int rank);

/* Whether a stream is a picture in the tags. */
bool stream_is_picture(const AVStream *stream);

#endif
