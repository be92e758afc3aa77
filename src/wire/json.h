/* A little more than jansson gives: owned values with cleanup, strict reading of text that comes
 * from elsewhere, and members with type and limits. Pure; thread-safe on distinct values. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_buf.h"
#include "base/es_error.h"

static inline void json_auto_decref(json_t **value)
{
    json_decref(*value);
}
#define json_auto __attribute__((cleanup(json_auto_decref))) json_t *

/* Parses one whole value; duplicate members, NUL characters and bytes after it are refused.
 * ES_INVALID malformed_json. The caller owns *ret_value. */
ES_CHECK enum es_code json_read(const char *bytes, size_t size, json_t **ret_value,
                                struct es_err *reterr);

/* Appends the value in compact form. Ends the process where `value` is NULL (memory). */
void json_write(const json_t *value, struct es_buf *buf);
char *json_text(const json_t *value, struct es_arena *arena);

/* Optional members of an object: the default where the member is missing, null or of another type.
 */
const char *json_member_string(const json_t *object, const char *name, const char *otherwise);
int64_t json_member_integer(const json_t *object, const char *name, int64_t otherwise);
double json_member_real(const json_t *object, const char *name,
                        double otherwise); /* integers too */
bool json_member_bool(const json_t *object, const char *name, bool otherwise);

/* Sets a member, taking over `value`; a NULL `value` (no memory, or text that is no UTF-8) ends the
 * process: check what comes from outside before. */
void json_put(json_t *object, const char *name, json_t *value);
/* A NULL `text` becomes null. */
void json_put_text(json_t *object, const char *name, const char *text);
/* "2025-11-18T10:35:00.123Z"; 0 becomes null. */
void json_put_time(json_t *object, const char *name, int64_t time_ms);

#endif
