/* Which tracks are taken over as they are, and the parts that do it: one a track, or one for the
 * whole of an MP4. A track is encoded where the user asks for something of it, and where in doubt.
 */
#include <libavutil/avstring.h>
#include <math.h>

#include "engine/copy_index.h"
#include "engine/copy_rules.h"
#include "engine/handles.h"
#include "engine/planner.h"
#include "engine/video_chain.h"

#include "engine/compat.h"

#define COPY_WEIGHT          0.01 /* a second of a copy beside a second of encoding */
#define CLOSED_PROBES        5
#define CLOSED_PACKETS_MAX   100 /* from where a key frame was looked for */
#define SCAN_BYTES_MAX       (INT64_C(4) * 1024 * 1024 * 1024)
#define LATE_SECONDS_MAX     0.1
#define TARGET_SECONDS_SHORT 6
#define HEAD_SECONDS         (COPY_SEGMENT_SECONDS_MAX + 1)

/* Containers whose times and durations can be relied on without decoding anything. */
static const char copied_demuxers[] = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3";

static bool is_whole_timeline(const struct planner *planner)
{
    return planner->options.start_seconds <= 0 && planner->is_end_open;
}

static bool is_smaller_wanted(const struct planner *planner, AVStream *stream)
{
    const AVCodecParameters *codec = stream->codecpar;
    int height = stream_quarter_turns(stream) % 2 ? codec->width : codec->height;
    return planner->options.height > 0 && planner->options.height < height;
}

/* Whether the key frames that the index names can begin a segment: tried at some of them. */
static enum es_code try_key_frames(const struct planner *planner, AVStream *stream,
                                   bool *ret_are_closed, struct es_err *reterr)
{
    struct demuxer *demuxer = planner->survey->demuxer;
    es_auto(AVPacket) packet = packet_new();
    int64_t begin = planner->survey->video_frame->pts;
    int64_t length = planner_ticks(planner->duration_seconds, stream->time_base);
    int probes = planner->input->is_arriving ? 1 : CLOSED_PROBES;
    demuxer_select(demuxer, stream->index, -1);
    *ret_are_closed = false;
    for (int probe = 0; probe < probes; probe++) {
        bool is_there = false, has_packet = false, is_key = false;
        enum es_code code = demuxer_seek(demuxer, stream->index,
                                         begin + length * probe / CLOSED_PROBES, &is_there, reterr);
        for (int i = 0; i < CLOSED_PACKETS_MAX && code == ES_OK && is_there && !is_key; i++) {
            av_packet_unref(packet);
            code = demuxer_read(demuxer, packet, &has_packet, reterr);
            is_key = has_packet && packet->flags & AV_PKT_FLAG_KEY;
            is_there = has_packet;
        }
        if (code != ES_OK)
            return code;
        if (!is_key || !copy_is_closed(stream->codecpar, packet))
            return ES_OK;
    }
    *ret_are_closed = true;
    return ES_OK;
}

/* Where the index does not say it: the longest way between closed key frames, from the packets;
 * infinite as soon as it is too long. What is arriving is judged by its head. */
static enum es_code scan_key_frames(const struct planner *planner, int stream_index,
                                    double *ret_longest_seconds, struct es_err *reterr)
{
    *ret_longest_seconds = INFINITY;
    if (planner->input->size_bytes > SCAN_BYTES_MAX)
        return ES_OK;
    es_auto(demuxer) demuxer = NULL;
    enum es_code code = demuxer_open(planner->input, &demuxer, reterr);
    if (code != ES_OK || stream_index >= (int)demuxer->format->nb_streams)
        return code;
    demuxer_select(demuxer, stream_index, -1);
    AVStream *stream = demuxer->format->streams[stream_index];
    es_auto(AVPacket) packet = packet_new();
    int64_t first = AV_NOPTS_VALUE, last = AV_NOPTS_VALUE;
    double longest = 0, most = planner->input->is_arriving ? HEAD_SECONDS : INFINITY, seen = 0;
    for (bool has_packet = true; has_packet && seen < most;) {
        code = demuxer_read(demuxer, packet, &has_packet, reterr);
        if (code != ES_OK)
            return code;
        if (has_packet && packet->pts != AV_NOPTS_VALUE) {
            if (last == AV_NOPTS_VALUE)
                first = last = packet->pts;
            seen = (double)(packet->pts - first) * av_q2d(stream->time_base);
            longest = fmax(longest, (double)(packet->pts - last) * av_q2d(stream->time_base));
            if (packet->flags & AV_PKT_FLAG_KEY && copy_is_closed(stream->codecpar, packet))
                last = packet->pts;
        }
        av_packet_unref(packet);
        if (longest > COPY_SEGMENT_SECONDS_MAX)
            return ES_OK;
    }
    *ret_longest_seconds = longest;
    return ES_OK;
}

/* Whether segments of the picture can be short enough. */
static enum es_code check_cuts(struct planner *planner, AVStream *stream, bool *ret_can_cut,
                               struct es_err *reterr)
{
    int64_t end = planner->survey->video_frame->pts +
                  planner_ticks(planner->duration_seconds, stream->time_base);
    double longest = INFINITY;
    enum es_code code = ES_OK;
    bool has_index = !planner->input->is_arriving || planner->survey->can_seek;
    switch (has_index ? copy_cuts_of_index(stream, end, &longest) : COPY_CUTS_UNKNOWN) {
    case COPY_CUTS_OFTEN:
        code = try_key_frames(planner, stream, ret_can_cut, reterr);
        break;
    case COPY_CUTS_SELDOM:
        *ret_can_cut = false;
        break;
    case COPY_CUTS_UNKNOWN:
    case COPY_CUTS_UNSET:
        code = scan_key_frames(planner, stream->index, &longest, reterr);
        *ret_can_cut = longest <= COPY_SEGMENT_SECONDS_MAX;
        break;
    }
    if (code == ES_OK && *ret_can_cut && longest > TARGET_SECONDS_SHORT)
        planner->longest_seconds = (int)lround(longest);
    return code;
}

