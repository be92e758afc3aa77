/* convert: one file into another, with a progress line and a summary. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/facts_text.h"
#include "app/local_conversion.h"
#include "base/es_auto.h"
#include "base/es_clock.h"
#include "base/es_log.h"
#include "base/es_text.h"

#define BAR_WIDTH_MAX    40
#define BESIDE_BAR_WIDTH 34 /* percent, speed, time left */
#define EXIT_INTERRUPTED 130

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

static int bar_width(void)
{
    struct winsize window = { 0 };
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
    int room = (columns ? columns : 80) - BESIDE_BAR_WIDTH;
    return room < 0 ? 0 : room < BAR_WIDTH_MAX ? room : BAR_WIDTH_MAX;
}

static void draw(void *argument, const struct job_live *live)
{
    static const char full[] = "########################################",
                      empty[] = "........................................";
    struct display *display = argument;
    if (!display->is_live)
        return;
    es_auto_arena arena = { 0 };
    int width = bar_width(), filled = (int)(live->progress * width);
    fprintf(stderr, "\r\033[K[%.*s%.*s] %3d %%", filled, full, width - filled, empty,
            (int)(live->progress * 100));
    if (live->speed > 0)
        fprintf(stderr, "  %.1fx", live->speed);
    if (live->eta_seconds >= 1 && live->speed > 0)
        fprintf(stderr, "  %s left", text_of_duration(live->eta_seconds, &arena));
    fflush(stderr);
    display->is_drawn = true;
}

static const char *streams_text(const struct media_facts *facts, struct es_arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < facts->stream_count; i++)
        text = es_printf(arena, "%s\n        %s", text, text_of_stream(&facts->streams[i], arena));
    return text;
}

/*  film.webm -> film.mp4
 *    from  Matroska/WebM, 0:30, 1.9 MiB, 531 kb/s
 *          vp8, 480x270, 29.97 fps
 *    made  MP4/MOV, 0:30, 2.1 MiB, 590 kb/s
 *          h264, 480x270, 29.97 fps, 450 kb/s
 *    took  3.2 s, 9.4 times real time */
static void print_summary(const struct local_conversion *conversion,
                          const struct local_outcome *outcome, double elapsed)
{
    es_auto_arena arena = { 0 };
    const struct job *job = outcome->job;
    printf("%s -> %s\n", text_of_unsafe(conversion->input_path, &arena),
           text_of_unsafe(conversion->output_path, &arena));
    printf("  from  %s%s\n", text_of_file(&outcome->source, outcome->source_size_bytes, &arena),
           streams_text(&outcome->source, &arena));
    if (job->target == JOB_HLS)
        printf("  made  HLS, %zu files, %s\n", outcome->file_count,
               text_of_size(job->output_size_bytes, &arena));
    else
        printf("  made  %s%s\n", text_of_file(&outcome->made, job->output_size_bytes, &arena),
               streams_text(&outcome->made, &arena));
    printf("  took  %.1f s", elapsed);
    double seconds = outcome->made.duration_seconds > 0 ? outcome->made.duration_seconds
                                                        : outcome->source.duration_seconds;
    if (elapsed > 0 && seconds > 0)
        printf(", %.1f times real time", seconds / elapsed);
    printf("\n");
    if (job->details)
        printf("  note  %s\n", text_of_unsafe(job->details, &arena));
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
    OPTION_LADDER,
    OPTION_COPY,
    OPTION_NORMALIZE,
    OPTION_START,
    OPTION_END,
    OPTION_SLOTS
};

static bool read_copy(const char *text, struct job_options *options)
{
    options->copy = strcmp(text, "never") == 0 ? JOB_COPY_NEVER : JOB_COPY_AUTO;
    return options->copy == JOB_COPY_NEVER || strcmp(text, "auto") == 0;
}

