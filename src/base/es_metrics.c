/* One mutex over the whole registry: an update is some tens of nanoseconds, far below any request.
 */
#include "base/es_metrics.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_arena.h"

struct series {
    char *label_values[ES_METRIC_LABELS_MAX];
    double value;
    uint64_t count;
    uint64_t bucket_counts[ES_METRIC_BUCKETS_MAX]; /* not cumulative here */
};

struct es_metric {
    struct es_metric *next;
    struct es_metrics *registry;
    struct es_metric_desc desc;
    struct series **series;
    size_t series_count, series_capacity;
};

struct es_metrics {
    pthread_mutex_t mutex;
    struct es_metric *first; /* by name */
};

struct es_metrics *es_metrics_open(void)
{
    struct es_metrics *metrics = es_malloc(sizeof(*metrics));
    pthread_mutex_init(&metrics->mutex, NULL);
    return metrics;
}

static void series_free(struct series *series)
{
    for (size_t i = 0; i < ES_METRIC_LABELS_MAX; i++)
        free(series->label_values[i]);
    free(series);
}

void es_metrics_close(struct es_metrics *metrics)
{
    for (struct es_metric *metric = metrics->first; metric;) {
        struct es_metric *next = metric->next;
        for (size_t i = 0; i < metric->series_count; i++)
            series_free(metric->series[i]);
        free(metric->series);
        free(metric);
        metric = next;
    }
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}

struct es_metric *es_metric_define(struct es_metrics *metrics, const struct es_metric_desc *desc)
{
    pthread_mutex_lock(&metrics->mutex);
    struct es_metric **link = &metrics->first;
    while (*link && strcmp((*link)->desc.name, desc->name) < 0)
        link = &(*link)->next;
    struct es_metric *metric = *link;
    if (!metric || strcmp(metric->desc.name, desc->name) != 0) {
        metric = es_malloc(sizeof(*metric));
        metric->registry = metrics;
        metric->desc = *desc;
        metric->next = *link;
        *link = metric;
    }
    pthread_mutex_unlock(&metrics->mutex);
    return metric;
}

static size_t label_count(const struct es_metric_desc *desc)
{
    size_t count = 0;
    while (count < ES_METRIC_LABELS_MAX && desc->labels[count])
        count++;
    return count;
}

static int compare_labels(const struct series *series, const char *const *label_values,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int order = strcmp(series->label_values[i], label_values[i]);
        if (order != 0)
            return order;
    }
    return 0;
}

/* The series of those label values, made where it is new. Called with the mutex held. */
static struct series *find_series(struct es_metric *metric, const char *const *label_values)
{
    size_t labels = label_count(&metric->desc), low = 0, high = metric->series_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_labels(metric->series[middle], label_values, labels);
        if (order == 0)
            return metric->series[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (metric->series_count == ES_METRIC_SERIES_MAX)
        return metric->series[metric->series_count - 1];
    if (metric->series_count == metric->series_capacity) {
        metric->series_capacity = metric->series_capacity ? 2 * metric->series_capacity : 8;
        metric->series =
            es_realloc(metric->series, metric->series_capacity * sizeof(*metric->series));
    }
    struct series *series = es_malloc(sizeof(*series));
    for (size_t i = 0; i < labels; i++)
        series->label_values[i] = es_strdup_heap(label_values[i]);
    memmove(metric->series + low + 1, metric->series + low,
            (metric->series_count - low) * sizeof(struct series *));
    metric->series[low] = series;
    metric->series_count++;
    return series;
}

void es_metric_add(struct es_metric *metric, const char *const *label_values, double amount)
{
    pthread_mutex_lock(&metric->registry->mutex);
    find_series(metric, label_values)->value += amount;
    pthread_mutex_unlock(&metric->registry->mutex);
}

void es_metric_set(struct es_metric *metric, const char *const *label_values, double value)
{
    pthread_mutex_lock(&metric->registry->mutex);
    find_series(metric, label_values)->value = value;
    pthread_mutex_unlock(&metric->registry->mutex);
}

static size_t bucket_count(const struct es_metric_desc *desc)
{
    size_t count = 0;
    while (count < ES_METRIC_BUCKETS_MAX && desc->buckets[count] > 0)
        count++;
    return count;
}

void es_metric_observe(struct es_metric *metric, const char *const *label_values, double value)
{
    size_t buckets = bucket_count(&metric->desc), at = 0;
    while (at < buckets && value > metric->desc.buckets[at])
        at++;
    pthread_mutex_lock(&metric->registry->mutex);
    struct series *series = find_series(metric, label_values);
    series->value += value;
    series->count++;
    if (at < buckets)
        series->bucket_counts[at]++;
    pthread_mutex_unlock(&metric->registry->mutex);
}

static void copy_series(const struct es_metric *metric, const struct series *series,
                        struct es_arena *arena, struct es_metric_sample *ret_sample)
{
    *ret_sample = (struct es_metric_sample){
        .desc = &metric->desc,
        .value = series->value,
        .count = series->count,
    };
    for (size_t i = 0; i < label_count(&metric->desc); i++)
        ret_sample->label_values[i] = es_strdup(arena, series->label_values[i]);
    uint64_t below = 0;
    for (size_t i = 0; i < bucket_count(&metric->desc); i++) {
        below += series->bucket_counts[i];
        ret_sample->bucket_counts[i] = below;
    }
}

size_t es_metrics_snapshot(struct es_metrics *metrics, struct es_arena *arena,
                           struct es_metric_sample **ret_samples)
{
    pthread_mutex_lock(&metrics->mutex);
    size_t count = 0;
    for (struct es_metric *metric = metrics->first; metric; metric = metric->next)
        count += metric->series_count;
    struct es_metric_sample *samples = es_new_array(arena, struct es_metric_sample, count);
    size_t at = 0;
    for (struct es_metric *metric = metrics->first; metric; metric = metric->next)
        for (size_t i = 0; i < metric->series_count; i++)
            copy_series(metric, metric->series[i], arena, &samples[at++]);
    pthread_mutex_unlock(&metrics->mutex);
    *ret_samples = samples;
    return count;
}
