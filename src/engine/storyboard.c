/* The storyboard: small pictures of the whole film at even distances, a hundred to a sheet, and the
 * WebVTT that says which part of which sheet stands for which time. */
#include <libavutil/imgutils.h>
#include <math.h>

#include "base/es_buf.h"
#include "engine/depict.h"
#include "engine/film.h"
#include "engine/output.h"
#include "engine/still.h"
#include "engine/video_chain.h"

#define TILE_WIDTH        160
#define TILE_HEIGHT_MAX   284
#define TILE_HEIGHT_MIN   16
#define SHEET_COLUMNS     10
#define SHEET_ROWS        10
#define SHEET_TILES       (SHEET_COLUMNS * SHEET_ROWS)
#define TILES_MAX         (10 * SHEET_TILES)
#define INTERVAL_SHORTEST 2.0
#define INTERVAL_LONGEST  10.0

struct storyboard {
    const struct depict *depict;
    struct film *film;
    int quarter_turns;
    double interval_seconds;
    int tile_count;
    struct still_size tile;
    AVFrame *sheet;
    AVFrame *frame;
    bool is_tile_there; /* some tile of the film was drawn: where no frame is, it stands again */
    AVFrame *shown;     /* the tile drawn last */
    struct es_buf index;
};

/* As many seconds as make about a sheet of a short film, and at most ten sheets of any. */
static void set_interval(struct storyboard *board)
{
    double duration = board->depict->duration_seconds;
    double interval = fmin(fmax(duration / SHEET_TILES, INTERVAL_SHORTEST), INTERVAL_LONGEST);
    board->interval_seconds = fmax(interval, duration / TILES_MAX);
    int count = (int)ceil(duration / board->interval_seconds - 1e-6);
    board->tile_count = count < 1 ? 1 : count > TILES_MAX ? TILES_MAX : count;
}

/* All tiles are of one size, that of the first frame. */
static void set_tile(struct storyboard *board)
{
    AVRational aspect = av_guess_sample_aspect_ratio(board->film->demuxer->format,
                                                     board->film->stream, board->frame);
    struct still_size size = still_fit(board->frame, aspect, board->quarter_turns,
                                       (struct still_size){ DIMENSION_MAX, DIMENSION_MAX });
    int height = (int)lround((double)TILE_WIDTH * size.height / size.width / 2) * 2;
    board->tile = (struct still_size){ TILE_WIDTH, height };
    if (height > TILE_HEIGHT_MAX) { /* a tall one becomes narrow instead */
        int width = (int)lround((double)TILE_HEIGHT_MAX * size.width / size.height / 2) * 2;
        board->tile = (struct still_size){ width < 2 ? 2 : width, TILE_HEIGHT_MAX };
    }
    if (board->tile.height < TILE_HEIGHT_MIN)
        board->tile.height = TILE_HEIGHT_MIN;
}

static int rows_of(int tile_count)
{
    return (tile_count + SHEET_COLUMNS - 1) / SHEET_COLUMNS;
}

/* How many tiles are on the sheet that holds this one. */
static int tiles_on_sheet(const struct storyboard *board, int tile)
{
    int left = board->tile_count - tile / SHEET_TILES * SHEET_TILES;
    return left < SHEET_TILES ? left : SHEET_TILES;
}

static void begin_sheet(struct storyboard *board, int tile)
{
    int count = tiles_on_sheet(board, tile);
    int columns = count < SHEET_COLUMNS ? count : SHEET_COLUMNS;
    struct still_size size = { columns * board->tile.width, rows_of(count) * board->tile.height };
    av_frame_free(&board->sheet);
    board->sheet = still_new(AV_PIX_FMT_YUVJ420P, size);
    ptrdiff_t strides[4] = { board->sheet->linesize[0], board->sheet->linesize[1],
                             board->sheet->linesize[2] };
    av_image_fill_black(board->sheet->data, strides, AV_PIX_FMT_YUVJ420P, AVCOL_RANGE_JPEG,
                        size.width, size.height);
}

static void draw_tile(struct storyboard *board, int tile)
{
    int place = tile % SHEET_TILES;
    int x = place % SHEET_COLUMNS * board->tile.width;
    int y = place / SHEET_COLUMNS * board->tile.height;
    for (int plane = 0; plane < 3; plane++) {
        int shift = plane > 0;
        int stride = board->sheet->linesize[plane];
        av_image_copy_plane(board->sheet->data[plane] + (y >> shift) * (ptrdiff_t)stride +
                                (x >> shift),
                            stride, board->shown->data[plane], board->shown->linesize[plane],
                            board->tile.width >> shift, board->tile.height >> shift);
    }
}

