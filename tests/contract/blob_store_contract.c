/* What port/blob_store.h promises, held by every object store. */
#include "blob_store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/es_clock.h"

static void a_store_answers(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->blobs->ops->name, opener->name);
    assert_ok(f->blobs->ops->check(f->blobs, &f->err), f->err);
    assert_string_equal(list(f, "", NULL, 10), "");
}

static void an_object_is_read_as_it_was_written(void **state)
{
    struct fixture *f = *state;
    int64_t before_ms = es_clock_realtime_ms();
    struct blob_info info = put(f, "uploads/u/m/original.mp3", "hello world"), stat;
    assert_int_equal(info.size_bytes, 11);
    assert_in_range(info.modified_at_ms, before_ms - 2000, before_ms + 60000);
    assert_true(strlen(info.etag) > 0 && !strchr(info.etag, '"'));
    CALL(stat, "uploads/u/m/original.mp3", &stat);
    assert_int_equal(stat.size_bytes, 11);
    assert_int_equal(stat.modified_at_ms, info.modified_at_ms);
    assert_string_equal(stat.etag, info.etag);

    struct blob_reader *reader;
    char bytes[16];
    size_t size;
    CALL(open, "uploads/u/m/original.mp3", &reader);
    assert_string_equal(reader->info.etag, info.etag);
    assert_int_equal(reader->info.size_bytes, 11);
    assert_ok(reader->ops->read(reader, 6, bytes, 3, &size, &f->err), f->err);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "wor", 3);
    assert_ok(reader->ops->read(reader, 9, bytes, sizeof(bytes), &size, &f->err), f->err);
    assert_int_equal(size, 2);
    assert_ok(reader->ops->read(reader, 11, bytes, sizeof(bytes), &size, &f->err), f->err);
    assert_int_equal(size, 0);
    assert_ok(reader->ops->read(reader, INT64_C(1) << 40, bytes, 1, &size, &f->err), f->err);
    assert_int_equal(size, 0);
    assert_int_equal(reader->ops->read(reader, -1, bytes, 1, &size, &f->err), ES_INVALID);
    if (reader->fd >= 0) {
        assert_int_equal(pread(reader->fd, bytes, sizeof(bytes), 0), 11);
        assert_memory_equal(bytes, "hello world", 11);
    }
    blob_reader_close(reader);

    put(f, "empty", "");
    assert_string_equal(get(f, "empty"), "");
    assert_int_equal(ANSWER(open, "none", &reader), ES_NOT_FOUND);
    assert_string_equal(f->err.word, "blob_not_found");
    assert_false(is_there(f, "uploads/u"));
    assert_int_equal(ANSWER(open, "uploads/u", &reader), ES_NOT_FOUND);
    assert_false(is_there(f, "empty/deeper"));
}

static void nothing_is_seen_before_the_commit_or_after_an_abort(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer;
    CALL(create, "a/b", &writer);
    assert_ok(writer->ops->write(writer, "half", 4, &f->err), f->err);
    assert_false(is_there(f, "a/b"));
    assert_string_equal(list(f, "", NULL, 10), "");
    blob_writer_abort(writer);
    assert_false(is_there(f, "a/b"));
    assert_string_equal(list(f, "", NULL, 10), "");

    put(f, "a/b", "old");
    CALL(create, "a/b", &writer);
    assert_ok(writer->ops->write(writer, "new", 3, &f->err), f->err);
    assert_string_equal(get(f, "a/b"), "old");
    blob_writer_abort(writer);
    assert_string_equal(get(f, "a/b"), "old");
}

static void a_writers_descriptor_takes_bytes_too(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer;
    struct blob_info info;
    char bytes[4];
    CALL(create, "fd", &writer);
    if (writer->fd < 0) {
        blob_writer_abort(writer);
        return; /* not promised by this backend */
    }
    assert_int_equal(pwrite(writer->fd, "cd", 2, 2), 2);
    assert_int_equal(pwrite(writer->fd, "ab", 2, 0), 2);
    assert_int_equal(pread(writer->fd, bytes, 4, 0), 4);
    assert_ok(writer->ops->commit(writer, &info, &f->err), f->err);
    assert_int_equal(info.size_bytes, 4);
    assert_string_equal(get(f, "fd"), "abcd");
}

static void who_reads_an_object_keeps_it_while_it_is_replaced_or_removed(void **state)
{
    struct fixture *f = *state;
    struct blob_info old = put(f, "k", "first");
    struct blob_reader *reader, *second;
    CALL(open, "k", &reader);
    struct blob_info new = put(f, "k", "other");
    assert_string_not_equal(old.etag, new.etag);
    CALL(open, "k", &second);
    CALL(remove, "k");
    assert_false(is_there(f, "k"));
    assert_string_equal(read_all(f, reader), "first");
    assert_string_equal(read_all(f, second), "other");
    blob_reader_close(reader);
    blob_reader_close(second);
    CALL(remove, "k");
    CALL(remove, "never/was");
}

