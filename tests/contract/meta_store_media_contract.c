/* What port/meta_store.h promises of media. */
#include "meta_store_fixture.h"

static void a_media_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    const struct stream_facts streams[] = {
        { .kind = STREAM_VIDEO,
          .codec = "h264",
          .width = 1280,
          .height = 720,
          .frame_rate = 30000.0 / 1001,
          .bit_rate = 1000000 },
        { .kind = STREAM_AUDIO,
          .codec = "aac",
          .language = "spa",
          .channels = 2,
          .sample_rate = 48000,
          .bit_rate = 128000 },
    };
    const struct media_tag tags[] = { { "title", "Canción \"1\"" }, { "artist", "Ñu" } };
    struct media media = make_media(&ana, "fílm.mkv", 77), *read;
    media.facts = (struct media_facts){ .format = "matroska",
                                        .content_type = "video/x-matroska",
                                        .duration_seconds = 0.1,
                                        .streams = streams,
                                        .stream_count = 2,
                                        .tags = tags,
                                        .tag_count = 2 };
    media.playback = PLAYBACK_SIGNED;
    media.link_epoch = 3;
    CALL(media_create, &media);
    CALL(media_get, media.id, &f->arena, &read);
    assert_string_equal(read->id, media.id);
    assert_string_equal(read->user_id, ana.id);
    assert_string_equal(read->original_filename, media.original_filename);
    assert_string_equal(read->source_object, media.source_object);
    assert_string_equal(read->content_type, media.content_type);
    assert_string_equal(read->original_extension, ".mp3");
    assert_int_equal(read->original_size_bytes, 1234);
    assert_string_equal(read->sha256, "00ff");
    assert_int_equal(read->created_at_ms, 77);
    assert_int_equal(read->status, MEDIA_UPLOADED);
    assert_int_equal(read->playback, PLAYBACK_SIGNED);
    assert_int_equal(read->link_epoch, 3);
    assert_string_equal(read->facts.format, "matroska");
    assert_true(read->facts.duration_seconds == 0.1);
    assert_int_equal(read->facts.stream_count, 2);
    assert_true(read->facts.streams[0].frame_rate > 29.97002 &&
                read->facts.streams[0].frame_rate < 29.97004);
    assert_string_equal(read->facts.streams[1].language, "spa");
    assert_int_equal(read->facts.streams[1].sample_rate, 48000);
    assert_int_equal(read->facts.tag_count, 2);
    bool has_title = false;
    for (size_t i = 0; i < 2; i++)
        has_title |= strcmp(read->facts.tags[i].name, "title") == 0 &&
                     strcmp(read->facts.tags[i].value, tags[0].value) == 0;
    assert_true(has_title);

    REFUSED(ES_CONFLICT, "media_exists", media_create, &media);
    REFUSED(ES_NOT_FOUND, "media_not_found", media_get, "none", &f->arena, &read);
    struct media orphan = make_media(&(struct user){ .id = "nobody" }, "x.mp3", 1);
    REFUSED(ES_NOT_FOUND, "user_not_found", media_create, &orphan);
}