static void append_time(struct es_buf *text, double seconds)
{
    int64_t ms = llround(seconds * 1000);
    es_buf_printf(text, "%02lld:%02lld:%02lld.%03lld", (long long)(ms / 3600000),
                  (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60),
                  (long long)(ms % 1000));
}

static void append_cue(struct storyboard *board, int tile)
{
    double from = tile * board->interval_seconds, to = from + board->interval_seconds;
    bool is_last = tile + 1 == board->tile_count;
    int place = tile % SHEET_TILES;
    append_time(&board->index, from);
    es_buf_append_text(&board->index, " --> ");
    append_time(&board->index, is_last ? fmax(board->depict->duration_seconds, from + 0.001) : to);
    es_buf_printf(&board->index, "\n" DEPICTION_SHEET_FORMAT "#xywh=%d,%d,%d,%d\n\n",
                  tile / SHEET_TILES + 1, place % SHEET_COLUMNS * board->tile.width,
                  place / SHEET_COLUMNS * board->tile.height, board->tile.width,
                  board->tile.height);
}

static enum es_code show_tile(struct storyboard *board, int tile, struct es_err *reterr)
{
    double from = tile * board->interval_seconds;
    bool has_frame = false;
    av_frame_unref(board->frame);
    enum es_code code = film_frame_within(board->film, from, from + board->interval_seconds,
                                          board->frame, &has_frame, reterr);
    if (code != ES_OK)
        return code;
    if (has_frame && !board->is_tile_there)
        set_tile(board);
    if (has_frame) {
        AVFrame *shown = NULL;
        code = still_make(board->frame, board->quarter_turns, AV_PIX_FMT_YUVJ420P, board->tile,
                          &shown, reterr);
        if (code == ES_OK) {
            av_frame_free(&board->shown);
            board->shown = shown;
            board->is_tile_there = true;
        } else if (code != ES_MEDIA) {
            return code;
        }
    }
    if (!board->is_tile_there)
        return ES_OK;
    if (!board->sheet || tile % SHEET_TILES == 0)
        begin_sheet(board, tile);
    draw_tile(board, tile);
    append_cue(board, tile);
    return ES_OK;
}

static enum es_code finish_sheet(struct storyboard *board, int tile, struct es_err *reterr)
{
    bool is_full = tile % SHEET_TILES == SHEET_TILES - 1 || tile + 1 == board->tile_count;
    if (!is_full || !board->sheet)
        return ES_OK;
    const char *name =
        es_printf(board->depict->arena, DEPICTION_SHEET_FORMAT, tile / SHEET_TILES + 1);
    return still_write(board->sheet, board->depict->host, name, reterr);
}

static enum es_code draw(struct storyboard *board, struct es_err *reterr)
{
    es_buf_append_text(&board->index, "WEBVTT\n\n");
    for (int tile = 0; tile < board->tile_count; tile++) {
        enum es_code code = show_tile(board, tile, reterr);
        if (code == ES_OK)
            code = finish_sheet(board, tile, reterr);
        if (code == ES_OK)
            code = reporter_tick(board->film->reporter, tile + 1, reterr);
        if (code != ES_OK)
            return code;
    }
    if (!board->is_tile_there)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no frame can be shown");
    return output_write(board->depict->host, DEPICTION_STORYBOARD_NAME, board->index.bytes,
                        board->index.size, reterr);
}

enum es_code depict_storyboard(const struct depict *depict, struct es_err *reterr)
{
    struct storyboard board = { .depict = depict };
    if (depict->duration_seconds <= 0)
        return es_fail_word(reterr, ES_MEDIA, "depiction_none", "nobody knows how long it is");
    set_interval(&board);
    struct reporter reporter = { .host = depict->host,
                                 .weight_seconds = board.tile_count,
                                 .timeline_seconds = board.tile_count };
    es_auto(film) film = NULL;
    enum es_code code = film_open(depict->input, true, &reporter, &film, reterr);
    if (code != ES_OK)
        return code;
    board.film = film;
    board.quarter_turns = stream_quarter_turns(film->stream);
    board.frame = frame_new();
    code = draw(&board, reterr);
    av_frame_free(&board.frame);
    av_frame_free(&board.shown);
    av_frame_free(&board.sheet);
    es_buf_release(&board.index);
    return code;
}
