/* The engine's front: its version, and which part does what. */
#include "engine/engine.h"

#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <stdio.h>

#include "engine/convert.h"
#include "engine/output.h"
#include "engine/tags.h"

#define ENGINE_VERSION "13" /* grows when the same spec gives other bytes */

const char *engine_version(void)
{
    static _Thread_local char text[160];
    unsigned format = avformat_version(), codec = avcodec_version(), filter = avfilter_version();
    unsigned resample = swresample_version(), scale = swscale_version();
    snprintf(text, sizeof(text),
             "engine " ENGINE_VERSION ", libavformat %u.%u.%u, libavcodec %u.%u.%u, "
             "libavfilter %u.%u.%u, libswresample %u.%u.%u, libswscale %u.%u.%u",
             AV_VERSION_MAJOR(format), AV_VERSION_MINOR(format), AV_VERSION_MICRO(format),
             AV_VERSION_MAJOR(codec), AV_VERSION_MINOR(codec), AV_VERSION_MICRO(codec),
             AV_VERSION_MAJOR(filter), AV_VERSION_MINOR(filter), AV_VERSION_MICRO(filter),
             AV_VERSION_MAJOR(resample), AV_VERSION_MINOR(resample), AV_VERSION_MICRO(resample),
             AV_VERSION_MAJOR(scale), AV_VERSION_MINOR(scale), AV_VERSION_MICRO(scale));
    return text;
}

enum es_code picture_write_object(const AVFormatContext *format, const struct part_spec *spec,
                                  const struct engine_host *host, const char **ret_name,
                                  struct es_err *reterr)
{
    if (spec->picture_stream_index >= (int)format->nb_streams)
        return es_fail(reterr, ES_INVALID, "the spec is for another source");
    const AVStream *stream = format->streams[spec->picture_stream_index];
    if (stream->attached_pic.size <= 0 || stream->attached_pic.size > PICTURE_BYTES_MAX)
        return ES_OK;
    const char *name = picture_object_name(stream->codecpar->codec_id);
    enum es_code code = output_write(host, name, stream->attached_pic.data,
                                     (size_t)stream->attached_pic.size, reterr);
    if (code == ES_OK)
        *ret_name = name;
    return code;
}

enum es_code engine_convert(const struct engine_input *input, const char *spec_text,
                            const struct engine_host *host, struct es_arena *arena,
                            const char **ret_result, struct es_err *reterr)
{
    struct es_err unheard = { 0 };
    reterr = reterr ? reterr : &unheard;
    struct part_spec spec;
    enum es_code code = part_spec_read(spec_text, arena, &spec, reterr);
    if (code != ES_OK)
        return code;
    if (spec.is_copied && spec.target == JOB_MP3)
        return copy_mp3_run(input, &spec, host, arena, ret_result, reterr);
    if (spec.is_copied)
        return spec.copy.is_whole ? copy_mp4_run(input, &spec, host, arena, ret_result, reterr)
                                  : copy_part_run(input, &spec, host, arena, ret_result, reterr);
    if (spec.tracks[0].kind == HLS_SUBTITLES)
        return subtitle_part_run(input, &spec, host, arena, ret_result, reterr);
    return spec.is_video ? video_part_run(input, &spec, host, arena, ret_result, reterr)
                         : audio_part_run(input, &spec, host, arena, ret_result, reterr);
}
