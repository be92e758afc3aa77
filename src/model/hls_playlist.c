/* HLS playlists. Pure. What they name was checked where it was read (hls_json.c). */
#include <math.h>
#include <string.h>

#include "model/hls.h"
#include "model/job.h"

#define TARGET_SECONDS_MIN                                                                         \
    6 /* longer than any segment that is cut to plan: it may not change later */
#define BIT_RATE_LEAST    1000
#define KEY_FRAMES_SUFFIX "-iframes.m3u8"

static int target_seconds(const struct hls_track *track)
{
    double longest = fmax(TARGET_SECONDS_MIN, track->target_seconds);
    for (size_t i = 0; i < track->segment_count; i++)
        longest = fmax(longest, round(track->segments[i].duration_seconds));
    return (int)longest;
}

static void render_head(const struct hls_track *track, bool is_final, struct es_buf *buf)
{
    es_buf_printf(buf,
                  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n"
                  "#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n",
                  target_seconds(track), is_final ? "VOD" : "EVENT");
}

/* Names the segment's header where it is another than the one named last, which is returned. */
static const char *render_map(const struct hls_segment *segment, const char *init_name,
                              const char *name_prefix, struct es_buf *buf)
{
    if (!segment->init_name || strcmp(segment->init_name, init_name) == 0)
        return init_name;
    es_buf_printf(buf, "#EXT-X-MAP:URI=\"%s%s\"\n", name_prefix, segment->init_name);
    return segment->init_name;
}

void hls_render_track(const struct hls_track *track, const char *name_prefix, bool is_final,
                      struct es_buf *buf)
{
    render_head(track, is_final, buf);
    const char *init_name = "";
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        init_name = render_map(segment, init_name, name_prefix, buf);
        es_buf_printf(buf, "#EXTINF:%.6f,\n%s%s\n", segment->duration_seconds, name_prefix,
                      segment->name);
    }
    if (is_final)
        es_buf_append_text(buf, "#EXT-X-ENDLIST\n");
}

/* Bits a second of the segments that are there, or of their key frames alone. The peak is that over
 * any run of neighbours that lasts about a target duration (rfc8216bis, 4.4.6.2: BANDWIDTH). */
struct bit_rates {
    double mean, peak;
    bool is_known; /* something is there */
};

static double bytes_of(const struct hls_segment *segment, bool is_key_frames)
{
    return (double)(is_key_frames ? segment->key_bytes : segment->size_bytes);
}

static double peak_from(const struct hls_track *track, size_t first, bool is_key_frames)
{
    double bytes = 0, seconds = 0, peak = 0;
    double least = target_seconds(track) * 0.5, most = target_seconds(track) * 1.5;
    for (size_t i = first; i < track->segment_count && track->segments[i].size_bytes > 0; i++) {
        bytes += bytes_of(&track->segments[i], is_key_frames);
        seconds += track->segments[i].duration_seconds;
        if (seconds > most)
            break;
        if (seconds >= least)
            peak = fmax(peak, 8 * bytes / seconds);
    }
    return peak;
}

static struct bit_rates bit_rates_of(const struct hls_track *track, bool is_key_frames)
{
    double bytes = 0, seconds = 0;
    struct bit_rates rates = { 0 };
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        if (segment->size_bytes == 0)
            continue;
        bytes += bytes_of(segment, is_key_frames);
        seconds += segment->duration_seconds;
        rates.peak = fmax(rates.peak, peak_from(track, i, is_key_frames));
    }
    rates.is_known = seconds > 0;
    rates.mean = fmax(rates.is_known ? 8 * bytes / seconds : 0, BIT_RATE_LEAST);
    if (!track->is_complete)
        rates.peak = fmax(rates.peak, (double)track->planned_bit_rate);
    rates.peak = fmax(rates.peak, rates.mean);
    return rates;
}

static bool has_key_frames(const struct hls_track *track)
{
    if (track->kind != HLS_VIDEO)
        return false;
    for (size_t i = 0; i < track->segment_count; i++)
        if (track->segments[i].key_bytes > 0)
            return true;
    return !track->is_complete;
}

void hls_render_key_frames(const struct hls_track *track, const char *name_prefix, bool is_final,
                           struct es_buf *buf)
{
    render_head(track, is_final, buf);
    es_buf_append_text(buf, "#EXT-X-I-FRAMES-ONLY\n");
    const char *init_name = "";
    for (size_t i = 0; i < track->segment_count; i++) {
        const struct hls_segment *segment = &track->segments[i];
        if (segment->awaited_part)
            break;
        if (segment->key_bytes == 0)
            continue;
        init_name = render_map(segment, init_name, name_prefix, buf);
        es_buf_printf(buf, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%lld@0\n%s%s\n",
                      segment->duration_seconds, (long long)segment->key_bytes, name_prefix,
                      segment->name);
    }
    if (is_final)
        es_buf_append_text(buf, "#EXT-X-ENDLIST\n");
}

