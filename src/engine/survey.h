/* What a source is, found out rather than believed: which streams can be decoded, how their first
 * frames look, where the timeline begins and ends. For probe and plan. */
#ifndef SURVEY_H
#define SURVEY_H

#include "engine/demuxer.h"
#include "engine/handles.h"

struct survey {
    struct demuxer *demuxer;
    int video_index, audio_index;       /* -1: none that can be decoded */
    AVFrame *video_frame, *audio_frame; /* the first of each */
    bool is_interlaced;                 /* by the first frames of the video, not by its header */
    int64_t origin_us;                  /* the earliest first frame: the timeline's zero */
    double duration_seconds; /* from there, by the packets' times; of an arriving source what its
                              * header claims; 0 unknown */
    double claimed_seconds;  /* what the header says, or the same as above */
    int64_t *ends_us;        /* survey_stream_end, of the first streams */
    int end_count;
    bool can_seek; /* times after a seek are those of a reading from the start */
};

/* As demuxer_open; ES_MEDIA unsupported_format or media_damaged where no stream can be decoded. */
ES_CHECK enum es_code survey_make(const struct engine_input *input, struct survey **ret_survey,
                                  struct es_err *reterr);
/* The first frame of any stream of sound. False in *ret_is_usable where it gives none. What the
 * input's read answers. */
ES_CHECK enum es_code survey_sound(const struct engine_input *input, int stream_index,
                                   AVFrame *frame, bool *ret_is_usable, struct es_err *reterr);
/* When the stream's last packet ends, in microseconds on the source's clock; INT64_MIN unknown. */
int64_t survey_stream_end(const struct survey *survey, int stream_index);
void survey_free(struct survey *survey);
ES_DEFINE_AUTO(survey, survey_free);

#endif
