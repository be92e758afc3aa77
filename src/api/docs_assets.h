/* The description of the API and its page, made by docs/build.mjs when the program is built. */
#ifndef DOCS_ASSETS_H
#define DOCS_ASSETS_H

#include "api/web_assets.h"

extern const struct web_asset docs_assets[];
extern const size_t docs_asset_count;

#endif
