/* Live streams of events: each feed joins a subscription, whose thread delivers, to a stream, whose
 * client reads. A feed ends with its client, with the server, or with the session that it was
 * opened under: a thread looks at the sessions of all feeds again and again, so that a logout
 * anywhere in the fleet holds for what is open here. Private to src/api. */
#ifndef FEEDS_H
#define FEEDS_H

#include "api/api_route.h"
#include "service/events.h"

struct feeds;

/* `check_ms` >= 1: how often sessions are looked at. ES_IO. */
ES_CHECK enum es_code feeds_open(struct service_context *context, int64_t check_ms,
                                 struct feeds **ret_feeds, struct es_err *reterr);

/* After the server has stopped, so that no feed is left. */
void feeds_close(struct feeds *feeds);

ES_DEFINE_AUTO(feeds, feeds_close);

/* Replies with the stream of the caller's events after `last_event_id` (< 0: from now on). `token`
 * is what the caller signed in with. ES_LIMIT where the user has too many. */
ES_CHECK enum es_code feeds_reply(struct feeds *feeds, struct api_call *call, const char *token,
                                  int64_t last_event_id, struct es_err *reterr);

#endif
