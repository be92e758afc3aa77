/* Several sounds of one film: languages, comments. In HLS each is a rendition, in MP4 a track;
 * where there is no picture the best one stays, and the others are counted. */
#include "engine/allowed.h"
#include "engine/handles.h"
#include "engine/language.h"
#include "engine/planner.h"

static bool is_sound(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO &&
           allowed_decoder(stream->codecpar->codec_id);
}

enum es_code plan_find_sounds(struct planner *planner, struct es_err *reterr)
{
    const struct survey *survey = planner->survey;
    const AVFormatContext *format = survey->demuxer->format;
    if (survey->audio_index >= 0)
        planner->main_sound = (struct sound_source){
            .stream_index = survey->audio_index,
            .channels = survey->audio_frame->ch_layout.nb_channels,
            .sample_rate = survey->audio_frame->sample_rate,
        };
    bool is_kept = planner->target != JOB_MP3 && survey->video_index >= 0;
    es_auto(AVFrame) frame = frame_new();
    for (unsigned i = 0; i < format->nb_streams; i++) {
        if ((int)i == survey->audio_index || !is_sound(format->streams[i]))
            continue;
        if (!is_kept || planner->other_sound_count == OTHER_SOUNDS_MAX) {
            planner->sounds_left_out += planner->target != JOB_MP3;
            continue;
        }
        bool is_usable = false;
        enum es_code code = survey_sound(planner->input, (int)i, frame, &is_usable, reterr);
        if (code != ES_OK)
            return code;
        if (is_usable)
            planner->other_sounds[planner->other_sound_count++] = (struct sound_source){
                .stream_index = (int)i,
                .channels = frame->ch_layout.nb_channels,
                .sample_rate = frame->sample_rate,
            };
        av_frame_unref(frame);
    }
    return ES_OK;
}

void plan_name_sound(struct planner *planner, int stream_index, struct hls_track *track)
{
    const AVStream *stream = planner_stream(planner, stream_index);
    size_t count = planner->sound_track_count;
    track->name = count ? es_printf(planner->arena, "audio-%zu", count + 1) : "audio";
    track->is_default = count == 0;
    track->language = language_tag(stream, planner->arena);
    if (track->language || planner->other_sound_count > 0)
        track->label =
            language_label(stream, "Audio", planner->sound_tracks, count, planner->arena);
    planner->sound_tracks[planner->sound_track_count++] = *track;
}
