/* Conversions: the record and the queue tell one story, whatever fails between them. */
#include "service_fixture.h"

#include <math.h>

static struct job_view status_of(struct fixture *f, const struct caller *caller, const char *job_id)
{
    struct job_view view;
    assert_works(conversion_status(f->context, caller, job_id, NULL, &f->arena, &view, reterr));
    return view;
}

static bool is_known(struct fixture *f, const char *job_id)
{
    struct job_live live;
    assert_works(f->queue->ops->live(f->queue, job_id, &f->arena, &live, reterr));
    return live.is_known;
}

static void a_conversion_is_recorded_and_queued(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    assert_int_equal(job->status, JOB_ENQUEUED);
    assert_int_equal(job->attempts, 1);
    assert_true(is_known(f, job->id));
    struct job_view view = status_of(f, &f->ana, job->id);
    assert_true(view.live.is_known);
    assert_int_equal(view.live.queue_position, 1);
    assert_true(fixture_metric(f, "api_jobs_enqueued_total") == 1);
    struct media_view media_view;
    assert_works(library_get(f->context, &f->ana, media->id, &f->arena, &media_view, reterr));
    assert_int_equal(media_view.media->status, MEDIA_PROCESSING);
    assert_int_equal(media_view.job_count, 1);
}

static void what_cannot_be_converted_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    struct job_view view;
    const struct job_options bad[] = { { .bitrate_kbps = 31 },
                                       { .height = 99999 },
                                       { .start_seconds = NAN },
                                       { .start_seconds = 5, .end_seconds = 4 } };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_fails(conversion_convert(f->context, &f->ana, media->id, JOB_MP4, &bad[i], &f->arena,
                                        &view, reterr),
                     ES_INVALID, "option_invalid");
    assert_fails(conversion_convert(f->context, &f->ana, media->id, JOB_TARGET_UNSET, NULL,
                                    &f->arena, &view, reterr),
                 ES_INVALID, "target_invalid");
    assert_fails(conversion_convert(f->context, &f->luis, media->id, JOB_MP3, NULL, &f->arena,
                                    &view, reterr),
                 ES_FORBIDDEN, "forbidden");
    assert_fails(conversion_convert(f->context, &f->ana, "no such media", JOB_MP3, NULL, &f->arena,
                                    &view, reterr),
                 ES_NOT_FOUND, "media_not_found");
    int64_t length;
    assert_works(f->queue->ops->length(f->queue, &length, reterr));
    assert_int_equal(length, 0);
}

static void a_user_has_so_many_unfinished_jobs_and_no_more(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac"),
                       *of_luis = fixture_media(f, &f->luis, "song.flac");
    const struct job *last = NULL;
    for (int i = 0; i < 5; i++)
        last = fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct job_view view;
    assert_fails(
        conversion_convert(f->context, &f->ana, media->id, JOB_MP3, NULL, &f->arena, &view, reterr),
        ES_LIMIT, "too_many_jobs");
    fixture_job(f, &f->luis, of_luis->id, JOB_MP3);
    assert_works(conversion_cancel(f->context, &f->ana, last->id, &f->arena, &view, reterr));
    fixture_job(f, &f->ana, media->id, JOB_MP4);
    assert_fails(conversion_retry(f->context, &f->ana, last->id, &f->arena, &view, reterr),
                 ES_LIMIT, "too_many_jobs");
}

