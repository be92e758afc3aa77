/* Packets for copying: the demuxer's, with their times put in order. */
#include "engine/copy_source.h"

#include <libavutil/intreadwrite.h>

#include "engine/handles.h"

#define AAC_FRAME_SAMPLES 1024
#define RATE_UNKNOWN_FPS  25
#define ROUNDING_DIVISOR  1000 /* of a second: durations in milliseconds are off by as much */
#define SKIP_BYTES        10   /* of AV_PKT_DATA_SKIP_SAMPLES */

static enum es_code fail_foreign(struct es_err *reterr)
{
    return es_fail(reterr, ES_INVALID, "the spec is for another source");
}

static enum es_code open_track(struct copy_source *source, int index, AVRational time_base,
                               int64_t origin, const struct copy_header *header,
                               struct es_err *reterr)
{
    AVFormatContext *format = source->demuxer->format;
    if (index < 0 || index >= (int)format->nb_streams)
        return fail_foreign(reterr);
    AVStream *stream = format->streams[index];
    if (av_cmp_q(stream->time_base, time_base) != 0)
        return fail_foreign(reterr);
    struct copy_track *track = &source->tracks[source->track_count++];
    *track = (struct copy_track){
        .stream = stream,
        .codec = avcodec_parameters_alloc(),
        .time_base = stream->time_base,
        .is_plain = copy_form_is_plain(stream->codecpar),
        .origin = origin,
        .last_dts = INT64_MIN,
        .rescale_last = AV_NOPTS_VALUE,
    };
    if (!track->codec || avcodec_parameters_copy(track->codec, stream->codecpar) < 0)
        abort();
    AVCodecParameters *codec = track->codec;
    codec->codec_tag = 0;
    if (track->is_plain != (header->size == 0))
        return fail_foreign(reterr);
    if (!track->is_plain)
        copy_form_put_header(codec, header);
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO) {
        if (codec->frame_size <= 0)
            codec->frame_size = AAC_FRAME_SAMPLES;
        if (codec->sample_rate <= 0)
            return fail_foreign(reterr);
        track->time_base = (AVRational){ 1, codec->sample_rate };
        track->frame_ticks = codec->frame_size;
        return ES_OK;
    }
    codec->sample_aspect_ratio = av_guess_sample_aspect_ratio(format, stream, NULL);
    AVRational rate = av_guess_frame_rate(format, stream, NULL);
    if (rate.num <= 0 || rate.den <= 0)
        rate = (AVRational){ RATE_UNKNOWN_FPS, 1 };
    track->frame_ticks = av_rescale_q_rnd(1, av_inv_q(rate), track->time_base, AV_ROUND_UP);
    if (track->frame_ticks < 1)
        track->frame_ticks = 1;
    return ES_OK;
}

enum es_code copy_source_open(const struct engine_input *input, const struct part_spec *spec,
                              struct copy_source **ret_source, struct es_err *reterr)
{
    es_auto(copy_source) source = es_malloc(sizeof(*source));
    enum es_code code = demuxer_open(input, &source->demuxer, reterr);
    const struct copy_spec *copy = &spec->copy;
    if (code == ES_OK)
        code = open_track(source, spec->stream_index, spec->time_base, spec->origin, &copy->header,
                          reterr);
    if (code == ES_OK && copy->second_stream_index >= 0)
        code = open_track(source, copy->second_stream_index, copy->second_time_base,
                          copy->second_origin, &copy->second_header, reterr);
    if (code != ES_OK)
        return code;
    demuxer_select(source->demuxer, spec->stream_index, copy->second_stream_index);
    *ret_source = es_take(source);
    return ES_OK;
}

void copy_source_close(struct copy_source *source)
{
    for (size_t i = 0; i < source->track_count; i++)
        avcodec_parameters_free(&source->tracks[i].codec);
    if (source->demuxer)
        demuxer_close(source->demuxer);
    free(source);
}

/* Containers that count in milliseconds or 90 kHz round: sound is counted in samples again, and
 * steps aside only where it really does. */
