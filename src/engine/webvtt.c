/* WebVTT. */
#include "engine/webvtt.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_BEFORE_TEXT 8

/* What is open, as the letters of its tags in order. */
struct marks {
    char open[4];
    size_t count;
};

static void close_from(struct marks *marks, size_t at, struct es_buf *buf)
{
    while (marks->count > at)
        es_buf_printf(buf, "</%c>", marks->open[--marks->count]);
}

static void set_mark(struct marks *marks, char letter, bool is_on, struct es_buf *buf)
{
    for (size_t i = 0; i < marks->count; i++) {
        if (marks->open[i] != letter)
            continue;
        if (is_on)
            return;
        /* What was opened inside goes on behind. */
        struct marks before = *marks;
        close_from(marks, i, buf);
        for (size_t j = i + 1; j < before.count; j++)
            set_mark(marks, before.open[j], true, buf);
        return;
    }
    if (is_on && marks->count < sizeof(marks->open)) {
        es_buf_printf(buf, "<%c>", letter);
        marks->open[marks->count++] = letter;
    }
}

/* "{\i1\fs20}" up to and with its brace; *ret_is_drawing follows "\p". */
static const char *read_overrides(const char *at, struct marks *marks, bool *ret_is_drawing,
                                  struct es_buf *buf)
{
    for (; *at && *at != '}'; at++) {
        if (at[0] != '\\' || !at[1] || !strchr("01", at[2]) || !at[2])
            continue;
        if (strchr("ibu", at[1]))
            set_mark(marks, at[1], at[2] == '1', buf);
        else if (at[1] == 'p')
            *ret_is_drawing = at[2] != '0';
    }
    return *at ? at + 1 : at;
}

static void append_break(struct es_buf *buf)
{
    while (buf->size > 0 && buf->bytes[buf->size - 1] == ' ')
        buf->size--;
    if (buf->size > 0 && buf->bytes[buf->size - 1] != '\n')
        es_buf_append_char(buf, '\n'); /* an empty line would end the cue */
}

static void append_letter(char letter, struct es_buf *buf)
{
    if (letter == '&')
        es_buf_append_text(buf, "&amp;");
    else if (letter == '<')
        es_buf_append_text(buf, "&lt;");
    else if (letter == '>')
        es_buf_append_text(buf, "&gt;");
    else if (letter == '\n')
        append_break(buf);
    else if ((unsigned char)letter >= 0x20)
        es_buf_append_char(buf, letter);
}

static bool is_blank(const char *text)
{
    bool is_in_tag = false;
    for (; *text; text++) {
        if (!is_in_tag && !strchr("< \n", *text))
            return false;
        is_in_tag = *text == '<' || (is_in_tag && *text != '>');
    }
    return true;
}

const char *webvtt_text_of_ass(const char *event, struct es_arena *arena)
{
    const char *at = event;
    for (int field = 0; field < FIELDS_BEFORE_TEXT; field++) {
        at = strchr(at, ',');
        if (!at)
            return "";
        at++;
    }
    es_auto_buf buf = { 0 };
    struct marks marks = { 0 };
    bool is_drawing = false;
    while (*at) {
        if (*at == '{' && strchr(at, '}')) {
            at = read_overrides(at + 1, &marks, &is_drawing, &buf);
        } else if (at[0] == '\\' && (at[1] == 'N' || at[1] == 'n')) {
            append_break(&buf);
            at += 2;
        } else if (at[0] == '\\' && at[1] == 'h') {
            es_buf_append_char(&buf, ' ');
            at += 2;
        } else {
            if (!is_drawing)
                append_letter(*at, &buf);
            at++;
        }
    }
    close_from(&marks, 0, &buf);
    while (buf.size > 0 && strchr(" \n", buf.bytes[buf.size - 1]))
        buf.size--;
    const char *text = es_strndup(arena, buf.size ? buf.bytes : "", buf.size);
    return is_blank(text) ? "" : text;
}

static int compare_cues(const void *a, const void *b)
{
    const struct webvtt_cue *left = a, *right = b;
    if (left->begin_ms != right->begin_ms)
        return left->begin_ms < right->begin_ms ? -1 : 1;
    return (left->end_ms > right->end_ms) - (left->end_ms < right->end_ms);
}

static void write_time(int64_t ms, struct es_buf *buf)
{
    es_buf_printf(buf, "%02lld:%02d:%02d.%03d", (long long)(ms / 3600000), (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), (int)(ms % 1000));
}

void webvtt_write(struct webvtt_cue *cues, size_t count, struct es_buf *buf)
{
    if (count > 0)
        qsort(cues, count, sizeof(*cues), compare_cues);
    es_buf_append_text(buf, "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n");
    for (size_t i = 0; i < count; i++) {
        es_buf_append_char(buf, '\n');
        write_time(cues[i].begin_ms, buf);
        es_buf_append_text(buf, " --> ");
        write_time(cues[i].end_ms, buf);
        es_buf_printf(buf, "\n%s\n", cues[i].text);
    }
}
