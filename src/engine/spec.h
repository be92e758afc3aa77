/* The specs of a job's parts and join: what the plan tells those who carry it out, as structs and
 * as JSON. They pass through the queue and other machines, so reading checks every bound. A CONVERT
 * spec has the member "tracks" that model/hls_json.h describes. */
#ifndef SPEC_H
#define SPEC_H

#include <libavutil/rational.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "engine/copy_form.h"
#include "engine/span.h"
#include "model/hls.h"
#include "model/job.h"
#include "model/media.h"

#define RENDITIONS_MAX JOB_LADDER_MAX
#define SOUNDS_MAX     8 /* that go along with a picture */

/* One size that the picture is made in, of the track of the same place in the list. */
struct rendition_spec {
    int width, height; /* even */
    int crf;
    int rate_kbps_max; /* that the decoder's buffer fills with, of a second's worth; 0: any */
    uint32_t init_crc; /* of the encoder's header that all parts are expected to share */
};

/* Times are in the stream's time base and absolute, as the source has them. */
struct video_spec {
    struct rendition_spec renditions[RENDITIONS_MAX]; /* from large to small, as many as tracks */
    AVRational pixel_aspect;
    AVRational frame_rate;
    int color_range, color_primaries, color_transfer, color_space; /* libav's numbers */
    int peak_nits;         /* the brightest of an HDR source, in cd/m2 */
    bool is_interlaced;    /* frames of fields: a span wants a frame of context on either side */
    int64_t segment_ticks; /* a segment's length; the job's first part begins with shorter ones */
};

#define COPY_INDEX_BYTES_MAX (256 * 1024 * 1024)

/* A part that takes packets over as they are. */
struct copy_spec {
    struct copy_header header;
    bool is_whole;           /* it writes the whole MP4 in one pass: what follows is for that */
    int second_stream_index; /* the sound beside the picture; -1 none */
    AVRational second_time_base;
    int64_t second_origin;
    struct copy_header second_header;
    int64_t index_bytes; /* room for the index in front; 0: it is moved there afterwards */
};

struct audio_spec {
    int bitrate_kbps;
    int sample_rate;
    const char *layout; /* libav's name: "stereo" */
    bool is_synced; /* gaps become silence and overlaps are cut, so that it stays beside a video */
    int64_t sample_count_max; /* 0: to the end */
    bool is_normalized;       /* made louder or quieter: */
    double gain_db;
    struct audio_span span;
};

struct part_spec {
    bool is_video;                  /* video, or else audio or subtitles, as its tracks are */
    const struct hls_track *tracks; /* that the part makes a piece of, as planned */
    size_t track_count;             /* 1, unless the picture is made in several sizes */
    enum job_target target;
    bool is_copied; /* by `copy`; else encoded by `video` or `audio` */
    int index;
    bool is_first; /* the track's first part */
    int stream_index;
    AVRational time_base;
    int64_t origin; /* the timeline's zero */
    int64_t start,
        end; /* frames with start <= time < end; INT64_MIN/MAX: from the beginning/to the end */
    int64_t expected_end; /* of the stream or the span, by its packets; INT64_MAX unknown */
    double weight_seconds, timeline_seconds; /* the part's, and of how much media that stands for */
    int picture_stream_index;                /* cover art that this part carries over; -1 none */
    const struct media_tag *tags;            /* that this part writes */
    size_t tag_count;
    const struct media_chapter *chapters; /* so too; on the output's timeline */
    size_t chapter_count;
    struct video_spec video;
    struct audio_spec audio;
    struct copy_spec copy;
    const int *subtitle_streams; /* subtitles: one a track; times are in microseconds */
};

struct join_spec {
    enum job_target target;
    double duration_seconds; /* as the source claims, after trimming */
    double weight_seconds;
    int sounds_left_out, subtitles_left_out; /* tracks */
    const struct media_tag *tags;
    size_t tag_count;
    const struct media_chapter *chapters;
    size_t chapter_count;
};

const char *part_spec_write(const struct part_spec *spec, struct es_arena *arena);
const char *join_spec_write(const struct join_spec *spec, struct es_arena *arena);

/* ES_INVALID for text that is no such spec. */
ES_CHECK enum es_code part_spec_read(const char *text, struct es_arena *arena,
                                     struct part_spec *ret_spec, struct es_err *reterr);
ES_CHECK enum es_code join_spec_read(const char *text, struct es_arena *arena,
                                     struct join_spec *ret_spec, struct es_err *reterr);

#endif
