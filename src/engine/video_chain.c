/* The picture's chain of filters. */
#include "engine/video_chain.h"

#include <libavutil/display.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>

#include "engine/compat.h"

/* Diffuse white in HDR (ITU-R BT.2408, 3): it becomes nearly SDR's white, highlights go above. */
#define WHITE_NITS         203
#define PEAK_NITS_USUAL    1000
#define PEAK_NITS_LEAST    400
#define PEAK_NITS_MOST     10000
#define ASPECT_TOLERANCE   0.02
#define DEINTERLACED_LINES 4 /* the least that the filter takes */
#define PART_BYTES         320

bool frame_is_interlaced(const AVFrame *frame)
{
#ifdef AV_FRAME_FLAG_INTERLACED
    return frame->flags & AV_FRAME_FLAG_INTERLACED;
#else
    return frame->interlaced_frame;
#endif
}

bool frame_is_hdr(const AVFrame *frame)
{
    return frame->color_trc == AVCOL_TRC_SMPTE2084 || frame->color_trc == AVCOL_TRC_ARIB_STD_B67;
}

static bool is_wide(const AVFrame *frame)
{
    return frame->color_primaries == AVCOL_PRI_BT2020 || frame_is_hdr(frame);
}

static bool is_rgb(const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    return format && format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
}

int frame_peak_nits(const AVFrame *frame)
{
    const AVFrameSideData *level = av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    const AVFrameSideData *display =
        av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    double nits = 0;
    if (level)
        nits = ((const AVContentLightMetadata *)(const void *)level->data)->MaxCLL;
    if (nits < PEAK_NITS_LEAST && display) {
        const AVMasteringDisplayMetadata *mastering = (const void *)display->data;
        if (mastering->has_luminance && mastering->max_luminance.den > 0)
            nits = av_q2d(mastering->max_luminance);
    }
    return nits >= PEAK_NITS_LEAST && nits <= PEAK_NITS_MOST ? (int)nits : PEAK_NITS_USUAL;
}

int stream_quarter_turns(const AVStream *stream)
{
    const uint8_t *matrix = stream_display_matrix(stream);
    if (!matrix)
        return 0;
    double degrees = -av_display_rotation_get((const int32_t *)(const void *)matrix);
    if (!isfinite(degrees))
        return 0;
    return ((int)lround(degrees / 90) % 4 + 4) % 4;
}

bool video_chain_is_shared(const AVFrame *a, const AVFrame *b)
{
    return a->format == b->format && a->width == b->width && a->height == b->height &&
           a->colorspace == b->colorspace && a->color_range == b->color_range &&
           a->color_primaries == b->color_primaries && a->color_trc == b->color_trc &&
           a->sample_aspect_ratio.num == b->sample_aspect_ratio.num &&
           a->sample_aspect_ratio.den == b->sample_aspect_ratio.den &&
           (frame_is_interlaced(a) || !frame_is_interlaced(b));
}

