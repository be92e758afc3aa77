/* Who may play, and what. Every use of a link asks the store again, so nothing that was allowed
 * once stays allowed by itself. */
#include "service/playback.h"

#include <string.h>

#include "base/es_clock.h"
#include "base/es_text.h"
#include "service/library.h"
#include "service/running_hls.h"

#define PLAYLIST_BYTES_MAX (16 * 1024 * 1024)
/* Links inside a playlist live one to two days, and change only at the end of a day: a growing
 * playlist must not name its old segments anew. */
#define INNER_LINK_MS      (INT64_C(24) * 3600 * 1000)

/* A right to play: what was found out about the caller, in the form of a link's claims. */
struct grant {
    struct media *media;
    struct job *job;
    struct link_claims claims;
    const char *link; /* the link that gave the right, or NULL */
};

static enum es_code refuse_link(struct es_err *reterr, const char *why)
{
    return es_fail_word(reterr, ES_FORBIDDEN, "link_invalid", "%s", why);
}

static enum es_code has_share(struct service_context *context, const char *media_id,
                              const char *job_id, const char *user_id, struct es_arena *arena,
                              bool *ret_has_share, struct es_err *reterr)
{
    struct share *shares;
    size_t count;
    enum es_code code = context->meta->ops->share_list(context->meta, media_id, user_id, arena,
                                                       &shares, &count, reterr);
    if (code)
        return code;
    *ret_has_share = false;
    for (size_t i = 0; i < count; i++)
        *ret_has_share |= strcmp(shares[i].job_id, job_id) == 0;
    return ES_OK;
}

/* Whether what the claims rest on still holds. */
static enum es_code check_ground(struct service_context *context, const struct link_claims *claims,
                                 const struct media *media, struct es_arena *arena,
                                 struct es_err *reterr)
{
    if (claims->epoch != media->link_epoch)
        return refuse_link(reterr, "revoked");
    if (claims->ground == LINK_BEARER)
        return ES_OK;
    if (claims->ground == LINK_PUBLIC)
        return media->playback == PLAYBACK_PUBLIC ? ES_OK
                                                  : refuse_link(reterr, "not public any more");
    if (strcmp(claims->user_id, media->user_id) == 0)
        return ES_OK;
    bool is_shared;
    enum es_code code =
        has_share(context, media->id, claims->job_id, claims->user_id, arena, &is_shared, reterr);
    if (code)
        return code;
    return is_shared ? ES_OK : refuse_link(reterr, "not shared any more");
}

static enum es_code read_job(struct service_context *context, const struct media *media,
                             const char *job_id, struct es_arena *arena, struct job **ret_job,
                             struct es_err *reterr)
{
    struct job *job;
    enum es_code code = context->meta->ops->job_get(context->meta, job_id, arena, &job, reterr);
    if (code)
        return code;
    if (strcmp(job->media_id, media->id) != 0)
        return es_fail_word(reterr, ES_NOT_FOUND, "job_not_found", "job %s is of other media",
                            job_id);
    *ret_job = job;
    return ES_OK;
}

static enum es_code newest_finished(struct service_context *context, const struct media *media,
                                    struct es_arena *arena, struct job **ret_job,
                                    struct es_err *reterr)
{
    struct job_query query = {
        .user_id = media->user_id, .media_id = media->id, .status = JOB_DONE, .limit = 1
    };
    struct job *jobs;
    size_t count;
    const char *next_cursor;
    enum es_code code = context->meta->ops->job_list(context->meta, &query, arena, &jobs, &count,
                                                     &next_cursor, reterr);
    if (code)
        return code;
    if (count == 0)
        return es_fail_word(reterr, ES_NOT_FOUND, "no_finished_job", "media %s", media->id);
    *ret_job = &jobs[0];
    return ES_OK;
}

/* By the media's link: all of it is in the claims. */
static enum es_code grant_by_link(struct service_context *context, const char *link,
                                  const char *media_id, const char *job_id, struct es_arena *arena,
                                  struct grant *grant, struct es_err *reterr)
{
    struct link_claims *claims = &grant->claims;
    enum es_code code =
        signed_link_read(&context->jwt_keys, link, es_clock_realtime_ms(), claims, reterr);
    if (code)
        return code;
    if ((media_id && strcmp(media_id, claims->media_id) != 0) ||
        (job_id && strcmp(job_id, claims->job_id) != 0))
        return refuse_link(reterr, "of another job");
    code = context->meta->ops->media_get(context->meta, claims->media_id, arena, &grant->media,
                                         reterr);
    if (code == ES_OK)
        code = check_ground(context, claims, grant->media, arena, reterr);
    if (code == ES_OK)
        code = read_job(context, grant->media, claims->job_id, arena, &grant->job, reterr);
    grant->link = link;
    return code;
}

