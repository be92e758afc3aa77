/* What the suites of the metadata store share: the backends, and records to begin with. */
#ifndef META_STORE_FIXTURE_H
#define META_STORE_FIXTURE_H

#include "contract.h"

#include <stdatomic.h>

extern const struct opener meta_store_openers[2];

#define CALL(operation, ...) CONTRACT_CALL(f->meta, operation, __VA_ARGS__)
#define REFUSED(code, word, operation, ...)                                                        \
    CONTRACT_REFUSED(f->meta, code, word, operation, __VA_ARGS__)

struct user make_user(const char *username);
struct user add_user(struct fixture *f, const char *username);
struct media make_media(const struct user *owner, const char *filename, int64_t created_at_ms);
struct media add_media(struct fixture *f, const struct user *owner, const char *filename,
                       int64_t created_at_ms);
struct job add_job(struct fixture *f, const struct media *media, int64_t enqueued_at_ms);
struct job *get_job(struct fixture *f, const char *id);
enum media_status media_status_of(struct fixture *f, const struct media *media);
void change_to(struct fixture *f, const struct job *job, enum job_status status, int64_t fence);

/* What threads at once were answered. */
struct race {
    struct fixture *f;
    const char *id;
    atomic_int won, conflicts, others;
};

void count_code(struct race *race, enum es_code code);

#endif
