/* An object store that fails on demand, in its readers and writers too. */
#include <stdlib.h>

#include "faulty.h"

struct blob_store_faulty {
    struct blob_store base;
    struct blob_store *inner;
    struct faults *faults;
};

struct faulty_reader {
    struct blob_reader base;
    struct blob_reader *inner;
    struct faults *faults;
};

struct faulty_writer {
    struct blob_writer base;
    struct blob_writer *inner;
    struct faults *faults;
};

static struct blob_store_faulty *wrapper_of(struct blob_store *store)
{
    return (struct blob_store_faulty *)store;
}

static void faulty_close(struct blob_store *store)
{
    blob_store_close(wrapper_of(store)->inner);
    free(store);
}

static enum es_code faulty_check(struct blob_store *store, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), check, reterr);
}

static enum es_code faulty_read(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                                size_t size, size_t *ret_size, struct es_err *reterr)
{
    FAULTY_CALL((struct faulty_reader *)reader, read, offset, ret_bytes, size, ret_size, reterr);
}

static enum es_code faulty_look(struct blob_reader *reader, struct es_err *reterr)
{
    struct faulty_reader *faulty = (struct faulty_reader *)reader;
    struct fault fault = faults_next(faulty->faults, "look");
    if (fault.code)
        return faults_fail(&fault, "look", reterr);
    enum es_code code = faulty->inner->ops->look(faulty->inner, reterr);
    reader->info = faulty->inner->info;
    reader->is_growing = faulty->inner->is_growing;
    return code;
}

static void faulty_reader_close(struct blob_reader *reader)
{
    blob_reader_close(((struct faulty_reader *)reader)->inner);
    free(reader);
}

static const struct blob_reader_ops reader_ops = {
    .read = faulty_read,
    .look = faulty_look,
    .close = faulty_reader_close,
};

static struct blob_reader *wrap_reader(struct blob_store_faulty *wrapper, struct blob_reader *inner)
{
    struct faulty_reader *reader = es_malloc(sizeof(*reader));
    reader->base = (struct blob_reader){
        .ops = &reader_ops, .info = inner->info, .is_growing = inner->is_growing, .fd = inner->fd
    };
    reader->inner = inner;
    reader->faults = wrapper->faults;
    return &reader->base;
}

static enum es_code faulty_open(struct blob_store *store, const char *key,
                                struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct blob_store_faulty *wrapper = wrapper_of(store);
    struct fault fault = faults_next(wrapper->faults, "open");
    if (fault.code)
        return faults_fail(&fault, "open", reterr);
    struct blob_reader *inner;
    enum es_code code = wrapper->inner->ops->open(wrapper->inner, key, &inner, reterr);
    if (code == ES_OK)
        *ret_reader = wrap_reader(wrapper, inner);
    return code;
}

static enum es_code faulty_open_growing(struct blob_store *store, const char *key,
                                        struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct blob_store_faulty *wrapper = wrapper_of(store);
    struct fault fault = faults_next(wrapper->faults, "open_growing");
    if (fault.code)
        return faults_fail(&fault, "open_growing", reterr);
    struct blob_reader *inner;
    enum es_code code = wrapper->inner->ops->open_growing(wrapper->inner, key, &inner, reterr);
    if (code == ES_OK)
        *ret_reader = wrap_reader(wrapper, inner);
    return code;
}

static enum es_code faulty_write(struct blob_writer *writer, const void *bytes, size_t size,
                                 struct es_err *reterr)
{
    FAULTY_CALL((struct faulty_writer *)writer, write, bytes, size, reterr);
}

static void faulty_abort(struct blob_writer *writer)
{
    blob_writer_abort(((struct faulty_writer *)writer)->inner);
    free(writer);
}

