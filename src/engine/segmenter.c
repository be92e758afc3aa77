/* The segmenter: libav's MP4 muxer over memory, one fragment at a time. */
#include "engine/segmenter.h"

#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>

#include "engine/av_error.h"
#include "engine/compat.h"
#include "engine/fragment.h"
#include "engine/handles.h"
#include "engine/output.h"

#define IO_BUFFER_BYTES      (64 * 1024)
#define FRAGMENT_BYTES_MAX   (512 * 1024 * 1024)
#define FRAGMENT_PACKETS_MAX 100000

static int capture(void *opaque, av_written_bytes bytes, int size)
{
    es_buf_append(opaque, bytes, (size_t)size);
    return size;
}

static enum es_code open_muxer(struct segmenter *segmenter, struct es_err *reterr)
{
    const struct segmenter_settings *settings = &segmenter->settings;
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (avformat_alloc_output_context2(&segmenter->muxer, NULL, "mp4", NULL) < 0 || !buffer)
        abort();
    AVFormatContext *muxer = segmenter->muxer;
    muxer->pb =
        avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, &segmenter->bytes, NULL, capture, NULL);
    AVStream *stream = avformat_new_stream(muxer, NULL);
    if (!muxer->pb || !stream)
        abort();
    muxer->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    int status = avcodec_parameters_copy(stream->codecpar, settings->codec);
    stream->time_base = settings->time_base;
    if (settings->spec->is_video) {
        stream->avg_frame_rate = settings->spec->video.frame_rate;
        stream->sample_aspect_ratio = settings->codec->sample_aspect_ratio;
    }
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags", "frag_custom+delay_moov+default_base_moof+skip_trailer", 0);
    if (!settings->has_preroll) /* with it the first packet is what decoding times count from */
        av_dict_set(&options, "movflags", "+frag_discont", AV_DICT_APPEND);
    av_dict_set(&options, "use_editlist", "1", 0);
    av_dict_set(&options, "write_btrt", "0",
                0); /* it would tell this part's rate, not the track's */
    av_dict_set_int(&options, "fragment_index", (int64_t)settings->spec->index * 1000 + 1, 0);
    if (status >= 0)
        status = avformat_write_header(muxer, &options);
    av_dict_free(&options);
    return status < 0 ? av_fail(reterr, status, "beginning the fragments") : ES_OK;
}

enum es_code segmenter_open(const struct segmenter_settings *settings,
                            struct segmenter **ret_segmenter, struct es_err *reterr)
{
    es_auto(segmenter) segmenter = es_malloc(sizeof(*segmenter));
    segmenter->settings = *settings;
    enum es_code code = ES_OK;
    if (settings->object_name)
        code = output_open(settings->host, settings->object_name, &segmenter->object, reterr);
    if (code == ES_OK)
        code = open_muxer(segmenter, reterr);
    if (code == ES_OK)
        *ret_segmenter = es_take(segmenter);
    return code;
}

static void free_packets(struct segmenter *segmenter)
{
    for (size_t i = 0; i < segmenter->packet_count; i++)
        av_packet_free(&segmenter->packets[i]);
    segmenter->packet_count = 0;
}

void segmenter_close(struct segmenter *segmenter)
{
    free_packets(segmenter);
    free(segmenter->packets);
    free(segmenter->segments);
    if (segmenter->muxer) {
        AVIOContext *io = segmenter->muxer->pb;
        avformat_free_context(segmenter->muxer);
        av_freep(&io->buffer);
        avio_context_free(&io);
    }
    if (segmenter->object)
        output_close(segmenter->object);
    es_buf_release(&segmenter->bytes);
    free(segmenter);
}

