/* What port/meta_store.h promises, held by every metadata store. */
#include "contract.h"

#include <stdatomic.h>

#include "backend/meta_store_memory.h"
#include "backend/meta_store_sqlite.h"

struct opener {
    const char *name;
    enum es_code (*open)(const char *folder, struct meta_store **ret_store, struct es_err *reterr);
    bool is_lasting; /* what was written is there after closing and opening again */
};

static enum es_code open_memory(const char *folder, struct meta_store **ret_store,
                                struct es_err *reterr)
{
    (void)folder;
    return meta_store_memory_open(ret_store, reterr);
}

static enum es_code open_sqlite(const char *folder, struct meta_store **ret_store,
                                struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    return meta_store_sqlite_open(es_printf(&arena, "%s/meta.db", folder), ret_store, reterr);
}

static const struct opener openers[] = {
    { "memory", open_memory, false },
    { "sqlite", open_sqlite, true },
};
static const struct opener *opener;

struct fixture {
    struct meta_store *store;
    struct es_arena arena;
    struct es_err err;
    char *folder;
};

static int setup(void **state)
{
    struct fixture *f = es_malloc(sizeof(*f));
    f->folder = contract_folder_make();
    assert_ok(opener->open(f->folder, &f->store, &f->err), f->err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    meta_store_close(f->store);
    contract_folder_remove(f->folder);
    es_arena_release(&f->arena);
    free(f);
    return 0;
}

/* Calls an operation, and fails the test with its words where it fails. */
#define CALL(operation, ...)                                                                       \
    do {                                                                                           \
        enum es_code code_ = f->store->ops->operation(f->store, __VA_ARGS__, &f->err);             \
        if (code_)                                                                                 \
            fail_msg("%s: %s (%s)", #operation, f->err.detail, es_code_name(code_));               \
    } while (0)

/* Calls one that must fail so. */
#define REFUSED(expected_code, expected_word, operation, ...)                                      \
    do {                                                                                           \
        f->err = (struct es_err){ 0 };                                                             \
        assert_int_equal(f->store->ops->operation(f->store, __VA_ARGS__, &f->err), expected_code); \
        assert_int_equal(f->err.code, expected_code);                                              \
        assert_non_null(f->err.word);                                                              \
        assert_string_equal(f->err.word, expected_word);                                           \
    } while (0)

static struct user make_user(const char *username)
{
    struct user user = { .username = username,
                         .password_hash = "$argon2id$v=19$abc",
                         .created_at_ms = 1000,
                         .tokens_valid_from_ms = 5 };
    es_id_v7(user.id);
    return user;
}

static struct user add_user(struct fixture *f, const char *username)
{
    struct user user = make_user(username);
    CALL(user_create, &user);
    return user;
}

static struct media make_media(const struct user *owner, const char *filename,
                               int64_t created_at_ms)
{
    struct media media = {
        .original_filename = filename,
        .source_object = "uploads/x/original.mp3",
        .content_type = "audio/mpeg",
        .original_extension = ".mp3",
        .original_size_bytes = 1234,
        .sha256 = "00ff",
        .created_at_ms = created_at_ms,
        .status = MEDIA_UPLOADED,
        .playback = PLAYBACK_PUBLIC,
        .facts = { .format = "mp3", .content_type = "audio/mpeg", .duration_seconds = 12.5 },
    };
    es_id_v7(media.id);
    memcpy(media.user_id, owner->id, ES_ID_SIZE);
    return media;
}

static struct media add_media(struct fixture *f, const struct user *owner, const char *filename,
                              int64_t created_at_ms)
{
    struct media media = make_media(owner, filename, created_at_ms);
    CALL(media_create, &media);
    return media;
}

static struct job add_job(struct fixture *f, const struct media *media, int64_t enqueued_at_ms)
{
    struct job job = { .target = JOB_HLS,
                       .status = JOB_ENQUEUED,
                       .enqueued_at_ms = enqueued_at_ms,
                       .updated_at_ms = enqueued_at_ms,
                       .attempts = 1 };
    es_id_v4(job.id);
    memcpy(job.media_id, media->id, ES_ID_SIZE);
    memcpy(job.user_id, media->user_id, ES_ID_SIZE);
    CALL(job_create, &job);
    return job;
}

static struct job *get_job(struct fixture *f, const char *id)
{
    struct job *job = (struct job *)f;
    CALL(job_get, id, &f->arena, &job);
    return job;
}

static enum media_status media_status_of(struct fixture *f, const struct media *media)
{
    struct media *read;
    CALL(media_get, media->id, &f->arena, &read);
    return read->status;
}

static void change_to(struct fixture *f, const struct job *job, enum job_status status,
                      int64_t fence)
{
    struct job_change change = { .status = status, .fence = fence, .at_ms = 7000 };
    CALL(job_change, job->id, &change);
}

static void a_store_answers(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->store->ops->name, opener->name);
    assert_ok(f->store->ops->check(f->store, &f->err), f->err);
}

static void a_user_is_found_by_id_and_by_name(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), *read;
    struct user guest = make_user("Ana");
    guest.password_hash = NULL;
    CALL(user_create, &guest);
    CALL(user_by_id, ana.id, &f->arena, &read);
    assert_string_equal(read->username, "ana");
    assert_string_equal(read->password_hash, ana.password_hash);
    assert_int_equal(read->created_at_ms, 1000);
    assert_int_equal(read->tokens_valid_from_ms, 5);
    CALL(user_by_username, "Ana", &f->arena, &read);
    assert_string_equal(read->id, guest.id);
    assert_null(read->password_hash);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_by_id, "nobody", &f->arena, &read);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_by_username, "an", &f->arena, &read);
    int64_t count;
    CALL(user_count, &count);
    assert_int_equal(count, 2);
}

