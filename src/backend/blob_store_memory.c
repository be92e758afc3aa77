/* A sorted array of keys with counted, unchanging bodies: who reads one keeps it, whatever happens
 * to its key. One lock over everything. */
#include "backend/blob_store_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_buf.h"
#include "base/es_clock.h"
#include "base/es_id.h"
#include "base/es_text.h"

struct body {
    struct es_buf bytes;
    struct blob_info info;
    int references; /* under the store's lock, as all of a growing one */
    bool is_growing, is_given_up;
};

struct entry {
    char *key;
    struct body *body;
};

struct blob_store_memory {
    struct blob_store base;
    pthread_mutex_t lock;
    struct entry *entries; /* by key */
    size_t count, capacity;
    struct memory_writer *growing; /* those whose object can be read already */
};

struct memory_reader {
    struct blob_reader base;
    struct blob_store_memory *memory;
    struct body *body;
};

struct memory_writer {
    struct blob_writer base;
    struct blob_store_memory *memory;
    char *key;
    struct body *body;
    struct memory_writer *next; /* in the store's list, where it is growing */
};

static void body_release(struct body *body)
{
    if (--body->references > 0)
        return;
    es_buf_release(&body->bytes);
    free(body);
}

/* The first entry whose key is not less than `key`. */
static size_t lower_bound(const struct blob_store_memory *memory, const char *key)
{
    size_t low = 0, high = memory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(memory->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(struct blob_store_memory *memory, const char *key)
{
    size_t position = lower_bound(memory, key);
    bool is_there = position < memory->count && strcmp(memory->entries[position].key, key) == 0;
    return is_there ? &memory->entries[position] : NULL;
}

static void remove_range(struct blob_store_memory *memory, size_t from, size_t to)
{
    if (from == to)
        return;
    for (size_t i = from; i < to; i++) {
        free(memory->entries[i].key);
        body_release(memory->entries[i].body);
    }
    memmove(memory->entries + from, memory->entries + to,
            (memory->count - to) * sizeof(struct entry));
    memory->count -= to - from;
}

/* Takes over one reference to `body`. */
static void put(struct blob_store_memory *memory, const char *key, struct body *body)
{
    struct entry *entry = find(memory, key);
    if (entry) {
        body_release(entry->body);
        entry->body = body;
        return;
    }
    if (memory->count == memory->capacity) {
        memory->capacity = memory->capacity ? 2 * memory->capacity : 64;
        memory->entries = es_realloc(memory->entries, memory->capacity * sizeof(struct entry));
    }
    size_t position = lower_bound(memory, key);
    memmove(memory->entries + position + 1, memory->entries + position,
            (memory->count - position) * sizeof(struct entry));
    memory->entries[position] = (struct entry){ es_strdup_heap(key), body };
    memory->count++;
}

static enum es_code check_key(const char *key, struct es_err *reterr)
{
    return blob_key_is_valid(key) ? ES_OK : es_fail(reterr, ES_INVALID, "'%s' is no key", key);
}

static enum es_code blob_missing(struct es_err *reterr, const char *key)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "blob_not_found", "no object '%s'", key);
}

static void store_close(struct blob_store *store)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    remove_range(memory, 0, memory->count);
    free(memory->entries);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static enum es_code store_check(struct blob_store *store, struct es_err *reterr)
{
    (void)store;
    (void)reterr;
    return ES_OK;
}

static enum es_code reader_read(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                                size_t size, size_t *ret_size, struct es_err *reterr)
{
    if (offset < 0)
        return es_fail(reterr, ES_INVALID, "an offset of %lld", (long long)offset);
    const struct body *body = ((struct memory_reader *)reader)->body;
    size_t left = (uint64_t)offset < body->bytes.size ? body->bytes.size - (size_t)offset : 0;
    *ret_size = size < left ? size : left;
    if (*ret_size > 0)
        memcpy(ret_bytes, body->bytes.bytes + offset, *ret_size);
    return ES_OK;
}

