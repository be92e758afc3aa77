/* Sources that are still arriving: what is read of them comes in small pieces, their size is not
 * known, and what comes out is what a whole source gives. */
#include "../unit/test.h"
#include "oracle.h"

/* A file of which `arrived` bytes have come; reading on fails, as a reader does that does not wait.
 */
struct arrival {
    struct engine_input file;
    int64_t arrived;
};

static enum es_code read_some(void *context, int64_t offset, void *ret_bytes, size_t size,
                              size_t *ret_size, struct es_err *reterr)
{
    const struct arrival *arrival = context;
    bool is_whole = arrival->arrived >= arrival->file.size_bytes;
    int64_t left = arrival->arrived - offset;
    if (left <= 0 && !is_whole)
        return es_fail(reterr, ES_UNAVAILABLE, "not arrived yet");
    size_t piece = 30011;
    if (left < (int64_t)piece)
        piece = left > 0 ? (size_t)left : 0;
    return arrival->file.read(arrival->file.context, offset, ret_bytes, size < piece ? size : piece,
                              ret_size, reterr);
}

static struct engine_input arriving(struct arrival *arrival, const char *path, double share)
{
    struct es_err err = { 0 };
    assert_ok(file_input_open(path, &arrival->file, &err), err);
    arrival->arrived = (int64_t)((double)arrival->file.size_bytes * share);
    return (struct engine_input){ .context = arrival, .read = read_some, .is_arriving = true };
}

/* As `convert`, of an arriving source. */
static const char *convert_arriving(const char *path, enum job_target target,
                                    const struct job_options *options, struct job_run *ret_run)
{
    static int count;
    static struct es_arena arena; /* the results live as long as the program */
    static const struct job_options defaults;
    struct es_err err = { 0 };
    struct arrival arrival;
    struct engine_input input = arriving(&arrival, path, 1);
    const char *folder = scratch_path("arriving-%d", ++count);
    oracle_do("mkdir '%s'", folder);
    struct host_folder host;
    host_folder_init(&host, folder);
    enum es_code code = host_folder_run(&host, &input, target, options ? options : &defaults, false,
                                        &arena, ret_run, &err);
    assert_ok(code, err);
    host_folder_release(&host);
    file_input_close(&arrival.file);
    return folder;
}

static const char *make(const char *name, const char *options)
{
    oracle_do("[ -e '%s' ] || ffmpeg -y -v error -f lavfi -i testsrc2=d=24.4:s=192x108:r=25 "
              "-f lavfi -i 'sine=f=300:d=24.5:r=44100' %s '%s'",
              name, options, name);
    return scratch_path("%s", name);
}

#define FILM "-c:v libx264 -g 50 -bf 2 -c:a aac"

static void films_become_what_whole_ones_become(void **state)
{
    (void)state;
    const struct {
        const char *name, *options;
        bool has_spans; /* the header's index is enough to cut it */
    } films[] = {
        { "front.mp4", FILM " -movflags +faststart", true },
        { "film.mkv", FILM, false },
        { "film.ts", FILM, false },
        { "film.webm", "-c:v libvpx -b:v 200k -g 50 -c:a libvorbis", false },
        { "fragments.mp4", FILM " -movflags +frag_keyframe+empty_moov", false },
        { "film.flv", "-c:v flv -c:a libmp3lame", false },
    };
    const struct job_options encoded = { .copy = JOB_COPY_NEVER };
    for (size_t i = 0; i < sizeof(films) / sizeof(*films); i++) {
        const char *source = make(films[i].name, films[i].options);
        struct job_run whole, run;
        const char *expected = convert(source, JOB_HLS, &encoded, &whole);
        const char *folder = convert_arriving(source, JOB_HLS, &encoded, &run);
        const char *index = scratch_path("%s/index.m3u8", strrchr(folder, '/') + 1);
        const char *other = scratch_path("%s/index.m3u8", strrchr(expected, '/') + 1);
        assert_int_equal(run.part_count > 3, films[i].has_spans);
        assert_int_equal(oracle_frames(index), oracle_frames(other));
        assert_float_equal(oracle_end_seconds(index, "v:0"), oracle_end_seconds(other, "v:0"),
                           0.002);
        assert_float_equal(oracle_end_seconds(index, "a:0"), oracle_end_seconds(other, "a:0"),
                           0.002);
        assert_float_equal(run.outcome.duration_seconds, whole.outcome.duration_seconds, 0.002);
        assert_null(run.outcome.details);
        oracle_decodes(index);
    }
}

