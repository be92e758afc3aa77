/* MP3 in spans: at every join what one encoder would have made, as far as ears and headers can
 * tell. The judge is the ffmpeg program's file, which one encoder has made. */
#include <math.h>

#include "../unit/test.h"
#include "base/es_file.h"
#include "engine/part_result.h"
#include "engine/spec.h"
#include "model/mp3_plan.h"
#include "oracle.h"
#include "wire/mp3_frames.h"

#define FRAME_SAMPLES  1152
#define DELAY_SAMPLES  1105
/* Two encoders spend their bits a little differently from frame to frame; a join that lost anything
 * would be tens of decibels down. */
#define FRAME_LOSS_MAX (-4.0)
#define MEAN_LOSS_MAX  (-0.3)

static const char *output_of(const char *folder)
{
    return scratch_path("%s/output.mp3", strrchr(folder, '/') + 1);
}

static const char *make_reference(const char *source, int kbps)
{
    oracle_do("ffmpeg -y -v error -i '%s' -vn -ar 44100 -ac 2 -b:a %dk reference.mp3", source,
              kbps);
    return scratch_path("reference.mp3");
}

/* The frames behind the tags; the first is the Xing/LAME header. */
struct frames {
    struct es_buf file;
    size_t count, offsets[60000];
};

static struct frames *read_frames(const char *path)
{
    struct frames *frames = es_malloc(sizeof(*frames));
    frames->file = file_bytes(path);
    struct mp3_frame frame;
    for (size_t at = (size_t)id3_bytes(path); at < frames->file.size; at += frame.size_bytes) {
        assert_true(
            mp3_frame_read((uint8_t *)frames->file.bytes + at, frames->file.size - at, &frame));
        assert_true(frames->count < 60000);
        frames->offsets[frames->count++] = at;
    }
    return frames;
}

static void free_frames(struct frames *frames)
{
    es_buf_release(&frames->file);
    free(frames);
}

/* The sizes of all frames, and what the header says of length, delay and padding. */
static void assert_same_shape(const char *mp3, const char *reference)
{
    struct frames *a = read_frames(mp3), *b = read_frames(reference);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_int_equal(a->offsets[i] - a->offsets[0], b->offsets[i] - b->offsets[0]);
    /* The header, up to the padding at the end (ffmpeg's is not right) and the checksums. */
    const char *left = a->file.bytes + a->offsets[0], *right = b->file.bytes + b->offsets[0];
    assert_memory_equal(left, right, 178);
    free_frames(a);
    free_frames(b);
}

static struct es_buf decode(const char *path)
{
    oracle_do("ffmpeg -y -v error -i '%s' -ac 1 -ar 44100 -f f32le decoded.f32", path);
    return file_bytes(scratch_path("decoded.f32"));
}

/* How much louder than its error a frame is, in decibels. */
static double frame_snr(const struct es_buf *decoded, const struct es_buf *source, int64_t frame)
{
    const float *a = (const float *)(const void *)decoded->bytes;
    const float *b = (const float *)(const void *)source->bytes;
    double power = 1e-9, error = 1e-12;
    int64_t begin = frame * FRAME_SAMPLES - DELAY_SAMPLES;
    for (int64_t i = begin > 0 ? begin : 0; i < begin + FRAME_SAMPLES; i++) {
        power += (double)b[i] * b[i];
        error += pow((double)a[i] - b[i], 2);
    }
    return 10 * log10(power / error);
}

static void assert_joins(const char *path, const struct job_options *options, size_t part_count)
{
    int kbps = options && options->bitrate_kbps ? options->bitrate_kbps : 192;
    struct job_run run;
    const char *mp3 = output_of(convert(path, JOB_MP3, options, &run));
    const char *reference = make_reference(path, kbps);
    assert_int_equal(run.part_count, part_count + 1);
    assert_null(run.outcome.details);
    assert_same_shape(mp3, reference);
    oracle_decodes(mp3);
    es_auto_buf ours = decode(mp3), theirs = decode(reference), source = decode(path);
    assert_int_equal(ours.size, source.size);
    es_auto_arena arena = { 0 };
    for (size_t part = 1; part < part_count; part++) {
        struct part_spec spec;
        struct es_err err;
        assert_ok(part_spec_read(run.parts[part].spec, &arena, &spec, &err), err);
        int64_t first = spec.audio.span.first_frame;
        assert_int_equal(first % mp3_padding_period(44100), 0);
        double worst = 0, mean = 0;
        for (int64_t i = first; i < first + 60; i++) {
            double difference = frame_snr(&ours, &source, i) - frame_snr(&theirs, &source, i);
            worst = difference < worst ? difference : worst;
            mean += difference / 60;
        }
        if (worst < FRAME_LOSS_MAX || mean < MEAN_LOSS_MAX)
            fail_msg("at frame %lld: %.2f dB, at worst %.2f dB", (long long)first, mean, worst);
    }
}

