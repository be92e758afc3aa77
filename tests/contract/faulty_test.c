/* What the wrappers promise: they pass everything on, and fail when and how the test wishes. */
#include "contract.h"
#include "faulty.h"

#include "backend/blob_store_memory.h"
#include "backend/job_queue_memory.h"
#include "backend/meta_store_memory.h"

static struct faults faults = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void a_metadata_store_fails_at_the_call_that_is_meant(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct meta_store *inner;
    int64_t count;
    assert_ok(meta_store_memory_open(&inner, &err), err);
    es_auto(meta_store) store = meta_store_faulty(inner, &faults);
    struct user user = { .id = "1", .username = "ana" };
    faults_set(&faults, &(struct fault){ .operation = "user_create",
                                         .let_through = 1,
                                         .count = 2,
                                         .code = ES_UNAVAILABLE });
    assert_ok(store->ops->user_create(store, &user, &err), err);
    user = (struct user){ .id = "2", .username = "ben" };
    assert_int_equal(store->ops->user_create(store, &user, &err), ES_UNAVAILABLE);
    assert_ok(store->ops->user_count(store, &count, &err), err);
    assert_int_equal(count, 1);
    assert_int_equal(store->ops->user_create(store, &user, &err), ES_UNAVAILABLE);
    assert_int_equal(faults_failed(&faults), 2);
    assert_ok(store->ops->user_create(store, &user, &err), err);
    faults_clear(&faults);
}

static void a_queue_can_do_it_and_lose_the_answer(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct job_queue *inner;
    int64_t length;
    assert_ok(job_queue_memory_open(&inner, &err), err);
    es_auto(job_queue) queue = job_queue_faulty(inner, &faults);
    faults_set(
        &faults,
        &(struct fault){ .operation = "push", .count = -1, .code = ES_IO, .is_done_anyway = true });
    struct job job = { .id = "j", .user_id = "u", .attempts = 1 };
    assert_int_equal(queue->ops->push(queue, &job, &err), ES_IO);
    assert_ok(queue->ops->length(queue, &length, &err), err);
    assert_int_equal(length, 1);
    queue->ops->wait(queue, 10);
    faults_clear(&faults);
}

static void an_object_store_fails_in_readers_and_writers(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct blob_store *inner;
    struct blob_writer *writer;
    struct blob_reader *reader;
    struct blob_info info;
    char bytes[4];
    size_t size;
    assert_ok(blob_store_memory_open(&inner, &err), err);
    es_auto(blob_store) store = blob_store_faulty(inner, &faults);
    faults_set(&faults,
               &(struct fault){
                   .operation = "commit", .count = 1, .code = ES_LIMIT, .word = "storage_full" });
    assert_ok(store->ops->create(store, "k", &writer, &err), err);
    assert_ok(writer->ops->write(writer, "abc", 3, &err), err);
    assert_int_equal(writer->ops->commit(writer, NULL, &err), ES_LIMIT);
    assert_string_equal(err.word, "storage_full");
    assert_int_equal(store->ops->stat(store, "k", &info, &err), ES_NOT_FOUND);

    assert_ok(store->ops->create(store, "k", &writer, &err), err);
    assert_ok(writer->ops->write(writer, "abc", 3, &err), err);
    assert_ok(writer->ops->commit(writer, NULL, &err), err);
    faults_set(&faults, &(struct fault){ .operation = "read", .count = 1, .code = ES_IO });
    assert_ok(store->ops->open(store, "k", &reader, &err), err);
    assert_int_equal(reader->info.size_bytes, 3);
    assert_int_equal(reader->ops->read(reader, 0, bytes, 4, &size, &err), ES_IO);
    assert_ok(reader->ops->read(reader, 0, bytes, 4, &size, &err), err);
    assert_int_equal(size, 3);
    blob_reader_close(reader);
    faults_set(&faults, &(struct fault){ .count = 1, .code = ES_UNAVAILABLE });
    assert_int_equal(store->ops->check(store, &err), ES_UNAVAILABLE);
    faults_clear(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metadata_store_fails_at_the_call_that_is_meant),
        cmocka_unit_test(a_queue_can_do_it_and_lose_the_answer),
        cmocka_unit_test(an_object_store_fails_in_readers_and_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
