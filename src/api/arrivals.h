/* Requests, and bodies of replies, that wait for an object which is about to be published: they
 * cost no thread, and go on as soon as it is there. Private to src/api. */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include "http/http_exchange.h"
#include "port/blob_store.h"

struct arrivals;

/* Starts the thread that looks. ES_IO. */
ES_CHECK enum es_code arrivals_open(struct blob_store *blobs, struct arrivals **ret_arrivals,
                                    struct es_err *reterr);
void arrivals_close(struct arrivals *arrivals); /* after the server */

/* Has the request handled again once the object is there or `timeout_ms` are over. False, and
 * nothing happens, where too many wait already. */
bool arrivals_await(struct arrivals *arrivals, struct http_exchange *exchange, const char *key,
                    int64_t timeout_ms);
/* Ends `wait` then, so too. False, and the wait is still the caller's, where too many wait. */
bool arrivals_add(struct arrivals *arrivals, struct http_wait *wait, const char *key,
                  int64_t timeout_ms);

#endif
