/* Which streams can be taken over as they are, packet by packet, instead of being encoded again: by
 * what the container and the first frame say of them, and by its index where there is one. Pure. */
#ifndef COPY_RULES_H
#define COPY_RULES_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

#include "base/es_arena.h"
#include "model/job.h"

/* The most that a copied segment may last: what encoders' customary 250 frames from key frame to
 * key frame make at 24 frames a second. */
#define COPY_SEGMENT_SECONDS_MAX 10.5

/* Whether every browser plays the picture: H.264 of 8 bits and 4:2:0, with its headers in front,
 * upright where that is for HLS. `codec` is that of the copy, `frame` the stream's first. */
bool copy_can_video(const AVStream *stream, const AVCodecParameters *codec, const AVFrame *frame,
                    enum job_target target);

/* Whether every player plays the sound: AAC-LC and HE-AAC in MP4 and HLS, MP3 in MP4; for MP3 what
 * the target's default is, 44.1 kHz in stereo. */
bool copy_can_audio(const AVCodecParameters *codec, int sample_rate, int channels,
                    enum job_target target);

/* What the container's index says of where a copy of the picture can be cut. */
enum copy_cuts {
    COPY_CUTS_UNSET = 0,
    COPY_CUTS_OFTEN,  /* a key frame at least every COPY_SEGMENT_SECONDS_MAX */
    COPY_CUTS_SELDOM, /* the index is of every frame, and they are farther apart */
    COPY_CUTS_UNKNOWN,
};

/* `end` is where the stream ends, in its time base. In *ret_longest_seconds the longest way from
 * one key frame to the next. */
enum copy_cuts copy_cuts_of_index(AVStream *stream, int64_t end, double *ret_longest_seconds);

/* Whether the container asks to leave out something between what it wants shown (an edit list of
 * several pieces), or in a segment something before it: which a copy cannot do. */
bool copy_has_edits(AVStream *stream, enum job_target target);

/* Whether decoding can begin at this packet of H.264 and nothing behind it refers to what stands
 * before: whether it holds an IDR picture. `codec` has the header in MP4's form. */
bool copy_is_closed(const AVCodecParameters *codec, const AVPacket *packet);
/* Whether its picture refers to pictures on either side. */
bool copy_is_bidirectional(const AVCodecParameters *codec, const AVPacket *packet);

/* RFC 6381: "avc1.64001f", "mp4a.40.2", "mp4a.40.5" for HE-AAC, however it is signalled. */
const char *copy_codecs(const AVCodecParameters *codec, struct es_arena *arena);

#endif
