/* The sound of the whole timeline, in one go, so that it has no seams: an MP3 file, AAC segments,
 * or AAC in one object for the join. Beside a video it is kept in step: what is missing becomes
 * silence, what overlaps is cut. */
#include <math.h>

#include "engine/convert.h"
#include "engine/cutter.h"
#include "engine/decoder.h"
#include "engine/encoder.h"
#include "engine/frame_filter.h"
#include "engine/mp3_file.h"
#include "engine/output.h"
#include "engine/part_result.h"
#include "engine/reporter.h"
#include "engine/segmenter.h"
#include "engine/tags.h"

#include "engine/av_error.h"

#define INIT_NAME             "audio-init.mp4"
#define OUT_OF_STEP_DIVISOR   10 /* a tenth of a second apart is mended */
#define SILENCE_CHUNK_SAMPLES 4096
#define LEAP_SECONDS_MAX      60 /* behind what is there and planned: a damaged time, not a gap */
#define DEFAULT_FRAME_SAMPLES 1152

struct audio_part {
    const struct part_spec *spec;
    const struct engine_host *host;
    struct es_arena *arena;
    struct reporter reporter;
    struct decoder *decoder;
    struct frame_filter filter;
    struct encoder *encoder;
    AVAudioFifo *fifo;
    struct segmenter *segmenter; /* AAC */
    struct mp3_file *mp3;        /* MP3 */
    struct cutter cutter;
    AVFrame *block;   /* what the encoder takes at a time */
    int64_t received; /* samples of the output's timeline that the fifo got */
    int64_t encoded;  /* samples that the encoder got */
    bool is_first_frame_seen;
    double source_end_seconds;
};

static double seconds_of(const struct audio_part *part, int64_t samples)
{
    return (double)samples / part->spec->audio.sample_rate;
}

static const AVStream *picture_of(const struct audio_part *part)
{
    int index = part->spec->picture_stream_index;
    const AVFormatContext *format = part->decoder->demuxer->format;
    return index >= 0 && index < (int)format->nb_streams ? format->streams[index] : NULL;
}

static const char *result_of(const struct audio_part *part, const char *object, int64_t size_bytes,
                             const char *picture, bool is_complete)
{
    struct part_result result = {
        .object = object,
        .picture = picture,
        .size_bytes = size_bytes,
        .shift = part->segmenter ? part->segmenter->settings.shift : 0,
        .end_seconds = seconds_of(part, part->encoded),
        .source_end_seconds = part->source_end_seconds,
        .damaged_packets = part->decoder->damaged_packets + part->decoder->demuxer->damaged_packets,
    };
    if (part->spec->target != JOB_HLS)
        return part_result_write(&result, NULL, 0, part->arena);
    struct hls_track track = part->spec->tracks[0];
    track.segments = part->segmenter ? part->segmenter->segments : NULL;
    track.segment_count = part->segmenter ? part->segmenter->segment_count : 0;
    track.is_complete = is_complete;
    return part_result_write(&result, &track, 1, part->arena);
}

static enum es_code cut(struct audio_part *part, int64_t next_time, struct es_err *reterr)
{
    enum es_code code = segmenter_cut(part->segmenter, next_time, reterr);
    if (code != ES_OK || part->spec->target != JOB_HLS)
        return code;
    part->reporter.is_playable = true;
    return reporter_publish(&part->reporter, seconds_of(part, part->encoded),
                            result_of(part, NULL, 0, NULL, false), reterr);
}

static enum es_code take_packet(void *context, AVPacket *packet, struct es_err *reterr)
{
    struct audio_part *part = context;
    if (part->mp3)
        return mp3_file_add(part->mp3, packet, reterr);
    /* A segment cannot hold what lies before the beginning; what lies behind the end is padding. */
    if ((part->spec->target == JOB_HLS && packet->pts < 0) || packet->pts >= part->received)
        return ES_OK;
    if (cutter_is_due(&part->cutter, packet->pts)) {
        enum es_code code = cut(part, packet->pts, reterr);
        if (code != ES_OK)
            return code;
    }
    return segmenter_add(part->segmenter, packet, reterr);
}

