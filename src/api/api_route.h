/* Endpoints as data, and what a handler sees. A resource's file holds a table of api_route and the
 * handlers in it; api_dispatch.c does everything that they have in common: who calls, how often,
 * from where, the body, the fields, and what becomes of an error. Private to src/api and its tests.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "http/http_exchange.h"
#include "http/http_router.h"
#include "model/problem.h"
#include "service/service.h"
#include "wire/json.h"

struct api;
struct api_call;

enum api_auth {
    API_AUTH_NONE = 0,
    API_AUTH_USER,     /* else 401 */
    API_AUTH_OPTIONAL, /* credentials that do not hold are taken for none */
};

enum api_rate {
    API_RATE_NONE = 0,
    API_RATE_LOGIN, /* by address */
    API_RATE_WRITE, /* by user */
};

enum api_body {
    API_BODY_NONE = 0,
    API_BODY_FORM,   /* urlencoded, multipart or JSON */
    API_BODY_JSON,   /* JSON */
    API_BODY_UPLOAD, /* multipart, handed to the route's `data` as it comes */
};

enum api_from {
    API_FROM_UNSET = 0,
    API_FROM_PATH,
    API_FROM_QUERY,
    API_FROM_HEADER,
    API_FROM_BODY,
};

enum api_type {
    API_TYPE_UNSET = 0,
    API_TEXT,
    API_ID,      /* a UUID in lower case */
    API_INTEGER, /* decimal digits in a query; a JSON integer in a body */
    API_CHOICE,  /* one of `choices` */
    API_OBJECT,  /* a JSON object; its members are the handler's to check */
};

/* One input field. A field that is missing, null or an empty query parameter is not given. */
struct api_field {
    const char *name; /* NULL ends a table */
    enum api_from from;
    enum api_type type;
    bool is_required;           /* path fields always are */
    int64_t min, max;           /* API_INTEGER: the value; API_TEXT: bytes, `max` is required */
    const char *const *choices; /* NULL ends */
    enum es_code (*check)(const char *text, struct es_err *); /* API_TEXT: ES_INVALID and a word */
    /* The problem that stands for the whole request where this field is not valid: a path with an
     * id that is none is not found. NULL: 422, with the field in `errors`. */
    const char *word;
};

#define API_FIELDS_MAX 12

struct api_route {
    const char *method;
    const char *pattern;
    /* Binds, acts, replies; or returns what went wrong without having replied. */
    enum es_code (*handle)(struct api_call *call, struct es_err *reterr);
    enum api_auth auth;
    enum api_rate rate;
    enum api_body body;
    enum http_lane lane;
    const struct api_field *fields;
    bool sets_session; /* its reply carries the cookie: must not be reached from other sites */
    bool is_page;      /* a file of a page: not part of the documented contract */

    /* API_BODY_UPLOAD. `begin` runs once the caller is known and before the body is asked for; what
     * `begin` or `data` return other than ES_OK is the reply, and `abandon` follows. */
    enum es_code (*begin)(struct api_call *call, struct es_err *reterr);
    enum es_code (*data)(struct api_call *call, const void *bytes, size_t size,
                         struct es_err *reterr);
    void (*abandon)(struct api_call *call);
};

struct api_value {
    bool is_given;
    const char *text; /* API_TEXT, API_ID, API_CHOICE */
    int64_t integer;
    const json_t *object; /* lives as long as the call */
};

/* A field that is not valid, and why. */
struct api_field_error {
    const char *field;
    const char *word;
};

/* One request on its way through. Lives in the exchange's arena. */
struct api_call {
    struct api *api;
    struct service_context *services;
    struct http_exchange *exchange;
    struct es_arena *arena;
    const struct api_route *route;
    enum language language;
    const struct caller *caller; /* NULL: nobody is signed in */

    struct api_value values[API_FIELDS_MAX]; /* in the order of route->fields */
    struct api_field_error field_errors[API_FIELDS_MAX];
    size_t field_error_count;

    bool is_admitted;       /* caller and rate were looked at already, in `begin` */
    json_t *body;           /* what values' objects point into */
    void *upload;           /* the upload route's own */
    int64_t retry_after_s;  /* of a refusal; 0: the default */
    int64_t waits_until_ms; /* monotonic: a request that waits for a segment; 0: it does not */
    const char *fault;      /* what a 5xx was about, for the log */
};

/* The field of that name, which must be in the route's table: NULL, or `otherwise`, where it was
 * not given. */
const char *api_text(const struct api_call *call, const char *name);
int64_t api_integer(const struct api_call *call, const char *name, int64_t otherwise);
const json_t *api_object(const struct api_call *call, const char *name);

/* Names a field as wrong beyond what its row can say; the handler then fails. `word` is static. */
void api_blame_field(struct api_call *call, const char *field, const char *word);

/* Replies. `value` is taken over. */
void api_reply_json(struct api_call *call, int status, json_t *value);
void api_reply_nothing(struct api_call *call); /* 204 */

/* Where lists continue: a Link header to this request with `cursor` in place of its own (none where
 * `cursor` is NULL). */
void api_add_next_link(struct api_call *call, const char *cursor);

/* What the API itself is made of, for handlers. */
struct feeds *api_feeds(const struct api *api);
struct arrivals *api_arrivals(const struct api *api);
struct es_metrics *api_metrics(const struct api *api);
const struct api_settings *api_settings_of(const struct api *api);

/* Every table of routes; NULL ends. */
extern const struct api_route *const api_tables[];

extern const struct api_route auth_routes[];
extern const struct api_route me_routes[];
extern const struct api_route user_routes[];
extern const struct api_route media_routes[];
extern const struct api_route upload_routes[];
extern const struct api_route job_routes[];
extern const struct api_route playback_routes[];
extern const struct api_route picture_routes[];
extern const struct api_route sharing_routes[];
extern const struct api_route event_routes[];
extern const struct api_route monitor_routes[];
extern const struct api_route docs_routes[];

/* Fields that several tables have in common. */
#define API_FIELD_MEDIA_ID                                                                         \
    {                                                                                              \
        "media_id", API_FROM_PATH, API_ID, .word = "media_not_found"                               \
    }
#define API_FIELD_JOB_ID                                                                           \
    {                                                                                              \
        "job_id", API_FROM_PATH, API_ID, .word = "job_not_found"                                   \
    }
#define API_CURSOR_BYTES_MAX 512
#define API_LIST_DEFAULT     50
#define API_FIELDS_LIST                                                                            \
    { "limit", API_FROM_QUERY, API_INTEGER, .min = 1, .max = META_LIST_MAX },                      \
    {                                                                                              \
        "cursor", API_FROM_QUERY, API_TEXT, .max = API_CURSOR_BYTES_MAX                            \
    }

#endif
