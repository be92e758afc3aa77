/* Many inputs, real and made, to every target: what comes out decodes without a word, is as long as
 * what went in, keeps picture and sound together, and says of itself what is true. Each input and
 * target is a test of its own. `correctness_test TARGET` */
#include <math.h>

#include "../unit/test.h"
#include "measure.h"
#include "oracle.h"

#define RATE             4000 /* Hz, of sound that is only laid side by side */
#define WINDOW_SECONDS   5
#define LAG_SECONDS_MAX  0.02
#define LIKENESS_LEAST   0.7
#define SOUND_END_SLACK  0.06
#define NOISE_SPREAD_DB  25.0
#define LUMA_TOLERANCE   4.0
#define NAME_BYTES       160
#define COMPLAINTS_SHOWN 400

enum {
    EXACT = 1,       /* lossless at 44.1 kHz: an MP3 is as long to the sample */
    TAGS = 2,        /* bears the tags that `make` writes */
    ART = 4,         /* and a cover */
    TONED = 8,       /* brightness is not to be kept */
    CUT_OFF = 16,    /* ends before its header says: said in the details */
    NEVER = 32,      /* encoded even where it could be copied */
    HOLES = 64,      /* holes in the sound, which an MP3 leaves out */
    LEAPS = 128,     /* times that the ffmpeg program gets wrong */
    DAMAGED = 256,   /* what is left of the frames is not certain */
    QUIET = 512,     /* nothing to lay side by side */
    STILL = 8192,    /* slower than segments are: HLS shows a frame again where one begins */
    UNTIMED = 16384, /* ffmpeg loses sound of the playlist where it reads the picture beside it */
    MANY = 4096,     /* tracks, more than an MP4 keeps */
    LOW_RATE = 2048,
    TINY = 1024, /* so short that ffmpeg wonders what it is */
};

struct source {
    const char *name;
    const char *video; /* stream specifiers; NULL none */
    const char *sound;
    int flags;
};

