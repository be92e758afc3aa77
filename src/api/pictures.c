/* What can be shown of a media: poster, waveform, storyboard. */
#include "service/pictures.h"

#include <string.h>

#include "api/api_route.h"
#include "api/arrivals.h"
#include "api/send_file.h"
#include "base/es_clock.h"
#include "wire/uri.h"

#define SHEET_BYTES_MAX 64
#define INDEX_BYTES_MAX (1024 * 1024)
#define PENDING_RETRY_S 2
/* A picture is made once and stays as it is; who may see it is asked again after a while. */
#define PICTURE_CACHE   "private, max-age=3600"

static const char *const waveform_formats[] = { "png", "json", NULL };

#define FIELDS_BY                                                                                  \
    API_FIELD_MEDIA_ID, { "job_id", API_FROM_QUERY, API_ID },                                      \
    {                                                                                              \
        "link", API_FROM_QUERY, API_TEXT, .max = SIGNED_LINK_BYTES_MAX, .word = "link_invalid"     \
    }

static const struct api_field picture_fields[] = { FIELDS_BY, { 0 } };

static const struct api_field waveform_fields[] = {
    FIELDS_BY, { "format", API_FROM_QUERY, API_CHOICE, .choices = waveform_formats }, { 0 }
};

static const struct api_field sheet_fields[] = { FIELDS_BY,
                                                 { "file", API_FROM_PATH, API_TEXT,
                                                   .max = SHEET_BYTES_MAX, .word = "not_found" },
                                                 { 0 } };

/* Players of other sites may show what they hold a link or both ids to. */
static void open_to_players(struct api_call *call)
{
    http_reply_set_header(call->exchange, "Cross-Origin-Resource-Policy", "cross-origin");
}

/* How often whoever waits is looked at as if it were new: it may fail, or the right be taken. */
#define RECHECK_MS 1000

/* Longer, and a page that shows many would have no connection left for anything else. */
#define WAIT_MS 2000

/* Waits without a thread: the handler is called again then. */
static enum es_code await_picture(struct api_call *call, const char *key, struct es_err *reterr)
{
    int64_t now_ms = es_clock_monotonic_ms();
    if (call->waits_until_ms == 0)
        call->waits_until_ms = now_ms + WAIT_MS;
    int64_t left_ms = call->waits_until_ms - now_ms;
    if (left_ms > 0 && arrivals_await(api_arrivals(call->api), call->exchange, key,
                                      left_ms < RECHECK_MS ? left_ms : RECHECK_MS))
        return ES_OK;
    return es_fail_word(reterr, ES_UNAVAILABLE, "depiction_pending", "%s", key);
}

/* *ret_reader is NULL where the request waits, and the handler has nothing to reply. */
static enum es_code open_picture(struct api_call *call, enum depiction depiction, const char *file,
                                 struct blob_reader **ret_reader, struct es_err *reterr)
{
    struct picture_request request = { .by = { .caller = call->caller,
                                               .media_id = api_text(call, "media_id"),
                                               .job_id = api_text(call, "job_id"),
                                               .link = api_text(call, "link") },
                                       .depiction = depiction,
                                       .file = file };
    struct picture picture = { 0 };
    call->retry_after_s = PENDING_RETRY_S;
    enum es_code code = pictures_open(call->services, &request, call->arena, &picture, reterr);
    if (code == ES_OK && picture.awaited_key)
        code = await_picture(call, picture.awaited_key, reterr);
    *ret_reader = picture.reader;
    return code;
}

static enum es_code send_picture(struct api_call *call, enum depiction depiction, const char *file,
                                 const char *content_type, struct es_err *reterr)
{
    struct blob_reader *reader;
    enum es_code code = open_picture(call, depiction, file, &reader, reterr);
    if (code != ES_OK || !reader)
        return code;
    open_to_players(call);
    return send_file(call,
                     &(struct sent_file){ .reader = reader,
                                          .content_type = content_type,
                                          .cache_control = PICTURE_CACHE },
                     reterr);
}

static enum es_code handle_poster(struct api_call *call, struct es_err *reterr)
{
    return send_picture(call, DEPICTION_POSTER, NULL, "image/jpeg", reterr);
}

