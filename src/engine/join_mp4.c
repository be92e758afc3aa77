/* One fast-start MP4 from the parts' fragments: packets are copied with the times that the parts
 * gave them, the tracks interleaved by decoding time. */
#include <math.h>
#include <string.h>

#include "engine/av_error.h"
#include "engine/chapters.h"
#include "engine/demuxer.h"
#include "engine/handles.h"
#include "engine/join.h"
#include "engine/language.h"
#include "engine/mp4_file.h"
#include "engine/output.h"
#include "engine/reporter.h"
#include "engine/tags.h"

#define AAC_FRAME_SAMPLES 1024
#define LANES_MAX         (1 + SOUNDS_MAX)

/* One track of the output, read from part after part. */
struct lane {
    const struct hls_track *track; /* as planned: its name is that of all its parts */
    bool is_video;
    size_t next_part; /* where to look on for a part of this track */
    const struct part_result *result;
    struct engine_input input;
    bool is_input_open;
    struct demuxer *demuxer;
    AVPacket *packet, *next; /* `next`: of the same part, its times as they are there */
    bool has_packet, has_next;
    bool is_part_begun, is_begun;
    int64_t first_time,
        end_time;             /* of the part's packets that the track takes, as they are there */
    int64_t lead;             /* taken off every time: see set_times */
    int64_t delay;            /* of the part's first frame: between decoding and showing */
    AVStream *stream;         /* of the output */
    AVCodecParameters *codec; /* of the first part; all others are to have the same */
};

struct mp4_join {
    const struct join *join;
    struct reporter reporter;
    const struct hls_track **tracks; /* of each part; NULL where it made nothing for one */
    struct lane lanes[LANES_MAX];
    size_t lane_count;
    struct mp4_file *file;
    struct output *output;
    int rough_joins;
};

/* Which track the part is a piece of; NULL where it has made nothing that can be one. */
static enum es_code read_track(const struct join *join, size_t index,
                               const struct hls_track **ret_track, struct es_err *reterr)
{
    *ret_track = NULL;
    if (join->parts[index].kind != PART_CONVERT || !join->results[index].object)
        return ES_OK;
    struct part_spec spec;
    enum es_code code = part_spec_read(join->parts[index].spec, join->arena, &spec, reterr);
    if (code == ES_OK)
        *ret_track = &spec.tracks[0];
    return code;
}

static bool is_lane(const struct lane *lane, const struct hls_track *track)
{
    return strcmp(lane->track->name, track->name) == 0;
}

/* A lane for each track that any part is of, in the plan's order: the picture first, then sounds.
 */
static enum es_code find_lanes(struct mp4_join *mp4, struct es_err *reterr)
{
    mp4->tracks = es_new_array(mp4->join->arena, const struct hls_track *, mp4->join->part_count);
    for (size_t i = 0; i < mp4->join->part_count; i++) {
        enum es_code code = read_track(mp4->join, i, &mp4->tracks[i], reterr);
        if (code != ES_OK)
            return code;
        const struct hls_track *track = mp4->tracks[i];
        size_t at = 0;
        while (track && at < mp4->lane_count && !is_lane(&mp4->lanes[at], track))
            at++;
        if (!track || at < mp4->lane_count)
            continue;
        if (at == LANES_MAX)
            return es_fail(reterr, ES_INVALID, "parts of more than %d tracks", LANES_MAX);
        mp4->lanes[mp4->lane_count++] = (struct lane){
            .track = track,
            .is_video = track->kind == HLS_VIDEO,
            .packet = packet_new(),
            .next = packet_new(),
        };
    }
    return ES_OK;
}

static void close_part(struct mp4_join *mp4, struct lane *lane)
{
    if (lane->demuxer)
        demuxer_close(lane->demuxer);
    lane->demuxer = NULL;
    if (lane->is_input_open)
        mp4->join->source->close(mp4->join->source->context, &lane->input);
    lane->is_input_open = false;
}

static enum es_code check_codec(struct lane *lane, struct es_err *reterr)
{
    const AVCodecParameters *codec = lane->demuxer->format->streams[0]->codecpar;
    if (!lane->codec) {
        lane->codec = avcodec_parameters_alloc();
        if (!lane->codec || avcodec_parameters_copy(lane->codec, codec) < 0)
            abort();
        lane->codec->codec_tag = 0;
        if (!lane->is_video)
            lane->codec->frame_size = AAC_FRAME_SAMPLES;
        return ES_OK;
    }
    if (lane->codec->extradata_size != codec->extradata_size ||
        memcmp(lane->codec->extradata, codec->extradata, (size_t)codec->extradata_size) != 0)
        return es_fail(reterr, ES_INVALID, "the parts' headers differ: they cannot be one track");
    return ES_OK;
}

/* When, in a part's own times, its frame of that number is shown. */
static int64_t span_time(const struct part_result *result, int64_t frame)
{
    return frame * AAC_FRAME_SAMPLES - result->span.delay + result->shift;
}

