/* How the system does: the fleet by its heartbeats, the queue, the machine. */
#ifndef MONITOR_H
#define MONITOR_H

#include "service/service.h"
#include "wire/json.h"

#define NODE_ONLINE_MS     15000  /* a heartbeat younger than this is a node that is online */
#define NODE_REMEMBERED_MS 600000 /* one older than this is not spoken of any more */

/* GET /monitor/summary, with the reference's members. The caller owns *ret_summary. */
ES_CHECK enum es_code monitor_summary(struct service_context *context, const struct caller *caller,
                                      json_t **ret_summary, struct es_err *reterr);

/* This gateway's heartbeat; every five seconds or so. */
ES_CHECK enum es_code monitor_gateway_beat(struct service_context *context, struct es_err *reterr);

/* Sets the gauges that are only known when asked for (queue length, machine figures); before
 * /metrics is written. `service` is the label of the machine's figures: "api", "worker_a". */
ES_CHECK enum es_code monitor_refresh_metrics(struct service_context *context, const char *service,
                                              struct es_err *reterr);

/* Whether every backend answers: /readyz. ES_UNAVAILABLE, naming the one that does not. */
ES_CHECK enum es_code monitor_is_ready(struct service_context *context, struct es_err *reterr);

#endif
