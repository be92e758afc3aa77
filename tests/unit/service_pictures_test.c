/* Pictures: made once, in the background or when asked for, seen by who may play, remembered when
 * they fail, gone with their media. */
#include "service_fixture.h"

#include <pthread.h>

#include "base/es_clock.h"
#include "base/es_text.h"
#include "service/conversion.h"
#include "service/pictures.h"
#include "service/sharing.h"

/* A depicter that does as the test says. */
struct scripted {
    struct media_depicter base;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_held; /* it blocks until this is false, or it is told to give up */
    int calls, running, given_up;
    enum es_code code; /* what it answers */
    const char *word;
    int failures_left; /* after so many it succeeds; < 0: never */
    char order[64];    /* the first letters of what it was asked for */
};

static void put(struct blob_store *blobs, const char *key)
{
    struct blob_writer *writer;
    assert_works(blobs->ops->create(blobs, key, &writer, reterr));
    assert_works(writer->ops->write(writer, "picture", 7, reterr));
    assert_works(writer->ops->commit(writer, NULL, reterr));
}

static enum es_code depict(struct media_depicter *base, const struct depiction_order *order,
                           struct depiction_result *ret_result, struct es_err *reterr)
{
    struct scripted *scripted = (struct scripted *)base;
    pthread_mutex_lock(&scripted->mutex);
    scripted->order[scripted->calls++] = depiction_name(order->depiction)[0];
    scripted->running++;
    pthread_cond_broadcast(&scripted->changed);
    while (scripted->is_held && !order->is_cancelled(order->context)) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 5000000;
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&scripted->changed, &scripted->mutex, &soon);
    }
    enum es_code code = ES_OK;
    if (order->is_cancelled(order->context)) {
        scripted->given_up++;
        code = es_fail(reterr, ES_CANCELLED, "given up");
    } else if (scripted->failures_left != 0) {
        scripted->failures_left--;
        code = es_fail_word(reterr, scripted->code, scripted->word, "as the test says");
    }
    pthread_mutex_unlock(&scripted->mutex);
    es_auto_arena arena = { 0 };
    if (code == ES_OK) {
        put(order->blobs,
            es_printf(&arena, "%s/%s", order->prefix, depiction_object(order->depiction)));
        ret_result->loudness =
            (struct media_loudness){ order->depiction == DEPICTION_WAVEFORM, -14, 6, -1 };
    }
    pthread_mutex_lock(&scripted->mutex);
    scripted->running--;
    pthread_cond_broadcast(&scripted->changed);
    pthread_mutex_unlock(&scripted->mutex);
    return code;
}

static const struct media_depicter_ops ops = { .name = "scripted", .depict = depict };

/* A context with a depicter beside the fixture's own, over the same stores. */
struct stage {
    struct fixture *fixture;
    struct scripted scripted;
    struct service_context *context;
};

static int stage_open(void **state)
{
    struct stage *stage = es_malloc(sizeof(*stage));
    void *fixture = NULL;
    fixture_open(&fixture);
    stage->fixture = fixture;
    stage->scripted.base.ops = &ops;
    pthread_mutex_init(&stage->scripted.mutex, NULL);
    pthread_cond_init(&stage->scripted.changed, NULL);
    struct fixture *f = fixture;
    struct service_ports ports = { .meta = f->meta,
                                   .queue = f->queue,
                                   .blobs = f->blobs,
                                   .prober = &f->prober,
                                   .metrics = f->metrics,
                                   .depicter = &stage->scripted.base };
    struct service_settings settings = fixture_settings();
    assert_works(service_context_open(&ports, &settings, &stage->context, reterr));
    *state = stage;
    return 0;
}

static int stage_close(void **state)
{
    struct stage *stage = *state;
    if (stage->context)
        service_context_close(stage->context);
    void *fixture = stage->fixture;
    fixture_close(&fixture);
    free(stage);
    return 0;
}

static void hold(struct stage *stage, bool is_held)
{
    pthread_mutex_lock(&stage->scripted.mutex);
    stage->scripted.is_held = is_held;
    pthread_cond_broadcast(&stage->scripted.changed);
    pthread_mutex_unlock(&stage->scripted.mutex);
}

