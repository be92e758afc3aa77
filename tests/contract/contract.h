/* One suite of tests for each port or each side of one, run against every backend: a backend is one
 * row in a table of openers. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "../unit/test.h"

#include <stdbool.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_error.h"
#include "base/es_id.h"
#include "port/blob_store.h"
#include "port/job_queue.h"
#include "port/meta_store.h"

/* What a test works on: the one port that its suite opens, and the rest NULL. */
struct fixture {
    struct meta_store *meta;
    struct job_queue *queue;
    struct blob_store *blobs;
    struct es_arena arena;
    struct es_err err;
    char *folder; /* of the test's own */
    char ana[ES_ID_SIZE], ben[ES_ID_SIZE], eva[ES_ID_SIZE];
};

struct opener {
    const char *name;
    /* Opens the suite's port over f->folder. */
    enum es_code (*open)(struct fixture *f, struct es_err *reterr);
    bool is_lasting; /* what was written is there after closing and opening again */
};

/* The backend that is being tested. */
extern const struct opener *opener;

/* cmocka's set-up and tear-down of one test; *state becomes the fixture. */
int contract_setup(void **state);
int contract_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

/* Runs `tests`, an array, against each of `openers`, another; the number of failures. */
#define contract_run(openers, tests)                                                               \
    contract_run_suite(openers, COUNT_OF(openers), tests, COUNT_OF(tests))
int contract_run_suite(const struct opener *openers, size_t opener_count,
                       const struct CMUnitTest *tests, size_t test_count);

/* Calls an operation of `port`, and fails the test with its words where it fails. */
#define CONTRACT_CALL(port, operation, ...)                                                        \
    do {                                                                                           \
        enum es_code code_ = (port)->ops->operation(port, __VA_ARGS__, &f->err);                   \
        if (code_)                                                                                 \
            fail_msg("%s: %s (%s)", #operation, f->err.detail, es_code_name(code_));               \
    } while (0)

/* Calls one that must fail so. */
#define CONTRACT_REFUSED(port, expected_code, expected_word, operation, ...)                       \
    do {                                                                                           \
        f->err = (struct es_err){ 0 };                                                             \
        assert_int_equal((port)->ops->operation(port, __VA_ARGS__, &f->err), expected_code);       \
        assert_int_equal(f->err.code, expected_code);                                              \
        assert_non_null(f->err.word);                                                              \
        assert_string_equal(f->err.word, expected_word);                                           \
    } while (0)

/* A folder of the test's own under TMPDIR; removed with all that is in it. */
char *contract_folder_make(void);
void contract_folder_remove(char *folder);

/* Runs `run(argument, i)` in `count` threads at once and waits for all. */
void contract_race(size_t count, void (*run)(void *argument, size_t i), void *argument);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
