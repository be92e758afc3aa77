/* Identifiers: UUIDs of RFC 9562 in lower-case text, from the kernel's random numbers. */
#ifndef ES_ID_H
#define ES_ID_H

#include <stdbool.h>
#include <stddef.h>

#define ES_ID_SIZE 37 /* 36 characters and the zero byte */

/* Version 7: begins with the time in milliseconds, so ids sort by birth. For users and media. */
void es_id_v7(char ret_id[static ES_ID_SIZE]);

/* Version 4: 122 random bits, unguessable. For jobs, links and token ids. */
void es_id_v4(char ret_id[static ES_ID_SIZE]);

/* Whether `text` is a UUID in the lower-case form that we write; any version. */
bool es_id_is_valid(const char *text);

/* Fills `bytes` with random numbers of the kernel; ends the process where there are none. */
void es_random(void *bytes, size_t size);

#endif
