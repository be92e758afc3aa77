/* A state machine over the bytes. In a part's content only the delimiter CRLF "--" boundary
 * matters: bytes that might begin one are held back (as a count, since they equal the delimiter's
 * own first bytes) until they turn out to be it or not, so that a delimiter may be cut anywhere by
 * the pieces that come in. */
#include "wire/multipart.h"

#include <string.h>
#include <strings.h>

#include "base/es_arena.h"
#include "base/es_buf.h"
#include "base/es_text.h"
#include "wire/http_header.h"
#include "wire/uri.h"

#define DELIMITER_MAX      (4 + MULTIPART_BOUNDARY_MAX) /* CR LF - - boundary */
#define PREAMBLE_BYTES_MAX 4096

enum state {
    STATE_PREAMBLE = 1,    /* before the first delimiter */
    STATE_AFTER_DELIMITER, /* CRLF: a part follows; "--": the end */
    STATE_AFTER_CR,
    STATE_AFTER_DASH,
    STATE_HEADERS,
    STATE_CONTENT,
    STATE_EPILOGUE,
    STATE_FAILED,
};

struct multipart {
    enum state state;
    enum es_code failure;
    struct multipart_events events;
    void *context;
    size_t parts_left;
    size_t preamble_bytes;
    char delimiter[DELIMITER_MAX + 1];
    size_t delimiter_size;
    size_t matched;        /* bytes of the delimiter seen in a row */
    struct es_buf headers; /* of the part being read */
};

static bool is_boundary_valid(const char *boundary)
{
    size_t length = strlen(boundary);
    if (length == 0 || length > MULTIPART_BOUNDARY_MAX || boundary[length - 1] == ' ')
        return false;
    for (const char *at = boundary; *at; at++) {
        bool is_alphanumeric =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!is_alphanumeric && !strchr("'()+_,-./:=? ", *at))
            return false;
    }
    return true;
}

enum es_code multipart_open(const char *content_type, size_t parts_max,
                            const struct multipart_events *events, void *context,
                            struct multipart **ret_multipart, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct http_media_type type;
    enum es_code code = http_media_type_parse(&arena, content_type, &type, reterr);
    if (code != ES_OK)
        return code;
    if (strcmp(type.type, "multipart/form-data") != 0)
        return es_fail(reterr, ES_INVALID, "not multipart/form-data");
    if (!type.boundary || !is_boundary_valid(type.boundary))
        return es_fail_word(reterr, ES_INVALID, "multipart_malformed", "no sound boundary");
    struct multipart *multipart = es_malloc(sizeof(*multipart));
    multipart->state = STATE_PREAMBLE;
    multipart->events = *events;
    multipart->context = context;
    multipart->parts_left = parts_max;
    multipart->delimiter_size = (size_t)snprintf(multipart->delimiter, sizeof(multipart->delimiter),
                                                 "\r\n--%s", type.boundary);
    multipart->matched = 2; /* the first delimiter may stand at the very start, without its CRLF */
    *ret_multipart = multipart;
    return ES_OK;
}

void multipart_close(struct multipart *multipart)
{
    es_buf_release(&multipart->headers);
    free(multipart);
}

static enum es_code malformed(struct es_err *reterr, const char *what)
{
    return es_fail_word(reterr, ES_INVALID, "multipart_malformed", "%s", what);
}

static enum es_code too_large(struct es_err *reterr, const char *what)
{
    return es_fail_word(reterr, ES_LIMIT, "multipart_too_large", "%s", what);
}

/* ---- headers of a part ---- */

struct part_headers {
    const char *disposition, *content_type, *encoding; /* NULL: not there */
};

/* One "Name: value" line; the three that matter may come once. */
static enum es_code take_header(struct part_headers *headers, char *line, struct es_err *reterr)
{
    char *colon = strchr(line, ':');
    if (!colon || !http_token_is_valid(line, (size_t)(colon - line)))
        return malformed(reterr, "a part's header has no name");
    *colon = 0;
    char *value = colon + 1 + strspn(colon + 1, " \t");
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < 0x20 && *at != '\t')
            return malformed(reterr, "a control character in a part's header");
    const char **slot = NULL;
    if (strcasecmp(line, "content-disposition") == 0)
        slot = &headers->disposition;
    else if (strcasecmp(line, "content-type") == 0)
        slot = &headers->content_type;
    else if (strcasecmp(line, "content-transfer-encoding") == 0)
        slot = &headers->encoding;
    if (slot && *slot)
        return malformed(reterr, "a part's header comes twice");
    if (slot)
        *slot = value;
    return ES_OK;
}

static enum es_code split_headers(struct multipart *multipart, struct part_headers *ret_headers,
                                  struct es_err *reterr)
{
    char *line = multipart->headers.bytes, *end;
    if (strlen(line) != multipart->headers.size)
        return malformed(reterr, "a NUL in a part's header");
    while (*line) {
        end = strstr(line, "\r\n"); /* there is one: the block ends in one */
        *end = 0;
        if (strpbrk(line, "\r\n"))
            return malformed(reterr, "a bare line end in a part's header");
        enum es_code code = take_header(ret_headers, line, reterr);
        if (code != ES_OK)
            return code;
        line = end + 2;
    }
    return ES_OK;
}

