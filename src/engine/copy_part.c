/* One track taken over packet by packet: as segments for HLS, published as they come, or as one
 * object for the join of an MP4 whose other track is encoded. */
#include <math.h>

#include "base/es_clock.h"
#include "engine/convert.h"
#include "engine/copy_rules.h"
#include "engine/copy_source.h"
#include "engine/handles.h"
#include "engine/part_result.h"
#include "engine/reporter.h"
#include "engine/segmenter.h"

#define SEGMENT_SECONDS     6.0 /* a longer one only where a single group of pictures is */
#define PUBLISH_MS          100
#define GROUP_PACKETS_MAX   100000
#define PREROLL_SAMPLES_MAX 4096 /* encoders of AAC put up to 2112 in front */

/* Packets that stay together: from one place where a cut is possible to the next. */
struct group {
    AVPacket **packets;
    size_t count, capacity;
    int64_t begin, end; /* the first and last moment that they show */
};

struct copy_part {
    const struct part_spec *spec;
    struct es_arena *arena;
    struct reporter reporter;
    struct copy_source *source;
    struct copy_track *track;
    struct segmenter *segmenter;
    struct group group;
    int64_t segment_begin;   /* of the segment that grows; INT64_MIN: none does */
    double shortest;         /* at which a segment ends, in seconds: the first ones are short */
    int64_t end;             /* of what has been taken over */
    int64_t published_at_ms; /* 0: never */
};

static double seconds_of(const struct copy_part *part, int64_t ticks)
{
    return (double)ticks * av_q2d(part->track->time_base);
}

static void group_clear(struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        av_packet_free(&group->packets[i]);
    group->count = 0;
}

static enum es_code group_add(struct group *group, AVPacket *packet, struct es_err *reterr)
{
    if (group->count == GROUP_PACKETS_MAX)
        return es_fail(reterr, ES_LIMIT, "more than %d packets without a key frame",
                       GROUP_PACKETS_MAX);
    if (group->count == group->capacity) {
        group->capacity = group->capacity ? group->capacity * 2 : 256;
        group->packets = es_realloc(group->packets, group->capacity * sizeof(*group->packets));
    }
    int64_t end = packet->pts + packet->duration;
    if (group->count == 0 || packet->pts < group->begin)
        group->begin = packet->pts;
    if (group->count == 0 || end > group->end)
        group->end = end;
    AVPacket *kept = packet_new();
    av_packet_move_ref(kept, packet);
    group->packets[group->count++] = kept;
    return ES_OK;
}

static const char *result_of(const struct copy_part *part, const char *picture, bool is_complete)
{
    const struct segmenter *segmenter = part->segmenter;
    const char *object = segmenter->settings.object_name;
    bool is_empty = segmenter->segment_count == 0;
    double end = is_empty ? 0 : seconds_of(part, part->end);
    struct part_result result = {
        .object = is_empty ? NULL : object,
        .picture = picture,
        .size_bytes = segmenter->size_bytes,
        .shift = segmenter->settings.shift,
        .end_seconds = end,
        .source_end_seconds = end,
        .damaged_packets = part->source->damaged_packets + part->source->demuxer->damaged_packets,
    };
    struct hls_track track = part->spec->tracks[0];
    track.segments = segmenter->segments;
    track.segment_count = segmenter->segment_count;
    track.is_complete = is_complete;
    return part_result_write(&result, &track, object ? 0 : 1, part->arena);
}

static enum es_code cut(struct copy_part *part, int64_t next_time, struct es_err *reterr)
{
    enum es_code code = segmenter_cut(part->segmenter, next_time, reterr);
    part->segment_begin = INT64_MIN;
    part->shortest = fmin(part->shortest * 2, SEGMENT_SECONDS);
    if (code != ES_OK || part->spec->target != JOB_HLS)
        return code;
    part->reporter.is_playable = true;
    /* The list of all segments grows too long to be told again for each of many. */
    int64_t now_ms = es_clock_monotonic_ms();
    if (part->published_at_ms && now_ms - part->published_at_ms < PUBLISH_MS)
        return ES_OK;
    part->published_at_ms = now_ms;
    return reporter_publish(&part->reporter, seconds_of(part, part->end),
                            result_of(part, NULL, false), reterr);
}

/* The group is whole: it goes into the segment that grows, or begins a new one. */
static enum es_code flush_group(struct copy_part *part, struct es_err *reterr)
{
    struct group *group = &part->group;
    if (group->count == 0)
        return ES_OK;
    if (part->segment_begin != INT64_MIN) {
        double so_far = seconds_of(part, group->begin - part->segment_begin);
        double with_group = seconds_of(part, group->end - part->segment_begin);
        if (so_far >= part->shortest || with_group > SEGMENT_SECONDS) {
            enum es_code code = cut(part, group->begin, reterr);
            if (code != ES_OK)
                return code;
        }
    }
    if (part->segment_begin == INT64_MIN)
        part->segment_begin = group->begin;
    part->end = group->end;
    for (size_t i = 0; i < group->count; i++) {
        enum es_code code = segmenter_add(part->segmenter, group->packets[i], reterr);
        if (code != ES_OK)
            return code;
    }
    group_clear(group);
    return ES_OK;
}