static const struct source sources[] = {
    { "music-5s.ogg", NULL, "a:0", 0 },
    { "music-52s.ogg", NULL, "a:0", 0 },
    { "music-43s-48k.ogg", NULL, "a:0", 0 },
    { "speech-mono.mp3", NULL, "a:0", 0 },
    { "speech-mono.wav", NULL, "a:0", EXACT },
    { "speech-8k.wav", NULL, "a:0", LOW_RATE },
    { "lena.flac", NULL, "a:0", EXACT },
    { "lena.wav", NULL, "a:0", EXACT },
    { "lena.mp3", NULL, "a:0", 0 },
    { "lena.mp3", NULL, "a:0", NEVER },
    { "lena.m4a", NULL, "a:0", 0 },
    { "lena.m4a", NULL, "a:0", NEVER },
    { "lena.ogg", NULL, "a:0", 0 },
    { "lena.opus", NULL, "a:0", 0 },
    { "lena.aac", NULL, "a:0", 0 },
    { "lena.aac", NULL, "a:0", NEVER },
    { "lena.aiff", NULL, "a:0", EXACT },
    { "lena-24bit.wav", NULL, "a:0", EXACT },
    { "lena-float.wav", NULL, "a:0", EXACT },
    { "film-22s-no-audio.mp4", "V:0", NULL, 0 },
    { "film-1080p-phone.mp4", "V:0", "a:0", 0 },
    { "film-720p.mp4", "V:0", "a:0", 0 },
    { "film-h264.avi", "V:0", "a:0", 0 },
    { "film-h264.avi", "V:0", "a:0", NEVER },
    { "film-theora.ogg", "V:0", "a:0", LEAPS | DAMAGED },
    { "film-mpeg2.mpeg", "V:0", "a:0", 0 },
    { "film-surround.mp4", "V:0", "a:0", 0 },
    { "film-30s-cinepak.avi", "V:0", NULL, 0 },
    { "film-30s.mp4", "V:0", "a:0", 0 },
    { "film-30s.mp4", "V:0", "a:0", NEVER },
    { "film-30s.webm", "V:0", "a:0", 0 },
    { "film-30s.ogv", "V:0", "a:0", 0 },

    { "made/mono-8k.wav", NULL, "a:0", LOW_RATE },
    { "made/mono-11k-8bit.wav", NULL, "a:0", LOW_RATE },
    { "made/stereo-96k-24bit.flac", NULL, "a:0", 0 },
    { "made/short-20ms.wav", NULL, "a:0", QUIET | TINY },
    { "made/surround-ac3.mkv", NULL, "a:0", 0 },
    { "made/surround-7.1.flac", NULL, "a:0", 0 },
    { "made/surround.m4a", NULL, "a:0", QUIET },
    { "made/centre.flac", NULL, "a:0", QUIET },
    { "made/sound.wma", NULL, "a:0", 0 },
    { "made/sound-48k.opus", NULL, "a:0", 0 },
    { "made/sound-vbr.mp3", NULL, "a:0", 0 },
    { "made/sound-no-xing.mp3", NULL, "a:0", 0 },
    { "made/chirp-60s.wav", NULL, "a:0", EXACT },
    { "made/cover.mp3", NULL, "a:0", TAGS | ART },
    { "made/cover.flac", NULL, "a:0", TAGS | ART | EXACT },
    { "made/cover.m4a", NULL, "a:0", TAGS | ART },
    { "made/tags.ogg", NULL, "a:0", TAGS },

    { "made/no-audio.mp4", "V:0", NULL, 0 },
    { "made/odd-size.mkv", "V:0", "a:0", 0 },
    { "made/tiny-16x16.mp4", "V:0", NULL, 0 },
    { "made/upright.mp4", "V:0", "a:0", 0 },
    { "made/rotated.mp4", "V:0", "a:0", 0 },
    { "made/rotated.mp4", "V:0", "a:0", NEVER },
    { "made/vfr.mkv", "V:0", "a:0", 0 },
    { "made/vfr.mkv", "V:0", "a:0", NEVER },
    { "made/interlaced.mpg", "V:0", "a:0", 0 },
    { "made/fields.mkv", "V:0", "a:0", 0 },
    { "made/ten-bit.mp4", "V:0", NULL, 0 },
    { "made/ten-bit-422.mkv", "V:0", NULL, 0 },
    { "made/full-range-444.mkv", "V:0", NULL, 0 },
    { "made/rgb.mkv", "V:0", NULL, TONED },
    { "made/hdr10.mkv", "V:0", "a:0", TONED },
    { "made/hlg.mkv", "V:0", "a:0", TONED },
    { "made/dv.avi", "V:0", "a:0", 0 },
    { "made/anamorphic.mkv", "V:0", NULL, 0 },
    { "made/vp9-opus.webm", "V:0", "a:0", 0 },
    { "made/late-audio.mkv", "V:0", "a:0", 0 },
    { "made/b-frames-edit-list.mp4", "V:0", "a:0", 0 },
    { "made/b-frames-edit-list.mp4", "V:0", "a:0", NEVER },
    { "made/pcm.mov", "V:0", "a:0", 0 },
    { "made/two-languages.mkv", "V:0", "a:0", MANY },
    { "made/talk.mkv", "V:0", "a:1", MANY },
    { "made/talk.mp4", "V:0", "a:1", MANY },
    { "made/slides-1fps.mp4", "V:0", "a:0", STILL | UNTIMED },
    { "made/hole.mkv", "V:0", "a:0", HOLES },

    { "made/film.flv", "V:0", "a:0", 0 },
    { "made/film.flv", "V:0", "a:0", NEVER },
    { "made/cut-in.ts", "V:0", "a:0", 0 },
    { "made/start-offset.ts", "V:0", "a:0", 0 },
    { "made/start-offset.ts", "V:0", "a:0", NEVER },
    { "made/wraps.ts", "V:0", "a:0", 0 },
    { "made/wraps.ts", "V:0", "a:0", NEVER },
    { "made/jump-ahead.ts", "V:0", "a:0", LEAPS },
    { "made/jump-back.ts", "V:0", "a:0", LEAPS },
    { "made/jump-back.mpg", "V:0", "a:0", LEAPS },
    { "made/size-change-jump.ts", "V:0", "a:0", LEAPS },
    { "made/cut-off.mp4", "V:0", "a:0", CUT_OFF | DAMAGED },
    { "made/cut-off.webm", "V:0", "a:0", CUT_OFF | DAMAGED },
    { "made/cut-off.mp3", NULL, "a:0", DAMAGED },
    { "made/damaged.mp3", NULL, "a:0", DAMAGED | NEVER }, /* a copy keeps the damage */
};

