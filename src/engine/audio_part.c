/* Sound, encoded: the whole timeline in one go, so that it has no seams, or a span of it that
 * overlaps its neighbours for the join. As an MP3 file, MP3 frames, AAC segments, or AAC in one
 * object for the join. */
#include "engine/aac_window.h"
#include "engine/convert.h"
#include "engine/cutter.h"
#include "engine/encoder.h"
#include "engine/loudness_meter.h"
#include "engine/mp3_file.h"
#include "engine/output.h"
#include "engine/part_result.h"
#include "engine/segmenter.h"
#include "engine/sound.h"

#include <libavutil/intreadwrite.h>

#include "engine/av_error.h"
#include "model/mp3_plan.h"

#define DEFAULT_FRAME_SAMPLES 1152
/* Of silence at a foretold end: as many as fit into a LAME header beside the encoder's own. */
#define FILL_SAMPLES_MAX      2304

struct audio_part {
    const struct part_spec *spec;
    const struct engine_host *host;
    struct es_arena *arena;
    struct reporter reporter;
    struct sound *sound;
    struct encoder *encoder;
    AVAudioFifo *fifo;
    struct segmenter *segmenter;  /* AAC */
    struct mp3_file *mp3;         /* MP3, the whole */
    struct output *frames;        /* MP3, a span of many */
    struct loudness_meter *meter; /* MP3 */
    struct cutter cutter;
    AVFrame *block;       /* what the encoder takes at a time */
    int64_t first_sample; /* of the timeline, that the encoder gets */
    int64_t encoded;      /* samples of the timeline up to which the encoder got them */
    int64_t next_time;    /* AAC: of the packet behind the last one */
    int64_t frame_count;  /* that came out of the encoder */
    int64_t fill_samples; /* of silence, that a foretold length asked for */
    struct span_result span;
    const char *picture; /* the object of the cover art, for the join */
};

static bool is_one_of_many(const struct audio_part *part)
{
    return part->spec->audio.span.is_one_of_many;
}

static int frame_samples(const struct part_spec *spec)
{
    return audio_frame_samples(spec->target, spec->audio.sample_rate);
}

/* Whether the part makes the head of a file whose length is foretold. */
static bool has_head(const struct part_spec *spec)
{
    return spec->is_first && spec->target == JOB_MP3 && spec->audio.span.foretold_samples > 0;
}

static double seconds_of(const struct audio_part *part, int64_t samples)
{
    return (double)samples / part->spec->audio.sample_rate;
}

static double done_seconds(const struct audio_part *part)
{
    return seconds_of(part, part->encoded - part->first_sample);
}