static enum es_code faulty_commit(struct blob_writer *writer, struct blob_info *ret_info,
                                  struct es_err *reterr)
{
    struct faulty_writer *faulty = (struct faulty_writer *)writer;
    struct fault fault = faults_next(faulty->faults, "commit");
    if (fault.code && !fault.is_done_anyway) {
        faulty_abort(writer);
        return faults_fail(&fault, "commit", reterr);
    }
    enum es_code code = faulty->inner->ops->commit(faulty->inner, ret_info, reterr);
    free(writer);
    return fault.code && !code ? faults_fail(&fault, "commit", reterr) : code;
}

static const struct blob_writer_ops writer_ops = {
    .write = faulty_write,
    .commit = faulty_commit,
    .abort = faulty_abort,
};

static struct blob_writer *wrap_writer(struct blob_store_faulty *wrapper, struct blob_writer *inner)
{
    struct faulty_writer *writer = es_malloc(sizeof(*writer));
    writer->base = (struct blob_writer){ .ops = &writer_ops, .fd = inner->fd };
    writer->inner = inner;
    writer->faults = wrapper->faults;
    return &writer->base;
}

static enum es_code faulty_create(struct blob_store *store, const char *key,
                                  struct blob_writer **ret_writer, struct es_err *reterr)
{
    struct blob_store_faulty *wrapper = wrapper_of(store);
    struct fault fault = faults_next(wrapper->faults, "create");
    if (fault.code)
        return faults_fail(&fault, "create", reterr);
    struct blob_writer *inner;
    enum es_code code = wrapper->inner->ops->create(wrapper->inner, key, &inner, reterr);
    if (code == ES_OK)
        *ret_writer = wrap_writer(wrapper, inner);
    return code;
}

static enum es_code faulty_create_growing(struct blob_store *store, const char *key,
                                          struct blob_writer **ret_writer, struct es_err *reterr)
{
    struct blob_store_faulty *wrapper = wrapper_of(store);
    struct fault fault = faults_next(wrapper->faults, "create_growing");
    if (fault.code)
        return faults_fail(&fault, "create_growing", reterr);
    struct blob_writer *inner;
    enum es_code code = wrapper->inner->ops->create_growing(wrapper->inner, key, &inner, reterr);
    if (code == ES_OK)
        *ret_writer = wrap_writer(wrapper, inner);
    return code;
}

static enum es_code faulty_stat(struct blob_store *store, const char *key,
                                struct blob_info *ret_info, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), stat, key, ret_info, reterr);
}

static enum es_code faulty_remove(struct blob_store *store, const char *key, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), remove, key, reterr);
}

static enum es_code faulty_remove_all(struct blob_store *store, const char *prefix,
                                      struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), remove_all, prefix, reterr);
}

static enum es_code faulty_copy(struct blob_store *store, const char *from, const char *to,
                                const char *const *names, size_t count, int64_t *ret_size_bytes,
                                struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), copy, from, to, names, count, ret_size_bytes, reterr);
}

static enum es_code faulty_list(struct blob_store *store, const char *prefix, const char *after,
                                size_t limit, struct es_arena *arena, const char ***ret_keys,
                                size_t *ret_count, struct es_err *reterr)
{
    FAULTY_CALL(wrapper_of(store), list, prefix, after, limit, arena, ret_keys, ret_count, reterr);
}

static const struct blob_store_ops faulty_ops = {
    .name = "faulty",
    .close = faulty_close,
    .check = faulty_check,
    .open = faulty_open,
    .create = faulty_create,
    .create_growing = faulty_create_growing,
    .open_growing = faulty_open_growing,
    .stat = faulty_stat,
    .remove = faulty_remove,
    .remove_all = faulty_remove_all,
    .copy = faulty_copy,
    .list = faulty_list,
};

struct blob_store *blob_store_faulty(struct blob_store *inner, struct faults *faults)
{
    struct blob_store_faulty *wrapper = es_malloc(sizeof(*wrapper));
    wrapper->base.ops = &faulty_ops;
    wrapper->inner = inner;
    wrapper->faults = faults;
    return &wrapper->base;
}
