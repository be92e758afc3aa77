/* Each text is a list of what is known. */
#include "app/facts_text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/es_buf.h"
#include "base/es_text.h"

/* Bytes of the character that begins there; 1 for a byte that begins none. */
static size_t character_size(const char *text)
{
    size_t left = strnlen(text, 4);
    for (size_t size = 1; size <= left; size++)
        if (es_utf8_is_valid(text, size))
            return size;
    return 1;
}

/* C0, DEL, and C1 (U+0080..U+009F, of which some terminals take U+009B for an escape). */
static bool is_control(const char *text, size_t size)
{
    unsigned char first = (unsigned char)text[0];
    return size == 1 ? first < 0x20 || first == 0x7f
                     : size == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;
}

const char *text_of_unsafe(const char *text, struct es_arena *arena)
{
    es_auto_buf safe = { 0 };
    while (*text) {
        size_t size = character_size(text);
        if (safe.size + size > SAFE_TEXT_BYTES_MAX) {
            es_buf_append_text(&safe, "...");
            break;
        }
        if (is_control(text, size))
            es_buf_append_char(&safe, ' ');
        else if (!es_utf8_is_valid(text, size))
            es_buf_append_char(&safe, '?');
        else
            es_buf_append(&safe, text, size);
        text += size;
    }
    return es_strdup(arena, es_buf_text(&safe));
}

const char *text_of_time(double seconds, struct es_arena *arena)
{
    long long whole = llround(seconds);
    if (whole >= 3600)
        return es_printf(arena, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    return es_printf(arena, "%lld:%02lld", whole / 60, whole % 60);
}

const char *text_of_duration(double seconds, struct es_arena *arena)
{
    if (!(seconds > 0))
        return "unknown length";
    return seconds < 1 ? es_printf(arena, "%.2g s", seconds) : text_of_time(seconds, arena);
}

const char *text_of_size(int64_t bytes, struct es_arena *arena)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    if (bytes < 1024)
        return es_printf(arena, "%lld byte%s", (long long)bytes, bytes == 1 ? "" : "s");
    size_t unit = 0;
    double value = (double)bytes / 1024;
    while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1024;
        unit++;
    }
    return es_printf(arena, "%.1f %s", value, units[unit]);
}

const char *text_of_bit_rate(double bits_a_second, struct es_arena *arena)
{
    return bits_a_second >= 999500 ? es_printf(arena, "%.1f Mb/s", bits_a_second / 1e6)
                                   : es_printf(arena, "%.0f kb/s", bits_a_second / 1e3);
}

const char *text_of_format(const struct media_facts *facts, struct es_arena *arena)
{
    static const struct {
        const char *name, *text;
    } formats[] = {
        { "mov,mp4,m4a,3gp,3g2,mj2", "MP4/MOV" },
        { "matroska,webm", "Matroska/WebM" },
        { "mp3", "MP3" },
        { "flac", "FLAC" },
        { "wav", "WAV" },
        { "w64", "Wave64" },
        { "aiff", "AIFF" },
        { "aac", "AAC (ADTS)" },
        { "ogg", "Ogg" },
        { "avi", "AVI" },
        { "asf", "ASF (WMA/WMV)" },
        { "flv", "Flash Video" },
        { "mpegts", "MPEG transport stream" },
        { "mpeg", "MPEG program stream" },
    };
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (strcmp(formats[i].name, facts->format) == 0)
            return formats[i].text;
    return text_of_unsafe(facts->format, arena);
}

static void add(struct es_buf *list, const char *text)
{
    if (list->size > 0)
        es_buf_append_text(list, ", ");
    es_buf_append_text(list, text);
}

static const char *text_of_channels(int channels, struct es_arena *arena)
{
    switch (channels) {
    case 1:
        return "mono";
    case 2:
        return "stereo";
    default:
        return es_printf(arena, "%d channels", channels);
    }
}

const char *text_of_stream(const struct stream_facts *stream, struct es_arena *arena)
{
    es_auto_buf list = { 0 };
    add(&list, text_of_unsafe(stream->codec, arena));
    if (stream->width > 0 && stream->height > 0)
        add(&list, es_printf(arena, "%dx%d", stream->width, stream->height));
    if (stream->kind == STREAM_VIDEO && stream->frame_rate > 0)
        add(&list, es_printf(arena, "%.4g fps", stream->frame_rate));
    if (stream->sample_rate > 0)
        add(&list, es_printf(arena, "%g kHz", stream->sample_rate / 1000.0));
    if (stream->channels > 0)
        add(&list, text_of_channels(stream->channels, arena));
    if (stream->bit_rate > 0)
        add(&list, text_of_bit_rate((double)stream->bit_rate, arena));
    if (stream->language)
        add(&list, text_of_unsafe(stream->language, arena));
    return es_strdup(arena, es_buf_text(&list));
}

const char *text_of_file(const struct media_facts *facts, int64_t size_bytes,
                         struct es_arena *arena)
{
    es_auto_buf list = { 0 };
    add(&list, text_of_format(facts, arena));
    add(&list, text_of_duration(facts->duration_seconds, arena));
    add(&list, text_of_size(size_bytes, arena));
    if (facts->duration_seconds > 0)
        add(&list, text_of_bit_rate((double)size_bytes * 8 / facts->duration_seconds, arena));
    return es_strdup(arena, es_buf_text(&list));
}