struct check {
    const struct source *source;
    enum job_target target;
    const char *path;
    char name[NAME_BYTES];
};

static double seconds_of(size_t samples)
{
    return (double)samples / RATE;
}

static void compare_sound(const struct check *check, const struct measured *source,
                          const struct measured *output, double picture_lag)
{
    int flags = check->source->flags;
    /* A frame of AAC at 8 kHz is long. */
    double slack = flags & (LEAPS | DAMAGED | LOW_RATE) ? 0.2 : SOUND_END_SLACK;
    if (fabs(seconds_of(source->sound_count) - seconds_of(output->sound_count)) > slack)
        fail_msg("%.3f s of sound, not %.3f", seconds_of(output->sound_count),
                 seconds_of(source->sound_count));
    if (flags & QUIET)
        return;
    size_t window = WINDOW_SECONDS * RATE, count = source->sound_count;
    const size_t begins[] = { 0, count > 2 * window ? count / 2 : 0,
                              count > window ? count - window : 0 };
    for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
        double likeness = 0;
        int lag = measured_sound_lag(source, output, begins[i], window, RATE / 4, &likeness);
        double apart = (double)lag / RATE - picture_lag;
        if (likeness < LIKENESS_LEAST && !(flags & (DAMAGED | LEAPS)))
            fail_msg("the sound at %.1f s is like the source's by %.2f only", seconds_of(begins[i]),
                     likeness);
        if (fabs(apart) > LAG_SECONDS_MAX && !(flags & (LEAPS | DAMAGED)))
            fail_msg("the sound at %.1f s is %.0f ms late%s", seconds_of(begins[i]), apart * 1e3,
                     check->source->video && check->target != JOB_MP3 ? " beside the picture" : "");
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* How much later the output's frames are shown than the source's: of all the same. */
static double compare_picture(const struct check *check, const struct measured *source,
                              const struct measured *output)
{
    int flags = check->source->flags;
    if (output->frame_count != source->frame_count) {
        bool is_more = output->frame_count > source->frame_count;
        if (!(flags & (DAMAGED | LEAPS)) ||
            (!is_more && output->frame_count + 12 < source->frame_count))
            fail_msg("%zu frames, not %zu", output->frame_count, source->frame_count);
        return 0;
    }
    size_t count = output->frame_count;
    es_auto_free double *lags = es_malloc((count + 1) * sizeof(double));
    double luma = 0;
    for (size_t i = 0; i < count; i++) {
        lags[i] = output->times[i] - source->times[i];
        luma += fabs(output->lumas[i] - source->lumas[i]) / (double)count;
    }
    if (luma > LUMA_TOLERANCE && !(flags & (TONED | DAMAGED)))
        fail_msg("the frames' brightness is %.1f off", luma);
    int luma_lag = measured_luma_lag(source, output, 3);
    if (luma_lag != 0 && !(flags & (TONED | DAMAGED)))
        fail_msg("the pictures are %d frames late", luma_lag);
    qsort(lags, count, sizeof(*lags), compare_doubles);
    if (count > 0 && lags[count - 1] - lags[0] > 0.0025 && !(flags & (LEAPS | DAMAGED)))
        fail_msg("frames are %.1f to %.1f ms late: not all the same", lags[0] * 1e3,
                 lags[count - 1] * 1e3);
    return count ? lags[count / 2] : 0;
}

/* The packets of a playlist's track. */
struct packets {
    double *keys; /* times of key frames */
    size_t key_count;
    double first, last;
    double longest_step; /* between two that follow each other in the order of showing */
};

static struct packets read_packets(const char *playlist, struct es_arena *arena)
{
    es_auto_free char *text =
        oracle_run("ffprobe -v error -show_entries packet=pts_time,flags -of csv=p=0 '%s' "
                   "| grep -v N/A | sort -g",
                   playlist);
    size_t most = 1;
    for (const char *c = text; *c; c++)
        most += *c == '\n';
    struct packets packets = { .keys = es_new_array(arena, double, most), .first = NAN };
    char *rest = text;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        char *flags = NULL;
        double time = strtod(line, &flags);
        if (isnan(packets.first))
            packets.first = packets.last = time;
        packets.longest_step = fmax(packets.longest_step, time - packets.last);
        packets.last = time;
        if (strchr(flags, 'K'))
            packets.keys[packets.key_count++] = time;
    }
    return packets;
}

