/* The measures. */
#include "measure.h"

#include <libavformat/version.h>
#include <math.h>

#include "../unit/test.h"
#include "base/es_arena.h"
#include "base/es_file.h"
#include "oracle.h"

/* What the ffmpeg program calls the source's time base. */
#if LIBAVFORMAT_VERSION_MAJOR >= 60
#define SOURCE_TIME_BASE "demux"
#else
#define SOURCE_TIME_BASE "-1"
#endif

#define BYTES_MAX    (64 * 1024 * 1024)
#define QUIET_ENERGY 1e-6 /* -60 dB */

static struct es_buf read_scratch(const char *name)
{
    struct es_buf bytes = { 0 };
    struct es_err err = { 0 };
    assert_ok(es_file_read(scratch_path("%s", name), BYTES_MAX, &bytes, &err), err);
    es_buf_append_char(&bytes, '\0');
    return bytes;
}

/* "frame:0    pts:0       pts_time:0\nlavfi.signalstats.YAVG=125\n" ... */
static void read_frames(struct measured *measured)
{
    es_auto_buf text = read_scratch("luma.txt");
    size_t most = 1;
    for (const char *c = text.bytes; *c; c++)
        most += *c == '\n';
    measured->times = es_malloc(most * sizeof(double));
    measured->lumas = es_malloc(most * sizeof(double));
    char *rest = text.bytes;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        const char *time = strstr(line, "pts_time:");
        if (time)
            measured->times[measured->frame_count] = strtod(time + 9, NULL);
        else if (strstr(line, "YAVG="))
            measured->lumas[measured->frame_count++] = strtod(strchr(line, '=') + 1, NULL);
    }
}

void measure(const char *path, const char *video, const char *sound, int rate, bool is_by_time,
             struct measured *ret_measured)
{
    *ret_measured = (struct measured){ 0 };
    es_auto_arena arena = { 0 };
    const char *of_video =
        !video
            ? ""
            : es_printf(&arena,
                        "-map 0:%s -enc_time_base " SOURCE_TIME_BASE " -fps_mode passthrough -vf "
                        "scale=32:32:flags=area,format=yuv420p,"
                        "signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=luma.txt "
                        "-f null -",
                        video);
    const char *of_sound =
        !sound ? ""
               : es_printf(&arena, "-map 0:%s -af %s,aresample=%d%s -ac 1 -f f32le sound.raw",
                           sound, is_by_time ? "anull" : "asetpts=N/SR/TB", rate,
                           is_by_time ? ":async=1:first_pts=0" : "");
    /* Before zero a playlist holds what its decoders need and nobody is to hear. */
    bool is_playlist = strstr(path, ".m3u8");
    oracle_do("{ ffmpeg -nostdin -y -v warning -max_error_rate 1 %s -i '%s' %s %s 2>all.txt || "
              "{ cat all.txt; false; }; } && "
              "{ grep -v -e swscaler -e 'Last message' -e 'support the subtitle' -e 'timescale not "
              "set' all.txt "
              ">complaints.txt || true; }",
              is_playlist ? "-copyts" : "", path, of_video, of_sound);
    struct es_buf complaints = read_scratch("complaints.txt");
    ret_measured->complaints = complaints.bytes;
    if (video)
        read_frames(ret_measured);
    if (sound) {
        struct es_buf bytes = read_scratch("sound.raw");
        ret_measured->sound = (float *)(void *)bytes.bytes;
        ret_measured->sound_count = (bytes.size - 1) / sizeof(float);
    }
}

void measured_release(struct measured *measured)
{
    free(measured->sound);
    free(measured->times);
    free(measured->lumas);
    free(measured->complaints);
}

static double energy(const float *samples, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)samples[i] * samples[i];
    return sum;
}

int measured_sound_lag(const struct measured *a, const struct measured *b, size_t begin,
                       size_t count, int reach, double *ret_likeness)
{
    *ret_likeness = 1;
    if (begin + count > a->sound_count)
        count = a->sound_count > begin ? a->sound_count - begin : 0;
    double own = energy(a->sound + begin, count);
    if (count == 0 || own / (double)count < QUIET_ENERGY)
        return 0;
    double best = -1;
    int best_lag = 0;
    for (int lag = -reach; lag <= reach; lag++) {
        double sum = 0, other = 0;
        for (size_t i = 0; i < count; i++) {
            int64_t at = (int64_t)(begin + i) + lag;
            float value = at >= 0 && at < (int64_t)b->sound_count ? b->sound[at] : 0;
            sum += (double)a->sound[begin + i] * value;
            other += (double)value * value;
        }
        double likeness = other > 0 ? sum / sqrt(own * other) : 0;
        if (likeness > best) {
            best = likeness;
            best_lag = lag;
        }
    }
    *ret_likeness = best;
    return best_lag;
}

int measured_luma_lag(const struct measured *a, const struct measured *b, int reach)
{
    double least = INFINITY;
    int least_lag = 0;
    for (int step = 0; step <= 2 * reach; step++) {
        int lag = step % 2 ? (step + 1) / 2 : -step / 2; /* 0, 1, -1, 2 ...: the nearer wins */
        double sum = 0;
        size_t count = 0;
        for (size_t i = 0; i < a->frame_count; i++) {
            int64_t at = (int64_t)i + lag;
            if (at < 0 || at >= (int64_t)b->frame_count)
                continue;
            sum += fabs(a->lumas[i] - b->lumas[at]);
            count++;
        }
        if (count > 0 && sum / (double)count < least - 0.02) {
            least = sum / (double)count;
            least_lag = lag;
        }
    }
    return least_lag;
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

void measured_noise(const struct measured *reference, const struct measured *measured, size_t block,
                    double *ret_worst, double *ret_median)
{
    size_t most = reference->sound_count < measured->sound_count ? reference->sound_count
                                                                 : measured->sound_count;
    double product = 0;
    for (size_t i = 0; i < most; i++)
        product += (double)reference->sound[i] * measured->sound[i];
    double gain = product / (energy(measured->sound, most) + 1e-12);
    es_auto_free double *ratios = es_malloc((most / block + 1) * sizeof(double));
    size_t count = 0;
    for (size_t at = 0; at + block <= most; at += block) {
        double own = energy(reference->sound + at, block), noise = 0;
        if (own / (double)block < 1e-3)
            continue;
        for (size_t i = at; i < at + block; i++) {
            double difference = (double)reference->sound[i] - gain * measured->sound[i];
            noise += difference * difference;
        }
        ratios[count++] = 10 * log10(own / (noise + 1e-12));
    }
    qsort(ratios, count, sizeof(*ratios), compare_numbers);
    *ret_worst = count ? ratios[0] : 0;
    *ret_median = count ? ratios[count / 2] : 0;
}