static void a_username_is_taken_once(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), again = make_user("ana");
    REFUSED(ES_CONFLICT, "username_taken", user_create, &again);
    again = ana;
    again.username = "other";
    assert_int_equal(f->store->ops->user_create(f->store, &again, &f->err), ES_CONFLICT);
    CALL(user_delete, ana.id);
    add_user(f, "ana");
}

struct race {
    struct fixture *f;
    const char *id;
    atomic_int won, conflicts, others;
};

static void count_code(struct race *race, enum es_code code)
{
    atomic_fetch_add(code == ES_OK         ? &race->won
                     : code == ES_CONFLICT ? &race->conflicts
                                           : &race->others,
                     1);
}

static void register_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct user user = make_user("the one");
    (void)i;
    count_code(race, race->f->store->ops->user_create(race->f->store, &user, NULL));
}

static void of_racing_registrations_one_wins(void **state)
{
    struct race race = { .f = *state };
    contract_race(8, register_one, &race);
    assert_int_equal(race.won, 1);
    assert_int_equal(race.conflicts, 7);
}

static void users_are_listed_by_name(void **state)
{
    struct fixture *f = *state;
    const char *names[] = { "zoe", "an", "ana", "ana maria", "Ana", "álvaro", "anb", "a%", "a_c" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        add_user(f, names[i]);
    struct user *users;
    size_t count;
    CALL(user_list, "", NULL, 100, &f->arena, &users, &count);
    assert_int_equal(count, COUNT_OF(names));
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(users[i - 1].username, users[i].username) < 0);
    assert_null(users[0].password_hash);
    assert_int_equal(users[0].created_at_ms, 1000);

    CALL(user_list, "ana", NULL, 100, &f->arena, &users, &count);
    assert_int_equal(count, 2);
    assert_string_equal(users[1].username, "ana maria");
    CALL(user_list, "a%", NULL, 100, &f->arena, &users, &count);
    assert_int_equal(count, 1);
    CALL(user_list, "a", "ana", 2, &f->arena, &users, &count);
    assert_int_equal(count, 2);
    assert_string_equal(users[0].username, "ana maria");
    assert_string_equal(users[1].username, "anb");
    CALL(user_list, "a", "anb", 2, &f->arena, &users, &count);
    assert_int_equal(count, 0);
}

