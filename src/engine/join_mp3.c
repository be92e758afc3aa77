/* One MP3 file from spans of frames: each goes over into the next where mp3_graft says, and libav's
 * muxer writes what stands around them. Holds one overlap at a time, whatever the length. */
#include <string.h>

#include "base/es_buf.h"
#include "engine/av_error.h"
#include "engine/encoder.h"
#include "engine/join.h"
#include "engine/mp3_file.h"
#include "engine/reporter.h"
#include "engine/tags.h"
#include "wire/mp3_frames.h"

#include <libavutil/intreadwrite.h>

#define READ_BYTES        (64 * 1024)
#define OVERLAP_BYTES_MAX (MP3_GRAFT_OVERLAP_FRAMES * MP3_FRAME_BYTES_MAX)

/* A part's object, read in order. */
struct frame_reader {
    const struct part_result *result;
    struct engine_input input;
    bool is_open;
    int64_t offset;      /* of the bytes that will be read next */
    struct es_buf bytes; /* what is read */
    size_t used;         /* of it */
    int64_t frame;       /* the number of the frame that comes next */
};

struct mp3_join {
    const struct join *join;
    struct reporter reporter;
    struct mp3_file *file;
    AVPacket *packet; /* the last frame, held back until it is known to be the last or not */
    int64_t frame_count;
    int frame_samples, sample_rate;
    struct frame_reader readers[2], *left, *right;
    size_t next_part;
    int rough_joins;
    struct loudness_tally loudness; /* of the parts so far */
};

static void close_reader(const struct join *join, struct frame_reader *reader)
{
    if (reader->is_open)
        join->source->close(join->source->context, &reader->input);
    es_buf_release(&reader->bytes);
    *reader = (struct frame_reader){ 0 };
}

/* Opens the next part that made anything; result NULL where there is none. */
static enum es_code open_reader(struct mp3_join *mp3, struct frame_reader *reader,
                                struct es_err *reterr)
{
    const struct join *join = mp3->join;
    close_reader(join, reader);
    while (mp3->next_part < join->part_count && !join->results[mp3->next_part].object)
        mp3->next_part++;
    if (mp3->next_part == join->part_count)
        return ES_OK;
    const struct part_result *result = &join->results[mp3->next_part++];
    if (!result->span.is_one_of_many)
        return es_fail(reterr, ES_INVALID, "a part among others that is no span");
    enum es_code code =
        join->source->open(join->source->context, result->object, &reader->input, reterr);
    reader->is_open = code == ES_OK;
    reader->result = result;
    if (result->loudness)
        loudness_tally_add(&mp3->loudness, result->loudness);
    reader->frame = result->span.first_frame;
    return code;
}

/* Makes `size` bytes be there, or all that are left. */
static enum es_code fill(struct frame_reader *reader, size_t size, struct es_err *reterr)
{
    struct es_buf *bytes = &reader->bytes;
    if (bytes->size - reader->used >= size)
        return ES_OK;
    es_buf_consume(bytes, reader->used);
    reader->used = 0;
    while (bytes->size < size && reader->offset < reader->input.size_bytes) {
        size_t got = 0;
        es_buf_reserve(bytes, READ_BYTES);
        enum es_code code =
            reader->input.read(reader->input.context, reader->offset, bytes->bytes + bytes->size,
                               READ_BYTES, &got, reterr);
        if (code != ES_OK)
            return code;
        if (got == 0)
            break;
        bytes->size += got;
        reader->offset += (int64_t)got;
    }
    return ES_OK;
}

static uint8_t *reader_bytes(struct frame_reader *reader, size_t *ret_size)
{
    *ret_size = reader->bytes.size - reader->used;
    return *ret_size ? (uint8_t *)reader->bytes.bytes + reader->used : NULL;
}

/* The frame that the reader stands at; size 0 at the end. */
static enum es_code look_at_frame(struct frame_reader *reader, struct mp3_frame *ret_frame,
                                  struct es_err *reterr)
{
    enum es_code code = fill(reader, MP3_FRAME_BYTES_MAX, reterr);
    size_t size;
    const uint8_t *bytes = reader_bytes(reader, &size);
    *ret_frame = (struct mp3_frame){ 0 };
    if (code != ES_OK || size == 0)
        return code;
    return mp3_frame_read(bytes, size, ret_frame)
               ? ES_OK
               : es_fail(reterr, ES_INVALID, "a part holds what is no MP3 frame");
}

