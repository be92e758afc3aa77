/* The MP3 file. */
#include "engine/mp3_file.h"

#include <libavcodec/version.h>

#include "engine/av_error.h"
#include "engine/output.h"
#include "engine/tags.h"

struct mp3_file {
    AVFormatContext *muxer;
    AVRational time_base; /* of the packets that come */
    struct output *output;
};

static enum es_code write_picture(AVFormatContext *muxer, const AVStream *stream,
                                  const AVStream *picture, struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    int status = av_packet_ref(packet, &picture->attached_pic);
    if (status >= 0) {
        packet->stream_index = stream->index;
        packet->pts = packet->dts = 0;
        status = av_write_frame(muxer, packet);
    }
    return status < 0 ? av_fail(reterr, status, "writing the cover art") : ES_OK;
}

static enum es_code begin(struct mp3_file *file, const struct encoder *encoder,
                          const struct part_spec *spec, const AVStream *picture,
                          struct es_err *reterr)
{
    AVFormatContext *muxer = file->muxer;
    AVStream *stream = avformat_new_stream(muxer, NULL);
    if (!stream)
        abort();
    int status = avcodec_parameters_from_context(stream->codecpar, encoder->codec);
    if (status < 0)
        return av_fail(reterr, status, "beginning the MP3 file");
    stream->time_base = file->time_base;
    /* The name that goes into the LAME header. */
    av_dict_set(&stream->metadata, "encoder", LIBAVCODEC_IDENT " libmp3lame", 0);
    tags_apply(spec->tags, spec->tag_count, &muxer->metadata);
    AVStream *picture_stream = NULL;
    if (picture) {
        const AVCodecParameters *codec = picture->codecpar;
        picture_stream = picture_add_stream(muxer, codec->codec_id, codec->width, codec->height);
        av_dict_set(&picture_stream->metadata, "comment", "Cover (front)", 0);
    }
    status = avformat_write_header(muxer, NULL);
    if (status < 0)
        return output_fail(file->output, status, "beginning the MP3 file", reterr);
    return picture ? write_picture(muxer, picture_stream, picture, reterr) : ES_OK;
}

enum es_code mp3_file_open(const struct engine_host *host, const char *name,
                           const struct encoder *encoder, const struct part_spec *spec,
                           const AVStream *picture, struct mp3_file **ret_file,
                           struct es_err *reterr)
{
    es_auto(mp3_file) file = es_malloc(sizeof(*file));
    file->time_base = encoder->codec->time_base;
    enum es_code code = output_open(host, name, &file->output, reterr);
    if (code != ES_OK)
        return code;
    if (avformat_alloc_output_context2(&file->muxer, NULL, "mp3", NULL) < 0)
        abort();
    file->muxer->pb = file->output->io;
    file->muxer->flags |= AVFMT_FLAG_CUSTOM_IO;
    code = begin(file, encoder, spec, picture, reterr);
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

enum es_code mp3_file_add(struct mp3_file *file, AVPacket *packet, struct es_err *reterr)
{
    packet->stream_index = 0;
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
