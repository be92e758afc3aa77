/* A file that is part of the program as a reply. Private to src/api. */
#ifndef SEND_ASSET_H
#define SEND_ASSET_H

#include "api/api_route.h"
#include "api/web_assets.h"

/* The row of that path, or NULL. */
const struct web_asset *asset_find(const struct web_asset *assets, size_t count, const char *path);

/* Replies with the asset: gzip where the client takes it, 304 where it has it, and the headers that
 * a page of ours needs. */
void send_asset(struct api_call *call, const struct web_asset *asset);

#endif
