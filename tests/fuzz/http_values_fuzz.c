/* libFuzzer target: the readers of single values (URIs, ranges, header values) take any text. */
#include <stdint.h>
#include <stdlib.h>

#include "base/es_auto.h"
#include "base/es_text.h"
#include "wire/http_header.h"
#include "wire/range.h"
#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_uri(struct es_arena *arena, const char *text, size_t size)
{
    struct uri_pairs pairs;
    char *decoded;
    if (uri_decode(arena, text, size, &decoded, NULL) == ES_OK &&
        !es_utf8_is_valid(decoded, strlen(decoded)))
        abort();
    if (uri_pairs_parse(arena, text, size, 16, &pairs, NULL) == ES_OK && pairs.count > 16)
        abort();
    (void)uri_target_is_valid(text, size);
}

static void check_range(const char *text)
{
    const struct range_resource resource = { .size_bytes = 1000, .etag = "\"a\"", .mtime_ms = 1 };
    const struct range_request request = { .range = text, .if_range = text, .if_none_match = text };
    struct range_answer answer = range_evaluate(&request, &resource);
    struct range_answer alone = range_evaluate(&(struct range_request){ .range = text }, &resource);
    if (alone.outcome == RANGE_PART && (alone.first > alone.last || alone.last >= 1000))
        abort();
    if (answer.outcome == RANGE_FAILED)
        abort(); /* only If-Match fails */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    es_auto_arena arena = { 0 };
    struct http_media_type type;
    char *text = es_strndup(&arena, (const char *)bytes, size);
    check_uri(&arena, (const char *)bytes, size);
    check_range(text);
    (void)http_accept_language(text);
    (void)http_accepts(text, "text/html");
    (void)http_cookie_get(&arena, text, "a");
    (void)http_bearer_token(text);
    (void)http_media_type_parse(&arena, text, &type, NULL);
    if (strpbrk(http_content_disposition(&arena, true, text), "\r\n"))
        abort();
    return 0;
}
