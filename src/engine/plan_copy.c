/* Which tracks are taken over as they are, and the parts that do it: one a track, or one for the
 * whole of an MP4. A track is encoded where the user asks for something of it, and where in doubt.
 */
#include <libavutil/avstring.h>
#include <math.h>

#include "engine/copy_form.h"
#include "engine/copy_index.h"
#include "engine/copy_rules.h"
#include "engine/copy_scan.h"
#include "engine/handles.h"
#include "engine/planner.h"
#include "engine/timeline.h"
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
/* Those that a reading of all packets shows whether they can. */
static const char scanned_demuxers[] = "mpegts,flv,avi,aac";

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

static void note_longest(struct planner *planner, double longest_seconds)
{
    if (longest_seconds > TARGET_SECONDS_SHORT)
        planner->longest_seconds = (int)lround(longest_seconds);
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
    if (code == ES_OK && *ret_can_cut)
        note_longest(planner, longest);
    return code;
}

/* Remembers how the copy of a stream is headed. */
static void note_copy(const struct planner *planner, const AVStream *stream,
                      const AVCodecParameters *codec, struct copied_head *ret_head)
{
    *ret_head = (struct copied_head){ .codecs = copy_codecs(codec, planner->arena) };
    if (copy_form_is_plain(stream->codecpar))
        return;
    size_t size = (size_t)codec->extradata_size;
    uint8_t *bytes = es_new_array(planner->arena, uint8_t, size);
    memcpy(bytes, codec->extradata, size);
    ret_head->header = (struct copy_header){ bytes, size };
}

/* `scan` is NULL where the container is believed. */
static enum es_code decide_video(struct planner *planner, const struct copy_scan *scan,
                                 struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    AVStream *stream = planner_stream(planner, survey->video_index);
    const AVCodecParameters *codec = scan ? scan->codec : stream->codecpar;
    struct part_spec spec = planner_spec(planner, survey->video_index);
    if (planner->options.crf || is_smaller_wanted(planner, stream) ||
        job_options_have_ladder(&planner->options) || /* all sizes are cut at the same frames */
        !copy_can_video(stream, codec, survey->video_frame, planner->target) ||
        survey->is_interlaced || copy_has_edits(stream, planner->target) ||
        survey->video_frame->pts < spec.origin)
        return ES_OK;
    if (scan && (!scan->is_fit || scan->first_time != survey->video_frame->pts))
        return ES_OK;
    planner->is_video_copied = true;
    note_copy(planner, stream, codec, &planner->picture_head);
    if (planner->target != JOB_HLS)
        return ES_OK;
    if (!scan)
        return check_cuts(planner, stream, &planner->is_video_copied, reterr);
    planner->is_video_copied = scan->longest_seconds <= COPY_SEGMENT_SECONDS_MAX;
    if (planner->is_video_copied)
        note_longest(planner, scan->longest_seconds);
    return ES_OK;
}

static bool can_copy_sound(const struct planner *planner, const struct sound_source *sound,
                           const AVCodecParameters *codec)
{
    const struct job_options *options = &planner->options;
    return !options->bitrate_kbps && options->normalize_lufs == 0 &&
           copy_can_audio(codec, sound->sample_rate, sound->channels, planner->target) &&
           !copy_has_edits(planner_stream(planner, sound->stream_index), planner->target);
}

static void decide_main_sound(struct planner *planner, const struct copy_scan *scan)
{
    const struct survey *survey = planner->survey;
    AVStream *stream = planner_stream(planner, survey->audio_index);
    const AVCodecParameters *codec = scan ? scan->codec : stream->codecpar;
    struct part_spec spec = planner_spec(planner, survey->audio_index);
    double late = (double)(survey->audio_frame->pts - spec.origin) * av_q2d(stream->time_base);
    struct sound_source *sound = &planner->main_sound;
    sound->is_copied = can_copy_sound(planner, sound, codec) &&
                       (planner->target != JOB_HLS || late <= LATE_SECONDS_MAX) &&
                       (!scan || (scan->is_fit && sound->sample_rate == codec->sample_rate));
    if (sound->is_copied)
        note_copy(planner, stream, codec, &sound->head);
}

/* Of a container that is believed. */
static void decide_other_sounds(struct planner *planner)
{
    for (size_t i = 0; i < planner->other_sound_count; i++) {
        struct sound_source *sound = &planner->other_sounds[i];
        const AVStream *stream = planner_stream(planner, sound->stream_index);
        sound->is_copied =
            planner->target == JOB_MP4 && can_copy_sound(planner, sound, stream->codecpar);
        if (sound->is_copied)
            note_copy(planner, stream, stream->codecpar, &sound->head);
    }
}

static enum es_code decide(struct planner *planner, const struct copy_scan *audio_scan,
                           const struct copy_scan *video_scan, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    if (survey->audio_index >= 0)
        decide_main_sound(planner, audio_scan);
    if (survey->video_index < 0 || planner->target == JOB_MP3)
        return ES_OK;
    enum es_code code = decide_video(planner, video_scan, reterr);
    /* The join of several tracks knows of no turned pictures. */
    bool is_joined = planner->target == JOB_MP4 && survey->audio_index >= 0 &&
                     (!planner->main_sound.is_copied || planner->other_sound_count > 0);
    if (is_joined && stream_display_matrix(planner_stream(planner, survey->video_index)))
        planner->is_video_copied = false;
    return code;
}

static bool is_worth_a_scan(const struct planner *planner, int stream_index, enum AVCodecID codec)
{
    return stream_index >= 0 && planner_stream(planner, stream_index)->codecpar->codec_id == codec;
}