/* Of a span of sound the track takes what lies between the joins with the spans around it. */
static void set_bounds(struct mp4_join *mp4, struct lane *lane, const struct part_result *before)
{
    const struct join *join = mp4->join;
    const struct part_result *result = lane->result;
    lane->first_time = INT64_MIN;
    lane->end_time = INT64_MAX;
    if (!result->span.is_one_of_many)
        return;
    bool is_clean = true;
    if (before)
        lane->first_time =
            span_time(result, span_join_frame(&before->span, &result->span, &is_clean));
    for (size_t i = lane->next_part; i < join->part_count && !result->span.is_end; i++)
        if (join->results[i].span.is_one_of_many && join->results[i].object) {
            lane->end_time = span_time(
                result, span_join_frame(&result->span, &join->results[i].span, &is_clean));
            mp4->rough_joins += !is_clean;
            break;
        }
}

/* The next packet of the part that the track takes. */
static enum es_code read_packet(struct lane *lane, struct es_err *reterr)
{
    do {
        av_packet_unref(lane->next);
        enum es_code code = demuxer_read(lane->demuxer, lane->next, &lane->has_next, reterr);
        if (code != ES_OK || !lane->has_next)
            return code;
    } while (lane->next->pts < lane->first_time);
    if (lane->next->pts >= lane->end_time) {
        av_packet_unref(lane->next);
        lane->has_next = false;
    }
    return ES_OK;
}

/* Goes on to the track's next part. False in *ret_is_open where there is none. */
static enum es_code open_next_part(struct mp4_join *mp4, struct lane *lane, bool *ret_is_open,
                                   struct es_err *reterr)
{
    const struct join *join = mp4->join;
    const struct part_result *before = lane->result;
    close_part(mp4, lane);
    *ret_is_open = false;
    if (before && before->span.is_end)
        return ES_OK;
    while (lane->next_part < join->part_count &&
           !(mp4->tracks[lane->next_part] && is_lane(lane, mp4->tracks[lane->next_part])))
        lane->next_part++;
    if (lane->next_part == join->part_count)
        return ES_OK;
    lane->result = &join->results[lane->next_part++];
    set_bounds(mp4, lane, before);
    enum es_code code =
        join->source->open(join->source->context, lane->result->object, &lane->input, reterr);
    if (code != ES_OK)
        return code;
    lane->is_input_open = true;
    lane->is_part_begun = false;
    code = demuxer_open_part(&lane->input, &lane->demuxer, reterr);
    if (code != ES_OK)
        return code;
    if (lane->demuxer->format->nb_streams != 1)
        return es_fail(reterr, ES_INVALID, "a part of %u tracks",
                       lane->demuxer->format->nb_streams);
    *ret_is_open = true;
    return check_codec(lane, reterr);
}

/* A part's times become those of the whole. A packet lasts until the next one is decoded, the last
 * of a part until the part's end. */
static void set_times(struct lane *lane)
{
    AVPacket *packet = lane->packet;
    AVRational time_base = lane->demuxer->format->streams[0]->time_base;
    if (lane->has_next)
        packet->duration = lane->next->dts - packet->dts;
    packet->pts -= lane->result->shift;
    packet->dts -= lane->result->shift;
    /* An edit list counts in milliseconds: a track that begins later by less begins at zero. */
    if (!lane->is_begun && packet->pts > 0 && (double)packet->pts * av_q2d(time_base) < 1e-3)
        lane->lead = packet->pts;
    lane->is_begun = true;
    packet->pts -= lane->lead;
    packet->dts -= lane->lead;
    if (!lane->is_part_begun)
        lane->delay = packet->pts - packet->dts;
    lane->is_part_begun = true;
    int64_t end = llround(lane->result->end_seconds / av_q2d(time_base)) - lane->lead - lane->delay;
    if (!lane->has_next && packet->duration <= 0 && end > packet->dts)
        packet->duration = end - packet->dts;
}

/* The lane's next packet, with the times of the whole. */
static enum es_code advance(struct mp4_join *mp4, struct lane *lane, struct es_err *reterr)
{
    lane->has_packet = false;
    while (!lane->has_next) {
        bool is_open;
        enum es_code code = open_next_part(mp4, lane, &is_open, reterr);
        if (code == ES_OK && is_open)
            code = read_packet(lane, reterr);
        if (code != ES_OK || !is_open)
            return code;
    }
    av_packet_move_ref(lane->packet, lane->next);
    lane->has_packet = true;
    enum es_code code = read_packet(lane, reterr);
    if (code == ES_OK)
        set_times(lane);
    return code;
}

