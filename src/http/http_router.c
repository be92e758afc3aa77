/* Routes are kept sorted so that the first match is the right one: literal segments before names,
 * names before rests. Read only once the server runs. */
#include "http/http_internal.h"

#include <string.h>

enum segment_kind { SEGMENT_LITERAL = 1, SEGMENT_NAME, SEGMENT_REST };

struct segment {
    enum segment_kind kind;
    const char *text; /* the literal, or the name */
};

struct entry {
    const struct http_route *route;
    struct segment segments[HTTP_SEGMENTS_MAX];
    size_t count;
    size_t added; /* its place in the order of http_router_each */
};

struct http_router {
    struct es_arena arena;
    struct entry *entries;
    size_t count;
};

struct http_router *http_router_open(void)
{
    return es_malloc(sizeof(struct http_router));
}

void http_router_close(struct http_router *router)
{
    free(router->entries);
    es_arena_release(&router->arena);
    free(router);
}

static enum es_code parse_segment(struct es_arena *arena, const char *text, size_t length,
                                  struct segment *ret_segment, struct es_err *reterr)
{
    struct segment segment = { .kind = SEGMENT_LITERAL };
    if (length > 0 && text[0] == '{') {
        if (length < 3 || text[length - 1] != '}')
            return es_fail(reterr, ES_INVALID, "a malformed name in a pattern");
        segment.kind = SEGMENT_NAME;
        text++;
        length -= 2;
        if (length > 3 && memcmp(text + length - 3, "...", 3) == 0) {
            segment.kind = SEGMENT_REST;
            length -= 3;
        }
    }
    segment.text = es_strndup(arena, text, length);
    if (strpbrk(segment.text, "{}"))
        return es_fail(reterr, ES_INVALID, "a malformed name in a pattern");
    *ret_segment = segment;
    return ES_OK;
}

static enum es_code parse_pattern(struct es_arena *arena, const char *pattern,
                                  struct entry *ret_entry, struct es_err *reterr)
{
    size_t names = 0;
    if (!pattern || pattern[0] != '/')
        return es_fail(reterr, ES_INVALID, "a pattern begins with '/'");
    for (const char *at = pattern; *at == '/';) {
        size_t length = strcspn(++at, "/");
        if (ret_entry->count == HTTP_SEGMENTS_MAX)
            return es_fail(reterr, ES_INVALID, "'%s' has too many segments", pattern);
        struct segment *segment = &ret_entry->segments[ret_entry->count++];
        enum es_code code = parse_segment(arena, at, length, segment, reterr);
        if (code != ES_OK)
            return es_wrap(reterr, code, "'%s'", pattern);
        names += segment->kind != SEGMENT_LITERAL;
        at += length;
        if (segment->kind == SEGMENT_REST && *at)
            return es_fail(reterr, ES_INVALID, "'%s': a rest must be last", pattern);
    }
    if (names > HTTP_PARAMS_MAX)
        return es_fail(reterr, ES_INVALID, "'%s' has too many names", pattern);
    return ES_OK;
}

/* Negative: a comes first. Zero: both match the same paths. */
static int compare_shapes(const struct entry *a, const struct entry *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        if (x->kind != y->kind)
            return (int)x->kind - (int)y->kind;
        int order = x->kind == SEGMENT_LITERAL ? strcmp(x->text, y->text) : 0;
        if (order)
            return order;
    }
    return a->count < b->count ? -1 : a->count > b->count;
}

static enum es_code add_route(struct http_router *router, const struct http_route *route,
                              struct es_err *reterr)
{
    struct entry entry = { .route = route, .added = router->count };
    enum es_code code = parse_pattern(&router->arena, route->pattern, &entry, reterr);
    if (code != ES_OK)
        return code;
    bool is_streamed = route->body == HTTP_BODY_STREAMED;
    if (!route->handler || is_streamed != (route->data != NULL))
        return es_fail(reterr, ES_INVALID, "%s %s lacks a handler, or has one too many",
                       route->method, route->pattern);
    size_t place = 0;
    for (; place < router->count; place++) {
        int order = compare_shapes(&entry, &router->entries[place]);
        if (order == 0 && strcmp(route->method, router->entries[place].route->method) == 0)
            return es_fail(reterr, ES_CONFLICT, "%s %s is there twice", route->method,
                           route->pattern);
        if (order < 0)
            break;
    }
    router->entries = es_realloc(router->entries, (router->count + 1) * sizeof(entry));
    memmove(&router->entries[place + 1], &router->entries[place],
            (router->count - place) * sizeof(entry));
    router->entries[place] = entry;
    router->count++;
    return ES_OK;
}

