/* The web page, bundled into the program: one row a file, made from web/ when the program is built.
 * Constant data: any thread may read it at any time, and nothing is ever freed. "/" is not a row;
 * the server answers it with "/index.html". */
#ifndef API_WEB_ASSETS_H
#define API_WEB_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct web_asset {
    const char *path;         /* as in the URL: "/app.html" */
    const char *content_type; /* with its charset where it is text */
    const char *etag;         /* strong, in its quotes, of the plain form */
    const unsigned char *bytes;
    size_t size;
    const unsigned char
        *gzip_bytes;   /* the same content, gzip; NULL where that would not be smaller */
    size_t gzip_size;  /* 0 without a gzip form */
    bool is_immutable; /* its name holds a hash of its content: cache it for ever */
};

/* Sorted by path, each path once. */
extern const struct web_asset web_assets[];
extern const size_t web_asset_count;

#endif
