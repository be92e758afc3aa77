/* What src/base promises. */
#include "test.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/es_arena.h"
#include "base/es_auto.h"
#include "base/es_buf.h"
#include "base/es_clock.h"
#include "base/es_error.h"
#include "base/es_file.h"
#include "base/es_id.h"
#include "base/es_log.h"
#include "base/es_metrics.h"
#include "base/es_pool.h"
#include "base/es_text.h"

static void error_carries_code_word_and_detail(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    assert_int_equal(es_fail_word(&err, ES_CONFLICT, "username_taken", "'%s' exists", "ana"),
                     ES_CONFLICT);
    assert_string_equal(err.word, "username_taken");
    assert_int_equal(es_wrap(&err, ES_IO, "register"), ES_CONFLICT);
    assert_string_equal(err.detail, "register: 'ana' exists");
    assert_int_equal(es_fail(NULL, ES_IO, "nobody listens"), ES_IO);
    assert_int_equal(es_code_from_name(es_code_name(ES_MEDIA)), ES_MEDIA);
}

static void error_detail_is_cut_not_overrun(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    char big[4 * ES_DETAIL_MAX];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    assert_int_equal(es_fail(&err, ES_IO, "%s", big), ES_IO);
    assert_int_equal(strlen(err.detail), ES_DETAIL_MAX - 1);
    assert_int_equal(es_wrap(&err, ES_IO, "%s", big), ES_IO);
    assert_int_equal(strlen(err.detail), ES_DETAIL_MAX - 1);
}

static void arena_memory_is_zeroed_and_distinct(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    unsigned char *previous = NULL;
    for (size_t size = 1; size < 20000; size = size * 3 + 1) {
        unsigned char *memory = es_alloc(&arena, size);
        assert_ptr_not_equal(memory, previous);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
        previous = memory;
    }
    assert_string_equal(es_printf(&arena, "%s-%d", "part", 7), "part-7");
    assert_null(es_strdup(&arena, NULL));
}

