/* The allow-lists. Constant tables; any thread. */
#include "engine/allowed.h"

#include <libavutil/avstring.h>

const char allowed_demuxers[] =
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dv,eac3,flac,flv,gsm,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nut,ogg,rm,tak,tta,voc,w64,"
    "wav,wv,xwma";

const char allowed_decoders[] =
    /* audio */
    "aac,aac_latm,ac3,eac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,alac,amrnb,"
    "amrwb,"
    "ape,cook,dca,flac,gsm,gsm_ms,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3float,mpc7,mpc8,nellymoser,"
    "opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,"
    "pcm_s16be_planar,pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24le,pcm_s24le_planar,pcm_s32be,"
    "pcm_s32le,pcm_s32le_planar,pcm_s8,pcm_s8_planar,pcm_u16be,pcm_u16le,pcm_u8,qdm2,ra_144,ra_288,"
    "sipr,speex,tak,truehd,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice,"
    /* video */
    "av1,libdav1d,cinepak,dnxhd,dvvideo,ffv1,ffvhuff,flv,h261,h263,h263i,h263p,h264,hevc,huffyuv,"
    "indeo2,indeo3,indeo4,indeo5,mjpeg,mjpegb,mpeg1video,mpeg2video,mpeg4,mpegvideo,msmpeg4,"
    "msmpeg4v1,msmpeg4v2,msvideo1,prores,qtrle,rawvideo,rv10,rv20,rv30,rv40,svq1,svq3,theora,"
    "utvideo,"
    "vc1,vp6,vp6f,vp7,vp8,vp9,wmv1,wmv2,wmv3,yuv4,v210,"
    /* subtitles of text */
    "ass,mov_text,srt,ssa,subrip,text,webvtt,"
    /* pictures in tags */
    "bmp,gif,png,webp";

const AVCodec *allowed_decoder(enum AVCodecID codec_id)
{
    const AVCodec *decoder = avcodec_find_decoder(codec_id);
    return decoder && av_match_list(decoder->name, allowed_decoders, ',') ? decoder : NULL;
}