static void test_joins_of_real_music(void **state)
{
    (void)state;
    const char *ogg = oracle_real_media("music-9min.ogg");
    const char *flac = oracle_real_media("music-139s.flac");
    struct job_options low = { .bitrate_kbps = 64 }, high = { .bitrate_kbps = 320 };
    if (ogg)
        assert_joins(ogg, NULL, 10);
    if (flac) {
        assert_joins(flac, NULL, 2);
        assert_joins(flac, &low, 2);
        assert_joins(flac, &high, 2);
    }
}

/* An hour's worth of joins is too long for a test: spans as short as they get, in mono and from a
 * rate that is resampled, with a source that is read from the beginning by every part. */
static void test_joins_of_made_sound(void **state)
{
    (void)state;
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i 'aevalsrc=sin(330*2*PI*t)*sin(2*t)/2+random(0)/9:d=150:"
        "s=48000' -c:a flac made.flac && ffmpeg -y -v error -i made.flac -c copy made.mkv");
    assert_joins(scratch_path("made.flac"), NULL, 2);
    assert_joins(scratch_path("made.mkv"), NULL, 2);
}

static void test_parts_in_any_order_and_done_again_give_the_same_bytes(void **state)
{
    (void)state;
    const char *flac = oracle_real_media("music-139s.flac");
    if (!flac)
        return;
    es_auto_arena arena = { 0 };
    struct es_err err;
    struct engine_input input;
    struct job_options options = { 0 };
    struct job_run run;
    struct host_folder host;
    assert_ok(file_input_open(flac, &input, &err), err);
    oracle_do("mkdir -p backwards");
    host_folder_init(&host, scratch_path("backwards"));
    assert_ok(host_folder_run(&host, &input, JOB_MP3, &options, true, &arena, &run, &err), err);
    const char *forwards = output_of(convert(flac, JOB_MP3, NULL, NULL));
    assert_true(files_are_equal(scratch_path("backwards/output.mp3"), 0, forwards, 0));
    host_folder_release(&host);
    file_input_close(&input);
}

static void test_tags_and_cover_art_come_with_the_join(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 cover.png && "
              "ffmpeg -y -v error -f lavfi -i sine=d=130 -i cover.png -map 0 -map 1 -c:a flac "
              "-c:v copy -disposition:v attached_pic -metadata title='El título' tagged.flac");
    struct job_run run;
    const char *mp3 = output_of(convert(scratch_path("tagged.flac"), JOB_MP3, NULL, &run));
    assert_int_equal(run.part_count, 3);
    oracle_do("ffprobe -v error -show_entries format_tags=title -of csv=p=0 '%s' "
              "| grep -qx 'El título'",
              mp3);
    oracle_do("ffmpeg -y -v error -i '%s' -map 0:v -c copy -f image2 -update 1 back.png && "
              "cmp back.png cover.png",
              mp3);
    oracle_decodes(mp3);
}

static void test_a_trim_ends_at_its_sample(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=200:r=44100' t.wav");
    struct job_options options = { .start_seconds = 3.5, .end_seconds = 190.25 };
    struct job_run run;
    const char *mp3 = output_of(convert(scratch_path("t.wav"), JOB_MP3, &options, &run));
    assert_int_equal(run.part_count, 5);
    es_auto_buf decoded = decode(mp3);
    assert_int_equal(decoded.size / sizeof(float), (long)(186.75 * 44100));
    oracle_do("ffmpeg -y -v error -ss 3.5 -to 190.25 -i t.wav cut.wav");
    es_auto_buf source = decode(scratch_path("cut.wav"));
    for (int64_t i = 100; i < 7000; i += 100)
        assert_true(frame_snr(&decoded, &source, i) > 30);
    oracle_decodes(mp3);
}

/* The source stops in the middle of a later span than its header says. */
static void test_a_source_that_ends_early_ends_the_file(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=400:r=44100' whole.wav && "
              "head -c 20000000 whole.wav > cut-off.wav");
    const char *mp3 = output_of(convert(scratch_path("cut-off.wav"), JOB_MP3, NULL, NULL));
    es_auto_buf decoded = decode(mp3);
    assert_int_equal(decoded.size / sizeof(float), (20000000 - 78) / 2);
    oracle_decodes(mp3);
}

