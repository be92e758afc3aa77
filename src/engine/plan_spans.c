/* Into which spans the sound of a long source is cut, and whether their parts can begin in the
 * middle of it. They can where every sample's place is told by its packet's time: a container that
 * counts samples, with no gap in it, and a decoder whose memory is short. Else each part reads from
 * the beginning and counts, which costs a decoding each: then there are few. */
#include <libavutil/avstring.h>
#include <math.h>

#include "engine/planner.h"
#include "engine/sound.h"

#define MP3_SPAN_SECONDS  60
#define AAC_SPAN_SECONDS  120
#define SPANS_MIN_SECONDS 1.5  /* times a span's; what is shorter stays one */
#define FILTER_PHASES_MAX 1024 /* libswresample's: with more, phases are rounded */
#define TAIL_SAMPLES      64   /* that a resampler may give in the end beyond what is counted */

/* Containers by how a place in them is found. */
struct seek_rule {
    const char *demuxers;
    int part_count_max;
    bool is_steady;      /* times cannot jump: they are counted by bytes or written in each frame */
    bool is_claim_exact; /* the header knows the end better than the last packets do */
};

static const struct seek_rule seek_rules[] = {
    { "wav,w64,aiff,au,flac", PART_COUNT_MAX / 2, true },
    { "mov,mp4,m4a,3gp,3g2,mj2", PART_COUNT_MAX / 2, false },
    { "ogg", PART_COUNT_MAX / 2, false, .is_claim_exact = true },
    { "mp3,aac", 8, false }, /* all packets before the place are read */
};
static const struct seek_rule no_seek = { "", 4, false };

/* Decoders that, a second after they began, give the samples that they would have given anyway. */
static bool is_memory_short(const AVCodecParameters *codec, const AVFrame *frame)
{
    switch (codec->codec_id) {
    case AV_CODEC_ID_FLAC:
    case AV_CODEC_ID_ALAC:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_VORBIS:
    case AV_CODEC_ID_OPUS:
        return true;
    case AV_CODEC_ID_AAC: /* not what makes high frequencies up from a state of its own */
        return codec->profile == FF_PROFILE_AAC_LOW && frame->nb_samples <= 1024 &&
               codec->sample_rate == frame->sample_rate;
    default:
        return av_get_exact_bits_per_sample(codec->codec_id) > 0; /* PCM */
    }
}

/* Whether a resampler that begins anew at the right sample goes on as if it had run all along. */
static bool is_rate_simple(int from, int to)
{
    int a = from, b = to;
    while (b) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return to / a <= FILTER_PHASES_MAX;
}

/* Whether a packet begins where the one before it ended. */
static bool is_in_place(const AVPacket *packet, int64_t expected, enum AVCodecID codec_id)
{
    if (packet->pts == AV_NOPTS_VALUE)
        return false;
    if (codec_id == AV_CODEC_ID_VORBIS)
        return expected == AV_NOPTS_VALUE ||
               llabs(packet->pts - expected) <= VORBIS_BLOCK_SAMPLES_MAX;
    return packet->duration > 0 && (expected == AV_NOPTS_VALUE || packet->pts == expected);
}

/* Whether that holds all the way. */
static enum es_code find_steady(const struct planner *planner, bool *ret_is_steady,
                                struct es_err *reterr)
{
    es_auto(demuxer) demuxer = NULL;
    es_auto(AVPacket) packet = packet_new();
    enum es_code code = demuxer_open(planner->input, &demuxer, reterr);
    if (code != ES_OK)
        return code;
    demuxer_select(demuxer, planner->survey->audio_index, -1);
    enum AVCodecID codec_id =
        planner_stream(planner, planner->survey->audio_index)->codecpar->codec_id;
    int64_t expected = AV_NOPTS_VALUE;
    bool has_packet = true, is_steady = true;
    while (is_steady) {
        code = demuxer_read(demuxer, packet, &has_packet, reterr);
        if (code != ES_OK)
            return code;
        if (!has_packet)
            break;
        is_steady = is_in_place(packet, expected, codec_id);
        expected = packet->pts + packet->duration;
        av_packet_unref(packet);
    }
    *ret_is_steady = is_steady && demuxer->damaged_packets == 0;
    return ES_OK;
}

static enum es_code find_rule(const struct planner *planner, const struct audio_spec *audio,
                              const struct seek_rule **ret_rule, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    const AVFrame *frame = survey->audio_frame;
    const AVStream *stream = planner_stream(planner, survey->audio_index);
    AVRational tick = stream->time_base;
    *ret_rule = &no_seek;
    bool is_time_exact = tick.den % ((int64_t)tick.num * frame->sample_rate) == 0;
    if (!is_time_exact || !is_memory_short(stream->codecpar, frame) ||
        !is_rate_simple(frame->sample_rate, audio->sample_rate))
        return ES_OK;
    for (size_t i = 0; i < sizeof(seek_rules) / sizeof(*seek_rules); i++) {
        const struct seek_rule *rule = &seek_rules[i];
        if (!av_match_list(survey->demuxer->format->iformat->name, rule->demuxers, ','))
            continue;
        bool is_steady = rule->is_steady;
        enum es_code code = is_steady ? ES_OK : find_steady(planner, &is_steady, reterr);
        if (is_steady)
            *ret_rule = rule;
        return code;
    }
    return ES_OK;
}

