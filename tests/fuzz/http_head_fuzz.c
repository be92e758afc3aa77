/* libFuzzer target: a head that is judged malformed must not become sound by more bytes, and one
 * that is sound must stay so. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct http_head_limits limits = { .head_bytes_max = 512, .target_bytes_max = 64 };
    const char *text = (const char *)bytes;
    enum http_head_verdict last = HTTP_HEAD_UNFINISHED;
    for (size_t part = 0; part <= size; part++) {
        enum http_head_verdict verdict = http_head_check(text, part, &limits);
        if (last != HTTP_HEAD_UNFINISHED &&
            (last == HTTP_HEAD_SOUND) != (verdict == HTTP_HEAD_SOUND))
            abort();
        last = verdict;
    }
    return 0;
}