/* What the encoder says with its first packet and with its last: samples that do not belong to the
 * sound, at the beginning and at the end. The muxer writes them into the header. */
static void set_skip(AVPacket *packet, int at_begin, int at_end)
{
    uint8_t *skip = av_packet_new_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, MP3_SKIP_BYTES);
    if (!skip)
        abort();
    memset(skip, 0, MP3_SKIP_BYTES);
    AV_WL32(skip, at_begin);
    AV_WL32(skip + 4, at_end);
}

static enum es_code write_held(struct mp3_join *mp3, struct es_err *reterr)
{
    if (mp3->frame_count == 0)
        return ES_OK;
    enum es_code code = mp3_file_add(mp3->file, mp3->packet, reterr);
    av_packet_unref(mp3->packet);
    double seconds = (double)mp3->frame_count * mp3->frame_samples / mp3->sample_rate;
    return code == ES_OK ? reporter_tick(&mp3->reporter, seconds, reterr) : code;
}

/* Writes the left one's frames up to (not) the one of that number, or to its end. */
static enum es_code write_until(struct mp3_join *mp3, int64_t end_frame, struct es_err *reterr)
{
    struct frame_reader *reader = mp3->left;
    while (reader->frame < end_frame) {
        struct mp3_frame frame;
        enum es_code code = look_at_frame(reader, &frame, reterr);
        if (code == ES_OK && frame.size_bytes == 0)
            return ES_OK;
        if (code == ES_OK)
            code = write_held(mp3, reterr);
        if (code != ES_OK)
            return code;
        if (av_new_packet(mp3->packet, (int)frame.size_bytes) < 0)
            abort();
        memcpy(mp3->packet->data, reader->bytes.bytes + reader->used, frame.size_bytes);
        mp3->packet->pts = mp3->packet->dts = mp3->frame_count * mp3->frame_samples;
        mp3->packet->duration = mp3->frame_samples;
        mp3->packet->flags |= AV_PKT_FLAG_KEY;
        if (mp3->frame_count == 0)
            set_skip(mp3->packet, reader->result->span.delay, 0);
        mp3->frame_count++;
        reader->used += frame.size_bytes;
        reader->frame++;
    }
    return ES_OK;
}

/* Goes over from the left one, which stands at the overlap, into the right one. */
static enum es_code graft(struct mp3_join *mp3, struct es_err *reterr)
{
    struct frame_reader *left = mp3->left, *right = mp3->right;
    enum es_code code = fill(left, OVERLAP_BYTES_MAX, reterr);
    if (code == ES_OK)
        code = fill(right, OVERLAP_BYTES_MAX, reterr);
    if (code != ES_OK)
        return code;
    size_t left_size, right_size;
    uint8_t *left_bytes = reader_bytes(left, &left_size);
    const uint8_t *right_bytes = reader_bytes(right, &right_size);
    struct mp3_graft found;
    code = mp3_graft(left_bytes, right_bytes, left_size < right_size ? left_size : right_size,
                     &found, reterr);
    if (code == ES_OK)
        code = write_until(mp3, right->frame + (int64_t)found.frame, reterr);
    if (code != ES_OK)
        return code;
    mp3->rough_joins += !found.is_clean;
    right->used += found.offset_bytes;
    right->frame += (int64_t)found.frame;
    mp3->left = right;
    mp3->right = left;
    return ES_OK;
}

static enum es_code copy_frames(struct mp3_join *mp3, struct es_err *reterr)
{
    for (;;) {
        const struct span_result *span = &mp3->left->result->span;
        close_reader(mp3->join, mp3->right);
        enum es_code code = span->is_end ? ES_OK : open_reader(mp3, mp3->right, reterr);
        if (code != ES_OK)
            return code;
        const struct part_result *next = mp3->right->result;
        code = write_until(mp3, next ? next->span.first_frame : INT64_MAX, reterr);
        if (code != ES_OK || !next)
            return code;
        code = graft(mp3, reterr);
        if (code != ES_OK)
            return es_wrap(reterr, code, "joining at frame %lld",
                           (long long)next->span.first_frame);
    }
}

