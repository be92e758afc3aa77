/* How the system is doing: figures, the fleet, life and readiness. */
#include "service/monitor.h"

#include "api/api_route.h"
#include "wire/prometheus.h"

static enum es_code handle_metrics(struct api_call *call, struct es_err *reterr)
{
    /* A backend that is away takes its own gauges from the answer, not the rest; the log says so.
     */
    if (monitor_refresh_metrics(call->services, call->services->settings.node_id, reterr) != ES_OK)
        call->fault = es_strdup(call->arena, reterr->detail);
    es_auto_buf text = { 0 };
    prometheus_write(api_metrics(call->api), &text);
    http_reply_set_header(call->exchange, "Cache-Control", "no-store");
    http_reply(call->exchange, 200, PROMETHEUS_CONTENT_TYPE,
               es_memdup(call->arena, es_buf_text(&text), text.size), text.size);
    return ES_OK;
}

static enum es_code handle_summary(struct api_call *call, struct es_err *reterr)
{
    json_t *summary;
    enum es_code code = monitor_summary(call->services, call->caller, &summary, reterr);
    if (code == ES_OK)
        api_reply_json(call, 200, summary);
    return code;
}

static void reply_ok(struct api_call *call)
{
    json_t *reply = json_object();
    json_put_text(reply, "status", "ok");
    api_reply_json(call, 200, reply);
}

static enum es_code handle_healthz(struct api_call *call, struct es_err *reterr)
{
    (void)reterr;
    reply_ok(call);
    return ES_OK;
}

static enum es_code handle_readyz(struct api_call *call, struct es_err *reterr)
{
    enum es_code code = monitor_is_ready(call->services, reterr);
    if (code == ES_OK)
        reply_ok(call);
    return code;
}

const struct api_route monitor_routes[] = {
    { "GET", "/metrics", handle_metrics },
    { "GET", "/monitor/summary", handle_summary, .auth = API_AUTH_USER },
    { "GET", "/healthz", handle_healthz, .lane = HTTP_LANE_LOOP },
    { "GET", "/readyz", handle_readyz },
    { 0 }
};
