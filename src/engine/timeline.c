/* Epochs of a clock, and in which of them each stream is. */
#include "engine/timeline.h"

#include <libavutil/avstring.h>
#include <stdlib.h>
#include <string.h>

#include "base/es_arena.h"

#define LEAP_AHEAD_US INT64_C(10000000)
#define LEAP_BACK_US  INT64_C(1000000)
#define STREAMS_MAX   256
#define EPOCHS_MAX    10000

static const char leaping_demuxers[] = "mpegts,mpeg";

struct epochs {
    int64_t *offsets_us; /* of one programme's clock */
    int count;
};

struct lane {
    bool is_begun;
    int program;
    int epoch;
    int64_t expected_us; /* when the next packet is due */
};

struct timeline {
    struct epochs programs[STREAMS_MAX];
    struct lane lanes[STREAMS_MAX];
    bool has_leapt;
};

bool timeline_is_needed(const AVFormatContext *format)
{
    return av_match_list(format->iformat->name, leaping_demuxers, ',');
}

struct timeline *timeline_new(void)
{
    return es_malloc(sizeof(struct timeline));
}

void timeline_free(struct timeline *timeline)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        free(timeline->programs[i].offsets_us);
    free(timeline);
}

void timeline_forget(struct timeline *timeline)
{
    memset(timeline->lanes, 0, sizeof(timeline->lanes));
    for (size_t i = 0; i < STREAMS_MAX; i++)
        timeline->programs[i].count = 0;
}

bool timeline_has_leapt(const struct timeline *timeline)
{
    return timeline->has_leapt;
}

/* Returns its number; the last one again where there are too many to be true. */
static int add_epoch(struct epochs *epochs, int64_t offset_us)
{
    if (epochs->count == EPOCHS_MAX)
        return epochs->count - 1;
    epochs->offsets_us =
        es_realloc(epochs->offsets_us, (size_t)(epochs->count + 1) * sizeof(*epochs->offsets_us));
    epochs->offsets_us[epochs->count] = offset_us;
    return epochs->count++;
}

static int program_of(AVFormatContext *format, int stream_index)
{
    const AVProgram *program = av_find_program_from_stream(format, NULL, stream_index);
    for (unsigned i = 0; program && i < format->nb_programs && i < STREAMS_MAX; i++)
        if (format->programs[i] == program)
            return (int)i;
    return 0;
}

static bool is_near(int64_t time_us, int64_t expected_us)
{
    return time_us - expected_us < LEAP_AHEAD_US && expected_us - time_us < LEAP_BACK_US;
}

/* Goes on to the epoch in which the time fits: one that another stream has begun, or a new one. */
static void follow(struct timeline *timeline, struct lane *lane, int64_t time_us)
{
    struct epochs *epochs = &timeline->programs[lane->program];
    if (is_near(av_sat_add64(time_us, epochs->offsets_us[lane->epoch]), lane->expected_us))
        return;
    timeline->has_leapt = true;
    for (int i = lane->epoch + 1; i < epochs->count; i++)
        if (is_near(av_sat_add64(time_us, epochs->offsets_us[i]), lane->expected_us)) {
            lane->epoch = i;
            return;
        }
    lane->epoch = add_epoch(epochs, av_sat_sub64(lane->expected_us, time_us));
}

void timeline_mend(struct timeline *timeline, AVFormatContext *format, AVPacket *packet)
{
    int index = packet->stream_index;
    int64_t time = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (index < 0 || index >= STREAMS_MAX || time == AV_NOPTS_VALUE)
        return;
    const AVStream *stream = format->streams[index];
    enum AVMediaType type = stream->codecpar->codec_type;
    struct lane *lane = &timeline->lanes[index];
    if (!lane->is_begun)
        lane->program = program_of(format, index);
    struct epochs *epochs = &timeline->programs[lane->program];
    if (epochs->count == 0)
        (void)add_epoch(epochs, 0);
    int64_t time_us = av_rescale_q(time, stream->time_base, AV_TIME_BASE_Q);
    if (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO)
        lane->epoch = epochs->count - 1; /* too sparse to tell a leap from a pause */
    else if (lane->is_begun)
        follow(timeline, lane, time_us);
    else
        lane->epoch = epochs->count - 1;
    lane->is_begun = true;
    int64_t offset_us = epochs->offsets_us[lane->epoch];
    lane->expected_us = av_sat_add64(
        av_sat_add64(time_us, offset_us),
        packet->duration > 0 ? av_rescale_q(packet->duration, stream->time_base, AV_TIME_BASE_Q)
                             : 0);
    int64_t offset = av_rescale_q(offset_us, AV_TIME_BASE_Q, stream->time_base);
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts = av_sat_add64(packet->pts, offset);
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts = av_sat_add64(packet->dts, offset);
}
