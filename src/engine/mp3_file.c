/* The MP3 file. */
#include "engine/mp3_file.h"

#include <libavcodec/version.h>
#include <libavutil/intreadwrite.h>

#include "engine/av_error.h"
#include "engine/chapters.h"
#include "engine/output.h"
#include "engine/tags.h"
#include "wire/mp3_frames.h"

#define ID3_PADDING_LEAST 10 /* that libav writes in any case */

struct mp3_file {
    AVFormatContext *muxer;
    AVRational time_base; /* of the packets that come */
    struct output *output;
    uint32_t end_padding; /* samples at the end that do not belong to the sound */
    bool has_gain_room;
};

static enum es_code write_picture(AVFormatContext *muxer, const AVStream *stream,
                                  const AVPacket *picture, struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    int status = av_packet_ref(packet, picture);
    if (status >= 0) {
        packet->stream_index = stream->index;
        packet->pts = packet->dts = 0;
        status = av_write_frame(muxer, packet);
    }
    return status < 0 ? av_fail(reterr, status, "writing the cover art") : ES_OK;
}

static enum es_code begin(struct mp3_file *file, const struct mp3_file_settings *settings,
                          struct es_err *reterr)
{
    AVFormatContext *muxer = file->muxer;
    AVStream *stream = avformat_new_stream(muxer, NULL);
    if (!stream || avcodec_parameters_copy(stream->codecpar, settings->codec) < 0)
        abort();
    stream->time_base = file->time_base;
    /* The name that goes into the LAME header. */
    av_dict_set(&stream->metadata, "encoder", LIBAVCODEC_IDENT " libmp3lame", 0);
    tags_apply(settings->tags, settings->tag_count, &muxer->metadata);
    chapters_apply(settings->chapters, settings->chapter_count, muxer);
    AVStream *picture_stream = NULL;
    if (settings->picture) {
        const AVCodecParameters *codec = settings->picture_codec;
        picture_stream = picture_add_stream(muxer, codec->codec_id, codec->width, codec->height);
        av_dict_set(&picture_stream->metadata, "comment", "Cover (front)", 0);
    }
    if (settings->has_gain_room)
        muxer->metadata_header_padding = ID3_PADDING_LEAST + REPLAY_GAIN_ID3_BYTES_MAX;
    AVDictionary *options = NULL;
    if (settings->is_padding_unknown)
        av_dict_set(&options, "write_xing", "0", 0);
    int status = avformat_write_header(muxer, &options);
    av_dict_free(&options);
    if (status < 0)
        return output_fail(file->output, status, "beginning the MP3 file", reterr);
    return settings->picture ? write_picture(muxer, picture_stream, settings->picture, reterr)
                             : ES_OK;
}

enum es_code mp3_file_open(const struct engine_host *host, const struct mp3_file_settings *settings,
                           struct mp3_file **ret_file, struct es_err *reterr)
{
    es_auto(mp3_file) file = es_malloc(sizeof(*file));
    file->time_base = settings->time_base;
    file->has_gain_room = settings->has_gain_room;
    enum es_code code = output_open(host, settings->name, &file->output, reterr);
    if (code != ES_OK)
        return code;
    if (avformat_alloc_output_context2(&file->muxer, NULL, "mp3", NULL) < 0)
        abort();
    file->muxer->pb = file->output->io;
    file->muxer->flags |= AVFMT_FLAG_CUSTOM_IO;
    code = begin(file, settings, reterr);
    if (code == ES_OK)
        *ret_file = es_take(file);
    return code;
}

void mp3_file_close(struct mp3_file *file)
{
    avformat_free_context(file->muxer);
    if (file->output)
        output_close(file->output);
    free(file);
}

/* The encoder says of each of its last packets how much of it is padding; the muxer takes the very
 * last one's word for all, and decoders would then play what is padding in the one before it. */
static void add_up_padding(struct mp3_file *file, AVPacket *packet)
{
    size_t size = 0;
    uint8_t *skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (!skip || size < MP3_SKIP_BYTES)
        return;
    file->end_padding += AV_RL32(skip + 4);
    AV_WL32(skip + 4, file->end_padding);
}

enum es_code mp3_file_add(struct mp3_file *file, AVPacket *packet, struct es_err *reterr)
{
    packet->stream_index = 0;
    add_up_padding(file, packet);
    av_packet_rescale_ts(packet, file->time_base, file->muxer->streams[0]->time_base);
    int status = av_write_frame(file->muxer, packet);
    return status < 0 ? output_fail(file->output, status, "writing MP3 frames", reterr) : ES_OK;
}

/* Where the ID3 tag at the beginning ends; 0 where there is none. */
static int64_t find_tag_end(struct output *output)
{
    uint8_t head[ID3_HEAD_BYTES];
    avio_flush(output->io);
    AVIOContext *io = output_begin_read(output);
    int got = avio_read(io, head, sizeof(head));
    output_end_read(io);
    return got == sizeof(head) ? tags_id3_bytes(head) : 0;
}

/* In place of the padding behind the other tags. */
static int write_gain(struct mp3_file *file, const struct replay_gain *gain)
{
    uint8_t frames[REPLAY_GAIN_ID3_BYTES_MAX];
    size_t size = replay_gain_write_id3(gain, frames);
    AVIOContext *io = file->output->io;
    int64_t tag_end = find_tag_end(file->output);
    if (tag_end == 0)
        return AVERROR_BUG;
    int64_t room = tag_end - ID3_PADDING_LEAST - REPLAY_GAIN_ID3_BYTES_MAX;
    int64_t status = avio_seek(io, room, SEEK_SET);
    if (status < 0)
        return (int)status;
    avio_write(io, frames, (int)size);
    return 0;
}

enum es_code mp3_file_finish(struct mp3_file *file, const struct replay_gain *gain,
                             int64_t *ret_size_bytes, struct es_err *reterr)
{
    int status = av_write_trailer(file->muxer);
    if (status >= 0 && file->has_gain_room && gain->is_known)
        status = write_gain(file, gain);
    if (status < 0)
        return output_fail(file->output, status, "completing the MP3 file", reterr);
    enum es_code code = output_finish(file->output, reterr);
    if (code == ES_OK)
        *ret_size_bytes = file->output->size_bytes;
    return code;
}

/* Reads the Xing/LAME header back from behind the tags. */
static bool read_info(struct output *output, uint8_t ret_frame[static MP3_FRAME_BYTES_MAX],
                      int64_t *ret_offset, int *ret_size)
{
    int64_t offset = find_tag_end(output), size = output->size_bytes - offset;
    AVIOContext *reader = output_begin_read(output);
    bool is_read = offset > 0 && size > 0 && size <= MP3_FRAME_BYTES_MAX &&
                   avio_seek(reader, offset, SEEK_SET) == offset &&
                   avio_read(reader, ret_frame, (int)size) == size;
    output_end_read(reader);
    *ret_offset = offset;
    *ret_size = (int)size;
    return is_read;
}

enum es_code mp3_file_finish_head(struct mp3_file *file, const struct mp3_totals *totals,
                                  struct es_err *reterr)
{
    struct output *output = file->output;
    uint8_t frame[MP3_FRAME_BYTES_MAX];
    int64_t offset;
    int size;
    if (!read_info(output, frame, &offset, &size) ||
        !mp3_info_complete(frame, (size_t)size, totals))
        return es_fail(reterr, ES_IO, "'%s' has no Xing/LAME header at its end", output->name);
    avio_seek(output->io, offset, SEEK_SET);
    avio_write(output->io, frame, size);
    return output_finish(output, reterr);
}
