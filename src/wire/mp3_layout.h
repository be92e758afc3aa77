/* Where the bytes of a constant bit rate MP3 are that is made in spans (mp3_frames.h), told before
 * they are there: the file that the join is going to make, as pieces of the parts' objects. Pure.
 *
 * The file begins with a head (tags and the Xing/LAME header) of known length. Then a span's frames
 * are its part's, but for those that it has in common with the part before it: that seam is the
 * graft of both. */
#ifndef MP3_LAYOUT_H
#define MP3_LAYOUT_H

#include "wire/mp3_frames.h"

struct mp3_span {
    int part_index;
    int64_t first_frame; /* of the part's object, on the one stream's count */
    int64_t end_frame;   /* behind its last */
};

struct mp3_layout {
    int64_t head_bytes;
    int bitrate_kbps, sample_rate;
    const struct mp3_span *spans; /* in order, each beginning MP3_GRAFT_OVERLAP_FRAMES before the
                                     one before it ends */
    size_t span_count;            /* at least one; the last ends with the file */
};

enum mp3_piece_kind {
    MP3_PIECE_UNSET = 0,
    MP3_PIECE_HEAD,
    MP3_PIECE_FRAMES, /* as they are in the object of `span` */
    MP3_PIECE_SEAM,   /* mp3_seam of the objects of `span` - 1 (left) and `span` (right) */
};

#define MP3_SEAM_BYTES_MAX ((size_t)(MP3_GRAFT_OVERLAP_FRAMES * MP3_FRAME_BYTES_MAX))

struct mp3_piece {
    enum mp3_piece_kind kind;
    size_t span;
    int64_t offset, size_bytes; /* in the file */
    int64_t object_offset;      /* in the object of `span`, where the piece begins */
    int64_t left_offset;        /* of a seam: in the object of the span before it */
};

/* Whether the spans follow each other as they must, from frame 0 on, and their frames are of a size
 * that there is: of a layout that is not valid nothing else may be asked. */
bool mp3_layout_is_valid(const struct mp3_layout *layout);

/* Of the whole file, and of a span's object. */
int64_t mp3_layout_bytes(const struct mp3_layout *layout);
int64_t mp3_layout_object_bytes(const struct mp3_layout *layout, size_t span);

/* The piece that byte `offset` (0 <= offset < mp3_layout_bytes) of the file lies in. */
struct mp3_piece mp3_layout_find(const struct mp3_layout *layout, int64_t offset);

/* Makes the seam of the overlap's two versions (see mp3_graft), in `left`. As mp3_graft. */
ES_CHECK enum es_code mp3_seam(uint8_t *left, const uint8_t *right, size_t size,
                               struct es_err *reterr);

#endif
