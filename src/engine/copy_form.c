/* Packets into MP4's form. */
#include "engine/copy_form.h"

#include <libavutil/mem.h>
#include <string.h>

#include "base/es_buf.h"
#include "wire/adts.h"
#include "wire/avc.h"

bool copy_form_is_plain(const AVCodecParameters *codec)
{
    switch (codec->codec_id) {
    case AV_CODEC_ID_H264: /* the record begins with its version, Annex B with a start code */
        return codec->extradata_size > 0 && codec->extradata[0] == 1;
    case AV_CODEC_ID_AAC:
        return codec->extradata_size > 0;
    default:
        return true;
    }
}

void copy_form_put_header(AVCodecParameters *codec, const struct copy_header *header)
{
    av_freep(&codec->extradata);
    codec->extradata = av_mallocz(header->size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!codec->extradata)
        abort();
    memcpy(codec->extradata, header->bytes, header->size);
    codec->extradata_size = (int)header->size;
}

/* High frequencies that are made up are not told of here: where the decoder has found some, the
 * rates differ. */
static bool read_adts(const AVCodecParameters *codec, const AVPacket *packet,
                      struct adts_header *ret_header)
{
    return adts_read(packet->data, (size_t)packet->size, ret_header) &&
           ret_header->block_count == 1 && ret_header->frame_bytes == (size_t)packet->size &&
           ret_header->sample_rate == codec->sample_rate && ret_header->channels > 0;
}

bool copy_form_set_header(AVCodecParameters *codec, const AVPacket *first)
{
    if (codec->codec_id == AV_CODEC_ID_AAC) {
        struct adts_header adts;
        if (!read_adts(codec, first, &adts))
            return false;
        copy_form_put_header(codec, &(struct copy_header){ adts.config, ADTS_CONFIG_BYTES });
        return true;
    }
    es_auto_buf record = { 0 };
    if (codec->codec_id != AV_CODEC_ID_H264 || codec->extradata_size <= 0 ||
        !avc_record_append(codec->extradata, (size_t)codec->extradata_size, &record) ||
        record.size > COPY_HEADER_BYTES_MAX)
        return false;
    copy_form_put_header(codec,
                         &(struct copy_header){ (const uint8_t *)record.bytes, record.size });
    return true;
}

static bool is_same_header(const AVCodecParameters *codec, const AVPacket *packet)
{
    size_t size = 0;
    const uint8_t *header = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &size);
    return !header ||
           (size == (size_t)codec->extradata_size && memcmp(header, codec->extradata, size) == 0);
}

static bool count_units(const AVCodecParameters *codec, AVPacket *packet)
{
    es_auto_buf counted = { 0 };
    if (!avc_append_counted(codec->extradata, (size_t)codec->extradata_size, packet->data,
                            (size_t)packet->size, &counted))
        return false;
    AVBufferRef *buffer = av_buffer_alloc(counted.size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!buffer)
        abort();
    memcpy(buffer->data, counted.bytes, counted.size);
    memset(buffer->data + counted.size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    av_buffer_unref(&packet->buf);
    packet->buf = buffer;
    packet->data = buffer->data;
    packet->size = (int)counted.size;
    return true;
}

bool copy_form_apply(const AVCodecParameters *codec, bool is_plain, AVPacket *packet)
{
    if (is_plain)
        return is_same_header(codec, packet);
    if (codec->codec_id == AV_CODEC_ID_H264)
        return count_units(codec, packet);
    struct adts_header adts;
    if (!read_adts(codec, packet, &adts) || codec->extradata_size != ADTS_CONFIG_BYTES ||
        memcmp(adts.config, codec->extradata, ADTS_CONFIG_BYTES) != 0)
        return false;
    packet->data += adts.header_bytes;
    packet->size -= (int)adts.header_bytes;
    return true;
}
