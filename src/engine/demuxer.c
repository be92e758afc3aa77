/* The container's reader over an engine_input. libav's own probing would let any format win that it
 * knows, and libav would open what a file names: both are taken from it here. */
#include "engine/demuxer.h"

#include <libavutil/avstring.h>
#include <libavutil/dict.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>

#include "engine/allowed.h"
#include "engine/av_error.h"
#include "engine/tags.h"
#include "engine/timeline.h"

#define IO_BUFFER_BYTES    (128 * 1024)
#define PROBE_BYTES_MIN    4096
#define PROBE_BYTES_MAX    (1024 * 1024)
#define PROBE_SCORE_SURE   50
#define BROKEN_READS_MAX   64
#define BOXES_MAX          1000
#define INDEX_TOLERANCE_US INT64_C(1500000)

/* Those that can be read from their beginning, as far as they have come. */
static const char arriving_demuxers[] =
    "aac,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpegts,ogg,w64,wav";
/* Those with an index before the frames, where they are not fragmented. */
static const char indexed_demuxers[] = "mov,mp4,m4a,3gp,3g2,mj2";

static int read_bytes(void *opaque, uint8_t *bytes, int size)
{
    struct demuxer *demuxer = opaque;
    size_t got = 0;
    if (size <= 0)
        return AVERROR(EINVAL);
    if (demuxer->read_err.code != ES_OK)
        return AVERROR(EIO);
    if (demuxer->input->read(demuxer->input->context, demuxer->position, bytes, (size_t)size, &got,
                             &demuxer->read_err) != ES_OK)
        return AVERROR(EIO);
    demuxer->position += (int64_t)got;
    return got ? (int)got : AVERROR_EOF;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct demuxer *demuxer = opaque;
    bool has_end = !demuxer->input->is_arriving;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return has_end ? demuxer->input->size_bytes : 0; /* an error would be taken for a size */
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += demuxer->position;
        break;
    case SEEK_END:
        if (!has_end)
            return AVERROR(ENOSYS);
        offset += demuxer->input->size_bytes;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    demuxer->position = offset;
    return offset;
}

static int refuse_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)format, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

/* Fewer than `size` bytes only at the end, of an arriving input too. */
static enum es_code read_all(const struct engine_input *input, int64_t offset, void *ret_bytes,
                             size_t size, size_t *ret_size, struct es_err *reterr)
{
    size_t total = 0, got = 1;
    while (got > 0 && total < size) {
        enum es_code code = input->read(input->context, offset + (int64_t)total,
                                        (char *)ret_bytes + total, size - total, &got, reterr);
        if (code != ES_OK)
            return code;
        total += got;
        if (!input->is_arriving)
            break;
    }
    *ret_size = total;
    return ES_OK;
}

/* Bytes of ID3v2 tags before the content: they may be larger than anything worth probing. */
static enum es_code tag_bytes(struct demuxer *demuxer, int64_t *ret_bytes, struct es_err *reterr)
{
    int64_t offset = 0;
    for (;;) {
        uint8_t header[ID3_HEAD_BYTES];
        size_t got = 0;
        enum es_code code = read_all(demuxer->input, offset, header, sizeof(header), &got, reterr);
        if (code != ES_OK)
            return code;
        int64_t tag = got == sizeof(header) ? tags_id3_bytes(header) : 0;
        if (tag == 0)
            break;
        offset += tag;
    }
    *ret_bytes = offset;
    return ES_OK;
}

