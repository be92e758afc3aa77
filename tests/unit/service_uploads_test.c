/* Uploads whose conversions begin while they come. */
#include "service_fixture.h"

#include "base/es_clock.h"

#define HEAD_BYTES (160 * 1024) /* enough for a first look */

static const struct job_options no_options;

/* `size` bytes more, of which the first of all are those that the prober knows. */
static enum es_code feed(struct upload *upload, size_t size, struct es_err *reterr)
{
    size_t known = strlen(MEDIA_BYTES);
    es_auto_free char *bytes = es_malloc(size);
    if (upload_size_bytes(upload) == 0)
        memcpy(bytes, MEDIA_BYTES, known);
    return upload_write(upload, bytes, size, reterr);
}

static struct upload *begin(struct fixture *fixture, const char *filename)
{
    struct upload *upload;
    fixture->context->settings.upload_bytes_max = 1 << 20;
    assert_works(upload_begin(fixture->context, &fixture->ana, filename, &upload, reterr));
    return upload;
}

static struct upload *begin_wanting(struct fixture *fixture, enum job_target target)
{
    struct upload *upload = begin(fixture, "song.flac");
    assert_works(upload_want(upload, target, &no_options, reterr));
    return upload;
}

static struct media_view *library(struct fixture *fixture, size_t *ret_count)
{
    struct media_query query = { .limit = 10 };
    struct media_view *views;
    const char *next;
    assert_works(library_list(fixture->context, &fixture->ana, &query, &fixture->arena, &views,
                              ret_count, &next, reterr));
    return views;
}

static void assert_nothing_is_left(struct fixture *fixture)
{
    size_t count;
    library(fixture, &count);
    assert_int_equal(count, 0);
    assert_int_equal(fixture_count(fixture, ""), 0);
    int64_t length;
    assert_works(fixture->queue->ops->length(fixture->queue, &length, reterr));
    assert_int_equal(length, 0);
}

static void a_wanted_conversion_begins_before_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct upload *upload = begin_wanting(fixture, JOB_MP3);
    assert_works(feed(upload, 1000, reterr));
    size_t count;
    library(fixture, &count);
    assert_int_equal(count, 0); /* too little to know it by */
    assert_works(feed(upload, HEAD_BYTES, reterr));
    const struct media_view *view = library(fixture, &count);
    assert_int_equal(count, 1);
    assert_int_equal(view->media->status, MEDIA_UPLOADING);
    assert_int_equal(view->media->original_size_bytes, HEAD_BYTES + 1000);
    assert_null(view->media->sha256);
    assert_int_equal(view->job_count, 1);
    assert_works(feed(upload, 5000, reterr));
    assert_int_equal(library(fixture, &count)->media->original_size_bytes, HEAD_BYTES + 6000);

    struct lease *lease = fixture_lease(fixture);
    assert_works(conversion_started(fixture->context, lease, reterr));
    struct media_view whole;
    assert_works(upload_want(upload, JOB_HLS, &no_options, reterr)); /* late: when it is whole */
    assert_works(upload_finish(upload, &fixture->arena, &whole, reterr));
    assert_int_equal(whole.media->status, MEDIA_PROCESSING);
    assert_int_equal(whole.media->original_size_bytes, HEAD_BYTES + 6000);
    assert_non_null(whole.media->sha256);
    assert_int_equal(whole.job_count, 2);
    assert_string_equal(whole.media->id, view->media->id);
    assert_int_equal(fixture_count(fixture, "uploads/"), 1);
}

static void what_is_too_short_for_a_first_look_is_converted_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct upload *upload = begin_wanting(fixture, JOB_MP3);
    assert_works(feed(upload, 1000, reterr));
    struct media_view view;
    assert_works(upload_finish(upload, &fixture->arena, &view, reterr));
    assert_int_equal(view.job_count, 1);
    assert_int_equal(view.media->status, MEDIA_PROCESSING);
    assert_int_equal(fixture_lease(fixture)->part.kind, PART_PLAN);
}

