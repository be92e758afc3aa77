/* HLS playlists. Pure. What they name was checked where it was read (hls_json.c). */
#include <math.h>
#include <string.h>

#include "model/hls.h"

#define TARGET_SECONDS_MIN                                                                         \
    6 /* longer than any segment that is cut to plan: it may not change later */
#define BIT_RATE_LEAST 1000

static int target_seconds(const struct hls_track *track)
{
    double longest = TARGET_SECONDS_MIN;
    for (size_t i = 0; i < track->segment_count; i++)
        longest = fmax(longest, round(track->segments[i].duration_seconds));
    return (int)longest;
}

void hls_render_track(const struct hls_track *track, const char *name_prefix, bool is_final,
                      struct es_buf *buf)
{
    es_buf_printf(buf,
                  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n"
                  "#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n",
                  target_seconds(track), is_final ? "VOD" : "EVENT");
    const char *init_name = "";
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        if (segment->init_name && strcmp(segment->init_name, init_name) != 0) {
            es_buf_printf(buf, "#EXT-X-MAP:URI=\"%s%s\"\n", name_prefix, segment->init_name);
            init_name = segment->init_name;
        }
        es_buf_printf(buf, "#EXTINF:%.6f,\n%s%s\n", segment->duration_seconds, name_prefix,
                      segment->name);
    }
    if (is_final)
        es_buf_append_text(buf, "#EXT-X-ENDLIST\n");
}

/* Bits a second: of the whole, and the most over any segment of half a target duration or more. */
static void bit_rates(const struct hls_track *track, double *ret_mean, double *ret_peak)
{
    double bytes = 0, seconds = 0, peak = BIT_RATE_LEAST;
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        bytes += (double)segment->size_bytes;
        seconds += segment->duration_seconds;
        if (segment->duration_seconds >= TARGET_SECONDS_MIN / 2.0)
            peak = fmax(peak, 8.0 * (double)segment->size_bytes / segment->duration_seconds);
    }
    *ret_mean = fmax(seconds > 0 ? 8.0 * bytes / seconds : 0, BIT_RATE_LEAST);
    *ret_peak = fmax(peak, *ret_mean);
}

static void render_audio_media(const struct hls_track *track, const char *name_prefix,
                               struct es_buf *buf)
{
    es_buf_printf(
        buf, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"%s\",DEFAULT=YES,AUTOSELECT=YES",
        track->name);
    if (track->channels > 0)
        es_buf_printf(buf, ",CHANNELS=\"%d\"", track->channels);
    es_buf_printf(buf, ",URI=\"%s%s.m3u8\"\n", name_prefix, track->name);
}

static void render_variant(const struct hls_track *video, const struct hls_track *audio,
                           const char *name_prefix, struct es_buf *buf)
{
    double video_mean, video_peak, audio_mean, audio_peak;
    bit_rates(video, &video_mean, &video_peak);
    bit_rates(audio, &audio_mean, &audio_peak);
    es_buf_printf(buf, "#EXT-X-STREAM-INF:BANDWIDTH=%.0f,AVERAGE-BANDWIDTH=%.0f",
                  ceil(video_peak + audio_peak), ceil(video_mean + audio_mean));
    if (video->codecs && audio->codecs)
        es_buf_printf(buf, ",CODECS=\"%s,%s\"", video->codecs, audio->codecs);
    if (video->width > 0 && video->height > 0)
        es_buf_printf(buf, ",RESOLUTION=%dx%d", video->width, video->height);
    if (video->frame_rate > 0)
        es_buf_printf(buf, ",FRAME-RATE=%.3f", video->frame_rate);
    es_buf_printf(buf, ",AUDIO=\"audio\"\n%s%s.m3u8\n", name_prefix, video->name);
}

void hls_render_index(const struct hls_track *tracks, size_t track_count, const char *name_prefix,
                      bool is_final, struct es_buf *buf)
{
    if (track_count == 1) {
        hls_render_track(tracks, name_prefix, is_final, buf);
        return;
    }
    es_buf_append_text(buf, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (size_t i = 0; i < track_count; i++)
        if (tracks[i].kind == HLS_AUDIO)
            render_audio_media(&tracks[i], name_prefix, buf);
    for (size_t v = 0; v < track_count; v++)
        for (size_t a = 0; a < track_count; a++)
            if (tracks[v].kind == HLS_VIDEO && tracks[a].kind == HLS_AUDIO)
                render_variant(&tracks[v], &tracks[a], name_prefix, buf);
}
