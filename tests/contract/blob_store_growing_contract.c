/* What port/blob_store.h promises of objects that are read while they are written. */
#include "blob_store_fixture.h"

#include <pthread.h>

#include "base/es_clock.h"

static struct blob_writer *grow(struct fixture *f, const char *key, const char *text)
{
    struct blob_writer *writer;
    CALL(create_growing, key, &writer);
    assert_ok(writer->ops->write(writer, text, strlen(text), &f->err), f->err);
    return writer;
}

static struct blob_reader *open_growing(struct fixture *f, const char *key)
{
    struct blob_reader *reader;
    CALL(open_growing, key, &reader);
    return reader;
}

/* Looks until `size` bytes are there. */
static void await(struct fixture *f, struct blob_reader *reader, size_t size)
{
    do
        assert_ok(reader->ops->look(reader, &f->err), f->err);
    while (reader->info.size_bytes < (int64_t)size);
    assert_int_equal(reader->info.size_bytes, size);
}

static void a_growing_object_is_read_while_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct blob_reader *early;
    assert_int_equal(ANSWER(open_growing, "a/film", &early), ES_NOT_FOUND);
    assert_string_equal(f->err.word, "blob_not_found");
    struct blob_writer *writer = grow(f, "a/film", "first, ");
    struct blob_reader *reader = open_growing(f, "a/film");
    assert_true(reader->is_growing);
    assert_int_equal(reader->fd, -1);
    await(f, reader, 7);
    assert_string_equal(read_all(f, reader), "first, ");
    assert_true(llabs(es_clock_realtime_ms() - reader->info.modified_at_ms) < 60000);

    assert_ok(writer->ops->write(writer, "second", 6, &f->err), f->err);
    await(f, reader, 13);
    assert_true(reader->is_growing);
    assert_string_equal(read_all(f, reader), "first, second");
    char text[32];
    size_t size;
    assert_ok(reader->ops->read(reader, 7, text, sizeof(text), &size, &f->err), f->err);
    assert_int_equal(size, 6);
    assert_ok(reader->ops->read(reader, 13, text, sizeof(text), &size, &f->err), f->err);
    assert_int_equal(size, 0);

    assert_ok(writer->ops->commit(writer, NULL, &f->err), f->err);
    assert_ok(reader->ops->look(reader, &f->err), f->err);
    assert_false(reader->is_growing);
    assert_string_equal(read_all(f, reader), "first, second");
    blob_reader_close(reader);
    assert_string_equal(get(f, "a/film"), "first, second");
}

static void a_growing_object_is_none_before_its_commit(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer = grow(f, "a/film", "text");
    assert_false(is_there(f, "a/film"));
    struct blob_reader *reader;
    assert_int_equal(ANSWER(open, "a/film", &reader), ES_NOT_FOUND);
    assert_string_equal(list(f, "", NULL, 10), "");
    CALL(remove, "a/film");
    CALL(remove_all, "a/");
    reader = open_growing(f, "a/film");
    assert_ok(writer->ops->commit(writer, NULL, &f->err), f->err);
    await(f, reader, 4);
    assert_false(reader->is_growing);
    blob_reader_close(reader);
    assert_string_equal(list(f, "", NULL, 10), "a/film ");
}

static void who_reads_a_growing_object_hears_that_it_was_given_up(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer = grow(f, "a/film", "text");
    struct blob_reader *reader = open_growing(f, "a/film"), *late;
    blob_writer_abort(writer);
    assert_int_equal(reader->ops->look(reader, &f->err), ES_CANCELLED);
    assert_int_equal(reader->ops->look(reader, &f->err), ES_CANCELLED);
    blob_reader_close(reader);
    assert_int_equal(ANSWER(open_growing, "a/film", &late), ES_NOT_FOUND);
    assert_false(is_there(f, "a/film"));
    writer = grow(f, "a/film", "anew");
    assert_ok(writer->ops->commit(writer, NULL, &f->err), f->err);
    assert_string_equal(get(f, "a/film"), "anew");
}

static void under_one_key_one_object_grows(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer = grow(f, "a/film", "text"), *other;
    assert_int_equal(ANSWER(create_growing, "a/film", &other), ES_CONFLICT);
    struct blob_writer *beside = grow(f, "a/song", "song");
    assert_ok(writer->ops->commit(writer, NULL, &f->err), f->err);
    struct blob_reader *reader = open_growing(f, "a/song");
    assert_string_equal(read_all(f, reader), "song");
    blob_reader_close(reader);
    blob_writer_abort(beside);
    assert_string_equal(list(f, "", NULL, 10), "a/film ");
}

static void a_whole_object_is_opened_as_well(void **state)
{
    struct fixture *f = *state;
    put(f, "a/film", "text");
    struct blob_reader *reader = open_growing(f, "a/film");
    assert_false(reader->is_growing);
    assert_ok(reader->ops->look(reader, &f->err), f->err);
    assert_string_equal(read_all(f, reader), "text");
    blob_reader_close(reader);
    assert_int_equal(ANSWER(open_growing, "../a", &reader), ES_INVALID);
    struct blob_writer *writer;
    assert_int_equal(ANSWER(create_growing, "../a", &writer), ES_INVALID);
}

#define GROWING_PIECES      2000
#define GROWING_PIECE_BYTES 1000

static void *write_pieces(void *argument)
{
    struct blob_writer *writer = argument;
    char piece[GROWING_PIECE_BYTES];
    struct es_err err;
    for (int i = 0; i < GROWING_PIECES; i++) {
        memset(piece, 'a' + i % 26, sizeof(piece));
        if (writer->ops->write(writer, piece, sizeof(piece), &err))
            return NULL;
    }
    return writer->ops->commit(writer, NULL, &err) ? NULL : argument;
}

static void what_is_read_of_a_growing_object_is_what_was_written(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer;
    CALL(create_growing, "a/film", &writer);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_pieces, writer), 0);
    struct blob_reader *reader = open_growing(f, "a/film");
    int64_t offset = 0;
    for (bool was_growing = true;;) {
        char bytes[4096];
        size_t size;
        assert_ok(reader->ops->read(reader, offset, bytes, sizeof(bytes), &size, &f->err), f->err);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 'a' + (offset + (int64_t)i) / GROWING_PIECE_BYTES % 26);
        offset += (int64_t)size;
        if (size == 0 && !was_growing)
            break;
        was_growing = reader->is_growing;
        assert_ok(reader->ops->look(reader, &f->err), f->err);
    }
    assert_int_equal(offset, GROWING_PIECES * GROWING_PIECE_BYTES);
    assert_int_equal(reader->info.size_bytes, offset);
    blob_reader_close(reader);
    void *result;
    pthread_join(thread, &result);
    assert_non_null(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_growing_object_is_read_while_it_is_written),
        TEST(a_growing_object_is_none_before_its_commit),
        TEST(who_reads_a_growing_object_hears_that_it_was_given_up),
        TEST(under_one_key_one_object_grows),
        TEST(a_whole_object_is_opened_as_well),
        TEST(what_is_read_of_a_growing_object_is_what_was_written),
    };
    return contract_run(blob_store_openers, tests);
}