/* ---- the file as the parts foretell it ---- */

static struct es_buf object_bytes(const char *folder, const char *name)
{
    return file_bytes(scratch_path("%s/%s", strrchr(folder, '/') + 1, name));
}

static struct es_buf span_bytes(const char *folder, const struct mp3_layout *layout, size_t span)
{
    es_auto_arena arena = { 0 };
    struct es_buf bytes =
        object_bytes(folder, mp3_part_name(layout->spans[span].part_index, &arena));
    assert_int_equal(bytes.size, mp3_layout_object_bytes(layout, span));
    return bytes;
}

/* One piece of the file, from the parts' objects. */
static void append_piece(const char *folder, const struct mp3_layout *layout,
                         const struct mp3_piece *piece, struct es_buf *file)
{
    struct es_err err;
    size_t size = (size_t)piece->size_bytes;
    if (piece->kind == MP3_PIECE_HEAD) {
        es_auto_buf head = object_bytes(folder, MP3_HEAD_NAME);
        es_buf_append(file, head.bytes, size);
        return;
    }
    es_auto_buf span = span_bytes(folder, layout, piece->span);
    const char *bytes = span.bytes + piece->object_offset;
    if (piece->kind == MP3_PIECE_FRAMES) {
        es_buf_append(file, bytes, size);
        return;
    }
    es_auto_buf left = span_bytes(folder, layout, piece->span - 1);
    char *seam = left.bytes + piece->left_offset;
    assert_ok(mp3_seam((uint8_t *)seam, (const uint8_t *)bytes, size, &err), err);
    es_buf_append(file, seam, size);
}

/* All that the head says of the whole, but for the table of contents and the checksums. */
static void assert_same_head(const char *foretold, const char *final, size_t size)
{
    enum { INFO_FRAME_BYTES = 313, CONTENTS = 36 + 16, CONTENTS_END = CONTENTS + 100, CRCS = 188 };
    struct mp3_frame frame;
    size_t info = 0;
    while (memcmp(final + info, "Info", 4) != 0)
        assert_true(++info + 156 < size);
    info -= 36;
    assert_true(mp3_frame_read((const uint8_t *)foretold + info, size - info, &frame));
    assert_int_equal(frame.size_bytes, size - info);
    for (size_t i = 0; i < info; i++) /* where the loudness is going to stand is room */
        assert_true(foretold[i] == final[i] || foretold[i] == 0);
    assert_memory_equal(foretold + info, final + info, CONTENTS);
    for (size_t i = info + CONTENTS; i < info + CONTENTS_END; i++)
        assert_true(abs((uint8_t)foretold[i] - (uint8_t) final[i]) <= 3);
    size_t padding = info + 36 + 142; /* may be that of the samples a resampler did not give */
    assert_memory_equal(foretold + info + CONTENTS_END, final + info + CONTENTS_END,
                        padding - info - CONTENTS_END);
    assert_memory_equal(foretold + padding + 2, final + padding + 2, info + CRCS - padding - 2);
}

static void assert_foretold(const char *path, const struct job_options *options)
{
    es_auto_arena arena = { 0 };
    struct es_err err;
    struct job_run run;
    const char *folder = convert(path, JOB_MP3, options, &run);
    es_auto_buf final = file_bytes(output_of(folder));
    es_auto_buf head = object_bytes(folder, MP3_HEAD_NAME);
    struct mp3_layout layout;
    assert_ok(mp3_plan_of_parts(run.parts, run.part_count, &arena, &layout, &err), err);
    layout.head_bytes = (int64_t)head.size;
    if (mp3_layout_bytes(&layout) != (int64_t) final.size)
        fail_msg("%s: %lld bytes foretold, %zu made", path, (long long)mp3_layout_bytes(&layout),
                 final.size);
    es_auto_buf foretold = { 0 };
    while ((int64_t)foretold.size < mp3_layout_bytes(&layout)) {
        struct mp3_piece piece = mp3_layout_find(&layout, (int64_t)foretold.size);
        assert_int_equal(piece.offset, foretold.size);
        append_piece(folder, &layout, &piece, &foretold);
    }
    assert_int_equal(foretold.size, final.size);
    assert_memory_equal(foretold.bytes + head.size, final.bytes + head.size,
                        final.size - head.size);
    assert_same_head(foretold.bytes, final.bytes, head.size);
    assert_ok(
        es_file_write(scratch_path("foretold.mp3"), foretold.bytes, foretold.size, 0600, &err),
        err);
    oracle_decodes(scratch_path("foretold.mp3"));
}

