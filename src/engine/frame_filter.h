/* Frames as the source has them -> frames as the (largest) encoder wants them: deinterlaced, toned
 * down, turned upright, scaled, resampled, mixed. Follows a source whose size or rate changes on
 * the way. */
#ifndef FRAME_FILTER_H
#define FRAME_FILTER_H

#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>

#include "engine/handles.h"
#include "engine/spec.h"

/* Takes a frame (its contents may be moved away), NULL never. */
typedef enum es_code frame_taker(void *context, AVFrame *frame, struct es_err *reterr);

struct frame_filter {
    const struct part_spec *spec;
    AVStream *stream;
    frame_taker *take;
    void *context;

    /* private */
    AVFilterGraph *graph;
    AVFilterContext *source, *sink;
    AVFrame *filtered;
    AVFrame *model; /* no data: the properties that the graph was built for */
};

/* `spec` and `stream` (of the source) must outlive it. What comes out goes to `take`: video in the
 * spec's time base, audio in units of the output's sample rate, each with its source's absolute
 * time. */
void frame_filter_init(struct frame_filter *filter, const struct part_spec *spec, AVStream *stream,
                       frame_taker *take, void *context);
void frame_filter_release(struct frame_filter *filter);

/* Moves the frame's contents in; NULL ends the stream. ES_MEDIA, or what `take` answers. */
ES_CHECK enum es_code frame_filter_push(struct frame_filter *filter, AVFrame *frame,
                                        struct es_err *reterr);

#endif
