/* One conversion of one media: its record (lasting, in the metadata store) and its life (in the
 * queue). */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "base/es_id.h"
#include "wire/sha256.h"

enum job_target { JOB_TARGET_UNSET = 0, JOB_MP3, JOB_MP4, JOB_HLS };

enum job_status {
    JOB_STATUS_UNSET = 0,
    JOB_ENQUEUED,
    JOB_PROCESSING,
    JOB_DONE,
    JOB_FAILED,
    JOB_CANCELLED,
};

enum job_copy { JOB_COPY_AUTO = 0, JOB_COPY_NEVER };

#define JOB_LADDER_MAX             6
#define JOB_NORMALIZE_LUFS_DEFAULT (-14.0)

/* What the user may choose; zero is the default, which gives the reference's output. */
struct job_options {
    int bitrate_kbps;           /* audio: 32..320; default 192 for mp3, 128 for the others */
    int crf;                    /* video: 1..51, less is better; default 23 */
    int height;                 /* pixels: 144..2160, never enlarged; default the source's */
    bool is_ladder_auto;        /* hls in several qualities, by the source's */
    int ladder[JOB_LADDER_MAX]; /* or in these heights, 144..2160, from large to small */
    int ladder_count;
    enum job_copy copy;
    double normalize_lufs; /* how loud the sound is to be: -36..-5; 0 as it is */
    double start_seconds;  /* trim; 0 from the beginning */
    double end_seconds;    /* 0 to the end */
};

struct job {
    char id[ES_ID_SIZE];
    char media_id[ES_ID_SIZE];
    char user_id[ES_ID_SIZE]; /* the owner */
    enum job_target target;
    enum job_status status;
    struct job_options options;
    /* Of the source's bytes, target, options and engine: jobs of the same key make the same output.
     * "" where that is not known. */
    char content_key[SHA256_HEX_SIZE];
    int64_t output_size_bytes; /* 0 until done */
    int64_t enqueued_at_ms, updated_at_ms;
    int64_t started_at_ms, finished_at_ms; /* 0: not yet */
    int attempts;        /* how often the job was begun by a user: 1, and one more for each retry */
    int64_t fence;       /* the lease's fence of the last writer; a smaller one is refused */
    const char *details; /* a remark for people, or NULL */
    enum es_code error_code; /* ES_OK unless failed */
    const char *error_word;  /* a word of model/problem.h, or NULL */
};

/* What the queue knows of a job that waits or runs. */
struct job_live {
    bool is_known; /* false: the queue has never heard of it, or has forgotten it */
    bool is_cancelled;
    bool is_playable;   /* the first seconds can be heard or seen */
    double progress;    /* 0..1 */
    double speed;       /* times real time, over all running parts; 0 unknown */
    double eta_seconds; /* < 0 unknown */
    int queue_position; /* 1 is next; 0: it has begun */
    int part_count, parts_done;
    const char *const *workers; /* ids of those at work on it */
    size_t worker_count;
};

const char *job_target_name(enum job_target target); /* "mp3" "mp4" "hls" */
enum job_target job_target_from_name(const char *name);
const char *job_status_name(enum job_status status); /* "enqueued" ... */
enum job_status job_status_from_name(const char *name);
bool job_status_is_final(enum job_status status);

/* The state table: whether a record may go from one status to the other. */
bool job_status_can_become(enum job_status from, enum job_status to);

/* "output.mp3", "output.mp4", "index.m3u8" */
const char *job_output_name(enum job_target target);
const char *job_content_type(enum job_target target);
/* "converted/{media_id}/{job_id}" */
const char *job_output_prefix(const struct job *job, struct es_arena *arena);

/* Each option in its range and fit for the target, start before end. ES_INVALID option_invalid. */
ES_CHECK enum es_code job_options_check(const struct job_options *options, enum job_target target,
                                        struct es_err *reterr);

bool job_options_have_ladder(const struct job_options *options);
/* Puts a height in its place among the others. False where there are JOB_LADDER_MAX already. */
bool job_options_add_rung(struct job_options *options, int height);

struct job *job_copy_of(const struct job *job, struct es_arena *arena);

#endif