static void another_etag_whenever_the_bytes_are_others(void **state)
{
    struct fixture *f = *state;
    const char *etags[200];
    for (int i = 0; i < 200; i++) {
        struct blob_info info = put(f, "same", i % 2 ? "a" : "b");
        etags[i] = es_strdup(&f->arena, info.etag);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(etags[i], etags[j]);
    }
}

static void a_key_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    char *long_key = es_alloc(&f->arena, BLOB_KEY_BYTES_MAX + 2);
    memset(long_key, 'k', BLOB_KEY_BYTES_MAX + 1);
    long_key[200] = long_key[400] = '/';
    char *long_segment = es_alloc(&f->arena, BLOB_SEGMENT_BYTES_MAX + 2);
    memset(long_segment, 'k', BLOB_SEGMENT_BYTES_MAX + 1);
    const char *bad[] = { "",     "/",    "/a",     "a/",  "a//b", ".",      "..",
                          "../a", "a/..", "a/./b",  "a b", "a\\b", "~tmp",   "~tmp/x",
                          "á",    "a\n",  "a/../b", "%2e", "a:b",  long_key, long_segment };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct blob_reader *reader;
        struct blob_writer *writer;
        struct blob_info info;
        assert_false(blob_key_is_valid(bad[i]));
        assert_int_equal(ANSWER(open, bad[i], &reader), ES_INVALID);
        assert_int_equal(ANSWER(create, bad[i], &writer), ES_INVALID);
        assert_int_equal(ANSWER(stat, bad[i], &info), ES_INVALID);
        assert_int_equal(ANSWER(remove, bad[i]), ES_INVALID);
    }
    const char *bad_prefixes[] = {
        "", "a", "/", "//", "../", "a/../", "a//", ".tmp/../../", "~tmp/"
    };
    for (size_t i = 0; i < COUNT_OF(bad_prefixes); i++)
        assert_int_equal(ANSWER(remove_all, bad_prefixes[i]), ES_INVALID);
    long_key[BLOB_KEY_BYTES_MAX] = 0;
    long_segment[BLOB_SEGMENT_BYTES_MAX] = 0;
    const char *good[] = { long_key, long_segment, "...", ".tmp/x", "-", "_/_._", "A-Z/9" };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        put(f, good[i], good[i]);
        assert_string_equal(get(f, good[i]), good[i]);
    }
}

static void keys_are_listed_in_byte_order_by_pages(void **state)
{
    struct fixture *f = *state;
    const char *keys[] = { "a/b/c", "a/b-c", "a/b.c", "a/b0",  "a-/x",    "a.x",
                           "a0/1",  "b",     "a/B",   "a/b/a", "a/b/b/1", "aa/z" };
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        put(f, keys[i], "x");
    const char *all = "a-/x a.x a/B a/b-c a/b.c a/b/a a/b/b/1 a/b/c a/b0 a0/1 aa/z b ";
    assert_string_equal(list(f, "", NULL, 100), all);
    assert_string_equal(list(f, "a/", NULL, 100), "a/B a/b-c a/b.c a/b/a a/b/b/1 a/b/c a/b0 ");
    assert_string_equal(list(f, "a/b", NULL, 100), "a/b-c a/b.c a/b/a a/b/b/1 a/b/c a/b0 ");
    assert_string_equal(list(f, "a/b/", NULL, 100), "a/b/a a/b/b/1 a/b/c ");
    assert_string_equal(list(f, "a/b/", "a/b/a", 1), "a/b/b/1 ");
    assert_string_equal(list(f, "a/b/", "a/b/b/1", 100), "a/b/c ");
    assert_string_equal(list(f, "a/b/", "zzz", 100), "");
    assert_string_equal(list(f, "a/b/", "a/", 100), "a/b/a a/b/b/1 a/b/c ");
    assert_string_equal(list(f, "../", NULL, 100), "");
    assert_string_equal(list(f, "nothing/here/", NULL, 100), "");
    assert_string_equal(list(f, "b/", NULL, 100), "");
    for (size_t limit = 1; limit < 14; limit++) {
        const char *joined = "", *after = NULL, *page;
        while (page = list(f, "", after, limit), *page) {
            joined = es_printf(&f->arena, "%s%s", joined, page);
            char *last = es_strndup(&f->arena, page, strlen(page) - 1);
            after = strrchr(last, ' ') ? strrchr(last, ' ') + 1 : last;
        }
        assert_string_equal(joined, all);
    }
}