static const char *result_of(const struct audio_part *part, const char *object, int64_t size_bytes,
                             bool is_complete)
{
    struct part_result result = {
        .object = object,
        .picture = part->picture,
        .size_bytes = size_bytes,
        .shift = part->segmenter ? part->segmenter->settings.shift : 0,
        .end_seconds = part->encoder ? seconds_of(part, part->encoded - part->fill_samples) : 0,
        .source_end_seconds = part->sound->source_end_seconds,
        .damaged_packets = sound_damaged_packets(part->sound),
        .span = part->span,
        .loudness = part->meter ? loudness_meter_tally(part->meter) : NULL,
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
    return reporter_publish(&part->reporter, done_seconds(part), result_of(part, NULL, 0, false),
                            reterr);
}

static enum es_code take_aac(struct audio_part *part, AVPacket *packet, struct es_err *reterr)
{
    if (packet->pts >= part->sound->position)
        return ES_OK; /* padding */
    if (cutter_is_due(&part->cutter, packet->pts)) {
        enum es_code code = cut(part, packet->pts, reterr);
        if (code != ES_OK)
            return code;
    }
    part->next_time = packet->pts + part->encoder->codec->frame_size;
    return segmenter_add(part->segmenter, packet, reterr);
}

static enum es_code take_mp3_frame(struct audio_part *part, const AVPacket *packet,
                                   struct es_err *reterr)
{
    size_t size = 0;
    const uint8_t *skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (skip && size >= MP3_SKIP_BYTES)
        part->span.end_padding += (int)AV_RL32(skip + 4);
    avio_write(part->frames->io, packet->data, packet->size);
    return part->frames->io->error < 0
               ? output_fail(part->frames, part->frames->io->error, "writing MP3 frames", reterr)
               : ES_OK;
}

/* Remembers the windows of the frames at which the span may be joined. */
static void note_windows(struct audio_part *part, const AVPacket *packet, int64_t frame)
{
    const struct audio_span *span = &part->spec->audio.span;
    int64_t head = span->first_frame + AAC_WARM_UP_FRAMES - 1;
    int64_t tail = span->end_frame - SPAN_PLACES - 1;
    int windows = aac_window_read(packet->data, (size_t)packet->size);
    if (frame >= head && frame < head + SPAN_PLACES)
        part->span.head_windows[frame - head] = windows;
    if (span->end_frame && frame >= tail && frame < tail + SPAN_PLACES)
        part->span.tail_windows[frame - tail] = windows;
}

static enum es_code take_packet(void *context, AVPacket *packet, struct es_err *reterr)
{
    struct audio_part *part = context;
    const struct audio_span *span = &part->spec->audio.span;
    int64_t frame = span->first_frame + part->frame_count;
    if (span->end_frame && frame >= span->end_frame) {
        sound_stop(part->sound);
        return ES_OK;
    }
    part->frame_count++;
    if (part->mp3)
        return mp3_file_add(part->mp3, packet, reterr);
    if (part->frames)
        return take_mp3_frame(part, packet, reterr);
    note_windows(part, packet, frame);
    return take_aac(part, packet, reterr);
}

static enum es_code open_segmenter(struct audio_part *part, const AVCodecParameters *codec,
                                   struct es_err *reterr)
{
    bool is_hls = part->spec->target == JOB_HLS;
    struct segmenter_settings settings = {
        .host = part->host,
        .codec = codec,
        .time_base = part->encoder->codec->time_base,
        .spec = part->spec,
        .arena = part->arena,
        .init_name = es_printf(part->arena, "%s-init.mp4", part->spec->tracks[0].name),
        .is_init_written = true,
        .object_name = is_hls ? NULL : es_printf(part->arena, "part-%05d.mp4", part->spec->index),
        .shift = is_hls ? 0 : codec->initial_padding,
        .has_preroll = is_hls && codec->initial_padding > 0,
    };
    int rate = part->spec->audio.sample_rate;
    cutter_init(&part->cutter, part->first_sample, (int64_t)AUDIO_SEGMENT_SECONDS * rate, rate,
                part->spec->is_first);
    if (part->spec->expected_end != INT64_MAX)
        cutter_expect_end(&part->cutter,
                          av_rescale_q(part->spec->expected_end - part->spec->origin,
                                       part->spec->time_base, part->encoder->codec->time_base),
                          rate);
    return segmenter_open(&settings, &part->segmenter, reterr);
}

static enum es_code open_mp3_file(struct audio_part *part, const char *name,
                                  const AVCodecParameters *codec, struct mp3_file **ret_file,
                                  struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    const AVFormatContext *format = part->sound->decoder->demuxer->format;
    int picture_index = spec->picture_stream_index;
    const AVStream *picture = picture_index >= 0 && picture_index < (int)format->nb_streams
                                  ? format->streams[picture_index]
                                  : NULL;
    struct mp3_file_settings settings = {
        .name = name,
        .codec = codec,
        .time_base = part->encoder->codec->time_base,
        .tags = spec->tags,
        .tag_count = spec->tag_count,
        .has_gain_room = !replay_gain_is_among(spec->tags, spec->tag_count),
        .chapters = spec->chapters,
        .chapter_count = spec->chapter_count,
        .picture_codec = picture ? picture->codecpar : NULL,
        .picture = picture ? &picture->attached_pic : NULL,
    };
    return mp3_file_open(part->host, &settings, ret_file, reterr);
}

/* What stands before the frames of all spans, for those who play them before they are joined. */
static enum es_code publish_head(struct audio_part *part, const AVCodecParameters *codec,
                                 struct es_err *reterr)
{
    const struct audio_spec *audio = &part->spec->audio;
    int64_t samples = audio->span.foretold_samples;
    int64_t frames = mp3_frame_count(samples, audio->sample_rate);
    struct mp3_totals totals = {
        .frame_count = frames,
        .audio_bytes = mp3_frames_bytes(audio->bitrate_kbps, audio->sample_rate, frames),
        .delay = codec->initial_padding,
        .end_padding = (int)(frames * mp3_frame_samples(audio->sample_rate) - samples) -
                       codec->initial_padding,
    };
    es_auto(mp3_file) head = NULL;
    enum es_code code = open_mp3_file(part, MP3_HEAD_NAME, codec, &head, reterr);
    return code == ES_OK ? mp3_file_finish_head(head, &totals, reterr) : code;
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
    es_auto(AVCodecParameters) parameters = encoder_parameters(part->encoder);
    if (spec->target != JOB_MP3)
        return open_segmenter(part, parameters, reterr);
    if (!is_one_of_many(part))
        return open_mp3_file(part, job_output_name(JOB_MP3), parameters, &part->mp3, reterr);
    if (has_head(spec))
        code = publish_head(part, parameters, reterr);
    return code == ES_OK ? output_open(part->host, mp3_part_name(spec->index, part->arena),
                                       &part->frames, reterr)
                         : code;
}

/* Of what neighbouring spans have in common the later one is measured. */
static void measure(struct audio_part *part, const AVFrame *block)
{
    const struct part_spec *spec = part->spec;
    const struct audio_span *span = &spec->audio.span;
    if (spec->target != JOB_MP3 || !loudness_meter_takes(block))
        return;
    if (!part->meter) {
        int64_t own_frames =
            span->end_frame - span_overlap_frames(spec->target) - span->first_frame;
        part->meter =
            loudness_meter_new(spec->audio.sample_rate,
                               span->end_frame ? own_frames * frame_samples(spec) : INT64_MAX);
    }
    loudness_meter_add(part->meter, block);
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
        measure(part, block);
        enum es_code code = encoder_push(part->encoder, block, reterr);
        if (code == ES_OK)
            code = reporter_tick(&part->reporter, done_seconds(part), reterr);
        if (code != ES_OK)
            return code;
    }
}

