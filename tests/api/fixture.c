/* See fixture.h. What a worker does is done here step by step, through the queue and the use cases
 * that workers call, so that a test says when each step happens. */
#include "fixture.h"

#include "../unit/test.h"
#include "backend/blob_store_memory.h"
#include "backend/job_queue_memory.h"
#include "backend/meta_store_memory.h"
#include "port/media_prober.h"
#include "service/conversion.h"

static const char *const jwt_keys[] = { "a key that only the tests know, and no one else" };

/* ---- the prober ---- */

static enum es_code probe(struct media_prober *prober, struct blob_reader *reader,
                          const char *filename_hint, struct es_arena *arena,
                          struct media_facts *ret_facts, struct es_err *reterr)
{
    static const struct stream_facts song[] = {
        { .kind = STREAM_AUDIO, .codec = "mp3", .channels = 2, .sample_rate = 44100 }
    };
    static const struct stream_facts film[] = {
        { .kind = STREAM_VIDEO, .codec = "h264", .width = 1280, .height = 720, .frame_rate = 25 },
        { .kind = STREAM_AUDIO, .codec = "aac", .channels = 2, .sample_rate = 48000 }
    };
    static const struct media_tag tags[] = { { "title", "Canción" } };
    (void)prober, (void)filename_hint, (void)arena;
    char head[4] = "";
    size_t size = 0;
    if (reader->info.size_bytes == 0)
        return es_fail_word(reterr, ES_MEDIA, "media_empty", "no bytes");
    enum es_code code = reader->ops->read(reader, 0, head, sizeof(head), &size, reterr);
    if (code != ES_OK)
        return code;
    *ret_facts = (struct media_facts){ .duration_seconds = 12.5, .tags = tags, .tag_count = 1 };
    if (memcmp(head, "SONG", 4) == 0) {
        ret_facts->format = "mp3";
        ret_facts->content_type = "audio/mpeg";
        ret_facts->streams = song;
        ret_facts->stream_count = 1;
    } else if (memcmp(head, "FILM", 4) == 0) {
        ret_facts->format = "mov";
        ret_facts->content_type = "video/mp4";
        ret_facts->streams = film;
        ret_facts->stream_count = 2;
    } else {
        return es_fail_word(reterr, ES_MEDIA, "unsupported_format", "no song, no film");
    }
    return ES_OK;
}

static const struct media_prober_ops prober_ops = { .name = "test", .probe = probe };
static struct media_prober prober = { &prober_ops };

/* ---- opening ---- */

struct service_settings fixture_service_settings(void)
{
    struct service_settings settings = service_settings_default();
    settings.jwt_keys = jwt_keys;
    settings.jwt_key_count = 1;
    settings.password.operations = 1;
    settings.password.memory_bytes = 8192;
    settings.node_id = "api";
    return settings;
}

void fixture_log(enum es_log_level least, enum es_log_format format)
{
    static bool is_configured; /* once, before there are threads */
    if (!is_configured)
        es_log_configure(least, format);
    is_configured = true;
}

static void open_backends(struct fixture *fixture)
{
    struct es_err err = { 0 };
    assert_ok(meta_store_memory_open(&fixture->meta, &err), err);
    assert_ok(job_queue_memory_open(&fixture->queue, &err), err);
    assert_ok(blob_store_memory_open(&fixture->blobs, &err), err);
    fixture->metrics = es_metrics_open();
}

struct fixture *fixture_open(const struct api_settings *api, const struct service_settings *service)
{
    struct es_err err = { 0 };
    struct fixture *fixture = es_malloc(sizeof(*fixture));
    struct service_settings service_default = fixture_service_settings();
    struct api_settings api_default = api_settings_default();
    fixture_log(ES_LOG_ERROR, ES_LOG_FORMAT_TEXT);
    open_backends(fixture);
    struct service_ports ports = { fixture->meta, fixture->queue, fixture->blobs, &prober,
                                   fixture->metrics };
    assert_ok(
        service_context_open(&ports, service ? service : &service_default, &fixture->context, &err),
        err);
    assert_ok(
        api_open(api ? api : &api_default, fixture->context, fixture->metrics, &fixture->api, &err),
        err);
    struct http_settings http = http_settings_default();
    http.port = 0;
    struct http_hooks hooks = api_hooks(fixture->api);
    assert_ok(http_server_open(&http, &hooks, api_router(fixture->api), &fixture->server, &err),
              err);
    char base_url[64];
    snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%u", http_server_port(fixture->server));
    fixture->client = client_open(base_url);
    fixture->base_url = es_strdup(client_arena(fixture->client), base_url);
    return fixture;
}

void fixture_close(struct fixture *fixture)
{
    client_close(fixture->client);
    http_server_close(fixture->server);
    api_close(fixture->api);
    service_context_close(fixture->context);
    es_metrics_close(fixture->metrics);
    job_queue_close(fixture->queue);
    blob_store_close(fixture->blobs);
    meta_store_close(fixture->meta);
    free(fixture);
}

