/* The API's own state. Private to src/api. */
#ifndef API_STATE_H
#define API_STATE_H

#include "api/api.h"
#include "api/api_dispatch.h"
#include "api/arrivals.h"
#include "api/feeds.h"
#include "api/rate_limiter.h"

struct api {
    struct es_arena arena; /* what is built at the start; read-only afterwards */
    struct api_settings settings;
    struct service_context *services;
    struct es_metrics *metrics;
    struct es_metric *requests, *durations;
    struct http_router *router;
    struct rate_limiter *login_limiter, *write_limiter;
    struct feeds *feeds;
    struct arrivals *arrivals;
};

/* The families that api_observe counts in. */
void api_observe_open(struct api *api);

/* One log line and the counts of a request that has ended. */
void api_observe(struct api *api, struct http_exchange *exchange, const struct http_finish *finish);

/* The rows for the page's files. *ret_count rows in the API's arena. */
const struct api_route *api_page_routes(struct api *api, size_t *ret_count);

#endif