/* By credentials, or by the media's being public. */
static enum es_code find_ground(struct service_context *context,
                                const struct playback_request *request, const struct media *media,
                                struct es_arena *arena, struct link_claims *claims,
                                struct es_err *reterr)
{
    const char *user_id = request->caller ? request->caller->user_id : NULL;
    bool is_user = user_id && strcmp(user_id, media->user_id) == 0;
    if (!is_user && !request->job_id)
        return es_fail_word(reterr, ES_INVALID, "field_missing", "job_id is needed");
    if (!is_user && user_id) {
        enum es_code code =
            has_share(context, media->id, request->job_id, user_id, arena, &is_user, reterr);
        if (code)
            return code;
    }
    if (is_user) {
        claims->ground = LINK_USER;
        memcpy(claims->user_id, user_id, ES_ID_SIZE);
    } else if (media->playback == PLAYBACK_PUBLIC) {
        claims->ground = LINK_PUBLIC;
    } else if (!user_id) {
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "unauthenticated",
                            "media %s needs credentials or a link", media->id);
    } else {
        return es_fail_word(reterr, ES_FORBIDDEN, "forbidden", "media %s is another user's",
                            media->id);
    }
    return ES_OK;
}

static enum es_code grant_by_request(struct service_context *context,
                                     const struct playback_request *request, struct es_arena *arena,
                                     struct grant *grant, struct es_err *reterr)
{
    enum es_code code = context->meta->ops->media_get(context->meta, request->media_id, arena,
                                                      &grant->media, reterr);
    if (code)
        return code;
    struct link_claims *claims = &grant->claims;
    code = find_ground(context, request, grant->media, arena, claims, reterr);
    if (code == ES_OK)
        code = request->job_id
                   ? read_job(context, grant->media, request->job_id, arena, &grant->job, reterr)
                   : newest_finished(context, grant->media, arena, &grant->job, reterr);
    if (code)
        return code;
    memcpy(claims->media_id, grant->media->id, ES_ID_SIZE);
    memcpy(claims->job_id, grant->job->id, ES_ID_SIZE);
    claims->epoch = grant->media->link_epoch;
    claims->expires_at_ms = (es_clock_realtime_ms() / INNER_LINK_MS + 2) * INNER_LINK_MS;
    return ES_OK;
}

