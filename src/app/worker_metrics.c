/* Two routes. */
#include "app/worker_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/es_buf.h"
#include "http/http_exchange.h"
#include "service/monitor.h"
#include "wire/prometheus.h"

struct worker_metrics {
    struct service_context *context;
    struct http_router *router;
};

static void handle_metrics(struct http_exchange *exchange)
{
    struct worker_metrics *metrics = http_exchange_server_context(exchange);
    struct es_err err = { 0 };
    if (monitor_refresh_metrics(metrics->context, metrics->context->settings.node_id, &err)) {
        http_reply(exchange, 503, "text/plain; charset=utf-8", "a backend is away\n", 18);
        return;
    }
    struct es_arena *arena = http_exchange_arena(exchange);
    es_auto_buf text = { 0 };
    prometheus_write(metrics->context->metrics, &text);
    http_reply(exchange, 200, PROMETHEUS_CONTENT_TYPE, es_memdup(arena, text.bytes, text.size),
               text.size);
}

static void handle_health(struct http_exchange *exchange)
{
    http_reply(exchange, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static const struct http_route routes[] = {
    { .method = "GET", .pattern = "/metrics", .handler = handle_metrics },
    { .method = "GET", .pattern = "/healthz", .handler = handle_health, .lane = HTTP_LANE_LOOP },
    { 0 },
};

struct worker_metrics *worker_metrics_open(struct service_context *context)
{
    struct worker_metrics *metrics = es_malloc(sizeof(*metrics));
    metrics->context = context;
    metrics->router = http_router_open();
    if (http_router_add(metrics->router, routes, NULL))
        abort(); /* a constant table is right or a programmer's error */
    return metrics;
}

const struct http_router *worker_metrics_router(const struct worker_metrics *metrics)
{
    return metrics->router;
}

void worker_metrics_close(struct worker_metrics *metrics)
{
    http_router_close(metrics->router);
    free(metrics);
}
