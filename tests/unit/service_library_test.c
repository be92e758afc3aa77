/* Uploads and the library: what gets in, who sees it, and that nothing stays behind. */
#include "service_fixture.h"

#include "wire/sha256.h"

static enum es_code upload_text(struct fixture *f, const char *filename, const char *text,
                                struct media_view *ret_view, struct es_err *reterr)
{
    struct upload *upload;
    enum es_code code = upload_begin(f->context, &f->ana, filename, &upload, reterr);
    if (code)
        return code;
    for (const char *c = text; *c; c++) { /* in the smallest pieces */
        code = upload_write(upload, c, 1, reterr);
        if (code) {
            upload_abort(upload);
            return code;
        }
    }
    assert_int_equal(upload_size_bytes(upload), strlen(text));
    return upload_finish(upload, &f->arena, ret_view, reterr);
}

static void an_upload_becomes_a_media(void **state)
{
    struct fixture *f = *state;
    struct media_view view;
    assert_works(upload_text(f, "C:\\music\\Canción.FLAC", MEDIA_BYTES, &view, reterr));
    const struct media *media = view.media;
    assert_string_equal(media->original_filename, "Canción.FLAC");
    assert_string_equal(media->original_extension, ".flac");
    assert_string_equal(media->source_object, es_printf(&f->arena, "uploads/%s/%s/original.flac",
                                                        f->ana.user_id, media->id));
    assert_string_equal(media->content_type, "audio/flac");
    assert_int_equal(media->original_size_bytes, strlen(MEDIA_BYTES));
    assert_int_equal(media->playback, PLAYBACK_PUBLIC);
    char text[SHA256_HEX_SIZE];
    es_auto(sha256) sum = sha256_open();
    sha256_add(sum, MEDIA_BYTES, strlen(MEDIA_BYTES));
    sha256_finish_hex(sum, text);
    assert_string_equal(media->sha256, text);
    assert_works(library_get(f->context, &f->ana, media->id, &f->arena, &view, reterr));
    assert_int_equal(view.media->status, MEDIA_UPLOADED);
    struct media *same;
    struct blob_reader *reader;
    assert_works(
        library_open_original(f->context, &f->ana, media->id, &f->arena, &same, &reader, reterr));
    assert_int_equal(reader->info.size_bytes, strlen(MEDIA_BYTES));
    blob_reader_close(reader);
    assert_true(fixture_metric(f, "api_media_uploads_total") == 1);
}

static void what_is_no_media_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct media_view view;
    assert_fails(upload_text(f, "a.mp3", "", &view, reterr), ES_MEDIA, "media_empty");
    assert_fails(upload_text(f, "a.mp3", "text that calls itself music", &view, reterr), ES_MEDIA,
                 "unsupported_format");
    char *large = es_alloc(&f->arena, 1100);
    memset(large, 'M', 1099);
    assert_fails(upload_text(f, "a.mp3", large, &view, reterr), ES_LIMIT, "upload_too_large");
    assert_fails(upload_text(f, "\xff\xfe.mp3", MEDIA_BYTES, &view, reterr), ES_INVALID,
                 "filename_invalid");
    struct upload *upload;
    assert_works(upload_begin(f->context, &f->ana, NULL, &upload, reterr));
    assert_works(upload_write(upload, "MEDIA:", 6, reterr));
    upload_abort(upload);
    assert_int_equal(fixture_count(f, "uploads/"), 0);
    struct media_query query = { .limit = 10 };
    struct media_view *views;
    size_t count;
    const char *next;
    assert_works(
        library_list(f->context, &f->ana, &query, &f->arena, &views, &count, &next, reterr));
    assert_int_equal(count, 0);
    assert_true(fixture_metric(f, "api_media_uploads_total") == 0);
}

static void an_upload_may_be_exactly_as_large_as_allowed(void **state)
{
    struct fixture *f = *state;
    char *text = es_alloc(&f->arena, 1001);
    memset(text, 'x', 1000);
    memcpy(text, "MEDIA:", 6);
    struct media_view view;
    assert_works(upload_text(f, "a.mp3", text, &view, reterr));
    assert_int_equal(view.media->original_size_bytes, 1000);
}

