/* A small HTTP client for the tests of the API. Each answer is held against docs/openapi.yaml as it
 * comes: its status must be documented, its JSON must be of the documented shape, no member more.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_arena.h"
#include "wire/json.h"

struct client;

struct client *client_open(const char *base_url);
void client_close(struct client *client);

/* NULL leaves a thing out. At most one of form, json and body. */
struct request {
    const char *method; /* NULL: GET */
    const char *path;
    const char *token;  /* Authorization: Bearer */
    const char *cookie; /* the session's */
    const char *form;   /* urlencoded */
    const char *json;
    const char *content_type; /* of `body`, or instead of that of form and json */
    const char *body;
    size_t body_size;           /* 0: strlen(body) */
    const char *const *headers; /* "Name: value"; NULL ends */
    bool may_end_early;         /* the body: else that fails the test */
};

/* Lives until the client is closed. */
struct answer {
    int status;
    bool is_whole;       /* all of the body came */
    const char *headers; /* as they came */
    const char *body;
    size_t body_size;
    json_t *json; /* NULL where the body is none */
};

const struct answer *client_send(struct client *client, const struct request *request);

/* The first header of that name, without blanks around; NULL: none. */
const char *answer_header(struct client *client, const struct answer *answer, const char *name);

/* A member, or "" */
const char *answer_text(const struct answer *answer, const char *member);
const char *answer_code(const struct answer *answer); /* of a problem */

struct es_arena *client_arena(struct client *client);

/* A multipart body of boundary "boundary": pairs of a part's header lines and its content. */
struct form_part {
    const char *disposition; /* name="file"; filename="a.mp3" */
    const char *content;
    size_t size; /* 0: strlen */
};
#define MULTIPART_TYPE "multipart/form-data; boundary=boundary"
const char *multipart_body(struct client *client, const struct form_part *parts, size_t count,
                           size_t *ret_size);

/* Fail the test with the answer's body where the status or the code is another one. */
#define assert_answer(reply, status_)                                                              \
    do {                                                                                           \
        const struct answer *answer_ = (reply);                                                    \
        if (answer_->status != (status_))                                                          \
            fail_msg("status %d, not %d: %.*s", answer_->status, (status_), 500, answer_->body);   \
    } while (0)
#define assert_problem(reply, status_, code_)                                                      \
    do {                                                                                           \
        const struct answer *problem_ = (reply);                                                   \
        assert_answer(problem_, status_);                                                          \
        assert_string_equal(answer_code(problem_), code_);                                         \
    } while (0)

#endif
