/* Arithmetic over the spans: frame numbers are bytes, since the bit rate is constant. */
#include "wire/mp3_layout.h"

#include <assert.h>
#include <string.h>

static int64_t bytes_of(const struct mp3_layout *layout, int64_t frame_count)
{
    return mp3_frames_bytes(layout->bitrate_kbps, layout->sample_rate, frame_count);
}

static int64_t frame_count(const struct mp3_layout *layout)
{
    return layout->spans[layout->span_count - 1].end_frame;
}

bool mp3_layout_is_valid(const struct mp3_layout *layout)
{
    if (layout->span_count == 0 || layout->spans[0].first_frame != 0)
        return false;
    if (layout->bitrate_kbps < 1 || layout->sample_rate < 1 ||
        bytes_of(layout, 1) >= MP3_FRAME_BYTES_MAX) /* and one more, of padding */
        return false;
    for (size_t i = 0; i < layout->span_count; i++) {
        const struct mp3_span *span = &layout->spans[i];
        int64_t own = span->first_frame + (i > 0 ? MP3_GRAFT_OVERLAP_FRAMES : 0);
        bool is_last = i + 1 == layout->span_count;
        int64_t next = is_last ? span->end_frame : layout->spans[i + 1].first_frame;
        if (next <= own || (!is_last && span->end_frame != next + MP3_GRAFT_OVERLAP_FRAMES))
            return false;
    }
    return true;
}

int64_t mp3_layout_bytes(const struct mp3_layout *layout)
{
    return layout->head_bytes + bytes_of(layout, frame_count(layout));
}

int64_t mp3_layout_object_bytes(const struct mp3_layout *layout, size_t span)
{
    return bytes_of(layout, layout->spans[span].end_frame) -
           bytes_of(layout, layout->spans[span].first_frame);
}

/* Where the span's first frame lies in the file. */
static int64_t begin_of(const struct mp3_layout *layout, size_t span)
{
    return layout->head_bytes + bytes_of(layout, layout->spans[span].first_frame);
}

/* The last span that begins at or before the byte. */
static size_t span_at(const struct mp3_layout *layout, int64_t offset)
{
    size_t low = 0, high = layout->span_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (begin_of(layout, middle) <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct mp3_piece mp3_layout_find(const struct mp3_layout *layout, int64_t offset)
{
    assert(offset >= 0 && offset < mp3_layout_bytes(layout));
    if (offset < layout->head_bytes)
        return (struct mp3_piece){ .kind = MP3_PIECE_HEAD, .size_bytes = layout->head_bytes };
    size_t span = span_at(layout, offset);
    const struct mp3_span *spans = layout->spans;
    int64_t begin = begin_of(layout, span), own = begin;
    if (span > 0)
        own = layout->head_bytes +
              bytes_of(layout, spans[span].first_frame + MP3_GRAFT_OVERLAP_FRAMES);
    if (offset < own)
        return (struct mp3_piece){ .kind = MP3_PIECE_SEAM,
                                   .span = span,
                                   .offset = begin,
                                   .size_bytes = own - begin,
                                   .left_offset = begin - begin_of(layout, span - 1) };
    int64_t end =
        span + 1 < layout->span_count ? begin_of(layout, span + 1) : mp3_layout_bytes(layout);
    return (struct mp3_piece){ .kind = MP3_PIECE_FRAMES,
                               .span = span,
                               .offset = own,
                               .size_bytes = end - own,
                               .object_offset = own - begin };
}

enum es_code mp3_seam(uint8_t *left, const uint8_t *right, size_t size, struct es_err *reterr)
{
    struct mp3_graft graft;
    enum es_code code = mp3_graft(left, right, size, &graft, reterr);
    if (code == ES_OK)
        memcpy(left + graft.offset_bytes, right + graft.offset_bytes, size - graft.offset_bytes);
    return code;
}
