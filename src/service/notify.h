/* Private to src/service: tells watchers that a thing has changed. What has been written is true
 * whether or not they hear of it, so a queue that is away only costs the message: it is counted
 * (api_events_lost_total), and the clients ask again when they connect anew. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "model/event.h"
#include "model/share.h"
#include "service/service.h"

void notify_job(struct service_context *context, const struct job *job);
/* The job, and its media, whose status may have followed. */
void notify_job_and_media(struct service_context *context, const struct job *job);
void notify_media(struct service_context *context, const struct media *media);
void notify_share(struct service_context *context, const struct share *share); /* its recipient */

#endif
