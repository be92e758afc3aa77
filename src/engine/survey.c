/* The survey. Headers lie, so the end is looked up in the packets: near the claimed end where the
 * container can seek there and the claim holds, else all the way. */
#include "engine/survey.h"

#include <libavutil/avstring.h>
#include <libavutil/intreadwrite.h>

#include "engine/decoder.h"
#include "engine/timeline.h"
#include "engine/video_chain.h"

#define CANDIDATES_MAX     8
#define FIELD_FRAMES_MAX   12
#define FIRST_PACKETS_MAX  1000 /* of all streams, in which both kinds begin */
#define TAIL_SECONDS       5
#define TAIL_PACKETS_MAX   100000
#define CLAIM_TOLERANCE_US INT64_C(1000000)

/* Containers whose times are stored or counted exactly, whether one reads or seeks. */
static const char exact_demuxers[] = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2";
/* Those whose end can be looked at alone. */
static const char tail_demuxers[] =
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flac,ogg,wav,w64,aiff,caf,asf,flv,mxf";

static bool can_have_fields(const AVStream *stream)
{
    switch (stream->codecpar->codec_id) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_VC1:
        return stream->codecpar->field_order != AV_FIELD_PROGRESSIVE;
    default:
        return false; /* or its first frame knows */
    }
}

/* Headers call interlaced what is not; the frames know. */
static enum es_code look_for_fields(struct decoder *decoder, const AVFrame *first,
                                    bool *ret_is_interlaced, struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    bool is_interlaced = frame_is_interlaced(first), has_frame = can_have_fields(decoder->stream);
    for (int i = 0; i < FIELD_FRAMES_MAX && has_frame && !is_interlaced; i++) {
        enum es_code code = decoder_next(decoder, frame, &has_frame, reterr);
        if (code != ES_OK)
            return code;
        is_interlaced = has_frame && frame_is_interlaced(frame);
        av_frame_unref(frame);
    }
    *ret_is_interlaced = is_interlaced;
    return ES_OK;
}

static bool is_usable(const AVFrame *frame, enum AVMediaType type)
{
    if (type == AVMEDIA_TYPE_AUDIO)
        return frame->sample_rate > 0 && frame->nb_samples > 0;
    return frame->width > 1 && frame->height > 1 && frame->width <= DIMENSION_MAX &&
           frame->height <= DIMENSION_MAX && (int64_t)frame->width * frame->height <= PIXELS_MAX;
}

/* The frames that the best stream of a kind begins with. */
struct firsts {
    enum AVMediaType type;
    int index; /* -1: there is no such stream */
    struct decoder *decoder;
    AVFrame *frame;   /* the survey's */
    bool is_complete; /* nothing more is to be seen */
    bool is_interlaced;
    int frames_left; /* to be looked at for fields */
};

static void take_first(void *context, AVFrame *frame)
{
    struct firsts *firsts = context;
    if (firsts->is_complete)
        return;
    if (!firsts->frame->buf[0]) {
        if (!is_usable(frame, firsts->type)) {
            firsts->is_complete = true;
            return;
        }
        if (av_frame_ref(firsts->frame, frame) < 0)
            abort();
        firsts->frames_left =
            firsts->type == AVMEDIA_TYPE_VIDEO && can_have_fields(firsts->decoder->stream)
                ? FIELD_FRAMES_MAX
                : 0;
    }
    firsts->is_interlaced = firsts->type == AVMEDIA_TYPE_VIDEO && frame_is_interlaced(frame);
    firsts->is_complete = firsts->is_interlaced || firsts->frames_left-- == 0;
}

static enum es_code read_firsts(struct survey *survey, struct firsts kinds[static 2],
                                struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    bool has_packet = true;
    for (int count = 0; count < FIRST_PACKETS_MAX && has_packet; count++) {
        if (kinds[0].is_complete && kinds[1].is_complete)
            return ES_OK;
        enum es_code code = demuxer_read(survey->demuxer, packet, &has_packet, reterr);
        if (code != ES_OK)
            return code;
        for (int i = 0; i < 2; i++)
            if (!kinds[i].is_complete && (!has_packet || packet->stream_index == kinds[i].index))
                decoder_offer(kinds[i].decoder, has_packet ? packet : NULL, take_first, &kinds[i]);
        av_packet_unref(packet);
    }
    return ES_OK;
}