static void a_prefix_is_removed_with_all_below_it_and_nothing_beside_it(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 60; i++)
        put(f, es_printf(&f->arena, "converted/m/j/%d/seg-%d", i % 3, i), "x");
    put(f, "converted/m/j2/x", "x");
    put(f, "converted/m/jx", "x");
    CALL(remove_all, "converted/m/j/");
    CALL(remove_all, "converted/m/j/");
    CALL(remove_all, "nothing/here/");
    assert_string_equal(list(f, "", NULL, 100), "converted/m/j2/x converted/m/jx ");
    put(f, "converted/m/j/again", "y");
    assert_string_equal(get(f, "converted/m/j/again"), "y");
    CALL(remove_all, "converted/");
    assert_string_equal(list(f, "", NULL, 100), "");
}

struct race {
    struct fixture *f;
    atomic_int failed, torn, is_over;
};

/* Writers replace one object, whose bytes are all alike; readers must never see two kinds, or a
 * short one. */
static void write_or_read(void *argument, size_t i)
{
    struct race *race = argument;
    struct blob_store *store = race->f->blobs;
    char bytes[5000];
    for (int round = 0; round < 30; round++) {
        if (i % 2) {
            struct blob_writer *writer;
            memset(bytes, 'a' + (int)i, sizeof(bytes));
            if (store->ops->create(store, "one/object", &writer, NULL)) {
                atomic_fetch_add(&race->failed, 1);
                continue;
            }
            bool is_written = writer->ops->write(writer, bytes, 2000, NULL) == ES_OK &&
                              writer->ops->write(writer, bytes, 3000, NULL) == ES_OK;
            if (!is_written || writer->ops->commit(writer, NULL, NULL))
                atomic_fetch_add(&race->failed, 1);
            continue;
        }
        struct blob_reader *reader;
        size_t size = 0;
        enum es_code code = store->ops->open(store, "one/object", &reader, NULL);
        if (code == ES_NOT_FOUND)
            continue;
        if (code || reader->ops->read(reader, 0, bytes, sizeof(bytes), &size, NULL))
            atomic_fetch_add(&race->failed, 1);
        for (size_t j = 0; j < size; j++)
            if (size != sizeof(bytes) || bytes[j] != bytes[0])
                atomic_fetch_add(&race->torn, 1);
        if (!code)
            blob_reader_close(reader);
    }
}

static void an_object_is_never_seen_torn(void **state)
{
    struct race race = { .f = *state };
    contract_race(8, write_or_read, &race);
    assert_int_equal(race.failed, 0);
    assert_int_equal(race.torn, 0);
}

/* Folders that others empty at the same time must not break a commit. */
static void write_and_remove(void *argument, size_t i)
{
    struct race *race = argument;
    struct blob_store *store = race->f->blobs;
    es_auto_arena arena = { 0 };
    for (int round = 0; round < 30; round++) {
        const char *key = es_printf(&arena, "deep/er/and/deeper/%zu", i);
        struct blob_writer *writer;
        struct es_err err = { 0 };
        if (store->ops->create(store, key, &writer, &err) ||
            writer->ops->commit(writer, NULL, &err) ||
            (i % 4 == 3 ? store->ops->remove_all(store, "deep/er/and/", &err)
                        : store->ops->remove(store, key, &err))) {
            fprintf(stderr, "%s\n", err.detail);
            atomic_fetch_add(&race->failed, 1);
        }
    }
}

static void writing_beside_removing_goes_on(void **state)
{
    struct race race = { .f = *state };
    contract_race(8, write_and_remove, &race);
    assert_int_equal(race.failed, 0);
}

static int64_t copy(struct fixture *f, const char *from, const char *to, const char *name)
{
    int64_t size = -1;
    CALL(copy, from, to, &name, 1, &size);
    return size;
}

static void a_copy_has_the_same_bytes_and_a_life_of_its_own(void **state)
{
    struct fixture *f = *state;
    put(f, "c/m/one/output.mp3", "sound");
    put(f, "c/m/one/cover.jpg", "picture");
    put(f, "c/m/one/left", "left alone");
    const char *const names[] = { "output.mp3", "cover.jpg" };
    int64_t size;
    CALL(copy, "c/m/one/", "c/m/two/", names, 2, &size);
    assert_int_equal(size, 5 + 7);
    assert_string_equal(list(f, "c/m/two/", NULL, 10), "c/m/two/cover.jpg c/m/two/output.mp3 ");
    assert_string_equal(get(f, "c/m/two/output.mp3"), "sound");

    put(f, "c/m/one/output.mp3", "another");
    assert_string_equal(get(f, "c/m/two/output.mp3"), "sound");
    CALL(remove_all, "c/m/one/");
    assert_string_equal(get(f, "c/m/two/cover.jpg"), "picture");
    put(f, "c/m/two/output.mp3", "new");
    assert_int_equal(copy(f, "c/m/two/", "c/n/", "output.mp3"), 3);
    CALL(remove, "c/m/two/output.mp3");
    assert_string_equal(get(f, "c/n/output.mp3"), "new");
    CALL(copy, "c/n/", "c/o/", NULL, 0, &size);
    assert_int_equal(size, 0);
}

