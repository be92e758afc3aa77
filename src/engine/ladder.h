/* The sizes of adaptive HLS: which, and how many bits each may take at most. Pure. */
#ifndef LADDER_H
#define LADDER_H

#include "engine/spec.h"

/* The renditions for a picture of that size (upright, as shown), from large to small; returns their
 * number, 1..RENDITIONS_MAX. None is larger than the picture: in the place of heights above its own
 * stands its own. "auto" takes up to five, the largest the picture's own (at most 2160 on its
 * shorter side), the smallest of 240 to 360 there where the picture has as many. Their `crf` and
 * `init_crc` are not set. */
size_t ladder_build(const struct job_options *options, int width, int height, double frame_rate,
                    struct rendition_spec ret_renditions[static RENDITIONS_MAX]);

/* Bits a second that segments of a target duration or more stay under, with such a maximum. */
int64_t ladder_peak_bit_rate(const struct rendition_spec *rendition);

#endif