static int count_spans(const struct planner *planner, int part_count_max)
{
    double seconds = planner->duration_seconds;
    double span = planner->target == JOB_MP3 ? MP3_SPAN_SECONDS : AAC_SPAN_SECONDS;
    if (seconds < span * SPANS_MIN_SECONDS)
        return 1;
    /* An even number, since workers come in pairs of cores. */
    double count = fmax(2 * round(seconds / (2 * span)), 2);
    return (int)fmin(count, part_count_max);
}

/* Adds part number `i` of `count`, of the frames from `first_frame` on. */
static void add_span(struct planner *planner, const struct part_spec *model, int i, int count,
                     int64_t first_frame, int64_t next_first_frame)
{
    struct part_spec spec = *model;
    double share = 1.0 / count;
    spec.index = (int)planner->part_count + 1;
    spec.is_first = model->is_first && i == 0;
    spec.timeline_seconds = model->timeline_seconds * share;
    spec.weight_seconds = model->weight_seconds * share;
    spec.audio.span.is_one_of_many = true;
    spec.audio.span.first_frame = first_frame;
    spec.audio.span.end_frame =
        i + 1 < count ? next_first_frame + span_overlap_frames(planner->target) : 0;
    bool has_head = i == 0 && spec.audio.span.foretold_samples > 0;
    if (!has_head) /* else the join alone writes them */
        spec.tag_count = spec.chapter_count = 0;
    if (i > 0)
        spec.picture_stream_index = -1;
    planner_add_part(planner, PART_CONVERT, spec.is_first, spec.weight_seconds,
                     part_spec_write(&spec, planner->arena));
}

/* How many samples there are going to be, or a few more: silence makes up for those. */
static int64_t foretell_samples(const struct planner *planner, const struct seek_rule *rule,
                                int rate)
{
    const AVFormatContext *format = planner->survey->demuxer->format;
    double seconds = planner->duration_seconds;
    if (rule->is_claim_exact && planner->is_end_open && format->duration > 0) {
        int64_t start_us = format->start_time != AV_NOPTS_VALUE ? format->start_time : 0;
        int64_t end_us = start_us + format->duration;
        seconds = fmax(seconds, (double)(end_us - planner->origin_us) / AV_TIME_BASE);
    }
    const AVFrame *frame = planner->survey->audio_frame;
    int64_t tail = TAIL_SAMPLES;
    const AVStream *stream = planner_stream(planner, planner->survey->audio_index);
    if (stream->codecpar->codec_id == AV_CODEC_ID_AAC) /* its last frame is never cut */
        tail += av_rescale_rnd(frame->nb_samples, rate, frame->sample_rate, AV_ROUND_UP);
    return llround(seconds * rate) + tail;
}

enum es_code plan_spans(struct planner *planner, const struct part_spec *whole, bool *ret_is_cut,
                        struct es_err *reterr)
{
    *ret_is_cut = false;
    if (count_spans(planner, PART_COUNT_MAX) == 1)
        return ES_OK;
    const struct survey *survey = planner->survey;
    const struct seek_rule *rule = &no_seek;
    enum es_code code = find_rule(planner, &whole->audio, &rule, reterr);
    if (code != ES_OK)
        return code;
    struct part_spec model = *whole;
    struct audio_span *span = &model.audio.span;
    if (rule != &no_seek) {
        span->is_sought = true;
        span->source_rate = survey->audio_frame->sample_rate;
        span->zero = model.audio.is_synced ? model.origin : survey->audio_frame->pts;
    }
    int rate = model.audio.sample_rate;
    if (span->is_sought && planner->target == JOB_MP3)
        span->foretold_samples = foretell_samples(planner, rule, rate);
    int samples = audio_frame_samples(planner->target, rate);
    int64_t period = planner->target == JOB_MP3 ? mp3_padding_period(rate) : 1;
    double periods = planner->duration_seconds * rate / samples / (double)period;
    int count = count_spans(planner, rule->part_count_max);
    int64_t first_frame = 0;
    for (int i = 0; i < count; i++) {
        int64_t next = llround(periods * (i + 1) / count) * period;
        add_span(planner, &model, i, count, first_frame, next);
        first_frame = next;
    }
    *ret_is_cut = true;
    return ES_OK;
}