static enum es_code add_streams(struct mp4_join *mp4, struct es_err *reterr)
{
    for (size_t i = 0; i < mp4->lane_count; i++) {
        struct lane *lane = &mp4->lanes[i];
        if (!lane->has_packet)
            continue;
        const AVStream *from = lane->demuxer->format->streams[0];
        lane->stream = mp4_file_add_stream(mp4->file, lane->codec, from->time_base);
        mp4_file_name_stream(lane->stream, language_code(lane->track->language, mp4->join->arena),
                             lane->track->label);
    }
    if (mp4->file->muxer->nb_streams == 0)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no part found anything to convert");
    return ES_OK;
}

static enum es_code add_picture(struct mp4_join *mp4, struct es_err *reterr)
{
    enum AVCodecID codec_id = AV_CODEC_ID_NONE;
    es_auto(AVPacket) picture = packet_new();
    enum es_code code = join_read_picture(mp4->join, picture, &codec_id, reterr);
    if (code == ES_OK && picture->size > 0)
        mp4_file_add_picture(mp4->file, codec_id, picture);
    return code;
}

static enum es_code begin(struct mp4_join *mp4, struct es_err *reterr)
{
    mp4->file = mp4_file_new(mp4->output);
    enum es_code code = add_streams(mp4, reterr);
    if (code == ES_OK)
        code = add_picture(mp4, reterr);
    chapters_apply(mp4->join->spec->chapters, mp4->join->spec->chapter_count, mp4->file->muxer);
    const struct mp4_settings settings = {
        .tags = mp4->join->spec->tags,
        .tag_count = mp4->join->spec->tag_count,
    };
    return code == ES_OK ? mp4_file_begin(mp4->file, &settings, reterr) : code;
}

/* The one whose packet is decoded first. */
static struct lane *next_lane(struct mp4_join *mp4)
{
    struct lane *first = NULL;
    for (size_t i = 0; i < mp4->lane_count; i++) {
        struct lane *lane = &mp4->lanes[i];
        if (lane->has_packet &&
            (!first ||
             av_compare_ts(lane->packet->dts, lane->demuxer->format->streams[0]->time_base,
                           first->packet->dts, first->demuxer->format->streams[0]->time_base) < 0))
            first = lane;
    }
    return first;
}

static enum es_code copy_packets(struct mp4_join *mp4, struct es_err *reterr)
{
    for (;;) {
        struct lane *lane = next_lane(mp4);
        if (!lane)
            return ES_OK;
        AVRational time_base = lane->demuxer->format->streams[0]->time_base;
        double seconds = (double)lane->packet->dts * av_q2d(time_base);
        lane->packet->stream_index = lane->stream->index;
        enum es_code code = mp4_file_write(mp4->file, lane->packet, time_base, reterr);
        if (code == ES_OK)
            code = reporter_tick(&mp4->reporter, seconds, reterr);
        if (code == ES_OK)
            code = advance(mp4, lane, reterr);
        if (code != ES_OK)
            return code;
    }
}

static enum es_code run(struct mp4_join *mp4, struct es_err *reterr)
{
    enum es_code code = find_lanes(mp4, reterr);
    for (size_t i = 0; i < mp4->lane_count && code == ES_OK; i++)
        code = advance(mp4, &mp4->lanes[i], reterr);
    if (code == ES_OK)
        code = output_open(mp4->join->host, job_output_name(JOB_MP4), &mp4->output, reterr);
    if (code != ES_OK)
        return code;
    mp4->output->reporter = &mp4->reporter;
    code = begin(mp4, reterr);
    if (code == ES_OK)
        code = copy_packets(mp4, reterr);
    if (code != ES_OK)
        return code;
    bool fits = true; /* no room was left that could be too small */
    code = mp4_file_finish(mp4->file, &fits, reterr);
    return code == ES_OK ? output_finish(mp4->output, reterr) : code;
}

enum es_code join_mp4(const struct join *join, struct engine_outcome *ret_outcome,
                      struct es_err *reterr)
{
    struct mp4_join mp4 = {
        .join = join,
        .reporter = { .host = join->host,
                      .weight_seconds = join->spec->weight_seconds,
                      .timeline_seconds = join->spec->duration_seconds },
    };
    enum es_code code = run(&mp4, reterr);
    if (code == ES_OK) {
        const char **objects = es_new_array(join->arena, const char *, 1);
        objects[0] = job_output_name(JOB_MP4);
        *ret_outcome = (struct engine_outcome){
            .output_size_bytes = mp4.output->size_bytes,
            .objects = objects,
            .object_count = 1,
            .details = join_rough_remark(join, mp4.rough_joins),
        };
    }
    for (size_t i = 0; i < mp4.lane_count; i++) {
        close_part(&mp4, &mp4.lanes[i]);
        av_packet_free(&mp4.lanes[i].packet);
        av_packet_free(&mp4.lanes[i].next);
        avcodec_parameters_free(&mp4.lanes[i].codec);
    }
    if (mp4.file)
        mp4_file_free(mp4.file);
    if (mp4.output)
        output_close(mp4.output);
    return code;
}