static enum es_code find_format(struct demuxer *demuxer, const AVInputFormat **ret_format,
                                struct es_err *reterr)
{
    int64_t offset = 0;
    enum es_code code = tag_bytes(demuxer, &offset, reterr);
    if (code != ES_OK)
        return code;
    es_auto_free uint8_t *bytes = NULL;
    for (size_t size = PROBE_BYTES_MIN; size <= PROBE_BYTES_MAX; size *= 4) {
        size_t got = 0;
        bytes = es_realloc(bytes, size + AVPROBE_PADDING_SIZE);
        code = read_all(demuxer->input, offset, bytes, size, &got, reterr);
        if (code != ES_OK)
            return code;
        memset(bytes + got, 0, AVPROBE_PADDING_SIZE);
        AVProbeData data = { .filename = "", .buf = bytes, .buf_size = (int)got };
        int score = 0;
        const AVInputFormat *format = av_probe_input_format3(&data, 1, &score);
        bool is_last = got < size || size * 4 > PROBE_BYTES_MAX;
        if (!format || (score <= AVPROBE_SCORE_RETRY && !is_last))
            continue;
        if (!av_match_list(format->name, allowed_demuxers, ','))
            return es_fail_word(reterr, ES_MEDIA, "unsupported_format",
                                "the content looks like '%s', which is not read here",
                                format->name);
        if (demuxer->input->is_arriving && !av_match_list(format->name, arriving_demuxers, ','))
            return es_fail(reterr, ES_UNAVAILABLE, "'%s' is read once it is whole", format->name);
        demuxer->is_sure = score >= PROBE_SCORE_SURE;
        *ret_format = format;
        return ES_OK;
    }
    return es_fail_word(reterr, ES_MEDIA, "unsupported_format",
                        "the content is of no known media format");
}

static enum es_code fail_read(struct demuxer *demuxer, int averror, const char *what,
                              struct es_err *reterr)
{
    if (demuxer->read_err.code != ES_OK) {
        *reterr = demuxer->read_err;
        return reterr->code;
    }
    enum es_code code = av_fail(reterr, averror, "%s", what);
    if (code == ES_MEDIA && !demuxer->is_sure)
        reterr->word = "unsupported_format";
    return code;
}

static enum es_code open_format(struct demuxer *demuxer, struct es_err *reterr)
{
    const AVInputFormat *input_format = NULL;
    enum es_code code = find_format(demuxer, &input_format, reterr);
    if (code != ES_OK)
        return code;
    AVFormatContext *format = avformat_alloc_context();
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (!format || !buffer)
        abort();
    format->pb =
        avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, demuxer, read_bytes, NULL, seek_bytes);
    if (!format->pb)
        abort();
    AVIOContext *io = format->pb;
    if (demuxer->input->is_arriving)
        io->seekable = 0; /* or readers would look at the end first */
    format->io_open = refuse_open;
    format->flags |= AVFMT_FLAG_CUSTOM_IO;

    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "", 0);
    av_dict_set(&options, "format_whitelist", allowed_demuxers, 0);
    av_dict_set(&options, "codec_whitelist", allowed_decoders, 0);
    av_dict_set(&options, "max_streams", "256", 0);
    int status = avformat_open_input(&format, "", input_format, &options);
    av_dict_free(&options);
    if (status < 0) { /* libav has freed the context, but not what is ours */
        av_freep(&io->buffer);
        avio_context_free(&io);
        return fail_read(demuxer, status, "opening the container", reterr);
    }
    demuxer->format = format;
    if (timeline_is_needed(format))
        demuxer->timeline = timeline_new();
    return ES_OK;
}

/* Whether a box of that type (ISO/IEC 14496-12, 4.2) is among those from `offset` up to `end`;
 * *ret_offset and *ret_end are then where its contents lie. */
