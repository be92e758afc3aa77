/* The size of a moov to come (ISO/IEC 14496-12, 8.6 and 8.7: what its tables take a sample). */
#include "engine/copy_index.h"

#include <math.h>
#include <string.h>

#include "engine/spec.h"

#define HEADERS_BYTES     (8 * 1024) /* everything but the tables, tags and pictures */
#define TAG_BYTES         64         /* around a tag's text */
#define CHAPTER_BYTES     1024
#define SIZE_BYTES        4  /* stsz: a sample */
#define RUN_BYTES         8  /* stts, ctts: a run of samples */
#define KEY_BYTES         4  /* stss: a key frame */
#define CHUNK_BYTES       20 /* stsc and co64: a run of samples of one track in the file */
#define CHUNK_BYTES_MAX   (1024 * 1024) /* of media */
#define KEYS_A_SECOND     4             /* where nothing says it */
#define FRAMES_UNKNOWN    30            /* a second */
#define AAC_FRAME_SAMPLES 1024
#define MARGIN_DIVISOR    16

/* What the tables of one track are about. */
struct counts {
    int64_t samples, time_runs, offset_runs, keys;
};

static bool is_index_of_all(AVStream *stream)
{
    int count = avformat_index_get_entries_count(stream);
    return count > 0 && stream->nb_frames > 0 && count >= stream->nb_frames;
}

static struct counts counts_of_index(AVStream *stream)
{
    struct counts counts = { .samples = avformat_index_get_entries_count(stream) };
    int64_t last_time = 0, last_step = INT64_MIN;
    for (int i = 0; i < counts.samples; i++) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        int64_t step = entry->timestamp - last_time;
        counts.time_runs += step != last_step;
        counts.keys += (entry->flags & AVINDEX_KEYFRAME) != 0;
        last_time = entry->timestamp;
        last_step = step;
    }
    if (stream->codecpar->video_delay > 0)
        counts.offset_runs = counts.samples;
    if (counts.keys == counts.samples)
        counts.keys = 0; /* then there is no table of them */
    return counts;
}

static struct counts counts_of_rates(AVStream *stream, double duration_seconds)
{
    const AVCodecParameters *codec = stream->codecpar;
    struct counts counts = { 0 };
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO) {
        int frame = codec->frame_size > 0 ? codec->frame_size : AAC_FRAME_SAMPLES;
        counts.samples = (int64_t)ceil(duration_seconds * codec->sample_rate / frame);
        counts.time_runs = counts.samples / MARGIN_DIVISOR;
        return counts;
    }
    double rate = FRAMES_UNKNOWN;
    if (stream->avg_frame_rate.num > 0 && stream->avg_frame_rate.den > 0)
        rate = av_q2d(stream->avg_frame_rate);
    counts.samples = (int64_t)ceil(duration_seconds * rate);
    counts.time_runs = counts.offset_runs = counts.samples;
    counts.keys = (int64_t)ceil(duration_seconds * fmin(KEYS_A_SECOND, rate));
    return counts;
}

static struct counts counts_of(AVStream *stream, double duration_seconds)
{
    return is_index_of_all(stream) ? counts_of_index(stream)
                                   : counts_of_rates(stream, duration_seconds);
}

static int64_t table_bytes(struct counts counts)
{
    return SIZE_BYTES * counts.samples + RUN_BYTES * (counts.time_runs + counts.offset_runs) +
           KEY_BYTES * counts.keys;
}

/* How often the file goes from one track to the other: both are written in the source's order. */
static int64_t turns_of_index(AVStream *one, AVStream *other)
{
    int counts[] = { avformat_index_get_entries_count(one),
                     avformat_index_get_entries_count(other) };
    int64_t turns = 0;
    int last = -1, at[] = { 0, 0 };
    while (at[0] < counts[0] && at[1] < counts[1]) {
        int next =
            avformat_index_get_entry(one, at[0])->pos > avformat_index_get_entry(other, at[1])->pos;
        turns += next != last;
        last = next;
        at[next]++;
    }
    return turns + 2;
}

int64_t copy_index_bytes(AVFormatContext *format, int video_index, int audio_index,
                         double duration_seconds, const struct media_tag *tags, size_t tag_count,
                         int picture_index)
{
    AVStream *video = video_index >= 0 ? format->streams[video_index] : NULL;
    AVStream *audio = audio_index >= 0 ? format->streams[audio_index] : NULL;
    struct counts of_video = video ? counts_of(video, duration_seconds) : (struct counts){ 0 };
    struct counts of_audio = audio ? counts_of(audio, duration_seconds) : (struct counts){ 0 };
    int64_t fewest = of_video.samples < of_audio.samples ? of_video.samples : of_audio.samples;
    int64_t turns = video && audio && is_index_of_all(video) && is_index_of_all(audio)
                        ? turns_of_index(video, audio)
                        : 2 * fewest + 2;
    turns += avio_size(format->pb) / CHUNK_BYTES_MAX;
    int64_t bytes = table_bytes(of_video) + table_bytes(of_audio) + CHUNK_BYTES * turns;
    bytes += bytes / MARGIN_DIVISOR + HEADERS_BYTES + CHAPTER_BYTES * format->nb_chapters;
    for (size_t i = 0; i < tag_count; i++)
        bytes += TAG_BYTES + (int64_t)(strlen(tags[i].name) + strlen(tags[i].value));
    if (picture_index >= 0)
        bytes += format->streams[picture_index]->attached_pic.size;
    return bytes < COPY_INDEX_BYTES_MAX ? bytes : 0;
}
