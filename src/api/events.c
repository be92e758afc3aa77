/* GET /events: the caller's events as Server-Sent Events (WHATWG HTML, 9.2). */
#include "api/api_client.h"
#include "api/api_route.h"
#include "api/feeds.h"

static const struct api_field event_fields[] = {
    { "Last-Event-ID", API_FROM_HEADER, API_INTEGER, .min = 0, .max = INT64_MAX }, { 0 }
};

static enum es_code handle_events(struct api_call *call, struct es_err *reterr)
{
    bool is_cookie;
    if (http_exchange_is_head(call->exchange)) {
        http_reply(call->exchange, 200, "text/event-stream", NULL, 0);
        return ES_OK;
    }
    return feeds_reply(api_feeds(call->api), call, api_credentials(call->exchange, &is_cookie),
                       api_integer(call, "Last-Event-ID", -1), reterr);
}

const struct api_route event_routes[] = {
    { "GET", "/events", handle_events, .auth = API_AUTH_USER, .fields = event_fields }, { 0 }
};