static const char *content_type_of(const char *file)
{
    static const struct {
        const char *suffix, *content_type;
    } types[] = {
        { ".m3u8", "application/vnd.apple.mpegurl" },
        { ".m4s", "video/iso.segment" },
        { ".mp4", "video/mp4" },
        { ".m4a", "audio/mp4" },
        { ".mp3", "audio/mpeg" },
        { ".aac", "audio/aac" },
        { ".ts", "video/mp2t" },
        { ".vtt", "text/vtt" },
        { ".jpg", "image/jpeg" },
        { ".png", "image/png" },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (es_text_has_suffix(file, types[i].suffix))
            return types[i].content_type;
    return "application/octet-stream";
}

static const char *output_key(const struct job *job, const char *file, struct es_arena *arena)
{
    return es_printf(arena, "%s/%s", job_output_prefix(job, arena), file);
}

static enum es_code open_output(struct service_context *context, const struct job *job,
                                const char *file, struct es_arena *arena,
                                struct blob_reader **ret_reader, struct es_err *reterr)
{
    return context->blobs->ops->open(context->blobs, output_key(job, file, arena), ret_reader,
                                     reterr);
}

/* A finished job's playlist, as it was stored. */
static enum es_code read_playlist(struct service_context *context, const struct job *job,
                                  const char *file, struct es_arena *arena, const char **ret_text,
                                  struct es_err *reterr)
{
    es_auto(blob_reader) reader = NULL;
    enum es_code code = open_output(context, job, file, arena, &reader, reterr);
    if (code)
        return code;
    if (reader->info.size_bytes > PLAYLIST_BYTES_MAX)
        return es_fail(reterr, ES_IO, "playlist of job %s is too large", job->id);
    size_t size = (size_t)reader->info.size_bytes, read = 0;
    char *text = es_alloc(arena, size + 1);
    code = reader->ops->read(reader, 0, text, size, &read, reterr);
    if (code)
        return code;
    if (read != size)
        return es_fail(reterr, ES_IO, "playlist of job %s was cut", job->id);
    *ret_text = text;
    return ES_OK;
}

static enum es_code fail_no_file(struct es_err *reterr, const struct job *job, const char *file)
{
    return es_fail_word(reterr, ES_NOT_FOUND, "not_found", "job %s has no '%s' (yet)", job->id,
                        file);
}

static void put_text(struct playback *playback, const char *text, bool is_growing)
{
    playback->text = text;
    playback->text_size = strlen(text);
    playback->is_growing = is_growing;
}

/* "Song.mp3" from "Song.flac" */
static const char *download_name(const struct media *media, enum job_target target,
                                 struct es_arena *arena)
{
    const char *name = media->original_filename;
    size_t length = strlen(name), extension = strlen(media->original_extension);
    const char *dot = strrchr(job_output_name(target), '.');
    bool has_extension =
        extension > 0 && extension < length &&
        es_text_equals_nocase(name + length - extension, media->original_extension);
    return es_printf(arena, "%.*s%s", (int)(has_extension ? length - extension : length), name,
                     dot);
}

static enum es_code fail_not_finished(struct es_err *reterr, const struct job *job)
{
    return es_fail_word(reterr, ES_INVALID, "job_not_finished", "job %s is %s", job->id,
                        job_status_name(job->status));
}

/* The index of an HLS job with every name under a link, so that it works from any address. */
static enum es_code open_index(struct service_context *context, const struct grant *grant,
                               struct es_arena *arena, struct playback *playback,
                               struct es_err *reterr)
{
    const struct job *job = grant->job;
    const char *link =
        grant->link ? grant->link : signed_link_make(&context->jwt_keys, &grant->claims, arena);
    const char *prefix = es_printf(arena, "/hls/%s/", link), *file = job_output_name(JOB_HLS);
    const char *text = NULL;
    if (!job_status_is_final(job->status)) {
        enum es_code code = running_hls_playlist(context, job, file, prefix, arena, &text, reterr);
        if (code == ES_NOT_FOUND)
            return fail_not_finished(reterr, job);
        if (code == ES_OK)
            put_text(playback, text, true);
        return code;
    }
    enum es_code code = read_playlist(context, job, file, arena, &text, reterr);
    if (code)
        return code;
    es_auto_buf buf = { 0 };
    playlist_prefix_names(text, prefix, &buf);
    put_text(playback, es_strdup(arena, es_buf_text(&buf)), false);
    return ES_OK;
}

/* An MP3 that is still being made, or is whole just now. */
static enum es_code open_running_mp3(struct service_context *context, const struct job *job,
                                     int64_t wait_ms_max, struct es_arena *arena,
                                     struct playback *playback, struct es_err *reterr)
{
    enum es_code code = running_mp3_open(context, job, wait_ms_max, &playback->running, reterr);
    if (code == ES_NOT_FOUND)
        code = open_output(context, job, job_output_name(job->target), arena, &playback->reader,
                           reterr);
    return code == ES_NOT_FOUND ? fail_not_finished(reterr, job) : code;
}

enum es_code playback_open(struct service_context *context, const struct playback_request *request,
                           struct es_arena *arena, struct playback *ret_playback,
                           struct es_err *reterr)
{
    struct grant grant = { 0 };
    enum es_code code = request->link ? grant_by_link(context, request->link, request->media_id,
                                                      request->job_id, arena, &grant, reterr)
                                      : grant_by_request(context, request, arena, &grant, reterr);
    if (code)
        return code;
    const struct job *job = grant.job;
    struct playback playback = { .content_type = job_content_type(job->target),
                                 .download_name = download_name(grant.media, job->target, arena) };
    bool can_play =
        job->status == JOB_DONE || (job->target != JOB_MP4 && !job_status_is_final(job->status));
    if (!can_play)
        return fail_not_finished(reterr, job);
    if (job->target == JOB_HLS)
        code = open_index(context, &grant, arena, &playback, reterr);
    else if (job->status != JOB_DONE)
        code = open_running_mp3(context, job, request->wait_ms_max, arena, &playback, reterr);
    else
        code = open_output(context, job, job_output_name(job->target), arena, &playback.reader,
                           reterr);
    if (code == ES_OK)
        *ret_playback = playback;
    return code;
}

/* An object of the job, or word of one that is still to come. */
static enum es_code open_file(struct service_context *context, const struct job *job,
                              const char *file, struct es_arena *arena, struct playback *playback,
                              struct es_err *reterr)
{
    enum es_code code = open_output(context, job, file, arena, &playback->reader, reterr);
    if (code != ES_NOT_FOUND)
        return code;
    if (job_status_is_final(job->status))
        return fail_no_file(reterr, job, file);
    struct playback_awaited *awaited = es_new(arena, struct playback_awaited);
    code = running_hls_part(context, job, file, arena, &awaited->part_index, reterr);
    if (code == ES_NOT_FOUND) /* or it came between the two questions */
        return open_output(context, job, file, arena, &playback->reader, reterr) == ES_OK
                   ? ES_OK
                   : fail_no_file(reterr, job, file);
    memcpy(awaited->job_id, job->id, ES_ID_SIZE);
    awaited->key = output_key(job, file, arena);
    playback->awaited = awaited;
    return code;
}

enum es_code playback_open_hls(struct service_context *context, const char *link, const char *file,
                               struct es_arena *arena, struct playback *ret_playback,
                               struct es_err *reterr)
{
    struct grant grant = { 0 };
    enum es_code code = grant_by_link(context, link, NULL, NULL, arena, &grant, reterr);
    if (code)
        return code;
    const struct job *job = grant.job;
    if (job->target != JOB_HLS)
        return refuse_link(reterr, "its job is no HLS");
    if (strchr(file, '/') || !blob_key_is_valid(file))
        return fail_no_file(reterr, job, "a name that is none");
    struct playback playback = { .content_type = content_type_of(file), .download_name = file };
    if (es_text_has_suffix(file, ".m3u8") && !job_status_is_final(job->status)) {
        const char *text;
        code = running_hls_playlist(context, job, file, "", arena, &text, reterr);
        if (code == ES_OK)
            put_text(&playback, text, true);
    } else {
        code = open_file(context, job, file, arena, &playback, reterr);
    }
    if (code == ES_OK)
        *ret_playback = playback;
    return code;
}

enum es_code playback_prefer(struct service_context *context,
                             const struct playback_awaited *awaited, struct es_err *reterr)
{
    return context->queue->ops->prefer(context->queue, awaited->job_id, awaited->part_index,
                                       reterr);
}

enum es_code playback_share_link(struct service_context *context, const struct caller *caller,
                                 const char *media_id, const char *job_id, const char *base_url,
                                 struct es_arena *arena, struct shared_link *ret_link,
                                 struct es_err *reterr)
{
    struct media *media;
    struct job *job;
    enum es_code code = library_owned(context, caller, media_id, arena, &media, reterr);
    if (code == ES_OK)
        code = job_id ? read_job(context, media, job_id, arena, &job, reterr)
                      : newest_finished(context, media, arena, &job, reterr);
    if (code)
        return code;
    if (job->status != JOB_DONE)
        return fail_not_finished(reterr, job);
    struct link_claims claims = {
        .expires_at_ms = es_clock_realtime_ms() + context->settings.link_lifetime_ms,
        .epoch = media->link_epoch,
        .ground = LINK_BEARER,
    };
    memcpy(claims.media_id, media->id, ES_ID_SIZE);
    memcpy(claims.job_id, job->id, ES_ID_SIZE);
    const char *link = signed_link_make(&context->jwt_keys, &claims, arena);
    *ret_link = (struct shared_link){
        .url = job->target == JOB_HLS
                   ? es_printf(arena, "%s/hls/%s/%s", base_url, link, job_output_name(JOB_HLS))
                   : es_printf(arena, "%s/media/%s/stream?job_id=%s&link=%s", base_url, media->id,
                               job->id, link),
        .job = job,
        .expires_at_ms = claims.expires_at_ms,
    };
    return ES_OK;
}

enum es_code playback_revoke_links(struct service_context *context, const struct caller *caller,
                                   const char *media_id, struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct media *media;
    enum es_code code = library_owned(context, caller, media_id, &arena, &media, reterr);
    struct media_change change = { .revokes_links = true };
    return code ? code : context->meta->ops->media_change(context->meta, media_id, &change, reterr);
}

/* Without a job: the owner, and who has a share in any. */
static enum es_code check_viewer(struct service_context *context, const struct caller *caller,
                                 const struct media *media, struct es_arena *arena,
                                 struct es_err *reterr)
{
    if (!caller)
        return es_fail_word(reterr, ES_UNAUTHENTICATED, "unauthenticated",
                            "media %s needs credentials, a job or a link", media->id);
    if (strcmp(caller->user_id, media->user_id) == 0)
        return ES_OK;
    struct share *shares;
    size_t count;
    enum es_code code = context->meta->ops->share_list(context->meta, media->id, caller->user_id,
                                                       arena, &shares, &count, reterr);
    if (code == ES_OK && count == 0)
        return es_fail_word(reterr, ES_NOT_FOUND, "media_not_found",
                            "media %s is not the caller's to see", media->id);
    return code;
}

enum es_code playback_may_see(struct service_context *context,
                              const struct playback_request *request, struct es_arena *arena,
                              struct media **ret_media, struct es_err *reterr)
{
    struct grant grant = { 0 };
    enum es_code code;
    if (request->link) {
        code = grant_by_link(context, request->link, request->media_id, request->job_id, arena,
                             &grant, reterr);
    } else if (request->job_id) {
        code = grant_by_request(context, request, arena, &grant, reterr);
    } else {
        code = context->meta->ops->media_get(context->meta, request->media_id, arena, &grant.media,
                                             reterr);
        if (code == ES_OK)
            code = check_viewer(context, request->caller, grant.media, arena, reterr);
    }
    if (code == ES_OK)
        *ret_media = grant.media;
    return code;
}
