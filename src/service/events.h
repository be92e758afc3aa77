/* Who watches is told: one thread a process reads the queue's events and hands each to the
 * subscriptions of its user, as JSON ready to send. Several events about the same thing that come
 * at once are told once, since each is told with the state of now. */
#ifndef EVENTS_H
#define EVENTS_H

#include "model/event.h"
#include "model/problem.h"
#include "service/service.h"

#define SUBSCRIPTIONS_PER_USER_MAX 16

struct events;
struct subscription;

/* Starts the thread. `context` must outlive it. */
ES_CHECK enum es_code events_open(struct service_context *context, struct events **ret_events,
                                  struct es_err *reterr);
/* Ends the thread, within about a second; no delivery is made afterwards. Subscriptions that are
 * left must not be used any more. */
void events_close(struct events *events);
ES_DEFINE_AUTO(events, events_close);

/* `json` is the job object (EVENT_JOB), the media object (EVENT_MEDIA, EVENT_SHARE), or
 * {"media_id", "job_id", "deleted": true} for what is gone or is the user's to see no more. Valid
 * during the call, on the events' thread. Must not block; may call events_unsubscribe. */
typedef void subscription_deliver(void *argument, const struct event *event, const char *json);

/* Events of `user_id` after the one numbered `last_event_id`; < 0: only what happens from now on.
 * One that is too old, or of another life of the queue, begins with what is still kept. ES_LIMIT
 * where the user has SUBSCRIPTIONS_PER_USER_MAX. */
ES_CHECK enum es_code events_subscribe(struct events *events, const char *user_id,
                                       int64_t last_event_id, enum language language,
                                       subscription_deliver *deliver, void *argument,
                                       struct subscription **ret_subscription,
                                       struct es_err *reterr);

/* When it returns, `deliver` is neither running (but in the caller's own frames) nor called again.
 */
void events_unsubscribe(struct events *events, struct subscription *subscription);

#endif
