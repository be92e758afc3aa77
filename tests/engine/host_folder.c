/* The host over a folder. */
#include "host_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "base/es_file.h"

static enum es_code read_file(void *context, int64_t offset, void *ret_bytes, size_t size,
                              size_t *ret_size, struct es_err *reterr)
{
    return es_pread_all((int)(intptr_t)context, ret_bytes, size, offset, ret_size, reterr);
}

enum es_code file_input_open(const char *path, struct engine_input *ret_input,
                             struct es_err *reterr)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return es_fail_errno(reterr, errno, "opening '%s'", path);
    *ret_input = (struct engine_input){
        .context = (void *)(intptr_t)fd,
        .size_bytes = status.st_size,
        .read = read_file,
    };
    return ES_OK;
}

void file_input_close(struct engine_input *input)
{
    close((int)(intptr_t)input->context);
}

static enum es_code open_output(void *context, const char *name, int *ret_fd, struct es_err *reterr)
{
    struct host_folder *host = context;
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", host->folder, name);
    for (size_t i = 0; i < HOST_OPEN_MAX; i++) {
        if (host->open[i].name[0])
            continue;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            return es_fail_errno(reterr, errno, "creating '%s'", path);
        host->open[i].fd = fd;
        snprintf(host->open[i].name, sizeof(host->open[i].name), "%s", name);
        *ret_fd = fd;
        return ES_OK;
    }
    return es_fail(reterr, ES_LIMIT, "too many outputs are open");
}

static enum es_code close_output(void *context, const char *name, struct es_err *reterr)
{
    struct host_folder *host = context;
    for (size_t i = 0; i < HOST_OPEN_MAX; i++)
        if (strcmp(host->open[i].name, name) == 0) {
            close(host->open[i].fd);
            host->open[i].name[0] = '\0';
            return ES_OK;
        }
    return es_fail(reterr, ES_INVALID, "'%s' is not open", name);
}

static enum es_code progress(void *context, double seconds_done, const char *result_so_far,
                             bool is_playable, struct es_err *reterr)
{
    struct host_folder *host = context;
    int64_t now = es_clock_monotonic_ms();
    if (host->last_call_ms && now - host->last_call_ms > host->longest_silence_ms)
        host->longest_silence_ms = now - host->last_call_ms;
    host->last_call_ms = now;
    host->progress_calls++;
    host->seconds_done = seconds_done;
    host->is_playable = is_playable;
    if (result_so_far) {
        free(host->last_result);
        host->last_result = es_strdup_heap(result_so_far);
    }
    if (host->cancel_after_calls && host->progress_calls >= host->cancel_after_calls)
        return es_fail(reterr, ES_CANCELLED, "the test asked to stop");
    return ES_OK;
}

void host_folder_init(struct host_folder *host, const char *folder)
{
    *host = (struct host_folder){ .folder = folder };
}

void host_folder_release(struct host_folder *host)
{
    for (size_t i = 0; i < HOST_OPEN_MAX; i++)
        if (host->open[i].name[0])
            close(host->open[i].fd);
    free(host->last_result);
}

struct engine_host host_folder_host(struct host_folder *host)
{
    return (struct engine_host){ host, open_output, close_output, progress };
}

static enum es_code open_finished(void *context, const char *name, struct engine_input *ret_input,
                                  struct es_err *reterr)
{
    struct host_folder *host = context;
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", host->folder, name);
    return file_input_open(path, ret_input, reterr);
}

static void close_finished(void *context, struct engine_input *input)
{
    (void)context;
    file_input_close(input);
}

struct engine_source host_folder_source(struct host_folder *host)
{
    return (struct engine_source){ host, open_finished, close_finished };
}

enum es_code host_folder_run(struct host_folder *host, const struct engine_input *input,
                             enum job_target target, const struct job_options *options,
                             bool parts_backwards, struct es_arena *arena, struct job_run *ret_run,
                             struct es_err *reterr)
{
    struct engine_host engine_host = host_folder_host(host);
    struct engine_source source = host_folder_source(host);
    struct job_run run = { 0 };
    enum es_code code = engine_plan(input, target, options, &engine_host, arena, &run.parts,
                                    &run.part_count, reterr);
    if (code != ES_OK)
        return code;
    for (size_t i = 0; i + 1 < run.part_count; i++) {
        struct part *part = &run.parts[parts_backwards ? run.part_count - 2 - i : i];
        host->last_call_ms = 0;
        code = engine_convert(input, part->spec, &engine_host, arena, &part->result, reterr);
        if (code != ES_OK)
            return code;
        part->state = PART_DONE;
    }
    const struct part *join = &run.parts[run.part_count - 1];
    const char *result = NULL;
    host->last_call_ms = 0;
    code = engine_join(join->spec, run.parts, run.part_count - 1, &source, &engine_host, arena,
                       &result, reterr);
    if (code == ES_OK)
        code = engine_outcome_read(result, arena, &run.outcome, reterr);
    if (code == ES_OK)
        *ret_run = run;
    return code;
}
