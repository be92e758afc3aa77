/* The poster: of the key frames of the first half the one that tells most, scaled; of sound, its
 * cover art. A frame tells much where it is neither dark nor blank nor blurred: many shades, far
 * apart, with sharp edges. */
#include <math.h>

#include "engine/allowed.h"
#include "engine/av_error.h"
#include "engine/depict.h"
#include "engine/film.h"
#include "engine/output.h"
#include "engine/still.h"
#include "engine/tags.h"
#include "engine/video_chain.h"

#define SIDE_MAX        1280
#define COVER_BYTES_MAX (1024 * 1024) /* a larger one is encoded anew */
#define KEY_TRIES       12
#define WALK_TRIES      8
#define MERIT_ENOUGH    0.35 /* below it other frames than key frames are looked at too */
#define GLANCE_SIDE     96

static const struct still_size most = { SIDE_MAX, SIDE_MAX };

/* How much there is to see in a small grey picture, 0..1. */
static double merit_of(const AVFrame *glance)
{
    size_t shades[256] = { 0 };
    double sum = 0, squares = 0, edges = 0;
    int width = glance->width, height = glance->height;
    for (int y = 0; y < height; y++) {
        const uint8_t *row = glance->data[0] + y * (ptrdiff_t)glance->linesize[0];
        const uint8_t *below = y + 1 < height ? row + glance->linesize[0] : row;
        for (int x = 0; x < width; x++) {
            shades[row[x]]++;
            sum += row[x];
            squares += (double)row[x] * row[x];
            edges += abs(row[x] - row[x + 1 < width ? x + 1 : x]) + abs(row[x] - below[x]);
        }
    }
    double count = (double)width * height, mean = sum / count, entropy = 0;
    for (int i = 0; i < 256; i++)
        if (shades[i])
            entropy -= (double)shades[i] / count * log2((double)shades[i] / count);
    double spread = sqrt(fmax(0, squares / count - mean * mean));
    double light = fmin(1, mean / 48) * fmin(1, (255 - mean) / 32);
    return light *
           (0.4 * entropy / 8 + 0.3 * fmin(1, spread / 64) + 0.3 * fmin(1, edges / count / 24));
}

struct choice {
    AVFrame *best;
    double merit; /* < 0: there is none yet */
};

/* Keeps the frame where it is better than what there was. */
static enum es_code judge(struct choice *choice, AVFrame *frame, struct es_err *reterr)
{
    struct still_size size =
        still_fit(frame, (AVRational){ 0, 1 }, 0, (struct still_size){ GLANCE_SIDE, GLANCE_SIDE });
    es_auto(AVFrame) glance = NULL;
    enum es_code code = still_make(frame, 0, AV_PIX_FMT_GRAY8, size, &glance, reterr);
    if (code == ES_MEDIA) { /* this one cannot be scaled: another may */
        av_frame_unref(frame);
        return ES_OK;
    }
    if (code != ES_OK)
        return code;
    double merit = merit_of(glance);
    if (merit > choice->merit) {
        av_frame_unref(choice->best);
        av_frame_move_ref(choice->best, frame);
        choice->merit = merit;
    }
    av_frame_unref(frame);
    return ES_OK;
}

/* Key frames between a twentieth and a half of the film, each once. */
static enum es_code look_at_key_frames(struct film *film, double duration_seconds,
                                       struct choice *choice, struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    int64_t seen = AV_NOPTS_VALUE;
    for (int i = 0; i < KEY_TRIES; i++) {
        bool has_frame = false;
        double seconds = duration_seconds * (0.05 + 0.45 * i / (KEY_TRIES - 1));
        enum es_code code = film_key_frame(film, seconds, frame, &has_frame, reterr);
        if (code == ES_OK)
            code = reporter_tick(film->reporter, i + 1, reterr);
        if (code != ES_OK)
            return code;
        if (!has_frame || frame->pts == seen) {
            av_frame_unref(frame);
            continue;
        }
        seen = frame->pts;
        code = judge(choice, frame, reterr);
        if (code != ES_OK)
            return code;
    }
    return ES_OK;
}

/* Any frames, over the whole of the film. */
static enum es_code look_everywhere(struct film *film, double duration_seconds,
                                    struct choice *choice, struct es_err *reterr)
{
    es_auto(AVFrame) frame = frame_new();
    for (int i = 0; i < WALK_TRIES; i++) {
        bool has_frame = false;
        double from = duration_seconds * (i + 0.5) / WALK_TRIES;
        enum es_code code = film_frame_within(film, from, from + duration_seconds / WALK_TRIES / 2,
                                              frame, &has_frame, reterr);
        if (code == ES_OK)
            code = reporter_tick(film->reporter, KEY_TRIES + i + 1, reterr);
        if (code == ES_OK && has_frame)
            code = judge(choice, frame, reterr);
        if (code != ES_OK)
            return code;
    }
    return ES_OK;
}

