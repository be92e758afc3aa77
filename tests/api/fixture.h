/* A whole gateway in this process: the real server on a free port over memory backends, and a
 * prober that tells media by its first bytes. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "api/api.h"
#include "base/es_log.h"
#include "client.h"
#include "port/blob_store.h"
#include "port/job_queue.h"
#include "port/meta_store.h"
#include "service/service.h"

/* What the prober takes for a song and a film. */
#define SONG "SONG la la la la la la la la la la la"
#define FILM "FILM one two three four five six seven"

struct fixture {
    struct meta_store *meta;
    struct job_queue *queue;
    struct blob_store *blobs;
    struct es_metrics *metrics;
    struct service_context *context;
    struct api *api;
    struct http_server *server;
    struct client *client;
    const char *base_url;
};

/* Errors alone are logged, unless this was called before the first fixture. */
void fixture_log(enum es_log_level least, enum es_log_format format);

/* What differs from the defaults; NULL for nothing. */
struct fixture *fixture_open(const struct api_settings *api,
                             const struct service_settings *service);
void fixture_close(struct fixture *fixture);

/* cmocka's setup and teardown of one test with a default fixture in *state. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

struct service_settings fixture_service_settings(void);

/* Registers and logs in; the token. */
const char *fixture_user(struct fixture *fixture, const char *username);

/* Uploads `content`; the media's id. */
const char *fixture_upload(struct fixture *fixture, const char *token, const char *filename,
                           const char *content);

/* Asks for a conversion; the job's id. */
const char *fixture_convert(struct fixture *fixture, const char *token, const char *media_id,
                            const char *target);

/* Does a worker's work on the job that waits: its output is `output`, under the target's name. For
 * HLS a segment "video-0.m4s" is there too. */
void fixture_work(struct fixture *fixture, const char *output);

/* As far as the plan: the job runs then. */
void fixture_begin_work(struct fixture *fixture);

const struct answer *get(struct fixture *fixture, const char *path, const char *token);
const struct answer *post_json(struct fixture *fixture, const char *path, const char *token,
                               const char *json);
const struct answer *send_to(struct fixture *fixture, const char *method, const char *path,
                             const char *token);

/* printf into the client's arena. */
const char *textf(struct fixture *fixture, const char *format, ...) ES_PRINTF(2, 3);

#endif
