/* The cascade. One mutex guards all queues, and one condition tells of every change: there are few
 * threads, and a frame is much work. */
#include "engine/cascade.h"

#include <errno.h>
#include <libswscale/swscale.h>
#include <pthread.h>
#include <time.h>

#include "engine/av_error.h"

#define QUEUE_FRAMES 3 /* between two stages */
#define WAIT_MS      100

struct packet_list {
    AVPacket **packets;
    size_t count, capacity;
};

struct stage {
    struct cascade *cascade;
    size_t rendition;
    struct SwsContext *scaler; /* NULL: frames come in the right size */
    struct encoder *encoder;
    struct encoder *quick; /* for the frames up to the first cut, or NULL */
    bool is_begun;         /* a frame has been encoded */
    pthread_t thread;
    bool is_running; /* the thread is to be joined */

    /* guarded */
    AVFrame *frames[QUEUE_FRAMES]; /* the oldest first */
    size_t frame_count;
    bool has_end;            /* no more frames will come */
    struct packet_list made; /* that wait to be taken; few, since few frames are under way */
    bool is_finished;
};

struct cascade {
    const struct part_spec *spec;
    struct reporter *reporter;
    rendition_taker *take;
    void *context;
    struct stage stages[RENDITIONS_MAX];
    size_t stage_count;
    pthread_mutex_t mutex;
    pthread_cond_t changed;

    /* guarded */
    bool must_stop;
    struct es_err err; /* the first failure of a stage */
};

static void lock(struct cascade *cascade)
{
    pthread_mutex_lock(&cascade->mutex);
}

static void unlock(struct cascade *cascade)
{
    pthread_cond_broadcast(&cascade->changed);
    pthread_mutex_unlock(&cascade->mutex);
}

static void wait_for_change(struct cascade *cascade)
{
    pthread_cond_wait(&cascade->changed, &cascade->mutex);
}

/* Gives the frame to a stage, or the end (NULL). False where the cascade stops. */
static bool hand_down(struct stage *stage, AVFrame *frame)
{
    struct cascade *cascade = stage->cascade;
    lock(cascade);
    while (frame && stage->frame_count == QUEUE_FRAMES && !cascade->must_stop)
        wait_for_change(cascade);
    bool is_wanted = !cascade->must_stop;
    if (frame && is_wanted) {
        AVFrame *queued = frame_new();
        av_frame_move_ref(queued, frame);
        stage->frames[stage->frame_count++] = queued;
    }
    stage->has_end |= !frame;
    unlock(cascade);
    return is_wanted;
}

/* The next frame, NULL at the end. False where the cascade stops. */
static bool next_frame(struct stage *stage, AVFrame **ret_frame)
{
    struct cascade *cascade = stage->cascade;
    lock(cascade);
    while (stage->frame_count == 0 && !stage->has_end && !cascade->must_stop)
        wait_for_change(cascade);
    *ret_frame = NULL;
    if (stage->frame_count > 0 && !cascade->must_stop) {
        *ret_frame = stage->frames[0];
        stage->frame_count--;
        memmove(stage->frames, stage->frames + 1, stage->frame_count * sizeof(*stage->frames));
    }
    bool goes_on = !cascade->must_stop;
    unlock(cascade);
    return goes_on;
}

static enum es_code keep_packet(void *context, AVPacket *packet, struct es_err *reterr)
{
    (void)reterr;
    struct stage *stage = context;
    AVPacket *kept = packet_new();
    av_packet_move_ref(kept, packet);
    lock(stage->cascade);
    struct packet_list *made = &stage->made;
    if (made->count == made->capacity) {
        made->capacity = made->capacity ? made->capacity * 2 : 16;
        made->packets = es_realloc(made->packets, made->capacity * sizeof(*made->packets));
    }
    made->packets[made->count++] = kept;
    unlock(stage->cascade);
    return ES_OK;
}

/* The frame in the stage's own size, in its place. */
static enum es_code scale(const struct stage *stage, AVFrame *frame, struct es_err *reterr)
{
    if (!stage->scaler)
        return ES_OK;
    es_auto(AVFrame) scaled = frame_new();
    int status = av_frame_copy_props(scaled, frame);
    scaled->format = AV_PIX_FMT_YUV420P;
    scaled->width = stage->encoder->codec->width;
    scaled->height = stage->encoder->codec->height;
    if (status >= 0)
        status = av_frame_get_buffer(scaled, 0);
    if (status >= 0)
        status = sws_scale_frame(stage->scaler, scaled, frame);
    if (status < 0)
        return av_fail(reterr, status, "scaling");
    av_frame_unref(frame);
    av_frame_move_ref(frame, scaled);
    return ES_OK;
}

