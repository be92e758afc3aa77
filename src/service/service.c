/* Opening and closing the context: settings are checked and copied, metric families made. */
#include "service/service.h"

#include <string.h>

#include "base/es_clock.h"
#include "service/accounts.h"
#include "service/picture_maker.h"
#include "service/system_stats.h"

struct service_settings service_settings_default(void)
{
    return (struct service_settings){
        .token_lifetime_ms = INT64_C(1440) * 60 * 1000,
        .link_lifetime_ms = INT64_C(3600) * 1000,
        .playback = PLAYBACK_PUBLIC,
        .upload_bytes_max = INT64_C(16) * 1024 * 1024 * 1024,
        .unfinished_jobs_max = 100,
        .queue_name = "convert",
        .node_id = "api",
        .version = "",
        .engine_version = "",
        .password = password_settings_default(),
    };
}

static enum es_code check_settings(const struct service_settings *settings, struct es_err *reterr)
{
    if (settings->jwt_key_count < 1 || settings->jwt_key_count > JWT_KEYS_MAX)
        return es_fail(reterr, ES_INVALID, "1..%d token keys are needed", JWT_KEYS_MAX);
    for (size_t i = 0; i < settings->jwt_key_count; i++)
        if (!settings->jwt_keys[i] || !*settings->jwt_keys[i])
            return es_fail(reterr, ES_INVALID, "a token key is empty");
    if (settings->token_lifetime_ms < 1000 || settings->link_lifetime_ms < 1000)
        return es_fail(reterr, ES_INVALID, "tokens and links must live for a second at least");
    if (settings->playback != PLAYBACK_PUBLIC && settings->playback != PLAYBACK_SIGNED)
        return es_fail(reterr, ES_INVALID, "the playback policy must be public or signed");
    if (settings->upload_bytes_max < 1)
        return es_fail(reterr, ES_INVALID, "uploads must be allowed a byte at least");
    if (settings->unfinished_jobs_max < 1 || settings->unfinished_jobs_max > UNFINISHED_JOBS_MAX)
        return es_fail(reterr, ES_INVALID, "unfinished jobs of a user must be 1..%d",
                       UNFINISHED_JOBS_MAX);
    return ES_OK;
}

static struct es_metric *define(struct es_metrics *metrics, const char *name, const char *help,
                                enum es_metric_kind kind, const char *label)
{
    return es_metric_define(
        metrics,
        &(struct es_metric_desc){ .name = name, .help = help, .kind = kind, .labels = { label } });
}

static struct service_metrics define_metrics(struct es_metrics *metrics)
{
    return (struct service_metrics){
        .jobs_enqueued = define(metrics, "api_jobs_enqueued_total", "Conversions asked for.",
                                ES_METRIC_COUNTER, "target_format"),
        .jobs_reused = define(metrics, "api_jobs_reused_total",
                              "Conversions done at once by copies of the same user's earlier ones.",
                              ES_METRIC_COUNTER, "target_format"),
        .media_uploads =
            define(metrics, "api_media_uploads_total", "Media uploaded.", ES_METRIC_COUNTER, NULL),
        .queue_size = define(metrics, "api_queue_size", "Jobs waiting in the queue.",
                             ES_METRIC_GAUGE, "queue_name"),
        .push_failures =
            define(metrics, "api_queue_push_failures_total",
                   "Jobs left to the sweep because the queue was away.", ES_METRIC_COUNTER, NULL),
        .events_lost = define(metrics, "api_events_lost_total",
                              "Events that no watcher was told, because the queue was away.",
                              ES_METRIC_COUNTER, NULL),
        .orphans = define(metrics, "api_orphaned_objects_total",
                          "Refused uploads whose object could not be removed at once.",
                          ES_METRIC_COUNTER, NULL),
        .cpu_percent = define(metrics, "system_cpu_percent", "Use of all processor cores.",
                              ES_METRIC_GAUGE, "service"),
        .memory_percent = define(metrics, "system_memory_percent", "Use of the machine's memory.",
                                 ES_METRIC_GAUGE, "service"),
        .net_sent = define(metrics, "system_net_bytes_sent", "Bytes sent since boot.",
                           ES_METRIC_GAUGE, "service"),
        .net_received = define(metrics, "system_net_bytes_recv", "Bytes received since boot.",
                               ES_METRIC_GAUGE, "service"),
    };
}

/* The context's own copies of every text. */
static void copy_settings(struct service_context *context, const struct service_settings *settings)
{
    struct es_arena *arena = &context->arena;
    context->settings = *settings;
    const char **keys = es_new_array(arena, const char *, settings->jwt_key_count);
    for (size_t i = 0; i < settings->jwt_key_count; i++)
        keys[i] = es_strdup(arena, settings->jwt_keys[i]);
    context->settings.jwt_keys = keys;
    context->jwt_keys = (struct jwt_keys){ .keys = keys, .count = settings->jwt_key_count };
    context->settings.queue_name = es_strdup(arena, settings->queue_name);
    context->settings.node_id = es_strdup(arena, settings->node_id);
    context->settings.version = es_strdup(arena, settings->version);
    context->settings.engine_version = es_strdup(arena, settings->engine_version);
}

enum es_code service_context_open(const struct service_ports *ports,
                                  const struct service_settings *settings,
                                  struct service_context **ret_context, struct es_err *reterr)
{
    enum es_code code = check_settings(settings, reterr);
    if (code)
        return code;
    struct password_pool *passwords;
    code = password_pool_open(&settings->password, &passwords, reterr);
    if (code)
        return code;
    struct service_context *context = es_malloc(sizeof(*context));
    copy_settings(context, settings);
    context->meta = ports->meta;
    context->queue = ports->queue;
    context->blobs = ports->blobs;
    context->prober = ports->prober;
    context->metrics = ports->metrics;
    context->passwords = passwords;
    context->active_users = active_users_open();
    context->system = system_sampler_open("/proc");
    context->families = define_metrics(ports->metrics);
    context->started_at_ms = es_clock_realtime_ms();
    context->depicter = ports->depicter;
    if (context->depicter)
        code = picture_maker_open(context, &context->picture_maker, reterr);
    if (code) {
        service_context_close(context);
        return code;
    }
    *ret_context = context;
    return ES_OK;
}

void service_context_close(struct service_context *context)
{
    if (context->picture_maker)
        picture_maker_close(context->picture_maker);
    password_pool_close(context->passwords);
    active_users_close(context->active_users);
    system_sampler_close(context->system);
    es_arena_release(&context->arena);
    free(context);
}