static enum es_code take_sound(void *context, AVFrame *frame, struct es_err *reterr)
{
    struct audio_part *part = context;
    if (frame->pts + frame->nb_samples <= part->first_sample)
        return ES_OK;
    if (frame->pts < part->first_sample)
        frame_skip_samples(frame, part->first_sample - frame->pts);
    enum es_code code = ES_OK;
    if (!part->encoder)
        code = open_encoder(part, (enum AVSampleFormat)frame->format, reterr);
    if (code != ES_OK)
        return code;
    int status = av_audio_fifo_write(part->fifo, (void **)frame->extended_data, frame->nb_samples);
    if (status < 0)
        return av_fail(reterr, status, "queueing sound");
    return encode_blocks(part, false, reterr);
}

/* The last span of a foretold length, where the sound was some samples short of the last frame. */
static enum es_code fill_up(struct audio_part *part, struct es_err *reterr)
{
    const struct audio_span *span = &part->spec->audio.span;
    const AVCodecContext *codec = part->encoder->codec;
    int64_t samples = part->encoded + av_audio_fifo_size(part->fifo);
    int64_t missing = span->foretold_samples - samples;
    bool is_short = !span->end_frame && missing > 0 && missing <= FILL_SAMPLES_MAX &&
                    mp3_frame_count(samples, codec->sample_rate) <
                        mp3_frame_count(span->foretold_samples, codec->sample_rate);
    if (!is_short)
        return ES_OK;
    es_auto(AVFrame) silence = frame_new();
    silence->nb_samples = (int)missing;
    silence->format = codec->sample_fmt;
    int status = av_channel_layout_copy(&silence->ch_layout, &codec->ch_layout);
    if (status >= 0)
        status = av_frame_get_buffer(silence, 0);
    if (status >= 0)
        status = av_samples_set_silence(silence->extended_data, 0, silence->nb_samples,
                                        silence->ch_layout.nb_channels, codec->sample_fmt);
    if (status >= 0)
        status =
            av_audio_fifo_write(part->fifo, (void **)silence->extended_data, silence->nb_samples);
    if (status < 0)
        return av_fail(reterr, status, "filling the last frame");
    part->fill_samples = missing;
    part->span.end_padding += (int)missing;
    return ES_OK;
}

