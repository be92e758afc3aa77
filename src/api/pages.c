/* The page's files: "/" and one row for each file at the root, one for all below /assets/. */
#include <string.h>

#include "api/api_state.h"
#include "api/send_asset.h"
#include "base/es_text.h"

static enum es_code handle_page(struct api_call *call, struct es_err *reterr)
{
    const struct api_settings *settings = api_settings_of(call->api);
    const char *path = http_exchange_path(call->exchange);
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    const struct web_asset *asset = asset_find(settings->assets, settings->asset_count, path);
    if (!asset)
        return es_fail(reterr, ES_NOT_FOUND, "no asset '%s'", path);
    send_asset(call, asset);
    return ES_OK;
}

static struct api_route page_row(const char *pattern)
{
    return (struct api_route){ "GET", pattern, handle_page, .lane = HTTP_LANE_LOOP,
                               .is_page = true };
}

const struct api_route *api_page_routes(struct api *api, size_t *ret_count)
{
    const struct api_settings *settings = &api->settings;
    struct api_route *rows = es_new_array(&api->arena, struct api_route, settings->asset_count + 2);
    size_t count = 0;
    rows[count++] = page_row("/");
    rows[count++] = page_row("/assets/{file...}");
    for (size_t i = 0; i < settings->asset_count; i++)
        if (!es_text_has_prefix(settings->assets[i].path, "/assets/"))
            rows[count++] = page_row(settings->assets[i].path);
    *ret_count = count;
    return rows;
}