/* The loudness may stand behind the option in a word of its own: it begins like no file's name. */
static bool read_normalize(char **argv, struct job_options *options)
{
    const char *text = optarg ? optarg : argv[optind];
    options->normalize_lufs = JOB_NORMALIZE_LUFS_DEFAULT;
    if (!optarg && !(text && text[0] == '-' && text[1] >= '0' && text[1] <= '9'))
        return true;
    optind += !optarg;
    return es_text_to_double(text, &options->normalize_lufs) && options->normalize_lufs != 0;
}

/* "auto", or heights: "1080,720,480" */
static bool read_ladder(const char *text, struct job_options *options)
{
    options->is_ladder_auto = strcmp(text, "auto") == 0;
    if (options->is_ladder_auto)
        return true;
    for (char *end;; text = end + 1) {
        long height = strtol(text, &end, 10);
        if (end == text || height < 1 || height > 100000 ||
            !job_options_add_rung(options, (int)height))
            return false;
        if (*end != ',')
            return *end == '\0';
    }
}

static bool read_option(int option, char **argv, struct job_options *options, size_t *slots)
{
    int64_t integer = 0;
    if (option == OPTION_COPY)
        return read_copy(optarg, options);
    if (option == OPTION_LADDER)
        return read_ladder(optarg, options);
    if (option == OPTION_NORMALIZE)
        return read_normalize(argv, options);
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
    enum es_code code = command_open_sandbox(NULL, 0, &sandbox, &err);
    if (code) {
        command_complain("%s", err.detail);
        return EXIT_FAILURE;
    }
    es_log_configure(ES_LOG_ERROR, ES_LOG_FORMAT_TEXT);
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    signal(SIGHUP, on_interrupt);
    signal(SIGPIPE, SIG_IGN);
    struct display display = { .is_live = isatty(STDERR_FILENO) };
    conversion->is_interrupted = &is_interrupted;
    conversion->progress = draw;
    conversion->argument = &display;

    es_auto_arena arena = { 0 };
    struct local_outcome outcome;
    int64_t started_at_ms = es_clock_monotonic_ms();
    code = local_conversion_run(conversion, sandbox, &arena, &outcome, &err);
    if (display.is_drawn)
        fputs("\r\033[K", stderr);
    if (code == ES_CANCELLED && is_interrupted) {
        command_complain("interrupted; nothing is left behind");
        return EXIT_INTERRUPTED;
    }
    if (code == ES_LIMIT && err.word && strcmp(err.word, "storage_full") == 0) {
        command_complain("no space is left for '%s'", conversion->output_path);
        return EXIT_FAILURE;
    }
    if (code) {
        command_complain_of(conversion->input_path, &err);
        return EXIT_FAILURE;
    }
    print_summary(conversion, &outcome, (double)(es_clock_monotonic_ms() - started_at_ms) / 1000);
    return command_flush(EXIT_SUCCESS);
}

static int run(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        { "bitrate", required_argument, NULL, OPTION_BITRATE },
        { "quality", required_argument, NULL, OPTION_QUALITY },
        { "height", required_argument, NULL, OPTION_HEIGHT },
        { "ladder", required_argument, NULL, OPTION_LADDER },
        { "copy", required_argument, NULL, OPTION_COPY },
        { "normalize", optional_argument, NULL, OPTION_NORMALIZE },
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
        } else if (!read_option(option, argv, &conversion.options, &conversion.slots)) {
            command_complain("'%s' is no value for that option",
                             optarg ? optarg : argv[optind - 1]);
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
            "  --ladder LIST HLS in several qualities: auto, or heights (1080,720,480)\n"
            "  --copy WHEN   auto, or never: encode what could be copied as well\n"
            "  --normalize [LUFS]\n"
            "                make the sound so loud: -36 to -5 (-14)\n"
            "  --start S     begin at so many seconds\n"
            "  --end S       end at so many seconds\n"
            "  --slots N     parts at once (one a core)\n"
            "  -f, --force   replace OUT where it exists\n",
    .run = run,
};
