/* The MP4 file. */
#include "engine/mp4_file.h"

#include "engine/handles.h"
#include "engine/tags.h"

/* The muxer's second pass, which moves the index to the front, reads what it has written. */
static int reopen_output(AVFormatContext *muxer, AVIOContext **ret_io, const char *url, int flags,
                         AVDictionary **options)
{
    (void)url, (void)options;
    struct mp4_file *file = muxer->opaque;
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(EPERM);
    *ret_io = output_begin_read(file->output);
    return 0;
}

static int close_reopened(AVFormatContext *muxer, AVIOContext *io)
{
    (void)muxer;
    output_end_read(io);
    return 0;
}

struct mp4_file *mp4_file_new(struct output *output)
{
    struct mp4_file *file = es_malloc(sizeof(*file));
    file->output = output;
    file->picture = packet_new();
    if (avformat_alloc_output_context2(&file->muxer, NULL, "mp4", "output.mp4") < 0)
        abort();
    file->muxer->pb = output->io;
    file->muxer->opaque = file;
    file->muxer->io_open = reopen_output;
    file->muxer->io_close2 = close_reopened;
    file->muxer->flags |= AVFMT_FLAG_CUSTOM_IO;
    return file;
}

void mp4_file_free(struct mp4_file *file)
{
    avformat_free_context(file->muxer);
    av_packet_free(&file->picture);
    free(file);
}

static bool has_kind(const AVFormatContext *muxer, enum AVMediaType type)
{
    for (unsigned i = 0; i < muxer->nb_streams; i++)
        if (muxer->streams[i]->codecpar->codec_type == type)
            return true;
    return false;
}

void mp4_file_name_stream(AVStream *stream, const char *language, const char *label)
{
    av_dict_set(&stream->metadata, "language", language, 0);
    av_dict_set(&stream->metadata, "handler_name", label, 0);
}

AVStream *mp4_file_add_stream(struct mp4_file *file, const AVCodecParameters *codec,
                              AVRational time_base)
{
    bool is_first = !has_kind(file->muxer, codec->codec_type);
    AVStream *stream = avformat_new_stream(file->muxer, NULL);
    if (!stream || avcodec_parameters_copy(stream->codecpar, codec) < 0)
        abort();
    stream->time_base = time_base;
    stream->disposition = is_first ? AV_DISPOSITION_DEFAULT : 0;
    stream->sample_aspect_ratio = codec->sample_aspect_ratio;
    return stream;
}

void mp4_file_add_picture(struct mp4_file *file, enum AVCodecID codec_id, AVPacket *picture)
{
    file->picture_stream = picture_add_stream(file->muxer, codec_id, 0, 0);
    av_packet_move_ref(file->picture, picture);
    file->picture->stream_index = file->picture_stream->index;
    file->picture->pts = file->picture->dts = 0;
    file->picture->flags |= AV_PKT_FLAG_KEY;
}

enum es_code mp4_file_begin(struct mp4_file *file, const struct mp4_settings *settings,
                            struct es_err *reterr)
{
    tags_apply(settings->tags, settings->tag_count, &file->muxer->metadata);
    file->index_bytes = settings->index_bytes;
    AVDictionary *options = NULL;
    if (settings->index_bytes > 0)
        av_dict_set_int(&options, "moov_size", settings->index_bytes, 0);
    else
        av_dict_set(&options, "movflags", "faststart", 0);
    if (settings->timescale > 0)
        av_dict_set_int(&options, "movie_timescale", settings->timescale, 0);
    int status = avformat_write_header(file->muxer, &options);
    av_dict_free(&options);
    if (status >= 0 && file->picture_stream)
        status = av_write_frame(file->muxer, file->picture);
    return status < 0 ? output_fail(file->output, status, "beginning the MP4 file", reterr) : ES_OK;
}

enum es_code mp4_file_write(struct mp4_file *file, AVPacket *packet, AVRational time_base,
                            struct es_err *reterr)
{
    packet->pos = -1;
    av_packet_rescale_ts(packet, time_base, file->muxer->streams[packet->stream_index]->time_base);
    int status = av_write_frame(file->muxer, packet);
    av_packet_unref(packet);
    return status < 0 ? output_fail(file->output, status, "writing the MP4 file", reterr) : ES_OK;
}

enum es_code mp4_file_finish(struct mp4_file *file, bool *ret_fits, struct es_err *reterr)
{
    int status = av_write_trailer(file->muxer);
    /* An index that is too large is what the muxer has no other word for. */
    bool is_overfull =
        file->index_bytes > 0 && status == AVERROR(EINVAL) && file->output->write_err.code == ES_OK;
    if (status < 0 && !is_overfull)
        return output_fail(file->output, status, "completing the MP4 file", reterr);
    *ret_fits = !is_overfull;
    return ES_OK;
}
