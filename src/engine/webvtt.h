/* Cues -> a WebVTT file (W3C, WebVTT: The Web Video Text Tracks Format). Pure. */
#ifndef WEBVTT_H
#define WEBVTT_H

#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_buf.h"

struct webvtt_cue {
    int64_t begin_ms, end_ms;
    const char *text; /* as webvtt_text_of_ass gives it */
};

/* The text of an event as libav's decoders give it, "0,0,Default,,0,0,0,,{\i1}Hello{\i0}\Nworld":
 * italics, bold and underlining stay, all other formatting goes. Empty where nothing is left. */
const char *webvtt_text_of_ass(const char *event, struct es_arena *arena);

/* Sorts the cues by their begin. */
void webvtt_write(struct webvtt_cue *cues, size_t count, struct es_buf *buf);

#endif