/* Where the picture's shape is not the output's, as after a change on the way, bars fill it up. */
static void write_size(const struct video_spec *video, const AVStream *stream, const AVFrame *frame,
                       char *ret_text, size_t size)
{
    const struct rendition_spec *largest = &video->renditions[0];
    bool is_turned = stream_quarter_turns(stream) % 2;
    int width = is_turned ? frame->height : frame->width;
    int height = is_turned ? frame->width : frame->height;
    const char *matrix = is_rgb(frame) ? ":out_color_matrix=bt709:out_range=tv" : "";
    /* An odd row or column is cut off rather than blended into all the others. */
    if ((width & ~1) == largest->width && (height & ~1) == largest->height) {
        snprintf(ret_text, size, "crop=%d:%d:0:0%s%s", largest->width, largest->height,
                 *matrix ? ",scale=" : "", *matrix ? matrix + 1 : "");
        return;
    }
    AVRational own = frame->sample_aspect_ratio.num > 0 ? frame->sample_aspect_ratio
                                                        : stream->sample_aspect_ratio;
    double pixel = own.num > 0 && own.den > 0 ? av_q2d(own) : 1;
    pixel = is_turned ? 1 / pixel : pixel;
    double output_pixel = video->pixel_aspect.num > 0 ? av_q2d(video->pixel_aspect) : 1;
    /* How much wider than the output the picture is. */
    double wider =
        width * pixel / height / ((double)largest->width * output_pixel / largest->height);
    int inner_width = largest->width, inner_height = largest->height;
    if (wider > 1 + ASPECT_TOLERANCE)
        inner_height = (int)fmax(lround(largest->height / wider / 2) * 2, 2);
    else if (wider < 1 - ASPECT_TOLERANCE)
        inner_width = (int)fmax(lround(largest->width * wider / 2) * 2, 2);
    int length = snprintf(ret_text, size, "scale=%d:%d%s", inner_width, inner_height, matrix);
    if (inner_width != largest->width || inner_height != largest->height)
        snprintf(ret_text + length, size - (size_t)length, ",format=%s,pad=%d:%d:%d:%d",
                 is_wide(frame) ? "yuv420p10" : "yuv420p", largest->width, largest->height,
                 (largest->width - inner_width) / 4 * 2, (largest->height - inner_height) / 4 * 2);
}

/* To BT.709. High dynamic range goes by linear light; mid-tones keep their luminance, highlights
 * are rounded off towards the peak. */
static void write_colors(const struct video_spec *video, const AVFrame *frame, char *ret_text,
                         size_t size)
{
    ret_text[0] = '\0';
    if (is_rgb(frame)) {
        snprintf(ret_text, size,
                 ",setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709");
        return;
    }
    if (!is_wide(frame))
        return;
    const char *matrix = frame->colorspace == AVCOL_SPC_BT709       ? "bt709"
                         : frame->colorspace == AVCOL_SPC_BT2020_CL ? "2020_cl"
                                                                    : "2020_ncl";
    const char *primaries = frame->color_primaries == AVCOL_PRI_BT709 ? "bt709" : "bt2020";
    const char *range = frame->color_range == AVCOL_RANGE_JPEG ? "pc" : "tv";
    static const char to_bt709[] = "zscale=p=bt709:t=bt709:m=bt709:r=tv:d=error_diffusion";
    if (!frame_is_hdr(frame)) {
        snprintf(ret_text, size, ",%s:pin=%s:min=%s:rin=%s:tin=%s", to_bt709, primaries, matrix,
                 range, "2020_10");
        return;
    }
    snprintf(ret_text, size,
             ",zscale=m=gbr:t=linear:npl=%d:p=%s:pin=%s:min=%s:rin=%s:tin=%s,format=gbrpf32le,"
             "tonemap=mobius:desat=0:peak=%.4f,%s",
             WHITE_NITS, primaries, primaries, matrix, range,
             frame->color_trc == AVCOL_TRC_SMPTE2084 ? "smpte2084" : "arib-std-b67",
             (double)video->peak_nits / WHITE_NITS, to_bt709);
}

void video_chain_write(const struct video_spec *video, const AVStream *stream, const AVFrame *frame,
                       char ret_chain[VIDEO_CHAIN_BYTES])
{
    static const char *const turns[] = { "", "transpose=clock,", "hflip,vflip,",
                                         "transpose=cclock," };
    char to_size[PART_BYTES], colors[PART_BYTES];
    write_size(video, stream, frame, to_size, sizeof(to_size));
    write_colors(video, frame, colors, sizeof(colors));
    bool is_woven = frame_is_interlaced(frame) && frame->width >= DEINTERLACED_LINES &&
                    frame->height >= DEINTERLACED_LINES;
    snprintf(ret_chain, VIDEO_CHAIN_BYTES, "%s%s%s%s,format=yuv420p,setsar=%d/%d",
             is_woven ? "bwdif=mode=send_frame:deint=interlaced," : "",
             turns[stream_quarter_turns(stream)], to_size, colors, video->pixel_aspect.num,
             video->pixel_aspect.den);
}