static void buffer_grows_consumes_and_stays_text(void **state)
{
    (void)state;
    es_auto_buf buf = { 0 };
    assert_string_equal(es_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        es_buf_printf(&buf, "%03d,", i);
    assert_int_equal(buf.size, 4000);
    es_buf_consume(&buf, 3996);
    assert_string_equal(es_buf_text(&buf), "999,");
    es_buf_consume(&buf, 100);
    assert_int_equal(buf.size, 0);
}

static void times_round_trip_and_nonsense_is_refused(void **state)
{
    (void)state;
    char text[ES_TIME_TEXT_SIZE];
    int64_t time_ms;
    assert_true(es_time_parse("2025-11-18T10:35:00.123Z", &time_ms));
    es_time_format(time_ms, text);
    assert_string_equal(text, "2025-11-18T10:35:00.123Z");
    assert_true(es_time_parse("2025-11-18T11:35:00.1234567+01:00", &time_ms));
    es_time_format(time_ms, text);
    assert_string_equal(text, "2025-11-18T10:35:00.123Z");
    const char *const wrong[] = { "",
                                  "2025",
                                  "2025-02-30T00:00:00Z",
                                  "2025-11-18 10:35:00Z",
                                  "2025-11-18T10:35:00",
                                  "2025-11-18T25:00:00Z",
                                  "2025-11-18T10:35:00.Z",
                                  "2025-11-18T10:35:00Zx" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(es_time_parse(wrong[i], &time_ms));

    char date[ES_HTTP_DATE_SIZE];
    es_http_date_format(784111777000, date);
    assert_string_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_true(es_http_date_parse(date, &time_ms));
    assert_int_equal(time_ms, 784111777000);
    assert_false(es_http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", &time_ms));
}

static void ids_are_valid_distinct_and_v7_sorts_by_birth(void **state)
{
    (void)state;
    char a[ES_ID_SIZE], b[ES_ID_SIZE];
    es_id_v7(a);
    es_sleep_ms(2);
    es_id_v7(b);
    assert_true(es_id_is_valid(a));
    assert_int_equal(a[14], '7');
    assert_true(strcmp(a, b) < 0);
    es_id_v4(a);
    es_id_v4(b);
    assert_int_equal(a[14], '4');
    assert_string_not_equal(a, b);
    assert_false(es_id_is_valid("../../etc/passwd"));
    assert_false(es_id_is_valid("0198C0DE-0000-7000-8000-000000000000"));
    assert_false(es_id_is_valid(""));
}

static void utf8_numbers_and_quoting_are_strict(void **state)
{
    (void)state;
    assert_true(es_utf8_is_valid("canción ✓ 🎵", strlen("canción ✓ 🎵")));
    assert_false(es_utf8_is_valid("\xc0\xaf", 2));
    assert_false(es_utf8_is_valid("\xed\xa0\x80", 3));
    assert_false(es_utf8_is_valid("\xf4\x90\x80\x80", 4));
    assert_false(es_utf8_is_valid("\xe2\x82", 2));
    assert_int_equal(es_utf8_length("canción"), 7);

    uint64_t u;
    int64_t i;
    double d;
    assert_true(es_text_to_u64("18446744073709551615", &u));
    assert_false(es_text_to_u64("18446744073709551616", &u));
    assert_false(es_text_to_u64(" 1", &u));
    assert_false(es_text_to_u64("", &u));
    assert_true(es_text_to_i64("-5", &i));
    assert_false(es_text_to_i64("-", &i));
    assert_true(es_text_to_double("1.5", &d));
    assert_false(es_text_to_double("nan", &d));
    assert_false(es_text_to_double("0x10", &d));
    assert_false(es_text_to_double("1e999", &d));

    es_auto_buf buf = { 0 };
    es_json_quote(&buf, "a\"\\\n\x01\xff");
    assert_string_equal(es_buf_text(&buf), "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\"");
}

static void file_write_is_whole_and_read_is_bounded(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    char folder[] = "/tmp/espotifai-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    es_auto_arena arena = { 0 };
    char *deep = es_printf(&arena, "%s/a/b", folder);
    assert_ok(es_make_folders(deep, 0700, &err), err);
    assert_ok(es_make_folders(deep, 0700, &err), err);
    char *path = es_printf(&arena, "%s/file", deep);
    assert_ok(es_file_write(path, "one", 3, 0600, &err), err);
    assert_ok(es_file_write(path, "two", 3, 0600, &err), err);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    es_auto_buf buf = { 0 };
    assert_ok(es_file_read(path, 3, &buf, &err), err);
    assert_string_equal(es_buf_text(&buf), "two");
    assert_int_equal(es_file_read(path, 2, &buf, &err), ES_LIMIT);
    assert_int_equal(es_file_read("/nowhere/at/all", 2, &buf, &err), ES_NOT_FOUND);
    unlink(path);
    rmdir(deep);
    rmdir(es_printf(&arena, "%s/a", folder));
    rmdir(folder);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int done_count;

static void wait_at_gate(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&gate);
    done_count++;
    pthread_mutex_unlock(&gate);
}

static void pool_runs_everything_it_took_and_refuses_the_rest(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    struct es_pool *pool;
    assert_ok(es_pool_open("test", 2, 3, &pool, &err), err);
    pthread_mutex_lock(&gate);
    int taken = 0;
    for (int i = 0; i < 100; i++)
        taken += es_pool_submit(pool, wait_at_gate, NULL);
    assert_in_range(taken, 3, 5);
    pthread_mutex_unlock(&gate);
    es_pool_close(pool);
    assert_int_equal(done_count, taken);
}

static void metrics_count_by_label_and_bucket(void **state)
{
    (void)state;
    es_auto(es_metrics) metrics = es_metrics_open();
    struct es_metric *requests =
        es_metric_define(metrics, &(struct es_metric_desc){ .name = "requests_total",
                                                            .help = "h",
                                                            .kind = ES_METRIC_COUNTER,
                                                            .labels = { "method" } });
    struct es_metric *seconds = es_metric_define(
        metrics,
        &(struct es_metric_desc){
            .name = "seconds", .help = "h", .kind = ES_METRIC_HISTOGRAM, .buckets = { 0.1, 1 } });
    es_metric_add(requests, (const char *[]){ "POST" }, 1);
    es_metric_add(requests, (const char *[]){ "GET" }, 2);
    es_metric_add(requests, (const char *[]){ "GET" }, 1);
    es_metric_observe(seconds, NULL, 0.05);
    es_metric_observe(seconds, NULL, 0.5);
    es_metric_observe(seconds, NULL, 5);
    es_auto_arena arena = { 0 };
    struct es_metric_sample *samples;
    assert_int_equal(es_metrics_snapshot(metrics, &arena, &samples), 3);
    assert_string_equal(samples[0].label_values[0], "GET");
    assert_true(samples[0].value == 3);
    assert_int_equal(samples[2].count, 3);
    assert_int_equal(samples[2].bucket_counts[0], 1);
    assert_int_equal(samples[2].bucket_counts[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_carries_code_word_and_detail),
        cmocka_unit_test(error_detail_is_cut_not_overrun),
        cmocka_unit_test(arena_memory_is_zeroed_and_distinct),
        cmocka_unit_test(buffer_grows_consumes_and_stays_text),
        cmocka_unit_test(times_round_trip_and_nonsense_is_refused),
        cmocka_unit_test(ids_are_valid_distinct_and_v7_sorts_by_birth),
        cmocka_unit_test(utf8_numbers_and_quoting_are_strict),
        cmocka_unit_test(file_write_is_whole_and_read_is_bounded),
        cmocka_unit_test(pool_runs_everything_it_took_and_refuses_the_rest),
        cmocka_unit_test(metrics_count_by_label_and_bucket),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
