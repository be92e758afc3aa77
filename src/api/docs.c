/* The description of this API, and a page to read and try it. */
#include "api/docs_assets.h"

#include <string.h>

#include "api/api_route.h"
#include "api/send_asset.h"

static enum es_code handle_docs(struct api_call *call, struct es_err *reterr)
{
    const char *path = http_exchange_path(call->exchange);
    const struct web_asset *asset = asset_find(docs_assets, docs_asset_count, path);
    if (!asset)
        return es_fail(reterr, ES_NOT_FOUND, "no asset '%s'", path);
    send_asset(call, asset);
    return ES_OK;
}

const struct api_route docs_routes[] = {
    { "GET", "/openapi.json", handle_docs, .lane = HTTP_LANE_LOOP },
    { "GET", "/docs", handle_docs, .lane = HTTP_LANE_LOOP },
    { "GET", "/docs/{file}", handle_docs, .lane = HTTP_LANE_LOOP, .is_page = true },
    { 0 }
};
