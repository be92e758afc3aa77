/* engine_probe: the survey's findings as facts. */
#include <libavutil/avstring.h>

#include "base/es_text.h"
#include "engine/chapters.h"
#include "engine/survey.h"
#include "engine/tags.h"
#include "engine/video_chain.h"

#define HEAD_BYTES 4096

struct type_rule {
    const char *demuxer;
    const char *video_type; /* where there is a video, */
    const char *audio_type; /* and where there is none */
};

static const struct type_rule type_rules[] = {
    { "aac", "audio/aac", "audio/aac" },
    { "ac3", "audio/ac3", "audio/ac3" },
    { "eac3", "audio/eac3", "audio/eac3" },
    { "aiff", "audio/aiff", "audio/aiff" },
    { "amr", "audio/amr", "audio/amr" },
    { "asf", "video/x-ms-wmv", "audio/x-ms-wma" },
    { "au", "audio/basic", "audio/basic" },
    { "avi", "video/x-msvideo", "video/x-msvideo" },
    { "caf", "audio/x-caf", "audio/x-caf" },
    { "dts", "audio/vnd.dts", "audio/vnd.dts" },
    { "dv", "video/x-dv", "video/x-dv" },
    { "flac", "audio/flac", "audio/flac" },
    { "flv", "video/x-flv", "video/x-flv" },
    { "matroska", "video/x-matroska", "audio/x-matroska" },
    { "mov", "video/mp4", "audio/mp4" },
    { "mp3", "audio/mpeg", "audio/mpeg" },
    { "mpeg", "video/mpeg", "audio/mpeg" },
    { "mpegts", "video/mp2t", "video/mp2t" },
    { "mxf", "application/mxf", "application/mxf" },
    { "ogg", "video/ogg", "audio/ogg" },
    { "rm", "application/vnd.rn-realmedia", "audio/vnd.rn-realaudio" },
    { "wav", "audio/wav", "audio/wav" },
    { "w64", "audio/wav", "audio/wav" },
    { "wv", "audio/x-wavpack", "audio/x-wavpack" },
};

/* WebM and QuickTime share a demuxer with Matroska and MP4; their first bytes tell them apart. */
static const char *refine_type(const struct survey *survey, const char *type, const char *head,
                               size_t head_size)
{
    const AVDictionary *metadata = survey->demuxer->format->metadata;
    const AVDictionaryEntry *brand = av_dict_get(metadata, "major_brand", NULL, 0);
    bool is_video = survey->video_index >= 0;
    if (strcmp(type, "video/x-matroska") == 0 || strcmp(type, "audio/x-matroska") == 0)
        return !memmem(head, head_size, "webm", 4) ? type : is_video ? "video/webm" : "audio/webm";
    if (strcmp(type, "video/mp4") == 0 && brand && strcmp(brand->value, "qt  ") == 0)
        return "video/quicktime";
    if (strcmp(type, "video/mp4") == 0 && brand && strncmp(brand->value, "3gp", 3) == 0)
        return "video/3gpp";
    return type;
}

static enum es_code find_type(const struct engine_input *input, const struct survey *survey,
                              const char **ret_type, struct es_err *reterr)
{
    const char *names = survey->demuxer->format->iformat->name;
    const char *type = survey->video_index >= 0 ? "video/x-unknown" : "audio/x-unknown";
    for (size_t i = 0; i < sizeof(type_rules) / sizeof(*type_rules); i++)
        if (av_match_name(type_rules[i].demuxer, names))
            type = survey->video_index >= 0 ? type_rules[i].video_type : type_rules[i].audio_type;
    char head[HEAD_BYTES];
    size_t got = 0;
    enum es_code code = input->read(input->context, 0, head, sizeof(head), &got, reterr);
    if (code == ES_OK)
        *ret_type = refine_type(survey, type, head, got);
    return code;
}

