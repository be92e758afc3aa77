/* The same conversion is never done twice: for one user, and with every job's life its own. */
#include "service_fixture.h"

#include "base/es_clock.h"

static int open_with_engine(void **state)
{
    int failed = fixture_open(state);
    struct fixture *f = *state;
    f->context->settings.engine_version = "engine 1";
    return failed;
}

static bool is_known(struct fixture *f, const struct job *job)
{
    struct job_live live;
    assert_works(f->queue->ops->live(f->queue, job->id, &f->arena, &live, reterr));
    return live.is_known;
}

static const char *key_of(struct fixture *f, const struct job *job, const char *name)
{
    return es_printf(&f->arena, "%s/%s", job_output_prefix(job, &f->arena), name);
}

static size_t count_objects(struct fixture *f, const struct job *job)
{
    return fixture_count(f, key_of(f, job, ""));
}

static struct job_view status_of(struct fixture *f, const struct job *job)
{
    struct job_view view;
    assert_works(conversion_status(f->context, &f->ana, job->id, NULL, &f->arena, &view, reterr));
    return view;
}

static size_t sweep(struct fixture *f)
{
    size_t changed;
    assert_works(conversion_sweep(f->context, &changed, reterr));
    return changed;
}

static const struct job *ask_with(struct fixture *f, const struct media *media,
                                  enum job_target target, const struct job_options *options)
{
    struct job_view view;
    assert_works(conversion_convert(f->context, &f->ana, media->id, target, options, &f->arena,
                                    &view, reterr));
    assert_int_equal(view.job->status, JOB_ENQUEUED);
    return view.job;
}

/* Each in a millisecond of its own, so that one is older than the other. */
static const struct job *ask(struct fixture *f, const struct media *media)
{
    int64_t now_ms = es_clock_realtime_ms();
    while (es_clock_realtime_ms() == now_ms)
        es_sleep_ms(1);
    return ask_with(f, media, JOB_MP3, NULL);
}

/* A finished HLS job of two segments beside its playlist. */
static const struct job *make_tree(struct fixture *f, const struct media *media)
{
    const struct job *job = ask_with(f, media, JOB_HLS, NULL);
    fixture_put(f, key_of(f, job, "video-1.m4s"), "one");
    fixture_put(f, key_of(f, job, "video-2.m4s"), "two");
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    fixture_put(f, key_of(f, job, "index.m3u8"), "list");
    assert_works(conversion_done(f->context, lease, 3 + 3 + 4, "It ends early.", reterr));
    return job;
}

static void what_was_made_from_the_same_bytes_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac"),
                       *again = fixture_media(f, &f->ana, "the same song.flac");
    const struct job *first = ask(f, media);
    fixture_finish(f, "sound");
    const struct media *const asked[] = { media, again };
    for (size_t i = 0; i < 2; i++) {
        const struct job *job = ask(f, asked[i]);
        struct job_view view = status_of(f, job);
        assert_int_equal(view.job->status, JOB_DONE);
        assert_int_equal(view.job->output_size_bytes, 5);
        assert_string_equal(view.job->details, "Made before from the same file.");
        assert_true(view.job->started_at_ms > 0 && view.job->finished_at_ms > 0);
        assert_false(is_known(f, job));
        assert_int_equal(count_objects(f, job), 1);
    }
    assert_true(fixture_metric(f, "api_jobs_reused_total") == 2);
    assert_true(fixture_metric(f, "api_jobs_enqueued_total") == 3);
    struct media_view view;
    assert_works(library_get(f->context, &f->ana, again->id, &f->arena, &view, reterr));
    assert_int_equal(view.media->status, MEDIA_READY);

    assert_works(conversion_delete(f->context, &f->ana, first->id, reterr));
    assert_works(library_delete(f->context, &f->ana, media->id, reterr));
    assert_int_equal(fixture_count(f, "converted/"), 1);
    const struct job *last = ask(f, again); /* of the one that is left */
    assert_int_equal(status_of(f, last).job->status, JOB_DONE);
}

static void a_whole_tree_is_taken_over_with_its_remark(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "film.flac");
    const struct job *made = make_tree(f, media), *job = ask_with(f, media, JOB_HLS, NULL);
    assert_int_equal(status_of(f, job).job->status, JOB_DONE);
    assert_string_equal(status_of(f, job).job->details, "It ends early.");
    assert_int_equal(count_objects(f, job), 3);
    assert_works(conversion_delete(f->context, &f->ana, made->id, reterr));
    assert_int_equal(count_objects(f, job), 3);
}