static void a_password_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), *read;
    CALL(user_set_password, ana.id, "new", 0);
    CALL(user_by_id, ana.id, &f->arena, &read);
    assert_string_equal(read->password_hash, "new");
    assert_int_equal(read->tokens_valid_from_ms, 5);
    CALL(user_set_password, ana.id, "newer", 99);
    CALL(user_by_id, ana.id, &f->arena, &read);
    assert_int_equal(read->tokens_valid_from_ms, 99);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_set_password, "nobody", "x", 0);
}

static void a_user_goes_with_the_shares_but_not_before_the_media(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media media = add_media(f, &ana, "a.mp3", 1);
    struct job job = add_job(f, &media, 1);
    struct share share = { .created_at_ms = 1 };
    memcpy(share.media_id, media.id, ES_ID_SIZE);
    memcpy(share.job_id, job.id, ES_ID_SIZE);
    memcpy(share.owner_id, ana.id, ES_ID_SIZE);
    memcpy(share.recipient_id, ben.id, ES_ID_SIZE);
    CALL(share_add, &share);
    REFUSED(ES_CONFLICT, "user_has_media", user_delete, ana.id);
    CALL(user_delete, ben.id);
    struct share *shares;
    size_t count;
    CALL(share_list, media.id, NULL, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
    CALL(media_delete, media.id);
    CALL(user_delete, ana.id);
    REFUSED(ES_NOT_FOUND, "user_not_found", user_delete, ana.id);
}

static void a_revoked_token_is_remembered(void **state)
{
    struct fixture *f = *state;
    bool is_revoked = true;
    CALL(token_is_revoked, "t1", &is_revoked);
    assert_false(is_revoked);
    int64_t far_ms = INT64_C(4102444800000);
    CALL(token_revoke, "t1", far_ms);
    CALL(token_revoke, "t1", far_ms);
    CALL(token_revoke, "t2", far_ms);
    CALL(token_is_revoked, "t1", &is_revoked);
    assert_true(is_revoked);
}

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

static void a_job_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = { .target = JOB_MP4,
                       .status = JOB_FAILED,
                       .attempts = 3,
                       .fence = INT64_C(1) << 52,
                       .options = { .bitrate_kbps = 96,
                                    .crf = 30,
                                    .height = 480,
                                    .copy = JOB_COPY_NEVER,
                                    .start_seconds = 1.5,
                                    .end_seconds = 9 },
                       .output_size_bytes = 5,
                       .enqueued_at_ms = 1,
                       .updated_at_ms = 2,
                       .started_at_ms = 3,
                       .finished_at_ms = 4,
                       .details = "détail",
                       .error_code = ES_MEDIA,
                       .error_word = "media_damaged" };
    es_id_v4(job.id);
    memcpy(job.media_id, media.id, ES_ID_SIZE);
    memcpy(job.user_id, ana.id, ES_ID_SIZE);
    CALL(job_create, &job);
    struct job *read = get_job(f, job.id);
    assert_string_equal(read->media_id, media.id);
    assert_string_equal(read->user_id, ana.id);
    assert_int_equal(read->target, JOB_MP4);
    assert_int_equal(read->status, JOB_FAILED);
    assert_int_equal(read->attempts, 3);
    assert_int_equal(read->fence, INT64_C(1) << 52);
    assert_int_equal(read->options.bitrate_kbps, 96);
    assert_int_equal(read->options.height, 480);
    assert_int_equal(read->options.copy, JOB_COPY_NEVER);
    assert_true(read->options.start_seconds == 1.5 && read->options.end_seconds == 9);
    assert_int_equal(read->output_size_bytes, 5);
    assert_int_equal(read->enqueued_at_ms, 1);
    assert_int_equal(read->updated_at_ms, 2);
    assert_int_equal(read->started_at_ms, 3);
    assert_int_equal(read->finished_at_ms, 4);
    assert_string_equal(read->details, "détail");
    assert_int_equal(read->error_code, ES_MEDIA);
    assert_string_equal(read->error_word, "media_damaged");
    REFUSED(ES_CONFLICT, "job_exists", job_create, &job);
    memcpy(job.media_id, ana.id, ES_ID_SIZE);
    es_id_v4(job.id);
    REFUSED(ES_NOT_FOUND, "media_not_found", job_create, &job);
    REFUSED(ES_NOT_FOUND, "job_not_found", job_get, job.id, &f->arena, &read);
}