static void test_the_file_is_foretold_from_its_parts(void **state)
{
    (void)state;
    static const char *const real[] = { "music-139s.flac", "music-9min.ogg", "music-5min-48k.ogg" };
    static const char *const made[] = {
        "-ar 44100 -t 200.0003 x.wav",
        "-ar 48000 -t 130 x.flac",
        "-ar 32000 -ac 1 -t 140.77 x.wav",
        "-ar 44100 -t 150.3 -c:a aac x.m4a",
        "-ar 48000 -t 150.017 -c:a aac x.mp4",
        "-ar 44100 -t 133.333 -c:a libvorbis x.ogg",
        "-ar 48000 -t 150.3 -c:a alac x.mov",
        "-ar 44100 -t 150.3 -b:a 96k x.mp3",
        "-ar 48000 -t 150.3 -c:a libopus x.opus",
        "-ar 22050 -t 100.5 x.aiff",
    };
    struct job_options options = { .bitrate_kbps = 320,
                                   .start_seconds = 3.5,
                                   .end_seconds = 190.25 };
    for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++)
        if (oracle_real_media(real[i]))
            assert_foretold(oracle_real_media(real[i]), NULL);
    oracle_do("ffmpeg -y -v error -f lavfi -i "
              "'aevalsrc=sin(330*2*PI*t)*sin(2*t)/2+random(0)/9:d=210:s=48000' -ac 2 "
              "-metadata title=Uno -metadata artist=Dos all.wav");
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        oracle_do("ffmpeg -y -v error -i all.wav %s", made[i]);
        assert_foretold(scratch_path("%s", strstr(made[i], "x.")),
                        strstr(made[i], ".mp3") ? &(struct job_options){ .bitrate_kbps = 64 }
                                                : NULL);
    }
    assert_foretold(scratch_path("all.wav"), &options);
}

static void test_the_head_has_cover_art_and_chapters(void **state)
{
    (void)state;
    oracle_do(
        "ffmpeg -y -v error -f lavfi -i testsrc=d=1:s=120x90:r=1 -frames:v 1 cover.png && "
        "printf ';FFMETADATA1\ntitle=El título\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\n"
        "END=50000\ntitle=Uno\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=50000\nEND=130000\n"
        "title=Dos\n' > chapters.txt && "
        "ffmpeg -y -v error -f lavfi -i sine=d=130 -i cover.png -i chapters.txt -map 0 -map 1 "
        "-map_metadata 2 -map_chapters 2 -c:a alac -c:v copy -disposition:v attached_pic "
        "tagged.m4a");
    assert_foretold(scratch_path("tagged.m4a"), NULL);
    oracle_do("ffprobe -v error -show_chapters -show_streams foretold.mp3 > shown.txt && "
              "grep -q 'title=Dos' shown.txt && grep -q codec_name=png shown.txt");
}

/* Where the end is not known for sure, nothing is claimed. */
static void test_what_cannot_be_foretold_is_not(void **state)
{
    (void)state;
    oracle_do("ffmpeg -y -v error -f lavfi -i 'sine=d=150:r=44100' -c:a ac3 made.mkv");
    es_auto_arena arena = { 0 };
    struct es_err err;
    struct job_run run;
    const char *folder = convert(scratch_path("made.mkv"), JOB_MP3, NULL, &run);
    struct mp3_layout layout;
    assert_true(run.part_count > 2);
    assert_int_equal(mp3_plan_of_parts(run.parts, run.part_count, &arena, &layout, &err),
                     ES_NOT_FOUND);
    oracle_do("test ! -e '%s/head.mp3'", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins_of_real_music),
        cmocka_unit_test(test_joins_of_made_sound),
        cmocka_unit_test(test_parts_in_any_order_and_done_again_give_the_same_bytes),
        cmocka_unit_test(test_tags_and_cover_art_come_with_the_join),
        cmocka_unit_test(test_a_trim_ends_at_its_sample),
        cmocka_unit_test(test_a_source_that_ends_early_ends_the_file),
        cmocka_unit_test(test_the_file_is_foretold_from_its_parts),
        cmocka_unit_test(test_the_head_has_cover_art_and_chapters),
        cmocka_unit_test(test_what_cannot_be_foretold_is_not),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
