/* All text subtitles of the source in one reading of it: each track becomes one WebVTT file, on the
 * job's timeline. */
#include <math.h>

#include "engine/allowed.h"
#include "engine/av_error.h"
#include "engine/convert.h"
#include "engine/demuxer.h"
#include "engine/handles.h"
#include "engine/output.h"
#include "engine/part_result.h"
#include "engine/reporter.h"
#include "engine/webvtt.h"

#define CUES_MAX          200000
#define TEXT_BYTES_MAX    (16 * 1024 * 1024)
#define DURATION_MS_USUAL 4000 /* of a cue that does not say */

/* One track as it comes. */
struct lane {
    AVStream *stream;
    AVCodecContext *codec;
    struct webvtt_cue *cues;
    size_t cue_count, cue_capacity;
    size_t text_bytes;
};

struct subtitle_part {
    const struct part_spec *spec;
    const struct engine_host *host;
    struct es_arena *arena;
    struct reporter reporter;
    struct demuxer *demuxer;
    struct lane lanes[HLS_TRACKS_MAX];
    int64_t damaged_packets;
};

static enum es_code open_lane(struct subtitle_part *part, size_t index, struct es_err *reterr)
{
    struct lane *lane = &part->lanes[index];
    int stream_index = part->spec->subtitle_streams[index];
    if (part->spec->tracks[index].segment_count != 1)
        return es_fail(reterr, ES_INVALID, "subtitles are one segment");
    if (stream_index >= (int)part->demuxer->format->nb_streams)
        return es_fail(reterr, ES_INVALID, "the source has no stream %d", stream_index);
    lane->stream = part->demuxer->format->streams[stream_index];
    const AVCodec *codec = allowed_decoder(lane->stream->codecpar->codec_id);
    if (!codec || codec->type != AVMEDIA_TYPE_SUBTITLE)
        return es_fail(reterr, ES_INVALID, "stream %d holds no subtitles", stream_index);
    lane->codec = avcodec_alloc_context3(codec);
    if (!lane->codec)
        abort();
    int status = avcodec_parameters_to_context(lane->codec, lane->stream->codecpar);
    lane->codec->pkt_timebase = lane->stream->time_base;
    if (status >= 0)
        status = avcodec_open2(lane->codec, codec, NULL);
    return status < 0 ? av_fail(reterr, status, "opening the decoder '%s'", codec->name) : ES_OK;
}

static void add_cue(struct subtitle_part *part, struct lane *lane, int64_t begin_ms, int64_t end_ms,
                    const char *text)
{
    int64_t last_ms = llround(part->spec->timeline_seconds * 1000);
    begin_ms = begin_ms > 0 ? begin_ms : 0;
    end_ms = end_ms < last_ms ? end_ms : last_ms;
    size_t size = strlen(text);
    if (end_ms <= begin_ms || size == 0 || lane->cue_count == CUES_MAX ||
        lane->text_bytes + size > TEXT_BYTES_MAX)
        return;
    if (lane->cue_count == lane->cue_capacity) {
        lane->cue_capacity = lane->cue_capacity ? lane->cue_capacity * 2 : 256;
        lane->cues = es_realloc(lane->cues, lane->cue_capacity * sizeof(*lane->cues));
    }
    lane->cues[lane->cue_count++] = (struct webvtt_cue){ begin_ms, end_ms, text };
    lane->text_bytes += size;
}

static void take_subtitle(struct subtitle_part *part, struct lane *lane, const AVPacket *packet,
                          const AVSubtitle *subtitle)
{
    AVRational milliseconds = { 1, 1000 };
    int64_t time_us = av_rescale_q(packet->pts, lane->stream->time_base, AV_TIME_BASE_Q);
    int64_t time_ms = av_sat_sub64(time_us, part->spec->origin) / 1000;
    int64_t duration_ms =
        packet->duration > 0 ? av_rescale_q(packet->duration, lane->stream->time_base, milliseconds)
                             : (int64_t)subtitle->end_display_time - subtitle->start_display_time;
    if (duration_ms <= 0 || subtitle->end_display_time == UINT32_MAX)
        duration_ms = packet->duration > 0 ? duration_ms : DURATION_MS_USUAL;
    int64_t begin_ms = av_sat_add64(time_ms, subtitle->start_display_time);
    for (unsigned i = 0; i < subtitle->num_rects; i++)
        if (subtitle->rects[i]->ass)
            add_cue(part, lane, begin_ms, av_sat_add64(begin_ms, duration_ms),
                    webvtt_text_of_ass(subtitle->rects[i]->ass, part->arena));
}