int fixture_setup(void **state)
{
    *state = fixture_open(NULL, NULL);
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

/* ---- what users do ---- */

const char *textf(struct fixture *fixture, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = es_vprintf(client_arena(fixture->client), format, arguments);
    va_end(arguments);
    return text;
}

const struct answer *get(struct fixture *fixture, const char *path, const char *token)
{
    return client_send(fixture->client, &(struct request){ .path = path, .token = token });
}

const struct answer *send_to(struct fixture *fixture, const char *method, const char *path,
                             const char *token)
{
    return client_send(fixture->client,
                       &(struct request){ .method = method, .path = path, .token = token });
}

const struct answer *post_json(struct fixture *fixture, const char *path, const char *token,
                               const char *json)
{
    return client_send(
        fixture->client,
        &(struct request){ .method = "POST", .path = path, .token = token, .json = json });
}

const char *fixture_user(struct fixture *fixture, const char *username)
{
    const char *form = textf(fixture, "username=%s&password=correct+horse", username);
    struct request request = { .method = "POST", .path = "/auth/register", .form = form };
    assert_answer(client_send(fixture->client, &request), 200);
    request.path = "/auth/token";
    const struct answer *answer = client_send(fixture->client, &request);
    assert_answer(answer, 200);
    return answer_text(answer, "access_token");
}

const char *fixture_upload(struct fixture *fixture, const char *token, const char *filename,
                           const char *content)
{
    size_t size;
    struct form_part part = { textf(fixture, "name=\"file\"; filename=\"%s\"", filename), content,
                              0 };
    const char *body = multipart_body(fixture->client, &part, 1, &size);
    const struct answer *answer =
        client_send(fixture->client, &(struct request){ .method = "POST",
                                                        .path = "/media/upload",
                                                        .token = token,
                                                        .content_type = MULTIPART_TYPE,
                                                        .body = body,
                                                        .body_size = size });
    assert_answer(answer, 200);
    return answer_text(answer, "id");
}

const char *fixture_convert(struct fixture *fixture, const char *token, const char *media_id,
                            const char *target)
{
    const struct answer *answer = post_json(fixture, textf(fixture, "/media/%s/convert", media_id),
                                            token, textf(fixture, "{\"target\":\"%s\"}", target));
    assert_answer(answer, 200);
    return answer_text(answer, "job_id");
}

/* ---- what a worker does ---- */

static struct lease *take_part(struct fixture *fixture, enum part_kind kind)
{
    struct es_err err = { 0 };
    struct lease *lease = NULL;
    const char *dead_job_id;
    assert_ok(fixture->queue->ops->lease(fixture->queue, "worker_a", 30000,
                                         client_arena(fixture->client), &lease, &dead_job_id, &err),
              err);
    assert_non_null(lease);
    assert_int_equal(lease->part.kind, kind);
    return lease;
}

static void put_object(struct fixture *fixture, const char *key, const char *content)
{
    struct es_err err = { 0 };
    struct blob_writer *writer;
    assert_ok(fixture->blobs->ops->create(fixture->blobs, key, &writer, &err), err);
    assert_ok(writer->ops->write(writer, content, strlen(content), &err), err);
    assert_ok(writer->ops->commit(writer, NULL, &err), err);
}

void fixture_begin_work(struct fixture *fixture)
{
    struct es_err err = { 0 };
    struct lease *plan = take_part(fixture, PART_PLAN);
    assert_ok(conversion_started(fixture->context, plan, &err), err);
    struct part parts[] = {
        { .index = 1,
          .kind = PART_CONVERT,
          .is_first = true,
          .weight_seconds = 12.5,
          .spec = "{}" },
        { .index = 2, .kind = PART_JOIN, .spec = "{}" },
    };
    assert_ok(fixture->queue->ops->finish(fixture->queue, plan, "{}", parts, 2, &err), err);
}

void fixture_work(struct fixture *fixture, const char *output)
{
    struct es_err err = { 0 };
    fixture_begin_work(fixture);
    struct lease *part = take_part(fixture, PART_CONVERT);
    assert_ok(fixture->queue->ops->finish(fixture->queue, part, "{}", NULL, 0, &err), err);
    struct lease *join = take_part(fixture, PART_JOIN);
    struct job *job;
    assert_ok(fixture->meta->ops->job_get(fixture->meta, join->part.job_id,
                                          client_arena(fixture->client), &job, &err),
              err);
    const char *prefix = job_output_prefix(job, client_arena(fixture->client));
    put_object(fixture, textf(fixture, "%s/%s", prefix, job_output_name(job->target)), output);
    if (job->target == JOB_HLS)
        put_object(fixture, textf(fixture, "%s/video-0.m4s", prefix), "segment zero");
    assert_ok(conversion_done(fixture->context, join, (int64_t)strlen(output), NULL, &err), err);
}
