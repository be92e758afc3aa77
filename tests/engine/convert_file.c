/* convert_file IN TARGET FOLDER [height=N] [ladder=auto|N]... [crf=N] [bitrate=N] [start=S] [end=S]
 * [copy=never] [-v]: a whole job in one process, for trying things out. Prints what the engine
 * says of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/es_auto.h"
#include "base/es_clock.h"
#include "host_folder.h"

static void read_option(struct job_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    double value = equals ? strtod(equals + 1, NULL) : 0;
    if (strcmp(text, "ladder=auto") == 0)
        options->is_ladder_auto = true;
    else if (strncmp(text, "ladder=", 7) == 0)
        job_options_add_rung(options, (int)value);
    else if (strncmp(text, "height=", 7) == 0)
        options->height = (int)value;
    else if (strncmp(text, "crf=", 4) == 0)
        options->crf = (int)value;
    else if (strncmp(text, "bitrate=", 8) == 0)
        options->bitrate_kbps = (int)value;
    else if (strncmp(text, "start=", 6) == 0)
        options->start_seconds = value;
    else if (strncmp(text, "end=", 4) == 0)
        options->end_seconds = value;
    else if (strncmp(text, "normalize=", 10) == 0)
        options->normalize_lufs = value;
    else if (strcmp(text, "copy=never") == 0)
        options->copy = JOB_COPY_NEVER;
}

static int fail(const struct es_err *err)
{
    fprintf(stderr, "failed: %s%s%s: %s\n", es_code_name(err->code), err->word ? "/" : "",
            err->word ? err->word : "", err->detail);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct es_err err = { 0 };
    struct engine_input input;
    struct job_options options = { 0 };
    bool is_verbose = false;
    for (int i = 4; i < argc; i++) {
        read_option(&options, argv[i]);
        is_verbose |= strcmp(argv[i], "-v") == 0;
    }
    mkdir(argv[3], 0700);
    es_auto_arena arena = { 0 };
    engine_preload();
    if (file_input_open(argv[1], &input, &err) != ES_OK)
        return fail(&err);
    struct media_facts facts;
    int64_t begun_ms = es_clock_monotonic_ms();
    if (engine_probe(&input, argv[1], &arena, &facts, &err) != ES_OK)
        return fail(&err);
    printf("%s %s %.3f s, %zu streams, %zu tags (probe %lld ms)\n", facts.format,
           facts.content_type, facts.duration_seconds, facts.stream_count, facts.tag_count,
           (long long)(es_clock_monotonic_ms() - begun_ms));
    for (size_t i = 0; i < facts.stream_count; i++) {
        const struct stream_facts *stream = &facts.streams[i];
        printf("  %s %s %dx%d %.3f fps %d ch %d Hz\n", stream_kind_name(stream->kind),
               stream->codec, stream->width, stream->height, stream->frame_rate, stream->channels,
               stream->sample_rate);
    }
    begun_ms = es_clock_monotonic_ms();
    struct host_folder host;
    host_folder_init(&host, argv[3]);
    struct job_run run;
    enum es_code code = host_folder_run(&host, &input, job_target_from_name(argv[2]), &options,
                                        false, &arena, &run, &err);
    if (code != ES_OK)
        return fail(&err);
    for (size_t i = 0; is_verbose && i < run.part_count; i++)
        printf("part %d first=%d weight=%.3f\n  %s\n  %s\n", run.parts[i].index,
               run.parts[i].is_first, run.parts[i].weight_seconds, run.parts[i].spec,
               run.parts[i].result ? run.parts[i].result : "-");
    printf("%zu parts, %zu objects, %lld bytes, %.3f s, details: %s; %lld ms, longest silence %lld "
           "ms\n",
           run.part_count, run.outcome.object_count, (long long)run.outcome.output_size_bytes,
           run.outcome.duration_seconds, run.outcome.details ? run.outcome.details : "-",
           (long long)(es_clock_monotonic_ms() - begun_ms), (long long)host.longest_silence_ms);
    host_folder_release(&host);
    file_input_close(&input);
    return 0;
}
