/* From a running MP3 to the HTTP layer's source. */
#include "api/send_running.h"

#include "api/api.h"
#include "api/arrivals.h"

/* How often whoever waits looks whether the job still lives. */
#define RECHECK_MS 1000

/* Outlives the call. */
struct running_source {
    struct running_mp3 *file;
    struct arrivals *arrivals;
    bool is_refused; /* too many wait already */
};

static enum es_code read_source(void *context, uint64_t offset, void *ret_bytes, size_t size,
                                size_t *ret_size, struct es_err *reterr)
{
    struct running_source *source = context;
    if (source->is_refused)
        return es_fail(reterr, ES_UNAVAILABLE, "too many wait");
    return running_mp3_read(source->file, (int64_t)offset, ret_bytes, size, ret_size, reterr);
}

static void await_source(void *context, struct http_wait *wait)
{
    struct running_source *source = context;
    source->is_refused =
        !arrivals_add(source->arrivals, wait, running_mp3_awaited(source->file), RECHECK_MS);
    if (source->is_refused)
        http_wait_end(wait);
}

static void close_source(void *context)
{
    struct running_source *source = context;
    running_mp3_close(source->file);
    free(source);
}

void send_running(struct api_call *call, const struct sent_running *running)
{
    struct running_source *source = es_malloc(sizeof(*source));
    source->file = running->file;
    source->arrivals = api_arrivals(call->api);
    const struct http_file http_file = {
        .fd = -1,
        .source = { .read = read_source,
                    .close = close_source,
                    .context = source,
                    .await = await_source },
        .size_bytes = (uint64_t)running_mp3_bytes(running->file),
        .content_type = running->content_type,
        .disposition = running->disposition,
        .cache_control = "no-store",
    };
    http_reply_file(call->exchange, &http_file);
}