static void a_copy_of_what_arrives_is_whole(void **state)
{
    (void)state;
    static const char *const names[] = { "front.mp4", "film.mkv" };
    for (size_t i = 0; i < 2; i++) {
        const char *source = scratch_path("%s", names[i]);
        struct job_run run;
        const char *folder = convert_arriving(source, JOB_HLS, NULL, &run);
        const char *index = scratch_path("%s/index.m3u8", strrchr(folder, '/') + 1);
        assert_int_equal(oracle_frames(index), oracle_frames(source));
        oracle_decodes(index);
    }
}

static void mp4_from_what_arrives(void **state)
{
    (void)state;
    static const char *const names[] = { "front.mp4", "film.mkv" };
    for (size_t i = 0; i < 2; i++) {
        const char *source = scratch_path("%s", names[i]);
        struct job_run run;
        const char *folder = convert_arriving(source, JOB_MP4, NULL, &run);
        const char *output = scratch_path("%s/output.mp4", strrchr(folder, '/') + 1);
        assert_int_equal(oracle_frames(output), oracle_frames(source));
        assert_float_equal(oracle_end_seconds(output, "a:0"), oracle_end_seconds(source, "a:0"),
                           0.05);
        oracle_decodes(output);
    }
}

static double samples_of(const char *path)
{
    return oracle_number("ffmpeg -v error -i '%s' -map a:0 -f s16le - | wc -c", path);
}

static void sounds_become_what_whole_ones_become(void **state)
{
    (void)state;
    static const char *const names[] = { "s.wav", "s.flac", "s.ogg", "s.mp3", "s.aac", "s.mka" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = make(names[i], "-vn");
        struct job_run whole, run;
        const char *expected = convert(source, JOB_MP3, NULL, &whole);
        const char *folder = convert_arriving(source, JOB_MP3, NULL, &run);
        const char *output = scratch_path("%s/output.mp3", strrchr(folder, '/') + 1);
        const char *other = scratch_path("%s/output.mp3", strrchr(expected, '/') + 1);
        if (samples_of(output) != samples_of(other))
            fail_msg("%s: %.0f bytes of sound, not %.0f", names[i], samples_of(output),
                     samples_of(other));
    }
}

static enum es_code probe_share(const char *path, double share, struct media_facts *ret_facts)
{
    static struct es_arena arena;
    struct es_err err = { 0 };
    struct arrival arrival;
    struct engine_input input = arriving(&arrival, path, share);
    enum es_code code = engine_probe(&input, NULL, &arena, ret_facts, &err);
    file_input_close(&arrival.file);
    return code;
}

static void a_head_tells_what_it_is(void **state)
{
    (void)state;
    static const char *const names[] = { "front.mp4", "film.mkv", "film.ts", "s.wav",
                                         "s.flac",    "s.ogg",    "s.mp3",   "s.aac" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *source = scratch_path("%s", names[i]);
        struct media_facts head, whole;
        if (probe_share(source, 0.8, &head) || probe_share(source, 1, &whole))
            fail_msg("%s cannot be told by its head", names[i]);
        assert_string_equal(head.content_type, whole.content_type);
        assert_int_equal(head.stream_count, whole.stream_count);
        struct media_facts nothing;
        assert_int_equal(probe_share(source, 0.0005, &nothing), ES_UNAVAILABLE);
    }
}

static void what_must_be_whole_is_waited_for(void **state)
{
    (void)state;
    struct media_facts facts;
    assert_int_equal(probe_share(make("back.mp4", FILM), 0.9, &facts), ES_UNAVAILABLE);
    assert_int_equal(probe_share(make("film.avi", "-c:v mpeg4 -c:a libmp3lame"), 0.9, &facts),
                     ES_UNAVAILABLE);
}

static void what_is_no_media_is_told_by_its_head(void **state)
{
    (void)state;
    oracle_do("yes 'only words and more words' | head -c 4000000 > words.txt");
    struct media_facts facts;
    assert_int_equal(probe_share(scratch_path("words.txt"), 0.5, &facts), ES_MEDIA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(films_become_what_whole_ones_become),
        cmocka_unit_test(a_copy_of_what_arrives_is_whole),
        cmocka_unit_test(mp4_from_what_arrives),
        cmocka_unit_test(sounds_become_what_whole_ones_become),
        cmocka_unit_test(a_head_tells_what_it_is),
        cmocka_unit_test(what_must_be_whole_is_waited_for),
        cmocka_unit_test(what_is_no_media_is_told_by_its_head),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
