/* The registry of metrics: counters, gauges and histograms with labels, kept in memory.
 * wire/prometheus.h turns a registry into text. Thread-safe. Families and series are made once and
 * never removed, so a label must only take values from a small set (route templates, not paths). */
#ifndef ES_METRICS_H
#define ES_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_error.h"

#define ES_METRIC_LABELS_MAX  4
#define ES_METRIC_BUCKETS_MAX 16
#define ES_METRIC_SERIES_MAX  4096 /* in one family; what comes later is counted on the last one */

enum es_metric_kind {
    ES_METRIC_UNSET = 0,
    ES_METRIC_COUNTER,
    ES_METRIC_GAUGE,
    ES_METRIC_HISTOGRAM
};

struct es_metrics;
struct es_metric; /* one family: a name, a help text, label names */

struct es_metric_desc {
    const char *name; /* static storage, Prometheus' own rules; counters end in _total */
    const char *help;
    enum es_metric_kind kind;
    const char *labels[ES_METRIC_LABELS_MAX]; /* names; NULL ends */
    double buckets[ES_METRIC_BUCKETS_MAX];    /* histogram: upper bounds, ascending; 0 ends */
};

struct es_metrics *es_metrics_open(void);
void es_metrics_close(struct es_metrics *metrics);
ES_DEFINE_AUTO(es_metrics, es_metrics_close);

/* The family of that name, made where it is new. Lives as long as the registry. */
struct es_metric *es_metric_define(struct es_metrics *metrics, const struct es_metric_desc *desc);

/* `label_values` has as many entries as the family has labels (NULL for none). */
void es_metric_add(struct es_metric *metric, const char *const *label_values, double amount);
void es_metric_set(struct es_metric *metric, const char *const *label_values, double value);
void es_metric_observe(struct es_metric *metric, const char *const *label_values, double value);

/* A consistent copy of every series, families by name, series by label values. */
struct es_metric_sample {
    const struct es_metric_desc *desc;
    const char *label_values[ES_METRIC_LABELS_MAX];
    double value;                                  /* counter, gauge; histogram: the sum */
    uint64_t count;                                /* histogram */
    uint64_t bucket_counts[ES_METRIC_BUCKETS_MAX]; /* histogram: cumulative */
};

/* *ret_samples lives in `arena`. Families without series yield nothing. */
size_t es_metrics_snapshot(struct es_metrics *metrics, struct es_arena *arena,
                           struct es_metric_sample **ret_samples);

#endif
