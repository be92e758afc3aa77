/* The scan: all of the streams' packets, once. */
#include "engine/copy_scan.h"

#include <math.h>

#include "engine/copy_form.h"
#include "engine/copy_rules.h"
#include "engine/handles.h"

#define STEP_SECONDS_MAX  10.0 /* from picture to picture: more is a leap */
#define SHIFT_SECONDS_MAX 0.03 /* that sound may be off its place: clocks are coarse */

/* What is known of a stream on the way. */
struct lane {
    struct copy_scan *scan;
    AVStream *stream;
    bool is_video, is_plain;
    bool is_begun;
    bool is_broken_off; /* its last packet is damaged: right only as the very last */
    int64_t last_dts, last_end, last_key, last_time;
};

static double seconds_of(const struct lane *lane, int64_t ticks)
{
    return (double)ticks * av_q2d(lane->stream->time_base);
}

/* Without times of showing pictures are shown as they are decoded, or else cannot be copied. */
static bool set_time(const struct lane *lane, AVPacket *packet)
{
    if (packet->pts != AV_NOPTS_VALUE)
        return true;
    packet->pts = packet->dts;
    return packet->dts != AV_NOPTS_VALUE &&
           (!lane->is_video || (lane->scan->codec->video_delay == 0 &&
                                !copy_is_bidirectional(lane->scan->codec, packet)));
}

static bool take_picture(struct lane *lane, const AVPacket *packet)
{
    struct copy_scan *scan = lane->scan;
    bool is_closed = packet->flags & AV_PKT_FLAG_KEY && copy_is_closed(scan->codec, packet);
    int64_t dts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (!lane->is_begun) {
        scan->first_time = lane->last_key = lane->last_time = packet->pts;
        lane->last_dts = dts;
        return is_closed;
    }
    double step = seconds_of(lane, dts - lane->last_dts);
    lane->last_dts = dts;
    if (packet->pts > lane->last_time)
        lane->last_time = packet->pts;
    scan->longest_seconds =
        fmax(scan->longest_seconds, seconds_of(lane, lane->last_time - lane->last_key));
    if (is_closed)
        lane->last_key = packet->pts;
    return step > 0 && step < STEP_SECONDS_MAX;
}

static bool take_sound(struct lane *lane, const AVPacket *packet)
{
    double off = lane->is_begun ? seconds_of(lane, packet->pts - lane->last_end) : 0;
    lane->last_end = packet->pts + packet->duration;
    return packet->duration > 0 && fabs(off) <= SHIFT_SECONDS_MAX;
}

/* False where the packet is none for a copy. */
static bool take_packet(struct lane *lane, AVPacket *packet)
{
    AVCodecParameters *codec = lane->scan->codec;
    /* A recording begins anywhere: what stands before the first key frame is left out. */
    if (lane->is_video && !lane->is_begun && !(packet->flags & AV_PKT_FLAG_KEY))
        return true;
    if (lane->is_broken_off)
        return false;
    lane->is_broken_off = packet->flags & AV_PKT_FLAG_CORRUPT || packet->size <= 0;
    if (lane->is_broken_off)
        return true;
    if (!lane->is_begun && !lane->is_plain && !copy_form_set_header(codec, packet))
        return false;
    bool is_fit = copy_form_apply(codec, lane->is_plain, packet) && set_time(lane, packet) &&
                  (lane->is_video ? take_picture(lane, packet) : take_sound(lane, packet));
    lane->is_begun = true;
    return is_fit;
}

static void open_lane(struct lane *lane, struct copy_scan *scan, AVStream *stream)
{
    scan->codec = avcodec_parameters_alloc();
    if (!scan->codec || avcodec_parameters_copy(scan->codec, stream->codecpar) < 0)
        abort();
    scan->first_time = INT64_MIN;
    scan->is_fit = true;
    *lane = (struct lane){
        .scan = scan,
        .stream = stream,
        .is_video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO,
        .is_plain = copy_form_is_plain(stream->codecpar),
    };
}

enum es_code copy_scan_run(const struct engine_input *input, struct copy_scan scans[static 2],
                           struct es_err *reterr)
{
    es_auto(demuxer) demuxer = NULL;
    enum es_code code = demuxer_open(input, &demuxer, reterr);
    if (code != ES_OK)
        return code;
    struct lane lanes[2] = { 0 };
    demuxer_select(demuxer, scans[0].stream_index, scans[1].stream_index);
    for (size_t i = 0; i < 2; i++)
        if (scans[i].stream_index >= 0 && scans[i].stream_index < (int)demuxer->format->nb_streams)
            open_lane(&lanes[i], &scans[i], demuxer->format->streams[scans[i].stream_index]);
    es_auto(AVPacket) packet = packet_new();
    bool has_packet = true;
    while (has_packet && (scans[0].is_fit || scans[1].is_fit)) {
        code = demuxer_read(demuxer, packet, &has_packet, reterr);
        if (code != ES_OK)
            return code;
        for (size_t i = 0; i < 2 && has_packet; i++)
            if (scans[i].is_fit && scans[i].stream_index == packet->stream_index)
                scans[i].is_fit = take_packet(&lanes[i], packet);
        av_packet_unref(packet);
    }
    for (size_t i = 0; i < 2; i++)
        scans[i].is_fit = scans[i].is_fit && lanes[i].is_begun && demuxer->damaged_packets == 0;
    return ES_OK;
}

void copy_scan_release(struct copy_scan *scan)
{
    avcodec_parameters_free(&scan->codec);
}