/* Each segment begins with a key frame, just when the ones before it have ended by their EXTINF. */
static void check_segments(const char *playlist)
{
    es_auto_arena arena = { 0 };
    es_auto_free char *lengths = oracle_run("grep EXTINF '%s' | tr -dc '0-9.\\n'", playlist);
    struct packets packets = read_packets(playlist, &arena);
    double border =
        fmax(packets.first, 0); /* what comes before is for the decoder of sound alone */
    char *rest = lengths;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        double nearest = INFINITY;
        for (size_t i = 0; i < packets.key_count; i++)
            nearest = fmin(nearest, fabs(packets.keys[i] - border));
        if (nearest > 0.00105)
            fail_msg("'%s': no key frame within %.1f ms of the segment's begin at %.4f s", playlist,
                     nearest * 1e3, border);
        border += strtod(line, NULL);
    }
    double step = fmax(packets.longest_step, 0.001);
    if (border <= packets.last ||
        (packets.last > packets.first && border > packets.last + step + 0.002))
        fail_msg("'%s': the segments end at %.4f s, the last packet begins at %.4f s", playlist,
                 border, packets.last);
}

static void check_playlists(const char *folder)
{
    es_auto_free char *names =
        oracle_run("cd '%s' && for list in *.m3u8; do grep -q EXTINF $list && "
                   "! grep -q -e vtt -e I-FRAMES-ONLY $list && echo $list; done; true",
                   folder);
    char *rest = names;
    for (char *name; (name = strtok_r(rest, "\n", &rest));) {
        es_auto_arena arena = { 0 };
        check_segments(es_printf(&arena, "%s/%s", folder, name));
    }
}

static void check_tags(const struct check *check, const char *output)
{
    oracle_do(
        "ffprobe -v error -show_entries format_tags '%s' > tags.txt && "
        "grep -q 'Canción de prueba' tags.txt && grep -q 'Niño Ñandú' tags.txt && "
        "grep -q 'Álbum №1 日本' tags.txt && grep -q '2024' tags.txt && grep -q '3/12' tags.txt",
        output);
    if (check->source->flags & ART)
        oracle_do("for file in '%s' '%s'; do ffmpeg -v error -i $file -map 0:v -c copy -f md5 -; "
                  "done | uniq | wc -l | grep -qx 1",
                  check->path, output);
}

/* To the sample, and nowhere worse than elsewhere. */
static void check_exact(const struct check *check, const char *output)
{
    struct measured before, after;
    measure(check->path, NULL, check->source->sound, 44100, true, &before);
    measure(output, NULL, "a:0", 44100, true, &after);
    double likeness = 0, worst = 0, median = 0;
    int lag = measured_sound_lag(&before, &after, 44100, 44100, 50, &likeness);
    measured_noise(&before, &after, 1152, &worst, &median);
    bool is_same_length = before.sound_count == after.sound_count;
    measured_release(&before);
    measured_release(&after);
    if (!is_same_length || lag != 0)
        fail_msg("%s, %d samples late", is_same_length ? "as long" : "not as long", lag);
    if (worst < median - NOISE_SPREAD_DB)
        fail_msg("a frame with a ratio of signal to noise of %.1f dB; the median is %.1f", worst,
                 median);
}

