/* One row for each backend. */
#include "meta_store_fixture.h"

#include "backend/meta_store_memory.h"
#include "backend/meta_store_sqlite.h"

static enum es_code open_memory(struct fixture *f, struct es_err *reterr)
{
    return meta_store_memory_open(&f->meta, reterr);
}

static enum es_code open_sqlite(struct fixture *f, struct es_err *reterr)
{
    return meta_store_sqlite_open(es_printf(&f->arena, "%s/meta.db", f->folder), &f->meta, reterr);
}

const struct opener meta_store_openers[2] = {
    { "memory", open_memory, false },
    { "sqlite", open_sqlite, true },
};

struct user make_user(const char *username)
{
    struct user user = { .username = username,
                         .password_hash = "$argon2id$v=19$abc",
                         .created_at_ms = 1000,
                         .tokens_valid_from_ms = 5 };
    es_id_v7(user.id);
    return user;
}

struct user add_user(struct fixture *f, const char *username)
{
    struct user user = make_user(username);
    CALL(user_create, &user);
    return user;
}

struct media make_media(const struct user *owner, const char *filename, int64_t created_at_ms)
{
    struct media media = {
        .original_filename = filename,
        .source_object = "uploads/x/original.mp3",
        .content_type = "audio/mpeg",
        .original_extension = ".mp3",
        .original_size_bytes = 1234,
        .sha256 = "00ff",
        .created_at_ms = created_at_ms,
        .status = MEDIA_UPLOADED,
        .playback = PLAYBACK_PUBLIC,
        .facts = { .format = "mp3", .content_type = "audio/mpeg", .duration_seconds = 12.5 },
    };
    es_id_v7(media.id);
    memcpy(media.user_id, owner->id, ES_ID_SIZE);
    return media;
}

struct media add_media(struct fixture *f, const struct user *owner, const char *filename,
                       int64_t created_at_ms)
{
    struct media media = make_media(owner, filename, created_at_ms);
    CALL(media_create, &media);
    return media;
}

struct job add_job(struct fixture *f, const struct media *media, int64_t enqueued_at_ms)
{
    struct job job = { .target = JOB_HLS,
                       .status = JOB_ENQUEUED,
                       .enqueued_at_ms = enqueued_at_ms,
                       .updated_at_ms = enqueued_at_ms,
                       .attempts = 1 };
    es_id_v4(job.id);
    memcpy(job.media_id, media->id, ES_ID_SIZE);
    memcpy(job.user_id, media->user_id, ES_ID_SIZE);
    CALL(job_create, &job);
    return job;
}

struct job *get_job(struct fixture *f, const char *id)
{
    struct job *job = (struct job *)f;
    CALL(job_get, id, &f->arena, &job);
    return job;
}

enum media_status media_status_of(struct fixture *f, const struct media *media)
{
    struct media *read;
    CALL(media_get, media->id, &f->arena, &read);
    return read->status;
}

void change_to(struct fixture *f, const struct job *job, enum job_status status, int64_t fence)
{
    struct job_change change = { .status = status, .fence = fence, .at_ms = 7000 };
    CALL(job_change, job->id, &change);
}

void count_code(struct race *race, enum es_code code)
{
    atomic_fetch_add(code == ES_OK         ? &race->won
                     : code == ES_CONFLICT ? &race->conflicts
                                           : &race->others,
                     1);
}