static void a_copy_takes_the_place_of_what_was_there(void **state)
{
    struct fixture *f = *state;
    put(f, "a/x", "first");
    put(f, "b/x", "other bytes");
    assert_int_equal(copy(f, "a/", "b/", "x"), 5);
    assert_string_equal(get(f, "b/x"), "first");
    assert_int_equal(copy(f, "a/", "b/", "x"), 5); /* again */
    assert_int_equal(copy(f, "a/", "a/", "x"), 5); /* onto itself */
    assert_string_equal(get(f, "b/x"), "first");
    assert_string_equal(list(f, "", NULL, 10), "a/x b/x ");
}

static void a_copy_of_what_is_not_there_is_refused(void **state)
{
    struct fixture *f = *state;
    put(f, "a/x", "x");
    const char *const names[] = { "x", "y" };
    int64_t size = -1;
    assert_int_equal(ANSWER(copy, "a/", "b/", names, 2, &size), ES_NOT_FOUND);
    assert_string_equal(f->err.word, "blob_not_found");
    assert_int_equal(ANSWER(copy, "none/", "b/", names, 1, &size), ES_NOT_FOUND);
    const char *const bad[] = { "", "..", "p/q", "~tmp", "a b" };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(ANSWER(copy, "a/", "b/", &bad[i], 1, &size), ES_INVALID);
    assert_int_equal(ANSWER(copy, "a", "b/", names, 1, &size), ES_INVALID);
    assert_int_equal(ANSWER(copy, "a/", "", names, 1, &size), ES_INVALID);
    char *long_prefix = es_alloc(&f->arena, BLOB_KEY_BYTES_MAX + 2);
    for (size_t i = 0; i < BLOB_KEY_BYTES_MAX; i++)
        long_prefix[i] = i % 2 ? '/' : 'p';
    assert_int_equal(ANSWER(copy, "a/", long_prefix, names, 1, &size), ES_INVALID);
    assert_int_equal(size, -1);
}

struct copies {
    struct fixture *f;
    atomic_int done, others;
};

static void copy_or_remove(void *argument, size_t i)
{
    struct copies *copies = argument;
    struct blob_store *store = copies->f->blobs;
    const char *name = "x";
    int64_t size;
    for (int round = 0; round < 50; round++) {
        enum es_code code =
            i == 0 ? store->ops->remove_all(store, "to/deep/", NULL)
                   : store->ops->copy(store, "from/", "to/deep/er/", &name, 1, &size, NULL);
        atomic_fetch_add(code == ES_OK ? &copies->done : &copies->others, 1);
    }
}

static void copying_beside_removing_goes_on(void **state)
{
    struct fixture *f = *state;
    put(f, "from/x", "x");
    struct copies copies = { .f = f };
    contract_race(4, copy_or_remove, &copies);
    assert_int_equal(copies.others, 0);
    copy(f, "from/", "to/deep/er/", "x");
    assert_string_equal(list(f, "", NULL, 10), "from/x to/deep/er/x ");
}

static void objects_are_there_after_opening_again(void **state)
{
    struct fixture *f = *state;
    if (!opener->is_lasting)
        return; /* not promised by this backend */
    struct blob_info before = put(f, "a/b", "text"), after;
    struct blob_store *first = f->blobs; /* two at once, as two processes would */
    assert_ok(opener->open(f, &f->err), f->err);
    CALL(stat, "a/b", &after);
    blob_store_close(first);
    assert_string_equal(after.etag, before.etag);
    assert_string_equal(get(f, "a/b"), "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_answers),
        TEST(an_object_is_read_as_it_was_written),
        TEST(nothing_is_seen_before_the_commit_or_after_an_abort),
        TEST(a_writers_descriptor_takes_bytes_too),
        TEST(who_reads_an_object_keeps_it_while_it_is_replaced_or_removed),
        TEST(another_etag_whenever_the_bytes_are_others),
        TEST(a_key_that_is_none_is_refused),
        TEST(keys_are_listed_in_byte_order_by_pages),
        TEST(a_prefix_is_removed_with_all_below_it_and_nothing_beside_it),
        TEST(an_object_is_never_seen_torn),
        TEST(writing_beside_removing_goes_on),
        TEST(a_copy_has_the_same_bytes_and_a_life_of_its_own),
        TEST(a_copy_takes_the_place_of_what_was_there),
        TEST(a_copy_of_what_is_not_there_is_refused),
        TEST(copying_beside_removing_goes_on),
        TEST(objects_are_there_after_opening_again),
    };
    return contract_run(blob_store_openers, tests);
}
