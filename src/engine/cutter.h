/* Where a part's segments begin: the same rule for frames on their way into the encoder and for
 * packets on their way out, so that each planned cut is a key frame and each segment begins at one.
 * The job's first part begins with short segments, so that play starts soon; where the part's end
 * is expected none is cut, so that no sliver is left before it and none is made behind it: the plan
 * (segment_plan.c), which knows the end by the packets alone, lists as many segments as come. */
#ifndef CUTTER_H
#define CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#define AUDIO_SEGMENT_SECONDS 5

struct cutter {
    int64_t next; /* the first time that belongs to the next segment */
    int64_t step;
    int64_t short_step; /* doubles up to `step` */
    int64_t end;        /* expected; INT64_MAX unknown */
    int64_t margin;     /* of it, on either side */
};

static inline void cutter_init(struct cutter *cutter, int64_t start, int64_t step, int64_t second,
                               bool is_first)
{
    cutter->step = step;
    cutter->short_step = is_first && second < step ? second : step;
    cutter->next = start + cutter->short_step;
    cutter->end = INT64_MAX;
}

static inline void cutter_keep_off_end(struct cutter *cutter)
{
    if (cutter->end != INT64_MAX && cutter->next > cutter->end - cutter->margin &&
        cutter->next < cutter->end + cutter->margin)
        cutter->next = cutter->end + cutter->margin;
}

/* To be told before the first question. */
static inline void cutter_expect_end(struct cutter *cutter, int64_t end, int64_t second)
{
    cutter->end = end;
    cutter->margin = second / 2;
    cutter_keep_off_end(cutter);
}

/* Whether a segment begins at `time`; to be asked once for each frame or key packet, in order. */
static inline bool cutter_is_due(struct cutter *cutter, int64_t time)
{
    if (time < cutter->next)
        return false;
    while (cutter->next <= time) {
        cutter->short_step =
            cutter->short_step * 2 < cutter->step ? cutter->short_step * 2 : cutter->step;
        cutter->next += cutter->short_step;
        cutter_keep_off_end(cutter);
    }
    return true;
}

#endif
