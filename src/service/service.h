/* What every use case needs: the ports, the settings, and the little state that a process keeps
 * beside them (password threads, who was seen lately, machine figures). One context serves a whole
 * process; every function of src/service that takes it is thread-safe and blocks as long as the
 * ports behind it do. Results live in the arena that was handed in. Services log nothing. */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_metrics.h"
#include "model/media.h"
#include "port/blob_store.h"
#include "port/job_queue.h"
#include "port/media_depicter.h"
#include "port/media_prober.h"
#include "port/meta_store.h"
#include "service/password.h"
#include "wire/jwt.h"

#define UNFINISHED_JOBS_MAX META_LIST_MAX

struct service_settings {
    const char *const *jwt_keys;   /* the first signs, all verify; at least one, none empty */
    size_t jwt_key_count;          /* 1..JWT_KEYS_MAX */
    int64_t token_lifetime_ms;     /* > 0; ACCESS_TOKEN_EXPIRE_MINUTES */
    int64_t link_lifetime_ms;      /* > 0; of a signed link that was asked for */
    enum playback_policy playback; /* of new media; PLAYBACK_POLICY */
    int64_t upload_bytes_max;      /* > 0 */
    int unfinished_jobs_max;       /* of one user; 1..UNFINISHED_JOBS_MAX */
    const char *queue_name;        /* "convert"; what the monitor and the metrics call the queue */
    const char *node_id;           /* this process in the fleet: "api", "worker_a" */
    const char *version;
    const char *engine_version; /* of the engine that converts here: part of every recipe; "": not
                                 * known, and nothing that was made before is used again */
    struct password_settings password;
};

/* The defaults; only jwt_keys must still be set. */
struct service_settings service_settings_default(void);

/* The ports, which must outlive the context. A process that takes no uploads needs no prober. */
struct service_ports {
    struct meta_store *meta;
    struct job_queue *queue;
    struct blob_store *blobs;
    struct media_prober *prober; /* or NULL */
    struct es_metrics *metrics;
    struct media_depicter *depicter; /* or NULL: then no pictures are made here */
};

struct active_users;   /* accounts.h */
struct system_sampler; /* system_stats.h */
struct picture_maker;  /* picture_maker.h */
struct service_metrics {
    struct es_metric *jobs_enqueued, *jobs_reused, *media_uploads, *queue_size, *push_failures,
        *events_lost, *orphans;
    struct es_metric *cpu_percent, *memory_percent, *net_sent, *net_received;
};

struct service_context {
    struct meta_store *meta;
    struct job_queue *queue;
    struct blob_store *blobs;
    struct media_prober *prober;
    struct es_metrics *metrics;
    struct media_depicter *depicter;
    struct service_settings settings; /* its texts are the context's own copies */

    /* private to src/service */
    struct es_arena arena;
    struct jwt_keys jwt_keys;
    struct password_pool *passwords;
    struct active_users *active_users;
    struct system_sampler *system;
    struct picture_maker *picture_maker; /* NULL where there is no depicter */
    struct service_metrics families;
    int64_t started_at_ms;
};

/* ES_INVALID for a setting out of range, ES_IO where no thread could be started. */
ES_CHECK enum es_code service_context_open(const struct service_ports *ports,
                                           const struct service_settings *settings,
                                           struct service_context **ret_context,
                                           struct es_err *reterr);
/* No call may be under way. The ports stay open. */
void service_context_close(struct service_context *context);
ES_DEFINE_AUTO(service_context, service_context_close);

/* Who is asking, as accounts_authenticate found out. */
struct caller {
    char user_id[ES_ID_SIZE];
    const char *username;
    const char *token_id;
    int64_t issued_at_ms;
    int64_t expires_at_ms;
};

#endif
