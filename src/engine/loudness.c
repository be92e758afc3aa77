/* libebur128, with histograms in place of lists, so that memory stays flat. */
#include "engine/loudness.h"

#include <ebur128.h>
#include <math.h>

#define CHANNELS_MAX 64
#define RATE_MIN     16
#define RATE_MAX     2822400

struct loudness {
    ebur128_state *state;
    int channels;
};

/* BS.1770-4, table 3: what comes from the sides and from behind counts more, low effects not. */
static int weight_of(enum AVChannel channel)
{
    switch (channel) {
    case AV_CHAN_FRONT_RIGHT:
        return EBUR128_RIGHT;
    case AV_CHAN_FRONT_CENTER:
        return EBUR128_CENTER;
    case AV_CHAN_LOW_FREQUENCY:
    case AV_CHAN_LOW_FREQUENCY_2:
        return EBUR128_UNUSED;
    case AV_CHAN_BACK_LEFT:
    case AV_CHAN_SIDE_LEFT:
        return EBUR128_LEFT_SURROUND;
    case AV_CHAN_BACK_RIGHT:
    case AV_CHAN_SIDE_RIGHT:
    case AV_CHAN_BACK_CENTER:
        return EBUR128_RIGHT_SURROUND;
    default:
        return EBUR128_LEFT;
    }
}

enum es_code loudness_open(const AVChannelLayout *layout, int sample_rate,
                           struct loudness **ret_loudness, struct es_err *reterr)
{
    if (layout->nb_channels < 1 || layout->nb_channels > CHANNELS_MAX || sample_rate < RATE_MIN ||
        sample_rate > RATE_MAX)
        return es_fail_word(reterr, ES_MEDIA, "unsupported_format", "%d channels at %d Hz",
                            layout->nb_channels, sample_rate);
    es_auto(loudness) loudness = es_malloc(sizeof(*loudness));
    loudness->channels = layout->nb_channels;
    loudness->state = ebur128_init((unsigned)layout->nb_channels, (unsigned long)sample_rate,
                                   EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK |
                                       EBUR128_MODE_HISTOGRAM);
    if (!loudness->state)
        return es_fail(reterr, ES_NO_MEMORY, "no room to measure loudness");
    for (int i = 0; i < layout->nb_channels; i++)
        (void)ebur128_set_channel(
            loudness->state, (unsigned)i,
            weight_of(av_channel_layout_channel_from_index(layout, (unsigned)i)));
    *ret_loudness = es_take(loudness);
    return ES_OK;
}

void loudness_close(struct loudness *loudness)
{
    if (loudness->state)
        ebur128_destroy(&loudness->state);
    free(loudness);
}

void loudness_add(struct loudness *loudness, const float *samples, int sample_count)
{
    if (ebur128_add_frames_float(loudness->state, samples, (size_t)sample_count) != EBUR128_SUCCESS)
        abort(); /* memory alone can be the reason */
}

struct media_loudness loudness_measure(struct loudness *loudness)
{
    struct media_loudness measured = { 0 };
    double peak = 0;
    bool is_measured =
        ebur128_loudness_global(loudness->state, &measured.integrated_lufs) == EBUR128_SUCCESS &&
        ebur128_loudness_range(loudness->state, &measured.range_lu) == EBUR128_SUCCESS;
    for (int i = 0; i < loudness->channels; i++) {
        double own = 0;
        is_measured &= ebur128_true_peak(loudness->state, (unsigned)i, &own) == EBUR128_SUCCESS;
        peak = fmax(peak, own);
    }
    measured.true_peak_dbtp = 20 * log10(peak);
    measured.is_known = is_measured && isfinite(measured.integrated_lufs) &&
                        isfinite(measured.range_lu) && isfinite(measured.true_peak_dbtp);
    return measured.is_known ? measured : (struct media_loudness){ 0 };
}
