/* What a process that only works serves over HTTP: its metrics, and whether it lives. */
#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include "http/http_router.h"
#include "service/service.h"

struct worker_metrics;

/* The server that uses the router needs this as its hooks' context. */
struct worker_metrics *worker_metrics_open(struct service_context *context);
const struct http_router *worker_metrics_router(const struct worker_metrics *metrics);
void worker_metrics_close(struct worker_metrics *metrics); /* after the server */

#endif
