/* The sound. Where a span is sought, each sample's place is told by its time, which the plan has
 * found to be exact: what is missing becomes silence, what comes twice is cut, all before the
 * resampler, which then begins at a sample where its phase is that of a resampler that began at the
 * timeline's first. Else places are counted from the beginning, and a sound that is to stay beside
 * a picture is mended behind the resampler where it is out of step. */
#include "engine/sound.h"

#include <libavutil/mathematics.h>
#include <math.h>

#include "engine/av_error.h"

#define OUT_OF_STEP_DIVISOR       25 /* 40 ms apart, which some notice (ITU-R BT.1359), is mended */
#define SILENCE_CHUNK_SAMPLES     4096
#define LEAP_SECONDS_MAX          60 /* behind what is there and planned: a damaged time, not a gap */
#define DECODER_PREROLL_SECONDS   1 /* a decoder's memory, at most */
#define RESAMPLER_PREROLL_SAMPLES 4096

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    return b ? greatest_divisor(b, a % b) : a;
}

static int64_t divide_down(int64_t value, int64_t divisor)
{
    return value / divisor - (value % divisor < 0);
}

static double seconds_of(const struct sound *sound, int64_t samples)
{
    return (double)samples / sound->spec->audio.sample_rate;
}

/* How many of `count` samples still fit before the end. */
static int64_t fitting(const struct sound *sound, int64_t count)
{
    int64_t most = sound->spec->audio.sample_count_max;
    if (most > 0 && sound->position + count > most)
        count = most > sound->position ? most - sound->position : 0;
    return count;
}

void frame_skip_samples(AVFrame *frame, int64_t count)
{
    enum AVSampleFormat format = (enum AVSampleFormat)frame->format;
    bool is_planar = av_sample_fmt_is_planar(format);
    int channels = frame->ch_layout.nb_channels;
    int64_t offset = count * av_get_bytes_per_sample(format) * (is_planar ? 1 : channels);
    for (int i = 0; i < (is_planar ? channels : 1); i++) {
        frame->extended_data[i] += offset;
        if (frame->extended_data != frame->data && i < AV_NUM_DATA_POINTERS)
            frame->data[i] = frame->extended_data[i];
    }
    frame->nb_samples -= (int)count;
}

/* Up to SILENCE_CHUNK_SAMPLES like those of `model`. */
static enum es_code make_silence(const AVFrame *model, int64_t count, AVFrame *silence,
                                 struct es_err *reterr)
{
    silence->nb_samples = count < SILENCE_CHUNK_SAMPLES ? (int)count : SILENCE_CHUNK_SAMPLES;
    silence->format = model->format;
    silence->sample_rate = model->sample_rate;
    int status = av_channel_layout_copy(&silence->ch_layout, &model->ch_layout);
    if (status >= 0)
        status = av_frame_get_buffer(silence, 0);
    if (status >= 0)
        status = av_samples_set_silence(silence->extended_data, 0, silence->nb_samples,
                                        silence->ch_layout.nb_channels,
                                        (enum AVSampleFormat)silence->format);
    return status < 0 ? av_fail(reterr, status, "making silence") : ES_OK;
}

static int64_t damaged_so_far(const struct sound *sound)
{
    return sound->decoder->damaged_packets + sound->decoder->demuxer->damaged_packets;
}

/* A frame on its way out, behind the filter. */
static enum es_code hand_over(struct sound *sound, AVFrame *frame, struct es_err *reterr)
{
    int64_t count = fitting(sound, frame->nb_samples);
    if (count <= 0)
        return ES_OK;
    frame->nb_samples = (int)count;
    frame->pts = sound->position;
    sound->position += count;
    if (frame->pts < sound->first_sample) /* whoever makes what is before counts the damage there */
        sound->damaged_before = damaged_so_far(sound);
    return sound->take(sound->context, frame, reterr);
}

static enum es_code hand_over_silence(struct sound *sound, const AVFrame *model, int64_t count,
                                      struct es_err *reterr)
{
    count = fitting(sound, count);
    enum es_code code = ES_OK;
    while (count > 0 && code == ES_OK) {
        es_auto(AVFrame) silence = frame_new();
        code = make_silence(model, count, silence, reterr);
        if (code != ES_OK)
            return code;
        count -= silence->nb_samples;
        code = hand_over(sound, silence, reterr);
    }
    return code;
}

