/* By how much each sound is turned up or down where it is to be normalized: by what is heard of it
 * when all of it is decoded once, as its parts are going to encode it. */
#include <float.h>
#include <math.h>

#include "engine/encoder.h"
#include "engine/loudness.h"
#include "engine/planner.h"
#include "engine/reporter.h"
#include "engine/sound.h"

#define PEAK_DBTP_MAX (-1.0) /* EBU R 128, and what lossy coding adds to it */
#define STEPS_PER_DB  100

struct hearing {
    struct reporter reporter;
    struct loudness *loudness;
    float *samples; /* interleaved */
    size_t capacity;
};

static void interleave(struct hearing *hearing, const AVFrame *frame)
{
    size_t channels = (size_t)frame->ch_layout.nb_channels, count = (size_t)frame->nb_samples;
    if (channels * count > hearing->capacity) {
        hearing->capacity = channels * count;
        hearing->samples =
            es_realloc(hearing->samples, hearing->capacity * sizeof(*hearing->samples));
    }
    for (size_t channel = 0; channel < channels; channel++) {
        const float *from = (const float *)(const void *)frame->extended_data[channel];
        for (size_t i = 0; i < count; i++)
            hearing->samples[i * channels + channel] = isfinite(from[i]) ? from[i] : 0;
    }
}

static enum es_code take_sound(void *context, AVFrame *frame, struct es_err *reterr)
{
    struct hearing *hearing = context;
    if (!hearing->loudness) {
        enum es_code code =
            loudness_open(&frame->ch_layout, frame->sample_rate, &hearing->loudness, reterr);
        if (code != ES_OK)
            return code;
    }
    interleave(hearing, frame);
    loudness_add(hearing->loudness, hearing->samples, frame->nb_samples);
    double seconds = (double)(frame->pts + frame->nb_samples) / frame->sample_rate;
    return reporter_tick(&hearing->reporter, seconds, reterr);
}

/* For a sound that is played back louder by `level_db`. Silence, and what is too short to be
 * measured, stays as it is. */
static double gain_of(struct hearing *hearing, double wanted_lufs, double level_db)
{
    struct media_loudness loudness = { 0 };
    if (hearing->loudness)
        loudness = loudness_measure(hearing->loudness);
    if (!loudness.is_known)
        return 0;
    double gain =
        fmin(wanted_lufs - loudness.integrated_lufs, PEAK_DBTP_MAX - loudness.true_peak_dbtp);
    return floor((gain - level_db) * STEPS_PER_DB) / STEPS_PER_DB;
}

static enum es_code find_gain(const struct planner *planner, struct sound_source *source,
                              struct es_err *reterr)
{
    struct part_spec spec = plan_sound(planner, source, false);
    /* Nobody weighs a plan: it is enough that the seconds grow. */
    struct hearing hearing = { .reporter = { .host = planner->host, .weight_seconds = DBL_MAX } };
    struct sound *sound = NULL;
    enum es_code code = sound_open(planner->input, &spec, 0, &hearing.reporter, take_sound,
                                   &hearing, &sound, reterr);
    if (code == ES_OK)
        code = sound_run(sound, reterr);
    if (code == ES_OK)
        source->gain_db = gain_of(&hearing, planner->options.normalize_lufs,
                                  encoder_level_db(planner->target, spec.audio.bitrate_kbps));
    if (sound)
        sound_close(sound);
    if (hearing.loudness)
        loudness_close(hearing.loudness);
    free(hearing.samples);
    return code;
}

enum es_code plan_gains(struct planner *planner, struct es_err *reterr)
{
    if (planner->options.normalize_lufs == 0 || planner->survey->audio_index < 0)
        return ES_OK;
    enum es_code code = find_gain(planner, &planner->main_sound, reterr);
    for (size_t i = 0; i < planner->other_sound_count && code == ES_OK; i++)
        code = find_gain(planner, &planner->other_sounds[i], reterr);
    return code;
}
