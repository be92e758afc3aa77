/* An engine's surroundings for tests: sources are files, outputs land in a folder, and a whole job
 * runs in this process, part after part. */
#ifndef HOST_FOLDER_H
#define HOST_FOLDER_H

#include "engine/engine.h"

#define HOST_OPEN_MAX 16

struct host_folder {
    const char *folder;
    struct {
        char name[128];
        int fd;
    } open[HOST_OPEN_MAX];
    int64_t progress_calls;
    int64_t cancel_after_calls; /* 0: never */
    double seconds_done;        /* as last reported */
    bool is_playable;
    char *last_result; /* so far; heap */
    int64_t longest_silence_ms, last_call_ms;
};

void host_folder_init(struct host_folder *host, const char *folder);
void host_folder_release(struct host_folder *host);
struct engine_host host_folder_host(struct host_folder *host);
/* Reads finished objects of the folder. */
struct engine_source host_folder_source(struct host_folder *host);

/* A file as input; closed by file_input_close. */
enum es_code file_input_open(const char *path, struct engine_input *ret_input,
                             struct es_err *reterr);
void file_input_close(struct engine_input *input);

struct job_run {
    struct part *parts;
    size_t part_count;
    struct engine_outcome outcome;
};

/* Plan, every part, join. `parts_backwards`: in the opposite order. */
enum es_code host_folder_run(struct host_folder *host, const struct engine_input *input,
                             enum job_target target, const struct job_options *options,
                             bool parts_backwards, struct es_arena *arena, struct job_run *ret_run,
                             struct es_err *reterr);

#endif