/* How far the frame is ahead (> 0) or behind (< 0) of the timeline, where that is to be mended. */
static int64_t out_of_step(struct sound *sound, const AVFrame *frame)
{
    const struct part_spec *spec = sound->spec;
    int64_t rate = spec->audio.sample_rate;
    bool is_first = !sound->is_first_frame_seen;
    sound->is_first_frame_seen = true;
    if (!spec->audio.is_synced || spec->audio.span.is_sought || frame->pts == AV_NOPTS_VALUE)
        return 0;
    int64_t origin = av_rescale_q(spec->origin, spec->time_base, (AVRational){ 1, (int)rate });
    int64_t ahead = av_sat_sub64(av_sat_sub64(frame->pts, origin), sound->position);
    if (!is_first && llabs(ahead) < rate / OUT_OF_STEP_DIVISOR)
        return 0;
    if (seconds_of(sound, av_sat_sub64(frame->pts, origin)) >
        fmax(spec->timeline_seconds, seconds_of(sound, sound->position)) + LEAP_SECONDS_MAX)
        return 0;
    return ahead;
}

static enum es_code take_filtered(void *context, AVFrame *frame, struct es_err *reterr)
{
    struct sound *sound = context;
    if (sound->is_stopped)
        return ES_OK;
    int64_t ahead = out_of_step(sound, frame);
    enum es_code code = ES_OK;
    if (ahead > 0)
        code = hand_over_silence(sound, frame, ahead, reterr);
    if (code != ES_OK || -ahead >= frame->nb_samples)
        return code;
    if (ahead < 0)
        frame_skip_samples(frame, -ahead);
    return hand_over(sound, frame, reterr);
}

/* A frame's first sample, counted from the timeline's first in the source's samples. */
static int64_t source_index(const struct sound *sound, const AVFrame *frame)
{
    const struct audio_span *span = &sound->spec->audio.span;
    return av_rescale_q_rnd(av_sat_sub64(frame->pts, span->zero), sound->spec->time_base,
                            (AVRational){ 1, span->source_rate }, AV_ROUND_DOWN);
}

static enum es_code filter_silence(struct sound *sound, const AVFrame *model, int64_t count,
                                   struct es_err *reterr)
{
    enum es_code code = ES_OK;
    while (count > 0 && code == ES_OK && !sound->is_stopped) {
        es_auto(AVFrame) silence = frame_new();
        code = make_silence(model, count, silence, reterr);
        if (code != ES_OK)
            return code;
        count -= silence->nb_samples;
        sound->next_input += silence->nb_samples;
        silence->pts = model->pts;
        code = frame_filter_push(&sound->filter, silence, reterr);
    }
    return code;
}

/* Finds out which sample a reading that began in the middle begins with. A time in the container
 * may be a little off here and there: the place that most frames of the preroll agree on is right.
 * False while the frame lies wholly before what the filter is to get first. */
static bool settle(struct sound *sound, const AVFrame *frame, int64_t *ret_index)
{
    int64_t place = av_sat_sub64(source_index(sound, frame), sound->preroll_count);
    if (sound->place_votes == 0)
        sound->place = place;
    sound->place_votes += place == sound->place ? 1 : -1;
    *ret_index = sound->place + sound->preroll_count;
    sound->preroll_count += frame->nb_samples;
    sound->is_settled = sound->place + sound->preroll_count > sound->next_input;
    return sound->is_settled;
}

/* How far the frame is ahead (> 0) or behind (< 0) of what the filter is to get next. */
static int64_t out_of_place(struct sound *sound, const AVFrame *frame)
{
    const struct audio_span *span = &sound->spec->audio.span;
    int64_t ahead = av_sat_sub64(source_index(sound, frame), sound->next_input);
    double limit = sound->spec->timeline_seconds + LEAP_SECONDS_MAX;
    if ((double)ahead / span->source_rate > limit || llabs(ahead) <= sound->tolerance)
        return 0;
    return ahead;
}

/* A frame of the source, put in its place. */
static enum es_code filter_in_place(struct sound *sound, AVFrame *frame, struct es_err *reterr)
{
    const struct audio_span *span = &sound->spec->audio.span;
    if (frame->sample_rate != span->source_rate) { /* a source that changes: it goes on from here */
        sound->next_input += av_rescale(frame->nb_samples, span->source_rate, frame->sample_rate);
        return frame_filter_push(&sound->filter, frame, reterr);
    }
    int64_t index, ahead;
    if (sound->is_settled)
        ahead = out_of_place(sound, frame);
    else if (settle(sound, frame, &index))
        ahead = index - sound->next_input;
    else
        return ES_OK;
    if (ahead > 0) {
        enum es_code code = filter_silence(sound, frame, ahead, reterr);
        if (code != ES_OK)
            return code;
    }
    if (-ahead >= frame->nb_samples)
        return ES_OK;
    if (ahead < 0)
        frame_skip_samples(frame, -ahead);
    sound->next_input += frame->nb_samples;
    return frame_filter_push(&sound->filter, frame, reterr);
}

