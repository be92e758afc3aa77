/* Private to src/service: who makes the pictures. Two threads, one for the posters, which take a
 * moment, one for the rest, so that pictures never cost more of the machine than that; what
 * somebody waits for comes first. A wish for what is wished for already is the same wish. A picture
 * is an object beside the original, whole or absent; one that cannot be made of the bytes leaves an
 * object that says so. Another process may make the same at the same time: then the same bytes are
 * written twice. */
#ifndef PICTURE_MAKER_H
#define PICTURE_MAKER_H

#include "model/depiction.h"
#include "service/service.h"

struct picture_maker;

/* `context` must outlive it, and have a depicter. ES_IO where no thread could be started. */
ES_CHECK enum es_code picture_maker_open(struct service_context *context,
                                         struct picture_maker **ret_maker, struct es_err *reterr);
/* Gives up what is being made, and waits for that. */
void picture_maker_close(struct picture_maker *maker);

/* To be made some time, or next where `is_urgent`; a wish too many is dropped. Does not block. */
void picture_maker_wish(struct picture_maker *maker, const char *media_id, enum depiction depiction,
                        bool is_urgent);

/* Drops every wish for pictures of the media, and gives up those that are being made. */
void picture_maker_forget(struct picture_maker *maker, const char *media_id);

/* The key of an object beside the original. */
const char *picture_key(const struct media *media, const char *file, struct es_arena *arena);
/* "poster.failed": the object that remembers a failure; it holds the word. */
const char *picture_failure_name(enum depiction depiction);

#endif