static void the_state_table_decides(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    for (enum job_status from = JOB_ENQUEUED; from <= JOB_CANCELLED; from++)
        for (enum job_status to = JOB_ENQUEUED; to <= JOB_CANCELLED; to++) {
            struct job job = add_job(f, &media, 1);
            if (from == JOB_DONE)
                change_to(f, &job, JOB_PROCESSING, 0);
            if (from != JOB_ENQUEUED)
                change_to(f, &job, from, 0);
            bool is_retry = from != to && to == JOB_ENQUEUED;
            struct job_change change = { .status = to, .at_ms = 8, .is_retry = is_retry };
            if (from == to || job_status_can_become(from, to)) {
                CALL(job_change, job.id, &change);
                assert_int_equal(get_job(f, job.id)->status, to);
            } else {
                REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
                assert_int_equal(get_job(f, job.id)->status, from);
            }
        }
    REFUSED(ES_NOT_FOUND, "job_not_found", job_change, "none",
            (&(struct job_change){ .status = JOB_DONE }));
}

static void a_change_sets_times_outcome_and_error(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 100), *read;
    struct job_change change = {
        .status = JOB_PROCESSING, .at_ms = 200, .fence = 4, .details = "one"
    };
    CALL(job_change, job.id, &change);
    change.at_ms = 250;
    change.details = NULL;
    CALL(job_change, job.id, &change);
    read = get_job(f, job.id);
    assert_int_equal(read->started_at_ms, 200);
    assert_int_equal(read->updated_at_ms, 250);
    assert_int_equal(read->finished_at_ms, 0);
    assert_int_equal(read->enqueued_at_ms, 100);
    assert_int_equal(read->fence, 4);
    assert_string_equal(read->details, "one");

    change = (struct job_change){ .status = JOB_FAILED,
                                  .at_ms = 300,
                                  .fence = 5,
                                  .error_code = ES_MEDIA,
                                  .error_word = "media_damaged" };
    CALL(job_change, job.id, &change);
    read = get_job(f, job.id);
    assert_int_equal(read->finished_at_ms, 300);
    assert_int_equal(read->error_code, ES_MEDIA);
    assert_string_equal(read->error_word, "media_damaged");

    change = (struct job_change){ .status = JOB_ENQUEUED, .at_ms = 400, .is_retry = true };
    CALL(job_change, job.id, &change);
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change); /* once */
    read = get_job(f, job.id);
    assert_int_equal(read->attempts, 2);
    assert_int_equal(read->started_at_ms, 0);
    assert_int_equal(read->finished_at_ms, 0);
    assert_int_equal(read->error_code, ES_OK);
    assert_null(read->error_word);
    assert_null(read->details);

    change = (struct job_change){ .status = JOB_PROCESSING, .at_ms = 500, .fence = 9 };
    CALL(job_change, job.id, &change);
    change = (struct job_change){
        .status = JOB_DONE, .at_ms = 600, .fence = 9, .output_size_bytes = 42
    };
    CALL(job_change, job.id, &change);
    CALL(job_change, job.id, &change); /* a lost answer, asked again */
    read = get_job(f, job.id);
    assert_int_equal(read->output_size_bytes, 42);
    assert_int_equal(read->finished_at_ms, 600);
}

