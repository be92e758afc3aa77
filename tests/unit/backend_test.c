/* What the pieces behind the backends promise; the backends themselves are held by tests/contract.
 */
#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/blob_store_fs.h"
#include "backend/job_queue_sqlite.h"
#include "backend/job_record.h"
#include "backend/list_cursor.h"
#include "backend/media_search.h"
#include "backend/meta_store_sqlite.h"
#include "backend/queue_rules.h"
#include "backend/sqlite_db.h"
#include "backend/text_fold.h"
#include "base/es_file.h"

static char *make_folder(void)
{
    char *folder = es_strdup_heap("/tmp/backend-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_folder(char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static int count_entries(const char *path)
{
    int count = 0;
    es_auto_arena arena = { 0 };
    FILE *listing = popen(es_printf(&arena, "find '%s' -mindepth 1 | wc -l", path), "r");
    assert_non_null(listing);
    assert_int_equal(fscanf(listing, "%d", &count), 1);
    pclose(listing);
    return count;
}

static void folding_makes_capitals_small(void **state)
{
    (void)state;
    const struct {
        const char *text, *folded;
    } cases[] = {
        { "", "" },
        { "AZ az 09 [@`{", "az az 09 [@`{" },
        { "ÁÉÍÓÚÜÑÇØÞ ×ß", "áéíóúüñçøþ ×ß" },
        { "ĀĞİŁŒŠŸŻŽ ıł", "āğiłœšÿżž ıł" },
        { "ȀǍǑ ƀ", "ȁǎǒ ƀ" },
        { "ΆΈΉΊΌΎΏ ΑΩΣ ς Ϋ", "άέήίόύώ αωσ σ ϋ" },
        { "ЀЯЁЖ ѪҐӀӁӐ", "ѐяёж ѫґӏӂӑ" },
        { "ẠẾỸ ẕ", "ạếỹ ẕ" },
        { "日本 \xf0\x9f\x8e\xb5 K", "日本 \xf0\x9f\x8e\xb5 k" },
        { "a\tb\nc\x7f", "a b c " },
        { "\xff\xc3 \xe1\x41\xc3", "\xff\xc3 \xe1\x61\xc3" }, /* no UTF-8 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        es_auto_buf buf = { 0 };
        text_fold(cases[i].text, &buf);
        assert_string_equal(es_buf_text(&buf), cases[i].folded);
        es_auto_buf again = { 0 };
        text_fold(es_buf_text(&buf), &again);
        assert_string_equal(es_buf_text(&again), cases[i].folded);
    }
}

static void every_capital_folds_to_its_own_small_letter(void **state)
{
    (void)state;
    /* Folding twice is folding once, for every two- and three-byte letter. */
    for (unsigned letter = 0x80; letter < 0x2000; letter++) {
        char text[4] = { 0 };
        if (letter < 0x800) {
            text[0] = (char)(0xc0 | letter >> 6);
            text[1] = (char)(0x80 | (letter & 63));
        } else {
            text[0] = (char)(0xe0 | letter >> 12);
            text[1] = (char)(0x80 | (letter >> 6 & 63));
            text[2] = (char)(0x80 | (letter & 63));
        }
        es_auto_buf once = { 0 }, twice = { 0 };
        text_fold(text, &once);
        text_fold(es_buf_text(&once), &twice);
        assert_string_equal(es_buf_text(&once), es_buf_text(&twice));
    }
}

static void a_cursor_comes_back_as_it_was(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    struct list_cursor cursor = { .order = 'a', .number = INT64_MIN + 1, .text = "with blanks  í" },
                       read;
    es_id_v7(cursor.id);
    const char *text = list_cursor_write(&cursor, &arena);
    assert_int_equal(strspn(text, "0123456789abcdef"), strlen(text));
    assert_ok(list_cursor_read(text, 'a', &arena, &read, &err), err);
    assert_true(read.number == cursor.number);
    assert_string_equal(read.text, cursor.text);
    assert_string_equal(read.id, cursor.id);
    for (size_t cut = 0; cut < strlen(text) - 2 * strlen(cursor.text); cut++)
        assert_int_equal(list_cursor_read(es_strndup(&arena, text, cut), 'a', &arena, &read, &err),
                         ES_INVALID);
    assert_int_equal(list_cursor_read(text, 'n', &arena, &read, &err), ES_INVALID);
    assert_string_equal(err.word, "cursor_invalid");
}

/* The closed form against the queue's rule played through. */
static void places_before_a_plan_are_those_of_the_game(void **state)
{
    (void)state;
    for (int game = 0; game < 32768; game++) {
        struct queue_turn users[3];
        unsigned seed = (unsigned)game;
        for (int i = 0; i < 3; i++, seed >>= 5)
            users[i] = (struct queue_turn){ .leased = seed & 3,
                                            .served = (seed >> 2 & 1) * (i + 1),
                                            .number = i + 1,
                                            .before = seed >> 4 & 1,
                                            .plans = 1 + (seed >> 3 & 1) * 3 };
        struct queue_turn left[3];
        int64_t given[3] = { 0 }, served = 100;
        memcpy(left, users, sizeof(left));
        for (int64_t position = 0;; position++) {
            int best = -1;
            for (int i = 0; i < 3; i++) {
                if (left[i].plans == 0)
                    continue;
                if (best < 0 || left[i].leased < left[best].leased ||
                    (left[i].leased == left[best].leased && (left[i].served < left[best].served)))
                    best = i;
            }
            if (best < 0)
                break;
            left[best].leased++;
            left[best].served = ++served;
            if (left[best].before > 0) {
                left[best].before--;
                position--;
                continue;
            }
            int64_t before = given[best];
            for (int i = 0; i < 3; i++)
                if (i != best)
                    before += queue_plans_before(&users[best], given[best], &users[i]);
            assert_int_equal(before, position);
            given[best]++;
            left[best].plans--;
        }
    }
}

static void progress_is_one_only_when_done(void **state)
{
    (void)state;
    struct job_live live = { 0 };
    struct queue_sums sums = { .outcome = QUEUE_OPEN };
    queue_sums_tell(&sums, &live);
    assert_true(live.progress == 0 && live.eta_seconds < 0);
    sums = (struct queue_sums){ .outcome = QUEUE_OPEN,
                                .is_planned = true,
                                .seconds_total = 10,
                                .seconds_done = 10,
                                .join_fraction = 1 };
    queue_sums_tell(&sums, &live);
    assert_true(live.progress > 0.99 && live.progress < 1 && live.eta_seconds == 0);
    sums.outcome = QUEUE_DONE;
    queue_sums_tell(&sums, &live);
    assert_true(live.progress == 1);
    sums = (struct queue_sums){ .outcome = QUEUE_CANCELLED,
                                .is_planned = true,
                                .seconds_total = 10,
                                .seconds_done = 5,
                                .speed = 0 };
    queue_sums_tell(&sums, &live);
    assert_true(live.progress > 0.4 && live.progress < 0.6 && live.eta_seconds < 0);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

/* An empty one of this program. */
static const char *make_database(const char *folder, struct es_arena *arena)
{
    struct es_err err = { 0 };
    const char *path = es_printf(arena, "%s/x.db", folder);
    struct meta_store *store;
    assert_ok(meta_store_sqlite_open(path, &store, &err), err);
    meta_store_close(store);
    return path;
}

static void a_database_of_a_newer_program_is_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    const char *path = make_database(folder, &arena);
    struct meta_store *store;
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    execute(path, "PRAGMA user_version = 9999");
    assert_int_equal(meta_store_sqlite_open(path, &store, &err), ES_CONFLICT);
    assert_non_null(strstr(err.detail, "newer program"));
    assert_non_null(strstr(err.detail, path));
    remove_folder(folder);
}

static void a_database_of_an_older_program_is_brought_up_to_date(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    const char *path = make_database(folder, &arena);
    struct meta_store *store;
    execute(path,
            "DROP INDEX media_by_status;"
            "DROP INDEX job_by_content; ALTER TABLE job DROP COLUMN content_key;"
            "PRAGMA user_version = 1; PRAGMA foreign_keys = OFF;"
            "INSERT INTO job VALUES ('old', 'm', 'u', 'mp3', 'done', '{}', 5, 1, 2, 3, 4, 1, 0,"
            " NULL, 'ok', NULL)");
    assert_ok(meta_store_sqlite_open(path, &store, &err), err);
    struct job *job;
    assert_ok(store->ops->job_get(store, "old", &arena, &job, &err), err);
    assert_int_equal(job->status, JOB_DONE);
    assert_int_equal(job->output_size_bytes, 5);
    assert_string_equal(job->content_key, "");
    meta_store_close(store);
    remove_folder(folder);
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    const char *path = es_printf(&arena, "%s/x.db", folder);
    const char text[] =
        "this is no database at all, only some words that are long enough to be one page";
    assert_ok(es_file_write(path, text, sizeof(text), 0600, &err), err);
    struct job_queue *queue;
    assert_int_equal(job_queue_sqlite_open(path, &queue, &err), ES_IO);
    assert_int_equal(job_queue_sqlite_open(es_printf(&arena, "%s/no/x.db", folder), &queue, &err),
                     ES_IO);
    remove_folder(folder);
}

static void one_file_has_one_pool_and_a_transaction_that_is_dropped_never_was(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    struct sqlite_db *one, *two;
    assert_ok(sqlite_db_open(es_printf(&arena, "%s/x.db", folder), &one, &err), err);
    assert_ok(sqlite_db_open(es_printf(&arena, "%s/./x.db", folder), &two, &err), err);
    assert_ptr_equal(one, two);
    const char *insert = "INSERT INTO revoked_token (id, expires_at_ms) VALUES (?1, ?2)";
    int64_t count;
    {
        sqlite_auto_tx tx = { 0 };
        assert_ok(sqlite_tx_begin(one, SQL_WRITE_DURABLE, &tx, &err), err);
        assert_ok(sqlite_tx_run(&tx, insert, SQL_VALUES(sql_text("a"), sql_int(1)), NULL, &err),
                  err);
        assert_int_equal(
            sqlite_tx_run(&tx, insert, SQL_VALUES(sql_text("a"), sql_int(1)), NULL, &err),
            ES_CONFLICT);
    }
    {
        sqlite_auto_tx tx = { 0 };
        assert_ok(sqlite_tx_begin(two, SQL_READ, &tx, &err), err);
        assert_ok(sqlite_tx_number(&tx, "SELECT count(*) FROM revoked_token", SQL_VALUES(), -1,
                                   &count, &err),
                  err);
        assert_int_equal(count, 0);
    }
    sqlite_db_close(one);
    sqlite_db_close(two);
    remove_folder(folder);
}

static void any_number_of_different_statements_can_be_run(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    struct sqlite_db *db;
    assert_ok(sqlite_db_open(es_printf(&arena, "%s/x.db", folder), &db, &err), err);
    sqlite_auto_tx tx = { 0 };
    assert_ok(sqlite_tx_begin(db, SQL_READ, &tx, &err), err);
    sqlite_auto_rows rows = { 0 }; /* in use all the while, and so never replaced */
    assert_ok(sqlite_tx_query(&tx, "SELECT ?1", SQL_VALUES(sql_text("kept")), &rows, &err), err);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 300; i++) {
            int64_t number;
            assert_ok(sqlite_tx_number(&tx, es_printf(&arena, "SELECT %d + ?1", i),
                                       SQL_VALUES(sql_int(round)), -1, &number, &err),
                      err);
            assert_int_equal(number, i + round);
        }
    bool has_row;
    assert_ok(sqlite_rows_next(&rows, &has_row, &err), err);
    assert_true(has_row);
    assert_string_equal(sqlite_rows_text(&rows, 0, &arena), "kept");
    sqlite_rows_release(&rows);
    assert_int_equal(sqlite_tx_run(&tx, "SELECT nonsense FROM nowhere", SQL_VALUES(), NULL, &err),
                     ES_IO);
    sqlite_tx_release(&tx);
    sqlite_db_close(db);
    remove_folder(folder);
}

/* A full disk, played by SQLite's limit on a file's pages. */
static void a_full_disk_is_said_as_such(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    const char *path = es_printf(&arena, "%s/x.db", folder);
    struct sqlite_db *db;
    assert_ok(sqlite_db_open(path, &db, &err), err);
    sqlite_auto_tx tx = { 0 };
    assert_ok(sqlite_tx_begin(db, SQL_WRITE, &tx, &err), err);
    int64_t pages;
    assert_ok(sqlite_tx_number(&tx, "PRAGMA max_page_count = 1", SQL_VALUES(), 0, &pages, &err),
              err);
    enum es_code code = ES_OK;
    for (int i = 0; !code && i < 1000; i++)
        code = sqlite_tx_run(&tx,
                             "INSERT INTO queue_event (kind, user_id, media_id, job_id)"
                             " VALUES (1, hex(zeroblob(1000)), '', '')",
                             SQL_VALUES(), NULL, &err);
    assert_int_equal(code, ES_LIMIT);
    assert_string_equal(err.word, "storage_full");
    sqlite_tx_release(&tx);
    sqlite_db_close(db);
    remove_folder(folder);
}

static void leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder();
    struct blob_store *store, *second;
    struct blob_writer *writer;
    struct blob_info info;
    assert_ok(blob_store_fs_open(folder, &store, &err), err);
    pid_t child = fork();
    if (child == 0) {
        if (store->ops->create(store, "dead", &writer, NULL) ||
            writer->ops->write(writer, "half", 4, NULL))
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_ok(store->ops->create(store, "living", &writer, &err), err);
    assert_ok(writer->ops->write(writer, "text", 4, &err), err);
    const char *temp = es_printf(&arena, "%s/~tmp", folder);
    assert_int_equal(count_entries(temp), 2);
    assert_ok(blob_store_fs_open(folder, &second, &err), err);
    assert_int_equal(count_entries(temp), 1);
    assert_ok(writer->ops->commit(writer, &info, &err), err);
    assert_ok(second->ops->stat(second, "living", &info, &err), err);
    assert_int_equal(info.size_bytes, 4);
    assert_int_equal(count_entries(temp), 0);
    blob_store_close(second);
    blob_store_close(store);
    remove_folder(folder);
}

static void links_are_never_followed(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    char *folder = make_folder(), *outside = make_folder();
    const char *secret = es_printf(&arena, "%s/secret", outside);
    assert_ok(es_file_write(secret, "secret", 6, 0600, &err), err);
    struct blob_store *store;
    assert_ok(blob_store_fs_open(es_printf(&arena, "%s/objects", folder), &store, &err), err);
    assert_int_equal(symlink(secret, es_printf(&arena, "%s/objects/file", folder)), 0);
    assert_int_equal(symlink(outside, es_printf(&arena, "%s/objects/folder", folder)), 0);
    struct blob_reader *reader;
    struct blob_writer *writer;
    struct blob_info info;
    const char **keys;
    size_t count;
    assert_int_equal(store->ops->open(store, "file", &reader, &err), ES_NOT_FOUND);
    assert_int_equal(store->ops->stat(store, "file", &info, &err), ES_NOT_FOUND);
    assert_int_equal(store->ops->open(store, "folder/secret", &reader, &err), ES_NOT_FOUND);
    assert_ok(store->ops->list(store, "", NULL, 9, &arena, &keys, &count, &err), err);
    assert_int_equal(count, 0);
    assert_ok(store->ops->remove_all(store, "folder/", &err), err);
    assert_ok(store->ops->remove(store, "folder/secret", &err), err);
    assert_ok(store->ops->create(store, "folder/new", &writer, &err), err);
    assert_int_not_equal(writer->ops->commit(writer, NULL, &err), ES_OK);
    assert_int_equal(access(secret, F_OK), 0);
    assert_int_equal(access(es_printf(&arena, "%s/new", outside), F_OK), -1);
    blob_store_close(store);
    remove_folder(folder);
    remove_folder(outside);
}

static void removing_leaves_no_empty_folders_and_aborting_nothing(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    char *folder = make_folder();
    struct blob_store *store;
    struct blob_writer *writer;
    assert_ok(blob_store_fs_open(folder, &store, &err), err);
    const char *keys[] = { "a/b/c/1", "a/b/c/2", "a/d/3", "e" };
    for (size_t i = 0; i < 4; i++) {
        assert_ok(store->ops->create(store, keys[i], &writer, &err), err);
        assert_ok(writer->ops->commit(writer, NULL, &err), err);
    }
    assert_ok(store->ops->create(store, "x/y/z", &writer, &err), err);
    blob_writer_abort(writer);
    assert_int_equal(count_entries(folder), 9); /* ~tmp, a, b, c, d and the four */
    assert_ok(store->ops->remove_all(store, "a/b/", &err), err);
    assert_int_equal(count_entries(folder), 5);
    assert_ok(store->ops->remove(store, "a/d/3", &err), err);
    assert_int_equal(count_entries(folder), 2);
    assert_ok(store->ops->create(store, "e/f", &writer, &err), err); /* "e" is a file */
    assert_int_equal(writer->ops->commit(writer, NULL, &err), ES_CONFLICT);
    assert_int_equal(count_entries(folder), 2);
    blob_store_close(store);
    remove_folder(folder);
}

static void a_file_that_cannot_grow_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    char *folder = make_folder();
    struct blob_store *store;
    struct blob_writer *writer;
    assert_ok(blob_store_fs_open(folder, &store, &err), err);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    char bytes[1000] = { 0 };
    assert_ok(store->ops->create(store, "k", &writer, &err), err);
    setrlimit(RLIMIT_FSIZE, &small);
    enum es_code code = writer->ops->write(writer, bytes, sizeof(bytes), &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_not_equal(code, ES_OK);
    blob_writer_abort(writer);
    assert_int_equal(count_entries(folder), 1);
    blob_store_close(store);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding_makes_capitals_small),
        cmocka_unit_test(every_capital_folds_to_its_own_small_letter),
        cmocka_unit_test(a_cursor_comes_back_as_it_was),
        cmocka_unit_test(places_before_a_plan_are_those_of_the_game),
        cmocka_unit_test(progress_is_one_only_when_done),
        cmocka_unit_test(a_database_of_a_newer_program_is_refused),
        cmocka_unit_test(a_database_of_an_older_program_is_brought_up_to_date),
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(one_file_has_one_pool_and_a_transaction_that_is_dropped_never_was),
        cmocka_unit_test(any_number_of_different_statements_can_be_run),
        cmocka_unit_test(a_full_disk_is_said_as_such),
        cmocka_unit_test(leftovers_of_the_dead_are_removed_and_those_of_the_living_stay),
        cmocka_unit_test(links_are_never_followed),
        cmocka_unit_test(removing_leaves_no_empty_folders_and_aborting_nothing),
        cmocka_unit_test(a_file_that_cannot_grow_is_said_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
