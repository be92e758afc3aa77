/* The text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "wire/prometheus.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* A help text escapes backslash and line feed; a label's value the double quote too. */
static void write_escaped(struct es_buf *buf, const char *text, bool is_label)
{
    for (; *text; text++) {
        if (*text == '\\')
            es_buf_append_text(buf, "\\\\");
        else if (*text == '\n')
            es_buf_append_text(buf, "\\n");
        else if (*text == '"' && is_label)
            es_buf_append_text(buf, "\\\"");
        else
            es_buf_append_char(buf, *text);
    }
}

/* The shortest decimal that reads back as the same number. */
static void write_number(struct es_buf *buf, double value)
{
    if (isnan(value)) {
        es_buf_append_text(buf, "NaN");
        return;
    }
    if (isinf(value)) {
        es_buf_append_text(buf, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        char text[32];
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value) {
            es_buf_append_text(buf, text);
            return;
        }
    }
}

/* `{a="b",le="0.5"}`; nothing where there are no labels. `bound` NULL: no le. */
static void write_labels(struct es_buf *buf, const struct es_metric_sample *sample,
                         const double *bound)
{
    char separator = '{';
    for (size_t i = 0; i < ES_METRIC_LABELS_MAX && sample->desc->labels[i]; i++) {
        es_buf_append_char(buf, separator);
        es_buf_append_text(buf, sample->desc->labels[i]);
        es_buf_append_text(buf, "=\"");
        write_escaped(buf, sample->label_values[i], true);
        es_buf_append_char(buf, '"');
        separator = ',';
    }
    if (bound) {
        es_buf_append_char(buf, separator);
        es_buf_append_text(buf, "le=\"");
        write_number(buf, *bound);
        es_buf_append_char(buf, '"');
        separator = ',';
    }
    if (separator == ',')
        es_buf_append_char(buf, '}');
}

static void write_line(struct es_buf *buf, const struct es_metric_sample *sample,
                       const char *suffix, const double *bound, double value)
{
    es_buf_append_text(buf, sample->desc->name);
    es_buf_append_text(buf, suffix);
    write_labels(buf, sample, bound);
    es_buf_append_char(buf, ' ');
    write_number(buf, value);
    es_buf_append_char(buf, '\n');
}

static void write_histogram(struct es_buf *buf, const struct es_metric_sample *sample)
{
    for (size_t i = 0; i < ES_METRIC_BUCKETS_MAX && sample->desc->buckets[i] > 0; i++)
        write_line(buf, sample, "_bucket", &sample->desc->buckets[i],
                   (double)sample->bucket_counts[i]);
    double infinite = INFINITY;
    write_line(buf, sample, "_bucket", &infinite, (double)sample->count);
    write_line(buf, sample, "_sum", NULL, sample->value);
    write_line(buf, sample, "_count", NULL, (double)sample->count);
}

static const char *kind_name(enum es_metric_kind kind)
{
    switch (kind) {
    case ES_METRIC_COUNTER:
        return "counter";
    case ES_METRIC_GAUGE:
        return "gauge";
    case ES_METRIC_HISTOGRAM:
        return "histogram";
    case ES_METRIC_UNSET:
        break;
    }
    return "untyped";
}

void prometheus_write(struct es_metrics *metrics, struct es_buf *buf)
{
    es_auto_arena arena = { 0 };
    struct es_metric_sample *samples;
    size_t count = es_metrics_snapshot(metrics, &arena, &samples);
    for (size_t i = 0; i < count; i++) {
        const struct es_metric_desc *desc = samples[i].desc;
        if (i == 0 || samples[i - 1].desc != desc) {
            es_buf_printf(buf, "# HELP %s ", desc->name);
            write_escaped(buf, desc->help, false);
            es_buf_printf(buf, "\n# TYPE %s %s\n", desc->name, kind_name(desc->kind));
        }
        if (desc->kind == ES_METRIC_HISTOGRAM)
            write_histogram(buf, &samples[i]);
        else
            write_line(buf, &samples[i], "", NULL, samples[i].value);
    }
}