static enum es_code growing_read(struct blob_reader *reader, int64_t offset, void *ret_bytes,
                                 size_t size, size_t *ret_size, struct es_err *reterr)
{
    struct blob_store_memory *memory = ((struct memory_reader *)reader)->memory;
    pthread_mutex_lock(&memory->lock);
    enum es_code code = reader_read(reader, offset, ret_bytes, size, ret_size, reterr);
    pthread_mutex_unlock(&memory->lock);
    return code;
}

static enum es_code reader_look(struct blob_reader *reader, struct es_err *reterr)
{
    struct memory_reader *memory_reader = (struct memory_reader *)reader;
    const struct body *body = memory_reader->body;
    pthread_mutex_lock(&memory_reader->memory->lock);
    reader->info = body->info;
    reader->info.size_bytes = (int64_t)body->bytes.size;
    reader->is_growing = body->is_growing;
    bool is_given_up = body->is_given_up;
    pthread_mutex_unlock(&memory_reader->memory->lock);
    return is_given_up ? es_fail(reterr, ES_CANCELLED, "the writer gave it up") : ES_OK;
}

static void reader_close(struct blob_reader *reader)
{
    struct memory_reader *memory_reader = (struct memory_reader *)reader;
    pthread_mutex_lock(&memory_reader->memory->lock);
    body_release(memory_reader->body);
    pthread_mutex_unlock(&memory_reader->memory->lock);
    free(memory_reader);
}

static const struct blob_reader_ops reader_ops = {
    .read = reader_read,
    .look = reader_look,
    .close = reader_close,
};

static const struct blob_reader_ops growing_ops = {
    .read = growing_read,
    .look = reader_look,
    .close = reader_close,
};

/* Takes over one reference of the body. */
static struct blob_reader *reader_make(struct blob_store_memory *memory, struct body *body,
                                       const struct blob_reader_ops *ops)
{
    struct memory_reader *reader = es_malloc(sizeof(*reader));
    reader->base = (struct blob_reader){ .ops = ops, .info = body->info, .fd = -1 };
    reader->memory = memory;
    reader->body = body;
    return &reader->base;
}

static enum es_code store_open(struct blob_store *store, const char *key,
                               struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    enum es_code code = check_key(key, reterr);
    if (code)
        return code;
    pthread_mutex_lock(&memory->lock);
    struct entry *entry = find(memory, key);
    struct body *body = entry ? entry->body : NULL;
    if (body)
        body->references++;
    pthread_mutex_unlock(&memory->lock);
    if (!body)
        return blob_missing(reterr, key);
    *ret_reader = reader_make(memory, body, &reader_ops);
    return ES_OK;
}

static enum es_code store_open_growing(struct blob_store *store, const char *key,
                                       struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    pthread_mutex_lock(&memory->lock);
    struct memory_writer *writer = memory->growing;
    while (writer && strcmp(writer->key, key) != 0)
        writer = writer->next;
    struct body *body = writer ? writer->body : NULL;
    if (body)
        body->references++;
    pthread_mutex_unlock(&memory->lock);
    if (!body) /* not begun, or whole by now */
        return store_open(store, key, ret_reader, reterr);
    struct blob_reader *reader = reader_make(memory, body, &growing_ops);
    enum es_code code = reader_look(reader, reterr);
    if (code) {
        reader_close(reader);
        return blob_missing(reterr, key);
    }
    *ret_reader = reader;
    return ES_OK;
}

static enum es_code writer_write(struct blob_writer *writer, const void *bytes, size_t size,
                                 struct es_err *reterr)
{
    (void)reterr;
    es_buf_append(&((struct memory_writer *)writer)->body->bytes, bytes, size);
    return ES_OK;
}

static enum es_code growing_write(struct blob_writer *writer, const void *bytes, size_t size,
                                  struct es_err *reterr)
{
    struct memory_writer *memory_writer = (struct memory_writer *)writer;
    pthread_mutex_lock(&memory_writer->memory->lock);
    memory_writer->body->info.modified_at_ms = es_clock_realtime_ms();
    enum es_code code = writer_write(writer, bytes, size, reterr);
    pthread_mutex_unlock(&memory_writer->memory->lock);
    return code;
}

