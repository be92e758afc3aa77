/* The HTTP contract of docs/openapi.yaml: turns requests into calls of src/service and their
 * outcome into replies. Its owner builds a server out of what api_router and api_hooks give. It is
 * the one place that logs requests, one line each, and counts them. */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/web_assets.h"
#include "base/es_auto.h"
#include "base/es_metrics.h"
#include "http/http_router.h"
#include "http/http_server.h"
#include "service/service.h"

/* A token bucket: so many at once, so many a second in the long run. */
struct api_rate_limit {
    double burst;      /* >= 1 */
    double per_second; /* > 0 */
};

struct api_settings {
    /* Where clients reach us, "https://music.example", without a slash at its end; NULL: as each
     * request says. An address in https makes cookies Secure. */
    const char *public_url;
    /* Believe X-Forwarded-For and X-Forwarded-Proto: only behind a proxy that sets them itself. */
    bool trust_proxy;
    /* Origins whose pages may read answers, separated by commas or blanks; "*" for all; NULL or "":
     * none. The cookie is never taken from another origin. */
    const char *cors_allowed_origins;
    struct api_rate_limit login_rate; /* registrations and logins from one address */
    struct api_rate_limit write_rate; /* changes by one user */
    /* How often the sessions behind open event streams are looked at, so that a logout ends them.
     */
    int64_t session_check_ms;
    /* How long a request for a segment that is still to come waits for it. Players give up a
     * request that brings no byte for ten seconds. */
    int64_t segment_wait_ms;
    /* How long the body of a running job's MP3 waits for its next bytes; > 0. */
    int64_t stream_wait_ms;
    const struct web_asset *assets; /* the page; must outlive the API */
    size_t asset_count;
};

/* The defaults: no origins, no proxy, rates that only floods meet, no page. */
struct api_settings api_settings_default(void);

struct api;

/* Builds the router of all tables. `context` and `metrics` must outlive the API; the texts of
 * `settings` are copied. Starts the threads behind event streams. ES_INVALID for a setting out of
 * range; ES_IO. */
ES_CHECK enum es_code api_open(const struct api_settings *settings, struct service_context *context,
                               struct es_metrics *metrics, struct api **ret_api,
                               struct es_err *reterr);

/* For http_server_open; both live as long as the API. */
const struct http_router *api_router(const struct api *api);
struct http_hooks api_hooks(struct api *api);

/* Only after the server is closed. */
void api_close(struct api *api);

ES_DEFINE_AUTO(api, api_close);

#endif
