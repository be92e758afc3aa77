/* Reading a request strictly (RFC 9112): what the library's parser lets pass but another server
 * might read otherwise is refused here. Runs on the loop thread, once for each request. */
#include "http/http_internal.h"

#include <string.h>
#include <strings.h>

#include "base/es_text.h"
#include "wire/http_header.h"

struct layout {
    const char *next; /* where the next header line must begin */
    bool is_broken;
};

struct reading {
    struct http_exchange *exchange;
    struct layout layout;
    const char *head_end;
    struct http_field **end;
    enum http_refusal refusal;
    size_t hosts, lengths, codings;
    const char *host, *length, *coding, *expect;
};

/* Versions before 1.0 of the library accept bare line feeds, folded lines, NUL bytes and stray
 * spaces, and hide them. They leave the lines where they were received, with the line ends zeroed,
 * so that a line which is not "name:value CR LF" shows in where its neighbours lie. */
static void check_layout(struct layout *layout, const char *name, size_t name_size,
                         const char *value, size_t value_size)
{
    if (name != layout->next)
        layout->is_broken = true;
    const char *at = name + name_size + 1;
    if (value < at)
        layout->is_broken = true;
    for (; at < value && !layout->is_broken; at++)
        if (*at != ' ' && *at != '\t')
            layout->is_broken = true;
    if (layout->is_broken)
        return;
    const char *end = value + value_size;
    if (end[0] || end[1])
        layout->is_broken = true;
    layout->next = end + 2;
}

static void note_special(struct reading *reading, const char *name, const char *value)
{
    if (strcasecmp(name, "host") == 0) {
        reading->hosts++;
        reading->host = value;
    } else if (strcasecmp(name, "content-length") == 0) {
        reading->lengths++;
        reading->length = value;
    } else if (strcasecmp(name, "transfer-encoding") == 0) {
        reading->codings++;
        reading->coding = value;
    } else if (strcasecmp(name, "expect") == 0) {
        reading->expect = value;
    }
}

static bool is_value_valid(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
            return false;
    return true;
}

static enum MHD_Result read_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    struct reading *reading = context;
    struct http_exchange *exchange = reading->exchange;
    if (!value)
        value = "";
    if (exchange->server->needs_layout_check)
        check_layout(&reading->layout, name, name_size, value, value_size);
    if (!http_token_is_valid(name, name_size) || !is_value_valid(value, value_size))
        reading->refusal = HTTP_REFUSAL_MALFORMED;
    if (++exchange->headers_count > exchange->server->settings.headers_count_max)
        reading->refusal = HTTP_REFUSAL_HEADERS_TOO_LARGE;
    if (reading->refusal != HTTP_REFUSAL_UNSET)
        return MHD_NO;
    while (value_size > 0 && (value[value_size - 1] == ' ' || value[value_size - 1] == '\t'))
        value_size--;
    struct http_field *field = es_new(&exchange->arena, struct http_field);
    field->name = es_strndup(&exchange->arena, name, name_size);
    field->value = es_strndup(&exchange->arena, value, value_size);
    *reading->end = field;
    reading->end = &field->next;
    note_special(reading, field->name, field->value);
    return MHD_YES;
}

static bool read_headers(struct reading *reading)
{
    struct http_exchange *exchange = reading->exchange;
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, read_header, reading);
    if (reading->refusal != HTTP_REFUSAL_UNSET)
        return false;
    /* After the last line comes the empty one, and with it the head's end. */
    if (exchange->server->needs_layout_check &&
        (reading->layout.is_broken || reading->layout.next + 2 != reading->head_end))
        reading->refusal = HTTP_REFUSAL_MALFORMED;
    return reading->refusal == HTTP_REFUSAL_UNSET;
}

/* RFC 9110, 7.2: a host and perhaps a port; enough to refuse what could carry anything else. */
static bool is_host_valid(const char *host)
{
    for (const char *at = host; *at; at++) {
        bool is_alphanumeric =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!is_alphanumeric && !strchr("-._~!$&'()*+;=:[]%", *at))
            return false;
    }
    return true;
}

/* RFC 9112, 6: exactly one way to tell how long the body is. */
static bool read_framing(struct reading *reading)
{
    struct http_exchange *exchange = reading->exchange;
    exchange->has_length = reading->codings + reading->lengths > 0;
    if (reading->codings > 0) {
        exchange->body_length = -1;
        return reading->codings == 1 && reading->lengths == 0 && !exchange->is_http_1_0 &&
               strcasecmp(reading->coding, "chunked") == 0;
    }
    uint64_t length = 0;
    if (reading->lengths > 1 || (reading->lengths == 1 &&
                                 (!es_text_to_u64(reading->length, &length) || length > INT64_MAX)))
        return false;
    exchange->body_length = (int64_t)length;
    return true;
}

static bool read_target(struct http_exchange *exchange)
{
    const char *target = exchange->target;
    size_t size = strlen(target), path_size = strcspn(target, "?");
    char *path;
    if (!uri_target_is_valid(target, size) ||
        uri_decode(&exchange->arena, target, path_size, &path, NULL) != ES_OK)
        return false;
    exchange->path = path;
    const char *query = target + path_size + (target[path_size] == '?');
    return uri_pairs_parse(&exchange->arena, query, strlen(query), HTTP_QUERY_PAIRS_MAX,
                           &exchange->query, NULL) == ES_OK;
}

/* One space on each side of the target, nothing after the version. */
static bool is_request_line_strict(const struct http_exchange *exchange, const char *method,
                                   const char *version)
{
    const char *target = exchange->raw_target;
    return target == method + strlen(method) + 1 &&
           version == target + strlen(exchange->target) + 1;
}

static size_t head_size(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

enum http_refusal http_request_read(struct http_exchange *exchange, const char *method,
                                    const char *version)
{
    const struct http_settings *settings = &exchange->server->settings;
    struct reading reading = {
        .exchange = exchange,
        .layout = { .next = version + strlen(version) + 2 },
        .head_end = method + head_size(exchange),
        .end = &exchange->headers,
    };
    exchange->method = es_strdup(&exchange->arena, method);
    if (strlen(exchange->target) > settings->target_bytes_max)
        return HTTP_REFUSAL_TARGET_TOO_LONG;
    if (head_size(exchange) > settings->header_bytes_max)
        return HTTP_REFUSAL_HEADERS_TOO_LARGE;
    if (!http_token_is_valid(method, strlen(method)) ||
        (exchange->server->needs_layout_check &&
         !is_request_line_strict(exchange, method, version)))
        return HTTP_REFUSAL_MALFORMED;
    exchange->is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    if (!exchange->is_http_1_0 && strcmp(version, "HTTP/1.1") != 0)
        return HTTP_REFUSAL_VERSION;
    if (!read_headers(&reading))
        return reading.refusal;
    if (reading.hosts > 1 || (reading.hosts == 0 && !exchange->is_http_1_0) ||
        (reading.host && !is_host_valid(reading.host)) || !read_framing(&reading) ||
        !read_target(exchange))
        return HTTP_REFUSAL_MALFORMED;
    if (reading.expect && strcasecmp(reading.expect, "100-continue") != 0)
        return HTTP_REFUSAL_EXPECTATION;
    exchange->expects_continue = reading.expect != NULL;
    return HTTP_REFUSAL_UNSET;
}