static enum es_code media_create_away(struct meta_store *store, const struct media *media,
                                      struct es_err *reterr)
{
    (void)store, (void)media;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static void a_store_that_is_away_takes_the_object_along(void **state)
{
    struct fixture *f = *state;
    f->meta_ops.media_create = media_create_away;
    struct media_view view;
    struct es_err err = { 0 };
    assert_int_equal(upload_text(f, "a.mp3", MEDIA_BYTES, &view, &err), ES_UNAVAILABLE);
    assert_int_equal(fixture_count(f, "uploads/"), 0);
}

static void an_upload_that_outlives_its_account_is_refused(void **state)
{
    struct fixture *f = *state;
    struct upload *upload;
    struct media_view view;
    assert_works(upload_begin(f->context, &f->ana, "a.mp3", &upload, reterr));
    assert_works(upload_write(upload, MEDIA_BYTES, strlen(MEDIA_BYTES), reterr));
    assert_works(accounts_delete(f->context, f->ana.user_id, reterr));
    assert_fails(upload_finish(upload, &f->arena, &view, reterr), ES_UNAUTHENTICATED,
                 "token_invalid");
    assert_int_equal(fixture_count(f, "uploads/"), 0);
}

static void other_users_media_is_not_there(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const char *const ids[] = { media->id,    "",    "x",
                                "../uploads", "%00", "0193f1a2-0000-7000-8000-000000000001" };
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        struct media_view view;
        struct media *record;
        struct blob_reader *reader;
        assert_fails(library_get(f->context, &f->luis, ids[i], &f->arena, &view, reterr),
                     ES_NOT_FOUND, "media_not_found");
        assert_fails(library_change(f->context, &f->luis, ids[i], "mine.mp3", PLAYBACK_UNSET,
                                    &f->arena, &view, reterr),
                     ES_NOT_FOUND, "media_not_found");
        assert_fails(library_delete(f->context, &f->luis, ids[i], reterr), ES_NOT_FOUND,
                     "media_not_found");
        assert_fails(library_open_original(f->context, &f->luis, ids[i], &f->arena, &record,
                                           &reader, reterr),
                     ES_NOT_FOUND, "media_not_found");
    }
    struct media_query query = { .user_id = f->ana.user_id, .limit = 10 };
    struct media_view *views;
    size_t count;
    const char *next;
    assert_works(
        library_list(f->context, &f->luis, &query, &f->arena, &views, &count, &next, reterr));
    assert_int_equal(count, 0); /* whatever user the query names */
}

static void a_media_can_be_changed_by_its_owner(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    struct media_view view;
    assert_works(library_change(f->context, &f->ana, media->id, "../../Nueva canción.flac",
                                PLAYBACK_SIGNED, &f->arena, &view, reterr));
    assert_string_equal(view.media->original_filename, "Nueva canción.flac");
    assert_int_equal(view.media->playback, PLAYBACK_SIGNED);
    assert_works(library_change(f->context, &f->ana, media->id, NULL, PLAYBACK_UNSET, &f->arena,
                                &view, reterr));
    assert_string_equal(view.media->original_filename, "Nueva canción.flac");
    assert_int_equal(view.media->playback, PLAYBACK_SIGNED);
    assert_fails(library_change(f->context, &f->ana, media->id, "\xff", PLAYBACK_UNSET, &f->arena,
                                &view, reterr),
                 ES_INVALID, "filename_invalid");
}

static void a_deleted_media_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac"),
                       *other = fixture_media(f, &f->ana, "other.flac");
    const struct job *done = fixture_job(f, &f->ana, media->id, JOB_MP3);
    fixture_finish(f, "sound");
    const struct job *running = fixture_job(f, &f->ana, media->id, JOB_HLS);
    struct lease *lease = fixture_lease(f);
    assert_works(conversion_started(f->context, lease, reterr));
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/v-1.m4s", media->id, running->id), "v");
    struct share share = { .recipient_username = "luis", .created_at_ms = 1 };
    memcpy(share.media_id, media->id, ES_ID_SIZE);
    memcpy(share.job_id, done->id, ES_ID_SIZE);
    memcpy(share.owner_id, f->ana.user_id, ES_ID_SIZE);
    memcpy(share.recipient_id, f->luis.user_id, ES_ID_SIZE);
    assert_works(f->meta->ops->share_add(f->meta, &share, reterr));

    assert_works(library_delete(f->context, &f->ana, media->id, reterr));
    assert_int_equal(fixture_count(f, "converted/"), 0);
    assert_int_equal(fixture_count(f, "uploads/"), 1);
    struct media_view view;
    assert_fails(library_get(f->context, &f->ana, media->id, &f->arena, &view, reterr),
                 ES_NOT_FOUND, "media_not_found");
    assert_works(library_get(f->context, &f->ana, other->id, &f->arena, &view, reterr));
    assert_fails(library_delete(f->context, &f->ana, media->id, reterr), ES_NOT_FOUND,
                 "media_not_found");

    /* The worker finds out, and what it published meanwhile goes too. */
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/v-2.m4s", media->id, running->id), "v");
    struct part_progress progress = { .seconds_done = 1 };
    struct es_err err = { 0 };
    assert_int_equal(f->queue->ops->extend(f->queue, lease, 1000, &progress, &err), ES_CANCELLED);
    assert_int_equal(conversion_done(f->context, lease, 1, NULL, &err), ES_CANCELLED);
    assert_works(conversion_discard(f->context, media->id, running->id, reterr));
    assert_int_equal(fixture_count(f, "converted/"), 0);
}

