/* convert: one file into another, with a progress line and a summary. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/local_conversion.h"
#include "base/es_auto.h"
#include "base/es_clock.h"
#include "base/es_log.h"
#include "base/es_text.h"
#include "model/problem.h"

#define BAR_WIDTH 30

static volatile int is_interrupted;

static void on_interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

struct display {
    bool is_live; /* a terminal that can be drawn on */
    bool is_drawn;
};

static void print_duration(FILE *stream, double seconds)
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        fprintf(stream, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        fprintf(stream, "%ld:%02ld", whole / 60, whole % 60);
}

static void draw(void *argument, const struct media_facts *facts, const struct job_live *live)
{
    struct display *display = argument;
    (void)facts;
    if (!display->is_live)
        return;
    int filled = (int)(live->progress * BAR_WIDTH);
    fprintf(stderr, "\r\033[K[%.*s%.*s] %3d %%", filled, "##############################",
            BAR_WIDTH - filled, "..............................", (int)(live->progress * 100));
    if (live->speed > 0)
        fprintf(stderr, "  %.1fx", live->speed);
    if (live->eta_seconds >= 0 && live->speed > 0) {
        fputs("  ", stderr);
        print_duration(stderr, live->eta_seconds);
        fputs(" left", stderr);
    }
    fflush(stderr);
    display->is_drawn = true;
}

static void print_size(int64_t bytes)
{
    if (bytes >= 1 << 20)
        printf("%.1f MiB", (double)bytes / (1 << 20));
    else
        printf("%.1f KiB", (double)bytes / 1024);
}

static void print_summary(const struct local_conversion *conversion,
                          const struct media_facts *facts, const struct job *job, double elapsed)
{
    printf("%s -> %s\n  ", conversion->input_path, conversion->output_path);
    print_duration(stdout, facts->duration_seconds);
    for (size_t i = 0; i < facts->stream_count; i++) {
        const struct stream_facts *stream = &facts->streams[i];
        if (stream->kind == STREAM_VIDEO)
            printf(", %s %dx%d", stream->codec, stream->width, stream->height);
        else if (stream->kind == STREAM_AUDIO)
            printf(", %s %d Hz %d ch", stream->codec, stream->sample_rate, stream->channels);
    }
    printf(" -> %s, ", job_target_name(job->target));
    print_size(job->output_size_bytes);
    printf("\n  %.1f s", elapsed);
    if (elapsed > 0 && facts->duration_seconds > 0)
        printf(", %.1f times real time", facts->duration_seconds / elapsed);
    printf("\n");
    if (job->details)
        printf("  %s\n", job->details);
}

/* "out.mp3" and friends; a folder (with '/' at its end, or there already) takes HLS. */
static bool read_output(struct local_conversion *conversion, const char *path,
                        struct es_arena *arena)
{
    struct stat status;
    conversion->output_path = path;
    if (es_text_has_suffix(path, ".mp3"))
        conversion->target = JOB_MP3;
    else if (es_text_has_suffix(path, ".mp4"))
        conversion->target = JOB_MP4;
    else if (es_text_has_suffix(path, ".m3u8"))
        conversion->target = JOB_HLS;
    else if (es_text_has_suffix(path, "/") ||
             (stat(path, &status) == 0 && S_ISDIR(status.st_mode))) {
        conversion->target = JOB_HLS;
        conversion->output_path =
            es_printf(arena, "%s%sindex.m3u8", path, es_text_has_suffix(path, "/") ? "" : "/");
    }
    return conversion->target != JOB_TARGET_UNSET;
}

enum {
    OPTION_BITRATE = 256,
    OPTION_QUALITY,
    OPTION_HEIGHT,
    OPTION_COPY,
    OPTION_START,
    OPTION_END,
    OPTION_SLOTS
};

static bool read_copy(const char *text, struct job_options *options)
{
    options->copy = strcmp(text, "never") == 0 ? JOB_COPY_NEVER : JOB_COPY_AUTO;
    return options->copy == JOB_COPY_NEVER || strcmp(text, "auto") == 0;
}

static bool read_option(int option, struct job_options *options, size_t *slots)
{
    int64_t integer = 0;
    if (option == OPTION_COPY)
        return read_copy(optarg, options);
    if (option == OPTION_START)
        return es_text_to_double(optarg, &options->start_seconds);
    if (option == OPTION_END)
        return es_text_to_double(optarg, &options->end_seconds);
    if (!es_text_to_i64(optarg, &integer) || integer < 1 || integer > 100000)
        return false;
    switch (option) {
    case OPTION_BITRATE:
        options->bitrate_kbps = (int)integer;
        return true;
    case OPTION_QUALITY:
        options->crf = (int)integer;
        return true;
    case OPTION_HEIGHT:
        options->height = (int)integer;
        return true;
    default:
        *slots = (size_t)integer;
        return integer <= 256;
    }
}

