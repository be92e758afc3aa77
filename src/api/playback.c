/* Playing: a job's output, and the files of an HLS tree under a signed link. */
#include "service/playback.h"

#include <string.h>

#include "api/api.h"
#include "api/api_client.h"
#include "api/api_route.h"
#include "api/arrivals.h"
#include "api/send_file.h"
#include "api/send_running.h"
#include "base/es_clock.h"
#include "wire/http_header.h"

#define HLS_FILE_BYTES_MAX 128

/* What may change or be taken back is asked for again each time, by its ETag where there is one; a
 * segment's name is never given to other bytes. */
#define VALIDATED "private, no-cache"
#define IMMUTABLE "private, max-age=31536000, immutable"

static const struct api_field stream_fields[] = {
    API_FIELD_MEDIA_ID,
    { "job_id", API_FROM_QUERY, API_ID },
    { "link", API_FROM_QUERY, API_TEXT, .max = SIGNED_LINK_BYTES_MAX, .word = "link_invalid" },
    { 0 }
};

static const struct api_field hls_fields[] = {
    { "link", API_FROM_PATH, API_TEXT, .max = SIGNED_LINK_BYTES_MAX, .word = "link_invalid" },
    { "file", API_FROM_PATH, API_TEXT, .max = HLS_FILE_BYTES_MAX, .word = "not_found" },
    { 0 }
};

static const struct api_field link_fields[] = { API_FIELD_MEDIA_ID,
                                                { "job_id", API_FROM_QUERY, API_ID },
                                                { 0 } };

static const struct api_field media_fields[] = { API_FIELD_MEDIA_ID, { 0 } };

/* Players of other sites may embed what they hold a link or both ids to; a browser that shows the
 * bytes by themselves needs to draw its own player. */
static void open_to_players(struct api_call *call)
{
    http_reply_set_header(call->exchange, "Cross-Origin-Resource-Policy", "cross-origin");
    http_reply_set_header(call->exchange, "Content-Security-Policy",
                          "default-src 'none'; img-src 'self'; media-src 'self'; "
                          "style-src 'unsafe-inline'");
}

static enum es_code reply_playback(struct api_call *call, const struct playback *playback,
                                   const char *reader_cache, struct es_err *reterr)
{
    open_to_players(call);
    if (playback->reader)
        return send_file(call,
                         &(struct sent_file){ .reader = playback->reader,
                                              .content_type = playback->content_type,
                                              .disposition = http_content_disposition(
                                                  call->arena, false, playback->download_name),
                                              .cache_control = reader_cache },
                         reterr);
    if (playback->running) {
        send_running(call,
                     &(struct sent_running){ .file = playback->running,
                                             .content_type = playback->content_type,
                                             .disposition = http_content_disposition(
                                                 call->arena, false, playback->download_name) });
        return ES_OK;
    }
    http_reply_set_header(call->exchange, "Cache-Control",
                          playback->is_growing ? "no-store" : VALIDATED);
    http_reply(call->exchange, 200, playback->content_type, playback->text, playback->text_size);
    return ES_OK;
}

static enum es_code handle_stream(struct api_call *call, struct es_err *reterr)
{
    struct playback_request request = { .caller = call->caller,
                                        .media_id = api_text(call, "media_id"),
                                        .job_id = api_text(call, "job_id"),
                                        .link = api_text(call, "link"),
                                        .wait_ms_max = api_settings_of(call->api)->stream_wait_ms };
    struct playback playback;
    enum es_code code = playback_open(call->services, &request, call->arena, &playback, reterr);
    if (code != ES_OK)
        return code;
    return reply_playback(call, &playback, VALIDATED, reterr);
}

/* How often whoever waits is looked at as if it were new: the job may fail, the right be taken. */
#define RECHECK_MS 1000

/* Waits for a segment that is still to come, without a thread; this handler is called again then.
 */
static enum es_code await_segment(struct api_call *call, const struct playback_awaited *awaited,
                                  struct es_err *reterr)
{
    int64_t now_ms = es_clock_monotonic_ms();
    if (call->waits_until_ms == 0) {
        call->waits_until_ms = now_ms + api_settings_of(call->api)->segment_wait_ms;
        enum es_code code = playback_prefer(call->services, awaited, reterr);
        if (code != ES_OK)
            return code;
    }
    int64_t left_ms = call->waits_until_ms - now_ms;
    if (left_ms > 0 && arrivals_await(api_arrivals(call->api), call->exchange, awaited->key,
                                      left_ms < RECHECK_MS ? left_ms : RECHECK_MS))
        return ES_OK;
    call->retry_after_s = 1;
    return es_fail_word(reterr, ES_UNAVAILABLE, "not_converted_yet", "%s", awaited->key);
}

static enum es_code handle_hls(struct api_call *call, struct es_err *reterr)
{
    struct playback playback;
    enum es_code code = playback_open_hls(call->services, api_text(call, "link"),
                                          api_text(call, "file"), call->arena, &playback, reterr);
    if (code != ES_OK)
        return code;
    if (playback.awaited)
        return await_segment(call, playback.awaited, reterr);
    bool is_playlist = strcmp(playback.content_type, job_content_type(JOB_HLS)) == 0;
    return reply_playback(call, &playback, is_playlist ? VALIDATED : IMMUTABLE, reterr);
}

static enum es_code handle_share(struct api_call *call, struct es_err *reterr)
{
    const char *base_url;
    struct shared_link link;
    enum es_code code = api_base_url(call, &base_url, reterr);
    if (code == ES_OK)
        code = playback_share_link(call->services, call->caller, api_text(call, "media_id"),
                                   api_text(call, "job_id"), base_url, call->arena, &link, reterr);
    if (code != ES_OK)
        return code;
    json_t *reply = json_object();
    json_put_text(reply, "url", link.url);
    json_put_text(reply, "target", job_target_name(link.job->target));
    json_put_text(reply, "job_id", link.job->id);
    json_put_time(reply, "expires_at", link.expires_at_ms);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

static enum es_code handle_revoke(struct api_call *call, struct es_err *reterr)
{
    enum es_code code =
        playback_revoke_links(call->services, call->caller, api_text(call, "media_id"), reterr);
    if (code == ES_OK)
        api_reply_nothing(call);
    return code;
}

const struct api_route playback_routes[] = {
    { "GET", "/media/{media_id}/stream", handle_stream, .auth = API_AUTH_OPTIONAL,
      .fields = stream_fields },
    { "GET", "/hls/{link}/{file}", handle_hls, .fields = hls_fields },
    { "GET", "/media/{media_id}/share", handle_share, .auth = API_AUTH_USER,
      .fields = link_fields },
    { "DELETE", "/media/{media_id}/share", handle_revoke, .auth = API_AUTH_USER,
      .rate = API_RATE_WRITE, .fields = media_fields },
    { 0 }
};
