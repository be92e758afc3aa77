/* A whole MP4 whose tracks are all taken over: the source's packets in the source's order, in one
 * pass, with room for the index left in front. Chapters, the turn of the picture and cover art come
 * along. */
#include <math.h>

#include "engine/chapters.h"
#include "engine/convert.h"
#include "engine/copy_source.h"
#include "engine/handles.h"
#include "engine/language.h"
#include "engine/mp4_file.h"
#include "engine/part_result.h"
#include "engine/reporter.h"
#include "engine/tags.h"

#include "engine/compat.h"

struct copy_mp4 {
    const struct engine_input *input;
    const struct part_spec *spec;
    struct es_arena *arena;
    struct reporter reporter;
    struct output *output;
    double end_seconds;
    int64_t damaged_packets;
};

static void add_streams(struct mp4_file *file, const struct copy_source *source,
                        struct es_arena *arena)
{
    for (size_t i = 0; i < source->track_count; i++) {
        const struct copy_track *track = &source->tracks[i];
        AVStream *stream = mp4_file_add_stream(file, track->codec, track->time_base);
        stream_copy_side_data(stream, track->stream);
        const char *language = language_tag(track->stream, arena);
        if (track->codec->codec_type == AVMEDIA_TYPE_AUDIO && language)
            mp4_file_name_stream(stream, language_code(language, arena),
                                 language_label(track->stream, "Audio", NULL, 0, arena));
    }
}

static void add_picture(struct mp4_file *file, const struct copy_mp4 *copy,
                        const AVFormatContext *format)
{
    int index = copy->spec->picture_stream_index;
    if (index < 0 || index >= (int)format->nb_streams ||
        format->streams[index]->attached_pic.size <= 0)
        return;
    es_auto(AVPacket) picture = packet_new();
    if (av_packet_ref(picture, &format->streams[index]->attached_pic) < 0)
        abort();
    mp4_file_add_picture(file, format->streams[index]->codecpar->codec_id, picture);
}

static enum es_code begin(struct copy_mp4 *copy, struct mp4_file *file,
                          const struct copy_source *source, int64_t index_bytes,
                          struct es_err *reterr)
{
    const AVFormatContext *format = source->demuxer->format;
    const struct copy_track *last = &source->tracks[source->track_count - 1];
    bool has_sound = last->codec->codec_type == AVMEDIA_TYPE_AUDIO;
    struct mp4_settings settings = {
        .tags = copy->spec->tags,
        .tag_count = copy->spec->tag_count,
        .index_bytes = index_bytes,
        .timescale = has_sound ? last->codec->sample_rate : 0, /* so that no sample gets lost */
    };
    add_streams(file, source, copy->arena);
    add_picture(file, copy, format);
    chapters_apply(copy->spec->chapters, copy->spec->chapter_count, file->muxer);
    return mp4_file_begin(file, &settings, reterr);
}

static enum es_code copy_packets(struct copy_mp4 *copy, struct mp4_file *file,
                                 struct copy_source *source, struct es_err *reterr)
{
    es_auto(AVPacket) packet = packet_new();
    for (;;) {
        bool has_packet = false;
        enum es_code code = copy_source_next(source, packet, &has_packet, reterr);
        if (code != ES_OK || !has_packet)
            return code;
        const struct copy_track *track = &source->tracks[packet->stream_index];
        double end = (double)(packet->pts + packet->duration) * av_q2d(track->time_base);
        copy->end_seconds = fmax(copy->end_seconds, end);
        code = mp4_file_write(file, packet, track->time_base, reterr);
        if (code == ES_OK)
            code = reporter_tick(&copy->reporter, copy->end_seconds, reterr);
        if (code != ES_OK)
            return code;
    }
}

/* False in *ret_fits: the room for the index was too small. */
static enum es_code write_file(struct copy_mp4 *copy, int64_t index_bytes, bool *ret_fits,
                               struct es_err *reterr)
{
    es_auto(copy_source) source = NULL;
    enum es_code code = copy_source_open(copy->input, copy->spec, &source, reterr);
    if (code != ES_OK)
        return code;
    copy->end_seconds = 0;
    es_auto(mp4_file) file = mp4_file_new(copy->output);
    code = begin(copy, file, source, index_bytes, reterr);
    if (code == ES_OK)
        code = copy_packets(copy, file, source, reterr);
    copy->damaged_packets = source->damaged_packets + source->demuxer->damaged_packets;
    if (code == ES_OK && copy->end_seconds <= 0)
        code = es_fail_word(reterr, ES_MEDIA, "media_damaged", "no packet could be read");
    return code == ES_OK ? mp4_file_finish(file, ret_fits, reterr) : code;
}

static enum es_code run(struct copy_mp4 *copy, const struct engine_host *host,
                        const char **ret_result, struct es_err *reterr)
{
    enum es_code code = output_open(host, job_output_name(JOB_MP4), &copy->output, reterr);
    if (code != ES_OK)
        return code;
    copy->output->reporter = &copy->reporter;
    bool fits = false;
    code = write_file(copy, copy->spec->copy.index_bytes, &fits, reterr);
    if (code == ES_OK && !fits) {
        code = output_restart(copy->output, reterr);
        if (code == ES_OK)
            code = write_file(copy, 0, &fits, reterr);
    }
    if (code == ES_OK)
        code = output_finish(copy->output, reterr);
    if (code != ES_OK)
        return code;
    struct part_result result = {
        .object = job_output_name(JOB_MP4),
        .size_bytes = copy->output->size_bytes,
        .end_seconds = copy->end_seconds,
        .source_end_seconds = copy->end_seconds,
        .damaged_packets = copy->damaged_packets,
    };
    *ret_result = part_result_write(&result, NULL, 0, copy->arena);
    return ES_OK;
}

enum es_code copy_mp4_run(const struct engine_input *input, const struct part_spec *spec,
                          const struct engine_host *host, struct es_arena *arena,
                          const char **ret_result, struct es_err *reterr)
{
    struct copy_mp4 copy = {
        .input = input,
        .spec = spec,
        .arena = arena,
        .reporter = { .host = host,
                      .weight_seconds = spec->weight_seconds,
                      .timeline_seconds = spec->timeline_seconds },
    };
    enum es_code code = run(&copy, host, ret_result, reterr);
    if (copy.output)
        output_close(copy.output);
    return code;
}