static void an_upload_that_is_given_up_takes_media_jobs_and_outputs_with_it(void **state)
{
    struct fixture *fixture = *state;
    struct upload *upload = begin_wanting(fixture, JOB_HLS);
    assert_works(feed(upload, HEAD_BYTES, reterr));
    struct lease *lease = fixture_lease(fixture);
    fixture_put(fixture,
                es_printf(&fixture->arena, "converted/%s/%s/video-1.m4s", lease->media_id,
                          lease->part.job_id),
                "a segment");
    upload_abort(upload);
    assert_nothing_is_left(fixture);
    assert_fails(conversion_status(fixture->context, &fixture->ana, lease->part.job_id, NULL,
                                   &fixture->arena, &(struct job_view){ 0 }, reterr),
                 ES_NOT_FOUND, "job_not_found");
}

static void what_is_no_media_is_refused_early(void **state)
{
    struct fixture *fixture = *state;
    struct upload *upload = begin_wanting(fixture, JOB_MP3);
    es_auto_free char *bytes = es_malloc(HEAD_BYTES);
    assert_fails(upload_write(upload, bytes, HEAD_BYTES, reterr), ES_MEDIA, "unsupported_format");
    upload_abort(upload);
    assert_nothing_is_left(fixture);
}

static void a_wish_that_cannot_be_met_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct upload *upload = begin(fixture, "song.flac");
    const struct job_options wrong = { .bitrate_kbps = 5 };
    assert_fails(upload_want(upload, JOB_TARGET_UNSET, &no_options, reterr), ES_INVALID,
                 "target_invalid");
    assert_fails(upload_want(upload, JOB_MP3, &wrong, reterr), ES_INVALID, "option_invalid");
    for (int i = 0; i < 5; i++) /* as many as may be unfinished */
        assert_works(upload_want(upload, JOB_MP3, &no_options, reterr));
    assert_fails(upload_want(upload, JOB_MP3, &no_options, reterr), ES_LIMIT, "too_many_jobs");
    upload_abort(upload);
    assert_nothing_is_left(fixture);
}

static void a_media_that_was_deleted_meanwhile_does_not_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct upload *upload = begin_wanting(fixture, JOB_MP3);
    assert_works(feed(upload, HEAD_BYTES, reterr));
    size_t count;
    const char *media_id = library(fixture, &count)->media->id;
    assert_works(library_delete(fixture->context, &fixture->ana, media_id, reterr));
    struct media_view view;
    assert_fails(upload_finish(upload, &fixture->arena, &view, reterr), ES_NOT_FOUND,
                 "media_not_found");
    assert_nothing_is_left(fixture);
}

static void the_sweep_ends_what_nobody_uploads_any_more(void **state)
{
    struct fixture *fixture = *state;
    struct upload *alive = begin_wanting(fixture, JOB_MP3);
    assert_works(feed(alive, HEAD_BYTES, reterr));
    size_t removed, count;
    assert_works(uploads_sweep(fixture->context, &removed, reterr));
    assert_int_equal(removed, 0);

    /* What a process leaves that died: a record and jobs, but no object that grows. */
    struct media dead = *library(fixture, &count)->media;
    es_id_v7(dead.id);
    dead.source_object = "uploads/x/y/original.flac";
    assert_works(fixture->meta->ops->media_create(fixture->meta, &dead, reterr));
    fixture_job(fixture, &fixture->ana, dead.id, JOB_MP3);
    assert_works(uploads_sweep(fixture->context, &removed, reterr));
    assert_int_equal(removed, 1);
    assert_string_not_equal(library(fixture, &count)->media->id, dead.id);
    assert_int_equal(count, 1);

    struct media_view view;
    assert_works(upload_finish(alive, &fixture->arena, &view, reterr));
    assert_works(uploads_sweep(fixture->context, &removed, reterr));
    assert_int_equal(removed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(a_wanted_conversion_begins_before_the_end),
        with_fixture(what_is_too_short_for_a_first_look_is_converted_at_the_end),
        with_fixture(an_upload_that_is_given_up_takes_media_jobs_and_outputs_with_it),
        with_fixture(what_is_no_media_is_refused_early),
        with_fixture(a_wish_that_cannot_be_met_is_refused),
        with_fixture(a_media_that_was_deleted_meanwhile_does_not_come_back),
        with_fixture(the_sweep_ends_what_nobody_uploads_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
