#include "service_fixture.h"

#include "backend/blob_store_memory.h"
#include "backend/job_queue_memory.h"
#include "backend/meta_store_memory.h"

static const char *const jwt_keys[] = { "the tests' own key for their tokens" };

static enum es_code probe(struct media_prober *prober, struct blob_reader *reader,
                          const char *filename_hint, struct es_arena *arena,
                          struct media_facts *ret_facts, struct es_err *reterr)
{
    (void)prober, (void)filename_hint;
    char head[6];
    size_t size;
    enum es_code code = reader->ops->read(reader, 0, head, sizeof(head), &size, reterr);
    if (code)
        return code;
    if (size < sizeof(head) || memcmp(head, "MEDIA:", sizeof(head)) != 0)
        return es_fail_word(reterr, ES_MEDIA, "unsupported_format", "no media");
    struct stream_facts *stream = es_new(arena, struct stream_facts);
    *stream = (struct stream_facts){
        .kind = STREAM_AUDIO, .codec = "flac", .channels = 2, .sample_rate = 44100
    };
    *ret_facts = (struct media_facts){ .format = "flac",
                                       .content_type = "audio/flac",
                                       .duration_seconds = 12.5,
                                       .streams = stream,
                                       .stream_count = 1 };
    return ES_OK;
}

static const struct media_prober_ops prober_ops = { .name = "tests", .probe = probe };

struct service_settings fixture_settings(void)
{
    struct service_settings settings = service_settings_default();
    settings.jwt_keys = jwt_keys;
    settings.jwt_key_count = 1;
    settings.upload_bytes_max = 1000;
    settings.unfinished_jobs_max = 5;
    settings.password = (struct password_settings){
        .operations = 1, .memory_bytes = 16 * 1024, .threads = 2, .waiting_max = 64
    };
    return settings;
}

int fixture_open(void **state)
{
    struct fixture *fixture = es_malloc(sizeof(*fixture));
    *state = fixture;
    assert_works(meta_store_memory_open(&fixture->meta, reterr));
    assert_works(job_queue_memory_open(&fixture->queue, reterr));
    assert_works(blob_store_memory_open(&fixture->blobs, reterr));
    fixture->true_meta_ops = fixture->meta->ops;
    fixture->true_queue_ops = fixture->queue->ops;
    fixture->true_blob_ops = fixture->blobs->ops;
    fixture->meta_ops = *fixture->meta->ops;
    fixture->queue_ops = *fixture->queue->ops;
    fixture->blob_ops = *fixture->blobs->ops;
    fixture->meta->ops = &fixture->meta_ops;
    fixture->queue->ops = &fixture->queue_ops;
    fixture->blobs->ops = &fixture->blob_ops;
    fixture->prober.ops = &prober_ops;
    fixture->metrics = es_metrics_open();
    struct service_ports ports = { .meta = fixture->meta,
                                   .queue = fixture->queue,
                                   .blobs = fixture->blobs,
                                   .prober = &fixture->prober,
                                   .metrics = fixture->metrics };
    struct service_settings settings = fixture_settings();
    assert_works(service_context_open(&ports, &settings, &fixture->context, reterr));
    fixture->ana = fixture_user(fixture, "ana");
    fixture->luis = fixture_user(fixture, "luis");
    fixture->eva = fixture_user(fixture, "eva");
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    service_context_close(fixture->context);
    es_metrics_close(fixture->metrics);
    fixture->meta->ops = fixture->true_meta_ops;
    fixture->queue->ops = fixture->true_queue_ops;
    fixture->blobs->ops = fixture->true_blob_ops;
    blob_store_close(fixture->blobs);
    job_queue_close(fixture->queue);
    meta_store_close(fixture->meta);
    es_arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

struct caller fixture_user(struct fixture *fixture, const char *username)
{
    struct user *user;
    struct session session;
    assert_works(accounts_register(fixture->context, username, "a good password", &fixture->arena,
                                   &user, reterr));
    assert_works(accounts_login(fixture->context, username, "a good password", &fixture->arena,
                                &session, reterr));
    return session.caller;
}

const struct media *fixture_media(struct fixture *fixture, const struct caller *owner,
                                  const char *filename)
{
    struct upload *upload;
    struct media_view view;
    assert_works(upload_begin(fixture->context, owner, filename, &upload, reterr));
    assert_works(upload_write(upload, MEDIA_BYTES, strlen(MEDIA_BYTES), reterr));
    assert_works(upload_finish(upload, &fixture->arena, &view, reterr));
    return view.media;
}

const struct job *fixture_job(struct fixture *fixture, const struct caller *owner,
                              const char *media_id, enum job_target target)
{
    struct job_view view;
    assert_works(conversion_convert(fixture->context, owner, media_id, target, NULL,
                                    &fixture->arena, &view, reterr));
    return view.job;
}

struct lease *fixture_lease(struct fixture *fixture)
{
    struct lease *lease;
    const char *dead;
    assert_works(fixture->queue->ops->lease(fixture->queue, "worker_a", 60000, &fixture->arena,
                                            &lease, &dead, reterr));
    assert_non_null(lease);
    return lease;
}

void fixture_put(struct fixture *fixture, const char *key, const char *text)
{
    struct blob_writer *writer;
    assert_works(fixture->blobs->ops->create(fixture->blobs, key, &writer, reterr));
    assert_works(writer->ops->write(writer, text, strlen(text), reterr));
    assert_works(writer->ops->commit(writer, NULL, reterr));
}

size_t fixture_count(struct fixture *fixture, const char *prefix)
{
    const char **keys;
    size_t count;
    assert_works(fixture->blobs->ops->list(fixture->blobs, prefix, NULL, 1000, &fixture->arena,
                                           &keys, &count, reterr));
    return count;
}

void fixture_finish(struct fixture *fixture, const char *text)
{
    struct lease *lease = fixture_lease(fixture);
    assert_int_equal(lease->part.kind, PART_PLAN);
    assert_works(conversion_started(fixture->context, lease, reterr));
    const struct part join = { .index = 1, .kind = PART_JOIN, .weight_seconds = 1, .spec = "{}" };
    assert_works(fixture->queue->ops->finish(fixture->queue, lease, "{}", &join, 1, reterr));
    lease = fixture_lease(fixture);
    assert_int_equal(lease->part.kind, PART_JOIN);
    struct job *job;
    assert_works(fixture->meta->ops->job_get(fixture->meta, lease->part.job_id, &fixture->arena,
                                             &job, reterr));
    fixture_put(fixture,
                es_printf(&fixture->arena, "%s/%s", job_output_prefix(job, &fixture->arena),
                          job_output_name(job->target)),
                text);
    assert_works(conversion_done(fixture->context, lease, (int64_t)strlen(text), NULL, reterr));
    conversion_settle(fixture->context, lease);
}

enum job_status fixture_status(struct fixture *fixture, const char *job_id)
{
    struct job *job;
    assert_works(fixture->meta->ops->job_get(fixture->meta, job_id, &fixture->arena, &job, reterr));
    return job->status;
}

double fixture_metric(struct fixture *fixture, const char *name)
{
    struct es_metric_sample *samples;
    size_t count = es_metrics_snapshot(fixture->metrics, &fixture->arena, &samples);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(samples[i].desc->name, name) == 0)
            sum += samples[i].value;
    return sum;
}