static struct lane *lane_of(struct subtitle_part *part, int stream_index)
{
    for (size_t i = 0; i < part->spec->track_count; i++)
        if (part->spec->subtitle_streams[i] == stream_index)
            return &part->lanes[i];
    return NULL;
}

static enum es_code read_cues(struct subtitle_part *part, struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    for (;;) {
        bool has_packet = false;
        enum es_code code = demuxer_read(part->demuxer, packet, &has_packet, reterr);
        if (code != ES_OK || !has_packet)
            return code;
        struct lane *lane = lane_of(part, packet->stream_index);
        double seconds = 0;
        if (lane && packet->pts != AV_NOPTS_VALUE) {
            AVSubtitle subtitle = { 0 };
            int has_subtitle = 0;
            seconds = (double)packet->pts * av_q2d(lane->stream->time_base) -
                      (double)part->spec->origin / AV_TIME_BASE;
            if (avcodec_decode_subtitle2(lane->codec, &subtitle, &has_subtitle, packet) < 0)
                part->damaged_packets++;
            else if (has_subtitle)
                take_subtitle(part, lane, packet, &subtitle);
            if (has_subtitle)
                avsubtitle_free(&subtitle);
        }
        av_packet_unref(packet);
        code = reporter_tick(&part->reporter, seconds, reterr);
        if (code != ES_OK)
            return code;
    }
}

/* A track of no cues is made all the same: it has been promised. */
static enum es_code write_track(struct subtitle_part *part, size_t index, struct hls_track *track,
                                struct es_err *reterr)
{
    struct lane *lane = &part->lanes[index];
    es_auto_buf text = { 0 };
    webvtt_write(lane->cues, lane->cue_count, &text);
    struct hls_segment *segment =
        es_memdup(part->arena, part->spec->tracks[index].segments, sizeof(*segment));
    segment->size_bytes = (int64_t)text.size;
    track->segments = segment;
    track->segment_count = 1;
    track->is_complete = true;
    return output_write(part->host, segment->name, text.bytes, text.size, reterr);
}

static enum es_code run(struct subtitle_part *part, const struct engine_input *input,
                        const char **ret_result, struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    enum es_code code = demuxer_open(input, &part->demuxer, reterr);
    for (size_t i = 0; i < spec->track_count && code == ES_OK; i++)
        code = open_lane(part, i, reterr);
    if (code != ES_OK)
        return code;
    demuxer_select_many(part->demuxer, spec->subtitle_streams, spec->track_count);
    code = read_cues(part, reterr);
    struct hls_track *tracks =
        es_memdup(part->arena, spec->tracks, spec->track_count * sizeof(*spec->tracks));
    for (size_t i = 0; i < spec->track_count && code == ES_OK; i++)
        code = write_track(part, i, &tracks[i], reterr);
    if (code != ES_OK)
        return code;
    struct part_result result = { .damaged_packets = part->damaged_packets };
    *ret_result = part_result_write(&result, tracks, spec->track_count, part->arena);
    return ES_OK;
}

enum es_code subtitle_part_run(const struct engine_input *input, const struct part_spec *spec,
                               const struct engine_host *host, struct es_arena *arena,
                               const char **ret_result, struct es_err *reterr)
{
    struct subtitle_part part = {
        .spec = spec,
        .host = host,
        .arena = arena,
        .reporter = { .host = host,
                      .weight_seconds = spec->weight_seconds,
                      .timeline_seconds = spec->timeline_seconds },
    };
    enum es_code code = run(&part, input, ret_result, reterr);
    for (size_t i = 0; i < HLS_TRACKS_MAX; i++) {
        avcodec_free_context(&part.lanes[i].codec);
        free(part.lanes[i].cues);
    }
    if (part.demuxer)
        demuxer_close(part.demuxer);
    return code;
}
