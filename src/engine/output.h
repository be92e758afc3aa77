/* An output object of the host: written through libav's buffered I/O, seekable, whole or not at
 * all. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <libavformat/avformat.h>

#include "base/es_auto.h"
#include "engine/engine.h"
#include "engine/reporter.h"

struct output {
    const struct engine_host *host;
    const char *name;
    AVIOContext *io;
    int64_t size_bytes;
    struct reporter *reporter; /* is told of the bytes that pass, or NULL */

    /* private */
    int fd;
    int64_t position;
    struct es_err write_err;
};

/* `name` must outlive it. What the host answers. */
ES_CHECK enum es_code output_open(const struct engine_host *host, const char *name,
                                  struct output **ret_output, struct es_err *reterr);

/* Writes out what is buffered and tells the host that the object is whole. ES_IO, or what the host
 * answers. */
ES_CHECK enum es_code output_finish(struct output *output, struct es_err *reterr);
/* Forgets all that was written. ES_IO. */
ES_CHECK enum es_code output_restart(struct output *output, struct es_err *reterr);
void output_close(struct output *output);
ES_DEFINE_AUTO(output, output_close);

/* Why writing failed, where a muxer only says that it did: write_err, or `averror` in our words. */
enum es_code output_fail(const struct output *output, int averror, const char *what,
                         struct es_err *reterr);

/* A second view of the object's bytes, for reading (a muxer's second pass); freed by
 * output_end_read. */
AVIOContext *output_begin_read(struct output *output);
void output_end_read(AVIOContext *io);

/* A small object in one call. */
ES_CHECK enum es_code output_write(const struct engine_host *host, const char *name,
                                   const void *bytes, size_t size, struct es_err *reterr);

#endif
