/* One line a request, and what a failure was about is in it and nowhere else. */
#include "../unit/test.h"
#include "base/es_file.h"
#include "fixture.h"

/* The log's lines come here. */
static FILE *log_file;
static int real_stderr;

static int setup(void **state)
{
    log_file = tmpfile();
    assert_non_null(log_file);
    real_stderr = dup(STDERR_FILENO);
    dup2(fileno(log_file), STDERR_FILENO);
    fixture_log(ES_LOG_INFO, ES_LOG_FORMAT_JSON);
    *state = fixture_open(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(log_file);
    return 0;
}

/* The line of the request with that id, of which there must be one; it comes when the reply is out.
 */
static json_t *line_of(struct fixture *fixture, const struct answer *answer)
{
    const char *id = answer_header(fixture->client, answer, "X-Request-Id");
    struct es_err err = { 0 };
    for (int tries = 0; tries < 2000; tries++) {
        char *text = es_alloc(client_arena(fixture->client), 100001);
        size_t size;
        assert_ok(es_pread_all(fileno(log_file), text, 100000, 0, &size, &err), err);
        const char *found = strstr(text, id);
        if (!found || !strchr(found, '\n')) {
            usleep(1000);
            continue;
        }
        assert_null(strstr(found + 1, id));
        const char *line = found;
        while (line > text && line[-1] != '\n')
            line--;
        return json_loadb(line, strcspn(line, "\n"), 0, NULL);
    }
    fail_msg("no line of %s", id);
    return NULL;
}

static void a_line_says_who_asked_what_and_how_it_went(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "ana");
    const struct answer *me = get(fixture, "/me", token);
    const struct answer *answer =
        get(fixture, "/media/0198c0de-0000-7000-8000-000000000000?secret=1", token);
    json_auto line = line_of(fixture, answer);
    assert_string_equal(json_member_string(line, "event", ""), "request");
    assert_string_equal(json_member_string(line, "level", ""), "info");
    assert_string_equal(json_member_string(line, "method", ""), "GET");
    assert_string_equal(json_member_string(line, "path", ""), "/media/{media_id}");
    assert_int_equal(json_member_integer(line, "status", 0), 404);
    assert_int_equal(json_member_integer(line, "bytes", 0), answer->body_size);
    assert_string_equal(json_member_string(line, "remote", ""), "127.0.0.1");
    assert_string_equal(json_member_string(line, "user_id", ""), answer_text(me, "id"));
    assert_true(json_member_real(line, "ms", -1) >= 0);
    assert_null(json_object_get(line, "fault"));
    json_auto unknown = line_of(fixture, get(fixture, "/no/such/thing", NULL));
    assert_string_equal(json_member_string(unknown, "path", ""), "unmatched");
    assert_null(json_object_get(unknown, "user_id"));
}

static enum es_code fail_inside(struct meta_store *store, const struct job_query *query,
                                struct es_arena *arena, struct job **ret_jobs, size_t *ret_count,
                                const char **ret_next_cursor, struct es_err *reterr)
{
    (void)store, (void)query, (void)arena, (void)ret_jobs, (void)ret_count, (void)ret_next_cursor;
    return es_fail(reterr, ES_IO, "/var/lib/espotifai/db: disk I/O error");
}

static void what_broke_is_told_to_the_operator_alone(void **state)
{
    struct fixture *fixture = *state;
    const char *token = fixture_user(fixture, "bob");
    const struct meta_store_ops *ops = fixture->meta->ops;
    struct meta_store_ops broken = *ops;
    broken.job_list = fail_inside;
    fixture->meta->ops = &broken;
    const struct answer *answer = get(fixture, "/jobs", token);
    fixture->meta->ops = ops;
    assert_problem(answer, 500, "internal");
    assert_null(strstr(answer->body, "/var"));
    json_auto line = line_of(fixture, answer);
    assert_string_equal(json_member_string(line, "level", ""), "error");
    assert_non_null(strstr(json_member_string(line, "fault", ""), "disk I/O error"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_who_asked_what_and_how_it_went),
        cmocka_unit_test(what_broke_is_told_to_the_operator_alone),
    };
    return cmocka_run_group_tests_name("log", tests, setup, teardown);
}
