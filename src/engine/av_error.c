/* Errors of libav. The last complaint is per thread, since libav also logs on threads of its own.
 */
#include "engine/av_error.h"

#include <errno.h>
#include <libavutil/avutil.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <stdio.h>
#include <string.h>

#define COMPLAINT_BYTES_MAX 160

static _Thread_local char last_complaint[COMPLAINT_BYTES_MAX];

static void keep_complaint(void *av_class, int level, const char *format, va_list arguments)
{
    if (level > AV_LOG_ERROR)
        return;
    int print_prefix = 1;
    char line[COMPLAINT_BYTES_MAX] = "";
    av_log_format_line2(av_class, level, format, arguments, line, sizeof(line), &print_prefix);
    size_t length = 0;
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f)
            last_complaint[length++] = *c;
    last_complaint[length] = '\0';
}

void av_log_capture(void)
{
    av_log_set_callback(keep_complaint);
    last_complaint[0] = '\0';
}

static enum es_code code_of(int averror, const char **ret_word)
{
    *ret_word = NULL;
    switch (averror) {
    case AVERROR(ENOMEM):
        return ES_NO_MEMORY;
    case AVERROR_EXIT:
        return ES_CANCELLED;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_STREAM_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(ENOSYS):
        *ret_word = "unsupported_format";
        return ES_MEDIA;
    case AVERROR_INVALIDDATA:
    case AVERROR_EOF:
    case AVERROR_BUG:
    case AVERROR_BUG2:
    case AVERROR_EXTERNAL:
    case AVERROR_UNKNOWN:
    case AVERROR_INPUT_CHANGED:
    case AVERROR_OUTPUT_CHANGED:
    case AVERROR(EINVAL):
    case AVERROR(ERANGE):
        *ret_word = "media_damaged";
        return ES_MEDIA;
    default:
        return ES_IO;
    }
}

enum es_code av_fail(struct es_err *reterr, int averror, const char *format, ...)
{
    char reason[ES_DETAIL_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);

    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(averror, text, sizeof(text));
    const char *word = NULL;
    enum es_code code = code_of(averror, &word);
    return es_fail_word(reterr, code, word, "%s: %s%s%s", reason, text,
                        last_complaint[0] ? "; " : "", last_complaint);
}