static enum es_code find_box(const struct engine_input *input, const char *type, int64_t offset,
                             int64_t end, bool *ret_is_there, int64_t *ret_offset, int64_t *ret_end,
                             struct es_err *reterr)
{
    *ret_is_there = false;
    for (int count = 0; count < BOXES_MAX && offset < end; count++) {
        uint8_t header[16] = { 0 };
        size_t got = 0;
        enum es_code code = read_all(input, offset, header, sizeof(header), &got, reterr);
        if (code != ES_OK || got < 8)
            return code;
        int64_t size = AV_RB32(header), begin = offset + 8;
        if (size == 1) {
            size = (int64_t)AV_RB64(header + 8);
            begin = offset + 16;
        }
        if (size < begin - offset)
            return ES_OK;
        if (memcmp(header + 4, type, 4) == 0) {
            *ret_is_there = true;
            *ret_offset = begin;
            *ret_end = av_sat_add64(offset, size);
            return ES_OK;
        }
        offset = av_sat_add64(offset, size);
    }
    return ES_OK;
}

/* Whether there is more to the index than what stands in the header. */
static enum es_code look_for_fragments(const struct engine_input *input, bool *ret_has_fragments,
                                       struct es_err *reterr)
{
    int64_t begin = 0, end = INT64_MAX;
    bool has_header = false;
    enum es_code code = find_box(input, "moov", 0, INT64_MAX, &has_header, &begin, &end, reterr);
    if (code == ES_OK && has_header)
        code = find_box(input, "mvex", begin, end, ret_has_fragments, &begin, &end, reterr);
    *ret_has_fragments |= !has_header;
    return code;
}

/* Whether the header's index reaches to the end that the header claims. */
static bool index_is_whole(const struct demuxer *demuxer)
{
    const AVFormatContext *format = demuxer->format;
    if (!av_match_list(format->iformat->name, indexed_demuxers, ','))
        return false;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        AVStream *stream = format->streams[i];
        enum AVMediaType type = stream->codecpar->codec_type;
        int count = avformat_index_get_entries_count(stream);
        if ((type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO) || stream_is_picture(stream))
            continue;
        if (count == 0 || stream->duration <= 0)
            return false;
        int64_t first = avformat_index_get_entry(stream, 0)->timestamp;
        int64_t last = avformat_index_get_entry(stream, count - 1)->timestamp;
        int64_t missing =
            av_rescale_q(stream->duration - (last - first), stream->time_base, AV_TIME_BASE_Q);
        if (missing > INDEX_TOLERANCE_US)
            return false;
    }
    return true;
}

static enum es_code open_container(const struct engine_input *input, bool is_looked_into,
                                   struct demuxer **ret_demuxer, struct es_err *reterr)
{
    av_log_capture();
    if (input->size_bytes <= 0 && !input->is_arriving)
        return es_fail_word(reterr, ES_MEDIA, "media_empty", "the source has no bytes");
    es_auto(demuxer) demuxer = es_malloc(sizeof(*demuxer));
    demuxer->input = input;
    enum es_code code = open_format(demuxer, reterr);
    if (code != ES_OK)
        return code;
    if (is_looked_into) {
        int status = avformat_find_stream_info(demuxer->format, NULL);
        if (status < 0 || demuxer->read_err.code != ES_OK)
            return fail_read(demuxer, status, "looking at the streams", reterr);
    }
    if (input->is_arriving && index_is_whole(demuxer)) {
        bool has_fragments = false;
        code = look_for_fragments(input, &has_fragments, reterr);
        if (code != ES_OK)
            return code;
        demuxer->has_whole_index = !has_fragments;
        demuxer->format->pb->seekable = has_fragments ? 0 : AVIO_SEEKABLE_NORMAL;
    }
    *ret_demuxer = es_take(demuxer);
    return ES_OK;
}

enum es_code demuxer_open(const struct engine_input *input, struct demuxer **ret_demuxer,
                          struct es_err *reterr)
{
    return open_container(input, true, ret_demuxer, reterr);
}

enum es_code demuxer_open_part(const struct engine_input *input, struct demuxer **ret_demuxer,
                               struct es_err *reterr)
{
    return open_container(input, false, ret_demuxer, reterr);
}