static void run_check(void **state)
{
    const struct check *check = *state;
    const struct source *source = check->source;
    bool is_mp3 = check->target == JOB_MP3;
    const char *video = is_mp3 ? NULL : source->video;
    struct job_options options = { .copy = source->flags & NEVER ? JOB_COPY_NEVER : JOB_COPY_AUTO };
    struct job_run run;
    const char *folder = convert(check->path, check->target, &options, &run);
    const char *output =
        scratch_path("%s/%s", strrchr(folder, '/') + 1, job_output_name(check->target));

    struct measured before, after;
    bool is_by_time = source->video && !is_mp3 && !(source->flags & LEAPS);
    measure(check->path, video, source->sound, RATE, is_by_time, &before);
    measure(output, video ? "V:0" : NULL, source->sound ? "a:0" : NULL, RATE, true, &after);
    if (*after.complaints && !(source->flags & (TINY | LEAPS)))
        fail_msg("decoding says: %.*s", COMPLAINTS_SHOWN, after.complaints);
    bool is_shown_again = source->flags & STILL && check->target == JOB_HLS;
    double picture_lag = video && !is_shown_again ? compare_picture(check, &before, &after) : 0;
    bool is_sound_whole = !(is_mp3 && source->flags & HOLES);
    bool is_untimed = source->flags & UNTIMED && check->target == JOB_HLS;
    if (source->sound && is_sound_whole && !is_untimed)
        compare_sound(check, &before, &after, picture_lag);
    double end = fmax(seconds_of(after.sound_count),
                      after.frame_count ? after.times[after.frame_count - 1] : 0);
    double slack = source->video ? 1.1 : source->flags & LOW_RATE ? 0.15 : SOUND_END_SLACK;
    if (fabs(run.outcome.duration_seconds - end) > slack)
        fail_msg("said to last %.3f s, and lasts %.3f", run.outcome.duration_seconds, end);
    measured_release(&before);
    measured_release(&after);

    if (check->target == JOB_HLS)
        check_playlists(folder);
    else if (source->flags & TAGS)
        check_tags(check, output);
    if (is_mp3 && source->flags & EXACT)
        check_exact(check, output);
    if (source->flags & CUT_OFF && !(run.outcome.details && strstr(run.outcome.details, "early")))
        fail_msg("the details do not say that the source ends early: '%s'",
                 run.outcome.details ? run.outcome.details : "");
    bool is_whole = !(source->flags & (CUT_OFF | DAMAGED)) &&
                    !(source->flags & MANY && check->target != JOB_HLS);
    if (is_whole && run.outcome.details)
        fail_msg("remarks on a source that is whole: %s", run.outcome.details);
    oracle_do("rm -r '%s'", folder);
}

int main(int argc, char **argv)
{
    enum job_target target = job_target_from_name(argc > 1 ? argv[1] : "");
    if (target == JOB_TARGET_UNSET)
        return 2;
    const char *only = argc > 2 ? argv[2] : "";
    static struct check checks[sizeof(sources) / sizeof(*sources)];
    static struct CMUnitTest tests[sizeof(sources) / sizeof(*sources)];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const struct source *source = &sources[i];
        const char *path = oracle_real_media(source->name);
        if (!path || (target == JOB_MP3 && !source->sound) || !strstr(source->name, only))
            continue;
        struct check *check = &checks[count];
        *check = (struct check){ .source = source, .target = target, .path = path };
        snprintf(check->name, sizeof(check->name), "%s%s -> %s", source->name,
                 source->flags & NEVER ? " (encoded)" : "", job_target_name(target));
        tests[count++] = (struct CMUnitTest){ .name = check->name,
                                              .test_func = run_check,
                                              .initial_state = check };
    }
    return _cmocka_run_group_tests("correctness", tests, count, scratch_open, scratch_close);
}
