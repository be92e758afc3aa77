/* A span of the picture: decoded from a key frame before it, encoded on its own in one size or
 * several, cut into segments that are published as they come. All sizes are cut at the same frames.
 */
#include "engine/cascade.h"
#include "engine/convert.h"
#include "engine/cutter.h"
#include "engine/decoder.h"
#include "engine/frame_filter.h"
#include "engine/part_result.h"
#include "engine/reporter.h"
#include "engine/segmenter.h"

#include "engine/compat.h"

struct rendition {
    struct segmenter *segmenter;
    struct cutter cutter; /* of packets */
};

struct video_part {
    const struct part_spec *spec;
    struct es_arena *arena;
    struct reporter reporter;
    struct decoder *decoder;
    struct frame_filter filter;
    struct cascade *cascade;
    struct rendition renditions[RENDITIONS_MAX];
    struct hls_track tracks[RENDITIONS_MAX];
    struct cutter cutter;  /* of frames */
    int64_t second;        /* in ticks */
    AVFrame *still;        /* the last frame, where segments are made */
    int64_t last_time;     /* of the last frame; INT64_MIN: none yet */
    int64_t last_duration; /* as its source says, or the usual one */
};

/* Times here count from the origin, in the spec's time base. */
static double seconds_of(const struct video_part *part, int64_t ticks)
{
    return (double)ticks * av_q2d(part->spec->time_base);
}

static int64_t begin_of(const struct video_part *part)
{
    return part->spec->start == INT64_MIN ? 0 : part->spec->start - part->spec->origin;
}

static int64_t end_of(const struct video_part *part)
{
    return part->spec->end == INT64_MAX ? INT64_MAX : part->spec->end - part->spec->origin;
}

static double done_seconds(const struct video_part *part)
{
    return part->last_time == INT64_MIN ? 0 : seconds_of(part, part->last_time - begin_of(part));
}

static const char *result_of(struct video_part *part, const char *picture, bool is_complete)
{
    const struct segmenter *first = part->renditions[0].segmenter;
    bool is_empty = first->segment_count == 0;
    double end = is_empty ? 0 : seconds_of(part, part->last_time + part->last_duration);
    struct part_result result = {
        .object = first->settings.object_name && !is_empty ? first->settings.object_name : NULL,
        .picture = picture,
        .shift = first->settings.shift,
        .end_seconds = end,
        .source_end_seconds = end,
        .damaged_packets = part->decoder->damaged_packets + part->decoder->demuxer->damaged_packets,
    };
    size_t count = part->spec->track_count;
    for (size_t i = 0; i < count; i++) {
        const struct segmenter *segmenter = part->renditions[i].segmenter;
        result.size_bytes += segmenter->size_bytes;
        part->tracks[i].segments = segmenter->segments;
        part->tracks[i].segment_count = segmenter->segment_count;
        part->tracks[i].is_complete = is_complete;
    }
    return part_result_write(&result, part->tracks, part->spec->target == JOB_HLS ? count : 0,
                             part->arena);
}

static enum es_code cut(struct video_part *part, size_t rendition, int64_t next_time,
                        struct es_err *reterr)
{
    struct segmenter *segmenter = part->renditions[rendition].segmenter;
    size_t before = segmenter->segment_count;
    enum es_code code = segmenter_cut(segmenter, next_time, reterr);
    if (code != ES_OK || part->spec->target != JOB_HLS || segmenter->segment_count == before)
        return code;
    part->reporter.is_playable = true;
    return reporter_publish(&part->reporter, done_seconds(part), result_of(part, NULL, false),
                            reterr);
}

static enum es_code take_packet(void *context, size_t rendition, AVPacket *packet,
                                struct es_err *reterr)
{
    struct video_part *part = context;
    struct rendition *own = &part->renditions[rendition];
    if (packet->flags & AV_PKT_FLAG_KEY && cutter_is_due(&own->cutter, packet->pts)) {
        enum es_code code = cut(part, rendition, packet->pts, reterr);
        if (code != ES_OK)
            return code;
    }
    enum es_code code = segmenter_add(own->segmenter, packet, reterr);
    return code == ES_OK ? reporter_beat(&part->reporter, reterr) : code;
}

/* Whether the next span shows this one's last picture at its beginning until its own first comes.
 */
static bool can_hold(const struct video_part *part)
{
    return part->spec->target == JOB_HLS && !part->spec->video.is_interlaced;
}

