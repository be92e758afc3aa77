/* An MP3 that is still being made as a reply. Private to src/api. */
#ifndef SEND_RUNNING_H
#define SEND_RUNNING_H

#include "api/api_route.h"
#include "service/running_mp3.h"

struct sent_running {
    struct running_mp3 *file; /* taken over */
    const char *content_type;
    const char *disposition; /* or NULL */
};

/* Replies by http_reply_file with its true length. What is there goes out; for what is not the body
 * waits without a thread, and ends early where that does not come. There is no ETag: the head is
 * going to be another one, and whoever goes on later with a range gets the finished file's bytes,
 * which are the same. */
void send_running(struct api_call *call, const struct sent_running *running);

#endif