/* Under the lock. */
static void stop_growing(struct memory_writer *writer)
{
    struct memory_writer **link = &writer->memory->growing;
    while (*link && *link != writer)
        link = &(*link)->next;
    if (*link)
        *link = writer->next;
    writer->body->is_growing = false;
}

static void writer_free(struct memory_writer *writer)
{
    free(writer->key);
    free(writer);
}

static enum es_code writer_commit(struct blob_writer *writer, struct blob_info *ret_info,
                                  struct es_err *reterr)
{
    (void)reterr;
    struct memory_writer *memory_writer = (struct memory_writer *)writer;
    struct blob_store_memory *memory = memory_writer->memory;
    struct body *body = memory_writer->body;

    pthread_mutex_lock(&memory->lock);
    stop_growing(memory_writer);
    body->info.size_bytes = (int64_t)body->bytes.size;
    body->info.modified_at_ms = es_clock_realtime_ms();
    es_id_v4(body->info.etag);
    if (ret_info)
        *ret_info = body->info;
    put(memory, memory_writer->key, body);
    pthread_mutex_unlock(&memory->lock);
    writer_free(memory_writer);
    return ES_OK;
}

static void writer_abort(struct blob_writer *writer)
{
    struct memory_writer *memory_writer = (struct memory_writer *)writer;
    struct blob_store_memory *memory = memory_writer->memory;
    pthread_mutex_lock(&memory->lock);
    stop_growing(memory_writer);
    memory_writer->body->is_given_up = true;
    body_release(memory_writer->body);
    pthread_mutex_unlock(&memory->lock);
    writer_free(memory_writer);
}

static const struct blob_writer_ops writer_ops = {
    .write = writer_write,
    .commit = writer_commit,
    .abort = writer_abort,
};

static const struct blob_writer_ops growing_writer_ops = {
    .write = growing_write,
    .commit = writer_commit,
    .abort = writer_abort,
};

static struct memory_writer *writer_make(struct blob_store *store, const char *key,
                                         const struct blob_writer_ops *ops)
{
    struct memory_writer *writer = es_malloc(sizeof(*writer));
    writer->base = (struct blob_writer){ .ops = ops, .fd = -1 };
    writer->memory = (struct blob_store_memory *)store;
    writer->key = es_strdup_heap(key);
    writer->body = es_malloc(sizeof(struct body));
    writer->body->references = 1;
    return writer;
}

static enum es_code store_create(struct blob_store *store, const char *key,
                                 struct blob_writer **ret_writer, struct es_err *reterr)
{
    enum es_code code = check_key(key, reterr);
    if (code)
        return code;
    *ret_writer = &writer_make(store, key, &writer_ops)->base;
    return ES_OK;
}

static enum es_code store_create_growing(struct blob_store *store, const char *key,
                                         struct blob_writer **ret_writer, struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    enum es_code code = check_key(key, reterr);
    if (code)
        return code;
    struct memory_writer *writer = writer_make(store, key, &growing_writer_ops);
    writer->body->is_growing = true;
    writer->body->info.modified_at_ms = es_clock_realtime_ms();
    pthread_mutex_lock(&memory->lock);
    bool is_taken = false;
    for (struct memory_writer *other = memory->growing; other; other = other->next)
        is_taken |= strcmp(other->key, key) == 0;
    if (!is_taken) {
        writer->next = memory->growing;
        memory->growing = writer;
    }
    pthread_mutex_unlock(&memory->lock);
    if (is_taken) {
        writer_abort(&writer->base);
        return es_fail(reterr, ES_CONFLICT, "'%s' is growing already", key);
    }
    *ret_writer = &writer->base;
    return ES_OK;
}

