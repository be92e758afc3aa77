/* What the table of settings promises. */
#include "test.h"

#include <unistd.h>

#include "app/settings.h"
#include "base/es_auto.h"
#include "base/es_buf.h"
#include "base/es_file.h"

static char folder[] = "/tmp/espotifai-settings-XXXXXX";

static const char *write_file(const char *text, struct es_arena *arena)
{
    struct es_err err = { 0 };
    const char *path = es_printf(arena, "%s/env", folder);
    assert_ok(es_file_write(path, text, strlen(text), 0600, &err), err);
    return path;
}

static void every_default_is_a_valid_value_and_has_a_help(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct settings settings;
    struct es_err err = { 0 };
    assert_ok(settings_load(NULL, &arena, &settings, &err), err);
    for (int i = 0; i < SETTING_COUNT; i++) {
        assert_non_null(setting_rows[i].name);
        assert_true(strlen(setting_rows[i].help) > 10);
        assert_string_equal(settings.origins[i], "default");
    }
    assert_int_equal(settings.integers[SETTING_PORT], 8000);
    assert_int_equal(settings.integers[SETTING_UPLOAD_BYTES_MAX], (int64_t)64 << 30);
}

static void a_file_is_read_as_dotenv_and_the_environment_wins(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct settings settings;
    struct es_err err = { 0 };
    const char *path =
        write_file("# a comment\n\nexport PORT = 9000\nHOST='0.0.0.0'\r\n"
                   "UPLOAD_BYTES_MAX=2g\nPLAYBACK_POLICY=\"signed\"\nSECRET_KEY=from-the-file",
                   &arena);
    setenv("HOST", "::1", 1);
    assert_ok(settings_load(path, &arena, &settings, &err), err);
    unsetenv("HOST");
    assert_int_equal(settings.integers[SETTING_PORT], 9000);
    assert_string_equal(settings.texts[SETTING_HOST], "::1");
    assert_string_equal(settings.origins[SETTING_HOST], "environment");
    assert_string_equal(settings.origins[SETTING_PORT], path);
    assert_int_equal(settings.integers[SETTING_UPLOAD_BYTES_MAX], (int64_t)2 << 30);
    assert_int_equal(settings.integers[SETTING_PLAYBACK_POLICY], 1);
    assert_string_equal(settings.texts[SETTING_JWT_SECRET_KEY], "from-the-file");
}

static void a_secret_can_come_from_a_file_of_its_own(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct settings settings;
    struct es_err err = { 0 };
    setenv("JWT_SECRET_KEY_FILE", write_file("0123456789abcdef\n", &arena), 1);
    assert_ok(settings_load(NULL, &arena, &settings, &err), err);
    assert_string_equal(settings.texts[SETTING_JWT_SECRET_KEY], "0123456789abcdef");
    setenv("JWT_SECRET_KEY_FILE", "/nowhere", 1);
    assert_int_equal(settings_load(NULL, &arena, &settings, &err), ES_NOT_FOUND);
    assert_non_null(strstr(err.detail, "JWT_SECRET_KEY_FILE"));
    unsetenv("JWT_SECRET_KEY_FILE");
}

static void what_is_unknown_or_malformed_stops_the_start_and_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named;
    } wrong[] = {
        { "PROT=9000", "PROT" },
        { "PORT=70000", "PORT" },
        { "PORT=80a", "PORT" },
        { "PORT=-1", "PORT" },
        { "PORT=", "PORT" },
        { "LEASE_SECONDS=1", "LEASE_SECONDS" },
        { "PORT=1K", "PORT" },
        { "UPLOAD_BYTES_MAX=99999999T", "UPLOAD_BYTES_MAX" },
        { "PLAYBACK_POLICY=secret", "public|signed" },
        { "HOST_FILE=/etc/hostname", "HOST_FILE" },
        { "just words", "line 1" },
        { "=x", "line 1" },
        { "HOST=a\x01", "HOST" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        es_auto_arena arena = { 0 };
        struct settings settings;
        struct es_err err = { 0 };
        assert_int_equal(settings_load(write_file(wrong[i].text, &arena), &arena, &settings, &err),
                         ES_INVALID);
        if (!strstr(err.detail, wrong[i].named))
            fail_msg("'%s' is said as: %s", wrong[i].text, err.detail);
    }
}

static void the_sandbox_is_on_unless_it_is_said(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    struct es_err err = { 0 };
    bool is_on = false;
    assert_ok(settings_peek_sandbox(NULL, &is_on, &err), err);
    assert_true(is_on);
    assert_ok(settings_peek_sandbox(write_file("PORT=1\nSANDBOX=off\n", &arena), &is_on, &err),
              err);
    assert_false(is_on);
    assert_int_equal(settings_peek_sandbox(write_file("SANDBOX=maybe", &arena), &is_on, &err),
                     ES_INVALID);
}

static void lists_are_split_at_commas(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    size_t count;
    const char *const *pieces = settings_split(" one, two ,,three", &arena, &count);
    assert_int_equal(count, 3);
    assert_string_equal(pieces[0], "one");
    assert_string_equal(pieces[1], "two");
    assert_string_equal(pieces[2], "three");
    settings_split("", &arena, &count);
    assert_int_equal(count, 0);
}

static void the_documentation_has_every_row(void **state)
{
    (void)state;
    es_auto_arena arena = { 0 };
    es_auto_buf text = { 0 };
    struct es_err err = { 0 };
    assert_ok(es_file_read(SETTINGS_DOCUMENT, 1 << 20, &text, &err), err);
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        const char *otherwise =
            *row->otherwise ? es_printf(&arena, "`%s`", row->otherwise) : "none";
        const char *line =
            es_printf(&arena, "\n| `%s` | %s | %s |\n", row->name, otherwise, row->help);
        if (!strstr(es_buf_text(&text), line))
            fail_msg("docs/SETTINGS.md lacks the line:%s", line);
    }
}

static int open_folder(void **state)
{
    (void)state;
    clearenv();
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[sizeof(folder) + 8];
    snprintf(path, sizeof(path), "%s/env", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_a_valid_value_and_has_a_help),
        cmocka_unit_test(a_file_is_read_as_dotenv_and_the_environment_wins),
        cmocka_unit_test(a_secret_can_come_from_a_file_of_its_own),
        cmocka_unit_test(what_is_unknown_or_malformed_stops_the_start_and_is_named),
        cmocka_unit_test(the_sandbox_is_on_unless_it_is_said),
        cmocka_unit_test(lists_are_split_at_commas),
        cmocka_unit_test(the_documentation_has_every_row),
    };
    return cmocka_run_group_tests_name("settings", tests, open_folder, remove_folder);
}
