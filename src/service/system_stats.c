/* /proc/stat, /proc/meminfo and /proc/net/dev of proc(5). */
#include "service/system_stats.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/es_buf.h"
#include "base/es_clock.h"
#include "base/es_file.h"
#include "base/es_text.h"

#define PROC_FILE_BYTES_MAX (4 * 1024 * 1024)
#define CPU_INTERVAL_MS_MIN                                                                        \
    200 /* shorter spans say little: the kernel counts in hundredths of a second */

struct cpu_times {
    uint64_t idle, total;
};

struct system_sampler {
    pthread_mutex_t mutex;
    char *proc_folder;
    struct cpu_times times; /* of the last sample */
    int64_t sampled_at_ms;  /* monotonic; 0: never */
    double cpu_percent;
};

struct system_sampler *system_sampler_open(const char *proc_folder)
{
    struct system_sampler *sampler = es_malloc(sizeof(*sampler));
    pthread_mutex_init(&sampler->mutex, NULL);
    sampler->proc_folder = es_strdup_heap(proc_folder);
    return sampler;
}

void system_sampler_close(struct system_sampler *sampler)
{
    pthread_mutex_destroy(&sampler->mutex);
    free(sampler->proc_folder);
    free(sampler);
}

/* The file's text, or "": a figure that cannot be read is 0. */
static const char *read_proc(const struct system_sampler *sampler, const char *name,
                             struct es_buf *buf)
{
    es_auto_arena arena = { 0 };
    const char *path = es_printf(&arena, "%s/%s", sampler->proc_folder, name);
    if (es_file_read(path, PROC_FILE_BYTES_MAX, buf, NULL))
        es_buf_clear(buf);
    return es_buf_text(buf);
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice": the last two are in user
 * and nice already. */
static struct cpu_times read_cpu_times(const struct system_sampler *sampler)
{
    enum { IDLE = 3, IOWAIT = 4, COUNTED = 8 };
    es_auto_buf buf = { 0 };
    const char *text = read_proc(sampler, "stat", &buf);
    struct cpu_times times = { 0 };
    if (!es_text_has_prefix(text, "cpu "))
        return times;
    char *at = (char *)text + strlen("cpu ");
    for (int i = 0; i < COUNTED && *at && *at != '\n'; i++) {
        uint64_t ticks = strtoull(at, &at, 10);
        times.total += ticks;
        if (i == IDLE || i == IOWAIT)
            times.idle += ticks;
    }
    return times;
}

/* Called with the mutex held. */
static void sample_cpu(struct system_sampler *sampler)
{
    int64_t now_ms = es_clock_monotonic_ms();
    if (sampler->sampled_at_ms && now_ms - sampler->sampled_at_ms < CPU_INTERVAL_MS_MIN)
        return;
    struct cpu_times now = read_cpu_times(sampler), before = sampler->times;
    if (now.total > before.total && now.idle >= before.idle) {
        double total = (double)(now.total - before.total);
        double percent = 100 * (1 - (double)(now.idle - before.idle) / total);
        sampler->cpu_percent = percent < 0 ? 0 : percent;
    }
    sampler->times = now;
    sampler->sampled_at_ms = now_ms;
}

/* The kilobytes of "Name:   123 kB", or 0. */
static double meminfo_field(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? strtod(found + strlen(name), NULL) : 0;
}

static double read_memory_percent(const struct system_sampler *sampler)
{
    es_auto_buf buf = { 0 };
    const char *text = read_proc(sampler, "meminfo", &buf);
    double total = meminfo_field(text, "MemTotal:"),
           free_kib = meminfo_field(text, "MemAvailable:");
    return total > 0 ? 100 * (1 - free_kib / total) : 0;
}

/* "  eth0: received and seven more, sent ..." after two lines of headings. */
static void read_network(const struct system_sampler *sampler, struct system_stats *stats)
{
    enum { RECEIVED = 0, SENT = 8, COUNTED = 9 };
    es_auto_buf buf = { 0 };
    const char *line = read_proc(sampler, "net/dev", &buf);
    for (int number = 0; line && *line; number++) {
        const char *end = strchr(line, '\n'), *colon = strchr(line, ':');
        line += strspn(line, " ");
        if (number >= 2 && colon && (!end || colon < end) && !es_text_has_prefix(line, "lo:")) {
            char *at = (char *)colon + 1;
            uint64_t fields[COUNTED] = { 0 };
            for (int i = 0; i < COUNTED; i++)
                fields[i] = strtoull(at, &at, 10);
            stats->net_bytes_received += fields[RECEIVED];
            stats->net_bytes_sent += fields[SENT];
        }
        line = end ? end + 1 : NULL;
    }
}

struct system_stats system_sample(struct system_sampler *sampler)
{
    struct system_stats stats = { .memory_percent = read_memory_percent(sampler) };
    read_network(sampler, &stats);
    pthread_mutex_lock(&sampler->mutex);
    sample_cpu(sampler);
    stats.cpu_percent = sampler->cpu_percent;
    pthread_mutex_unlock(&sampler->mutex);
    return stats;
}