/* The tracks of a kind, of pictures the smallest first: a player begins with the first. */
struct lineup {
    const struct hls_track *tracks[HLS_TRACKS_MAX];
    size_t count;
};

static int64_t pixels_of(const struct hls_track *track)
{
    return (int64_t)track->width * track->height;
}

static struct lineup line_up(const struct hls_track *tracks, size_t track_count, enum hls_kind kind)
{
    struct lineup lineup = { 0 };
    for (size_t i = 0; i < track_count && lineup.count < HLS_TRACKS_MAX; i++) {
        if (tracks[i].kind != kind)
            continue;
        size_t at = lineup.count++;
        for (; at > 0 && pixels_of(lineup.tracks[at - 1]) > pixels_of(&tracks[i]); at--)
            lineup.tracks[at] = lineup.tracks[at - 1];
        lineup.tracks[at] = &tracks[i];
    }
    return lineup;
}

/* The renditions that go with every variant: sound in its languages, subtitles. */
static void render_media(const struct lineup *lineup, const char *type, const char *group,
                         const char *name_prefix, struct es_buf *buf)
{
    for (size_t i = 0; i < lineup->count; i++) {
        const struct hls_track *track = lineup->tracks[i];
        bool is_default = track->is_default;
        es_buf_printf(buf, "#EXT-X-MEDIA:TYPE=%s,GROUP-ID=\"%s\",NAME=\"%s\"", type, group,
                      track->label ? track->label : track->name);
        if (track->language)
            es_buf_printf(buf, ",LANGUAGE=\"%s\"", track->language);
        es_buf_printf(buf, ",DEFAULT=%s,AUTOSELECT=YES", is_default ? "YES" : "NO");
        if (track->channels > 0)
            es_buf_printf(buf, ",CHANNELS=\"%d\"", track->channels);
        es_buf_printf(buf, ",URI=\"%s%s.m3u8\"\n", name_prefix, track->name);
    }
}

/* What each variant plays beside its picture, at the worst. */
struct company {
    const struct lineup *sounds, *subtitles;
    struct bit_rates rates; /* of the sound that takes most */
    const char *codecs;     /* of the sound; NULL: none or unknown */
};

static struct company company_of(const struct lineup *sounds, const struct lineup *subtitles)
{
    struct company company = { .sounds = sounds, .subtitles = subtitles };
    company.rates.is_known = true;
    for (size_t i = 0; i < sounds->count; i++) {
        struct bit_rates rates = bit_rates_of(sounds->tracks[i], false);
        company.rates.mean = fmax(company.rates.mean, rates.mean);
        company.rates.peak = fmax(company.rates.peak, rates.peak);
        company.rates.is_known &= rates.is_known;
        if (!company.codecs)
            company.codecs = sounds->tracks[i]->codecs;
    }
    return company;
}

/* `video` is NULL for the sound alone. */
static void render_variant(const struct hls_track *video, const struct company *company,
                           const char *name_prefix, struct es_buf *buf)
{
    struct bit_rates rates = company->rates;
    if (video) {
        struct bit_rates of_video = bit_rates_of(video, false);
        rates.mean += of_video.mean;
        rates.peak += of_video.peak;
        rates.is_known &= of_video.is_known;
    }
    es_buf_printf(buf, "#EXT-X-STREAM-INF:BANDWIDTH=%.0f", ceil(rates.peak));
    if (rates.is_known)
        es_buf_printf(buf, ",AVERAGE-BANDWIDTH=%.0f", ceil(rates.mean));
    bool has_sound = company->sounds->count > 0;
    const char *codecs = video ? video->codecs : company->codecs;
    if (codecs && video && company->codecs)
        es_buf_printf(buf, ",CODECS=\"%s,%s\"", codecs, company->codecs);
    else if (codecs && !(video && has_sound))
        es_buf_printf(buf, ",CODECS=\"%s\"", codecs);
    if (video && video->width > 0 && video->height > 0)
        es_buf_printf(buf, ",RESOLUTION=%dx%d", video->width, video->height);
    if (video && video->frame_rate > 0)
        es_buf_printf(buf, ",FRAME-RATE=%.3f", video->frame_rate);
    if (has_sound)
        es_buf_append_text(buf, ",AUDIO=\"audio\"");
    if (video && company->subtitles->count > 0)
        es_buf_append_text(buf, ",SUBTITLES=\"subtitles\"");
    const struct hls_track *own = video ? video : company->sounds->tracks[0];
    es_buf_printf(buf, "\n%s%s.m3u8\n", name_prefix, own->name);
}