/* Of what is no longer arriving, not endless, and nowhere leaps. */
static enum es_code decide_by_scan(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    const struct timeline *timeline = survey->demuxer->timeline;
    bool has_picture = is_worth_a_scan(planner, survey->video_index, AV_CODEC_ID_H264);
    bool has_sound = is_worth_a_scan(planner, survey->audio_index, AV_CODEC_ID_AAC) ||
                     is_worth_a_scan(planner, survey->audio_index, AV_CODEC_ID_MP3);
    if (planner->target == JOB_MP3 || planner->input->is_arriving ||
        planner->input->size_bytes > SCAN_BYTES_MAX || (!has_picture && !has_sound) ||
        (timeline && timeline_has_leapt(timeline)))
        return ES_OK;
    struct copy_scan scans[] = { { .stream_index = has_sound ? survey->audio_index : -1 },
                                 { .stream_index = has_picture ? survey->video_index : -1 } };
    enum es_code code = copy_scan_run(planner->input, scans, reterr);
    if (code == ES_OK)
        code =
            decide(planner, has_sound ? &scans[0] : NULL, has_picture ? &scans[1] : NULL, reterr);
    copy_scan_release(&scans[0]);
    copy_scan_release(&scans[1]);
    return code;
}

enum es_code plan_copies(struct planner *planner, struct es_err *reterr)
{
    const char *format = planner->survey->demuxer->format->iformat->name;
    if (planner->options.copy == JOB_COPY_NEVER || !is_whole_timeline(planner))
        return ES_OK;
    if (av_match_list(format, copied_demuxers, ',')) {
        decide_other_sounds(planner);
        return decide(planner, NULL, NULL, reterr);
    }
    return av_match_list(format, scanned_demuxers, ',') ? decide_by_scan(planner, reterr) : ES_OK;
}

/* The picture's, where there is no sound. */
static const struct hls_track *plan_track(struct planner *planner, const struct sound_source *sound)
{
    const struct survey *survey = planner->survey;
    AVStream *stream = planner_stream(planner, sound ? sound->stream_index : survey->video_index);
    struct hls_track *track = es_new(planner->arena, struct hls_track);
    *track = (struct hls_track){
        .name = "video",
        .kind = sound ? HLS_AUDIO : HLS_VIDEO,
        .codecs = sound ? sound->head.codecs : planner->picture_head.codecs,
        .target_seconds = planner->longest_seconds,
    };
    if (sound) {
        track->channels = sound->channels;
        plan_name_sound(planner, stream->index, track);
    } else {
        AVRational rate = av_guess_frame_rate(survey->demuxer->format, stream, NULL);
        track->width = stream->codecpar->width;
        track->height = stream->codecpar->height;
        track->frame_rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    }
    return track;
}

/* What all kinds of copying parts have in common; NULL: of the picture. */
static struct part_spec copied_spec(struct planner *planner, const struct sound_source *sound)
{
    struct part_spec spec =
        planner_spec(planner, sound ? sound->stream_index : planner->survey->video_index);
    spec.is_video = !sound;
    spec.tracks = plan_track(planner, sound);
    spec.track_count = 1;
    spec.is_copied = true;
    spec.is_first = true;
    spec.index = (int)planner->part_count + 1;
    spec.timeline_seconds = planner->duration_seconds;
    spec.copy.second_stream_index = -1;
    spec.copy.header = sound ? sound->head.header : planner->picture_head.header;
    return spec;
}

static void add_copied(struct planner *planner, struct part_spec *spec, bool is_first)
{
    spec->weight_seconds = planner->duration_seconds * COPY_WEIGHT;
    planner_add_part(planner, PART_CONVERT, is_first, spec->weight_seconds,
                     part_spec_write(spec, planner->arena));
}

void plan_copied_picture(struct planner *planner)
{
    struct part_spec spec = copied_spec(planner, NULL);
    if (planner->survey->audio_index < 0 && planner->target == JOB_MP4)
        spec.picture_stream_index = planner->picture_index;
    add_copied(planner, &spec, true);
}

void plan_copied_sound(struct planner *planner, const struct sound_source *sound)
{
    bool is_main = sound == &planner->main_sound;
    struct part_spec spec = copied_spec(planner, sound);
    if (is_main && planner->target != JOB_HLS)
        spec.picture_stream_index = planner->picture_index;
    if (planner->target == JOB_MP3)
        planner_add_tags(planner, &spec);
    add_copied(planner, &spec, is_main);
}

void plan_copied_film(struct planner *planner)
{
    const struct survey *survey = planner->survey;
    bool has_video = survey->video_index >= 0;
    struct part_spec spec = copied_spec(planner, has_video ? NULL : &planner->main_sound);
    spec.weight_seconds = planner->duration_seconds;
    spec.picture_stream_index = planner->picture_index;
    planner_add_tags(planner, &spec);
    spec.copy.is_whole = true;
    if (has_video && survey->audio_index >= 0) {
        struct part_spec second = planner_spec(planner, survey->audio_index);
        spec.copy.second_stream_index = second.stream_index;
        spec.copy.second_time_base = second.time_base;
        spec.copy.second_origin = second.origin;
        spec.copy.second_header = planner->main_sound.head.header;
    }
    spec.copy.index_bytes = copy_index_bytes(
        survey->demuxer->format, survey->video_index, survey->audio_index,
        planner->duration_seconds, planner->tags, planner->tag_count, planner->picture_index);
    planner_add_part(planner, PART_CONVERT, true, spec.weight_seconds,
                     part_spec_write(&spec, planner->arena));
}
