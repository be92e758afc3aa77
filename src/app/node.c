/* The order of opening and closing. Runs in the main thread, which alone takes signals. */
#include "app/node.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "api/web_assets.h"
#include "app/jwt_secret.h"
#include "app/version.h"
#include "app/wiring.h"
#include "app/worker_metrics.h"
#include "base/es_clock.h"
#include "base/es_log.h"
#include "engine/engine.h"
#include "http/http_server.h"
#include "service/monitor.h"
#include "service/service.h"
#include "worker/depicter.h"
#include "worker/prober.h"
#include "worker/worker.h"

#define BEAT_INTERVAL_S 5

struct node {
    const struct settings *settings;
    struct node_roles roles;
    struct sandbox *sandbox;
    struct es_arena arena;
    struct es_metrics *metrics;
    struct backends backends;
    struct media_prober *prober;
    struct media_depicter *depicter; /* of a gateway */
    struct service_context *context;
    struct worker *worker;
    struct api *api;
    struct worker_metrics *worker_metrics;
    struct http_server *server;
};

enum es_code node_service_settings(const struct settings *settings, struct node_roles roles,
                                   struct es_arena *arena, struct service_settings *ret_settings,
                                   struct es_err *reterr)
{
    struct service_settings service = service_settings_default();
    enum es_code code =
        jwt_secret_load(settings, arena, &service.jwt_keys, &service.jwt_key_count, reterr);
    if (code)
        return code;
    const int64_t *integers = settings->integers;
    service.token_lifetime_ms = integers[SETTING_ACCESS_TOKEN_EXPIRE_MINUTES] * 60000;
    service.link_lifetime_ms = integers[SETTING_LINK_LIFETIME_SECONDS] * 1000;
    service.playback = playback_policy_from_name(settings->texts[SETTING_PLAYBACK_POLICY]);
    service.upload_bytes_max = integers[SETTING_UPLOAD_BYTES_MAX];
    service.unfinished_jobs_max = (int)integers[SETTING_USER_JOBS_MAX];
    service.queue_name = settings->texts[SETTING_REDIS_QUEUE];
    service.node_id = roles.is_gateway ? "api" : settings->texts[SETTING_WORKER_ID];
    service.version = version();
    service.engine_version = engine_version();
    *ret_settings = service;
    return ES_OK;
}

static enum es_code open_worker(struct node *node, struct es_err *reterr)
{
    const int64_t *integers = node->settings->integers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct task_limits limits = task_limits_default();
    limits.confine.memory_bytes = (uint64_t)integers[SETTING_PART_MEMORY_BYTES];
    limits.confine.cpu_seconds = (uint32_t)integers[SETTING_PART_CPU_SECONDS];
    limits.stall_ms = integers[SETTING_PART_STALL_SECONDS] * 1000;
    size_t slots = (size_t)integers[SETTING_WORKER_SLOTS];
    struct worker_settings settings = {
        .id = node->settings->texts[SETTING_WORKER_ID],
        .slots = slots       ? slots
                 : cores > 0 ? (size_t)cores
                             : 1,
        .lease_ms = integers[SETTING_LEASE_SECONDS] * 1000,
        .limits = limits,
    };
    return worker_open(&settings, node->context, node->sandbox, &node->worker, reterr);
}

static enum es_code open_server(struct node *node, const struct http_hooks *hooks,
                                const struct http_router *router, enum setting port,
                                struct es_err *reterr)
{
    const int64_t *integers = node->settings->integers;
    struct http_settings http = http_settings_default();
    http.host = node->settings->texts[SETTING_HOST];
    http.port = (uint16_t)integers[port];
    http.connections_max = (size_t)integers[SETTING_CONNECTIONS_MAX];
    http.connections_per_address_max = (size_t)integers[SETTING_CONNECTIONS_PER_ADDRESS_MAX];
    http.handler_threads = (size_t)integers[SETTING_HANDLER_THREADS];
    enum es_code code = http_server_open(&http, hooks, router, &node->server, reterr);
    if (code)
        return es_wrap(reterr, code, "cannot listen on %s, port %d (set %s to another)", http.host,
                       http.port, setting_rows[port].name);
    return ES_OK;
}

static enum es_code open_gateway(struct node *node, struct es_err *reterr)
{
    struct api_settings api = api_settings_default();
    const char *public_url = node->settings->texts[SETTING_PUBLIC_URL];
    api.public_url = *public_url ? public_url : NULL;
    api.trust_proxy = node->settings->integers[SETTING_TRUST_PROXY] == 1;
    api.cors_allowed_origins = node->settings->texts[SETTING_CORS_ALLOWED_ORIGINS];
    api.assets = web_assets;
    api.asset_count = web_asset_count;
    enum es_code code = api_open(&api, node->context, node->metrics, &node->api, reterr);
    if (code)
        return code;
    struct http_hooks hooks = api_hooks(node->api);
    return open_server(node, &hooks, api_router(node->api), SETTING_PORT, reterr);
}

