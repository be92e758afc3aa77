/* What a file sounds and looks like, by the ffmpeg program, in numbers that two files can be
 * compared by. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>

struct measured {
    float *sound; /* mono; where there is none, silence */
    size_t sound_count;
    double *times, *lumas; /* of each frame: seconds, and mean brightness 0..255 */
    size_t frame_count;
    char *complaints; /* what the decoders said */
};

/* `video` and `sound` are stream specifiers ("V:0", "a:1"), or NULL; `rate` is that of the sound,
 * which lies where its times say, counted from the file's start (of a playlist: from zero), or else
 * begins with its first sample and has no holes. Fails the test where ffmpeg fails. */
void measure(const char *path, const char *video, const char *sound, int rate, bool is_by_time,
             struct measured *ret_measured);
void measured_release(struct measured *measured);

/* How many samples later `b` sounds than `a`, looked for within +-reach around the window
 * [begin, begin + count); *ret_likeness is up to 1. Where either is silent: 0 and 1. */
int measured_sound_lag(const struct measured *a, const struct measured *b, size_t begin,
                       size_t count, int reach, double *ret_likeness);

/* The same for pictures, in frames, by their brightness. */
int measured_luma_lag(const struct measured *a, const struct measured *b, int reach);

/* The worst and the median signal-to-noise ratio in dB of blocks, quiet ones left out,
 * after setting both to one loudness. */
void measured_noise(const struct measured *reference, const struct measured *measured, size_t block,
                    double *ret_worst, double *ret_median);

#endif
