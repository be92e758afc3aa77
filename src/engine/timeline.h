/* The times of a broadcast made to go on. In MPEG-TS and -PS a clock may start anew on the way:
 * recordings that were put one behind the other, a clock that ran over. All streams of a programme
 * share the clock, so where the first of them leaps, a new epoch begins whose offset holds for all:
 * sound and picture stay together as the new epoch has them. A gap of less than ten seconds is one
 * that was recorded, and stays. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <libavformat/avformat.h>
#include <stdbool.h>

#include "base/es_auto.h"

struct timeline;

/* Whether the format's times may leap. */
bool timeline_is_needed(const AVFormatContext *format);

struct timeline *timeline_new(void);
void timeline_free(struct timeline *timeline);

/* Sets the packet right. Every packet that is read from the beginning on has to pass, in order,
 * whoever wants it: only so all readers of the source agree. */
void timeline_mend(struct timeline *timeline, AVFormatContext *format, AVPacket *packet);

/* After a seek: what comes next is taken as it is, and only leaps from there on are mended. */
void timeline_forget(struct timeline *timeline);

/* Whether any time has leapt so far. */
bool timeline_has_leapt(const struct timeline *timeline);

#endif