static void jobs_of_others_are_not_there(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac"),
                       *other = fixture_media(f, &f->ana, "other.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    const char *const ids[] = { job->id, "", "..", "6d2f2f6e-1111-4111-8111-000000000001" };
    struct job_view view;
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        assert_fails(
            conversion_status(f->context, &f->luis, ids[i], NULL, &f->arena, &view, reterr),
            ES_NOT_FOUND, "job_not_found");
        assert_fails(conversion_cancel(f->context, &f->luis, ids[i], &f->arena, &view, reterr),
                     ES_NOT_FOUND, "job_not_found");
        assert_fails(conversion_retry(f->context, &f->luis, ids[i], &f->arena, &view, reterr),
                     ES_NOT_FOUND, "job_not_found");
        assert_fails(conversion_delete(f->context, &f->luis, ids[i], reterr), ES_NOT_FOUND,
                     "job_not_found");
    }
    assert_fails(
        conversion_status(f->context, &f->ana, job->id, other->id, &f->arena, &view, reterr),
        ES_NOT_FOUND, "job_not_found");
    assert_works(
        conversion_status(f->context, &f->ana, job->id, media->id, &f->arena, &view, reterr));
    struct job_query query = { .user_id = f->ana.user_id, .limit = 10 };
    struct job_view *views;
    size_t count;
    const char *next;
    assert_works(
        conversion_list(f->context, &f->luis, &query, &f->arena, &views, &count, &next, reterr));
    assert_int_equal(count, 0);
    assert_works(
        conversion_list(f->context, &f->ana, &query, &f->arena, &views, &count, &next, reterr));
    assert_int_equal(count, 1);
}

static void a_worker_carries_a_job_to_its_end(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    fixture_finish(f, "sound");
    struct job_view view = status_of(f, &f->ana, job->id);
    assert_int_equal(view.job->status, JOB_DONE);
    assert_int_equal(view.job->output_size_bytes, 5);
    assert_true(view.job->started_at_ms > 0 && view.job->finished_at_ms > 0);
    assert_false(is_known(f, job->id)); /* the queue keeps only what lives */
    json_auto object = job_view_json(&view, LANGUAGE_ENGLISH);
    assert_true(json_member_real(object, "progress", 0) == 1);
    assert_true(json_member_bool(object, "playable", false));
    assert_string_equal(json_member_string(object, "output_object", ""),
                        es_printf(&f->arena, "converted/%s/%s/output.mp3", media->id, job->id));
    struct media_view media_view;
    assert_works(library_get(f->context, &f->ana, media->id, &f->arena, &media_view, reterr));
    assert_int_equal(media_view.media->status, MEDIA_READY);
}

static void the_job_object_has_the_contract_members(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_HLS);
    struct job_view view = status_of(f, &f->ana, job->id);
    json_auto object = job_view_json(&view, LANGUAGE_SPANISH);
    const char *const members[] = {
        "job_id",         "media_id",      "target",        "status",
        "output_prefix",  "output_bucket", "output_object", "output_size_bytes",
        "enqueued_at",    "updated_at",    "details",       "started_at",
        "finished_at",    "progress",      "speed",         "eta_seconds",
        "queue_position", "attempts",      "workers",       "playable",
        "error",          "options",
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        if (!json_object_get(object, members[i]))
            fail_msg("no member '%s'", members[i]);
    assert_int_equal(json_object_size(object), sizeof(members) / sizeof(*members));
    assert_string_equal(json_member_string(object, "target", ""), "hls");
    assert_int_equal(json_member_integer(object, "queue_position", 0), 1);
    assert_true(json_is_null(json_object_get(object, "error")));
    assert_false(json_member_bool(object, "playable", true));
}

static void a_failure_is_told_in_two_languages(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/half.mp3", media->id, job->id), "x");
    assert_works(conversion_failed(f->context, lease, ES_MEDIA, "no_audio_stream", reterr));
    assert_int_equal(fixture_count(f, "converted/"), 0);
    assert_false(is_known(f, job->id));
    struct job_view view = status_of(f, &f->ana, job->id);
    assert_int_equal(view.job->status, JOB_FAILED);
    json_auto spanish = job_view_json(&view, LANGUAGE_SPANISH);
    json_auto english = job_view_json(&view, LANGUAGE_ENGLISH);
    const json_t *error = json_object_get(english, "error");
    assert_string_equal(json_member_string(error, "code", ""), "no_audio_stream");
    assert_string_equal(json_member_string(error, "detail", ""),
                        problem_find("no_audio_stream")->texts[LANGUAGE_ENGLISH]);
    assert_string_equal(json_member_string(json_object_get(spanish, "error"), "detail", ""),
                        problem_find("no_audio_stream")->texts[LANGUAGE_SPANISH]);
    assert_false(json_member_bool(error, "retryable", true)); /* it will never have any */
    struct job full = *view.job;
    full.error_code = ES_LIMIT;
    full.error_word = "storage_full";
    view.job = &full;
    json_auto passing = job_view_json(&view, LANGUAGE_ENGLISH);
    assert_true(json_member_bool(json_object_get(passing, "error"), "retryable", false));
    struct job strange = full; /* as a newer version might have written it */
    strange.error_code = ES_MEDIA;
    strange.error_word = "word_of_the_future";
    view.job = &strange;
    json_auto future = job_view_json(&view, LANGUAGE_ENGLISH);
    assert_string_equal(json_member_string(json_object_get(future, "error"), "code", ""),
                        "unsupported_format");
}

