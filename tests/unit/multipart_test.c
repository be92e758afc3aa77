/* Every form is fed in pieces of every size, since a parser that streams must not care where they
 * are cut. */
#include "base/es_buf.h"
#include "test.h"
#include "wire/multipart.h"

#define TYPE "multipart/form-data; boundary=X-b"

/* The parse written out as text: "name|filename|type:content;" */
struct transcript {
    struct es_buf text;
    bool is_refusing;
};

static enum es_code note_begin(void *context, const struct multipart_part *part,
                               struct es_err *reterr)
{
    struct transcript *transcript = context;
    if (transcript->is_refusing)
        return es_fail(reterr, ES_FORBIDDEN, "not here");
    es_buf_printf(&transcript->text, "%s|%s|%s:", part->name, part->filename ? part->filename : "-",
                  part->content_type);
    return ES_OK;
}

static enum es_code note_data(void *context, const void *bytes, size_t size, struct es_err *reterr)
{
    (void)reterr;
    assert_true(size > 0);
    es_buf_append(&((struct transcript *)context)->text, bytes, size);
    return ES_OK;
}

static enum es_code note_end(void *context, struct es_err *reterr)
{
    (void)reterr;
    es_buf_append_char(&((struct transcript *)context)->text, ';');
    return ES_OK;
}

static const struct multipart_events events = { note_begin, note_data, note_end };

static enum es_code parse(const char *form, size_t size, size_t step, size_t parts_max,
                          struct transcript *transcript)
{
    es_auto(multipart) multipart = NULL;
    enum es_code code = multipart_open(TYPE, parts_max, &events, transcript, &multipart, NULL);
    for (size_t at = 0; at < size && code == ES_OK; at += step)
        code = multipart_feed(multipart, form + at, step < size - at ? step : size - at, NULL);
    return code == ES_OK ? multipart_finish(multipart, NULL) : code;
}

static void assert_parses(const char *form, const char *expected)
{
    size_t size = strlen(form);
    for (size_t step = 1; step <= size; step++) {
        struct transcript transcript = { 0 };
        assert_int_equal(parse(form, size, step, 4, &transcript), ES_OK);
        assert_string_equal(es_buf_text(&transcript.text), expected);
        es_buf_release(&transcript.text);
    }
}

static void assert_refused(const char *form, size_t size, enum es_code expected)
{
    for (size_t step = 1; step <= size; step += size > 200 ? 97 : 1) {
        struct transcript transcript = { 0 };
        assert_int_equal(parse(form, size, step, 4, &transcript), expected);
        es_buf_release(&transcript.text);
    }
}

#define assert_malformed(form) assert_refused((form), sizeof(form) - 1, ES_INVALID)

static void reads_fields_and_files(void **state)
{
    (void)state;
    assert_parses("--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
                  "--X-b\r\ncontent-disposition: form-data; name=f; filename=\"x.mp3\"\r\n"
                  "Content-Type: audio/mpeg\r\n\r\nID3\r\n\r\n--X\r\n--X-b--\r\n",
                  "a|-|text/plain:1;f|x.mp3|audio/mpeg:ID3\r\n\r\n--X;");
}

static void content_may_look_like_a_delimiter(void **state)
{
    (void)state;
    assert_parses("preamble\r\n--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
                  "\r\r\n-\r\n--X-\r\n--X-c\r\r\n--X-b--epilogue",
                  "a|-|text/plain:\r\r\n-\r\n--X-\r\n--X-c\r;");
    assert_parses("--X-b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--X-b--",
                  "|-|text/plain:;");
    assert_parses("--X-b--\r\n", "");
}

static void names_are_taken_as_browsers_send_them(void **state)
{
    (void)state;
    assert_parses(
        "--X-b\r\nContent-Disposition: form-data; name=\"a%22b\"; filename=\"C:\\dir\\x y.mp3\"\r\n"
        "\r\n1\r\n--X-b--",
        "a\"b|x y.mp3|text/plain:1;");
    assert_parses(
        "--X-b\r\nContent-Disposition: form-data; name=\"a;b\"; filename=\"../../etc/x\"; "
        "filename*=UTF-8''caf%C3%A9\r\n\r\n1\r\n--X-b--",
        "a;b|caf\xc3\xa9|text/plain:1;");
    assert_parses(
        "--X-b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\"\r\n\r\n\r\n--X-b--",
        "a||text/plain:;");
}

static void refuses_malformed_forms(void **state)
{
    (void)state;
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X-b");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1");
    assert_malformed("--X-b\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Type: text/plain\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\nb\"\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                     "Content-Disposition: form-data; name=\"b\"\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                     "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--X-b--");
    assert_malformed("--X-bad\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X-b--");
    assert_malformed("--X-b-x");
    assert_malformed("no delimiter at all");
}

static void bounds_headers_parts_and_preamble(void **state)
{
    (void)state;
    es_auto_buf form = { 0 };
    es_buf_append_text(&form, "--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\nX-Long: ");
    for (size_t i = 0; i < MULTIPART_HEADER_BYTES_MAX; i++)
        es_buf_append_char(&form, 'x');
    assert_refused(form.bytes, form.size, ES_LIMIT);

    es_buf_clear(&form);
    for (int i = 0; i < 5; i++)
        es_buf_append_text(&form,
                           "--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n");
    assert_refused(form.bytes, form.size, ES_LIMIT);

    es_buf_clear(&form);
    for (int i = 0; i < 8192; i++)
        es_buf_append_char(&form, 'x');
    assert_refused(form.bytes, form.size, ES_INVALID);
}

static void checks_the_boundary(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\\\nb\"",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=a; boundary=b",
        "text/plain; boundary=a",
        "",
        ("multipart/form-data; "
         "boundary=123456789012345678901234567890123456789012345678901234567890"
         "12345678901")
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct multipart *multipart;
        assert_int_equal(multipart_open(bad[i], 1, &events, NULL, &multipart, NULL), ES_INVALID);
    }
}

static void what_a_callback_returns_ends_the_parse(void **state)
{
    (void)state;
    struct transcript transcript = { .is_refusing = true };
    es_auto(multipart) multipart = NULL;
    struct es_err err;
    assert_ok(multipart_open(TYPE, 4, &events, &transcript, &multipart, &err), err);
    const char *form = "--X-b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X-b--";
    assert_int_equal(multipart_feed(multipart, form, strlen(form), &err), ES_FORBIDDEN);
    assert_int_equal(multipart_feed(multipart, "x", 1, &err), ES_FORBIDDEN);
    assert_int_equal(multipart_finish(multipart, &err), ES_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields_and_files),
        cmocka_unit_test(content_may_look_like_a_delimiter),
        cmocka_unit_test(names_are_taken_as_browsers_send_them),
        cmocka_unit_test(refuses_malformed_forms),
        cmocka_unit_test(bounds_headers_parts_and_preamble),
        cmocka_unit_test(checks_the_boundary),
        cmocka_unit_test(what_a_callback_returns_ends_the_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