void demuxer_close(struct demuxer *demuxer)
{
    if (demuxer->format) {
        AVIOContext *io = demuxer->format->pb;
        avformat_close_input(&demuxer->format);
        av_freep(&io->buffer);
        avio_context_free(&io);
    }
    if (demuxer->timeline)
        timeline_free(demuxer->timeline);
    free(demuxer);
}

static bool is_wanted(const struct demuxer *demuxer, int index)
{
    for (size_t i = 0; i < demuxer->wanted_count; i++)
        if (demuxer->wanted[i] == index)
            return true;
    return demuxer->wanted_count == 0;
}

void demuxer_select_many(struct demuxer *demuxer, const int *indexes, size_t count)
{
    demuxer->wanted_count = 0;
    for (size_t i = 0; i < count && demuxer->wanted_count < STREAMS_WANTED_MAX; i++)
        if (indexes[i] >= 0)
            demuxer->wanted[demuxer->wanted_count++] = indexes[i];
    for (unsigned i = 0; i < demuxer->format->nb_streams && !demuxer->timeline; i++)
        demuxer->format->streams[i]->discard =
            is_wanted(demuxer, (int)i) ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

void demuxer_select(struct demuxer *demuxer, int first_index, int second_index)
{
    demuxer_select_many(demuxer, (const int[]){ first_index, second_index }, 2);
}

enum es_code demuxer_read(struct demuxer *demuxer, AVPacket *packet, bool *ret_has_packet,
                          struct es_err *reterr)
{
    for (int broken_reads = 0; broken_reads < BROKEN_READS_MAX;) {
        int status = av_read_frame(demuxer->format, packet);
        if (demuxer->read_err.code != ES_OK) {
            av_packet_unref(packet);
            *reterr = demuxer->read_err;
            return reterr->code;
        }
        if (status == AVERROR_EOF)
            break;
        if (status < 0) {
            demuxer->damaged_packets++;
            broken_reads++;
            continue;
        }
        if (demuxer->timeline)
            timeline_mend(demuxer->timeline, demuxer->format, packet);
        if (is_wanted(demuxer, packet->stream_index)) {
            *ret_has_packet = true;
            return ES_OK;
        }
        av_packet_unref(packet);
    }
    *ret_has_packet = false;
    return ES_OK;
}

enum es_code demuxer_seek(struct demuxer *demuxer, int stream_index, int64_t timestamp,
                          bool *ret_is_there, struct es_err *reterr)
{
    int status = av_seek_frame(demuxer->format, stream_index, timestamp, AVSEEK_FLAG_BACKWARD);
    if (demuxer->read_err.code != ES_OK) {
        *reterr = demuxer->read_err;
        return reterr->code;
    }
    if (demuxer->timeline)
        timeline_forget(demuxer->timeline);
    *ret_is_there = status >= 0;
    return ES_OK;
}

bool stream_is_picture(const AVStream *stream)
{
    return stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS);
}

/* More is better; < 0: of no use. */
static int64_t stream_merit(const AVStream *stream, enum AVMediaType type)
{
    const AVCodecParameters *codec = stream->codecpar;
    if (codec->codec_type != type || stream_is_picture(stream) || !allowed_decoder(codec->codec_id))
        return -1;
    int64_t merit = stream->disposition & AV_DISPOSITION_DEFAULT ? INT64_C(1) << 40 : 0;
    if (type == AVMEDIA_TYPE_VIDEO)
        return merit + (int64_t)codec->width * codec->height;
    return merit + codec->ch_layout.nb_channels;
}

int demuxer_choose(const struct demuxer *demuxer, enum AVMediaType type, int rank)
{
    const AVFormatContext *format = demuxer->format;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        int64_t merit = stream_merit(format->streams[i], type);
        int better = 0;
        for (unsigned j = 0; merit >= 0 && j < format->nb_streams; j++) {
            int64_t other = stream_merit(format->streams[j], type);
            better += other > merit || (other == merit && j < i);
        }
        if (merit >= 0 && better == rank)
            return (int)i;
    }
    return -1;
}