static void a_cancelled_job_stops_and_can_begin_anew(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_HLS);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/v-1.m4s", media->id, job->id), "x");
    struct job_view view;
    assert_works(conversion_cancel(f->context, &f->ana, job->id, &f->arena, &view, reterr));
    assert_int_equal(view.job->status, JOB_CANCELLED);
    assert_int_equal(fixture_count(f, "converted/"), 0);
    assert_fails(conversion_cancel(f->context, &f->ana, job->id, &f->arena, &view, reterr),
                 ES_CONFLICT, "job_state");

    /* The worker cannot speak for it any more, and takes along what it published meanwhile. */
    struct es_err err = { 0 };
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/v-2.m4s", media->id, job->id), "x");
    assert_int_equal(conversion_started(f->context, lease, &err), ES_CANCELLED);
    assert_int_equal(conversion_done(f->context, lease, 1, NULL, &err), ES_CANCELLED);
    assert_int_equal(conversion_failed(f->context, lease, ES_MEDIA, "media_damaged", &err),
                     ES_CANCELLED);
    assert_int_equal(fixture_status(f, job->id), JOB_CANCELLED);
    assert_works(conversion_discard(f->context, media->id, job->id, reterr));
    assert_int_equal(fixture_count(f, "converted/"), 0);

    assert_works(conversion_retry(f->context, &f->ana, job->id, &f->arena, &view, reterr));
    assert_int_equal(view.job->status, JOB_ENQUEUED);
    assert_int_equal(view.job->attempts, 2);
    assert_fails(conversion_retry(f->context, &f->ana, job->id, &f->arena, &view, reterr),
                 ES_CONFLICT, "job_state");
    /* Not even now, though the job runs again. */
    assert_int_not_equal(conversion_done(f->context, lease, 1, NULL, &err), ES_OK);
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/v-1.m4s", media->id, job->id), "new");
    assert_works(conversion_discard(f->context, media->id, job->id, reterr));
    assert_int_equal(fixture_count(f, "converted/"), 1);
    fixture_finish(f, "playlist");
    assert_int_equal(fixture_status(f, job->id), JOB_DONE);
    assert_fails(conversion_retry(f->context, &f->ana, job->id, &f->arena, &view, reterr),
                 ES_CONFLICT, "job_state");
}

static void a_deleted_job_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *done = fixture_job(f, &f->ana, media->id, JOB_MP3);
    fixture_finish(f, "sound");
    const struct job *running = fixture_job(f, &f->ana, media->id, JOB_MP4);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    assert_works(conversion_delete(f->context, &f->ana, done->id, reterr));
    assert_works(conversion_delete(f->context, &f->ana, running->id, reterr));
    assert_int_equal(fixture_count(f, "converted/"), 0);
    struct job_view view;
    assert_fails(conversion_status(f->context, &f->ana, done->id, NULL, &f->arena, &view, reterr),
                 ES_NOT_FOUND, "job_not_found");
    struct es_err err = { 0 };
    assert_int_equal(conversion_done(f->context, lease, 1, NULL, &err), ES_CANCELLED);
    assert_fails(conversion_delete(f->context, &f->ana, done->id, reterr), ES_NOT_FOUND,
                 "job_not_found");
}

