/* Hand-written scanners over the grammar of RFC 9110, 5.6; none of them allocates but in the arena.
 */
#include "wire/http_header.h"

#include <string.h>
#include <strings.h>

#include "base/es_buf.h"
#include "wire/uri.h"

#define WEIGHT_MAX 1000

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_token_is_valid(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!is_token_char(text[i]))
            return false;
    return size > 0;
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

static size_t token_length(const char *at)
{
    size_t length = 0;
    while (is_token_char(at[length]))
        length++;
    return length;
}

/* "0", "0.5", "1.000" in thousandths; a malformed weight counts as none given. */
static int weight_of(const char *text)
{
    if (text[0] != '0' && text[0] != '1')
        return WEIGHT_MAX;
    int weight = (text[0] - '0') * WEIGHT_MAX;
    if (text[1] == '.')
        for (int i = 2, unit = 100; i < 5 && text[i] >= '0' && text[i] <= '9'; i++, unit /= 10)
            weight += (text[i] - '0') * unit;
    return weight > WEIGHT_MAX ? WEIGHT_MAX : weight;
}

/* The q among the parameters that follow, up to the next ','. */
static int weight_after(const char *at)
{
    for (; *at && *at != ','; at++) {
        if (*at != ';')
            continue;
        at = skip_spaces(at + 1);
        if ((*at == 'q' || *at == 'Q') && at[1] == '=')
            return weight_of(at + 2);
        if (!*at || *at == ',')
            break;
        at--; /* an empty parameter: look at this character again */
    }
    return WEIGHT_MAX;
}

static const char *next_element(const char *at)
{
    bool is_quoted = false;
    for (; *at && (is_quoted || *at != ','); at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        else if (*at == '\\' && is_quoted && at[1])
            at++;
    }
    return *at ? at + 1 : at;
}

enum http_language http_accept_language(const char *accept_language)
{
    int spanish = -1, english = -1, any = -1;
    bool english_is_first = false;
    for (const char *at = accept_language ? accept_language : ""; *at; at = next_element(at)) {
        at = skip_spaces(at);
        size_t length = 0;
        while (at[length] && !strchr("-;, \t", at[length]))
            length++;
        const char *rest = at + length;
        int *which = NULL;
        if (length == 2 && strncasecmp(at, "es", 2) == 0)
            which = &spanish;
        else if (length == 2 && strncasecmp(at, "en", 2) == 0)
            which = &english;
        else if (length == 1 && *at == '*')
            which = &any;
        int weight = weight_after(rest);
        if (which == &english && spanish < 0)
            english_is_first = true;
        if (which && weight > *which)
            *which = weight;
    }
    if (spanish < 0)
        spanish = any;
    if (english < 0)
        english = any;
    bool prefers_english =
        english > 0 && (english > spanish || (english == spanish && english_is_first));
    return prefers_english ? HTTP_LANGUAGE_EN : HTTP_LANGUAGE_ES;
}

bool http_accepts(const char *accept, const char *media_type)
{
    if (!accept || !*accept)
        return true;
    size_t type_length = strcspn(media_type, "/") + 1, length = strlen(media_type);
    int weight = -1, specificity = -1;
    for (const char *at = accept; *at; at = next_element(at)) {
        at = skip_spaces(at);
        size_t range_length = strcspn(at, ";, \t");
        int match = -1;
        if (range_length == length && strncasecmp(at, media_type, length) == 0)
            match = 2;
        else if (range_length == type_length + 1 && at[type_length] == '*' &&
                 strncasecmp(at, media_type, type_length) == 0)
            match = 1;
        else if (range_length == 3 && strncmp(at, "*/*", 3) == 0)
            match = 0;
        if (match > specificity) {
            specificity = match;
            weight = weight_after(at + range_length);
        }
    }
    return weight > 0;
}

char *http_content_disposition(struct es_arena *arena, bool is_attachment, const char *filename)
{
    const char *kind = is_attachment ? "attachment" : "inline";
    if (!filename || !*filename)
        return es_strdup(arena, kind);
    es_auto_buf plain = { 0 };
    es_auto_buf clean = { 0 };
    bool is_ascii = true;
    for (const char *at = filename; *at; at++) {
        unsigned char c = (unsigned char)*at;
        bool is_unsafe = c < 0x20 || c == 0x7f || c == '"' || c == '\\' || c == '/';
        if (c >= 0x80)
            is_ascii = false;
        es_buf_append_char(&clean, is_unsafe ? '_' : *at);
        /* One '_' for a character, not for each of its bytes; '%' confuses some readers of
         * filename. */
        if ((c & 0xc0) != 0x80)
            es_buf_append_char(&plain, is_unsafe || c >= 0x80 || c == '%' ? '_' : *at);
    }
    if (is_ascii && !strchr(filename, '%'))
        return es_printf(arena, "%s; filename=\"%s\"", kind, es_buf_text(&plain));
    es_auto_buf encoded = { 0 };
    uri_encode(&encoded, es_buf_text(&clean), false);
    return es_printf(arena, "%s; filename=\"%s\"; filename*=UTF-8''%s", kind, es_buf_text(&plain),
                     es_buf_text(&encoded));
}

