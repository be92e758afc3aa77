/* Playing: who may, and which bytes. Public media play for whoever knows media and job; signed
 * media for their owner, for recipients of the job, and by signed links. A change of policy, an
 * unshare and a revocation hold from the next request on, segments included. */
#ifndef PLAYBACK_H
#define PLAYBACK_H

#include "base/es_buf.h"
#include "service/running_mp3.h"
#include "service/service.h"
#include "service/signed_link.h"

struct playback_request {
    const struct caller *caller; /* NULL: no credentials */
    const char *media_id;
    const char *job_id;  /* NULL: the newest finished job, for the owner only */
    const char *link;    /* a signed link, or NULL */
    int64_t wait_ms_max; /* for the next bytes of a running job's MP3 */
};

/* A segment of a running job that is still to come: the object, and the part that makes it. */
struct playback_awaited {
    const char *key;
    char job_id[ES_ID_SIZE];
    int part_index;
};

/* Bytes to send: one of `reader`, `running` (the caller's to close) and `text` (in the arena); or
 * none yet. */
struct playback {
    struct blob_reader *reader;
    struct running_mp3 *running;            /* an MP3 that is still being made */
    const struct playback_awaited *awaited; /* NULL but for a segment that is still to come */
    const char *text;
    size_t text_size;
    const char *content_type;
    const char *download_name; /* "song.mp3": the original's name with the target's extension */
    bool is_growing;           /* a playlist that will be longer soon: must not be cached */
};

/* GET /media/{id}/stream. An HLS job plays from its first segment on, its playlist's entries under
 * "/hls/LINK/" with a link of its own; an MP3 whose length is foretold as soon as it has begun;
 * others when done. ES_NOT_FOUND media_not_found,
 * job_not_found, no_finished_job, blob_not_found; ES_INVALID job_not_finished, or field_missing
 * where only the owner may leave job_id out; ES_UNAUTHENTICATED where credentials would help;
 * ES_FORBIDDEN, or link_invalid. */
ES_CHECK enum es_code playback_open(struct service_context *context,
                                    const struct playback_request *request, struct es_arena *arena,
                                    struct playback *ret_playback, struct es_err *reterr);

/* GET /hls/{link}/{file}: any object of the link's job (an HLS one), or one of its playlists. A
 * segment that a running job is going to have is `awaited`. ES_FORBIDDEN link_invalid; ES_NOT_FOUND
 * not_found for a file that is not there and never will be. */
ES_CHECK enum es_code playback_open_hls(struct service_context *context, const char *link,
                                        const char *file, struct es_arena *arena,
                                        struct playback *ret_playback, struct es_err *reterr);

/* Somebody waits for it: its part comes next. */
ES_CHECK enum es_code playback_prefer(struct service_context *context,
                                      const struct playback_awaited *awaited,
                                      struct es_err *reterr);

struct shared_link {
    const char *url; /* absolute */
    const struct job *job;
    int64_t expires_at_ms;
};

/* GET /media/{id}/share: a link that needs no credentials, for the media's owner. `job_id` NULL:
 * the newest finished job. `base_url` is where clients reach us ("https://music.example"), without
 * a slash at its end. ES_NOT_FOUND media_not_found, job_not_found, no_finished_job; ES_INVALID
 * job_not_finished; ES_FORBIDDEN for a recipient. */
ES_CHECK enum es_code playback_share_link(struct service_context *context,
                                          const struct caller *caller, const char *media_id,
                                          const char *job_id, const char *base_url,
                                          struct es_arena *arena, struct shared_link *ret_link,
                                          struct es_err *reterr);

/* DELETE /media/{id}/share: every link given out so far is refused from now on. Owner only. */
ES_CHECK enum es_code playback_revoke_links(struct service_context *context,
                                            const struct caller *caller, const char *media_id,
                                            struct es_err *reterr);

/* ---- private to src/service, and for its tests ---- */

/* Whether the caller may see what a media looks like: with a job's id or a link whoever may play
 * that job, without either its owner, and those whom any job of it is shared with. ES_NOT_FOUND
 * media_not_found, job_not_found; ES_UNAUTHENTICATED, ES_FORBIDDEN and link_invalid as for playing.
 */
ES_CHECK enum es_code playback_may_see(struct service_context *context,
                                       const struct playback_request *request,
                                       struct es_arena *arena, struct media **ret_media,
                                       struct es_err *reterr);

/* Puts `prefix` before every address of a playlist (RFC 8216: lines, and URI attributes), but for
 * those that are absolute. */
void playlist_prefix_names(const char *text, const char *prefix, struct es_buf *buf);

#endif