static enum es_code store_stat(struct blob_store *store, const char *key,
                               struct blob_info *ret_info, struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    enum es_code code = check_key(key, reterr);
    if (code)
        return code;
    pthread_mutex_lock(&memory->lock);
    struct entry *entry = find(memory, key);
    if (entry)
        *ret_info = entry->body->info;
    pthread_mutex_unlock(&memory->lock);
    return entry ? ES_OK : blob_missing(reterr, key);
}

static enum es_code store_remove(struct blob_store *store, const char *key, struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    enum es_code code = check_key(key, reterr);
    if (code)
        return code;
    pthread_mutex_lock(&memory->lock);
    struct entry *entry = find(memory, key);
    if (entry) {
        size_t position = (size_t)(entry - memory->entries);
        remove_range(memory, position, position + 1);
    }
    pthread_mutex_unlock(&memory->lock);
    return ES_OK;
}

static enum es_code store_remove_all(struct blob_store *store, const char *prefix,
                                     struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    if (!blob_prefix_is_valid(prefix))
        return es_fail(reterr, ES_INVALID, "'%s' is no prefix", prefix);
    pthread_mutex_lock(&memory->lock);
    size_t from = lower_bound(memory, prefix), to = from;
    while (to < memory->count && es_text_has_prefix(memory->entries[to].key, prefix))
        to++;
    remove_range(memory, from, to);
    pthread_mutex_unlock(&memory->lock);
    return ES_OK;
}

static enum es_code store_copy(struct blob_store *store, const char *from, const char *to,
                               const char *const *names, size_t count, int64_t *ret_size_bytes,
                               struct es_err *reterr)
{
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    enum es_code code = blob_copy_check(from, to, names, count, reterr);
    int64_t total = 0;
    for (size_t i = 0; !code && i < count; i++) {
        es_auto_arena arena = { 0 };
        const char *key = es_printf(&arena, "%s%s", from, names[i]);
        pthread_mutex_lock(&memory->lock);
        struct entry *entry = find(memory, key);
        if (entry) {
            struct body *body = entry->body;
            body->references++;
            total += body->info.size_bytes;
            put(memory, es_printf(&arena, "%s%s", to, names[i]), body);
        }
        pthread_mutex_unlock(&memory->lock);
        if (!entry)
            code = blob_missing(reterr, key);
    }
    if (code == ES_OK)
        *ret_size_bytes = total;
    return code;
}

static enum es_code store_list(struct blob_store *store, const char *prefix, const char *after,
                               size_t limit, struct es_arena *arena, const char ***ret_keys,
                               size_t *ret_count, struct es_err *reterr)
{
    (void)reterr;
    struct blob_store_memory *memory = (struct blob_store_memory *)store;
    pthread_mutex_lock(&memory->lock);
    size_t room = limit < memory->count ? limit : memory->count;
    const char **keys = es_new_array(arena, const char *, room);
    size_t count = 0;
    size_t position = lower_bound(memory, after && strcmp(after, prefix) > 0 ? after : prefix);
    for (; position < memory->count && count < room; position++) {
        const char *key = memory->entries[position].key;
        if (!es_text_has_prefix(key, prefix))
            break;
        if (!after || strcmp(key, after) > 0)
            keys[count++] = es_strdup(arena, key);
    }
    pthread_mutex_unlock(&memory->lock);
    *ret_keys = keys;
    *ret_count = count;
    return ES_OK;
}

static const struct blob_store_ops memory_ops = {
    .name = "memory",
    .close = store_close,
    .check = store_check,
    .open = store_open,
    .create = store_create,
    .create_growing = store_create_growing,
    .open_growing = store_open_growing,
    .stat = store_stat,
    .remove = store_remove,
    .remove_all = store_remove_all,
    .copy = store_copy,
    .list = store_list,
};

enum es_code blob_store_memory_open(struct blob_store **ret_store, struct es_err *reterr)
{
    (void)reterr;
    struct blob_store_memory *memory = es_malloc(sizeof(*memory));
    memory->base.ops = &memory_ops;
    pthread_mutex_init(&memory->lock, NULL);
    *ret_store = &memory->base;
    return ES_OK;
}