static void a_media_is_changed_field_by_field(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "old.mp3", 1), *read;
    CALL(media_change, media.id, (&(struct media_change){ .original_filename = "NUEVO.mp3" }));
    CALL(media_get, media.id, &f->arena, &read);
    assert_string_equal(read->original_filename, "NUEVO.mp3");
    assert_int_equal(read->playback, PLAYBACK_PUBLIC);
    assert_int_equal(read->link_epoch, 0);
    CALL(media_change, media.id,
         (&(struct media_change){ .playback = PLAYBACK_SIGNED, .revokes_links = true }));
    CALL(media_change, media.id,
         (&(struct media_change){ .status = MEDIA_ERROR, .revokes_links = true }));
    CALL(media_get, media.id, &f->arena, &read);
    assert_string_equal(read->original_filename, "NUEVO.mp3");
    assert_int_equal(read->playback, PLAYBACK_SIGNED);
    assert_int_equal(read->status, MEDIA_ERROR);
    assert_int_equal(read->link_epoch, 2);
    assert_false(read->facts.loudness.is_known);
    struct media_loudness loudness = { true, -14.25, 6.5, -0.5 };
    CALL(media_change, media.id, (&(struct media_change){ .loudness = &loudness }));
    CALL(media_get, media.id, &f->arena, &read);
    assert_true(read->facts.loudness.is_known);
    assert_true(read->facts.loudness.integrated_lufs == -14.25);
    assert_true(read->facts.loudness.range_lu == 6.5);
    assert_true(read->facts.loudness.true_peak_dbtp == -0.5);
    assert_int_equal(read->facts.stream_count, media.facts.stream_count);
    REFUSED(ES_NOT_FOUND, "media_not_found", media_change, "none",
            (&(struct media_change){ .revokes_links = true }));

    struct media *found; /* and is found under its new name */
    size_t count;
    const char *next;
    struct media_query query = { .user_id = ana.id, .text = "nuevo", .limit = 5 };
    CALL(media_list, &query, &f->arena, &found, &count, &next);
    assert_int_equal(count, 1);
    query.text = "old";
    CALL(media_list, &query, &f->arena, &found, &count, &next);
    assert_int_equal(count, 0);
}

/* Reads all pages of `limit` and returns how many media there were, their names one a line in
 * `ret_names`. */
static size_t list_all(struct fixture *f, struct media_query query, const char **ret_names)
{
    size_t total = 0;
    const char *names = "";
    for (;;) {
        struct media *media;
        size_t count;
        const char *next = "untouched";
        CALL(media_list, &query, &f->arena, &media, &count, &next);
        assert_true(count <= query.limit);
        for (size_t i = 0; i < count; i++)
            names = es_printf(&f->arena, "%s%s\n", names, media[i].original_filename);
        total += count;
        if (!next)
            break;
        assert_int_equal(count, query.limit);
        query.cursor = next;
    }
    *ret_names = names;
    return total;
}

static void media_are_sorted_and_paged(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    add_media(f, &ben, "foreign", 5);
    const struct {
        const char *name;
        int64_t created_at_ms, size_bytes;
    } rows[] = {
        { "Beta", 10, 300 },  { "alfa", 20, 100 },  { "Épica", 20, 900 }, { "gamma", 30, 50 },
        { "ALFA2", 40, 700 }, { "épica0", 50, 20 }, { "delta", 60, 600 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct media media = make_media(&ana, rows[i].name, rows[i].created_at_ms);
        media.original_size_bytes = rows[i].size_bytes;
        snprintf(media.id, sizeof(media.id), "00000000-0000-7000-8000-00000000000%zu", i);
        CALL(media_create, &media);
    }
    const struct {
        enum media_sort sort;
        const char *names;
    } sorts[] = {
        { MEDIA_SORT_UNSET, "delta\népica0\nALFA2\ngamma\nÉpica\nalfa\nBeta\n" },
        { MEDIA_NEWEST, "delta\népica0\nALFA2\ngamma\nÉpica\nalfa\nBeta\n" },
        { MEDIA_OLDEST, "Beta\nalfa\nÉpica\ngamma\nALFA2\népica0\ndelta\n" },
        { MEDIA_BY_NAME, "alfa\nALFA2\nBeta\ndelta\ngamma\nÉpica\népica0\n" },
        { MEDIA_LARGEST, "Épica\nALFA2\ndelta\nBeta\nalfa\ngamma\népica0\n" },
    };
    for (size_t i = 0; i < COUNT_OF(sorts); i++)
        for (size_t limit = 1; limit <= 8; limit++) {
            const char *names;
            struct media_query query = { .user_id = ana.id, .sort = sorts[i].sort, .limit = limit };
            assert_int_equal(list_all(f, query, &names), COUNT_OF(rows));
            assert_string_equal(names, sorts[i].names);
        }
}

static void a_page_begins_where_the_last_one_ended_whatever_came_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media *media, gone[4];
    for (int i = 0; i < 4; i++)
        gone[i] = add_media(f, &ana, "x", 10 + i);
    size_t count;
    const char *next;
    struct media_query query = { .user_id = ana.id, .limit = 2 };
    CALL(media_list, &query, &f->arena, &media, &count, &next);
    assert_int_equal(media[1].created_at_ms, 12);
    add_media(f, &ana, "newer", 99);
    CALL(media_delete, gone[2].id); /* the one that the cursor stands on */
    query.cursor = next;
    CALL(media_list, &query, &f->arena, &media, &count, &next);
    assert_int_equal(count, 2);
    assert_int_equal(media[0].created_at_ms, 11);
    assert_int_equal(media[1].created_at_ms, 10);
    assert_null(next);
}