static void await_calls(struct stage *stage, int calls)
{
    pthread_mutex_lock(&stage->scripted.mutex);
    while (stage->scripted.calls < calls)
        pthread_cond_wait(&stage->scripted.changed, &stage->scripted.mutex);
    pthread_mutex_unlock(&stage->scripted.mutex);
}

static int calls_of(struct stage *stage)
{
    pthread_mutex_lock(&stage->scripted.mutex);
    int calls = stage->scripted.calls;
    pthread_mutex_unlock(&stage->scripted.mutex);
    return calls;
}

/* How many tries have ended, whatever became of them. */
static void await_outcomes(struct stage *stage, double count)
{
    while (fixture_metric(stage->fixture, "api_pictures_total") < count)
        es_sleep_ms(1);
}

static enum es_code ask(struct stage *stage, const struct caller *caller, const char *media_id,
                        enum depiction depiction, struct picture *ret_picture,
                        struct es_err *reterr)
{
    struct picture_request request = { .by = { .caller = caller, .media_id = media_id },
                                       .depiction = depiction };
    return pictures_open(stage->context, &request, &stage->fixture->arena, ret_picture, reterr);
}

static void assert_there(struct stage *stage, const char *media_id, enum depiction depiction)
{
    struct picture picture = { 0 };
    assert_works(ask(stage, &stage->fixture->ana, media_id, depiction, &picture, reterr));
    assert_non_null(picture.reader);
    assert_int_equal(picture.reader->info.size_bytes, 7);
    blob_reader_close(picture.reader);
}

static const struct media *upload(struct stage *stage)
{
    struct upload *upload;
    struct media_view view;
    assert_works(upload_begin(stage->context, &stage->fixture->ana, "a.flac", &upload, reterr));
    assert_works(upload_write(upload, MEDIA_BYTES, strlen(MEDIA_BYTES), reterr));
    assert_works(upload_finish(upload, &stage->fixture->arena, &view, reterr));
    return view.media;
}

static void an_upload_is_followed_by_its_pictures(void **state)
{
    struct stage *stage = *state;
    const struct media *media = upload(stage); /* sound without cover art: a waveform is all */
    await_outcomes(stage, 1);
    assert_string_equal(stage->scripted.order, "w");
    assert_there(stage, media->id, DEPICTION_WAVEFORM);
    struct media_view view;
    assert_works(library_get(stage->context, &stage->fixture->ana, media->id,
                             &stage->fixture->arena, &view, reterr));
    assert_true(view.media->facts.loudness.is_known);
    assert_true(view.media->facts.loudness.integrated_lufs == -14);
    struct picture picture;
    assert_fails(ask(stage, &stage->fixture->ana, media->id, DEPICTION_POSTER, &picture, reterr),
                 ES_NOT_FOUND, "depiction_none");
    assert_int_equal(calls_of(stage), 1);
}

static void what_is_asked_for_is_made_once_however_many_ask(void **state)
{
    struct stage *stage = *state;
    const struct media *media = fixture_media(stage->fixture, &stage->fixture->ana, "a.flac");
    hold(stage, true);
    for (int i = 0; i < 10; i++) {
        struct picture picture = { 0 };
        assert_works(
            ask(stage, &stage->fixture->ana, media->id, DEPICTION_WAVEFORM, &picture, reterr));
        assert_null(picture.reader);
        assert_string_equal(picture.awaited_key,
                            es_printf(&stage->fixture->arena, "uploads/%s/%s/waveform.json",
                                      media->user_id, media->id));
    }
    hold(stage, false);
    await_outcomes(stage, 1);
    assert_int_equal(calls_of(stage), 1);
    assert_there(stage, media->id, DEPICTION_WAVEFORM);
}

static void what_somebody_waits_for_comes_first(void **state)
{
    struct stage *stage = *state;
    hold(stage, true);
    const struct media *first = upload(stage);
    await_calls(stage, 1);
    const struct media *second = upload(stage), *third = upload(stage);
    struct picture picture = { 0 };
    assert_works(ask(stage, &stage->fixture->ana, third->id, DEPICTION_WAVEFORM, &picture, reterr));
    hold(stage, false);
    await_outcomes(stage, 1);
    while (true) { /* the third is there before the second */
        struct blob_info info;
        struct fixture *f = stage->fixture;
        const char *keys[2];
        const struct media *media[] = { second, third };
        bool is_there[2];
        for (int i = 0; i < 2; i++) {
            keys[i] = es_printf(&f->arena, "uploads/%s/%s/waveform.json", media[i]->user_id,
                                media[i]->id);
            is_there[i] = f->blobs->ops->stat(f->blobs, keys[i], &info, NULL) == ES_OK;
        }
        if (is_there[0])
            assert_int_equal(f->blobs->ops->stat(f->blobs, keys[1], &info, NULL), ES_OK);
        if (is_there[0] && is_there[1])
            break;
        es_sleep_ms(1);
    }
    assert_there(stage, first->id, DEPICTION_WAVEFORM);
}