/* As browsers write names in form-data (WHATWG HTML, 4.10.21.8): `"`, CR and LF percent-encoded and
 * nothing else escaped, so that a backslash is a backslash. NULL: not there or not closed. */
static char *quoted_parameter(struct es_arena *arena, const char *text, const char *name)
{
    size_t name_length = strlen(name);
    for (const char *at = strchr(text, ';'); at; at = strchr(at, ';')) {
        at += 1 + strspn(at + 1, " \t");
        size_t length = strcspn(at, "=; \t");
        if (at[length] != '=')
            continue;
        const char *value = at + length + 1;
        const char *end = *value == '"' ? strchr(value + 1, '"') : value + strcspn(value, "; \t");
        if (!end)
            return NULL;
        if (length == name_length && strncasecmp(at, name, length) == 0) {
            bool is_quoted = *value == '"';
            return es_strndup(arena, value + is_quoted, (size_t)(end - value) - is_quoted);
        }
        at = end;
    }
    return NULL;
}

/* RFC 8187 "UTF-8''%e2%82%ac": NULL where it is not that. */
static char *decode_extended(struct es_arena *arena, const char *text)
{
    char *decoded;
    if (!text || strncasecmp(text, "utf-8'", 6) != 0)
        return NULL;
    const char *value = strchr(text + 6, '\'');
    if (!value || uri_decode(arena, value + 1, strlen(value + 1), &decoded, NULL) != ES_OK)
        return NULL;
    return decoded;
}

static void unescape_quotes(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        bool is_escape = strncasecmp(at, "%22", 3) == 0;
        *to = is_escape ? '"' : *at;
        at += is_escape ? 3 : 1;
    }
    *to = 0;
}

static const char *base_name(const char *path)
{
    const char *base = path;
    for (const char *at = path; *at; at++)
        if (*at == '/' || *at == '\\')
            base = at + 1;
    return base;
}

static enum es_code name_part(struct es_arena *arena, const struct part_headers *headers,
                              struct multipart_part *ret_part, struct es_err *reterr)
{
    const char *disposition = headers->disposition;
    if (!disposition || strncasecmp(disposition, "form-data", 9) != 0 ||
        !strchr("; \t", disposition[9]))
        return malformed(reterr, "a part is no form-data");
    char *name = quoted_parameter(arena, disposition, "name");
    if (!name)
        return malformed(reterr, "a part has no name");
    char *filename = quoted_parameter(arena, disposition, "filename");
    char *extended = decode_extended(arena, quoted_parameter(arena, disposition, "filename*"));
    unescape_quotes(name);
    if (filename)
        unescape_quotes(filename);
    if (extended)
        filename = extended;
    if (strlen(name) > MULTIPART_NAME_BYTES_MAX ||
        (filename && strlen(filename) > MULTIPART_FILENAME_BYTES_MAX))
        return too_large(reterr, "a part's name is too long");
    if (!es_utf8_is_valid(name, strlen(name)) ||
        (filename && !es_utf8_is_valid(filename, strlen(filename))))
        return malformed(reterr, "a part's name is not UTF-8");
    *ret_part = (struct multipart_part){
        .name = name,
        .filename = filename ? base_name(filename) : NULL,
        .content_type = headers->content_type ? headers->content_type : "text/plain",
    };
    return ES_OK;
}

static bool is_identity(const char *encoding)
{
    return !encoding || strcasecmp(encoding, "binary") == 0 || strcasecmp(encoding, "8bit") == 0 ||
           strcasecmp(encoding, "7bit") == 0;
}

static enum es_code begin_part(struct multipart *multipart, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct part_headers headers = { 0 };
    struct multipart_part part;
    enum es_code code = split_headers(multipart, &headers, reterr);
    if (code == ES_OK && !is_identity(headers.encoding))
        code = malformed(reterr, "a part has a transfer encoding");
    if (code == ES_OK)
        code = name_part(&arena, &headers, &part, reterr);
    if (code == ES_OK)
        code = multipart->events.part_begin(multipart->context, &part, reterr);
    es_buf_clear(&multipart->headers);
    multipart->matched = 0;
    multipart->state = STATE_CONTENT;
    return code;
}

/* ---- the machine: each step takes some of the bytes and says how many ---- */

static enum es_code feed_headers(struct multipart *multipart, const char *bytes, size_t size,
                                 size_t *ret_taken, struct es_err *reterr)
{
    struct es_buf *headers = &multipart->headers;
    const char *newline = memchr(bytes, '\n', size);
    size_t taken = newline ? (size_t)(newline - bytes) + 1 : size;
    *ret_taken = taken;
    if (headers->size + taken > MULTIPART_HEADER_BYTES_MAX)
        return too_large(reterr, "a part's header is too long");
    es_buf_append(headers, bytes, taken);
    bool is_blank = headers->size == 2 && memcmp(headers->bytes, "\r\n", 2) == 0;
    bool is_complete =
        headers->size >= 4 && memcmp(headers->bytes + headers->size - 4, "\r\n\r\n", 4) == 0;
    if (is_blank)
        return malformed(reterr, "a part has no headers");
    if (!is_complete)
        return ES_OK;
    headers->size -= 2;
    headers->bytes[headers->size] = 0;
    return begin_part(multipart, reterr);
}