enum es_code http_router_add(struct http_router *router, const struct http_route *table,
                             struct es_err *reterr)
{
    for (const struct http_route *route = table; route->method; route++) {
        enum es_code code = add_route(router, route, reterr);
        if (code != ES_OK)
            return code;
    }
    return ES_OK;
}

void http_router_each(const struct http_router *router,
                      void (*visit)(const struct http_route *route, void *context), void *context)
{
    for (size_t added = 0; added < router->count; added++)
        for (size_t i = 0; i < router->count; i++)
            if (router->entries[i].added == added)
                visit(router->entries[i].route, context);
}

/* ---- looking up ---- */

struct path {
    const char *segments[HTTP_SEGMENTS_MAX]; /* decoded */
    size_t count;
};

/* HTTP_REFUSAL_MALFORMED for what could be taken for another path: an escape that does not decode,
 * a slash within a segment, "." and "..". */
static enum http_refusal split_path(struct es_arena *arena, const char *target,
                                    struct path *ret_path)
{
    size_t length = strcspn(target, "?");
    for (size_t at = 0; at < length;) {
        const char *begin = target + at + 1;
        size_t size = strcspn(begin, "/?");
        char *segment;
        if (uri_decode(arena, begin, size, &segment, NULL) != ES_OK || strchr(segment, '/') ||
            strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
            return HTTP_REFUSAL_MALFORMED;
        if (ret_path->count == HTTP_SEGMENTS_MAX)
            return HTTP_REFUSAL_NOT_FOUND;
        ret_path->segments[ret_path->count++] = segment;
        at += 1 + size;
    }
    return HTTP_REFUSAL_UNSET;
}

static bool matches(const struct entry *entry, const struct path *path)
{
    for (size_t i = 0; i < entry->count; i++) {
        if (i == path->count)
            return false;
        const char *text = path->segments[i];
        switch (entry->segments[i].kind) {
        case SEGMENT_LITERAL:
            if (strcmp(text, entry->segments[i].text) != 0)
                return false;
            break;
        case SEGMENT_NAME:
            if (!*text)
                return false;
            break;
        case SEGMENT_REST:
            for (; i < path->count; i++)
                if (!*path->segments[i])
                    return false;
            return true;
        }
    }
    return entry->count == path->count;
}

static const char *join_rest(struct es_arena *arena, const struct path *path, size_t first)
{
    es_auto_buf joined = { 0 };
    for (size_t i = first; i < path->count; i++) {
        if (i > first)
            es_buf_append_char(&joined, '/');
        es_buf_append_text(&joined, path->segments[i]);
    }
    return es_strdup(arena, es_buf_text(&joined));
}

static void take_route(struct http_exchange *exchange, const struct entry *entry,
                       const struct path *path)
{
    exchange->route = entry->route;
    for (size_t i = 0; i < entry->count; i++) {
        const struct segment *segment = &entry->segments[i];
        if (segment->kind == SEGMENT_LITERAL)
            continue;
        exchange->params[exchange->params_count++] = (struct uri_pair){
            .name = segment->text,
            .value = segment->kind == SEGMENT_NAME ? path->segments[i]
                                                   : join_rest(&exchange->arena, path, i),
        };
    }
}

static void append_method(struct es_buf *allow, const char *method)
{
    if (strstr(es_buf_text(allow), method))
        return; /* no method's name is within another's */
    es_buf_printf(allow, "%s%s", allow->size ? ", " : "", method);
}

enum http_refusal http_router_find(const struct http_router *router, struct http_exchange *exchange)
{
    struct path path = { .count = 0 };
    enum http_refusal refusal = split_path(&exchange->arena, exchange->target, &path);
    if (refusal != HTTP_REFUSAL_UNSET)
        return refusal;
    bool is_head = http_exchange_is_head(exchange);
    const struct entry *get = NULL;
    es_auto_buf allow = { 0 };
    for (size_t i = 0; i < router->count; i++) {
        const struct entry *entry = &router->entries[i];
        if (!matches(entry, &path))
            continue;
        const char *method = entry->route->method;
        if (strcmp(method, exchange->method) == 0) {
            take_route(exchange, entry, &path);
            return HTTP_REFUSAL_UNSET;
        }
        append_method(&allow, method);
        if (strcmp(method, "GET") == 0) {
            append_method(&allow, "HEAD");
            get = get ? get : entry;
        }
    }
    if (is_head && get) {
        take_route(exchange, get, &path);
        return HTTP_REFUSAL_UNSET;
    }
    if (!allow.size)
        return HTTP_REFUSAL_NOT_FOUND;
    http_reply_set_header(exchange, "Allow", es_buf_text(&allow));
    return HTTP_REFUSAL_METHOD;
}
