/* The ladder. Bit rates are those that Apple's HLS Authoring Specification gives for H.264 in each
 * size, as an average of pictures that are hard to encode. CRF decides how many bits a picture
 * takes; the maximum, half as much again, is for what would take far more. */
#include "engine/ladder.h"

#include <math.h>

#define AUTO_RUNGS_MAX     5
#define AUTO_SIDE_MAX      2160
#define AUTO_STEP          0.8 /* each at most so high as the one above it */
#define RATE_MAX_RATIO     1.5
#define TABLE_FRAME_RATE   30.0
/* A second's buffer may run empty on top of the rate, once in each of the two parts that a
 * segment's neighbourhood spans, over half a target duration: and a little for the container. */
#define PEAK_OF_RATE_RATIO 1.65

static const struct {
    double pixels, kbps;
} apple_rates[] = {
    { 416 * 234, 145 },   { 640 * 360, 365 },    { 768 * 432, 1100 },    { 960 * 540, 2000 },
    { 1280 * 720, 4500 }, { 1920 * 1080, 7800 }, { 3840 * 2160, 20000 }, /* the last by their trend
                                                                          */
};
#define RATE_COUNT (sizeof(apple_rates) / sizeof(*apple_rates))

/* On straight lines between the table's points, both ways in logarithms, and beyond its ends. */
static double table_kbps(double pixels)
{
    size_t above = 1;
    while (above + 1 < RATE_COUNT && apple_rates[above].pixels < pixels)
        above++;
    double x0 = log(apple_rates[above - 1].pixels), x1 = log(apple_rates[above].pixels);
    double y0 = log(apple_rates[above - 1].kbps), y1 = log(apple_rates[above].kbps);
    return exp(y0 + (log(pixels) - x0) / (x1 - x0) * (y1 - y0));
}

/* More frames a second than the table's differ the less from each other. */
static int rate_kbps_max(int width, int height, double frame_rate)
{
    double kbps = table_kbps((double)width * height) * RATE_MAX_RATIO;
    if (frame_rate > TABLE_FRAME_RATE)
        kbps *= sqrt(frame_rate / TABLE_FRAME_RATE);
    return (int)lround(fmin(fmax(kbps, 64), 500000));
}

int64_t ladder_peak_bit_rate(const struct rendition_spec *rendition)
{
    return llround(rendition->rate_kbps_max * 1000.0 * PEAK_OF_RATE_RATIO);
}

/* By the shorter side, so that a film on end gets what a wide one gets. */
static size_t auto_heights(int width, int height, int ret_heights[static RENDITIONS_MAX])
{
    static const int steps[] = { 1440, 1080, 720, 480, 360, 240 };
    int side = height < width ? height : width, sides[RENDITIONS_MAX + 2];
    size_t count = 0;
    sides[count++] = side < AUTO_SIDE_MAX ? side : AUTO_SIDE_MAX;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        if (steps[i] <= sides[count - 1] * AUTO_STEP)
            sides[count++] = steps[i];
    /* Too many: those that are missed least, the smallest and then the last but one. */
    if (count > AUTO_RUNGS_MAX)
        count--;
    if (count > AUTO_RUNGS_MAX) {
        sides[count - 2] = sides[count - 1];
        count--;
    }
    for (size_t i = 0; i < count; i++)
        ret_heights[i] = (int)lround((double)sides[i] * height / side);
    return count;
}

static size_t wanted_heights(const struct job_options *options, int width, int height,
                             int ret_heights[static RENDITIONS_MAX])
{
    if (options->is_ladder_auto)
        return auto_heights(width, height, ret_heights);
    for (int i = 0; i < options->ladder_count; i++)
        ret_heights[i] = options->ladder[i] < height ? options->ladder[i] : height;
    return (size_t)options->ladder_count;
}

static int even(double value)
{
    int rounded = (int)lround(value / 2) * 2;
    return rounded < 2 ? 2 : rounded;
}

size_t ladder_build(const struct job_options *options, int width, int height, double frame_rate,
                    struct rendition_spec ret_renditions[static RENDITIONS_MAX])
{
    int heights[RENDITIONS_MAX];
    size_t wanted = wanted_heights(options, width, height, heights), count = 0;
    for (size_t i = 0; i < wanted; i++) {
        bool is_own = heights[i] == height;
        struct rendition_spec rendition = {
            .width = is_own ? width & ~1 : even((double)width * heights[i] / height),
            .height = heights[i] & ~1,
        };
        rendition.rate_kbps_max = rate_kbps_max(rendition.width, rendition.height, frame_rate);
        if (count == 0 || ret_renditions[count - 1].height != rendition.height)
            ret_renditions[count++] = rendition;
    }
    return count;
}
