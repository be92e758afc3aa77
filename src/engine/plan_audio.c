/* How the sound is cut: beside a picture not at all; alone into spans (plan_spans.c), unless it is
 * short, of more than two channels, or for segments. */
#include <math.h>

#include "engine/planner.h"

#define AUDIO_PREROLL_SECONDS 1
#define AUDIO_WEIGHT          0.1 /* a second of sound beside a second of video */
#define DEFAULT_MP3_KBPS      192
#define DEFAULT_AAC_KBPS      128
#define PEAK_PERCENT          120 /* of the bit rate, that a segment keeps to */
#define MP3_SAMPLE_RATE       44100

static const struct hls_track *plan_track(struct planner *planner, int stream_index,
                                          const struct audio_spec *audio)
{
    AVChannelLayout layout = { 0 };
    int status = av_channel_layout_from_string(&layout, audio->layout);
    struct hls_track *track = es_new(planner->arena, struct hls_track);
    *track = (struct hls_track){
        .kind = HLS_AUDIO,
        .codecs = "mp4a.40.2",
        .channels = status < 0 ? 0 : layout.nb_channels,
        .planned_bit_rate = audio->bitrate_kbps * INT64_C(1000) * PEAK_PERCENT / 100,
    };
    av_channel_layout_uninit(&layout);
    plan_name_sound(planner, stream_index, track);
    return track;
}

struct part_spec plan_sound(const struct planner *planner, const struct sound_source *sound,
                            bool is_beside_video)
{
    const struct survey *survey = planner->survey;
    struct part_spec spec = planner_spec(planner, sound->stream_index);
    bool is_mp3 = planner->target == JOB_MP3;
    bool is_trimmed = spec.start != INT64_MIN || spec.end != INT64_MAX;
    static const int aac_rates[] = { 48000, 44100, 32000, 24000, 22050, 16000,
                                     12000, 11025, 8000,  88200, 64000, 96000 };
    int channels = sound->channels;
    int rate = MP3_SAMPLE_RATE;
    for (size_t i = 0; !is_mp3 && i < sizeof(aac_rates) / sizeof(*aac_rates); i++)
        if (sound->sample_rate == aac_rates[i])
            rate = aac_rates[i];
    if (!is_mp3 && rate != sound->sample_rate)
        rate = 48000;
    spec.index = (int)planner->part_count + 1;
    spec.is_first = true;
    spec.timeline_seconds = planner->duration_seconds;
    spec.weight_seconds = planner->duration_seconds * (is_beside_video ? AUDIO_WEIGHT : 1);
    if (sound == &planner->main_sound && planner->target != JOB_HLS)
        spec.picture_stream_index = planner->picture_index;
    if (is_mp3)
        planner_add_tags(planner, &spec);
    if (spec.start != INT64_MIN)
        spec.start = survey->can_seek
                         ? spec.start - planner_ticks(AUDIO_PREROLL_SECONDS, spec.time_base)
                         : INT64_MIN;
    spec.audio = (struct audio_spec){
        .bitrate_kbps = planner->options.bitrate_kbps ? planner->options.bitrate_kbps
                        : is_mp3                      ? DEFAULT_MP3_KBPS
                                                      : DEFAULT_AAC_KBPS,
        .sample_rate = rate,
        .layout = is_mp3          ? "stereo"
                  : channels == 1 ? "mono"
                  : channels == 5 ? "5.0"
                  : channels >= 6 ? "5.1"
                                  : "stereo",
        .is_synced = !is_mp3 || is_trimmed,
        .sample_count_max = planner->is_end_open ? 0 : llround(planner->duration_seconds * rate),
        .is_normalized = planner->options.normalize_lufs != 0,
        .gain_db = sound->gain_db,
    };
    return spec;
}

static struct part_spec plan_whole(struct planner *planner, const struct sound_source *sound,
                                   bool is_beside_video)
{
    struct part_spec spec = plan_sound(planner, sound, is_beside_video);
    spec.tracks = plan_track(planner, sound->stream_index, &spec.audio);
    spec.track_count = 1;
    plan_segments(planner, &spec);
    return spec;
}

static void add_whole(struct planner *planner, const struct part_spec *spec, bool is_first)
{
    planner_add_part(planner, PART_CONVERT, is_first, spec->weight_seconds,
                     part_spec_write(spec, planner->arena));
}

static void add_sound(struct planner *planner, const struct sound_source *sound,
                      bool is_beside_video)
{
    if (sound->is_copied) {
        plan_copied_sound(planner, sound);
        return;
    }
    struct part_spec spec = plan_whole(planner, sound, is_beside_video);
    add_whole(planner, &spec, sound == &planner->main_sound);
}

void plan_audio(struct planner *planner, bool is_beside_video)
{
    add_sound(planner, &planner->main_sound, is_beside_video);
    for (size_t i = 0; i < planner->other_sound_count; i++)
        add_sound(planner, &planner->other_sounds[i], is_beside_video);
}

enum es_code plan_audio_alone(struct planner *planner, struct es_err *reterr)
{
    /* A span of what is still arriving would wait for it and keep others from being made. Segments
     * are foretold and published before both sides of a join are there, so the frame of the join
     * would have to be fixed in advance: but at a given frame the windows of two encodings of music
     * agree 97 times in 100 only, where among SPAN_PLACES frames there always was one. */
    if (planner->main_sound.is_copied || planner->target == JOB_HLS ||
        planner->input->is_arriving) {
        plan_audio(planner, false);
        return ES_OK;
    }
    struct part_spec spec = plan_whole(planner, &planner->main_sound, false);
    bool is_cut = false;
    enum es_code code = ES_OK;
    if (spec.tracks[0].channels <= 2)
        code = plan_spans(planner, &spec, &is_cut, reterr);
    if (code == ES_OK && !is_cut)
        add_whole(planner, &spec, true);
    return code;
}
