/* The metrics' text, held against the format's own rules. */
#include "test.h"

#include <math.h>
#include <unistd.h>

#include "wire/prometheus.h"

static void families_are_written_with_help_and_type(void **state)
{
    (void)state;
    es_auto(es_metrics) metrics = es_metrics_open();
    struct es_metric *requests = es_metric_define(
        metrics, &(struct es_metric_desc){ .name = "http_requests_total",
                                           .help = "Requests, by \"path\"\nand \\ status.",
                                           .kind = ES_METRIC_COUNTER,
                                           .labels = { "method", "path" } });
    es_metric_add(requests, (const char *const[]){ "GET", "/media/{media_id}" }, 3);
    es_metric_add(requests, (const char *const[]){ "GET", "a\"b\\c\nd" }, 0.5);
    struct es_metric *queue = es_metric_define(
        metrics, &(struct es_metric_desc){
                     .name = "api_queue_size", .help = "Jobs waiting.", .kind = ES_METRIC_GAUGE });
    es_metric_set(queue, NULL, 12345678);
    es_metric_define(metrics, &(struct es_metric_desc){ .name = "never_seen_total",
                                                        .help = "Nothing.",
                                                        .kind = ES_METRIC_COUNTER });
    es_auto_buf buf = { 0 };
    prometheus_write(metrics, &buf);
    assert_string_equal(es_buf_text(&buf),
                        "# HELP api_queue_size Jobs waiting.\n"
                        "# TYPE api_queue_size gauge\n"
                        "api_queue_size 12345678\n"
                        "# HELP http_requests_total Requests, by \"path\"\\nand \\\\ status.\n"
                        "# TYPE http_requests_total counter\n"
                        "http_requests_total{method=\"GET\",path=\"/media/{media_id}\"} 3\n"
                        "http_requests_total{method=\"GET\",path=\"a\\\"b\\\\c\\nd\"} 0.5\n");
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    es_auto(es_metrics) metrics = es_metrics_open();
    struct es_metric *duration =
        es_metric_define(metrics, &(struct es_metric_desc){ .name = "http_request_duration_seconds",
                                                            .help = "Durations.",
                                                            .kind = ES_METRIC_HISTOGRAM,
                                                            .labels = { "method" },
                                                            .buckets = { 0.005, 0.1, 2.5 } });
    const char *const get[] = { "GET" };
    es_metric_observe(duration, get, 0.005); /* a bound belongs to its bucket */
    es_metric_observe(duration, get, 0.05);
    es_metric_observe(duration, get, 99);
    es_auto_buf buf = { 0 };
    prometheus_write(metrics, &buf);
    assert_string_equal(es_buf_text(&buf),
                        "# HELP http_request_duration_seconds Durations.\n"
                        "# TYPE http_request_duration_seconds histogram\n"
                        "http_request_duration_seconds_bucket{method=\"GET\",le=\"0.005\"} 1\n"
                        "http_request_duration_seconds_bucket{method=\"GET\",le=\"0.1\"} 2\n"
                        "http_request_duration_seconds_bucket{method=\"GET\",le=\"2.5\"} 2\n"
                        "http_request_duration_seconds_bucket{method=\"GET\",le=\"+Inf\"} 3\n"
                        "http_request_duration_seconds_sum{method=\"GET\"} 99.055\n"
                        "http_request_duration_seconds_count{method=\"GET\"} 3\n");
}

static void numbers_read_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } numbers[] = { { 0, "0" },
                    { -1.5, "-1.5" },
                    { 0.1, "0.1" },
                    { 1e21, "1e+21" },
                    { INFINITY, "+Inf" },
                    { -INFINITY, "-Inf" },
                    { NAN, "NaN" },
                    { 1 / 3.0, "0.3333333333333333" },
                    { 1234567890123, "1234567890123" } };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        es_auto(es_metrics) metrics = es_metrics_open();
        es_metric_set(es_metric_define(metrics,
                                       &(struct es_metric_desc){
                                           .name = "x", .help = "y", .kind = ES_METRIC_GAUGE }),
                      NULL, numbers[i].value);
        es_auto_buf buf = { 0 };
        prometheus_write(metrics, &buf);
        char line[64];
        snprintf(line, sizeof(line), "x %s\n", numbers[i].text);
        assert_non_null(strstr(es_buf_text(&buf), line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_written_with_help_and_type),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(numbers_read_back_as_they_were),
    };
    return cmocka_run_group_tests_name("prometheus", tests, NULL, NULL);
}
