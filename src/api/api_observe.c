/* What is written down about each request: one log line, and the two families of metrics that the
 * reference has. Runs on a loop thread: nothing here blocks but the write of a line. */
#include <string.h>

#include "api/api_client.h"
#include "api/api_state.h"
#include "base/es_log.h"

#define STATUS_CLIENT_GONE 499 /* nginx's, for a client that left before there was a reply */

static const struct es_metric_desc requests_desc = {
    .name = "http_requests_total",
    .help = "HTTP requests by method, route template and status code.",
    .kind = ES_METRIC_COUNTER,
    .labels = { "method", "path", "status_code" },
};

static const struct es_metric_desc durations_desc = {
    .name = "http_request_duration_seconds",
    .help = "Seconds from the request line to the end of the reply, by method and route template.",
    .kind = ES_METRIC_HISTOGRAM,
    .labels = { "method", "path" },
    .buckets = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60 },
};

void api_observe_open(struct api *api)
{
    api->requests = es_metric_define(api->metrics, &requests_desc);
    api->durations = es_metric_define(api->metrics, &durations_desc);
}

/* Clients may send any method and path; a label takes only what we know. */
static const char *method_label(const char *method)
{
    static const char *const known[] = {
        "GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i], method) == 0)
            return known[i];
    return "other";
}

static void count(struct api *api, const char *method, const char *path, int status,
                  const struct http_finish *finish)
{
    char status_text[4] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10),
                            (char)('0' + status % 10) };
    const char *labels[ES_METRIC_LABELS_MAX] = { method, path, status_text };
    es_metric_add(api->requests, labels, 1);
    es_metric_observe(api->durations, labels, (double)finish->duration_us / 1e6);
}

/* What we broke is an error; a backend that is away, or a queue that is full, a warning. */
static enum es_log_level level_of(int status)
{
    if (status < 500)
        return ES_LOG_INFO;
    return status == 500 ? ES_LOG_ERROR : ES_LOG_WARNING;
}

void api_observe(struct api *api, struct http_exchange *exchange, const struct http_finish *finish)
{
    const struct http_route *route = http_exchange_route(exchange);
    const struct api_call *call = api_call_of(exchange);
    const char *method = method_label(http_exchange_method(exchange));
    const char *path = route ? route->pattern : "unmatched";
    int status = finish->status ? finish->status : STATUS_CLIENT_GONE;
    count(api, method, path, status, finish);
    es_log(level_of(status), "request",
           es_log_str("request_id", http_exchange_request_id(exchange)),
           es_log_str("method", method), es_log_str("path", path), es_log_int("status", status),
           es_log_real("ms", (double)finish->duration_us / 1e3),
           es_log_int("bytes", (int64_t)finish->bytes_sent),
           es_log_str("remote", api_client_address(&api->settings, exchange)),
           es_log_str("user_id", call && call->caller ? call->caller->user_id : NULL),
           es_log_str("fault", call ? call->fault : NULL));
}