/* The first frames of both kinds in one reading, as nearly every source gives them. */
static enum es_code find_first_frames(struct survey *survey, struct es_err *reterr)
{
    struct firsts kinds[2] = { { .type = AVMEDIA_TYPE_VIDEO, .frame = survey->video_frame },
                               { .type = AVMEDIA_TYPE_AUDIO, .frame = survey->audio_frame } };
    enum es_code code = ES_OK;
    for (int i = 0; i < 2 && code == ES_OK; i++) {
        kinds[i].index = demuxer_choose(survey->demuxer, kinds[i].type, 0);
        kinds[i].is_complete =
            kinds[i].index < 0 ||
            decoder_open_beside(survey->demuxer, kinds[i].index, &kinds[i].decoder, NULL) != ES_OK;
    }
    code = read_firsts(survey, kinds, reterr);
    for (int i = 0; i < 2; i++)
        if (kinds[i].decoder)
            decoder_close(kinds[i].decoder);
    if (survey->video_frame->buf[0])
        survey->video_index = kinds[0].index;
    if (survey->audio_frame->buf[0])
        survey->audio_index = kinds[1].index;
    survey->is_interlaced = kinds[0].is_interlaced;
    return code;
}

/* The first frame of the best stream of a kind that gives one, however far in. */
static enum es_code find_first_frame(const struct engine_input *input, struct survey *survey,
                                     enum AVMediaType type, int *ret_index, AVFrame *frame,
                                     struct es_err *reterr)
{
    for (int rank = 0; rank < CANDIDATES_MAX; rank++) {
        int index = demuxer_choose(survey->demuxer, type, rank);
        if (index < 0)
            break;
        es_auto(decoder) decoder = NULL;
        bool has_frame = false;
        enum es_code code = decoder_open(input, index, &decoder, reterr);
        if (code == ES_OK)
            code = decoder_next(decoder, frame, &has_frame, reterr);
        if (code != ES_OK && code != ES_MEDIA)
            return code;
        if (has_frame && is_usable(frame, type)) {
            *ret_index = index;
            return type == AVMEDIA_TYPE_VIDEO
                       ? look_for_fields(decoder, frame, &survey->is_interlaced, reterr)
                       : ES_OK;
        }
        av_frame_unref(frame);
    }
    return ES_OK;
}

enum es_code survey_sound(const struct engine_input *input, int stream_index, AVFrame *frame,
                          bool *ret_is_usable, struct es_err *reterr)
{
    es_auto(decoder) decoder = NULL;
    bool has_frame = false;
    enum es_code code = decoder_open(input, stream_index, &decoder, reterr);
    if (code == ES_OK)
        code = decoder_next(decoder, frame, &has_frame, reterr);
    if (code != ES_OK && code != ES_MEDIA)
        return code;
    *ret_is_usable = has_frame && is_usable(frame, AVMEDIA_TYPE_AUDIO);
    return ES_OK;
}

static void find_origin(struct survey *survey)
{
    const AVFormatContext *format = survey->demuxer->format;
    survey->origin_us = INT64_MAX;
    const struct {
        int index;
        const AVFrame *frame;
    } firsts[] = { { survey->video_index, survey->video_frame },
                   { survey->audio_index, survey->audio_frame } };
    for (size_t i = 0; i < 2; i++) {
        if (firsts[i].index < 0)
            continue;
        int64_t time =
            av_rescale_q_rnd(firsts[i].frame->pts, format->streams[firsts[i].index]->time_base,
                             AV_TIME_BASE_Q, AV_ROUND_DOWN);
        survey->origin_us = time < survey->origin_us ? time : survey->origin_us;
    }
    /* Frames before the beginning that the container names are not to be shown. */
    if (format->start_time != AV_NOPTS_VALUE && survey->origin_us < format->start_time)
        survey->origin_us = format->start_time;
}

