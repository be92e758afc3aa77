/* libav's own handles, scoped by es_auto: `es_auto(AVFrame) frame = av_frame_alloc();`. */
#ifndef HANDLES_H
#define HANDLES_H

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/frame.h>

#include "base/es_auto.h"

static inline void av_handle_free_frame(AVFrame *frame)
{
    av_frame_free(&frame);
}
ES_DEFINE_AUTO(AVFrame, av_handle_free_frame);

static inline void av_handle_free_packet(AVPacket *packet)
{
    av_packet_free(&packet);
}
ES_DEFINE_AUTO(AVPacket, av_handle_free_packet);

static inline void av_handle_free_codec(AVCodecContext *codec)
{
    avcodec_free_context(&codec);
}
ES_DEFINE_AUTO(AVCodecContext, av_handle_free_codec);

static inline void av_handle_free_parameters(AVCodecParameters *parameters)
{
    avcodec_parameters_free(&parameters);
}
ES_DEFINE_AUTO(AVCodecParameters, av_handle_free_parameters);

static inline void av_handle_free_graph(AVFilterGraph *graph)
{
    avfilter_graph_free(&graph);
}
ES_DEFINE_AUTO(AVFilterGraph, av_handle_free_graph);

/* Never NULL: as with the arena, no memory ends the process. */
static inline AVFrame *frame_new(void)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        abort();
    return frame;
}

static inline AVPacket *packet_new(void)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        abort();
    return packet;
}

#endif