static void an_older_fence_is_refused(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 1);
    change_to(f, &job, JOB_PROCESSING, 7);
    struct job_change change = { .status = JOB_DONE, .fence = 6 };
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
    change.status = JOB_PROCESSING;
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
    change.fence = 7;
    CALL(job_change, job.id, &change);
    change_to(f, &job, JOB_CANCELLED, 0); /* the gateway's is not fenced */
    assert_int_equal(get_job(f, job.id)->fence, 7);
    CALL(job_change, job.id,
         (&(struct job_change){ .status = JOB_ENQUEUED, .is_retry = true, .at_ms = 1 }));
    change.fence = 7; /* who worked on it before the retry */
    REFUSED(ES_CONFLICT, "job_state", job_change, job.id, &change);
    change.fence = 8;
    CALL(job_change, job.id, &change);
}

static void finish_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct job_change change = { .status = i % 2 ? JOB_DONE : JOB_CANCELLED, .at_ms = (int64_t)i };
    count_code(race, race->f->store->ops->job_change(race->f->store, race->id, &change, NULL));
}

static void retry_one(void *argument, size_t i)
{
    struct race *race = argument;
    struct job_change change = { .status = JOB_ENQUEUED, .at_ms = (int64_t)i, .is_retry = true };
    count_code(race, race->f->store->ops->job_change(race->f->store, race->id, &change, NULL));
}

static void racing_changes_agree_on_one_outcome(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 1);
    change_to(f, &job, JOB_PROCESSING, 0);
    struct race race = { .f = f, .id = job.id };
    contract_race(8, finish_one, &race);
    assert_int_equal(race.won, 4); /* those of the status that came first */
    assert_int_equal(race.conflicts, 4);

    struct job failed = add_job(f, &media, 1);
    change_to(f, &failed, JOB_FAILED, 0);
    race = (struct race){ .f = f, .id = failed.id };
    contract_race(8, retry_one, &race);
    assert_int_equal(race.won, 1);
    assert_int_equal(get_job(f, failed.id)->attempts, 2);
}