/* Some containers do not say how long a packet lasts: then by the rate of bits or frames. */
static int64_t packet_duration(const AVPacket *packet, const AVStream *stream)
{
    const AVCodecParameters *codec = stream->codecpar;
    if (packet->duration > 0)
        return packet->duration;
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO && codec->bit_rate > 0)
        return av_rescale_q(packet->size * INT64_C(8) * AV_TIME_BASE / codec->bit_rate,
                            AV_TIME_BASE_Q, stream->time_base);
    if (codec->codec_type == AVMEDIA_TYPE_VIDEO && stream->avg_frame_rate.num > 0)
        return av_rescale_q(1, av_inv_q(stream->avg_frame_rate), stream->time_base);
    return 0;
}

/* When what is in the packet ends, in microseconds; padding at the end of gapless sound left out.
 */
static int64_t packet_end(const AVPacket *packet, const AVStream *stream)
{
    int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time == AV_NOPTS_VALUE)
        return INT64_MIN;
    int64_t end = av_rescale_q(av_sat_add64(time, packet_duration(packet, stream)),
                               stream->time_base, AV_TIME_BASE_Q);
    if (end == INT64_MIN)
        return end;
    size_t size = 0;
    const uint8_t *skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (skip && size >= 8 && stream->codecpar->sample_rate > 0)
        end -= av_rescale(AV_RL32(skip + 4), AV_TIME_BASE, stream->codecpar->sample_rate);
    return end;
}

/* Where the source ends, in microseconds; INT64_MIN unknown. */
struct ends {
    int64_t chosen; /* the streams that are converted */
    int64_t any;    /* all of them, which is what a header speaks of */
};

static void note_stream_end(struct survey *survey, int index, int64_t end_us)
{
    if (index >= survey->end_count) {
        survey->ends_us =
            es_realloc(survey->ends_us, ((size_t)index + 1) * sizeof(*survey->ends_us));
        while (survey->end_count <= index)
            survey->ends_us[survey->end_count++] = INT64_MIN;
    }
    if (end_us > survey->ends_us[index])
        survey->ends_us[index] = end_us;
}

int64_t survey_stream_end(const struct survey *survey, int stream_index)
{
    return stream_index < survey->end_count ? survey->ends_us[stream_index] : INT64_MIN;
}

/* Reads on to the end; *ret_ends stays where nothing came or there was too much. */
static enum es_code read_to_end(struct survey *survey, int64_t packets_max, struct ends *ret_ends,
                                struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    struct ends ends = { INT64_MIN, INT64_MIN };
    for (int64_t count = 0; count < packets_max; count++) {
        bool has_packet = false;
        enum es_code code = demuxer_read(survey->demuxer, packet, &has_packet, reterr);
        if (code != ES_OK)
            return code;
        if (!has_packet) {
            if (ends.chosen != INT64_MIN)
                *ret_ends = ends;
            return ES_OK;
        }
        int index = packet->stream_index;
        int64_t end = packet_end(packet, survey->demuxer->format->streams[index]);
        ends.any = end > ends.any ? end : ends.any;
        note_stream_end(survey, index, end);
        if (index == survey->video_index || index == survey->audio_index)
            ends.chosen = end > ends.chosen ? end : ends.chosen;
        av_packet_unref(packet);
    }
    return ES_OK;
}

/* The end of what is still on its way cannot be looked at. */
static void believe_duration(struct survey *survey)
{
    const AVFormatContext *format = survey->demuxer->format;
    int64_t start_us = format->start_time != AV_NOPTS_VALUE ? format->start_time : 0;
    if (format->duration > 0 && format->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE)
        survey->duration_seconds =
            (double)(start_us + format->duration - survey->origin_us) / AV_TIME_BASE;
    if (survey->duration_seconds < 0)
        survey->duration_seconds = 0;
    survey->claimed_seconds = survey->duration_seconds;
}