static enum es_code open_segmenter(struct audio_part *part, struct es_err *reterr)
{
    bool is_hls = part->spec->target == JOB_HLS;
    es_auto(AVCodecParameters) codec = encoder_parameters(part->encoder);
    struct segmenter_settings settings = {
        .host = part->host,
        .codec = codec,
        .time_base = part->encoder->codec->time_base,
        .spec = part->spec,
        .arena = part->arena,
        .init_name = INIT_NAME,
        .is_init_written = true,
        .object_name = is_hls ? NULL : es_printf(part->arena, "part-%05d.mp4", part->spec->index),
        .shift = is_hls ? 0 : part->encoder->codec->initial_padding,
    };
    int rate = part->spec->audio.sample_rate;
    cutter_init(&part->cutter, 0, (int64_t)AUDIO_SEGMENT_SECONDS * rate, rate,
                part->spec->is_first);
    if (part->spec->expected_end != INT64_MAX)
        cutter_expect_end(&part->cutter,
                          av_rescale_q(part->spec->expected_end - part->spec->origin,
                                       part->spec->time_base, part->encoder->codec->time_base),
                          rate);
    return segmenter_open(&settings, &part->segmenter, reterr);
}

/* Everything that has to wait until the format of the filtered sound is known. */
static enum es_code open_encoder(struct audio_part *part, enum AVSampleFormat format,
                                 struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    enum es_code code = encoder_open(spec, format, take_packet, part, &part->encoder, reterr);
    if (code != ES_OK)
        return code;
    const AVCodecContext *codec = part->encoder->codec;
    part->fifo =
        av_audio_fifo_alloc(codec->sample_fmt, codec->ch_layout.nb_channels, codec->sample_rate);
    if (!part->fifo)
        abort();
    part->block = frame_new();
    if (spec->target != JOB_MP3)
        return open_segmenter(part, reterr);
    return mp3_file_open(part->host, job_output_name(JOB_MP3), part->encoder, spec,
                         picture_of(part), &part->mp3, reterr);
}

/* Encodes what the fifo holds in whole blocks; at the end the rest too. */
static enum es_code encode_blocks(struct audio_part *part, bool is_end, struct es_err *reterr)
{
    AVCodecContext *codec = part->encoder->codec;
    int block_size = codec->frame_size > 0 ? codec->frame_size : DEFAULT_FRAME_SAMPLES;
    for (;;) {
        int held = av_audio_fifo_size(part->fifo);
        int size = held < block_size ? held : block_size;
        if (size == 0 || (size < block_size && !is_end))
            return ES_OK;
        AVFrame *block = part->block;
        av_frame_unref(block);
        block->nb_samples = size;
        block->format = codec->sample_fmt;
        block->sample_rate = codec->sample_rate;
        block->pts = part->encoded;
        int status = av_channel_layout_copy(&block->ch_layout, &codec->ch_layout);
        if (status >= 0)
            status = av_frame_get_buffer(block, 0);
        if (status >= 0)
            status = av_audio_fifo_read(part->fifo, (void **)block->extended_data, size);
        if (status < 0)
            return av_fail(reterr, status, "handing sound to the encoder");
        part->encoded += size;
        enum es_code code = encoder_push(part->encoder, block, reterr);
        if (code == ES_OK)
            code = reporter_tick(&part->reporter, seconds_of(part, part->encoded), reterr);
        if (code != ES_OK)
            return code;
    }
}

/* How many of `count` samples still fit before the end. */
static int64_t fitting(const struct audio_part *part, int64_t count)
{
    int64_t most = part->spec->audio.sample_count_max;
    if (most > 0 && part->received + count > most)
        count = most > part->received ? most - part->received : 0;
    return count;
}

