/* libFuzzer target: any bytes, in pieces of any size, must neither crash the parser nor be read
 * otherwise than in one piece. The first byte chooses the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "base/es_buf.h"
#include "wire/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static enum es_code note_begin(void *context, const struct multipart_part *part,
                               struct es_err *reterr)
{
    (void)reterr;
    es_buf_printf(context, "<%s|%s|%s>", part->name, part->filename ? part->filename : "-",
                  part->content_type);
    return ES_OK;
}

static enum es_code note_data(void *context, const void *bytes, size_t size, struct es_err *reterr)
{
    (void)reterr;
    es_buf_append(context, bytes, size);
    return size > 0 ? ES_OK : ES_IO;
}

static enum es_code note_end(void *context, struct es_err *reterr)
{
    (void)reterr;
    es_buf_append_text(context, "</>");
    return ES_OK;
}

static enum es_code parse(const uint8_t *bytes, size_t size, size_t step, struct es_buf *seen)
{
    static const struct multipart_events events = { note_begin, note_data, note_end };
    es_auto(multipart) multipart = NULL;
    enum es_code code =
        multipart_open("multipart/form-data; boundary=b", 16, &events, seen, &multipart, NULL);
    for (size_t at = 0; at < size && code == ES_OK; at += step)
        code = multipart_feed(multipart, bytes + at, step < size - at ? step : size - at, NULL);
    return code == ES_OK ? multipart_finish(multipart, NULL) : code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    es_auto_buf whole = { 0 };
    es_auto_buf pieces = { 0 };
    enum es_code code = parse(bytes + 1, size - 1, size, &whole);
    if (parse(bytes + 1, size - 1, bytes[0] % 61 + 1, &pieces) != code)
        abort();
    if (code == ES_OK && (whole.size != pieces.size ||
                          (whole.size && memcmp(whole.bytes, pieces.bytes, whole.size))))
        abort();
    return 0;
}