static void a_media_has_the_status_of_its_jobs(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana");
    struct media media = add_media(f, &ana, "a", 1), other = add_media(f, &ana, "b", 1);
    struct job old = add_job(f, &media, 10);
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
    assert_int_equal(media_status_of(f, &other), MEDIA_UPLOADED);
    change_to(f, &old, JOB_FAILED, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_ERROR);
    struct job young = add_job(f, &media, 20);
    change_to(f, &young, JOB_PROCESSING, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
    change_to(f, &young, JOB_CANCELLED, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADED); /* the newest has not failed */
    struct job done = add_job(f, &media, 5);
    change_to(f, &done, JOB_PROCESSING, 0);
    change_to(f, &done, JOB_DONE, 0);
    assert_int_equal(media_status_of(f, &media), MEDIA_READY);
    CALL(job_change, old.id,
         (&(struct job_change){ .status = JOB_ENQUEUED, .is_retry = true, .at_ms = 1 }));
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
    CALL(job_delete, old.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_READY);
    CALL(job_delete, done.id);
    CALL(job_delete, young.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_UPLOADED);
    REFUSED(ES_NOT_FOUND, "job_not_found", job_delete, young.id);
}

static void jobs_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media a = add_media(f, &ana, "a", 1), b = add_media(f, &ana, "b", 1),
                 c = add_media(f, &ben, "c", 1);
    for (int i = 0; i < 9; i++) {
        struct job job = add_job(f, i % 3 == 0 ? &a : i % 3 == 1 ? &b : &c, 10 + i / 2);
        if (i >= 6)
            change_to(f, &job, JOB_CANCELLED, 0);
    }
    const struct {
        struct job_query query;
        size_t count;
    } cases[] = {
        { { 0 }, 9 },
        { { .user_id = ana.id }, 6 },
        { { .media_id = c.id }, 3 },
        { { .user_id = ana.id, .media_id = c.id }, 0 },
        { { .status = JOB_CANCELLED }, 3 },
        { { .user_id = ana.id, .status = JOB_ENQUEUED }, 4 },
        { { .is_unfinished = true }, 6 },
        { { .media_id = a.id, .is_unfinished = true }, 2 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t limit = 1; limit < 11; limit++) {
            struct job_query query = cases[i].query;
            query.limit = limit;
            struct job *jobs;
            size_t total = 0, count;
            const char *next;
            int64_t last_ms = INT64_MAX;
            char last_id[ES_ID_SIZE] = "";
            do {
                CALL(job_list, &query, &f->arena, &jobs, &count, &next);
                for (size_t j = 0; j < count; j++) {
                    assert_true(
                        jobs[j].enqueued_at_ms < last_ms ||
                        (jobs[j].enqueued_at_ms == last_ms && strcmp(jobs[j].id, last_id) < 0));
                    last_ms = jobs[j].enqueued_at_ms;
                    memcpy(last_id, jobs[j].id, ES_ID_SIZE);
                }
                total += count;
                query.cursor = next;
            } while (next);
            assert_int_equal(total, cases[i].count);
        }
}

static void deleting_a_media_takes_jobs_and_shares_along(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben");
    struct media media = add_media(f, &ana, "a", 1);
    struct job job = add_job(f, &media, 1), *read;
    struct share share = { .created_at_ms = 1 }, *shares;
    memcpy(share.media_id, media.id, ES_ID_SIZE);
    memcpy(share.job_id, job.id, ES_ID_SIZE);
    memcpy(share.owner_id, ana.id, ES_ID_SIZE);
    memcpy(share.recipient_id, ben.id, ES_ID_SIZE);
    CALL(share_add, &share);
    CALL(media_delete, media.id);
    REFUSED(ES_NOT_FOUND, "media_not_found", media_delete, media.id);
    REFUSED(ES_NOT_FOUND, "job_not_found", job_get, job.id, &f->arena, &read);
    size_t count;
    CALL(share_list, NULL, ben.id, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
}

static void shares_are_added_once_listed_and_removed(void **state)
{
    struct fixture *f = *state;
    struct user ana = add_user(f, "ana"), ben = add_user(f, "ben"), eva = add_user(f, "eva");
    struct media media = add_media(f, &ana, "a", 1), other = add_media(f, &ana, "b", 1);
    struct job one = add_job(f, &media, 1), two = add_job(f, &media, 2),
               foreign = add_job(f, &other, 3);
    struct share share = { .created_at_ms = 20 }, *shares;
    memcpy(share.media_id, media.id, ES_ID_SIZE);
    memcpy(share.job_id, one.id, ES_ID_SIZE);
    memcpy(share.owner_id, ana.id, ES_ID_SIZE);
    memcpy(share.recipient_id, ben.id, ES_ID_SIZE);
    CALL(share_add, &share);
    share.created_at_ms = 99;
    CALL(share_add, &share);
    memcpy(share.job_id, two.id, ES_ID_SIZE);
    share.created_at_ms = 10;
    CALL(share_add, &share);
    memcpy(share.recipient_id, eva.id, ES_ID_SIZE);
    share.created_at_ms = 30;
    CALL(share_add, &share);

    size_t count;
    CALL(share_list, media.id, NULL, &f->arena, &shares, &count);
    assert_int_equal(count, 3);
    assert_string_equal(shares[0].job_id, two.id);
    assert_string_equal(shares[1].job_id, one.id);
    assert_int_equal(shares[1].created_at_ms, 20);
    assert_string_equal(shares[1].owner_id, ana.id);
    assert_string_equal(shares[1].recipient_username, "ben");
    assert_string_equal(shares[2].recipient_username, "eva");
    CALL(share_list, NULL, ben.id, &f->arena, &shares, &count);
    assert_int_equal(count, 2);
    CALL(share_list, media.id, eva.id, &f->arena, &shares, &count);
    assert_int_equal(count, 1);
    CALL(share_list, other.id, eva.id, &f->arena, &shares, &count);
    assert_int_equal(count, 0);

    memcpy(share.job_id, foreign.id, ES_ID_SIZE); /* a job of another media */
    REFUSED(ES_NOT_FOUND, "job_not_found", share_add, &share);
    memcpy(share.media_id, ana.id, ES_ID_SIZE);
    REFUSED(ES_NOT_FOUND, "media_not_found", share_add, &share);
    memcpy(share.media_id, other.id, ES_ID_SIZE);
    memcpy(share.recipient_id, other.id, ES_ID_SIZE);
    REFUSED(ES_NOT_FOUND, "user_not_found", share_add, &share);

    CALL(share_remove, media.id, two.id, ben.id);
    REFUSED(ES_NOT_FOUND, "share_not_found", share_remove, media.id, two.id, ben.id);
    CALL(job_delete, one.id);
    CALL(share_list, NULL, ben.id, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
    CALL(user_delete, eva.id);
    CALL(share_list, media.id, NULL, &f->arena, &shares, &count);
    assert_int_equal(count, 0);
}

static void what_was_written_is_there_after_opening_again(void **state)
{
    struct fixture *f = *state;
    if (!opener->is_lasting)
        return; /* not promised by this backend */
    struct user ana = add_user(f, "ana"), *read;
    struct media media = add_media(f, &ana, "a", 1);
    add_job(f, &media, 5);
    meta_store_close(f->store);
    assert_ok(opener->open(f->folder, &f->store, &f->err), f->err);
    CALL(user_by_username, "ana", &f->arena, &read);
    assert_string_equal(read->id, ana.id);
    assert_int_equal(media_status_of(f, &media), MEDIA_PROCESSING);
}

static void write_and_read(void *argument, size_t i)
{
    struct race *race = argument;
    struct meta_store *store = race->f->store;
    for (int round = 0; round < 20; round++) {
        es_auto_arena arena = { 0 };
        struct user user = make_user(es_printf(&arena, "user %zu %d", i, round)), *users;
        size_t count;
        count_code(race, store->ops->user_create(store, &user, NULL));
        if (store->ops->user_list(store, "user ", NULL, 200, &arena, &users, &count, NULL))
            atomic_fetch_add(&race->others, 1);
    }
}

static void many_threads_write_and_read_at_once(void **state)
{
    struct race race = { .f = *state };
    contract_race(16, write_and_read, &race);
    assert_int_equal(race.won, 16 * 20);
    assert_int_equal(race.conflicts + race.others, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_answers),
        TEST(a_user_is_found_by_id_and_by_name),
        TEST(a_username_is_taken_once),
        TEST(of_racing_registrations_one_wins),
        TEST(users_are_listed_by_name),
        TEST(a_password_is_replaced),
        TEST(a_user_goes_with_the_shares_but_not_before_the_media),
        TEST(a_revoked_token_is_remembered),
        TEST(a_media_comes_back_as_it_was),
        TEST(a_media_is_changed_field_by_field),
        TEST(media_are_sorted_and_paged),
        TEST(a_page_begins_where_the_last_one_ended_whatever_came_meanwhile),
        TEST(a_cursor_that_is_none_is_refused),
        TEST(media_are_found_by_text_type_and_status),
        TEST(a_job_comes_back_as_it_was),
        TEST(the_state_table_decides),
        TEST(a_change_sets_times_outcome_and_error),
        TEST(an_older_fence_is_refused),
        TEST(racing_changes_agree_on_one_outcome),
        TEST(a_media_has_the_status_of_its_jobs),
        TEST(jobs_are_listed_newest_first),
        TEST(deleting_a_media_takes_jobs_and_shares_along),
        TEST(shares_are_added_once_listed_and_removed),
        TEST(what_was_written_is_there_after_opening_again),
        TEST(many_threads_write_and_read_at_once),
    };
    int failed = 0;
    for (opener = openers; opener < openers + COUNT_OF(openers); opener++)
        failed += cmocka_run_group_tests_name(opener->name, tests, NULL, NULL);
    return failed;
}
