/* Constant files: content coding, validation and caching (RFC 9110 and 9111), and the policy that
 * pages run under. */
#include "api/send_asset.h"

#include <string.h>
#include <strings.h>

#include "wire/http_header.h"

#define PAGE_POLICY                                                                                \
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "        \
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "     \
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

const struct web_asset *asset_find(const struct web_asset *assets, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(assets[i].path, path) == 0)
            return &assets[i];
    return NULL;
}

/* Whether one element of Accept-Encoding ("gzip;q=0.5") takes gzip: its quality is not zero. */
static bool element_takes_gzip(const char *element, size_t size)
{
    size_t name_size = strcspn(element, " \t;,");
    bool is_gzip = (name_size == 4 && strncasecmp(element, "gzip", 4) == 0) ||
                   (name_size == 1 && element[0] == '*');
    if (!is_gzip)
        return false;
    const char *quality = memmem(element, size, "q=", 2);
    if (!quality)
        return true;
    size_t left = size - (size_t)(quality + 2 - element);
    return strspn(quality + 2, "0. \t") < left;
}

static bool takes_gzip(const char *accept_encoding)
{
    for (const char *rest = accept_encoding; rest && *rest;) {
        rest += strspn(rest, " \t,");
        size_t size = strcspn(rest, ",");
        if (element_takes_gzip(rest, size))
            return true;
        rest += size;
    }
    return false;
}

/* Each form has an ETag of its own: they are different bytes. */
static const char *etag_of(struct es_arena *arena, const struct web_asset *asset, bool is_gzip)
{
    int inner_size = (int)strlen(asset->etag) - 1;
    return is_gzip ? es_printf(arena, "%.*s-gzip\"", inner_size, asset->etag) : asset->etag;
}

void send_asset(struct api_call *call, const struct web_asset *asset)
{
    struct http_exchange *exchange = call->exchange;
    bool is_gzip =
        asset->gzip_bytes && takes_gzip(http_exchange_header(exchange, "Accept-Encoding"));
    const char *etag = etag_of(call->arena, asset, is_gzip);
    http_reply_set_header(exchange, "ETag", etag);
    http_reply_set_header(exchange, "Cache-Control",
                          asset->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
    http_reply_set_header(exchange, "Content-Security-Policy", PAGE_POLICY);
    if (asset->gzip_bytes)
        http_reply_add_header(exchange, "Vary", "Accept-Encoding");
    const char *known = http_exchange_header(exchange, "If-None-Match");
    if (known && http_etag_matches(known, etag, true)) {
        http_reply(exchange, 304, NULL, NULL, 0);
        return;
    }
    if (is_gzip)
        http_reply_set_header(exchange, "Content-Encoding", "gzip");
    http_reply(exchange, 200, asset->content_type, is_gzip ? asset->gzip_bytes : asset->bytes,
               is_gzip ? asset->gzip_size : asset->size);
}