/* Whether what comes before can end here. A segment has to stand alone; a fragment of an object
 * only begins at what the container calls a key frame. */
static bool can_cut(const struct copy_part *part, const AVPacket *packet)
{
    if (!part->spec->is_video)
        return true;
    return packet->flags & AV_PKT_FLAG_KEY &&
           (part->spec->target != JOB_HLS || copy_is_closed(part->track->codec, packet));
}

static bool is_begun(const struct copy_part *part)
{
    return part->group.count > 0 || part->segment_begin != INT64_MIN;
}

/* Of what lies before the beginning segments only hold what a decoder of sound needs. */
static bool is_too_early(const struct copy_part *part, const AVPacket *packet)
{
    int64_t earliest = part->spec->is_video ? 0 : -PREROLL_SAMPLES_MAX;
    return part->spec->target == JOB_HLS && !is_begun(part) && packet->pts < earliest;
}

static enum es_code take_packet(struct copy_part *part, AVPacket *packet, struct es_err *reterr)
{
    bool is_cut = can_cut(part, packet);
    if (!is_begun(part) && !is_cut)
        return ES_OK; /* nothing begins but with a key */
    if (is_cut) {
        enum es_code code = flush_group(part, reterr);
        if (code != ES_OK)
            return code;
    }
    return group_add(&part->group, packet, reterr);
}

static enum es_code open_segmenter(struct copy_part *part, const AVPacket *first,
                                   const struct engine_host *host, struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    const struct copy_track *track = part->track;
    bool is_hls = spec->target == JOB_HLS;
    struct segmenter_settings settings = {
        .host = host,
        .codec = track->codec,
        .time_base = track->time_base,
        .spec = spec,
        .arena = part->arena,
        .init_name = es_printf(part->arena, "%s-init.mp4", spec->tracks[0].name),
        .is_init_written = true,
        .object_name = is_hls ? NULL : es_printf(part->arena, "part-%05d.mp4", spec->index),
        .delay = spec->is_video ? track->frame_ticks * track->codec->video_delay : 0,
        .shift = !is_hls && first->pts < 0 ? -first->pts : 0,
        .has_preroll = is_hls && !spec->is_video && first->pts < 0,
    };
    return segmenter_open(&settings, &part->segmenter, reterr);
}

static enum es_code run(struct copy_part *part, const struct engine_input *input,
                        const struct engine_host *host, const char **ret_result,
                        struct es_err *reterr)
{
    enum es_code code = copy_source_open(input, part->spec, &part->source, reterr);
    if (code != ES_OK)
        return code;
    part->track = &part->source->tracks[0];
    const char *picture = NULL;
    if (part->spec->picture_stream_index >= 0)
        code =
            picture_write_object(part->source->demuxer->format, part->spec, host, &picture, reterr);
    es_auto(AVPacket) packet = packet_new();
    while (code == ES_OK) {
        bool has_packet = false;
        code = copy_source_next(part->source, packet, &has_packet, reterr);
        if (code == ES_OK && has_packet && is_too_early(part, packet)) {
            av_packet_unref(packet);
            continue;
        }
        if (code == ES_OK && has_packet && !part->segmenter)
            code = open_segmenter(part, packet, host, reterr);
        if (code != ES_OK || !has_packet)
            break;
        code = take_packet(part, packet, reterr);
        av_packet_unref(packet);
        if (code == ES_OK)
            code = reporter_tick(&part->reporter, seconds_of(part, part->end), reterr);
    }
    if (code == ES_OK && !part->segmenter)
        code = es_fail_word(reterr, ES_MEDIA, "media_damaged", "the stream has no packets");
    if (code == ES_OK)
        code = flush_group(part, reterr);
    if (code == ES_OK)
        code = segmenter_cut(part->segmenter, part->end, reterr);
    if (code == ES_OK)
        code = segmenter_finish(part->segmenter, reterr);
    if (code == ES_OK)
        *ret_result = result_of(part, picture, true);
    return code;
}

enum es_code copy_part_run(const struct engine_input *input, const struct part_spec *spec,
                           const struct engine_host *host, struct es_arena *arena,
                           const char **ret_result, struct es_err *reterr)
{
    struct copy_part part = {
        .spec = spec,
        .arena = arena,
        .reporter = { .host = host,
                      .weight_seconds = spec->weight_seconds,
                      .timeline_seconds = spec->timeline_seconds },
        .segment_begin = INT64_MIN,
        .shortest = 1,
    };
    enum es_code code = run(&part, input, host, ret_result, reterr);
    group_clear(&part.group);
    free(part.group.packets);
    if (part.segmenter)
        segmenter_close(part.segmenter);
    if (part.source)
        copy_source_close(part.source);
    return code;
}