/* The value at *cursor, a token or a quoted string, unquoted; NULL where it is neither. */
static char *read_parameter_value(struct es_arena *arena, const char **cursor)
{
    const char *at = *cursor;
    if (*at != '"') {
        size_t length = token_length(at);
        *cursor = at + length;
        return length ? es_strndup(arena, at, length) : NULL;
    }
    char *value = es_alloc(arena, strlen(at));
    size_t length = 0;
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        value[length++] = *at;
    }
    if (*at != '"')
        return NULL;
    *cursor = at + 1;
    return value;
}

char *http_header_parameter(struct es_arena *arena, const char *text, const char *name,
                            bool *ret_is_valid)
{
    char *found = NULL;
    bool is_valid = true;
    size_t name_length = strlen(name);
    const char *at = text + strcspn(text, ";");
    while (is_valid && *at == ';') {
        at = skip_spaces(at + 1);
        if (!*at || *at == ';')
            continue; /* an empty parameter is allowed */
        size_t length = token_length(at);
        bool is_wanted = length == name_length && strncasecmp(at, name, length) == 0;
        at += length;
        is_valid = length > 0 && *at == '=';
        if (!is_valid)
            break;
        at++;
        char *value = read_parameter_value(arena, &at);
        at = skip_spaces(at);
        is_valid = value && (!*at || *at == ';') && !(is_wanted && found);
        if (is_valid && is_wanted)
            found = value;
    }
    if (ret_is_valid)
        *ret_is_valid = is_valid;
    return found;
}

static char *lower_case(char *text)
{
    for (char *at = text; at && *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return text;
}

enum es_code http_media_type_parse(struct es_arena *arena, const char *text,
                                   struct http_media_type *ret_type, struct es_err *reterr)
{
    text = skip_spaces(text);
    size_t type_length = token_length(text);
    size_t subtype_length = text[type_length] == '/' ? token_length(text + type_length + 1) : 0;
    size_t length = type_length + 1 + subtype_length;
    if (!type_length || !subtype_length)
        return es_fail(reterr, ES_INVALID, "not a media type");
    const char *rest = skip_spaces(text + length);
    if (*rest && *rest != ';')
        return es_fail(reterr, ES_INVALID, "not a media type");
    bool charset_is_valid, boundary_is_valid;
    struct http_media_type type = {
        .type = lower_case(es_strndup(arena, text, length)),
        .charset = lower_case(http_header_parameter(arena, rest, "charset", &charset_is_valid)),
        .boundary = http_header_parameter(arena, rest, "boundary", &boundary_is_valid),
    };
    if (!charset_is_valid || !boundary_is_valid)
        return es_fail(reterr, ES_INVALID, "a malformed or repeated parameter");
    *ret_type = type;
    return ES_OK;
}

char *http_cookie_get(struct es_arena *arena, const char *cookie_header, const char *name)
{
    size_t name_length = strlen(name);
    for (const char *at = cookie_header ? cookie_header : ""; *at;) {
        at = skip_spaces(at);
        size_t length = strcspn(at, ";");
        if (length > name_length && strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            const char *value = at + name_length + 1;
            size_t size = length - name_length - 1;
            while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
                size--;
            if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
                value++;
                size -= 2;
            }
            return es_strndup(arena, value, size);
        }
        at += length;
        if (*at)
            at++;
    }
    return NULL;
}

bool http_etag_matches(const char *list, const char *etag, bool is_weak)
{
    const char *at = skip_spaces(list);
    if (at[0] == '*' && !*skip_spaces(at + 1))
        return true;
    if (!etag)
        return false;
    bool etag_is_weak = strncmp(etag, "W/", 2) == 0;
    const char *opaque = etag + (etag_is_weak ? 2 : 0);
    size_t opaque_length = strlen(opaque);
    for (; *at; at = skip_spaces(at)) {
        if (*at == ',') {
            at++;
            continue;
        }
        bool tag_is_weak = strncmp(at, "W/", 2) == 0;
        at += tag_is_weak ? 2 : 0;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (!end)
            return false; /* malformed: what follows cannot be trusted */
        size_t length = (size_t)(end - at) + 1;
        if (length == opaque_length && memcmp(at, opaque, length) == 0 &&
            (is_weak || (!tag_is_weak && !etag_is_weak)))
            return true;
        at = end + 1;
    }
    return false;
}

static bool is_token68_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~+/=", c));
}

const char *http_bearer_token(const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "bearer", 6) != 0 || authorization[6] != ' ')
        return NULL;
    const char *token = authorization + 6;
    while (*token == ' ')
        token++;
    size_t length = 0;
    while (is_token68_char(token[length]))
        length++;
    return length && !token[length] ? token : NULL;
}
