/* What stands between the HTTP layer and every handler of this folder. Private to src/api. */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/api_route.h"

/* http_route.context of every route of the API. */
struct api_bound {
    struct api *api;
    const struct api_route *route;
};

/* Makes the HTTP layer's form of `route`, which lives as long as `bound`. */
struct http_route api_http_route(const struct api_bound *bound, uint64_t upload_bytes_max);

/* The call that the exchange has become, or NULL before any callback of a route ran. */
struct api_call *api_call_of(const struct http_exchange *exchange);

#endif
