/* libav's I/O over the host's descriptors, by pread and pwrite. */
#include "engine/output.h"

#include <errno.h>
#include <libavutil/mem.h>
#include <unistd.h>

#include "base/es_file.h"
#include "engine/av_error.h"
#include "engine/compat.h"

#define IO_BUFFER_BYTES (256 * 1024)

/* A muxer's second pass over a large file is long: the host hears of us meanwhile. */
static bool beat(struct output *output)
{
    return !output->reporter || reporter_beat(output->reporter, &output->write_err) == ES_OK;
}

static int write_bytes(void *opaque, av_written_bytes bytes, int size)
{
    struct output *output = opaque;
    for (int done = 0; done < size;) {
        ssize_t written = pwrite(output->fd, bytes + done, (size_t)(size - done), output->position);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            es_fail_errno(&output->write_err, written < 0 ? errno : ENOSPC, "writing '%s'",
                          output->name);
            return AVERROR(EIO);
        }
        done += (int)written;
        output->position += written;
    }
    if (output->position > output->size_bytes)
        output->size_bytes = output->position;
    return beat(output) ? size : AVERROR(EIO);
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct output *output = opaque;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return output->size_bytes;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += output->position;
        break;
    case SEEK_END:
        offset += output->size_bytes;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    output->position = offset;
    return offset;
}

static void free_io(AVIOContext *io)
{
    if (io)
        av_freep(&io->buffer);
    avio_context_free(&io);
}

static void open_io(struct output *output)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (!buffer)
        abort();
    output->io =
        avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, output, NULL, write_bytes, seek_bytes);
    if (!output->io)
        abort();
    output->io->min_packet_size = IO_BUFFER_BYTES; /* or each packet would be a write of its own */
}

enum es_code output_open(const struct engine_host *host, const char *name,
                         struct output **ret_output, struct es_err *reterr)
{
    es_auto(output) output = es_malloc(sizeof(*output));
    output->host = host;
    output->name = name;
    enum es_code code = host->open_output(host->context, name, &output->fd, reterr);
    if (code != ES_OK)
        return code;
    open_io(output);
    *ret_output = es_take(output);
    return ES_OK;
}

enum es_code output_restart(struct output *output, struct es_err *reterr)
{
    if (ftruncate(output->fd, 0) != 0)
        return es_fail_errno(reterr, errno, "emptying '%s'", output->name);
    free_io(output->io);
    output->position = output->size_bytes = 0;
    open_io(output);
    return ES_OK;
}

enum es_code output_fail(const struct output *output, int averror, const char *what,
                         struct es_err *reterr)
{
    if (output->write_err.code != ES_OK) {
        if (reterr)
            *reterr = output->write_err;
        return output->write_err.code;
    }
    return av_fail(reterr, averror, "%s", what);
}

enum es_code output_finish(struct output *output, struct es_err *reterr)
{
    avio_flush(output->io);
    if (output->io->error < 0 || output->write_err.code != ES_OK)
        return output_fail(output, output->io->error, "writing the output", reterr);
    return output->host->close_output(output->host->context, output->name, reterr);
}

void output_close(struct output *output)
{
    free_io(output->io);
    free(output);
}

struct output_reader {
    const struct output *output;
    int64_t position;
};

static int reader_read(void *opaque, uint8_t *bytes, int size)
{
    struct output_reader *reader = opaque;
    size_t got = 0;
    if (size <= 0 || es_pread_all(reader->output->fd, bytes, (size_t)size, reader->position, &got,
                                  NULL) != ES_OK)
        return AVERROR(EIO);
    reader->position += (int64_t)got;
    return got ? (int)got : AVERROR_EOF;
}

static int64_t reader_seek(void *opaque, int64_t offset, int whence)
{
    struct output_reader *reader = opaque;
    if (whence == AVSEEK_SIZE)
        return reader->output->size_bytes;
    if (whence != SEEK_SET || offset < 0)
        return AVERROR(EINVAL);
    reader->position = offset;
    return offset;
}

AVIOContext *output_begin_read(struct output *output)
{
    struct output_reader *reader = es_malloc(sizeof(*reader));
    reader->output = output;
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (!buffer)
        abort();
    AVIOContext *io =
        avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, reader, reader_read, NULL, reader_seek);
    if (!io)
        abort();
    return io;
}

void output_end_read(AVIOContext *io)
{
    free(io->opaque);
    free_io(io);
}

enum es_code output_write(const struct engine_host *host, const char *name, const void *bytes,
                          size_t size, struct es_err *reterr)
{
    int fd = -1;
    enum es_code code = host->open_output(host->context, name, &fd, reterr);
    if (code == ES_OK)
        code = es_write_all(fd, bytes, size, reterr);
    if (code == ES_OK)
        code = host->close_output(host->context, name, reterr);
    return code;
}
