/* What the files of the plan share: the job at hand and its growing list of parts. plan.c holds the
 * frame of it, plan_video.c and plan_audio.c know how a track is cut. */
#ifndef PLANNER_H
#define PLANNER_H

#include "engine/engine.h"
#include "engine/spec.h"
#include "engine/survey.h"

#define OTHER_SOUNDS_MAX (SOUNDS_MAX - 1)

/* How the copy of a stream begins. */
struct copied_head {
    const char *codecs; /* RFC 6381 */
    struct copy_header header;
};

/* A stream of sound, as its first frame is. */
struct sound_source {
    int stream_index;
    int channels, sample_rate;
    double gain_db; /* where it is normalized */
    bool is_copied; /* see plan_copies */
    struct copied_head head;
};

struct planner {
    const struct engine_input *input;
    const struct engine_host *host; /* or NULL */
    const struct survey *survey;
    enum job_target target;
    struct job_options options;
    struct es_arena *arena;
    int64_t origin_us;       /* of the output: after the trim */
    double duration_seconds; /* of the output */
    bool is_end_open;        /* up to the source's end */
    int picture_index;
    bool is_video_copied; /* see plan_copies */
    struct copied_head picture_head;
    int longest_seconds;                                /* of a copied segment; 0: none is long */
    struct sound_source main_sound;                     /* where there is one */
    struct sound_source other_sounds[OTHER_SOUNDS_MAX]; /* that go along with the main one */
    size_t other_sound_count;
    struct hls_track sound_tracks[1 + OTHER_SOUNDS_MAX]; /* see plan_name_sound */
    size_t sound_track_count;
    int sounds_left_out, subtitles_left_out;
    const struct media_tag *tags;
    size_t tag_count;
    const struct media_chapter *chapters;
    size_t chapter_count;
    struct part *parts;
    size_t part_count, part_capacity;
};

static inline AVStream *planner_stream(const struct planner *planner, int index)
{
    return planner->survey->demuxer->format->streams[index];
}

/* Rounded down. */
int64_t planner_ticks(double seconds, AVRational time_base);

/* A part's spec as far as any track has it: times, trim, the stream. */
struct part_spec planner_spec(const struct planner *planner, int stream_index);

/* For a part that makes the whole file: its tags and chapters. */
void planner_add_tags(const struct planner *planner, struct part_spec *spec);

void planner_add_part(struct planner *planner, enum part_kind kind, bool is_first,
                      double weight_seconds, const char *spec);

/* Finds the sounds, the main one and others. What the input's read answers. */
ES_CHECK enum es_code plan_find_sounds(struct planner *planner, struct es_err *reterr);
/* The part that makes all of a sound, but for its track. */
struct part_spec plan_sound(const struct planner *planner, const struct sound_source *sound,
                            bool is_beside_video);
/* Measures every sound, where that is wanted, and finds the gain that makes it as loud as it is to
 * be: without a peak above -1 dBTP. What the input's read and the host answer; ES_MEDIA. */
ES_CHECK enum es_code plan_gains(struct planner *planner, struct es_err *reterr);
/* Gives the next track of sound its name, language and label: the main one comes first. */
void plan_name_sound(struct planner *planner, int stream_index, struct hls_track *track);

/* Decides which tracks are taken over as they are. May read some of the source. */
ES_CHECK enum es_code plan_copies(struct planner *planner, struct es_err *reterr);
/* The picture, copied. */
void plan_copied_picture(struct planner *planner);
/* A sound, copied. */
void plan_copied_sound(struct planner *planner, const struct sound_source *sound);
/* Where all there is is copied into an MP4: in one pass, by one part. */
void plan_copied_film(struct planner *planner);

/* Lists the segments that a part for HLS is going to make in its tracks, where the stream's end is
 * known, and notes that end. To be called when all else of the spec is there. */
void plan_segments(const struct planner *planner, struct part_spec *spec);

/* What goes along with the picture, to stand behind its first span. */
void plan_beside_video(struct planner *planner);

/* The picture's spans in order; what goes along stands behind the first of them. */
ES_CHECK enum es_code plan_video(struct planner *planner, struct es_err *reterr);
/* The sound in one part. */
void plan_audio(struct planner *planner, bool is_beside_video);
/* Subtitles of text, for HLS; counts what is left out. */
void plan_subtitles(struct planner *planner);
/* Sound without a picture: in several parts where it is long. What the input's read answers. */
ES_CHECK enum es_code plan_audio_alone(struct planner *planner, struct es_err *reterr);
/* Cuts the part that `whole` would be into spans and adds them. False in *ret_is_cut, and nothing
 * added, where it is too short for that. What the input's read answers. */
ES_CHECK enum es_code plan_spans(struct planner *planner, const struct part_spec *whole,
                                 bool *ret_is_cut, struct es_err *reterr);

#endif
