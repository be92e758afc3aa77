/* Problems as replies: RFC 9457. Private to src/api. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "api/api_route.h"

struct api_problem {
    const struct problem *problem;
    enum language language;
    const struct api_field_error *field_errors;
    size_t field_error_count;
    int64_t retry_after_s; /* with 429 and 503; 0: a default */
};

/* The reply, and the headers that its status asks for. */
void api_reply_problem(struct http_exchange *exchange, const struct api_problem *problem);

/* As the request's Accept-Language wants it. */
enum language api_language(struct http_exchange *exchange);

#endif