static int convert(struct local_conversion *conversion)
{
    es_auto(sandbox) sandbox = NULL;
    struct es_err err = { 0 };
    enum es_code code = command_open_sandbox(NULL, &sandbox, &err);
    if (code) {
        command_complain("%s", err.detail);
        return EXIT_FAILURE;
    }
    es_log_configure(ES_LOG_ERROR, ES_LOG_FORMAT_TEXT);
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    signal(SIGPIPE, SIG_IGN);
    struct display display = { .is_live = isatty(STDERR_FILENO) };
    conversion->is_interrupted = &is_interrupted;
    conversion->progress = draw;
    conversion->argument = &display;

    es_auto_arena arena = { 0 };
    struct media_facts facts;
    const struct job *job = NULL;
    int64_t started_at_ms = es_clock_monotonic_ms();
    code = local_conversion_run(conversion, sandbox, &arena, &facts, &job, &err);
    if (display.is_drawn)
        fputs("\r\033[K", stderr);
    if (code) {
        command_complain("%s: %s", conversion->input_path,
                         err.word ? problem_of(code, err.word)->texts[LANGUAGE_ENGLISH]
                                  : err.detail);
        return EXIT_FAILURE;
    }
    print_summary(conversion, &facts, job,
                  (double)(es_clock_monotonic_ms() - started_at_ms) / 1000);
    return EXIT_SUCCESS;
}

static int run(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        { "bitrate", required_argument, NULL, OPTION_BITRATE },
        { "quality", required_argument, NULL, OPTION_QUALITY },
        { "height", required_argument, NULL, OPTION_HEIGHT },
        { "copy", required_argument, NULL, OPTION_COPY },
        { "start", required_argument, NULL, OPTION_START },
        { "end", required_argument, NULL, OPTION_END },
        { "slots", required_argument, NULL, OPTION_SLOTS },
        { "force", no_argument, NULL, 'f' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct local_conversion conversion = { 0 };
    bool is_forced = false;
    for (int option; (option = getopt_long(argc, argv, "fh", options, NULL)) != -1;) {
        if (option == 'h') {
            command_print_help(command);
            return EXIT_SUCCESS;
        }
        if (option == 'f') {
            is_forced = true;
        } else if (option < OPTION_BITRATE) {
            return command_usage_error(command);
        } else if (!read_option(option, &conversion.options, &conversion.slots)) {
            command_complain("'%s' is no value for that option", optarg);
            return command_usage_error(command);
        }
    }
    if (argc - optind != 2)
        return command_usage_error(command);
    es_auto_arena arena = { 0 };
    conversion.input_path = argv[optind];
    if (!read_output(&conversion, argv[optind + 1], &arena)) {
        command_complain("'%s' says no format: end it in .mp3, .mp4 or .m3u8, or in '/' for HLS",
                         argv[optind + 1]);
        return EXIT_USAGE;
    }
    struct es_err err = { 0 };
    if (job_options_check(&conversion.options, conversion.target, &err)) {
        command_complain("%s", err.detail);
        return EXIT_USAGE;
    }
    if (!is_forced && access(conversion.output_path, F_OK) == 0) {
        command_complain("'%s' exists; --force replaces it", conversion.output_path);
        return EXIT_FAILURE;
    }
    return convert(&conversion);
}

const struct command command_convert = {
    .name = "convert",
    .arguments = "[OPTIONS] IN OUT",
    .summary = "convert one file without a server",
    .help = "OUT says the format by its end: .mp3, .mp4, .m3u8 (HLS, whose segments lie beside it) "
            "or a\n"
            "folder and '/'. Every core works on it.\n\n"
            "  --bitrate N   audio, kb/s: 32 to 320 (192 for MP3, else 128)\n"
            "  --quality N   video, CRF: 1 to 51, less is better (23)\n"
            "  --height N    video, pixels: 144 to 2160, never enlarged\n"
            "  --copy WHEN   auto, or never: encode what could be copied as well\n"
            "  --start S     begin at so many seconds\n"
            "  --end S       end at so many seconds\n"
            "  --slots N     parts at once (one a core)\n"
            "  -f, --force   replace OUT where it exists\n",
    .run = run,
};