static void render_key_frame_variant(const struct hls_track *video, const char *name_prefix,
                                     struct es_buf *buf)
{
    struct bit_rates rates = bit_rates_of(video, true);
    es_buf_printf(buf, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%.0f", ceil(rates.peak));
    if (rates.is_known)
        es_buf_printf(buf, ",AVERAGE-BANDWIDTH=%.0f", ceil(rates.mean));
    if (video->codecs)
        es_buf_printf(buf, ",CODECS=\"%s\"", video->codecs);
    if (video->width > 0 && video->height > 0)
        es_buf_printf(buf, ",RESOLUTION=%dx%d", video->width, video->height);
    es_buf_printf(buf, ",URI=\"%s%s" KEY_FRAMES_SUFFIX "\"\n", name_prefix, video->name);
}

/* Sound alone, in one language, is no choice: its media playlist is the index. */
static bool is_multivariant(const struct hls_track *tracks, size_t track_count)
{
    return track_count > 1 || (track_count == 1 && tracks[0].kind != HLS_AUDIO);
}

void hls_render_index(const struct hls_track *tracks, size_t track_count, const char *name_prefix,
                      bool is_final, struct es_buf *buf)
{
    if (!is_multivariant(tracks, track_count)) {
        hls_render_track(tracks, name_prefix, is_final, buf);
        return;
    }
    struct lineup videos = line_up(tracks, track_count, HLS_VIDEO);
    struct lineup sounds = line_up(tracks, track_count, HLS_AUDIO);
    struct lineup subtitles = line_up(tracks, track_count, HLS_SUBTITLES);
    struct company company = company_of(&sounds, &subtitles);
    es_buf_append_text(buf, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    render_media(&sounds, "AUDIO", "audio", name_prefix, buf);
    render_media(&subtitles, "SUBTITLES", "subtitles", name_prefix, buf);
    for (size_t i = 0; i < videos.count; i++)
        render_variant(videos.tracks[i], &company, name_prefix, buf);
    if (sounds.count > 0 && videos.count != 1) /* for lines that carry no picture */
        render_variant(NULL, &company, name_prefix, buf);
    for (size_t i = 0; i < videos.count; i++)
        if (has_key_frames(videos.tracks[i]))
            render_key_frame_variant(videos.tracks[i], name_prefix, buf);
}

const char **hls_playlist_names(const struct hls_track *tracks, size_t track_count,
                                struct es_arena *arena, size_t *ret_count)
{
    const char **names = es_new_array(arena, const char *, 2 * track_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < track_count && is_multivariant(tracks, track_count); i++) {
        names[count++] = es_printf(arena, "%s.m3u8", tracks[i].name);
        if (has_key_frames(&tracks[i]))
            names[count++] = es_printf(arena, "%s" KEY_FRAMES_SUFFIX, tracks[i].name);
    }
    names[count++] = job_output_name(JOB_HLS);
    *ret_count = count;
    return names;
}

/* Whether `file` is the track's name and that suffix. */
static bool is_file_of(const struct hls_track *track, const char *file, const char *suffix)
{
    size_t length = strlen(track->name);
    return strncmp(file, track->name, length) == 0 && strcmp(file + length, suffix) == 0;
}

bool hls_render(const struct hls_track *tracks, size_t track_count, const char *file,
                const char *name_prefix, bool is_final, struct es_buf *buf)
{
    if (strcmp(file, job_output_name(JOB_HLS)) == 0) {
        hls_render_index(tracks, track_count, name_prefix, is_final, buf);
        return true;
    }
    for (size_t i = 0; i < track_count && is_multivariant(tracks, track_count); i++) {
        if (is_file_of(&tracks[i], file, ".m3u8")) {
            hls_render_track(&tracks[i], name_prefix, is_final && tracks[i].is_whole, buf);
            return true;
        }
        if (has_key_frames(&tracks[i]) && is_file_of(&tracks[i], file, KEY_FRAMES_SUFFIX)) {
            hls_render_key_frames(&tracks[i], name_prefix, is_final && tracks[i].is_complete, buf);
            return true;
        }
    }
    return false;
}