static void note_end(struct sound *sound, const AVFrame *frame)
{
    double end =
        (double)av_sat_sub64(frame->pts, sound->spec->origin) * av_q2d(sound->spec->time_base) +
        (double)frame->nb_samples / frame->sample_rate;
    if (end > sound->source_end_seconds)
        sound->source_end_seconds = end;
}

/* Goes to a place before the span from which decoder and resampler are as they would be there. */
static enum es_code seek(struct sound *sound, struct es_err *reterr)
{
    const struct part_spec *spec = sound->spec;
    const struct audio_span *span = &spec->audio.span;
    int64_t common = greatest_divisor(span->source_rate, spec->audio.sample_rate);
    int64_t in = span->source_rate / common, out = spec->audio.sample_rate / common;
    int64_t periods = divide_down(sound->first_sample - RESAMPLER_PREROLL_SAMPLES, out);
    bool is_from_beginning = spec->start == INT64_MIN && periods <= 0;
    if (is_from_beginning)
        periods = 0;
    sound->next_input = periods * in;
    sound->position = periods * out;
    if (is_from_beginning)
        return ES_OK;
    int64_t sample = sound->next_input - (int64_t)DECODER_PREROLL_SECONDS * span->source_rate;
    int64_t time = av_rescale_q(sample, (AVRational){ 1, span->source_rate }, spec->time_base);
    return decoder_start(sound->decoder, span->zero + time, reterr);
}

enum es_code sound_open(const struct engine_input *input, const struct part_spec *spec,
                        int64_t first_sample, struct reporter *reporter, frame_taker *take,
                        void *context, struct sound **ret_sound, struct es_err *reterr)
{
    es_auto(sound) sound = es_malloc(sizeof(*sound));
    sound->spec = spec;
    sound->reporter = reporter;
    sound->take = take;
    sound->context = context;
    sound->first_sample = first_sample;
    enum es_code code = decoder_open(input, spec->stream_index, &sound->decoder, reterr);
    if (code != ES_OK)
        return code;
    if (av_cmp_q(sound->decoder->stream->time_base, spec->time_base) != 0)
        return es_fail(reterr, ES_INVALID, "the spec is for another source");
    if (sound->decoder->stream->codecpar->codec_id == AV_CODEC_ID_VORBIS)
        sound->tolerance = VORBIS_BLOCK_SAMPLES_MAX;
    if (spec->audio.span.is_sought)
        code = seek(sound, reterr);
    else if (spec->start != INT64_MIN)
        code = decoder_start(sound->decoder, spec->start, reterr);
    if (code != ES_OK)
        return code;
    frame_filter_init(&sound->filter, spec, sound->decoder->stream, take_filtered, sound);
    *ret_sound = es_take(sound);
    return ES_OK;
}

void sound_close(struct sound *sound)
{
    frame_filter_release(&sound->filter);
    if (sound->decoder)
        decoder_close(sound->decoder);
    free(sound);
}

static bool has_all(const struct sound *sound)
{
    int64_t most = sound->spec->audio.sample_count_max;
    return most > 0 && sound->position >= most;
}

enum es_code sound_run(struct sound *sound, struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    while (!sound->is_stopped && !has_all(sound)) {
        bool has_frame = false;
        enum es_code code = decoder_next(sound->decoder, frame, &has_frame, reterr);
        if (code != ES_OK)
            return code;
        if (!has_frame)
            break;
        note_end(sound, frame);
        code = sound->spec->audio.span.is_sought ? filter_in_place(sound, frame, reterr)
                                                 : frame_filter_push(&sound->filter, frame, reterr);
        av_frame_unref(frame);
        if (code == ES_OK)
            code = reporter_beat(sound->reporter, reterr);
        if (code != ES_OK)
            return code;
    }
    if (sound->is_stopped)
        return ES_OK;
    enum es_code code = frame_filter_push(&sound->filter, NULL, reterr);
    sound->is_ended = code == ES_OK && !sound->is_stopped;
    return code;
}

void sound_stop(struct sound *sound)
{
    sound->is_stopped = true;
}

int64_t sound_damaged_packets(const struct sound *sound)
{
    return damaged_so_far(sound) - sound->damaged_before;
}