static void count_samples(struct copy_track *track, AVPacket *packet)
{
    AVRational samples = { 1, track->codec->sample_rate }, tick = track->stream->time_base;
    int64_t lead = packet->pts - packet->dts;
    bool is_rounded = tick.den % ((int64_t)tick.num * samples.den) != 0;
    packet->dts = av_rescale_delta(track->stream->time_base, packet->dts, samples,
                                   (int)track->frame_ticks, &track->rescale_last, samples);
    if (is_rounded && track->packet_count > 0 &&
        llabs(packet->dts - track->next_sample) <= samples.den / ROUNDING_DIVISOR)
        packet->dts = track->next_sample;
    packet->pts = packet->dts + av_rescale_q(lead, track->stream->time_base, samples);
    packet->duration = packet->duration > 0
                           ? av_rescale_q(packet->duration, track->stream->time_base, samples)
                           : track->frame_ticks;
    if (is_rounded &&
        llabs(packet->duration - track->frame_ticks) <= samples.den / ROUNDING_DIVISOR)
        packet->duration = track->frame_ticks;
    track->next_sample = packet->dts + packet->duration;
    size_t size = 0;
    const uint8_t *skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (skip && size >= SKIP_BYTES && AV_RL32(skip + 4) < (uint64_t)packet->duration)
        packet->duration -= AV_RL32(skip + 4);
}

/* Where the container says when frames are shown alone: the first are decoded as much earlier as
 * the codec needs. */
static void set_decoding_time(struct copy_track *track, AVPacket *packet)
{
    int64_t delay = track->codec->video_delay * track->frame_ticks;
    if (packet->dts == AV_NOPTS_VALUE)
        packet->dts =
            track->packet_count == 0 ? packet->pts - delay : track->last_dts + track->frame_ticks;
    if (packet->dts > packet->pts)
        packet->dts = packet->pts;
    if (track->last_dts != INT64_MIN && packet->dts <= track->last_dts)
        packet->dts = track->last_dts + 1;
    if (packet->pts < packet->dts)
        packet->pts = packet->dts;
    if (packet->duration <= 0)
        packet->duration = track->frame_ticks;
}

/* False where the packet has no place in the output. */
static bool put_in_order(struct copy_track *track, AVPacket *packet)
{
    bool is_audio = track->codec->codec_type == AVMEDIA_TYPE_AUDIO;
    if (!is_audio && track->packet_count == 0 && !(packet->flags & AV_PKT_FLAG_KEY))
        return false; /* a recording begins anywhere, a picture with a key frame */
    if (packet->pts == AV_NOPTS_VALUE)
        packet->pts = packet->dts;
    if (packet->dts == AV_NOPTS_VALUE && is_audio)
        packet->dts = packet->pts;
    if (packet->pts == AV_NOPTS_VALUE)
        return false;
    packet->pts = av_sat_sub64(packet->pts, track->origin);
    if (packet->flags & AV_PKT_FLAG_DISCARD && packet->pts >= 0)
        return false; /* behind the end that the container names */
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts = av_sat_sub64(packet->dts, track->origin);
    if (is_audio)
        count_samples(track, packet);
    set_decoding_time(track, packet);
    track->last_dts = packet->dts;
    track->packet_count++;
    return true;
}

enum es_code copy_source_next(struct copy_source *source, AVPacket *packet, bool *ret_has_packet,
                              struct es_err *reterr)
{
    for (;;) {
        enum es_code code = demuxer_read(source->demuxer, packet, ret_has_packet, reterr);
        if (code != ES_OK || !*ret_has_packet)
            return code;
        size_t index = 0;
        while (index < source->track_count &&
               source->tracks[index].stream->index != packet->stream_index)
            index++;
        bool is_damaged = packet->flags & AV_PKT_FLAG_CORRUPT || packet->size <= 0;
        if (is_damaged)
            source->damaged_packets++;
        struct copy_track *track = &source->tracks[index];
        if (!is_damaged && index < source->track_count && put_in_order(track, packet)) {
            packet->stream_index = (int)index;
            packet->pos = -1;
            return track->is_plain || copy_form_apply(track->codec, false, packet)
                       ? ES_OK
                       : fail_foreign(reterr);
        }
        av_packet_unref(packet);
    }
}