static void another_user_target_option_or_engine_is_another_conversion(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac"),
                       *of_luis = fixture_media(f, &f->luis, "song.flac");
    ask(f, media);
    fixture_finish(f, "sound");
    assert_true(is_known(f, fixture_job(f, &f->luis, of_luis->id, JOB_MP3)));
    assert_true(is_known(f, ask_with(f, media, JOB_MP4, NULL)));
    struct job_options options = { .bitrate_kbps = 96 };
    assert_true(is_known(f, ask_with(f, media, JOB_MP3, &options)));
    f->context->settings.engine_version = "engine 2";
    assert_true(is_known(f, ask(f, media)));
    f->context->settings.engine_version = "";
    assert_true(is_known(f, ask(f, media)));
}

static void a_second_request_waits_for_the_first_and_is_done_with_it(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *first = ask(f, media), *second = ask(f, media), *third = ask(f, media);
    assert_true(is_known(f, first));
    assert_false(is_known(f, second));
    assert_int_equal(sweep(f), 0);
    assert_false(is_known(f, third));
    struct job_view view = status_of(f, second);
    assert_int_equal(view.job->status, JOB_ENQUEUED);
    assert_true(view.live.is_known); /* the first one's */
    assert_int_equal(view.live.queue_position, 1);
    assert_false(view.live.is_playable);

    fixture_finish(f, "sound");
    assert_int_equal(status_of(f, second).job->status, JOB_DONE);
    assert_int_equal(status_of(f, third).job->status, JOB_DONE);
    assert_int_equal(count_objects(f, third), 1);
    assert_int_equal(sweep(f), 0);
}

static void a_worker_that_dies_before_it_tells_leaves_that_to_the_sweep(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *first = ask(f, media), *second = ask(f, media);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    fixture_put(f, key_of(f, first, "output.mp3"), "sound");
    assert_works(conversion_done(f->context, lease, 5, NULL, reterr));
    assert_int_equal(status_of(f, second).job->status, JOB_ENQUEUED);
    assert_int_equal(sweep(f), 1);
    assert_int_equal(status_of(f, second).job->status, JOB_DONE);
}

static void who_waited_goes_on_where_the_first_is_no_more(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *jobs[5];
    for (size_t i = 0; i < 5; i++)
        jobs[i] = ask(f, media);
    struct job_view view;
    assert_works(conversion_cancel(f->context, &f->ana, jobs[0]->id, &f->arena, &view, reterr));
    assert_true(is_known(f, jobs[1]));
    assert_works(conversion_delete(f->context, &f->ana, jobs[1]->id, reterr));
    assert_true(is_known(f, jobs[2]));
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    assert_works(conversion_failed(f->context, lease, ES_MEDIA, "media_damaged", reterr));
    assert_true(is_known(f, jobs[3]));
    assert_false(is_known(f, jobs[4]));
    assert_works(conversion_dead(f->context, jobs[3]->id, reterr));
    assert_true(is_known(f, jobs[4]));
    fixture_finish(f, "sound");
    assert_works(conversion_retry(f->context, &f->ana, jobs[2]->id, &f->arena, &view, reterr));
    assert_int_equal(status_of(f, jobs[2]).job->status, JOB_DONE);
}

static void what_is_not_whole_any_more_is_made_anew(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "film.flac");
    const struct job *tree = make_tree(f, media), *song = ask(f, media);
    fixture_finish(f, "sound");
    assert_works(f->blobs->ops->remove(f->blobs, key_of(f, tree, "video-2.m4s"), reterr));
    assert_works(f->blobs->ops->remove(f->blobs, key_of(f, song, "output.mp3"), reterr));
    const struct job *job = ask_with(f, media, JOB_HLS, NULL);
    assert_int_equal(status_of(f, job).job->status, JOB_ENQUEUED);
    assert_true(is_known(f, job));
    assert_true(is_known(f, ask(f, media)));
}