static void what_cannot_be_made_is_remembered(void **state)
{
    struct stage *stage = *state;
    stage->scripted.failures_left = -1;
    stage->scripted.code = ES_MEDIA;
    stage->scripted.word = "media_damaged";
    const struct media *media = upload(stage);
    await_outcomes(stage, 1);
    struct picture picture;
    for (int i = 0; i < 3; i++)
        assert_fails(
            ask(stage, &stage->fixture->ana, media->id, DEPICTION_WAVEFORM, &picture, reterr),
            ES_NOT_FOUND, "depiction_failed");
    assert_int_equal(calls_of(stage), 1);
}

static void what_kills_its_child_is_tried_twice(void **state)
{
    struct stage *stage = *state;
    stage->scripted.failures_left = 1;
    stage->scripted.code = ES_MEDIA;
    stage->scripted.word = "decoder_crashed";
    const struct media *media = upload(stage);
    await_outcomes(stage, 1);
    assert_int_equal(calls_of(stage), 2);
    assert_there(stage, media->id, DEPICTION_WAVEFORM);
    stage->scripted.failures_left = -1;
    media = upload(stage);
    await_outcomes(stage, 2);
    assert_int_equal(calls_of(stage), 4);
    struct picture picture;
    assert_fails(ask(stage, &stage->fixture->ana, media->id, DEPICTION_WAVEFORM, &picture, reterr),
                 ES_NOT_FOUND, "depiction_failed");
}

static void what_failed_for_a_passing_reason_is_tried_again(void **state)
{
    struct stage *stage = *state;
    stage->scripted.failures_left = 1;
    stage->scripted.code = ES_UNAVAILABLE;
    const struct media *media = upload(stage);
    await_outcomes(stage, 1);
    struct picture picture = { 0 };
    while (!picture.reader) { /* as a request does that waits */
        assert_works(
            ask(stage, &stage->fixture->ana, media->id, DEPICTION_WAVEFORM, &picture, reterr));
        es_sleep_ms(1);
    }
    blob_reader_close(picture.reader);
    assert_int_equal(calls_of(stage), 2);
}

static void a_deleted_media_leaves_no_picture(void **state)
{
    struct stage *stage = *state;
    hold(stage, true);
    const struct media *media = upload(stage);
    await_calls(stage, 1);
    const struct media *waiting = upload(stage);
    assert_works(library_delete(stage->context, &stage->fixture->ana, waiting->id, reterr));
    assert_works(library_delete(stage->context, &stage->fixture->ana, media->id, reterr));
    await_outcomes(stage, 1); /* without being let go on */
    assert_int_equal(stage->scripted.given_up, 1);
    assert_int_equal(calls_of(stage), 1);
    assert_int_equal(fixture_count(stage->fixture, "uploads/"), 0);
    /* Deleted by another process, which cannot tell this one to give up. */
    media = upload(stage);
    await_calls(stage, 2);
    assert_works(library_delete(stage->fixture->context, &stage->fixture->ana, media->id, reterr));
    hold(stage, false);
    await_outcomes(stage, 2);
    assert_int_equal(fixture_count(stage->fixture, "uploads/"), 0);
}

static void closing_does_not_wait_for_pictures(void **state)
{
    struct stage *stage = *state;
    hold(stage, true);
    upload(stage);
    upload(stage);
    await_calls(stage, 1);
    service_context_close(es_take(stage->context));
    assert_int_equal(stage->scripted.given_up, 1);
    assert_int_equal(calls_of(stage), 1);
}