static enum stream_kind kind_of(const AVStream *stream)
{
    switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO:
        return stream_is_picture(stream) ? STREAM_PICTURE : STREAM_VIDEO;
    case AVMEDIA_TYPE_AUDIO:
        return STREAM_AUDIO;
    case AVMEDIA_TYPE_SUBTITLE:
        return STREAM_SUBTITLE;
    default:
        return STREAM_UNSET;
    }
}

static const char *language_of(const AVStream *stream, struct es_arena *arena)
{
    const AVDictionaryEntry *entry = av_dict_get(stream->metadata, "language", NULL, 0);
    if (!entry || strcmp(entry->value, "und") == 0 || strlen(entry->value) > 16)
        return NULL;
    for (const char *c = entry->value; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '-'))
            return NULL;
    return es_strdup(arena, entry->value);
}

static struct stream_facts facts_of(const struct survey *survey, AVStream *stream,
                                    struct es_arena *arena)
{
    const AVCodecParameters *codec = stream->codecpar;
    struct stream_facts facts = {
        .kind = kind_of(stream),
        .codec = es_strdup(arena, avcodec_get_name(codec->codec_id)),
        .language = language_of(stream, arena),
        .bit_rate = codec->bit_rate > 0 ? codec->bit_rate : 0,
    };
    if (facts.kind == STREAM_AUDIO) {
        /* The decoder knows better than the container: HE-AAC has twice the rate, and maybe stereo.
         */
        bool is_main = stream->index == survey->audio_index;
        facts.channels =
            is_main ? survey->audio_frame->ch_layout.nb_channels : codec->ch_layout.nb_channels;
        facts.sample_rate = is_main ? survey->audio_frame->sample_rate : codec->sample_rate;
    } else if (facts.kind != STREAM_SUBTITLE) {
        bool is_turned = stream_quarter_turns(stream) % 2;
        facts.width = is_turned ? codec->height : codec->width;
        facts.height = is_turned ? codec->width : codec->height;
        AVRational rate = av_guess_frame_rate(survey->demuxer->format, stream, NULL);
        if (facts.kind == STREAM_VIDEO && rate.num > 0 && rate.den > 0)
            facts.frame_rate = av_q2d(rate);
    }
    return facts;
}

static void collect_streams(const struct survey *survey, struct es_arena *arena,
                            struct media_facts *facts)
{
    const AVFormatContext *format = survey->demuxer->format;
    struct stream_facts *streams = es_new_array(arena, struct stream_facts, MEDIA_STREAMS_MAX);
    for (unsigned i = 0; i < format->nb_streams && facts->stream_count < MEDIA_STREAMS_MAX; i++)
        if (kind_of(format->streams[i]) != STREAM_UNSET)
            streams[facts->stream_count++] = facts_of(survey, format->streams[i], arena);
    facts->streams = streams;
}

enum es_code engine_probe(const struct engine_input *input, const char *filename_hint,
                          struct es_arena *arena, struct media_facts *ret_facts,
                          struct es_err *reterr)
{
    (void)filename_hint; /* content decides alone */
    struct es_err unheard;
    reterr = reterr ? reterr : &unheard;
    es_auto(survey) survey = NULL;
    struct media_facts facts = { 0 };
    enum es_code code = survey_make(input, &survey, reterr);
    if (code == ES_OK)
        code = find_type(input, survey, &facts.content_type, reterr);
    if (code != ES_OK)
        return code;
    int main_index = survey->audio_index >= 0 ? survey->audio_index : survey->video_index;
    facts.format = es_strdup(arena, survey->demuxer->format->iformat->name);
    facts.duration_seconds = survey->duration_seconds;
    collect_streams(survey, arena, &facts);
    tags_collect(survey->demuxer->format, main_index, arena, &facts.tags, &facts.tag_count);
    chapters_collect(survey->demuxer->format, survey->origin_us, survey->duration_seconds, arena,
                     &facts.chapters, &facts.chapter_count);
    *ret_facts = facts;
    return ES_OK;
}