static enum es_code push_frame(struct video_part *part, AVFrame *frame, struct es_err *reterr)
{
    bool is_hls = part->spec->target == JOB_HLS;
    part->last_time = frame->pts;
    if (is_hls) {
        av_frame_unref(part->still);
        if (av_frame_ref(part->still, frame) < 0)
            abort();
    }
    /* One file needs no key frames but those that the encoder finds worth it. */
    bool is_cut = is_hls && cutter_is_due(&part->cutter, frame->pts);
    frame->pict_type = is_cut ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    return cascade_push(part->cascade, frame, reterr);
}

/* A picture that stands still is shown again where a segment begins that would have no frame else,
 * or begin more than a second late: so segments keep to their length, and as many come as are
 * planned. */
static enum es_code hold_still(struct video_part *part, int64_t until, bool is_end,
                               struct es_err *reterr)
{
    enum es_code code = ES_OK;
    while (part->still->buf[0] && part->cutter.next < until && code == ES_OK) {
        struct cutter following = part->cutter;
        (void)cutter_is_due(&following, following.next);
        if (!is_end && following.next > until &&
            av_sat_sub64(until, part->cutter.next) <= part->second)
            break;
        es_auto(AVFrame) again = frame_new();
        if (av_frame_ref(again, part->still) < 0)
            abort();
        again->pts = part->cutter.next;
        code = push_frame(part, again, reterr);
    }
    return code;
}

static enum es_code take_frame(void *context, AVFrame *frame, struct es_err *reterr)
{
    struct video_part *part = context;
    int64_t duration = frame_duration(frame);
    frame->pts = av_sat_sub64(frame->pts, part->spec->origin);
    if (frame->pts <= part->last_time || frame->pts < begin_of(part) || frame->pts >= end_of(part))
        return ES_OK; /* context; or two frames at one time: the first is shown */
    enum es_code code = hold_still(part, frame->pts, false, reterr);
    if (code == ES_OK)
        code = push_frame(part, frame, reterr);
    if (duration > 0)
        part->last_duration = duration;
    return code == ES_OK ? reporter_tick(&part->reporter, done_seconds(part), reterr) : code;
}

/* A frame of the source; the last one `before` the span is kept. Fields want it, and the first one
 * behind, as context that take_frame leaves out again; and where the picture stands still over the
 * span's beginning, it is what is seen there. */
static enum es_code pass_frame(struct video_part *part, AVFrame *frame, AVFrame *before,
                               struct es_err *reterr)
{
    bool is_woven = part->spec->video.is_interlaced;
    enum es_code code = ES_OK;
    if (frame->pts < part->spec->start) {
        av_frame_unref(before);
        av_frame_move_ref(before, frame);
        return reporter_tick(&part->reporter, 0, reterr);
    }
    bool is_still = can_hold(part) && av_sat_sub64(frame->pts, part->spec->start) > part->second;
    if (is_still)
        before->pts = part->spec->start;
    if (before->buf[0] && (is_woven || is_still))
        code = frame_filter_push(&part->filter, before, reterr);
    av_frame_unref(before);
    if (code == ES_OK && (is_woven || frame->pts < part->spec->end))
        code = frame_filter_push(&part->filter, frame, reterr);
    return code;
}

/* All frames of the span; *ret_next_time is when the first frame behind it is shown. */
static enum es_code run_frames(struct video_part *part, int64_t *ret_next_time,
                               struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    es_auto(AVFrame) before = frame_new();
    int64_t next_time = INT64_MIN;
    bool has_frame = true;
    while (next_time == INT64_MIN) {
        enum es_code code = decoder_next(part->decoder, frame, &has_frame, reterr);
        if (code != ES_OK)
            return code;
        if (!has_frame)
            break;
        if (frame->pts >= part->spec->end)
            next_time = av_sat_sub64(frame->pts, part->spec->origin);
        code = pass_frame(part, frame, before, reterr);
        av_frame_unref(frame);
        if (code != ES_OK)
            return code;
    }
    enum es_code code = frame_filter_push(&part->filter, NULL, reterr);
    if (next_time <= part->last_time)
        next_time = part->last_time + part->last_duration;
    else if (can_hold(part) && av_sat_sub64(next_time, end_of(part)) > part->second)
        next_time = end_of(part);
    if (code == ES_OK)
        code = hold_still(part, next_time, true, reterr);
    if (code == ES_OK)
        code = cascade_push(part->cascade, NULL, reterr);
    *ret_next_time = next_time;
    return code;
}