static enum es_code append(struct audio_part *part, uint8_t **data, int64_t count,
                           struct es_err *reterr)
{
    count = fitting(part, count);
    if (count <= 0)
        return ES_OK;
    int status = av_audio_fifo_write(part->fifo, (void **)data, (int)count);
    if (status < 0)
        return av_fail(reterr, status, "queueing sound");
    part->received += count;
    return encode_blocks(part, false, reterr);
}

static enum es_code append_silence(struct audio_part *part, int64_t count, struct es_err *reterr)
{
    const AVCodecContext *codec = part->encoder->codec;
    es_auto(AVFrame) silence = frame_new();
    silence->nb_samples = SILENCE_CHUNK_SAMPLES;
    silence->format = codec->sample_fmt;
    int status = av_channel_layout_copy(&silence->ch_layout, &codec->ch_layout);
    if (status >= 0)
        status = av_frame_get_buffer(silence, 0);
    if (status >= 0)
        status = av_samples_set_silence(silence->extended_data, 0, SILENCE_CHUNK_SAMPLES,
                                        codec->ch_layout.nb_channels, codec->sample_fmt);
    if (status < 0)
        return av_fail(reterr, status, "making silence");
    count = fitting(part, count);
    enum es_code code = ES_OK;
    while (count > 0 && code == ES_OK) {
        int64_t now = count < SILENCE_CHUNK_SAMPLES ? count : SILENCE_CHUNK_SAMPLES;
        code = append(part, silence->extended_data, now, reterr);
        count -= now;
    }
    return code;
}

/* How far the frame is ahead (> 0) or behind (< 0) of what was received, where that is to be
 * mended. */
static int64_t out_of_step(struct audio_part *part, const AVFrame *frame)
{
    const struct part_spec *spec = part->spec;
    int64_t rate = spec->audio.sample_rate;
    bool is_first = !part->is_first_frame_seen;
    part->is_first_frame_seen = true;
    if (!spec->audio.is_synced || frame->pts == AV_NOPTS_VALUE)
        return 0;
    int64_t origin = av_rescale_q(spec->origin, spec->time_base, (AVRational){ 1, (int)rate });
    int64_t ahead = av_sat_sub64(av_sat_sub64(frame->pts, origin), part->received);
    if (!is_first && llabs(ahead) < rate / OUT_OF_STEP_DIVISOR)
        return 0;
    if (seconds_of(part, av_sat_sub64(frame->pts, origin)) >
        fmax(spec->timeline_seconds, seconds_of(part, part->received)) + LEAP_SECONDS_MAX)
        return 0;
    return ahead;
}

static enum es_code take_frame(void *context, AVFrame *frame, struct es_err *reterr)
{
    struct audio_part *part = context;
    enum es_code code = ES_OK;
    if (!part->encoder)
        code = open_encoder(part, (enum AVSampleFormat)frame->format, reterr);
    if (code != ES_OK)
        return code;
    int64_t ahead = out_of_step(part, frame);
    if (ahead > 0)
        code = append_silence(part, ahead, reterr);
    int64_t skipped = ahead < 0 ? -ahead : 0;
    if (code != ES_OK || skipped >= frame->nb_samples)
        return code;
    uint8_t *data[AV_NUM_DATA_POINTERS] = { 0 };
    bool is_planar = av_sample_fmt_is_planar((enum AVSampleFormat)frame->format);
    int channels = frame->ch_layout.nb_channels;
    int64_t offset = skipped * av_get_bytes_per_sample((enum AVSampleFormat)frame->format) *
                     (is_planar ? 1 : channels);
    for (int i = 0; i < (is_planar ? channels : 1) && i < AV_NUM_DATA_POINTERS; i++)
        data[i] = frame->extended_data[i] + offset;
    return append(part, data, frame->nb_samples - skipped, reterr);
}

static bool has_all(const struct audio_part *part)
{
    int64_t most = part->spec->audio.sample_count_max;
    return most > 0 && part->received >= most;
}