static enum es_code open_worker_metrics(struct node *node, struct es_err *reterr)
{
    node->worker_metrics = worker_metrics_open(node->context);
    struct http_hooks hooks = { .context = node->worker_metrics };
    return open_server(node, &hooks, worker_metrics_router(node->worker_metrics),
                       SETTING_METRICS_PORT, reterr);
}

static enum es_code open_node(struct node *node, struct es_err *reterr)
{
    node->metrics = es_metrics_open();
    enum es_code code = wiring_open(node->settings, &node->backends, reterr);
    if (code)
        return code;
    node->prober = prober_open(node->sandbox);
    if (node->roles.is_gateway)
        node->depicter = depicter_open(node->sandbox);
    struct service_settings settings;
    code = node_service_settings(node->settings, node->roles, &node->arena, &settings, reterr);
    if (code)
        return code;
    struct service_ports ports = { .meta = node->backends.meta,
                                   .queue = node->backends.queue,
                                   .blobs = node->backends.blobs,
                                   .prober = node->prober,
                                   .metrics = node->metrics,
                                   .depicter = node->depicter };
    code = service_context_open(&ports, &settings, &node->context, reterr);
    if (!code && node->roles.is_worker)
        code = open_worker(node, reterr);
    if (!code)
        code =
            node->roles.is_gateway ? open_gateway(node, reterr) : open_worker_metrics(node, reterr);
    return code;
}

static void close_node(struct node *node)
{
    int64_t drain_ms = node->settings->integers[SETTING_DRAIN_SECONDS] * 1000;
    int64_t until_ms = es_clock_monotonic_ms() + drain_ms;
    if (node->server)
        http_server_stop(node->server, drain_ms);
    int64_t left_ms = until_ms - es_clock_monotonic_ms();
    if (node->worker)
        worker_stop(node->worker, left_ms > 0 ? left_ms : 0);
    if (node->server)
        http_server_close(node->server);
    if (node->api)
        api_close(node->api);
    if (node->worker_metrics)
        worker_metrics_close(node->worker_metrics);
    if (node->worker)
        worker_close(node->worker);
    if (node->context)
        service_context_close(node->context);
    if (node->prober)
        prober_close(node->prober);
    if (node->depicter)
        depicter_close(node->depicter);
    wiring_close(&node->backends);
    es_metrics_close(node->metrics);
    es_arena_release(&node->arena);
}

/* What a person sees of a start: one line, on standard output. */
static void say_ready(const struct node *node)
{
    const char *host = node->settings->texts[SETTING_HOST];
    bool is_any = !*host || host[0] == ':' || host[0] == '0';
    bool is_ipv6 = !is_any && strchr(host, ':');
    if (node->roles.is_gateway)
        printf("Espotifai: http://%s%s%s:%u/\n", is_ipv6 ? "[" : "", is_any ? "127.0.0.1" : host,
               is_ipv6 ? "]" : "", http_server_port(node->server));
    else
        printf("Espotifai worker %s: metrics at http://%s:%u/metrics\n",
               node->settings->texts[SETTING_WORKER_ID], is_any ? "127.0.0.1" : host,
               http_server_port(node->server));
    fflush(stdout);
}

static void on_second_signal(int number)
{
    (void)number;
    _exit(EXIT_FAILURE);
}

/* Beats until a signal comes, then arranges that another one ends the process at once. */
static void wait_for_signal(struct node *node, const sigset_t *ending)
{
    for (;;) {
        struct es_err err = { 0 };
        if (node->roles.is_gateway && monitor_gateway_beat(node->context, &err))
            es_log(ES_LOG_WARNING, "no heartbeat", es_log_str("reason", err.detail));
        struct timespec pause = { .tv_sec = BEAT_INTERVAL_S };
        int number = sigtimedwait(ending, NULL, &pause);
        if (number > 0) {
            es_log(ES_LOG_INFO, "stopping", es_log_int("signal", number));
            break;
        }
    }
    signal(SIGINT, on_second_signal);
    signal(SIGTERM, on_second_signal);
    pthread_sigmask(SIG_UNBLOCK, ending, NULL);
}

/* Each connection and each reader holds a descriptor; the usual soft limit of 1024 is for
 * select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        es_log(ES_LOG_WARNING, "descriptor limit not raised",
               es_log_int("limit", (int64_t)limit.rlim_cur));
}

enum es_code node_run(const struct settings *settings, struct node_roles roles,
                      struct sandbox *sandbox, struct es_err *reterr)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();

    struct node node = { .settings = settings, .roles = roles, .sandbox = sandbox };
    enum es_code code = open_node(&node, reterr);
    if (!code) {
        say_ready(&node);
        es_log(ES_LOG_INFO, "ready", es_log_str("version", version()),
               es_log_int("port", http_server_port(node.server)),
               es_log_str("data", settings->texts[SETTING_DATA_DIR]));
        wait_for_signal(&node, &ending);
    }
    close_node(&node);
    if (!code)
        es_log(ES_LOG_INFO, "stopped", es_log_str("data", settings->texts[SETTING_DATA_DIR]));
    return code;
}