static enum es_code push_away(struct job_queue *queue, const struct job *job, struct es_err *reterr)
{
    (void)queue, (void)job;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static enum es_code live_away(struct job_queue *queue, const char *job_id, struct es_arena *arena,
                              struct job_live *ret_live, struct es_err *reterr)
{
    (void)queue, (void)job_id, (void)arena, (void)ret_live;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static void a_queue_that_was_away_gets_its_jobs_from_the_sweep(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    f->queue_ops.push = push_away;
    f->queue_ops.live = live_away;
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    assert_int_equal(status_of(f, &f->ana, job->id).job->status, JOB_ENQUEUED);
    assert_true(fixture_metric(f, "api_queue_push_failures_total") == 1);
    size_t changed;
    struct es_err err = { 0 };
    assert_int_equal(conversion_sweep(f->context, &changed, &err), ES_UNAVAILABLE);
    f->queue_ops = *f->true_queue_ops;
    assert_false(is_known(f, job->id));
    assert_works(conversion_sweep(f->context, &changed, reterr));
    assert_int_equal(changed, 1);
    assert_true(is_known(f, job->id));
    assert_works(conversion_sweep(f->context, &changed, reterr));
    assert_int_equal(changed, 0);
    fixture_finish(f, "sound");
    assert_works(conversion_sweep(f->context, &changed, reterr));
    assert_int_equal(changed, 0);
    assert_false(is_known(f, job->id));
}

static void a_queue_that_lost_everything_gets_running_jobs_again(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    assert_works(f->queue->ops->forget(f->queue, job->id, reterr));
    size_t changed;
    assert_works(conversion_sweep(f->context, &changed, reterr));
    assert_int_equal(changed, 1);
    fixture_finish(f, "sound"); /* its fences are greater than those of the life before */
    assert_int_equal(fixture_status(f, job->id), JOB_DONE);
}

static void a_job_cancelled_in_the_queue_is_cancelled_in_its_record(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    assert_works(f->queue->ops->cancel(f->queue, job->id, reterr));
    size_t changed;
    assert_works(conversion_sweep(f->context, &changed, reterr));
    assert_int_equal(changed, 1);
    assert_int_equal(fixture_status(f, job->id), JOB_CANCELLED);
}

static void a_dead_job_fails_once(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    assert_works(conversion_dead(f->context, job->id, reterr));
    assert_int_equal(fixture_status(f, job->id), JOB_FAILED);
    assert_false(is_known(f, job->id));
    assert_works(conversion_dead(f->context, job->id, reterr));
    assert_works(conversion_dead(f->context, "6d2f2f6e-1111-4111-8111-000000000001", reterr));
    struct job_view view;
    assert_works(conversion_retry(f->context, &f->ana, job->id, &f->arena, &view, reterr));
    fixture_finish(f, "sound");
    assert_works(conversion_dead(f->context, job->id, reterr)); /* too late to matter */
    assert_int_equal(fixture_status(f, job->id), JOB_DONE);
}

static void a_worker_that_died_after_its_last_write_is_cleared_up_after(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    struct job_change done = { .status = JOB_DONE, .fence = lease->fence, .at_ms = 1 };
    assert_works(f->meta->ops->job_change(f->meta, job->id, &done, reterr));
    struct es_err err = { 0 }; /* the queue still knows it; the next worker finds it done */
    assert_int_equal(conversion_started(f->context, lease, &err), ES_CANCELLED);
    assert_false(is_known(f, job->id));
    assert_int_equal(fixture_status(f, job->id), JOB_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(a_conversion_is_recorded_and_queued),
        with_fixture(what_cannot_be_converted_is_refused),
        with_fixture(a_user_has_so_many_unfinished_jobs_and_no_more),
        with_fixture(jobs_of_others_are_not_there),
        with_fixture(a_worker_carries_a_job_to_its_end),
        with_fixture(the_job_object_has_the_contract_members),
        with_fixture(a_failure_is_told_in_two_languages),
        with_fixture(a_cancelled_job_stops_and_can_begin_anew),
        with_fixture(a_deleted_job_leaves_nothing),
        with_fixture(a_queue_that_was_away_gets_its_jobs_from_the_sweep),
        with_fixture(a_queue_that_lost_everything_gets_running_jobs_again),
        with_fixture(a_job_cancelled_in_the_queue_is_cancelled_in_its_record),
        with_fixture(a_dead_job_fails_once),
        with_fixture(a_worker_that_died_after_its_last_write_is_cleared_up_after),
    };
    return cmocka_run_group_tests_name("service_conversion", tests, NULL, NULL);
}