static void a_cursor_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    add_media(f, &ana, "a", 1);
    add_media(f, &ana, "b", 2);
    struct media *media;
    struct job *jobs;
    size_t count;
    const char *next, *unused;
    struct media_query query = { .user_id = ana.id, .limit = 1 };
    CALL(media_list, &query, &f->arena, &media, &count, &next);
    const char *bad[] = { "", "x", "zz", "00", "6e2031", next + 1, next + 2 };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        query.cursor = bad[i];
        REFUSED(ES_INVALID, "cursor_invalid", media_list, &query, &f->arena, &media, &count,
                &unused);
        struct job_query job_query = { .cursor = bad[i], .limit = 1 };
        REFUSED(ES_INVALID, "cursor_invalid", job_list, &job_query, &f->arena, &jobs, &count,
                &unused);
    }
    query.cursor = next;
    query.sort = MEDIA_BY_NAME;
    REFUSED(ES_INVALID, "cursor_invalid", media_list, &query, &f->arena, &media, &count, &unused);
}

static void media_are_found_by_text_type_and_status(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    const struct stream_facts video[] = { { .kind = STREAM_AUDIO, .codec = "aac" },
                                          { .kind = STREAM_VIDEO, .codec = "h264" } };
    const struct stream_facts audio[] = { { .kind = STREAM_AUDIO, .codec = "mp3" },
                                          { .kind = STREAM_PICTURE, .codec = "mjpeg" } };
    const struct media_tag tags[] = { { "title", "La CanciÓN" },
                                      { "artist", "Sofía Б" },
                                      { "album", "100% real_" },
                                      { "comment", "hidden" } };
    struct media song = make_media(&ana, "Uno.mp3", 1), film = make_media(&ana, "DOS.mp4", 2);
    song.facts.streams = audio;
    song.facts.tags = tags;
    song.facts.tag_count = 4;
    film.facts.streams = video;
    song.facts.stream_count = film.facts.stream_count = 2;
    film.status = MEDIA_READY;
    CALL(media_create, &song);
    CALL(media_create, &film);
    const struct {
        struct media_query query;
        const char *names;
    } cases[] = {
        { { .text = "uno" }, "Uno.mp3\n" },
        { { .text = "CANCIón" }, "Uno.mp3\n" },
        { { .text = "SOFÍ" }, "Uno.mp3\n" },
        { { .text = "б" }, "Uno.mp3\n" },
        { { .text = "0% r" }, "Uno.mp3\n" },
        { { .text = "%" }, "Uno.mp3\n" },
        { { .text = "l_" }, "Uno.mp3\n" },
        { { .text = "_a" }, "" },
        { { .text = "hidden" }, "" },
        { { .text = "mp3\nla" }, "" },
        { { .text = ".mp" }, "DOS.mp4\nUno.mp3\n" },
        { { .text = "" }, "DOS.mp4\nUno.mp3\n" },
        { { .type = "audio" }, "Uno.mp3\n" },
        { { .type = "video" }, "DOS.mp4\n" },
        { { .status = MEDIA_READY }, "DOS.mp4\n" },
        { { .status = MEDIA_READY, .type = "audio" }, "" },
        { { .status = MEDIA_UPLOADED, .type = "audio", .text = "n", .sort = MEDIA_BY_NAME },
          "Uno.mp3\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct media_query query = cases[i].query;
        const char *names;
        query.user_id = ana.id;
        query.limit = 1;
        list_all(f, query, &names);
        assert_string_equal(names, cases[i].names);
    }
}

static void a_media_is_uploading_until_it_is_complete(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), luis = add_user(f, "luis");
    struct media media = make_media(&ana, "film.mkv", 77), *read;
    media.status = MEDIA_UPLOADING;
    media.sha256 = NULL;
    CALL(media_create, &media);
    add_media(f, &luis, "other.mkv", 78);
    CALL(media_get, media.id, &f->arena, &read);
    assert_null(read->sha256);
    struct job job = add_job(f, &media, 100);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADING);
    change_to(f, &job, JOB_PROCESSING, 1);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADING);

    struct media_query query = { .status = MEDIA_UPLOADING, .limit = 5 }; /* of any user */
    struct media *found;
    size_t count;
    const char *next;
    CALL(media_list, &query, &f->arena, &found, &count, &next);
    assert_int_equal(count, 1);
    assert_string_equal(found[0].id, media.id);

    const struct media_tag tag = { "title", "Nocturno" };
    media.original_size_bytes = 5000;
    media.sha256 = "abcd";
    media.content_type = "video/webm";
    media.facts = (struct media_facts){ .format = "matroska",
                                        .content_type = "video/webm",
                                        .duration_seconds = 3.5,
                                        .tags = &tag,
                                        .tag_count = 1 };
    const struct media_change rename = { .original_filename = "renamed.mkv" };
    CALL(media_change, media.id, &rename);
    CALL(media_complete, &media);
    CALL(media_get, media.id, &f->arena, &read);
    assert_int_equal(read->status, MEDIA_PROCESSING);
    assert_int_equal(read->original_size_bytes, 5000);
    assert_string_equal(read->sha256, "abcd");
    assert_string_equal(read->content_type, "video/webm");
    assert_true(read->facts.duration_seconds == 3.5);
    assert_string_equal(read->original_filename, "renamed.mkv");
    CALL(media_list, &query, &f->arena, &found, &count, &next);
    assert_int_equal(count, 0);
    query = (struct media_query){ .user_id = ana.id, .text = "nocturno", .limit = 5 };
    CALL(media_list, &query, &f->arena, &found, &count, &next);
    assert_int_equal(count, 1);

    assert_int_equal(f->meta->ops->media_complete(f->meta, &media, &f->err), ES_CONFLICT);
    CALL(media_delete, media.id);
    REFUSED(ES_NOT_FOUND, "media_not_found", media_complete, &media);
}

static void a_complete_media_without_jobs_is_uploaded(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = make_media(&ana, "film.mkv", 77);
    media.status = MEDIA_UPLOADING;
    CALL(media_create, &media);
    struct job job = add_job(f, &media, 100);
    CALL(job_delete, job.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADING);
    CALL(media_complete, &media);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_media_comes_back_as_it_was),
        TEST(a_media_is_changed_field_by_field),
        TEST(media_are_sorted_and_paged),
        TEST(a_page_begins_where_the_last_one_ended_whatever_came_meanwhile),
        TEST(a_cursor_that_is_none_is_refused),
        TEST(media_are_found_by_text_type_and_status),
        TEST(a_media_is_uploading_until_it_is_complete),
        TEST(a_complete_media_without_jobs_is_uploaded),
    };
    return contract_run(meta_store_openers, tests);
}