static enum es_code encode(struct stage *stage, const AVFrame *frame, struct es_err *reterr)
{
    enum es_code code = ES_OK;
    bool is_cut = !frame || (stage->is_begun && frame->pict_type == AV_PICTURE_TYPE_I);
    if (stage->quick && is_cut) {
        code = encoder_push(stage->quick, NULL, reterr);
        encoder_close(stage->quick);
        stage->quick = NULL;
        if (!frame)
            return code; /* the other one has seen nothing */
    }
    stage->is_begun = true;
    return code == ES_OK ? encoder_push(stage->quick ? stage->quick : stage->encoder, frame, reterr)
                         : code;
}

/* One frame, or NULL for the end, through the stage and down to the next. */
static enum es_code run_frame(struct stage *stage, AVFrame *frame, struct es_err *reterr)
{
    struct cascade *cascade = stage->cascade;
    enum es_code code = frame ? scale(stage, frame, reterr) : ES_OK;
    if (code != ES_OK)
        return code;
    if (stage->rendition + 1 < cascade->stage_count) {
        es_auto(AVFrame) copy = frame_new();
        if (frame && av_frame_ref(copy, frame) < 0)
            abort();
        if (!hand_down(stage + 1, frame ? copy : NULL))
            return ES_CANCELLED;
    }
    return encode(stage, frame, reterr);
}

static void *run_stage(void *argument)
{
    struct stage *stage = argument;
    struct cascade *cascade = stage->cascade;
    struct es_err err = { 0 };
    bool is_end = false;
    while (!is_end && err.code == ES_OK) {
        AVFrame *frame;
        if (!next_frame(stage, &frame))
            break;
        is_end = !frame;
        enum es_code code = run_frame(stage, frame, &err);
        av_frame_free(&frame);
        if (code != ES_OK)
            break;
    }
    lock(cascade);
    if (err.code != ES_OK && cascade->err.code == ES_OK) {
        cascade->err = err;
        cascade->must_stop = true;
    }
    stage->is_finished = true;
    unlock(cascade);
    return NULL;
}

/* The job's first segment is what somebody waits for. */
static enum es_code open_quick(struct stage *stage, struct es_err *reterr)
{
    const struct part_spec *spec = stage->cascade->spec;
    if (!spec->is_first || spec->target != JOB_HLS)
        return ES_OK;
    enum es_code code =
        encoder_open_quick(spec, stage->rendition, keep_packet, stage, &stage->quick, reterr);
    if (code == ES_OK && encoder_header_crc(stage->quick) != encoder_header_crc(stage->encoder)) {
        encoder_close(stage->quick); /* its packets could not stand in the same track */
        stage->quick = NULL;
    }
    return code;
}

static enum es_code open_stage(struct cascade *cascade, size_t rendition, struct es_err *reterr)
{
    struct stage *stage = &cascade->stages[rendition];
    const struct rendition_spec *own = &cascade->spec->video.renditions[rendition];
    stage->cascade = cascade;
    stage->rendition = rendition;
    enum es_code code =
        encoder_open_video(cascade->spec, rendition, keep_packet, stage, &stage->encoder, reterr);
    if (code == ES_OK)
        code = open_quick(stage, reterr);
    if (code != ES_OK || rendition == 0)
        return code;
    stage->scaler = sws_getContext(own[-1].width, own[-1].height, AV_PIX_FMT_YUV420P, own->width,
                                   own->height, AV_PIX_FMT_YUV420P, SWS_BICUBIC, NULL, NULL, NULL);
    return stage->scaler ? ES_OK
                         : es_fail(reterr, ES_INVALID, "no scaling from %dx%d to %dx%d",
                                   own[-1].width, own[-1].height, own->width, own->height);
}

static enum es_code start_stages(struct cascade *cascade, struct es_err *reterr)
{
    for (size_t i = 0; i < cascade->stage_count; i++) {
        struct stage *stage = &cascade->stages[i];
        int status = pthread_create(&stage->thread, NULL, run_stage, stage);
        if (status != 0)
            return es_fail_errno(reterr, status, "starting a thread");
        stage->is_running = true;
    }
    return ES_OK;
}

static void init_condition(struct cascade *cascade)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0 ||
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&cascade->changed, &attributes) != 0 ||
        pthread_mutex_init(&cascade->mutex, NULL) != 0)
        abort();
    pthread_condattr_destroy(&attributes);
}

