/* An MP3 file whose frames are the source's: with the source's tags and cover art, and with a LAME
 * header that says what the source's said of its padding, so that it stays gapless. */
#include <libavutil/intreadwrite.h>

#include "engine/convert.h"
#include "engine/copy_source.h"
#include "engine/handles.h"
#include "engine/mp3_file.h"
#include "engine/part_result.h"
#include "engine/reporter.h"

struct copy_mp3 {
    const struct part_spec *spec;
    const struct engine_host *host;
    struct reporter reporter;
    struct copy_source *source;
    struct mp3_file *file;
    double end_seconds;
};

static enum es_code open_file(struct copy_mp3 *copy, const AVPacket *first, struct es_err *reterr)
{
    const struct part_spec *spec = copy->spec;
    const struct copy_track *track = &copy->source->tracks[0];
    const AVFormatContext *format = copy->source->demuxer->format;
    int index = spec->picture_stream_index;
    const AVStream *picture =
        index >= 0 && index < (int)format->nb_streams ? format->streams[index] : NULL;
    size_t size = 0;
    const uint8_t *skip = av_packet_get_side_data(first, AV_PKT_DATA_SKIP_SAMPLES, &size);
    bool is_padding_known = skip && size >= MP3_SKIP_BYTES && AV_RL32(skip) > 0;
    track->codec->initial_padding = is_padding_known ? (int)AV_RL32(skip) : 0;
    struct mp3_file_settings settings = {
        .name = job_output_name(JOB_MP3),
        .codec = track->codec,
        .time_base = track->time_base,
        .is_padding_unknown = !is_padding_known,
        .tags = spec->tags,
        .tag_count = spec->tag_count,
        .chapters = spec->chapters,
        .chapter_count = spec->chapter_count,
        .picture_codec = picture ? picture->codecpar : NULL,
        .picture = picture ? &picture->attached_pic : NULL,
    };
    return mp3_file_open(copy->host, &settings, &copy->file, reterr);
}

static enum es_code copy_packets(struct copy_mp3 *copy, struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    for (;;) {
        bool has_packet = false;
        enum es_code code = copy_source_next(copy->source, packet, &has_packet, reterr);
        if (code == ES_OK && has_packet && !copy->file)
            code = open_file(copy, packet, reterr);
        if (code != ES_OK || !has_packet)
            return code;
        copy->end_seconds =
            (double)(packet->pts + packet->duration) * av_q2d(copy->source->tracks[0].time_base);
        code = mp3_file_add(copy->file, packet, reterr);
        av_packet_unref(packet);
        if (code == ES_OK)
            code = reporter_tick(&copy->reporter, copy->end_seconds, reterr);
        if (code != ES_OK)
            return code;
    }
}

static enum es_code run(struct copy_mp3 *copy, const struct engine_input *input,
                        struct es_arena *arena, const char **ret_result, struct es_err *reterr)
{
    enum es_code code = copy_source_open(input, copy->spec, &copy->source, reterr);
    if (code == ES_OK)
        code = copy_packets(copy, reterr);
    if (code == ES_OK && !copy->file)
        code = es_fail_word(reterr, ES_MEDIA, "media_damaged", "no frame could be read");
    struct part_result result = { .object = job_output_name(JOB_MP3) };
    if (code == ES_OK)
        code = mp3_file_finish(copy->file, &(struct replay_gain){ 0 }, &result.size_bytes, reterr);
    if (code != ES_OK)
        return code;
    result.end_seconds = result.source_end_seconds = copy->end_seconds;
    result.damaged_packets = copy->source->damaged_packets + copy->source->demuxer->damaged_packets;
    *ret_result = part_result_write(&result, NULL, 0, arena);
    return ES_OK;
}

enum es_code copy_mp3_run(const struct engine_input *input, const struct part_spec *spec,
                          const struct engine_host *host, struct es_arena *arena,
                          const char **ret_result, struct es_err *reterr)
{
    struct copy_mp3 copy = {
        .spec = spec,
        .host = host,
        .reporter = { .host = host,
                      .weight_seconds = spec->weight_seconds,
                      .timeline_seconds = spec->timeline_seconds },
    };
    enum es_code code = run(&copy, input, arena, ret_result, reterr);
    if (copy.file)
        mp3_file_close(copy.file);
    if (copy.source)
        copy_source_close(copy.source);
    return code;
}