static void a_job_has_the_key_of_the_engine_that_made_it(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    f->context->settings.engine_version = ""; /* as where its bytes are still coming */
    ask(f, media);
    f->context->settings.engine_version = "engine 1";
    fixture_finish(f, "sound");
    assert_int_equal(status_of(f, ask(f, media)).job->status, JOB_DONE);
    f->context->settings.engine_version = "engine 2";
    ask(f, media);
    f->context->settings.engine_version = "engine 3"; /* before a worker has begun it */
    fixture_finish(f, "sound");
    assert_int_equal(status_of(f, ask(f, media)).job->status, JOB_DONE);
    f->context->settings.engine_version = "engine 2";
    assert_true(is_known(f, ask(f, media)));
}

static enum es_code copy_away(struct blob_store *store, const char *from, const char *to,
                              const char *const *names, size_t count, int64_t *ret_size_bytes,
                              struct es_err *reterr)
{
    (void)store, (void)from, (void)to, (void)names, (void)count, (void)ret_size_bytes;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static void what_cannot_be_copied_is_made_anew(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    ask(f, media);
    fixture_finish(f, "sound");
    f->blob_ops.copy = copy_away;
    assert_true(is_known(f, ask(f, media)));
}

static struct fixture *cancelling;

static void cancel_unfinished(struct fixture *f)
{
    struct job_query query = { .is_unfinished = true, .limit = 1 };
    struct job *jobs;
    size_t count;
    const char *next;
    struct job_view view;
    assert_works(f->meta->ops->job_list(f->meta, &query, &f->arena, &jobs, &count, &next, reterr));
    assert_works(conversion_cancel(f->context, &f->ana, jobs[0].id, &f->arena, &view, reterr));
}

static enum es_code copy_and_cancel(struct blob_store *store, const char *from, const char *to,
                                    const char *const *names, size_t count, int64_t *ret_size_bytes,
                                    struct es_err *reterr)
{
    cancel_unfinished(cancelling);
    return cancelling->true_blob_ops->copy(store, from, to, names, count, ret_size_bytes, reterr);
}

static void who_cancels_while_it_is_copied_gets_nothing(void **state)
{
    struct fixture *f = cancelling = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    ask(f, media);
    fixture_finish(f, "sound");
    f->blob_ops.copy = copy_and_cancel;
    const struct job *job = ask(f, media);
    assert_int_equal(status_of(f, job).job->status, JOB_CANCELLED);
    assert_int_equal(count_objects(f, job), 0);
    assert_false(is_known(f, job));
}

static enum es_code change_away(struct meta_store *store, const char *id,
                                const struct job_change *change, struct es_err *reterr)
{
    (void)store, (void)id, (void)change;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static enum es_code push_away(struct job_queue *queue, const struct job *job, struct es_err *reterr)
{
    (void)queue, (void)job;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static void who_dies_between_copying_and_the_record_leaves_that_to_the_sweep(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    ask(f, media);
    fixture_finish(f, "sound");
    f->meta_ops.job_change = change_away;
    f->queue_ops.push = push_away;
    const struct job *job = ask(f, media);
    assert_int_equal(status_of(f, job).job->status, JOB_ENQUEUED);
    assert_int_equal(count_objects(f, job), 1);
    f->meta_ops.job_change = f->true_meta_ops->job_change;
    f->queue_ops.push = f->true_queue_ops->push;
    size_t removed;
    assert_works(library_sweep(f->context, 0, &removed, reterr));
    assert_int_equal(removed, 0);
    assert_int_equal(sweep(f), 1);
    assert_int_equal(status_of(f, job).job->status, JOB_DONE);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_with_engine, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_made_from_the_same_bytes_is_done_at_once),
        TEST(a_whole_tree_is_taken_over_with_its_remark),
        TEST(another_user_target_option_or_engine_is_another_conversion),
        TEST(a_second_request_waits_for_the_first_and_is_done_with_it),
        TEST(a_worker_that_dies_before_it_tells_leaves_that_to_the_sweep),
        TEST(who_waited_goes_on_where_the_first_is_no_more),
        TEST(what_is_not_whole_any_more_is_made_anew),
        TEST(a_job_has_the_key_of_the_engine_that_made_it),
        TEST(what_cannot_be_copied_is_made_anew),
        TEST(who_cancels_while_it_is_copied_gets_nothing),
        TEST(who_dies_between_copying_and_the_record_leaves_that_to_the_sweep),
    };
    return cmocka_run_group_tests_name("service_reuse", tests, NULL, NULL);
}