static void who_may_play_may_see(void **state)
{
    struct stage *stage = *state;
    struct fixture *f = stage->fixture;
    const struct media *media = upload(stage);
    await_outcomes(stage, 1);
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    fixture_finish(f, "mp3");
    struct picture picture = { 0 };
    assert_there(stage, media->id, DEPICTION_WAVEFORM);
    assert_fails(ask(stage, &f->luis, media->id, DEPICTION_WAVEFORM, &picture, reterr),
                 ES_NOT_FOUND, "media_not_found");
    assert_fails(ask(stage, NULL, media->id, DEPICTION_WAVEFORM, &picture, reterr),
                 ES_UNAUTHENTICATED, "unauthenticated");
    struct picture_request request = { .by = { .media_id = media->id, .job_id = job->id },
                                       .depiction = DEPICTION_WAVEFORM };
    assert_works(pictures_open(stage->context, &request, &f->arena, &picture, reterr));
    blob_reader_close(picture.reader);
    const struct media *other = fixture_media(f, &f->ana, "b.flac");
    request.by.media_id = other->id; /* a job of another media gives no right */
    assert_fails(pictures_open(stage->context, &request, &f->arena, &picture, reterr), ES_NOT_FOUND,
                 "job_not_found");
    struct share *share;
    assert_works(sharing_add(stage->context, &f->ana, media->id, job->id, "luis", &f->arena, &share,
                             reterr));
    assert_works(ask(stage, &f->luis, media->id, DEPICTION_WAVEFORM, &picture, reterr));
    blob_reader_close(picture.reader);
    assert_fails(ask(stage, &f->eva, media->id, DEPICTION_WAVEFORM, &picture, reterr), ES_NOT_FOUND,
                 "media_not_found");
    request.by.media_id = media->id;
    request.file = "original.flac";
    assert_fails(pictures_open(stage->context, &request, &f->arena, &picture, reterr), ES_NOT_FOUND,
                 "not_found");
}

static void a_storyboard_points_to_its_sheets(void **state)
{
    (void)state;
    es_auto_buf text = { 0 };
    storyboard_point("WEBVTT\n\n00:00 --> 00:02\nstoryboard-001.jpg#xywh=0,0,160,90\n\n"
                     "00:02 --> 00:04\nstoryboard-002.jpg#xywh=160,0,160,90",
                     "storyboard/", "?link=a%2b", &text);
    assert_string_equal(es_buf_text(&text),
                        "WEBVTT\n\n00:00 --> 00:02\n"
                        "storyboard/storyboard-001.jpg?link=a%2b#xywh=0,0,160,90\n\n"
                        "00:02 --> 00:04\n"
                        "storyboard/storyboard-002.jpg?link=a%2b#xywh=160,0,160,90");
}

static void only_its_own_objects_are_a_depictions(void **state)
{
    (void)state;
    assert_true(depiction_has_object(DEPICTION_POSTER, "poster.jpg"));
    assert_true(depiction_has_object(DEPICTION_WAVEFORM, "waveform.png"));
    assert_true(depiction_has_object(DEPICTION_WAVEFORM, "waveform.json"));
    assert_true(depiction_has_object(DEPICTION_STORYBOARD, "storyboard.vtt"));
    assert_true(depiction_has_object(DEPICTION_STORYBOARD, "storyboard-001.jpg"));
    static const char *const others[] = { "",
                                          "original.flac",
                                          "poster.jpg",
                                          "storyboard-1.jpg",
                                          "storyboard-0001.jpg",
                                          "storyboard-00a.jpg",
                                          "storyboard-001.jpg.x",
                                          "storyboard.failed" };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_false(depiction_has_object(DEPICTION_STORYBOARD, others[i]));
}

int main(void)
{
#define with_stage(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)
    const struct CMUnitTest tests[] = {
        with_stage(an_upload_is_followed_by_its_pictures),
        with_stage(what_is_asked_for_is_made_once_however_many_ask),
        with_stage(what_somebody_waits_for_comes_first),
        with_stage(what_cannot_be_made_is_remembered),
        with_stage(what_kills_its_child_is_tried_twice),
        with_stage(what_failed_for_a_passing_reason_is_tried_again),
        with_stage(a_deleted_media_leaves_no_picture),
        with_stage(closing_does_not_wait_for_pictures),
        with_stage(who_may_play_may_see),
        cmocka_unit_test(a_storyboard_points_to_its_sheets),
        cmocka_unit_test(only_its_own_objects_are_a_depictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
