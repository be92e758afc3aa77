/* From a request's path, query and body to the values of its route's fields. Private to src/api. */
#ifndef API_BIND_H
#define API_BIND_H

#include "api/api_route.h"

#define API_BODY_BYTES_MAX 65536 /* of a form or JSON */

/* Whether the body is of a type that the route takes. ES_INVALID unsupported_media_type. */
ES_CHECK enum es_code api_check_content_type(struct api_call *call, struct es_err *reterr);

/* Reads the body and fills call->values. ES_INVALID: malformed_request, malformed_json, not_utf8,
 * multipart_malformed, a path field's own word, or, with call->field_errors, field_invalid or the
 * word of the one field that is wrong. */
ES_CHECK enum es_code api_bind(struct api_call *call, struct es_err *reterr);

/* ---- the body, for api_bind.c ---- */

struct api_input {
    json_t *object;         /* or NULL: then */
    struct uri_pairs pairs; /* these */
};

/* Reads the whole body by its content type. An empty one has no fields. */
ES_CHECK enum es_code api_read_body(struct api_call *call, struct api_input *ret_input,
                                    struct es_err *reterr);

#endif
