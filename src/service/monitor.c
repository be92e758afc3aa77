/* The summary in the reference's members, and what it adds. */
#include "service/monitor.h"

#include <math.h>
#include <string.h>

#include "base/es_clock.h"
#include "service/accounts.h"
#include "service/system_stats.h"

/* One decimal is all that these figures are good for. */
static json_t *percent_json(double percent)
{
    return json_real(isfinite(percent) ? round(percent * 10) / 10 : 0);
}

static json_t *api_json(struct service_context *context)
{
    struct system_stats stats = system_sample(context->system);
    json_t *api = json_object();
    json_put_text(api, "status", "online");
    json_put(api, "cpu_percent", percent_json(stats.cpu_percent));
    json_put(api, "memory_percent", percent_json(stats.memory_percent));
    json_put(api, "net_bytes_sent", json_integer((json_int_t)stats.net_bytes_sent));
    json_put(api, "net_bytes_recv", json_integer((json_int_t)stats.net_bytes_received));
    return api;
}

static json_t *sessions_json(struct service_context *context, const struct caller *caller,
                             int64_t total_users)
{
    json_t *user = json_object();
    json_put_text(user, "id", caller->user_id);
    json_put_text(user, "username", caller->username);
    json_t *sessions = json_object();
    json_put(sessions, "current_user", user);
    json_put(sessions, "active_sessions_estimate",
             json_integer((json_int_t)accounts_active_estimate(context)));
    json_put(sessions, "total_users", json_integer(total_users));
    return sessions;
}

static json_t *node_json(const struct worker_node *node, int64_t now_ms)
{
    bool is_gateway = node->role == NODE_GATEWAY;
    json_t *object = json_object();
    json_put_text(object, "id", node->id);
    json_put_text(object, "role", is_gateway ? "API / gateway" : "worker de conversión");
    json_put_text(object, "status",
                  now_ms - node->seen_at_ms <= NODE_ONLINE_MS ? "online" : "offline");
    json_put_text(object, "version", node->version);
    json_put(object, "slots", json_integer(node->slots));
    json_put(object, "busy", json_integer(node->busy));
    json_put(object, "cpu_percent", percent_json(node->cpu_percent));
    json_put(object, "memory_percent", percent_json(node->memory_percent));
    json_put(object, "jobs_done", json_integer(node->jobs_done));
    json_put(object, "jobs_failed", json_integer(node->jobs_failed));
    json_put_time(object, "started_at", node->started_at_ms);
    json_put_time(object, "seen_at", node->seen_at_ms);
    return object;
}

static json_t *nodes_json(const struct worker_node *nodes, size_t count, int64_t now_ms)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(array, node_json(&nodes[i], now_ms)))
            abort();
    return array;
}

enum es_code monitor_summary(struct service_context *context, const struct caller *caller,
                             json_t **ret_summary, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    int64_t length, total_users, now_ms = es_clock_realtime_ms();
    struct worker_node *nodes;
    size_t node_count;
    struct job_queue *queue = context->queue;
    enum es_code code = queue->ops->length(queue, &length, reterr);
    if (code == ES_OK)
        code =
            queue->ops->node_list(queue, NODE_REMEMBERED_MS, &arena, &nodes, &node_count, reterr);
    if (code == ES_OK)
        code = context->meta->ops->user_count(context->meta, &total_users, reterr);
    if (code)
        return code;
    json_t *queue_object = json_object();
    json_put_text(queue_object, "name", context->settings.queue_name);
    json_put(queue_object, "length", json_integer(length));
    json_t *summary = json_object();
    json_put_time(summary, "generated_at", now_ms);
    json_put(summary, "api", api_json(context));
    json_put(summary, "queue", queue_object);
    json_put(summary, "sessions", sessions_json(context, caller, total_users));
    json_put(summary, "nodes", nodes_json(nodes, node_count, now_ms));
    *ret_summary = summary;
    return ES_OK;
}

enum es_code monitor_gateway_beat(struct service_context *context, struct es_err *reterr)
{
    struct system_stats stats = system_sample(context->system);
    struct worker_node node = {
        .id = context->settings.node_id,
        .role = NODE_GATEWAY,
        .version = context->settings.version,
        .cpu_percent = stats.cpu_percent,
        .memory_percent = stats.memory_percent,
        .started_at_ms = context->started_at_ms,
    };
    return context->queue->ops->node_beat(context->queue, &node, reterr);
}

enum es_code monitor_refresh_metrics(struct service_context *context, const char *service,
                                     struct es_err *reterr)
{
    const struct service_metrics *families = &context->families;
    const char *const label[] = { service };
    struct system_stats stats = system_sample(context->system);
    es_metric_set(families->cpu_percent, label, stats.cpu_percent);
    es_metric_set(families->memory_percent, label, stats.memory_percent);
    es_metric_set(families->net_sent, label, (double)stats.net_bytes_sent);
    es_metric_set(families->net_received, label, (double)stats.net_bytes_received);
    int64_t length;
    enum es_code code = context->queue->ops->length(context->queue, &length, reterr);
    if (code == ES_OK)
        es_metric_set(families->queue_size, (const char *[]){ context->settings.queue_name },
                      (double)length);
    return code;
}

enum es_code monitor_is_ready(struct service_context *context, struct es_err *reterr)
{
    enum es_code code = context->meta->ops->check(context->meta, reterr);
    if (code)
        return es_wrap(reterr, code, "metadata");
    code = context->queue->ops->check(context->queue, reterr);
    if (code)
        return es_wrap(reterr, code, "queue");
    code = context->blobs->ops->check(context->blobs, reterr);
    return code ? es_wrap(reterr, code, "objects") : ES_OK;
}