enum es_code segmenter_add(struct segmenter *segmenter, AVPacket *packet, struct es_err *reterr)
{
    if (segmenter->packet_count >= FRAGMENT_PACKETS_MAX)
        return es_fail(reterr, ES_LIMIT, "a fragment of more than %d packets",
                       FRAGMENT_PACKETS_MAX);
    if (segmenter->packet_count == segmenter->packet_capacity) {
        segmenter->packet_capacity =
            segmenter->packet_capacity ? segmenter->packet_capacity * 2 : 256;
        segmenter->packets = es_realloc(segmenter->packets,
                                        segmenter->packet_capacity * sizeof(*segmenter->packets));
    }
    AVPacket *kept = packet_new();
    av_packet_move_ref(kept, packet);
    segmenter->packets[segmenter->packet_count++] = kept;
    return ES_OK;
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Durations and decoding times from the times of showing. With the delay too small for an unsteady
 * frame rate a packet is decoded a little earlier yet, never after it is shown. */
static void set_times(struct segmenter *segmenter, int64_t next_time)
{
    size_t count = segmenter->packet_count;
    AVPacket **packets = segmenter->packets;
    es_auto_free int64_t *times = es_malloc((count + 1) * sizeof(*times));
    for (size_t i = 0; i < count; i++)
        times[i] = packets[i]->pts;
    qsort(times, count, sizeof(*times), compare_times);
    times[count] = next_time;
    int64_t later = INT64_MAX;
    for (size_t i = count; i-- > 0;) {
        int64_t time = times[i] - segmenter->settings.delay;
        time = time < packets[i]->pts ? time : packets[i]->pts;
        packets[i]->dts = time < later ? time : later - 1;
        later = packets[i]->dts;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t next = i + 1 < count ? packets[i + 1]->dts : next_time - segmenter->settings.delay;
        packets[i]->duration = next > packets[i]->dts ? next - packets[i]->dts : 1;
    }
}

static enum es_code mux_packets(struct segmenter *segmenter, struct es_err *reterr)
{
    AVStream *stream = segmenter->muxer->streams[0];
    AVRational time_base = segmenter->settings.time_base;
    for (size_t i = 0; i < segmenter->packet_count; i++) {
        AVPacket *packet = segmenter->packets[i];
        packet->pts += segmenter->settings.shift;
        packet->dts += segmenter->settings.shift;
        packet->stream_index = 0;
        av_packet_rescale_ts(packet, time_base, stream->time_base);
        int status = av_write_frame(segmenter->muxer, packet);
        if (status < 0)
            return av_fail(reterr, status, "writing a fragment");
    }
    return ES_OK;
}

/* Bytes before the first fragment, or -1 where there is none yet (ISO/IEC 14496-12, 4.2). */
static int64_t header_bytes(const struct es_buf *buf)
{
    for (size_t at = 0; at + 8 <= buf->size;) {
        uint32_t size = AV_RB32(buf->bytes + at);
        if (memcmp(buf->bytes + at + 4, "moof", 4) == 0)
            return (int64_t)at;
        if (size < 8)
            break;
        at += size;
    }
    return -1;
}

static enum es_code write_header_object(struct segmenter *segmenter, size_t size,
                                        struct es_err *reterr)
{
    const struct segmenter_settings *settings = &segmenter->settings;
    if (!settings->is_init_written || segmenter->segment_count > 0)
        return ES_OK;
    segmenter->size_bytes = (int64_t)size;
    return output_write(settings->host, settings->init_name, segmenter->bytes.bytes, size, reterr);
}

static enum es_code emit(struct segmenter *segmenter, double duration, struct es_err *reterr)
{
    const struct segmenter_settings *settings = &segmenter->settings;
    int64_t header = header_bytes(&segmenter->bytes);
    if (header < 0)
        return es_fail(reterr, ES_IO, "the muxer wrote no fragment");
    size_t size = segmenter->bytes.size;
    int64_t key_bytes = 0;
    const char *name = NULL;
    enum es_code code = ES_OK;
    if (segmenter->object) {
        avio_write(segmenter->object->io, (const uint8_t *)segmenter->bytes.bytes, (int)size);
        if (segmenter->object->io->error < 0)
            code = output_fail(segmenter->object, segmenter->object->io->error, "writing", reterr);
    } else {
        code = write_header_object(segmenter, (size_t)header, reterr);
        size -= (size_t)header;
        if (settings->spec->is_video)
            key_bytes =
                fragment_first_sample_end((const uint8_t *)segmenter->bytes.bytes + header, size);
        name = es_printf(settings->arena, "%s-%05d-%05zu.m4s",
                         settings->spec->tracks[settings->track].name, settings->spec->index,
                         segmenter->segment_count + 1);
        if (code == ES_OK)
            code =
                output_write(settings->host, name, segmenter->bytes.bytes + header, size, reterr);
    }
    if (code != ES_OK)
        return code;
    if (segmenter->segment_count == segmenter->segment_capacity) {
        segmenter->segment_capacity =
            segmenter->segment_capacity ? segmenter->segment_capacity * 2 : 64;
        segmenter->segments = es_realloc(segmenter->segments, segmenter->segment_capacity *
                                                                  sizeof(*segmenter->segments));
    }
    segmenter->segments[segmenter->segment_count++] = (struct hls_segment){
        .name = name,
        .init_name = settings->init_name,
        .duration_seconds = duration,
        .size_bytes = (int64_t)size,
        .key_bytes = key_bytes,
    };
    if (segmenter->object)
        segmenter->size_bytes += (int64_t)size;
    segmenter->duration_seconds += duration;
    return ES_OK;
}

enum es_code segmenter_cut(struct segmenter *segmenter, int64_t next_time, struct es_err *reterr)
{
    if (segmenter->packet_count == 0)
        return ES_OK;
    AVRational time_base = segmenter->settings.time_base;
    int64_t begin = segmenter->packets[0]->pts;
    if (begin < 0 && segmenter->settings.has_preroll)
        begin = 0;
    double duration = (double)(next_time - begin) * av_q2d(time_base);
    set_times(segmenter, next_time);
    es_buf_clear(&segmenter->bytes);
    enum es_code code = mux_packets(segmenter, reterr);
    free_packets(segmenter);
    if (code != ES_OK)
        return code;
    /* The first flush writes the header alone. */
    for (int flushes = 0; flushes < 2 && header_bytes(&segmenter->bytes) < 0; flushes++) {
        int status = av_write_frame(segmenter->muxer, NULL);
        if (status < 0)
            return av_fail(reterr, status, "writing a fragment");
        avio_flush(segmenter->muxer->pb);
    }
    if (segmenter->bytes.size > FRAGMENT_BYTES_MAX)
        return es_fail(reterr, ES_LIMIT, "a fragment of more than %d bytes", FRAGMENT_BYTES_MAX);
    return emit(segmenter, duration, reterr);
}

enum es_code segmenter_finish(struct segmenter *segmenter, struct es_err *reterr)
{
    return segmenter->object ? output_finish(segmenter->object, reterr) : ES_OK;
}
