/* Sound in spans: each span is what one reading from the beginning gives at that place, bit for
 * bit. */
#include "../unit/test.h"
#include "engine/sound.h"
#include "oracle.h"

#define TASTE_SAMPLES 20000 /* of each span's beginning */

/* What a taker wants of the timeline, and what it got. */
struct taste {
    struct sound *sound;
    int64_t begin, end;
    struct es_buf samples; /* as the encoder would get them, channel by channel interleaved */
    int sample_bytes;
};

static enum es_code take_taste(void *context, AVFrame *frame, struct es_err *reterr)
{
    (void)reterr;
    struct taste *taste = context;
    enum AVSampleFormat format = (enum AVSampleFormat)frame->format;
    int channels = frame->ch_layout.nb_channels;
    int size = av_get_bytes_per_sample(format);
    taste->sample_bytes = size * channels;
    for (int i = 0; i < frame->nb_samples; i++) {
        int64_t place = frame->pts + i;
        if (place < taste->begin || place >= taste->end)
            continue;
        for (int channel = 0; channel < channels; channel++)
            es_buf_append(&taste->samples, frame->extended_data[channel] + (ptrdiff_t)i * size,
                          (size_t)size);
    }
    if (frame->pts + frame->nb_samples >= taste->end)
        sound_stop(taste->sound);
    return ES_OK;
}

static enum es_code be_silent(void *context, double seconds_done, const char *result_so_far,
                              bool is_playable, struct es_err *reterr)
{
    (void)context, (void)seconds_done, (void)result_so_far, (void)is_playable, (void)reterr;
    return ES_OK;
}

/* From a reading that is to give everything from `first_sample` on. */
static struct taste taste_of(const struct engine_input *input, const struct part_spec *spec,
                             int64_t first_sample, int64_t begin, int64_t end)
{
    struct engine_host host = { .progress = be_silent };
    struct reporter reporter = { .host = &host };
    struct taste taste = { .begin = begin, .end = end };
    struct es_err err;
    es_auto(sound) sound = NULL;
    assert_ok(sound_open(input, spec, first_sample, &reporter, take_taste, &taste, &sound, &err),
              err);
    taste.sound = sound;
    assert_ok(sound_run(sound, &err), err);
    return taste;
}

/* Plans the job, and compares each span's beginning with the whole's at that place. */
static void assert_spans(const char *path, enum job_target target,
                         const struct job_options *options, bool is_sought, int part_count)
{
    es_auto_arena arena = { 0 };
    struct es_err err;
    struct engine_input input;
    assert_ok(file_input_open(path, &input, &err), err);
    struct part *parts;
    size_t count;
    struct job_options defaults = { 0 };
    assert_ok(engine_plan(&input, target, options ? options : &defaults, NULL, &arena, &parts,
                          &count, &err),
              err);
    assert_int_equal(count, part_count + 1);
    for (size_t i = 0; i + 1 < count; i++) {
        struct part_spec spec;
        assert_ok(part_spec_read(parts[i].spec, &arena, &spec, &err), err);
        assert_true(spec.audio.span.is_one_of_many);
        assert_int_equal(spec.audio.span.is_sought, is_sought);
        int64_t begin =
            spec.audio.span.first_frame * audio_frame_samples(target, spec.audio.sample_rate);
        struct part_spec whole = spec;
        if (!options)
            whole.audio.span = (struct audio_span){ 0 };
        struct taste part = taste_of(&input, &spec, begin, begin, begin + TASTE_SAMPLES);
        struct taste all = taste_of(&input, &whole, 0, begin, begin + TASTE_SAMPLES);
        assert_int_equal(part.samples.size, TASTE_SAMPLES * part.sample_bytes);
        assert_int_equal(all.samples.size, part.samples.size);
        if (memcmp(part.samples.bytes, all.samples.bytes, part.samples.size) != 0)
            fail_msg("'%s': part %zu differs", path, i + 1);
        es_buf_release(&part.samples);
        es_buf_release(&all.samples);
    }
    file_input_close(&input);
}

static const char *make(const char *name, const char *options)
{
    const char *music = oracle_real_media("music-139s.flac");
    if (!music)
        return NULL;
    oracle_do("ffmpeg -y -v error -i '%s' %s %s", music, options, name);
    return scratch_path("%s", name);
}

static void test_spans_are_the_whole_bit_for_bit(void **state)
{
    (void)state;
    static const char *const sources[][2] = {
        { "s16.wav", "" },
        { "s24.wav", "-c:a pcm_s24le -ar 96000" },
        { "f32.wav", "-c:a pcm_f32le -ar 32000 -ac 1" },
        { "same.flac", "-ar 44100" },
        { "s24.flac", "-ar 192000 -sample_fmt s32" },
        { "a.aiff", "-ar 22050" },
        { "alac.m4a", "-c:a alac" },
        { "pcm.mov", "-c:a pcm_s16be" },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *path = make(sources[i][0], sources[i][1]);
        if (path)
            assert_spans(path, JOB_MP3, NULL, true, 2);
    }
}

static void test_decoders_with_a_memory_are_warmed_up(void **state)
{
    (void)state;
    static const char *const sources[][2] = {
        { "v.ogg", "-c:a libvorbis" },
        { "v44.ogg", "-c:a libvorbis -ar 44100 -q:a 2" },
        { "o.opus", "-c:a libopus" },
        { "m.mp3", "-c:a libmp3lame -b:a 128k" },
        { "m48.mp3", "-c:a libmp3lame -q:a 4 -ar 48000" },
        { "a.aac", "-c:a aac" },
        { "a.m4a", "-c:a aac" },
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *path = make(sources[i][0], sources[i][1]);
        if (path)
            assert_spans(path, JOB_MP3, NULL, true, 2);
    }
}

static void test_ten_spans_of_real_music(void **state)
{
    (void)state;
    const char *path = oracle_real_media("music-9min.ogg");
    if (path)
        assert_spans(path, JOB_MP3, NULL, true, 10);
}

static void test_where_times_are_rough_each_part_reads_from_the_beginning(void **state)
{
    (void)state;
    static const char *const sources[][2] = {
        { "f.mkv", "-c:a flac" },
        { "odd.wav", "-ar 11127" }, /* a rate to which no short row of filters leads */
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        const char *path = make(sources[i][0], sources[i][1]);
        if (path)
            assert_spans(path, JOB_MP3, NULL, false, 2);
    }
}

static void test_trimmed_spans_are_of_one_timeline(void **state)
{
    (void)state;
    struct job_options options = { .start_seconds = 5.3, .end_seconds = 128.77 };
    const char *flac = make("t.flac", ""), *mkv = make("t.mkv", "-c:a flac");
    if (!flac || !mkv)
        return;
    assert_spans(flac, JOB_MP3, &options, true, 2);
    assert_spans(mkv, JOB_MP3, &options, false, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_are_the_whole_bit_for_bit),
        cmocka_unit_test(test_decoders_with_a_memory_are_warmed_up),
        cmocka_unit_test(test_ten_spans_of_real_music),
        cmocka_unit_test(test_where_times_are_rough_each_part_reads_from_the_beginning),
        cmocka_unit_test(test_trimmed_spans_are_of_one_timeline),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