static enum es_code find_duration(const struct engine_input *input, struct survey *survey,
                                  struct es_err *reterr)
{
    AVFormatContext *format = survey->demuxer->format;
    int main_index = survey->video_index >= 0 ? survey->video_index : survey->audio_index;
    bool is_claim =
        format->duration > 0 && format->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE;
    int64_t start_us = format->start_time != AV_NOPTS_VALUE ? format->start_time : 0;
    int64_t claimed_end = start_us + format->duration;
    struct ends ends = { INT64_MIN, INT64_MIN };
    if (is_claim && av_match_list(format->iformat->name, tail_demuxers, ',')) {
        bool is_there = false;
        int64_t target = claimed_end - TAIL_SECONDS * INT64_C(1000000);
        enum es_code code =
            demuxer_seek(survey->demuxer, main_index,
                         av_rescale_q(target > start_us ? target : start_us, AV_TIME_BASE_Q,
                                      format->streams[main_index]->time_base),
                         &is_there, reterr);
        if (code == ES_OK && is_there)
            code = read_to_end(survey, TAIL_PACKETS_MAX, &ends, reterr);
        if (code != ES_OK)
            return code;
    }
    if (ends.any == INT64_MIN || llabs(ends.any - claimed_end) > CLAIM_TOLERANCE_US) {
        /* The index that a container has read so far stays with the survey's own demuxer. */
        es_auto(demuxer) fresh = NULL;
        enum es_code code = demuxer_open(input, &fresh, reterr);
        if (code != ES_OK)
            return code;
        demuxer_close(survey->demuxer);
        survey->demuxer = es_take(fresh);
        code = read_to_end(survey, INT64_MAX, &ends, reterr);
        if (code != ES_OK)
            return code;
    }
    if (ends.chosen > survey->origin_us)
        survey->duration_seconds = (double)(ends.chosen - survey->origin_us) / AV_TIME_BASE;
    survey->claimed_seconds = survey->duration_seconds;
    bool has_leapt = survey->demuxer->timeline && timeline_has_leapt(survey->demuxer->timeline);
    if (is_claim && !has_leapt && ends.any != INT64_MIN &&
        claimed_end - ends.any > CLAIM_TOLERANCE_US)
        survey->claimed_seconds = (double)(claimed_end - survey->origin_us) / AV_TIME_BASE;
    return ES_OK;
}

enum es_code survey_make(const struct engine_input *input, struct survey **ret_survey,
                         struct es_err *reterr)
{
    es_auto(survey) survey = es_malloc(sizeof(*survey));
    survey->video_index = survey->audio_index = -1;
    survey->video_frame = frame_new();
    survey->audio_frame = frame_new();
    enum es_code code = demuxer_open(input, &survey->demuxer, reterr);
    if (code == ES_OK)
        code = find_first_frames(survey, reterr);
    if (code == ES_OK && survey->video_index < 0)
        code = find_first_frame(input, survey, AVMEDIA_TYPE_VIDEO, &survey->video_index,
                                survey->video_frame, reterr);
    if (code == ES_OK && survey->audio_index < 0)
        code = find_first_frame(input, survey, AVMEDIA_TYPE_AUDIO, &survey->audio_index,
                                survey->audio_frame, reterr);
    if (code != ES_OK)
        return code;
    if (survey->video_index < 0 && survey->audio_index < 0)
        return es_fail_word(reterr, ES_MEDIA,
                            survey->demuxer->is_sure ? "media_damaged" : "unsupported_format",
                            "no stream of the source can be decoded");
    find_origin(survey);
    survey->can_seek = input->is_arriving ? survey->demuxer->has_whole_index
                                          : av_match_list(survey->demuxer->format->iformat->name,
                                                          exact_demuxers, ',');
    if (input->is_arriving)
        believe_duration(survey);
    else
        code = find_duration(input, survey, reterr);
    if (code == ES_OK)
        *ret_survey = es_take(survey);
    return code;
}

void survey_free(struct survey *survey)
{
    if (survey->demuxer)
        demuxer_close(survey->demuxer);
    av_frame_free(&survey->video_frame);
    av_frame_free(&survey->audio_frame);
    free(survey->ends_us);
    free(survey);
}
