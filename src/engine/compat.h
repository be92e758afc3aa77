/* The few places where libav 5.1 (Debian 12) and 7.1 (Debian 13) differ, under one name each. */
#ifndef COMPAT_H
#define COMPAT_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <string.h>

#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t *av_written_bytes;
#else
typedef uint8_t *av_written_bytes;
#endif

/* The display matrix of a stream (nine int32_t), or NULL. */
static inline const uint8_t *stream_display_matrix(const AVStream *stream)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    const AVPacketSideData *side =
        av_packet_side_data_get(stream->codecpar->coded_side_data,
                                stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= 9 * sizeof(int32_t) ? side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data && size >= 9 * sizeof(int32_t) ? data : NULL;
#endif
}

/* What is known of the stream as a whole beside its codec's parameters: how it is turned. */
static inline void stream_copy_side_data(AVStream *to, const AVStream *from)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    (void)to, (void)from; /* goes along with the parameters */
#else
    const uint8_t *matrix = stream_display_matrix(from);
    uint8_t *copy =
        matrix ? av_stream_new_side_data(to, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(int32_t)) : NULL;
    if (copy)
        memcpy(copy, matrix, 9 * sizeof(int32_t));
#endif
}

/* In the frame's time base; 0 unknown. */
static inline int64_t frame_duration(const AVFrame *frame)
{
#if LIBAVUTIL_VERSION_MAJOR >= 58
    return frame->duration;
#else
    return frame->pkt_duration;
#endif
}

/* The times of a frame from a filter; those of before left the duration in its source's ticks. */
static inline void frame_rescale(AVFrame *frame, AVRational from, AVRational to)
{
    frame->pts = av_rescale_q(frame->pts, from, to);
#if LIBAVUTIL_VERSION_MAJOR >= 58
    frame->duration = av_rescale_q(frame->duration, from, to);
#endif
}

#endif
