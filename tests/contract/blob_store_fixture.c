/* One row for each backend, and the ways to look into a store. */
#include "blob_store_fixture.h"

#include "backend/blob_store_fs.h"
#include "backend/blob_store_memory.h"

static enum es_code open_memory(struct fixture *f, struct es_err *reterr)
{
    return blob_store_memory_open(&f->blobs, reterr);
}

static enum es_code open_fs(struct fixture *f, struct es_err *reterr)
{
    return blob_store_fs_open(es_printf(&f->arena, "%s/objects", f->folder), &f->blobs, reterr);
}

const struct opener blob_store_openers[2] = {
    { "memory", open_memory, false },
    { "fs", open_fs, true },
};

struct blob_info put(struct fixture *f, const char *key, const char *text)
{
    struct blob_writer *writer;
    struct blob_info info = { 0 };
    CALL(create, key, &writer);
    assert_ok(writer->ops->write(writer, text, strlen(text), &f->err), f->err);
    assert_ok(writer->ops->commit(writer, &info, &f->err), f->err);
    return info;
}

const char *read_all(struct fixture *f, struct blob_reader *reader)
{
    char *text = es_alloc(&f->arena, (size_t)reader->info.size_bytes + 1);
    size_t size;
    assert_ok(reader->ops->read(reader, 0, text, (size_t)reader->info.size_bytes, &size, &f->err),
              f->err);
    assert_int_equal(size, reader->info.size_bytes);
    return text;
}

const char *get(struct fixture *f, const char *key)
{
    struct blob_reader *reader;
    CALL(open, key, &reader);
    const char *text = read_all(f, reader);
    blob_reader_close(reader);
    return text;
}

bool is_there(struct fixture *f, const char *key)
{
    struct blob_info info;
    enum es_code code = ANSWER(stat, key, &info);
    if (code == ES_NOT_FOUND)
        assert_string_equal(f->err.word, "blob_not_found");
    else
        assert_int_equal(code, ES_OK);
    return code == ES_OK;
}

const char *list(struct fixture *f, const char *prefix, const char *after, size_t limit)
{
    const char **keys, *text = "";
    size_t count;
    CALL(list, prefix, after, limit, &f->arena, &keys, &count);
    assert_true(count <= limit);
    for (size_t i = 0; i < count; i++)
        text = es_printf(&f->arena, "%s%s ", text, keys[i]);
    return text;
}