/* The muxer's view of the frames, by the first of them. */
static enum es_code open_file(struct mp3_join *mp3, struct es_err *reterr)
{
    const struct join *join = mp3->join;
    const struct span_result *span = &mp3->left->result->span;
    struct mp3_frame frame;
    enum es_code code = look_at_frame(mp3->left, &frame, reterr);
    if (code != ES_OK)
        return code;
    if (frame.size_bytes == 0)
        return es_fail(reterr, ES_INVALID, "the first part holds no frames");
    mp3->frame_samples = frame.sample_count;
    mp3->sample_rate = frame.sample_rate;
    es_auto(AVCodecParameters) codec = avcodec_parameters_alloc();
    es_auto(AVCodecParameters) picture_codec = avcodec_parameters_alloc();
    es_auto(AVPacket) picture = packet_new();
    if (!codec || !picture_codec)
        abort();
    codec->codec_type = AVMEDIA_TYPE_AUDIO;
    codec->codec_id = AV_CODEC_ID_MP3;
    codec->bit_rate = span->bitrate_kbps * INT64_C(1000);
    codec->sample_rate = frame.sample_rate;
    codec->frame_size = frame.sample_count;
    codec->initial_padding = span->delay;
    av_channel_layout_default(&codec->ch_layout, frame.channel_count);
    code = join_read_picture(join, picture, &picture_codec->codec_id, reterr);
    if (code != ES_OK)
        return code;
    struct mp3_file_settings settings = {
        .name = job_output_name(JOB_MP3),
        .codec = codec,
        .time_base = { 1, frame.sample_rate },
        .tags = join->spec->tags,
        .tag_count = join->spec->tag_count,
        .has_gain_room = !replay_gain_is_among(join->spec->tags, join->spec->tag_count),
        .chapters = join->spec->chapters,
        .chapter_count = join->spec->chapter_count,
        .picture_codec = picture_codec,
        .picture = picture->size ? picture : NULL,
    };
    return mp3_file_open(join->host, &settings, &mp3->file, reterr);
}

static enum es_code run(struct mp3_join *mp3, struct engine_outcome *ret_outcome,
                        struct es_err *reterr)
{
    enum es_code code = open_reader(mp3, mp3->left, reterr);
    if (code == ES_OK && !mp3->left->result)
        code = es_fail_word(reterr, ES_MEDIA, "media_damaged", "no part found anything to convert");
    if (code == ES_OK)
        code = open_file(mp3, reterr);
    if (code == ES_OK)
        code = copy_frames(mp3, reterr);
    if (code != ES_OK)
        return code;
    if (mp3->frame_count > 1)
        set_skip(mp3->packet, 0, mp3->left->result->span.end_padding);
    int kbps = mp3->left->result->span.bitrate_kbps;
    struct replay_gain gain = replay_gain_of(&mp3->loudness, encoder_level_db(JOB_MP3, kbps));
    int64_t size_bytes = 0;
    code = write_held(mp3, reterr);
    if (code == ES_OK)
        code = mp3_file_finish(mp3->file, &gain, &size_bytes, reterr);
    if (code != ES_OK)
        return code;
    const char **objects = es_new_array(mp3->join->arena, const char *, 1);
    objects[0] = job_output_name(JOB_MP3);
    *ret_outcome = (struct engine_outcome){
        .output_size_bytes = size_bytes,
        .objects = objects,
        .object_count = 1,
        .details = join_rough_remark(mp3->join, mp3->rough_joins),
    };
    return ES_OK;
}

enum es_code join_mp3(const struct join *join, struct engine_outcome *ret_outcome,
                      struct es_err *reterr)
{
    struct mp3_join mp3 = {
        .join = join,
        .reporter = { .host = join->host,
                      .weight_seconds = join->spec->weight_seconds,
                      .timeline_seconds = join->spec->duration_seconds },
        .packet = packet_new(),
    };
    mp3.left = &mp3.readers[0];
    mp3.right = &mp3.readers[1];
    enum es_code code = run(&mp3, ret_outcome, reterr);
    close_reader(join, mp3.left);
    close_reader(join, mp3.right);
    if (mp3.file)
        mp3_file_close(mp3.file);
    av_packet_free(&mp3.packet);
    return code;
}