static void note_end(struct audio_part *part, const AVFrame *frame)
{
    double end =
        (double)av_sat_sub64(frame->pts, part->spec->origin) * av_q2d(part->spec->time_base) +
        (double)frame->nb_samples / frame->sample_rate;
    if (end > part->source_end_seconds)
        part->source_end_seconds = end;
}

static enum es_code run_frames(struct audio_part *part, struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    bool has_frame = true;
    while (!has_all(part)) {
        enum es_code code = decoder_next(part->decoder, frame, &has_frame, reterr);
        if (code != ES_OK)
            return code;
        if (!has_frame)
            break;
        note_end(part, frame);
        code = frame_filter_push(&part->filter, frame, reterr);
        av_frame_unref(frame);
        if (code == ES_OK)
            code = reporter_tick(&part->reporter, seconds_of(part, part->encoded), reterr);
        if (code != ES_OK)
            return code;
    }
    enum es_code code = frame_filter_push(&part->filter, NULL, reterr);
    if (code == ES_OK && !part->encoder)
        code = es_fail_word(reterr, ES_MEDIA, "media_damaged", "no sound could be decoded");
    if (code == ES_OK)
        code = encode_blocks(part, true, reterr);
    return code == ES_OK ? encoder_push(part->encoder, NULL, reterr) : code;
}

static enum es_code finish(struct audio_part *part, const char *picture, const char **ret_result,
                           struct es_err *reterr)
{
    int64_t size_bytes = 0;
    const char *object = NULL;
    enum es_code code = ES_OK;
    if (part->mp3) {
        object = job_output_name(JOB_MP3);
        code = mp3_file_finish(part->mp3, &size_bytes, reterr);
    } else {
        code = cut(part, part->received, reterr);
        if (code == ES_OK)
            code = segmenter_finish(part->segmenter, reterr);
        object = part->segmenter->settings.object_name;
        size_bytes = part->segmenter->size_bytes;
    }
    if (code == ES_OK)
        *ret_result = result_of(part, object, size_bytes, picture, true);
    return code;
}

static enum es_code run(struct audio_part *part, const struct engine_input *input,
                        const char **ret_result, struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    enum es_code code = decoder_open(input, spec->stream_index, &part->decoder, reterr);
    if (code != ES_OK)
        return code;
    if (av_cmp_q(part->decoder->stream->time_base, spec->time_base) != 0)
        return es_fail(reterr, ES_INVALID, "the spec is for another source");
    if (spec->start != INT64_MIN)
        code = decoder_start(part->decoder, spec->start, reterr);
    frame_filter_init(&part->filter, spec, part->decoder->stream, take_frame, part);
    const char *picture = NULL;
    if (code == ES_OK && spec->picture_stream_index >= 0 && spec->target == JOB_MP4)
        code = picture_write_object(part->decoder->demuxer->format, spec, part->host, &picture,
                                    reterr);
    if (code == ES_OK)
        code = run_frames(part, reterr);
    return code == ES_OK ? finish(part, picture, ret_result, reterr) : code;
}

enum es_code audio_part_run(const struct engine_input *input, const struct part_spec *spec,
                            const struct engine_host *host, struct es_arena *arena,
                            const char **ret_result, struct es_err *reterr)
{
    struct audio_part part = {
        .spec = spec,
        .host = host,
        .arena = arena,
        .reporter = { .host = host,
                      .weight_seconds = spec->weight_seconds,
                      .timeline_seconds = spec->timeline_seconds },
    };
    enum es_code code = run(&part, input, ret_result, reterr);
    if (part.mp3)
        mp3_file_close(part.mp3);
    if (part.segmenter)
        segmenter_close(part.segmenter);
    if (part.encoder)
        encoder_close(part.encoder);
    av_audio_fifo_free(part.fifo);
    av_frame_free(&part.block);
    frame_filter_release(&part.filter);
    if (part.decoder)
        decoder_close(part.decoder);
    return code;
}
