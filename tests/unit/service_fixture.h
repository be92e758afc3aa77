/* A whole system in memory for tests of the services: stores, queue, a prober that knows one kind
 * of media, and passwords that cost nothing. */
#ifndef SERVICE_FIXTURE_H
#define SERVICE_FIXTURE_H

#include "test.h"

#include "service/accounts.h"
#include "service/conversion.h"
#include "service/library.h"
#include "service/service.h"
#include "service/uploads.h"

#define MEDIA_BYTES "MEDIA: some bytes that the tests' prober takes for a song"

struct fixture {
    struct es_arena arena;
    struct meta_store *meta;
    struct job_queue *queue;
    struct blob_store *blobs;
    struct media_prober prober;
    struct es_metrics *metrics;
    struct service_context *context;

    /* the ops that the context sees: copies that a test may change to make something fail */
    struct meta_store_ops meta_ops;
    struct job_queue_ops queue_ops;
    struct blob_store_ops blob_ops;
    const struct meta_store_ops *true_meta_ops;
    const struct job_queue_ops *true_queue_ops;
    const struct blob_store_ops *true_blob_ops;

    struct caller ana, luis, eva; /* three users, signed in */
};

/* cmocka's set-up and tear-down of one test; *state becomes the fixture. */
int fixture_open(void **state);
int fixture_close(void **state);

/* A cmocka test with a fixture of its own. */
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

/* A fixture's settings, for a context of another kind. */
struct service_settings fixture_settings(void);

/* Registers and signs in. */
struct caller fixture_user(struct fixture *fixture, const char *username);

/* Uploads MEDIA_BYTES; the record. */
const struct media *fixture_media(struct fixture *fixture, const struct caller *owner,
                                  const char *filename);

/* Asks for a conversion; the record. */
const struct job *fixture_job(struct fixture *fixture, const struct caller *owner,
                              const char *media_id, enum job_target target);

/* The next lease of a worker, which must be there. */
struct lease *fixture_lease(struct fixture *fixture);

/* Puts an object into the store. */
void fixture_put(struct fixture *fixture, const char *key, const char *text);
/* How many objects there are whose key begins so. */
size_t fixture_count(struct fixture *fixture, const char *prefix);

/* Carries the fixture's only waiting job out, as a worker would: its output becomes `text`. */
void fixture_finish(struct fixture *fixture, const char *text);

/* The status of a job's record. */
enum job_status fixture_status(struct fixture *fixture, const char *job_id);

double fixture_metric(struct fixture *fixture, const char *name);

/* Fails the test unless `call` fails with this code and word. */
#define assert_fails(call, code_, word_)                                                           \
    do {                                                                                           \
        struct es_err err_ = { 0 }, *reterr = &err_;                                               \
        enum es_code got_ = (call);                                                                \
        if (got_ != (code_) || !err_.word || strcmp(err_.word, (word_)) != 0)                      \
            fail_msg("%s: %s %s (%s)", #call, es_code_name(got_), err_.word ? err_.word : "",      \
                     err_.detail);                                                                 \
    } while (0)

/* `call` names the error `reterr`, as in assert_fails. */
#define assert_works(call)                                                                         \
    do {                                                                                           \
        struct es_err err_ = { 0 }, *reterr = &err_;                                               \
        assert_ok(call, err_);                                                                     \
    } while (0)

#endif