static enum es_code decide_video(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    AVStream *stream = planner_stream(planner, survey->video_index);
    struct part_spec spec = planner_spec(planner, survey->video_index);
    if (planner->options.crf || is_smaller_wanted(planner, stream) ||
        job_options_have_ladder(&planner->options) || /* all sizes are cut at the same frames */
        !copy_can_video(stream, survey->video_frame, planner->target) || survey->is_interlaced ||
        copy_has_edits(stream, planner->target) || survey->video_frame->pts < spec.origin)
        return ES_OK;
    planner->is_video_copied = true;
    return planner->target == JOB_HLS
               ? check_cuts(planner, stream, &planner->is_video_copied, reterr)
               : ES_OK;
}

static void decide_audio(struct planner *planner)
{
    const struct survey *survey = planner->survey;
    AVStream *stream = planner_stream(planner, survey->audio_index);
    struct part_spec spec = planner_spec(planner, survey->audio_index);
    double late = (double)(survey->audio_frame->pts - spec.origin) * av_q2d(stream->time_base);
    planner->is_audio_copied = !planner->options.bitrate_kbps &&
                               planner->options.normalize_lufs == 0 &&
                               copy_can_audio(stream, survey->audio_frame, planner->target) &&
                               !copy_has_edits(stream, planner->target) &&
                               (planner->target != JOB_HLS || late <= LATE_SECONDS_MAX);
}

enum es_code plan_copies(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    if (planner->options.copy == JOB_COPY_NEVER || !is_whole_timeline(planner) ||
        !av_match_list(survey->demuxer->format->iformat->name, copied_demuxers, ','))
        return ES_OK;
    if (survey->audio_index >= 0)
        decide_audio(planner);
    if (survey->video_index < 0 || planner->target == JOB_MP3)
        return ES_OK;
    enum es_code code = decide_video(planner, reterr);
    /* The join of two tracks knows of no turned pictures. */
    bool is_joined =
        planner->target == JOB_MP4 && survey->audio_index >= 0 && !planner->is_audio_copied;
    if (is_joined && stream_display_matrix(planner_stream(planner, survey->video_index)))
        planner->is_video_copied = false;
    return code;
}

static const struct hls_track *plan_track(struct planner *planner, bool is_video)
{
    const struct survey *survey = planner->survey;
    AVStream *stream =
        planner_stream(planner, is_video ? survey->video_index : survey->audio_index);
    struct hls_track *track = es_new(planner->arena, struct hls_track);
    *track = (struct hls_track){
        .name = is_video ? "video" : "audio",
        .kind = is_video ? HLS_VIDEO : HLS_AUDIO,
        .codecs = copy_codecs(stream->codecpar, planner->arena),
        .target_seconds = planner->longest_seconds,
    };
    if (is_video) {
        AVRational rate = av_guess_frame_rate(survey->demuxer->format, stream, NULL);
        track->width = stream->codecpar->width;
        track->height = stream->codecpar->height;
        track->frame_rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    } else {
        track->channels = survey->audio_frame->ch_layout.nb_channels;
        plan_name_sound(planner, stream->index, track);
    }
    return track;
}

/* What both kinds of copying parts have in common. */
static struct part_spec copied_spec(struct planner *planner, bool is_video)
{
    const struct survey *survey = planner->survey;
    struct part_spec spec =
        planner_spec(planner, is_video ? survey->video_index : survey->audio_index);
    spec.is_video = is_video;
    spec.tracks = plan_track(planner, is_video);
    spec.track_count = 1;
    spec.is_copied = true;
    spec.is_first = true;
    spec.index = (int)planner->part_count + 1;
    spec.timeline_seconds = planner->duration_seconds;
    spec.copy.second_stream_index = -1;
    return spec;
}

void plan_copied_track(struct planner *planner, bool is_video)
{
    struct part_spec spec = copied_spec(planner, is_video);
    spec.weight_seconds = planner->duration_seconds * COPY_WEIGHT;
    if (!is_video || planner->survey->audio_index < 0)
        spec.picture_stream_index = planner->target == JOB_HLS ? -1 : planner->picture_index;
    if (planner->target == JOB_MP3)
        planner_add_tags(planner, &spec);
    planner_add_part(planner, PART_CONVERT, true, spec.weight_seconds,
                     part_spec_write(&spec, planner->arena));
}

void plan_copied_film(struct planner *planner)
{
    const struct survey *survey = planner->survey;
    bool has_video = survey->video_index >= 0;
    struct part_spec spec = copied_spec(planner, has_video);
    spec.weight_seconds = planner->duration_seconds;
    spec.picture_stream_index = planner->picture_index;
    planner_add_tags(planner, &spec);
    spec.copy.is_whole = true;
    if (has_video && survey->audio_index >= 0) {
        struct part_spec second = planner_spec(planner, survey->audio_index);
        spec.copy.second_stream_index = second.stream_index;
        spec.copy.second_time_base = second.time_base;
        spec.copy.second_origin = second.origin;
    }
    spec.copy.index_bytes = copy_index_bytes(
        survey->demuxer->format, survey->video_index, survey->audio_index,
        planner->duration_seconds, planner->tags, planner->tag_count, planner->picture_index);
    planner_add_part(planner, PART_CONVERT, true, spec.weight_seconds,
                     part_spec_write(&spec, planner->arena));
}