static enum es_code encode(struct audio_part *part, struct es_err *reterr)
{
    enum es_code code = sound_run(part->sound, reterr);
    if (code != ES_OK || !part->sound->is_ended)
        return code;
    if (!part->encoder)
        return is_one_of_many(part) && !part->spec->is_first
                   ? ES_OK
                   : es_fail_word(reterr, ES_MEDIA, "media_damaged", "no sound could be decoded");
    code = fill_up(part, reterr);
    if (code == ES_OK)
        code = encode_blocks(part, true, reterr);
    return code == ES_OK ? encoder_push(part->encoder, NULL, reterr) : code;
}

static void note_span(struct audio_part *part)
{
    const struct audio_span *span = &part->spec->audio.span;
    part->span.is_one_of_many = span->is_one_of_many;
    part->span.first_frame = span->first_frame;
    part->span.frame_count = part->frame_count;
    part->span.is_end =
        part->sound->is_ended &&
        (!span->end_frame || span->first_frame + part->frame_count < span->end_frame);
    part->span.delay = part->encoder ? part->encoder->codec->initial_padding : 0;
    part->span.bitrate_kbps = part->spec->audio.bitrate_kbps;
    part->span.sample_rate = part->spec->audio.sample_rate;
}

static enum es_code finish(struct audio_part *part, const char **ret_result, struct es_err *reterr)
{
    int64_t size_bytes = 0;
    const char *object = NULL;
    enum es_code code = ES_OK;
    note_span(part);
    if (part->mp3) {
        struct replay_gain gain = { 0 };
        if (part->meter)
            gain = replay_gain_of(loudness_meter_tally(part->meter),
                                  encoder_level_db(JOB_MP3, part->spec->audio.bitrate_kbps));
        object = job_output_name(JOB_MP3);
        code = mp3_file_finish(part->mp3, &gain, &size_bytes, reterr);
    } else if (part->frames) {
        object = part->frames->name;
        code = output_finish(part->frames, reterr);
        size_bytes = part->frames->size_bytes;
    } else if (part->segmenter) {
        code = cut(part, part->sound->is_ended ? part->sound->position : part->next_time, reterr);
        if (code == ES_OK)
            code = segmenter_finish(part->segmenter, reterr);
        object = part->segmenter->settings.object_name;
        size_bytes = part->segmenter->size_bytes;
    }
    if (code != ES_OK)
        return code;
    *ret_result = result_of(part, object, size_bytes, true);
    if (!has_head(part->spec))
        return ES_OK;
    part->reporter.is_playable = true;
    return reporter_publish(&part->reporter, done_seconds(part), *ret_result, reterr);
}

static enum es_code run(struct audio_part *part, const struct engine_input *input,
                        const char **ret_result, struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    part->first_sample = spec->audio.span.first_frame * frame_samples(spec);
    part->encoded = part->first_sample;
    enum es_code code = sound_open(input, spec, part->first_sample, &part->reporter, take_sound,
                                   part, &part->sound, reterr);
    bool is_for_join = spec->target == JOB_MP4 || is_one_of_many(part);
    if (code == ES_OK && spec->picture_stream_index >= 0 && is_for_join)
        code = picture_write_object(part->sound->decoder->demuxer->format, spec, part->host,
                                    &part->picture, reterr);
    if (code == ES_OK)
        code = encode(part, reterr);
    return code == ES_OK ? finish(part, ret_result, reterr) : code;
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
    if (part.frames)
        output_close(part.frames);
    if (part.segmenter)
        segmenter_close(part.segmenter);
    if (part.encoder)
        encoder_close(part.encoder);
    if (part.meter)
        loudness_meter_free(part.meter);
    av_audio_fifo_free(part.fifo);
    av_frame_free(&part.block);
    if (part.sound)
        sound_close(part.sound);
    return code;
}
