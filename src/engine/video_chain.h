/* How a frame of a source becomes what the encoder takes, as the text of a libavfilter chain: whole
 * pictures out of fields, standard out of high dynamic range, upright, to size. Pure. */
#ifndef VIDEO_CHAIN_H
#define VIDEO_CHAIN_H

#include <libavformat/avformat.h>

#include "engine/spec.h"

#define VIDEO_CHAIN_BYTES 1024

void video_chain_write(const struct video_spec *video, const AVStream *stream, const AVFrame *frame,
                       char ret_chain[VIDEO_CHAIN_BYTES]);

/* Whether frames ask for the same chain. */
bool video_chain_is_shared(const AVFrame *a, const AVFrame *b);

/* Whether the frame's two fields were taken one after the other. */
bool frame_is_interlaced(const AVFrame *frame);

/* PQ (SMPTE ST 2084) or HLG (ARIB STD-B67). */
bool frame_is_hdr(const AVFrame *frame);

/* The brightest that an HDR frame's makers say there is, in cd/m2; what is usual where they do not.
 */
int frame_peak_nits(const AVFrame *frame);

/* Quarter turns clockwise that bring the stream's pictures upright: 0..3. */
int stream_quarter_turns(const AVStream *stream);

#endif
