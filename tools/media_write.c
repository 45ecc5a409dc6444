/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media.h"

#include <libavcodec/avcodec.h>
#include <libavutil/base64.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "output.h"
#include "util.h"

/* What the encoder of each format takes for 1, 2, 3 and 4 channels. */
typedef struct PictureFormat {
    const char *suffix;
    enum AVCodecID codec;
    enum AVPixelFormat pixels[4];
    bool keeps_alpha;
} PictureFormat;

static const PictureFormat picture_formats[] = {
    {"png", AV_CODEC_ID_PNG, {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA}, true},
    {"jpg", AV_CODEC_ID_MJPEG,
     {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ444P}, false},
    {"jpeg", AV_CODEC_ID_MJPEG,
     {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ444P}, false},
    {"webp", AV_CODEC_ID_WEBP, {AV_PIX_FMT_BGRA, AV_PIX_FMT_BGRA, AV_PIX_FMT_BGRA, AV_PIX_FMT_BGRA}, true},
    {"ppm", AV_CODEC_ID_PPM, {AV_PIX_FMT_RGB24, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGB24}, false},
    {"pam", AV_CODEC_ID_PAM, {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA}, true},
};

static const PictureFormat *find_format(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(picture_formats) / sizeof(*picture_formats); i++)
        if (!strcasecmp(dot + 1, picture_formats[i].suffix))
            return &picture_formats[i];
    return NULL;
}

int media_writable(const char *path, bool *keeps_alpha, NstError *err)
{
    const PictureFormat *format = find_format(path);
    if (!format)
        return fail(err, NST_EUNSUPPORTED, "%s: a name that ends in .png, .jpg, .webp, .ppm or .pam expected", path);
    if (!avcodec_find_encoder(format->codec))
        return fail(err, NST_EUNSUPPORTED, "%s: FFmpeg's libraries here have no encoder for .%s; take .png", path,
                    format->suffix);
    if (keeps_alpha)
        *keeps_alpha = format->keeps_alpha;
    return NST_OK;
}

/* The bitmap as a frame of the encoder's pixel format. */
static int fill_frame(AVFrame *frame, const Bitmap *bitmap)
{
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA};
    const uint8_t *planes[4] = {bitmap->data};
    int strides[4] = {bitmap->width * bitmap->channels};
    struct SwsContext *sws =
        sws_getContext(bitmap->width, bitmap->height, formats[bitmap->channels - 1], bitmap->width, bitmap->height,
                       frame->format, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT, NULL, NULL,
                       NULL);
    if (!sws)
        return AVERROR(EINVAL);
    if (frame->format == AV_PIX_FMT_YUVJ444P)
        sws_setColorspaceDetails(sws, sws_getCoefficients(SWS_CS_DEFAULT), 1, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                                 1 << 16, 1 << 16);
    int rows = sws_scale(sws, planes, strides, 0, bitmap->height, frame->data, frame->linesize);
    sws_freeContext(sws);
    return rows == bitmap->height ? 0 : AVERROR_EXTERNAL;
}

static int make_frame(AVFrame **out, const Bitmap *bitmap, enum AVPixelFormat format)
{
    AVFrame *frame = *out = av_frame_alloc();
    if (!frame)
        return AVERROR(ENOMEM);
    frame->width = bitmap->width;
    frame->height = bitmap->height;
    frame->format = format;
    int result = av_frame_get_buffer(frame, 0);
    return result < 0 ? result : fill_frame(frame, bitmap);
}

static int open_encoder(AVCodecContext **out, const PictureFormat *format, const AVFrame *frame)
{
    const AVCodec *codec = avcodec_find_encoder(format->codec);
    AVCodecContext *context = *out = avcodec_alloc_context3(codec);
    if (!context)
        return AVERROR(ENOMEM);
    context->width = frame->width;
    context->height = frame->height;
    context->pix_fmt = frame->format;
    context->time_base = (AVRational){1, 1};
    context->thread_count = 1;
    if (format->codec == AV_CODEC_ID_MJPEG) {
        context->flags |= AV_CODEC_FLAG_QSCALE;
        context->global_quality = 2 * FF_QP2LAMBDA;
    }
    if (format->codec == AV_CODEC_ID_PNG)
        av_opt_set(context, "pred", "mixed", AV_OPT_SEARCH_CHILDREN);
    if (format->codec == AV_CODEC_ID_WEBP)
        av_opt_set(context, "quality", "95", AV_OPT_SEARCH_CHILDREN);
    return avcodec_open2(context, codec, NULL);
}

static int encode(AVPacket *packet, const Bitmap *bitmap, const PictureFormat *format)
{
    AVCodecContext *context = NULL;
    AVFrame *frame = NULL;
    int result = make_frame(&frame, bitmap, format->pixels[bitmap->channels - 1]);
    if (result >= 0)
        result = open_encoder(&context, format, frame);
    if (result >= 0) {
        frame->quality = context->global_quality;
        result = avcodec_send_frame(context, frame);
    }
    if (result >= 0)
        result = avcodec_send_frame(context, NULL);
    if (result >= 0)
        result = avcodec_receive_packet(context, packet);
    avcodec_free_context(&context);
    av_frame_free(&frame);
    return result;
}

static int write_file(const char *path, const void *data, size_t size, NstError *err)
{
    NstOutput output;
    NST_TRY(output_open(&output, path, err));
    return output_close(&output, output_write(&output, data, size, err), err);
}

/* The file's bytes in a new packet */
static int make_packet(AVPacket **out, const Bitmap *bitmap, const char *path, NstError *err)
{
    NST_TRY(media_writable(path, NULL, err));
    AVPacket *packet = *out = av_packet_alloc();
    if (!packet)
        return fail(err, NST_ENOMEM, "%s: out of memory", path);
    const int result = encode(packet, bitmap, find_format(path));
    if (result >= 0)
        return NST_OK;
    av_packet_free(out);
    return fail(err, NST_EUNSUPPORTED, "%s: a picture of %dx%d pixels could not be encoded (%s)", path, bitmap->width,
                bitmap->height, av_err2str(result));
}

int media_write(const Bitmap *bitmap, const char *path, NstError *err)
{
    AVPacket *packet;
    NST_TRY(make_packet(&packet, bitmap, path, err));
    const int code = write_file(path, packet->data, (size_t)packet->size, err);
    av_packet_free(&packet);
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}

int media_data_uri(const Bitmap *bitmap, char **uri, NstError *err)
{
    static const char head[] = "data:image/jpeg;base64,";
    AVPacket *packet;
    *uri = NULL;
    NST_TRY(make_packet(&packet, bitmap, "picture.jpg", err));
    const int room = AV_BASE64_SIZE(packet->size);
    *uri = malloc(sizeof(head) + (size_t)room);
    if (*uri) {
        memcpy(*uri, head, sizeof(head));
        av_base64_encode(*uri + sizeof(head) - 1, room, packet->data, packet->size);
    }
    av_packet_free(&packet);
    return *uri ? NST_OK : fail(err, NST_ENOMEM, "out of memory");
}