static enum es_code write_frame(const AVFrame *frame, AVRational aspect, int quarter_turns,
                                const struct engine_host *host, struct es_err *reterr)
{
    es_auto(AVFrame) still = NULL;
    struct still_size size = still_fit(frame, aspect, quarter_turns, most);
    enum es_code code = still_make(frame, quarter_turns, AV_PIX_FMT_YUVJ420P, size, &still, reterr);
    return code == ES_OK ? still_write(still, host, DEPICTION_POSTER_NAME, reterr) : code;
}

static enum es_code choose(struct film *film, double duration_seconds, struct choice *choice,
                           const struct engine_host *host, struct es_err *reterr)
{
    enum es_code code = look_at_key_frames(film, duration_seconds, choice, reterr);
    if (code == ES_OK && choice->merit < MERIT_ENOUGH)
        code = look_everywhere(film, duration_seconds, choice, reterr);
    if (code != ES_OK)
        return code;
    if (choice->merit < 0)
        return es_fail_word(reterr, ES_MEDIA, "media_damaged", "no frame can be shown");
    AVRational aspect =
        av_guess_sample_aspect_ratio(film->demuxer->format, film->stream, choice->best);
    return write_frame(choice->best, aspect, stream_quarter_turns(film->stream), host, reterr);
}

/* The first attached picture that can be decoded. */
static enum es_code write_cover(const AVStream *stream, const struct engine_host *host,
                                struct es_err *reterr)
{
    const AVPacket *packet = &stream->attached_pic;
    const AVCodec *decoder = allowed_decoder(stream->codecpar->codec_id);
    if (!decoder)
        return es_fail_word(reterr, ES_MEDIA, "unsupported_format", "the cover art is in '%s'",
                            avcodec_get_name(stream->codecpar->codec_id));
    es_auto(AVCodecContext) codec = avcodec_alloc_context3(decoder);
    es_auto(AVFrame) frame = frame_new();
    if (!codec)
        abort();
    codec->thread_count = 1;
    codec->max_pixels = PIXELS_MAX;
    int status = avcodec_parameters_to_context(codec, stream->codecpar);
    if (status >= 0)
        status = avcodec_open2(codec, decoder, NULL);
    if (status >= 0)
        status = avcodec_send_packet(codec, packet);
    if (status >= 0)
        (void)avcodec_send_packet(codec, NULL);
    if (status >= 0)
        status = avcodec_receive_frame(codec, frame);
    if (status < 0)
        return av_fail(reterr, status, "decoding the cover art");
    bool is_kept = stream->codecpar->codec_id == AV_CODEC_ID_MJPEG && frame->width <= SIDE_MAX &&
                   frame->height <= SIDE_MAX && packet->size <= COVER_BYTES_MAX;
    if (is_kept)
        return output_write(host, DEPICTION_POSTER_NAME, packet->data, (size_t)packet->size,
                            reterr);
    return write_frame(frame, frame->sample_aspect_ratio, 0, host, reterr);
}

static enum es_code depict_cover(const struct engine_input *input, const struct engine_host *host,
                                 struct es_err *reterr)
{
    es_auto(demuxer) demuxer = NULL;
    enum es_code code = demuxer_open(input, &demuxer, reterr);
    if (code != ES_OK)
        return code;
    code = es_fail_word(reterr, ES_MEDIA, "depiction_none", "there is neither video nor cover art");
    for (unsigned i = 0; code == ES_MEDIA && i < demuxer->format->nb_streams; i++) {
        const AVStream *stream = demuxer->format->streams[i];
        if (stream_is_picture(stream) && stream->attached_pic.size > 0 &&
            stream->attached_pic.size <= PICTURE_BYTES_MAX)
            code = write_cover(stream, host, reterr);
    }
    return code;
}

enum es_code depict_poster(const struct depict *depict, struct es_err *reterr)
{
    struct reporter reporter = { .host = depict->host,
                                 .weight_seconds = KEY_TRIES + WALK_TRIES,
                                 .timeline_seconds = KEY_TRIES + WALK_TRIES };
    es_auto(film) film = NULL;
    enum es_code code = film_open(depict->input, false, &reporter, &film, reterr);
    if (code == ES_MEDIA && reterr->word && strcmp(reterr->word, "depiction_none") == 0)
        return depict_cover(depict->input, depict->host, reterr);
    if (code != ES_OK)
        return code;
    es_auto(AVFrame) best = frame_new();
    struct choice choice = { .best = best, .merit = -1 };
    return choose(film, depict->duration_seconds, &choice, depict->host, reterr);
}
