/* The cutter of a part, run dry. */
#include "engine/cutter.h"
#include "engine/planner.h"

/* A spec has to stay below PART_TEXT_BYTES_MAX, with all its tracks. */
#define PLANNED_SEGMENTS_MAX 12000

static int64_t expected_end(const struct planner *planner, const struct part_spec *spec)
{
    int64_t end_us = survey_stream_end(planner->survey, spec->stream_index);
    if (end_us == INT64_MIN)
        return INT64_MAX;
    int64_t end = av_rescale_q(end_us, AV_TIME_BASE_Q, spec->time_base);
    return end < spec->end ? end : spec->end;
}

/* The part's span on the output's timeline, in ticks of what it is cut by. */
struct span {
    int64_t begin, end;
    AVRational time_base;
    struct cutter cutter;
};

static struct span span_of(const struct part_spec *spec)
{
    struct span span = { .time_base = spec->time_base };
    int64_t step = spec->video.segment_ticks;
    if (spec->is_video) {
        span.begin = spec->start == INT64_MIN ? 0 : spec->start - spec->origin;
    } else {
        span.time_base = (AVRational){ 1, spec->audio.sample_rate };
        step = (int64_t)AUDIO_SEGMENT_SECONDS * spec->audio.sample_rate;
    }
    int64_t second = av_rescale_q(1, (AVRational){ 1, 1 }, span.time_base);
    span.end = av_rescale_q(spec->expected_end - spec->origin, spec->time_base, span.time_base);
    cutter_init(&span.cutter, span.begin, step, second, spec->is_first);
    cutter_expect_end(&span.cutter, span.end, second);
    return span;
}

static struct hls_segment plan_segment(const struct planner *planner, const struct part_spec *spec,
                                       const struct hls_track *track, size_t number,
                                       double duration_seconds)
{
    return (struct hls_segment){
        .name = es_printf(planner->arena, "%s-%05d-%05zu.m4s", track->name, spec->index, number),
        .init_name = es_printf(planner->arena, "%s-init.mp4", track->name),
        .duration_seconds = duration_seconds,
    };
}

void plan_segments(const struct planner *planner, struct part_spec *spec)
{
    if (spec->target != JOB_HLS)
        return;
    spec->expected_end = expected_end(planner, spec);
    if (spec->expected_end == INT64_MAX)
        return;
    struct span span = span_of(spec);
    size_t most = PLANNED_SEGMENTS_MAX / spec->track_count, count = 0;
    double *seconds = es_new_array(planner->arena, double, most + 1);
    int64_t begin = span.begin;
    while (begin < span.end && count <= most) {
        int64_t next = span.cutter.next < span.end ? span.cutter.next : span.end;
        seconds[count++] = (double)(next - begin) * av_q2d(span.time_base);
        (void)cutter_is_due(&span.cutter, next);
        begin = next;
    }
    if (count > most)
        return;
    struct hls_track *tracks = es_new_array(planner->arena, struct hls_track, spec->track_count);
    for (size_t t = 0; t < spec->track_count; t++) {
        struct hls_segment *segments = es_new_array(planner->arena, struct hls_segment, count);
        for (size_t i = 0; i < count; i++)
            segments[i] = plan_segment(planner, spec, &spec->tracks[t], i + 1, seconds[i]);
        tracks[t] = spec->tracks[t];
        tracks[t].segments = segments;
        tracks[t].segment_count = count;
    }
    spec->tracks = tracks;
}