static enum es_code emit(struct multipart *multipart, const char *bytes, size_t size,
                         struct es_err *reterr)
{
    if (size == 0 || multipart->state == STATE_PREAMBLE) {
        multipart->preamble_bytes += size;
        if (multipart->preamble_bytes > PREAMBLE_BYTES_MAX)
            return malformed(reterr, "no delimiter at the start");
        return ES_OK;
    }
    return multipart->events.part_data(multipart->context, bytes, size, reterr);
}

static enum es_code end_content(struct multipart *multipart, struct es_err *reterr)
{
    bool is_part = multipart->state == STATE_CONTENT;
    multipart->matched = 0;
    multipart->state = STATE_AFTER_DELIMITER;
    return is_part ? multipart->events.part_end(multipart->context, reterr) : ES_OK;
}

/* Content, or the preamble, up to the delimiter or the end of the bytes. The delimiter begins with
 * the only CR in it, so after a mismatch a new match can only begin at the mismatching byte itself.
 */
static enum es_code feed_content(struct multipart *multipart, const char *bytes, size_t size,
                                 size_t *ret_taken, struct es_err *reterr)
{
    size_t at = 0;
    enum es_code code;
    if (multipart->matched == 0) { /* fast: whatever comes before the next CR is content */
        const char *cr = memchr(bytes, '\r', size);
        at = cr ? (size_t)(cr - bytes) : size;
        *ret_taken = at;
        code = emit(multipart, bytes, at, reterr);
        if (code != ES_OK || at == size)
            return code;
    }
    while (at < size && multipart->matched < multipart->delimiter_size &&
           bytes[at] == multipart->delimiter[multipart->matched]) {
        multipart->matched++;
        at++;
    }
    *ret_taken = at;
    if (multipart->matched == multipart->delimiter_size)
        return end_content(multipart, reterr);
    if (at == size)
        return ES_OK; /* held back */
    size_t held = multipart->matched;
    multipart->matched = 0;
    return emit(multipart, multipart->delimiter, held, reterr);
}

static enum es_code feed_after_delimiter(struct multipart *multipart, char c, struct es_err *reterr)
{
    switch (multipart->state) {
    case STATE_AFTER_DELIMITER:
        if (c == '\r')
            multipart->state = STATE_AFTER_CR;
        else if (c == '-')
            multipart->state = STATE_AFTER_DASH;
        else if (c != ' ' && c != '\t') /* RFC 2046: transport padding */
            return malformed(reterr, "a delimiter is not followed by a line end");
        return ES_OK;
    case STATE_AFTER_CR:
        if (c != '\n')
            return malformed(reterr, "a delimiter is not followed by a line end");
        if (multipart->parts_left-- == 0)
            return too_large(reterr, "too many parts");
        multipart->state = STATE_HEADERS;
        return ES_OK;
    default: /* STATE_AFTER_DASH */
        if (c != '-')
            return malformed(reterr, "the closing delimiter is broken");
        multipart->state = STATE_EPILOGUE;
        return ES_OK;
    }
}

static enum es_code feed_some(struct multipart *multipart, const char *bytes, size_t size,
                              size_t *ret_taken, struct es_err *reterr)
{
    switch (multipart->state) {
    case STATE_PREAMBLE:
    case STATE_CONTENT:
        return feed_content(multipart, bytes, size, ret_taken, reterr);
    case STATE_HEADERS:
        return feed_headers(multipart, bytes, size, ret_taken, reterr);
    case STATE_AFTER_DELIMITER:
    case STATE_AFTER_CR:
    case STATE_AFTER_DASH:
        *ret_taken = 1;
        return feed_after_delimiter(multipart, *bytes, reterr);
    case STATE_EPILOGUE:
        *ret_taken = size; /* RFC 2046: to be ignored */
        return ES_OK;
    case STATE_FAILED:
        break;
    }
    return es_fail(reterr, multipart->failure, "the form was refused already");
}

enum es_code multipart_feed(struct multipart *multipart, const void *bytes, size_t size,
                            struct es_err *reterr)
{
    const char *cursor = bytes;
    while (size > 0) {
        size_t taken = 0;
        enum es_code code = feed_some(multipart, cursor, size, &taken, reterr);
        if (code != ES_OK) {
            multipart->state = STATE_FAILED;
            multipart->failure = code;
            return code;
        }
        cursor += taken;
        size -= taken;
    }
    return ES_OK;
}

enum es_code multipart_finish(struct multipart *multipart, struct es_err *reterr)
{
    if (multipart->state == STATE_EPILOGUE)
        return ES_OK;
    if (multipart->state == STATE_FAILED)
        return es_fail(reterr, multipart->failure, "the form was refused already");
    return malformed(reterr, "the form ended before its closing delimiter");
}