static enum es_code open_rendition(struct video_part *part, size_t rendition,
                                   const struct engine_host *host, struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    const struct encoder *encoder = cascade_encoder(part->cascade, rendition);
    struct hls_track *track = &part->tracks[rendition];
    bool is_shared = encoder_header_crc(encoder) == spec->video.renditions[rendition].init_crc;
    es_auto(AVCodecParameters) codec = encoder_parameters(encoder);
    struct segmenter_settings settings = {
        .host = host,
        .codec = codec,
        .time_base = encoder->codec->time_base,
        .spec = spec,
        .track = rendition,
        .arena = part->arena,
        .init_name = is_shared ? es_printf(part->arena, "%s-init.mp4", spec->tracks[rendition].name)
                               : es_printf(part->arena, "%s-%05d-init.mp4",
                                           spec->tracks[rendition].name, spec->index),
        .is_init_written = spec->is_first || !is_shared,
        .object_name =
            spec->target == JOB_MP4 ? es_printf(part->arena, "part-%05d.mp4", spec->index) : NULL,
        .delay = part->last_duration * encoder->codec->has_b_frames,
    };
    *track = spec->tracks[rendition];
    track->codecs = encoder_codecs(encoder, part->arena);
    part->renditions[rendition].cutter = part->cutter;
    return segmenter_open(&settings, &part->renditions[rendition].segmenter, reterr);
}

static enum es_code open_part(struct video_part *part, const struct engine_input *input,
                              const struct engine_host *host, struct es_err *reterr)
{
    const struct part_spec *spec = part->spec;
    enum es_code code = decoder_open(input, spec->stream_index, &part->decoder, reterr);
    if (code != ES_OK)
        return code;
    if (av_cmp_q(part->decoder->stream->time_base, spec->time_base) != 0)
        return es_fail(reterr, ES_INVALID, "the spec is for another source");
    if (spec->start != INT64_MIN)
        code = decoder_start(part->decoder, spec->start - spec->video.is_interlaced, reterr);
    frame_filter_init(&part->filter, spec, part->decoder->stream, take_frame, part);
    part->second = av_rescale_q(1, (AVRational){ 1, 1 }, spec->time_base);
    cutter_init(&part->cutter, begin_of(part), spec->video.segment_ticks, part->second,
                spec->is_first);
    if (spec->expected_end != INT64_MAX)
        cutter_expect_end(&part->cutter, spec->expected_end - spec->origin, part->second);
    part->last_duration =
        av_rescale_q_rnd(1, av_inv_q(spec->video.frame_rate), spec->time_base, AV_ROUND_UP);
    if (code == ES_OK)
        code = cascade_open(spec, &part->reporter, take_packet, part, &part->cascade, reterr);
    for (size_t i = 0; i < spec->track_count && code == ES_OK; i++)
        code = open_rendition(part, i, host, reterr);
    return code;
}

static enum es_code run(struct video_part *part, const struct engine_input *input,
                        const struct engine_host *host, const char **ret_result,
                        struct es_err *reterr)
{
    const char *picture = NULL;
    int64_t next_time = 0;
    enum es_code code = open_part(part, input, host, reterr);
    if (code == ES_OK && part->spec->picture_stream_index >= 0)
        code = picture_write_object(part->decoder->demuxer->format, part->spec, host, &picture,
                                    reterr);
    if (code == ES_OK)
        code = run_frames(part, &next_time, reterr);
    for (size_t i = 0; i < part->spec->track_count && code == ES_OK; i++) {
        code = cut(part, i, next_time, reterr);
        if (code == ES_OK)
            code = segmenter_finish(part->renditions[i].segmenter, reterr);
    }
    if (code != ES_OK)
        return code;
    if (part->last_time != INT64_MIN)
        part->last_duration = next_time - part->last_time;
    *ret_result = result_of(part, picture, true);
    return ES_OK;
}

enum es_code video_part_run(const struct engine_input *input, const struct part_spec *spec,
                            const struct engine_host *host, struct es_arena *arena,
                            const char **ret_result, struct es_err *reterr)
{
    struct video_part part = {
        .spec = spec,
        .arena = arena,
        .reporter = { .host = host,
                      .weight_seconds = spec->weight_seconds,
                      .timeline_seconds = spec->timeline_seconds },
        .last_time = INT64_MIN,
        .still = frame_new(),
    };
    enum es_code code = run(&part, input, host, ret_result, reterr);
    if (part.cascade)
        cascade_close(part.cascade);
    for (size_t i = 0; i < spec->track_count; i++)
        if (part.renditions[i].segmenter)
            segmenter_close(part.renditions[i].segmenter);
    frame_filter_release(&part.filter);
    av_frame_free(&part.still);
    if (part.decoder)
        decoder_close(part.decoder);
    return code;
}
