/* Metrics as Prometheus' text exposition format, version 0.0.4. */
#ifndef PROMETHEUS_H
#define PROMETHEUS_H

#include "base/es_buf.h"
#include "base/es_metrics.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends every family that has a series, each with HELP and TYPE. Thread-safe. */
void prometheus_write(struct es_metrics *metrics, struct es_buf *buf);

#endif
