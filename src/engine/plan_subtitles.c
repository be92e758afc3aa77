/* Which subtitles go along: those of text, in one part, since reading the source once gives all of
 * them. */
#include "engine/allowed.h"
#include "engine/language.h"
#include "engine/planner.h"

#define SUBTITLE_TRACKS_MAX 8
#define SUBTITLE_WEIGHT     0.005 /* a second of subtitles beside a second of video */

static bool is_text(const AVStream *stream)
{
    const AVCodecDescriptor *codec = avcodec_descriptor_get(stream->codecpar->codec_id);
    return codec && codec->props & AV_CODEC_PROP_TEXT_SUB &&
           allowed_decoder(stream->codecpar->codec_id);
}

/* One file as long as the film: it is listed before it is there, as other segments are. */
static void plan_file(const struct planner *planner, struct hls_track *track)
{
    struct hls_segment *segment = es_new(planner->arena, struct hls_segment);
    *segment = (struct hls_segment){
        .name = es_printf(planner->arena, "%s.vtt", track->name),
        .duration_seconds = planner->duration_seconds,
    };
    track->segments = segment;
    track->segment_count = 1;
}

void plan_subtitles(struct planner *planner)
{
    const AVFormatContext *format = planner->survey->demuxer->format;
    struct hls_track *tracks = es_new_array(planner->arena, struct hls_track, SUBTITLE_TRACKS_MAX);
    int *streams = es_new_array(planner->arena, int, SUBTITLE_TRACKS_MAX);
    size_t count = 0;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *stream = format->streams[i];
        if (stream->codecpar->codec_type != AVMEDIA_TYPE_SUBTITLE)
            continue;
        if (planner->target != JOB_HLS || !is_text(stream) || count == SUBTITLE_TRACKS_MAX) {
            planner->subtitles_left_out++;
            continue;
        }
        tracks[count] = (struct hls_track){
            .name = count ? es_printf(planner->arena, "subtitles-%zu", count + 1) : "subtitles",
            .kind = HLS_SUBTITLES,
            .language = language_tag(stream, planner->arena),
            .label = language_label(stream, "Subtitles", tracks, count, planner->arena),
        };
        plan_file(planner, &tracks[count]);
        streams[count++] = (int)i;
    }
    if (count == 0)
        return;
    struct part_spec spec = planner_spec(planner, streams[0]);
    spec.index = (int)planner->part_count + 1;
    spec.time_base = AV_TIME_BASE_Q;
    spec.origin = planner->origin_us;
    spec.start = INT64_MIN;
    spec.end = INT64_MAX;
    spec.timeline_seconds = planner->duration_seconds;
    spec.weight_seconds = planner->duration_seconds * SUBTITLE_WEIGHT;
    spec.tracks = tracks;
    spec.track_count = count;
    spec.subtitle_streams = streams;
    planner_add_part(planner, PART_CONVERT, false, spec.weight_seconds,
                     part_spec_write(&spec, planner->arena));
}
