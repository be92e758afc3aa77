/* The judges. */
#include "oracle.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/test.h"
#include "base/es_auto.h"
#include "base/es_file.h"

#define COMMAND_MAX    4096
#define FILE_BYTES_MAX (256 * 1024 * 1024)

static char scratch[64];
static struct es_arena memory; /* of everything that lives until the program ends */
static int job_count;

int scratch_open(void **state)
{
    (void)state;
    snprintf(scratch, sizeof(scratch), "/tmp/espotifai-engine-XXXXXX");
    if (!mkdtemp(scratch))
        abort();
    return 0;
}

int scratch_close(void **state)
{
    (void)state;
    char command[COMMAND_MAX];
    snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", scratch);
    es_arena_release(&memory);
    return 0;
}

const char *scratch_path(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *name = es_vprintf(&memory, format, arguments);
    va_end(arguments);
    return es_printf(&memory, "%s/%s", scratch, name);
}

static char *run(const char *format, va_list arguments) ES_PRINTF(1, 0);
static char *run(const char *format, va_list arguments)
{
    char command[COMMAND_MAX];
    int length = snprintf(command, sizeof(command), "cd '%s' && { ", scratch);
    vsnprintf(command + length, sizeof(command) - (size_t)length, format, arguments);
    strncat(command, " ; } 2>&1", sizeof(command) - strlen(command) - 1);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        abort();
    struct es_buf text = { 0 };
    char chunk[4096];
    for (size_t got; (got = fread(chunk, 1, sizeof(chunk), pipe)) > 0;)
        es_buf_append(&text, chunk, got);
    int status = pclose(pipe);
    if (status != 0)
        fail_msg("'%s' failed: %s", command, es_buf_text(&text));
    es_buf_append_char(&text, '\0');
    return text.bytes;
}

char *oracle_run(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = run(format, arguments);
    va_end(arguments);
    return text;
}

void oracle_do(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(run(format, arguments));
    va_end(arguments);
}

void oracle_turn(const char *from, int degrees, const char *to)
{
    /* The option came when the tag's meaning went. */
    oracle_do("if ffmpeg -v quiet -h full | grep -q -- -display_rotation; then "
              "ffmpeg -y -v error -display_rotation %d -i %s -c copy %s; else "
              "ffmpeg -y -v error -i %s -c copy -metadata:s:v rotate=%d %s; fi",
              degrees, from, to, from, degrees, to);
}

double oracle_number(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    es_auto_free char *text = run(format, arguments);
    va_end(arguments);
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text)
        fail_msg("no number: '%s'", text);
    return value;
}

long oracle_frames(const char *path)
{
    return (long)oracle_number("ffprobe -v error -select_streams v:0 -count_frames -show_entries "
                               "stream=nb_read_frames -of csv=p=0 '%s' | grep -m1 .",
                               path);
}

/* Of a playlist: up to zero, what its decoders need and nobody is to hear. */
static double preroll_seconds(const char *path)
{
    if (!strstr(path, ".m3u8"))
        return 0;
    double start =
        oracle_number("ffprobe -v error -show_entries format=start_time -of csv=p=0 '%s'", path);
    return start < 0 ? -start : 0;
}

double oracle_end_seconds(const char *path, const char *stream)
{
    return oracle_number("ffmpeg -v error -itsoffset %f -i '%s' -map 0:%s -f null - -progress - "
                         "| grep ^out_time_us | tail -1 | cut -d= -f2",
                         -preroll_seconds(path), path, stream) /
           1e6;
}

void oracle_decodes(const char *path)
{
    es_auto_free char *text = oracle_run("ffmpeg -v warning -i '%s' -f null -", path);
    if (*text)
        fail_msg("decoding '%s' says: %s", path, text);
}

double oracle_ssim(const char *path, const char *reference, double *ret_least)
{
    assert_int_equal(oracle_frames(path), oracle_frames(reference));
    oracle_do(
        "ffmpeg -v error -i '%s' -i '%s' -lavfi '[0:v]settb=1/25,setpts=N,format=yuv420p[a];"
        "[1:v]settb=1/25,setpts=N,format=yuv420p[b];[a][b]ssim=stats_file=ssim.log' -f null -",
        path, reference);
    *ret_least = oracle_number("sed 's/.*All:\\([0-9.]*\\).*/\\1/' ssim.log | sort -n | head -1");
    return oracle_number("sed 's/.*All:\\([0-9.]*\\).*/\\1/' ssim.log "
                         "| awk '{ sum += $1 } END { printf \"%%.6f\", sum / NR }'");
}

const char *oracle_real_media(const char *name)
{
    const char *folder = getenv("MEDIA_FOLDER");
    const char *path = es_printf(&memory, "%s/%s", folder ? folder : ".", name);
    if (access(path, R_OK) == 0)
        return path;
    print_message("SKIPPED: %s is missing; run tests/media/fetch\n", path);
    return NULL;
}

static enum es_code convert_into(const char *folder, const char *input_path, enum job_target target,
                                 const struct job_options *options, struct job_run *ret_run,
                                 struct es_err *reterr)
{
    struct job_options defaults = { 0 };
    struct engine_input input;
    enum es_code code = file_input_open(input_path, &input, reterr);
    if (code != ES_OK)
        return code;
    struct host_folder host;
    host_folder_init(&host, folder);
    code = host_folder_run(&host, &input, target, options ? options : &defaults, false, &memory,
                           ret_run, reterr);
    host_folder_release(&host);
    file_input_close(&input);
    return code;
}

static const char *job_folder(void)
{
    const char *folder = scratch_path("job-%d", ++job_count);
    if (mkdir(folder, 0700) != 0)
        abort();
    return folder;
}

const char *convert(const char *input_path, enum job_target target,
                    const struct job_options *options, struct job_run *ret_run)
{
    const char *folder = job_folder();
    struct job_run unwanted;
    struct es_err err = { 0 };
    if (convert_into(folder, input_path, target, options, ret_run ? ret_run : &unwanted, &err) !=
        ES_OK)
        fail_msg("converting '%s': %s: %s", input_path, es_code_name(err.code), err.detail);
    return folder;
}

struct es_err convert_failing(const char *input_path, enum job_target target)
{
    struct job_run run_;
    struct es_err err = { 0 };
    if (convert_into(job_folder(), input_path, target, NULL, &run_, &err) == ES_OK)
        fail_msg("'%s' was converted", input_path);
    return err;
}

struct es_buf file_bytes(const char *path)
{
    struct es_buf bytes = { 0 };
    struct es_err err = { 0 };
    assert_ok(es_file_read(path, FILE_BYTES_MAX, &bytes, &err), err);
    return bytes;
}

bool files_are_equal(const char *a, long a_offset, const char *b, long b_offset)
{
    es_auto_buf left = file_bytes(a), right = file_bytes(b);
    size_t left_size = left.size - (size_t)a_offset, right_size = right.size - (size_t)b_offset;
    return left_size == right_size &&
           memcmp(left.bytes + a_offset, right.bytes + b_offset, left_size) == 0;
}

long id3_bytes(const char *path)
{
    es_auto_buf file = file_bytes(path);
    const unsigned char *b = (const unsigned char *)file.bytes;
    if (file.size < 10 || memcmp(b, "ID3", 3) != 0)
        return 0;
    return 10 + (b[6] << 21 | b[7] << 14 | b[8] << 7 | b[9]);
}
