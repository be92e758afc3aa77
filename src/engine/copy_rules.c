/* The rules of copying. */
#include "engine/copy_rules.h"

#include <libavutil/intreadwrite.h>

#include "engine/copy_form.h"
#include "engine/video_chain.h"
#include "wire/avc.h"

#include "engine/compat.h"

#define AVCC_BYTES_MIN   7
#define AAC_CHANNELS_MAX 6
#define MP3_SAMPLE_RATE  44100
#define REORDERED_MAX    16
#define AUDIO_OBJECT_LC  2
#define AUDIO_OBJECT_SBR 5
#define AUDIO_OBJECT_PS  29

static bool has_avcc(const AVCodecParameters *codec)
{
    return codec->extradata_size >= AVCC_BYTES_MIN && copy_form_is_plain(codec);
}

static bool is_played_profile(int profile)
{
    switch (profile & ~(FF_PROFILE_H264_CONSTRAINED | FF_PROFILE_H264_INTRA)) {
    case FF_PROFILE_H264_BASELINE:
    case FF_PROFILE_H264_MAIN:
    case FF_PROFILE_H264_HIGH:
        return true;
    default:
        return false;
    }
}

bool copy_can_video(const AVStream *stream, const AVCodecParameters *codec, const AVFrame *frame,
                    enum job_target target)
{
    bool is_plain = codec->format == AV_PIX_FMT_YUV420P || codec->format == AV_PIX_FMT_YUVJ420P;
    /* 'avc3' may keep headers among the frames that differ from the one in front. */
    if (codec->codec_id != AV_CODEC_ID_H264 || !has_avcc(codec) ||
        codec->codec_tag == MKTAG('a', 'v', 'c', '3') || !is_played_profile(codec->profile))
        return false;
    if (!is_plain || frame->format != codec->format || frame_is_hdr(frame))
        return false;
    /* Not every player heeds a turned header of a segment. */
    return target == JOB_MP4 || !stream_display_matrix(stream);
}

/* The first audio object type and what follows of the AudioSpecificConfig (ISO/IEC 14496-3,
 * 1.6.2.1), as far as the rules need it. */
struct aac_config {
    int object_type; /* 5 and 29: HE-AAC that says so */
    int channels;    /* 0: described elsewhere */
};

static bool read_aac_config(const AVCodecParameters *codec, struct aac_config *ret_config)
{
    if (codec->extradata_size < 2)
        return false;
    unsigned bits = AV_RB16(codec->extradata);
    int rate_index = bits >> 7 & 15;
    *ret_config =
        (struct aac_config){ .object_type = (int)(bits >> 11), .channels = (int)(bits >> 3 & 15) };
    return ret_config->object_type != 31 && rate_index != 15;
}

static bool can_aac(const AVCodecParameters *codec)
{
    struct aac_config config;
    if (!read_aac_config(codec, &config))
        return false;
    bool is_played = config.object_type == AUDIO_OBJECT_LC ||
                     config.object_type == AUDIO_OBJECT_SBR ||
                     config.object_type == AUDIO_OBJECT_PS;
    return is_played && config.channels >= 1 && config.channels <= AAC_CHANNELS_MAX;
}

bool copy_can_audio(const AVCodecParameters *codec, int sample_rate, int channels,
                    enum job_target target)
{
    bool is_mp3 = codec->codec_id == AV_CODEC_ID_MP3;
    switch (target) {
    case JOB_MP3:
        return is_mp3 && sample_rate == MP3_SAMPLE_RATE && channels == 2;
    case JOB_MP4:
        return (is_mp3 && sample_rate >= 32000) ||
               (codec->codec_id == AV_CODEC_ID_AAC && can_aac(codec));
    case JOB_HLS:
        return codec->codec_id == AV_CODEC_ID_AAC && can_aac(codec);
    case JOB_TARGET_UNSET:
        break;
    }
    return false;
}

enum copy_cuts copy_cuts_of_index(AVStream *stream, int64_t end, double *ret_longest_seconds)
{
    int count = avformat_index_get_entries_count(stream);
    double tick = av_q2d(stream->time_base);
    double longest = 0;
    int64_t last = AV_NOPTS_VALUE;
    bool is_every_frame = false;
    for (int i = 0; i < count; i++) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        if (!(entry->flags & AVINDEX_KEYFRAME)) {
            is_every_frame = true; /* who lists others lists them all */
            continue;
        }
        if (last != AV_NOPTS_VALUE && (double)(entry->timestamp - last) * tick > longest)
            longest = (double)(entry->timestamp - last) * tick;
        last = entry->timestamp;
    }
    if (last == AV_NOPTS_VALUE)
        return COPY_CUTS_UNKNOWN;
    if ((double)(end - last) * tick > longest)
        longest = (double)(end - last) * tick;
    *ret_longest_seconds = longest;
    return longest <= COPY_SEGMENT_SECONDS_MAX ? COPY_CUTS_OFTEN
           : is_every_frame                    ? COPY_CUTS_SELDOM
                                               : COPY_CUTS_UNKNOWN;
}

bool copy_has_edits(AVStream *stream, enum job_target target)
{
    int count = avformat_index_get_entries_count(stream);
    bool is_video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    int first_shown = -1;
    bool is_hidden_again = false;
    for (int i = 0; i < count; i++) {
        bool is_hidden = avformat_index_get_entry(stream, i)->flags & AVINDEX_DISCARD_FRAME;
        if ((is_hidden_again && !is_hidden) ||
            (i == 0 && is_hidden && is_video && target == JOB_HLS))
            return true;
        if (first_shown < 0 && !is_hidden)
            first_shown = i;
        /* Frames stand in the order of decoding: the first that are shown come a little early. */
        is_hidden_again =
            is_hidden_again || (is_hidden && first_shown >= 0 && i > first_shown + REORDERED_MAX);
    }
    return false;
}

static bool has_unit(const AVCodecParameters *codec, const AVPacket *packet,
                     bool (*is_it)(const struct avc_unit *unit))
{
    struct avc_unit unit;
    int length_size = has_avcc(codec) ? (codec->extradata[4] & 3) + 1 : 0;
    for (size_t at = 0; length_size && avc_next_counted(packet->data, (size_t)packet->size,
                                                        length_size, &at, &unit);)
        if (is_it(&unit))
            return true;
    return false;
}

static bool is_idr(const struct avc_unit *unit)
{
    return avc_unit_type(unit) == AVC_IDR;
}

bool copy_is_closed(const AVCodecParameters *codec, const AVPacket *packet)
{
    return has_unit(codec, packet, is_idr);
}

bool copy_is_bidirectional(const AVCodecParameters *codec, const AVPacket *packet)
{
    return has_unit(codec, packet, avc_is_bidirectional);
}

const char *copy_codecs(const AVCodecParameters *codec, struct es_arena *arena)
{
    struct aac_config config;
    if (codec->codec_id == AV_CODEC_ID_H264 && has_avcc(codec))
        return es_printf(arena, "avc1.%02x%02x%02x", codec->extradata[1], codec->extradata[2],
                         codec->extradata[3]);
    if (codec->codec_id == AV_CODEC_ID_MP3)
        return "mp4a.6B";
    if (!read_aac_config(codec, &config))
        return "mp4a.40.2";
    if (config.object_type == AUDIO_OBJECT_PS || codec->profile == FF_PROFILE_AAC_HE_V2)
        return "mp4a.40.29";
    return config.object_type == AUDIO_OBJECT_SBR || codec->profile == FF_PROFILE_AAC_HE
               ? "mp4a.40.5"
               : "mp4a.40.2";
}
