/* Who is on the other side of a request, and what it may be trusted with: its address, the address
 * under which it reaches us, its credentials, the site that its page is of. Private to src/api. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include <stdbool.h>

#include "api/api_route.h"
#include "service/accounts.h"

#define API_SESSION_COOKIE "espotifai_session"

/* The client's address; behind a trusted proxy, the last one that X-Forwarded-For names. */
const char *api_client_address(const struct api_settings *settings, struct http_exchange *exchange);

/* The same as a key for a limit: of an IPv6 address the /64, which is one subscriber's. */
const char *api_client_key(const struct api_settings *settings, struct http_exchange *exchange,
                           struct es_arena *arena);

/* Where the client reaches us, without a slash at its end. ES_INVALID malformed_request where Host
 * is no host. */
ES_CHECK enum es_code api_base_url(const struct api_call *call, const char **ret_url,
                                   struct es_err *reterr);

/* The token of Authorization: Bearer, else the cookie's, else NULL. An Authorization header of
 * another form gives "", which no token is. */
const char *api_credentials(struct http_exchange *exchange, bool *ret_is_cookie);

/* Whether a browser sent this request for a page of another origin than ours. A client that tells
 * neither Sec-Fetch-Site nor Origin is no browser, and is nobody's tool. */
bool api_is_cross_site(const struct api_settings *settings, struct http_exchange *exchange);

/* Whether the settings allow pages of `origin` to read answers. */
bool api_origin_is_allowed(const struct api_settings *settings, const char *origin);

/* Add Set-Cookie to the reply that is still to come. */
void api_set_session_cookie(struct api_call *call, const struct session *session);
void api_clear_session_cookie(struct api_call *call);

#endif
