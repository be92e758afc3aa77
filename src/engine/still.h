/* Decoded frames as pictures: upright, with square pixels, in the size that is wanted; and pictures
 * as JPEG or PNG. */
#ifndef STILL_H
#define STILL_H

#include <libavformat/avformat.h>

#include "engine/engine.h"
#include "engine/handles.h"

struct still_size {
    int width, height;
};

/* How large a picture of the frame is when it fits into `most`, never enlarged. `aspect` is that of
 * its pixels (0/1: square). */
struct still_size still_fit(const AVFrame *frame, AVRational aspect, int quarter_turns,
                            struct still_size most);

/* A new picture of that size: YUVJ420P (then the size is made even) or GRAY8. Of interlaced frames
 * one field is taken. ES_MEDIA where the frame is of a kind that cannot be scaled. */
ES_CHECK enum es_code still_make(const AVFrame *frame, int quarter_turns, enum AVPixelFormat format,
                                 struct still_size size, AVFrame **ret_still,
                                 struct es_err *reterr);

/* An empty picture. Never NULL. */
AVFrame *still_new(enum AVPixelFormat format, struct still_size size);

/* Writes it to the host as one object: YUVJ420P as JPEG, RGBA as PNG. */
ES_CHECK enum es_code still_write(const AVFrame *still, const struct engine_host *host,
                                  const char *name, struct es_err *reterr);

#endif