static enum es_code handle_waveform(struct api_call *call, struct es_err *reterr)
{
    const char *format = api_text(call, "format");
    if (format && strcmp(format, "json") == 0)
        return send_picture(call, DEPICTION_WAVEFORM, DEPICTION_WAVEFORM_NAME, "application/json",
                            reterr);
    return send_picture(call, DEPICTION_WAVEFORM, DEPICTION_WAVEFORM_IMAGE_NAME, "image/png",
                        reterr);
}

static enum es_code handle_sheet(struct api_call *call, struct es_err *reterr)
{
    return send_picture(call, DEPICTION_STORYBOARD, api_text(call, "file"), "image/jpeg", reterr);
}

static enum es_code read_index(struct api_call *call, struct blob_reader *reader,
                               const char **ret_text, struct es_err *reterr)
{
    if (reader->info.size_bytes > INDEX_BYTES_MAX)
        return es_fail(reterr, ES_IO, "a storyboard of %lld bytes",
                       (long long)reader->info.size_bytes);
    size_t size = (size_t)reader->info.size_bytes, got = 0;
    char *text = es_alloc(call->arena, size + 1);
    enum es_code code = reader->ops->read(reader, 0, text, size, &got, reterr);
    if (code == ES_OK && got != size)
        return es_fail(reterr, ES_IO, "a storyboard was cut");
    *ret_text = text;
    return code;
}

/* What gave the right to the index gives it to the sheets. */
static const char *sheets_query(struct api_call *call)
{
    static const char *const names[] = { "job_id", "link" };
    es_auto_buf query = { 0 };
    for (size_t i = 0; i < 2; i++) {
        const char *value = api_text(call, names[i]);
        if (!value)
            continue;
        es_buf_printf(&query, "%c%s=", query.size ? '&' : '?', names[i]);
        uri_encode(&query, value, false);
    }
    return es_strdup(call->arena, es_buf_text(&query));
}

struct index_text {
    const char *bytes;
    size_t size;
};

static enum es_code read_text(void *context, uint64_t offset, void *ret_bytes, size_t size,
                              size_t *ret_size, struct es_err *reterr)
{
    (void)reterr;
    const struct index_text *text = context;
    size_t left = text->size - (size_t)offset;
    *ret_size = size < left ? size : left;
    memcpy(ret_bytes, text->bytes + offset, *ret_size);
    return ES_OK;
}

static enum es_code handle_storyboard(struct api_call *call, struct es_err *reterr)
{
    es_auto(blob_reader) reader = NULL;
    const char *stored = "";
    enum es_code code = open_picture(call, DEPICTION_STORYBOARD, NULL, &reader, reterr);
    if (code != ES_OK || !reader)
        return code;
    code = read_index(call, reader, &stored, reterr);
    if (code != ES_OK)
        return code;
    es_auto_buf pointed = { 0 };
    storyboard_point(stored, "storyboard/", sheets_query(call), &pointed);
    struct index_text *text = es_new(call->arena, struct index_text);
    text->bytes = es_memdup(call->arena, pointed.bytes, pointed.size);
    text->size = pointed.size;
    open_to_players(call);
    http_reply_file(call->exchange, &(struct http_file){
                                        .fd = -1,
                                        .source = { .read = read_text, .context = text },
                                        .size_bytes = text->size,
                                        .mtime_ms = reader->info.modified_at_ms,
                                        .etag = es_printf(call->arena, "\"%s\"", reader->info.etag),
                                        .content_type = "text/vtt; charset=utf-8",
                                        .cache_control = PICTURE_CACHE });
    return ES_OK;
}

const struct api_route picture_routes[] = {
    { "GET", "/media/{media_id}/poster", handle_poster, .auth = API_AUTH_OPTIONAL,
      .fields = picture_fields },
    { "GET", "/media/{media_id}/waveform", handle_waveform, .auth = API_AUTH_OPTIONAL,
      .fields = waveform_fields },
    { "GET", "/media/{media_id}/storyboard", handle_storyboard, .auth = API_AUTH_OPTIONAL,
      .fields = picture_fields },
    { "GET", "/media/{media_id}/storyboard/{file}", handle_sheet, .auth = API_AUTH_OPTIONAL,
      .fields = sheet_fields },
    { 0 }
};
