/* One fast-start MP4 from the parts' fragments: packets are copied with the times that the parts
 * gave them, the tracks interleaved by decoding time. */
#include <math.h>
#include <string.h>

#include "engine/av_error.h"
#include "engine/demuxer.h"
#include "engine/handles.h"
#include "engine/join.h"
#include "engine/mp4_file.h"
#include "engine/output.h"
#include "engine/reporter.h"
#include "engine/tags.h"

#define AAC_FRAME_SAMPLES 1024

/* One track of the output, read from part after part. */
struct lane {
    bool is_video;
    size_t next_part; /* where to look on for a part of this track */
    const struct part_result *result;
    struct engine_input input;
    bool is_input_open;
    struct demuxer *demuxer;
    AVPacket *packet, *next; /* `next`: of the same part, its times as they are there */
    bool has_packet, has_next;
    bool is_part_begun, is_begun;
    int64_t lead;             /* taken off every time: see set_times */
    int64_t delay;            /* of the part's first frame: between decoding and showing */
    AVStream *stream;         /* of the output */
    AVCodecParameters *codec; /* of the first part; all others are to have the same */
};

struct mp4_join {
    const struct join *join;
    struct reporter reporter;
    struct lane lanes[2];
    struct mp4_file *file;
    struct output *output;
};

static bool is_of_lane(const struct join *join, size_t index, bool is_video, struct es_err *reterr,
                       enum es_code *ret_code)
{
    *ret_code = ES_OK;
    if (join->parts[index].kind != PART_CONVERT || !join->results[index].object)
        return false;
    struct part_spec spec;
    *ret_code = part_spec_read(join->parts[index].spec, join->arena, &spec, reterr);
    return *ret_code == ES_OK && spec.is_video == is_video;
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

/* Goes on to the track's next part. False in *ret_is_open where there is none. */
static enum es_code open_next_part(struct mp4_join *mp4, struct lane *lane, bool *ret_is_open,
                                   struct es_err *reterr)
{
    const struct join *join = mp4->join;
    close_part(mp4, lane);
    *ret_is_open = false;
    for (; lane->next_part < join->part_count; lane->next_part++) {
        enum es_code code = ES_OK;
        if (is_of_lane(join, lane->next_part, lane->is_video, reterr, &code))
            break;
        if (code != ES_OK)
            return code;
    }
    if (lane->next_part == join->part_count)
        return ES_OK;
    lane->result = &join->results[lane->next_part++];
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
            code = demuxer_read(lane->demuxer, lane->next, &lane->has_next, reterr);
        if (code != ES_OK || !is_open)
            return code;
    }
    av_packet_move_ref(lane->packet, lane->next);
    lane->has_packet = true;
    enum es_code code = demuxer_read(lane->demuxer, lane->next, &lane->has_next, reterr);
    if (code == ES_OK)
        set_times(lane);
    return code;
}

static enum es_code add_streams(struct mp4_join *mp4, struct es_err *reterr)
{
    for (size_t i = 0; i < 2; i++) {
        struct lane *lane = &mp4->lanes[i];
        if (!lane->has_packet)
            continue;
        const AVStream *from = lane->demuxer->format->streams[0];
        lane->stream = mp4_file_add_stream(mp4->file, lane->codec, from->time_base);
    }
    if (mp4->file->muxer->nb_streams == 0)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no part found anything to convert");
    return ES_OK;
}

/* The cover art that one of the parts has put aside. */
static enum es_code add_picture(struct mp4_join *mp4, struct es_err *reterr)
{
    const struct join *join = mp4->join;
    const char *name = NULL;
    for (size_t i = 0; i < join->part_count && !name; i++)
        name = join->results[i].picture;
    if (!name)
        return ES_OK;
    struct engine_input input = { 0 };
    enum es_code code = join->source->open(join->source->context, name, &input, reterr);
    if (code != ES_OK)
        return code;
    size_t got = 0;
    es_auto(AVPacket) picture = packet_new();
    if (input.size_bytes <= 0 || input.size_bytes > PICTURE_BYTES_MAX)
        code = es_fail(reterr, ES_INVALID, "a cover of %lld bytes", (long long)input.size_bytes);
    else if (av_new_packet(picture, (int)input.size_bytes) < 0)
        abort();
    else
        code = input.read(input.context, 0, picture->data, (size_t)input.size_bytes, &got, reterr);
    join->source->close(join->source->context, &input);
    if (code == ES_OK && got == (size_t)picture->size)
        mp4_file_add_picture(mp4->file, picture_codec_of_name(name), picture);
    return code;
}

static enum es_code begin(struct mp4_join *mp4, struct es_err *reterr)
{
    mp4->file = mp4_file_new(mp4->output);
    enum es_code code = add_streams(mp4, reterr);
    if (code == ES_OK)
        code = add_picture(mp4, reterr);
    const struct mp4_settings settings = {
        .tags = mp4->join->spec->tags,
        .tag_count = mp4->join->spec->tag_count,
    };
    return code == ES_OK ? mp4_file_begin(mp4->file, &settings, reterr) : code;
}

static struct lane *next_lane(struct mp4_join *mp4)
{
    struct lane *video = &mp4->lanes[0], *audio = &mp4->lanes[1];
    if (!video->has_packet || !audio->has_packet)
        return video->has_packet ? video : audio->has_packet ? audio : NULL;
    return av_compare_ts(video->packet->dts, video->demuxer->format->streams[0]->time_base,
                         audio->packet->dts, audio->demuxer->format->streams[0]->time_base) <= 0
               ? video
               : audio;
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
    enum es_code code = advance(mp4, &mp4->lanes[0], reterr);
    if (code == ES_OK)
        code = advance(mp4, &mp4->lanes[1], reterr);
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
        .lanes = { { .is_video = true, .packet = packet_new(), .next = packet_new() },
                   { .is_video = false, .packet = packet_new(), .next = packet_new() } },
    };
    enum es_code code = run(&mp4, reterr);
    if (code == ES_OK) {
        const char **objects = es_new_array(join->arena, const char *, 1);
        objects[0] = job_output_name(JOB_MP4);
        *ret_outcome = (struct engine_outcome){
            .output_size_bytes = mp4.output->size_bytes,
            .objects = objects,
            .object_count = 1,
        };
    }
    for (size_t i = 0; i < 2; i++) {
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