enum es_code cascade_open(const struct part_spec *spec, struct reporter *reporter,
                          rendition_taker *take, void *context, struct cascade **ret_cascade,
                          struct es_err *reterr)
{
    es_auto(cascade) cascade = es_malloc(sizeof(*cascade));
    init_condition(cascade);
    cascade->spec = spec;
    cascade->reporter = reporter;
    cascade->take = take;
    cascade->context = context;
    cascade->stage_count = spec->track_count;
    enum es_code code = ES_OK;
    for (size_t i = 0; i < cascade->stage_count && code == ES_OK; i++)
        code = open_stage(cascade, i, reterr);
    if (code == ES_OK)
        code = start_stages(cascade, reterr);
    if (code == ES_OK)
        *ret_cascade = es_take(cascade);
    return code;
}

static void close_stage(struct stage *stage)
{
    if (stage->is_running)
        pthread_join(stage->thread, NULL);
    for (size_t i = 0; i < stage->frame_count; i++)
        av_frame_free(&stage->frames[i]);
    for (size_t i = 0; i < stage->made.count; i++)
        av_packet_free(&stage->made.packets[i]);
    free(stage->made.packets);
    if (stage->quick)
        encoder_close(stage->quick);
    if (stage->encoder)
        encoder_close(stage->encoder);
    sws_freeContext(stage->scaler);
}

void cascade_close(struct cascade *cascade)
{
    lock(cascade);
    cascade->must_stop = true;
    unlock(cascade);
    for (size_t i = 0; i < cascade->stage_count; i++)
        close_stage(&cascade->stages[i]);
    pthread_cond_destroy(&cascade->changed);
    pthread_mutex_destroy(&cascade->mutex);
    free(cascade);
}

/* Hands on what the stages have made by now; called and left with the lock held, which is open
 * while `take` works. */
static enum es_code take_packets(struct cascade *cascade, bool *ret_has_taken,
                                 struct es_err *reterr)
{
    enum es_code code = ES_OK;
    for (size_t i = 0; i < cascade->stage_count; i++) {
        struct packet_list made = cascade->stages[i].made;
        if (made.count == 0)
            continue;
        cascade->stages[i].made = (struct packet_list){ 0 };
        *ret_has_taken = true;
        pthread_mutex_unlock(&cascade->mutex);
        for (size_t p = 0; p < made.count; p++) {
            if (code == ES_OK)
                code = cascade->take(cascade->context, i, made.packets[p], reterr);
            av_packet_free(&made.packets[p]);
        }
        free(made.packets);
        lock(cascade);
    }
    return code;
}

static bool is_finished(const struct cascade *cascade)
{
    for (size_t i = 0; i < cascade->stage_count; i++)
        if (!cascade->stages[i].is_finished)
            return false;
    return true;
}

/* Waits for a change, or for a moment; the lock is held as above. */
static enum es_code wait_a_moment(struct cascade *cascade, struct es_err *reterr)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (pthread_cond_timedwait(&cascade->changed, &cascade->mutex, &until) != ETIMEDOUT)
        return ES_OK;
    pthread_mutex_unlock(&cascade->mutex);
    enum es_code code = reporter_beat(cascade->reporter, reterr);
    lock(cascade);
    return code;
}

/* Takes packets until the first queue has room, or for `until_end` until nothing more will come. */
static enum es_code wait_for_room(struct cascade *cascade, bool until_end, struct es_err *reterr)
{
    for (;;) {
        bool has_taken = false, is_over = is_finished(cascade);
        enum es_code code = take_packets(cascade, &has_taken, reterr);
        if (code != ES_OK)
            return code;
        if (cascade->err.code != ES_OK) {
            *reterr = cascade->err;
            return cascade->err.code;
        }
        if (until_end ? is_over : cascade->stages[0].frame_count < QUEUE_FRAMES)
            return ES_OK;
        if (!has_taken)
            code = wait_a_moment(cascade, reterr);
        if (code != ES_OK)
            return code;
    }
}

enum es_code cascade_push(struct cascade *cascade, AVFrame *frame, struct es_err *reterr)
{
    if (!frame)
        (void)hand_down(&cascade->stages[0], NULL);
    lock(cascade);
    enum es_code code = wait_for_room(cascade, !frame, reterr);
    unlock(cascade);
    if (frame && code == ES_OK)
        (void)hand_down(&cascade->stages[0], frame); /* who stops says so at the next push */
    return code;
}

const struct encoder *cascade_encoder(const struct cascade *cascade, size_t rendition)
{
    return cascade->stages[rendition].encoder;
}
