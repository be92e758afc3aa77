/* The door to libav: this folder alone includes it. Four steps, each a call that runs in a
 * sandboxed child: probe, plan, convert one part, join; and beside them what can be shown of a
 * source. The engine knows how a timeline is cut for
 * each codec so that a join can neither be heard nor seen; its callers move opaque specs and
 * results about (JSON text). It opens no file: input comes by callbacks, outputs are descriptors
 * that it asks for. One call at a time in a process; threads stay inside the call, and only the
 * caller's own calls back. */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "model/depiction.h"
#include "model/job.h"
#include "model/media.h"
#include "model/part.h"

/* Bytes to read: a source, or a finished part. */
struct engine_input {
    void *context;
    int64_t size_bytes;
    /* Up to `size` bytes at `offset`; fewer only at the end. */
    enum es_code (*read)(void *context, int64_t offset, void *ret_bytes, size_t size,
                         size_t *ret_size, struct es_err *reterr);
    /* Still on its way: the size is not known yet (0), and what is read is what has come: fewer
     * bytes than asked for at any time, at least one, for which `read` may wait, and none at the
     * end. Formats that cannot be read from their beginning are refused with ES_UNAVAILABLE, and
     * the duration is what the header claims. */
    bool is_arriving;
};

/* What the engine asks of its surroundings while it works. Any of the three may return
 * ES_CANCELLED. */
struct engine_host {
    void *context;
    /* A new output object named relative to the job's prefix: one path segment of letters, digits,
     * '.',
     * '_' and '-' ("output.mp3", "video-00003.m4s"). *ret_fd is readable, writable and seekable,
     * and stays the host's. */
    enum es_code (*open_output)(void *context, const char *name, int *ret_fd,
                                struct es_err *reterr);
    /* The output is whole: it may be published. The descriptor must not be used any more. */
    enum es_code (*close_output)(void *context, const char *name, struct es_err *reterr);
    /* `result_so_far` (may be NULL) has the form of the part's final result; `is_playable`: the
     * first seconds of the job can be heard or seen now, as far as this part's track is concerned.
     * Called at least every 200 ms of work. */
    enum es_code (*progress)(void *context, double seconds_done, const char *result_so_far,
                             bool is_playable, struct es_err *reterr);
};

/* Where a finished part's object can be read again, for the join. */
struct engine_source {
    void *context;
    enum es_code (*open)(void *context, const char *name, struct engine_input *ret_input,
                         struct es_err *reterr);
    void (*close)(void *context, struct engine_input *input);
};

/* Loads what every call needs (codec tables and the like), once, before children are forked. */
void engine_preload(void);

/* Has a process that has no task yet make a clip of a fraction of a second and look at it, so that
 * code, tables and memory are where its task will want them. Takes some tens of milliseconds;
 * leaves no threads. */
void engine_warm_up(void);

/* "libavformat 59.27.100, ..." and the engine's own version; part of every recipe. */
const char *engine_version(void);

/* ES_MEDIA with the words unsupported_format, media_empty, media_damaged. Reads only what it must:
 * the duration of a file whose header lies is found by its packets' times. */
ES_CHECK enum es_code engine_probe(const struct engine_input *input, const char *filename_hint,
                                   struct es_arena *arena, struct media_facts *ret_facts,
                                   struct es_err *reterr);

/* Cuts the work; where that takes long, since the sound is to be measured, `host` (which may be
 * NULL) hears of it: nothing but its progress is called. *ret_parts are CONVERT parts in the order
 * of wanting (is_first set on those that make the job playable) and one JOIN as the last. ES_MEDIA
 * no_audio_stream, no_playable_stream and what probe says. */
ES_CHECK enum es_code engine_plan(const struct engine_input *input, enum job_target target,
                                  const struct job_options *options, const struct engine_host *host,
                                  struct es_arena *arena, struct part **ret_parts,
                                  size_t *ret_part_count, struct es_err *reterr);

/* Converts one CONVERT part by its spec. The same spec and source give the same bytes. */
ES_CHECK enum es_code engine_convert(const struct engine_input *input, const char *spec,
                                     const struct engine_host *host, struct es_arena *arena,
                                     const char **ret_result, struct es_err *reterr);

/* Joins the finished CONVERT parts (`parts`: by index, with spec and result) by the JOIN's spec
 * into the job's final objects. *ret_result has the form that engine_outcome_read takes. */
ES_CHECK enum es_code engine_join(const char *spec, const struct part *parts, size_t part_count,
                                  const struct engine_source *source,
                                  const struct engine_host *host, struct es_arena *arena,
                                  const char **ret_result, struct es_err *reterr);

/* Makes what is to be shown of the source into objects of the host, by the names of
 * model/depiction.h. `duration_seconds` is what the probe found. *ret_result is a depiction_result.
 * ES_MEDIA depiction_none where the source has nothing of the kind, and what probe says. Memory is
 * flat, and time bounded by the source's length, whatever the source. */
ES_CHECK enum es_code engine_depict(const struct engine_input *input, enum depiction depiction,
                                    double duration_seconds, const struct engine_host *host,
                                    struct es_arena *arena, const char **ret_result,
                                    struct es_err *reterr);

/* What a join's result says. */
struct engine_outcome {
    int64_t output_size_bytes; /* of all objects that stay */
    double duration_seconds;
    const char *const *objects; /* names of the objects that stay; the rest may be removed */
    size_t object_count;
    const char *details; /* a remark for people ("the file ends early ..."), or NULL */
};
ES_CHECK enum es_code engine_outcome_read(const char *result, struct es_arena *arena,
                                          struct engine_outcome *ret_outcome,
                                          struct es_err *reterr);

#endif
