/* The MP3 file. */
#include "engine/mp3_file.h"

#include <libavcodec/version.h>
#include <libavutil/intreadwrite.h>

#include "engine/av_error.h"
#include "engine/chapters.h"
#include "engine/output.h"
#include "engine/tags.h"

struct mp3_file {
    AVFormatContext *muxer;
    AVRational time_base; /* of the packets that come */
    struct output *output;
    uint32_t end_padding; /* samples at the end that do not belong to the sound */
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

enum es_code mp3_file_finish(struct mp3_file *file, int64_t *ret_size_bytes, struct es_err *reterr)
{
    int status = av_write_trailer(file->muxer);
    if (status < 0)
        return output_fail(file->output, status, "completing the MP3 file", reterr);
    enum es_code code = output_finish(file->output, reterr);
    if (code == ES_OK)
        *ret_size_bytes = file->output->size_bytes;
    return code;
}