static enum es_code remove_all_away(struct blob_store *store, const char *prefix,
                                    struct es_err *reterr)
{
    (void)store, (void)prefix;
    return es_fail(reterr, ES_UNAVAILABLE, "away");
}

static void a_delete_that_failed_half_way_can_be_asked_for_again(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    fixture_job(f, &f->ana, media->id, JOB_MP3);
    fixture_finish(f, "sound");
    f->blob_ops.remove_all = remove_all_away;
    struct es_err err = { 0 };
    assert_int_equal(library_delete(f->context, &f->ana, media->id, &err), ES_UNAVAILABLE);
    f->blob_ops.remove_all = f->true_blob_ops->remove_all;
    assert_works(library_delete(f->context, &f->ana, media->id, reterr));
    assert_int_equal(fixture_count(f, "converted/") + fixture_count(f, "uploads/"), 0);
}

static void the_sweep_removes_orphans_alone(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    fixture_finish(f, "sound");
    fixture_put(f, es_printf(&f->arena, "uploads/%s/0193f1a2-dead/original.mp3", f->ana.user_id),
                "x");
    fixture_put(f, es_printf(&f->arena, "uploads/%s/%s/original.mp3", f->luis.user_id, media->id),
                "x"); /* the right media under a wrong user */
    fixture_put(f, es_printf(&f->arena, "converted/%s/dead/output.mp3", media->id), "x");
    fixture_put(f, es_printf(&f->arena, "converted/%s/dead/more/parts/1", media->id), "x");
    fixture_put(f, es_printf(&f->arena, "converted/dead/%s/output.mp3", job->id), "x");
    fixture_put(f, "elsewhere/a/b/c", "x");
    const struct job *cancelled = fixture_job(f, &f->ana, media->id, JOB_MP4);
    struct job_view view;
    assert_works(conversion_cancel(f->context, &f->ana, cancelled->id, &f->arena, &view, reterr));
    fixture_put(f, es_printf(&f->arena, "converted/%s/%s/output.mp4", media->id, cancelled->id),
                "left behind");
    size_t removed = 99;
    assert_works(library_sweep(f->context, 3600000, &removed, reterr));
    assert_int_equal(removed, 0); /* too young: an upload may be under way */
    assert_works(library_sweep(f->context, -1000, &removed, reterr));
    assert_int_equal(removed, 6);
    assert_int_equal(fixture_count(f, "uploads/"), 1);
    assert_int_equal(fixture_count(f, "converted/"), 1);
    assert_int_equal(fixture_count(f, "elsewhere/"), 1);
}

static void the_media_object_has_the_contract_members(void **state)
{
    struct fixture *f = *state;
    const struct media *media = fixture_media(f, &f->ana, "song.flac");
    const struct job *job = fixture_job(f, &f->ana, media->id, JOB_MP3);
    struct media_view view;
    assert_works(library_get(f->context, &f->ana, media->id, &f->arena, &view, reterr));
    json_auto object = media_view_json(&view, LANGUAGE_SPANISH);
    const char *const members[] = {
        "id",
        "user_id",
        "original_filename",
        "source_bucket",
        "source_object",
        "content_type",
        "original_extension",
        "original_size_bytes",
        "created_at",
        "status",
        "jobs",
        "job_ids",
        "shared_with",
        "sha256",
        "duration_seconds",
        "streams",
        "tags",
        "poster_url",
        "waveform_url",
        "playback",
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        assert_non_null(json_object_get(object, members[i]));
    assert_string_equal(json_member_string(object, "status", ""), "processing");
    assert_string_equal(json_member_string(object, "source_bucket", ""), "espotifai-media");
    const json_t *job_object = json_object_get(json_object_get(object, "jobs"), job->id);
    assert_string_equal(json_member_string(job_object, "status", ""), "enqueued");
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "job_ids"), 0)),
                        job->id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(an_upload_becomes_a_media),
        with_fixture(what_is_no_media_leaves_nothing),
        with_fixture(an_upload_may_be_exactly_as_large_as_allowed),
        with_fixture(a_store_that_is_away_takes_the_object_along),
        with_fixture(an_upload_that_outlives_its_account_is_refused),
        with_fixture(other_users_media_is_not_there),
        with_fixture(a_media_can_be_changed_by_its_owner),
        with_fixture(a_deleted_media_leaves_nothing),
        with_fixture(a_delete_that_failed_half_way_can_be_asked_for_again),
        with_fixture(the_sweep_removes_orphans_alone),
        with_fixture(the_media_object_has_the_contract_members),
    };
    return cmocka_run_group_tests_name("service_library", tests, NULL, NULL);
}
