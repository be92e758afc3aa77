/* The monitor, the metrics, and what the context refuses. */
#include "service_fixture.h"

#include <unistd.h>

#include "base/es_clock.h"
#include "service/monitor.h"
#include "wire/prometheus.h"

static void the_summary_tells_what_there_is(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    fixture_job(f, &f->ana, media->id, JOB_MP3);
    json_t *made;
    assert_works(monitor_summary(f->context, &f->ana, &made, reterr));
    json_auto empty = made;
    assert_int_equal(json_array_size(json_object_get(empty, "nodes")), 0); /* never invented */

    assert_works(monitor_gateway_beat(f->context, reterr));
    struct worker_node worker = {
        .id = "worker_a", .role = NODE_WORKER, .version = "1", .slots = 2, .busy = 1
    };
    assert_works(f->queue->ops->node_beat(f->queue, &worker, reterr));
    assert_works(monitor_summary(f->context, &f->ana, &made, reterr));
    json_auto summary = made;
    assert_int_equal(strlen(json_member_string(summary, "generated_at", "")),
                     ES_TIME_TEXT_SIZE - 1);
    const json_t *api = json_object_get(summary, "api"), *queue = json_object_get(summary, "queue"),
                 *sessions = json_object_get(summary, "sessions"),
                 *nodes = json_object_get(summary, "nodes");
    assert_string_equal(json_member_string(api, "status", ""), "online");
    assert_true(json_is_number(json_object_get(api, "cpu_percent")));
    assert_true(json_member_real(api, "memory_percent", 0) > 0);
    assert_string_equal(json_member_string(queue, "name", ""), "convert");
    assert_int_equal(json_member_integer(queue, "length", 0), 1);
    assert_string_equal(
        json_member_string(json_object_get(sessions, "current_user"), "username", ""), "ana");
    assert_int_equal(json_member_integer(sessions, "active_sessions_estimate", 0), 3);
    assert_int_equal(json_member_integer(sessions, "total_users", 0), 3);
    assert_int_equal(json_array_size(nodes), 2);
    assert_string_equal(json_member_string(json_array_get(nodes, 0), "id", ""), "api");
    assert_string_equal(json_member_string(json_array_get(nodes, 0), "role", ""), "API / gateway");
    assert_string_equal(json_member_string(json_array_get(nodes, 1), "role", ""),
                        "worker de conversión");
    assert_string_equal(json_member_string(json_array_get(nodes, 1), "status", ""), "online");
}

static struct worker_node old_node;

static enum es_code list_old_node(struct job_queue *queue, int64_t age_ms_max,
                                  struct es_arena *arena, struct worker_node **ret_nodes,
                                  size_t *ret_count, struct es_err *reterr)
{
    (void)queue, (void)age_ms_max, (void)arena, (void)reterr;
    *ret_nodes = &old_node;
    *ret_count = 1;
    return ES_OK;
}

static void a_node_that_fell_silent_is_offline(void **state)
{
    struct fixture *f = *state;
    old_node = (struct worker_node){ .id = "worker_b",
                                     .role = NODE_WORKER,
                                     .seen_at_ms = es_clock_realtime_ms() - NODE_ONLINE_MS - 1000 };
    f->queue_ops.node_list = list_old_node;
    json_t *made;
    assert_works(monitor_summary(f->context, &f->ana, &made, reterr));
    json_auto summary = made;
    const json_t *node = json_array_get(json_object_get(summary, "nodes"), 0);
    assert_string_equal(json_member_string(node, "status", ""), "offline");
}

/* Runs promtool over the text; skips where it is not installed. */
static void check_with_promtool(const char *text)
{
    if (system("command -v promtool >/dev/null") != 0)
        skip();
    FILE *pipe = popen("promtool check metrics 2>&1", "w");
    assert_non_null(pipe);
    fputs(text, pipe);
    assert_int_equal(pclose(pipe), 0);
}

static void the_metrics_have_the_reference_names_and_please_promtool(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    fixture_job(f, &f->ana, media->id, JOB_MP3);
    assert_works(monitor_refresh_metrics(f->context, "api", reterr));
    es_auto_buf buf = { 0 };
    prometheus_write(f->metrics, &buf);
    const char *const lines[] = {
        "\napi_queue_size{queue_name=\"convert\"} 1\n",
        "\napi_jobs_enqueued_total{target_format=\"mp3\"} 1\n",
        "\napi_media_uploads_total 1\n",
        "\nsystem_cpu_percent{service=\"api\"} ",
        "\nsystem_memory_percent{service=\"api\"} ",
        "\nsystem_net_bytes_sent{service=\"api\"} ",
        "\nsystem_net_bytes_recv{service=\"api\"} ",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (!strstr(es_buf_text(&buf), lines[i]))
            fail_msg("no '%s' in:\n%s", lines[i], es_buf_text(&buf));
    check_with_promtool(es_buf_text(&buf));
}

static enum es_code queue_away(struct job_queue *queue, struct es_err *reterr)
{
    (void)queue;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static void it_is_ready_when_every_backend_answers(void **state)
{
    struct fixture *f = *state;
    assert_works(monitor_is_ready(f->context, reterr));
    f->queue_ops.check = queue_away;
    struct es_err err = { 0 };
    assert_int_equal(monitor_is_ready(f->context, &err), ES_UNAVAILABLE);
    assert_string_equal(err.detail, "queue: away");
}

static void settings_out_of_range_open_no_context(void **state)
{
    struct fixture *f = *state;
    struct service_ports ports = { f->meta, f->queue, f->blobs, &f->prober, f->metrics };
    const char *const empty_key[] = { "" };
    struct service_settings bad[7];
    for (size_t i = 0; i < 7; i++)
        bad[i] = fixture_settings();
    bad[0].jwt_key_count = 0;
    bad[1].jwt_keys = empty_key;
    bad[2].token_lifetime_ms = 0;
    bad[3].playback = PLAYBACK_UNSET;
    bad[4].upload_bytes_max = 0;
    bad[5].unfinished_jobs_max = UNFINISHED_JOBS_MAX + 1;
    bad[6].password.threads = 0;
    for (size_t i = 0; i < 7; i++) {
        struct service_context *context;
        struct es_err err = { 0 };
        assert_int_equal(service_context_open(&ports, &bad[i], &context, &err), ES_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(the_summary_tells_what_there_is),
        with_fixture(a_node_that_fell_silent_is_offline),
        with_fixture(the_metrics_have_the_reference_names_and_please_promtool),
        with_fixture(it_is_ready_when_every_backend_answers),
        with_fixture(settings_out_of_range_open_no_context),
    };
    return cmocka_run_group_tests_name("service_monitor", tests, NULL, NULL);
}
