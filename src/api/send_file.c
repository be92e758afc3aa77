/* From a blob's reader to the HTTP layer's file. */
#include "api/send_file.h"

#include <errno.h>
#include <fcntl.h>

static enum es_code read_source(void *context, uint64_t offset, void *ret_bytes, size_t size,
                                size_t *ret_size, struct es_err *reterr)
{
    struct blob_reader *reader = context;
    return reader->ops->read(reader, (int64_t)offset, ret_bytes, size, ret_size, reterr);
}

static void close_source(void *context)
{
    blob_reader_close(context);
}

enum es_code send_file(struct api_call *call, const struct sent_file *file, struct es_err *reterr)
{
    es_auto(blob_reader) reader = file->reader;
    struct http_file http_file = {
        .fd = -1,
        .size_bytes = (uint64_t)reader->info.size_bytes,
        .mtime_ms = reader->info.modified_at_ms,
        .etag = es_printf(call->arena, "\"%s\"", reader->info.etag),
        .content_type = file->content_type,
        .disposition = file->disposition,
        .cache_control = file->cache_control,
    };
    if (reader->fd >= 0) {
        http_file.fd = fcntl(reader->fd, F_DUPFD_CLOEXEC, 0);
        if (http_file.fd < 0)
            return es_fail_errno(reterr, errno, "duplicating a file's descriptor");
    } else {
        http_file.source = (struct http_source){ read_source, close_source, es_take(reader) };
    }
    http_reply_file(call->exchange, &http_file);
    return ES_OK;
}
