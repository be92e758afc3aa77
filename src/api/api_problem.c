/* What a client is told when something is wrong: by the table of model/problem.h, never an error's
 * own words, which may speak of paths and backends. */
#include "api/api_problem.h"

#include <assert.h>

#include "base/es_buf.h"
#include "base/es_text.h"
#include "wire/http_header.h"

#define RETRY_AFTER_DEFAULT_S 5

/* RFC 9110, 15; with a type of "about:blank" the title is the status's own (RFC 9457, 4.2.1). */
static const struct {
    int status;
    const char *title;
} titles[] = {
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
    { 507, "Insufficient Storage" },
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    assert(!"a problem's status has no title");
    return "";
}

enum language api_language(struct http_exchange *exchange)
{
    const char *accepted = http_exchange_header(exchange, "Accept-Language");
    return http_accept_language(accepted) == HTTP_LANGUAGE_EN ? LANGUAGE_ENGLISH : LANGUAGE_SPANISH;
}

static void write_field_errors(const struct api_problem *about, struct es_buf *buf)
{
    es_buf_append_text(buf, ",\"errors\":[");
    for (size_t i = 0; i < about->field_error_count; i++) {
        const struct api_field_error *error = &about->field_errors[i];
        es_buf_append_text(buf, i > 0 ? ",{\"field\":" : "{\"field\":");
        es_json_quote(buf, error->field);
        es_buf_append_text(buf, ",\"code\":");
        es_json_quote(buf, error->word);
        es_buf_append_text(buf, ",\"detail\":");
        es_json_quote(buf, problem_find(error->word)->texts[about->language]);
        es_buf_append_char(buf, '}');
    }
    es_buf_append_char(buf, ']');
}

static void add_headers(struct http_exchange *exchange, const struct api_problem *about)
{
    int status = about->problem->status;
    if (status == 401)
        http_reply_set_header(exchange, "WWW-Authenticate", "Bearer");
    if (status == 429 || status == 503) {
        int64_t wait_s = about->retry_after_s > 0 ? about->retry_after_s : RETRY_AFTER_DEFAULT_S;
        http_reply_set_header(exchange, "Retry-After",
                              es_printf(http_exchange_arena(exchange), "%lld", (long long)wait_s));
    }
    http_reply_set_header(exchange, "Cache-Control", "no-store");
    http_reply_set_header(exchange, "Content-Language",
                          about->language == LANGUAGE_ENGLISH ? "en" : "es");
}

void api_reply_problem(struct http_exchange *exchange, const struct api_problem *about)
{
    es_auto_buf buf = { 0 };
    es_buf_printf(&buf, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                  title_of(about->problem->status), about->problem->status);
    es_json_quote(&buf, about->problem->texts[about->language]);
    es_buf_append_text(&buf, ",\"code\":");
    es_json_quote(&buf, about->problem->word);
    if (about->field_error_count > 0)
        write_field_errors(about, &buf);
    es_buf_append_char(&buf, '}');
    add_headers(exchange, about);
    http_reply(exchange, about->problem->status, "application/problem+json",
               es_memdup(http_exchange_arena(exchange), buf.bytes, buf.size), buf.size);
}
