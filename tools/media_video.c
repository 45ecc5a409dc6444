/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames written as a video, or as numbered pictures. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "media.h"
#include "output.h"
#include "util.h"

struct MediaWriter {
    char *path;
    const MediaVideo *like;
    MediaNumber number;
    bool numbered; /* pictures: nothing below is used */
    int frames;
    int64_t last_time;
    NstOutput output; /* renames what `format` has written to its temporary file */
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *sws;
};

static const char *const containers[] = {"mp4", "mkv", "mov"};

static bool is_container(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(containers) / sizeof(*containers); i++)
        if (!strcasecmp(dot + 1, containers[i]))
            return true;
    return false;
}

static const AVCodec *find_encoder(void)
{
    const AVCodec *h264 = avcodec_find_encoder_by_name("libx264");
    return h264 ? h264 : avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

int media_video_writable(const char *path, NstError *err)
{
    MediaNumber number;
    if (media_number(path, &number))
        return media_writable(path, NULL, err);
    if (!is_container(path))
        return fail(err, NST_EUNSUPPORTED, "%s: for a video a name that ends in .mp4, .mkv or .mov expected, or one of "
                    "numbered pictures, such as %%04d.png", path);
    return find_encoder() ? NST_OK : fail(err, NST_EUNSUPPORTED, "%s: FFmpeg's libraries here have no encoder for it",
                                          path);
}

/* ---- opening ---- */

static int open_encoder(MediaWriter *writer, int width, int height)
{
    const AVCodec *codec = find_encoder();
    const AVStream *like = media_video_stream(writer->like);
    AVCodecContext *context = writer->codec = avcodec_alloc_context3(codec);
    if (!context)
        return AVERROR(ENOMEM);
    context->width = width;
    context->height = height;
    context->pix_fmt = AV_PIX_FMT_YUV420P;
    context->time_base = like->time_base;
    context->framerate = like->avg_frame_rate;
    context->sample_aspect_ratio = like->codecpar->sample_aspect_ratio;
    context->color_range = AVCOL_RANGE_MPEG;
    context->colorspace = AVCOL_SPC_BT709;
    context->color_primaries = AVCOL_PRI_BT709;
    context->color_trc = AVCOL_TRC_BT709;
    context->thread_count = 1;
    if (writer->format->oformat->flags & AVFMT_GLOBALHEADER)
        context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (codec->id == AV_CODEC_ID_H264) {
        av_opt_set(context, "crf", "16", AV_OPT_SEARCH_CHILDREN);
    } else {
        context->flags |= AV_CODEC_FLAG_QSCALE;
        context->global_quality = 2 * FF_QP2LAMBDA;
    }
    return avcodec_open2(context, codec, NULL);
}

static int open_frame(MediaWriter *writer)
{
    AVFrame *frame = writer->frame = av_frame_alloc();
    writer->packet = av_packet_alloc();
    if (!frame || !writer->packet)
        return AVERROR(ENOMEM);
    frame->width = writer->codec->width;
    frame->height = writer->codec->height;
    frame->format = writer->codec->pix_fmt;
    frame->quality = writer->codec->global_quality;
    writer->sws = sws_getContext(frame->width, frame->height, AV_PIX_FMT_RGB24, frame->width, frame->height,
                                 frame->format, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT,
                                 NULL, NULL, NULL);
    if (!writer->sws)
        return AVERROR(EINVAL);
    const int *matrix = sws_getCoefficients(SWS_CS_ITU709);
    sws_setColorspaceDetails(writer->sws, matrix, 1, matrix, 0, 0, 1 << 16, 1 << 16);
    return av_frame_get_buffer(frame, 0);
}

/* A ':' in a name is a ':'. */
static int open_file(MediaWriter *writer)
{
    char *url = av_asprintf("file:%s", writer->output.temporary);
    const int result = url ? avio_open(&writer->format->pb, url, AVIO_FLAG_WRITE) : AVERROR(ENOMEM);
    av_free(url);
    return result;
}

static int open_format(MediaWriter *writer, int width, int height)
{
    const AVOutputFormat *container = av_guess_format(NULL, writer->path, NULL);
    int result = avformat_alloc_output_context2(&writer->format, container, NULL, writer->output.temporary);
    if (result >= 0)
        result = open_encoder(writer, width, height);
    if (result >= 0)
        result = open_frame(writer);
    if (result < 0)
        return result;
    writer->stream = avformat_new_stream(writer->format, NULL);
    if (!writer->stream)
        return AVERROR(ENOMEM);
    writer->format->flags |= AVFMT_FLAG_BITEXACT;
    writer->stream->time_base = writer->codec->time_base;
    writer->stream->avg_frame_rate = writer->codec->framerate;
    writer->stream->sample_aspect_ratio = writer->codec->sample_aspect_ratio;
    result = avcodec_parameters_from_context(writer->stream->codecpar, writer->codec);
    if (result >= 0)
        result = open_file(writer);
    return result < 0 ? result : avformat_write_header(writer->format, NULL);
}

static void free_writer(MediaWriter **out)
{
    MediaWriter *writer = *out;
    sws_freeContext(writer->sws);
    av_packet_free(&writer->packet);
    av_frame_free(&writer->frame);
    avcodec_free_context(&writer->codec);
    if (writer->format)
        avio_closep(&writer->format->pb);
    avformat_free_context(writer->format);
    free(writer->path);
    free(writer);
    *out = NULL;
}

int media_writer_open(MediaWriter **out, const char *path, const MediaVideo *like, int width, int height, NstError *err)
{
    *out = NULL;
    NST_TRY(media_video_writable(path, err));
    MediaWriter *writer = *out = calloc(1, sizeof(*writer));
    if (writer)
        writer->path = string_copy(path);
    if (!writer || !writer->path) {
        free(writer);
        *out = NULL;
        return fail(err, NST_ENOMEM, "%s: out of memory", path);
    }
    writer->like = like;
    writer->last_time = INT64_MIN;
    writer->numbered = media_number(path, &writer->number);
    if (writer->numbered)
        return NST_OK;
    int code = output_open(&writer->output, writer->path, err);
    if (code < 0) {
        free_writer(out);
        return fail_within(err, code, "%s", path);
    }
    const int result = open_format(writer, width, height);
    if (result < 0) {
        code = fail(err, NST_EIO, "%s: a video of %dx%d pixels could not be begun (%s)", path, width, height,
                    av_err2str(result));
        return media_writer_close(out, code, err);
    }
    return NST_OK;
}

/* ---- frames ---- */

static int add_picture(const MediaWriter *writer, const Bitmap *bitmap, NstError *err)
{
    const MediaNumber *number = &writer->number;
    const size_t room = strlen(writer->path) + 32;
    char *path = malloc(room);
    if (!path)
        return fail(err, NST_ENOMEM, "%s: out of memory", writer->path);
    snprintf(path, room, "%.*s%0*d%s", number->at, writer->path, number->digits, writer->frames + 1,
             writer->path + number->at + number->length);
    const int code = media_write(bitmap, path, err);
    free(path);
    return code;
}

/* The encoder's packets so far into the file; frame NULL: all that are left */
static int encode(MediaWriter *writer, const AVFrame *frame)
{
    int result = avcodec_send_frame(writer->codec, frame);
    while (result >= 0) {
        result = avcodec_receive_packet(writer->codec, writer->packet);
        if (result == AVERROR(EAGAIN) || result == AVERROR_EOF)
            return 0;
        if (result < 0)
            break;
        av_packet_rescale_ts(writer->packet, writer->codec->time_base, writer->stream->time_base);
        writer->packet->stream_index = writer->stream->index;
        result = av_interleaved_write_frame(writer->format, writer->packet);
    }
    return result;
}

/* That of the frame of `like`; later than the frame before in any case */
static int64_t next_time(const MediaWriter *writer)
{
    const int64_t time = media_video_time(writer->like);
    const AVRational rate = writer->codec->framerate;
    const int64_t ticks = rate.num > 0 ? av_rescale_q(1, av_inv_q(rate), writer->codec->time_base) : 1;
    if (time != AV_NOPTS_VALUE && (writer->frames == 0 || time > writer->last_time))
        return time;
    return writer->frames == 0 ? 0 : writer->last_time + (ticks > 0 ? ticks : 1);
}

static int add_frame(MediaWriter *writer, const Bitmap *bitmap)
{
    const uint8_t *planes[4] = {bitmap->data};
    const int strides[4] = {3 * bitmap->width};
    const int result = av_frame_make_writable(writer->frame);
    if (result < 0)
        return result;
    sws_scale(writer->sws, planes, strides, 0, bitmap->height, writer->frame->data, writer->frame->linesize);
    writer->last_time = writer->frame->pts = next_time(writer);
    return encode(writer, writer->frame);
}

int media_writer_add(MediaWriter *writer, const Bitmap *bitmap, NstError *err)
{
    if (writer->numbered) {
        NST_TRY(add_picture(writer, bitmap, err));
    } else {
        if (bitmap->width != writer->frame->width || bitmap->height != writer->frame->height)
            return fail(err, NST_EINVAL, "%s: frame %d has %dx%d pixels; %dx%d expected, as those before", writer->path,
                        writer->frames + 1, bitmap->width, bitmap->height, writer->frame->width, writer->frame->height);
        const int result = add_frame(writer, bitmap);
        if (result < 0)
            return fail(err, NST_EIO, "%s: frame %d could not be written (%s)", writer->path, writer->frames + 1,
                        av_err2str(result));
    }
    writer->frames++;
    return NST_OK;
}

static int end_video(MediaWriter *writer, NstError *err)
{
    int result = encode(writer, NULL);
    if (result >= 0)
        result = av_write_trailer(writer->format);
    const int closed = avio_closep(&writer->format->pb);
    if (result >= 0)
        result = closed;
    return result < 0 ? fail(err, NST_EIO, "its end could not be written (%s)", av_err2str(result)) : NST_OK;
}

int media_writer_close(MediaWriter **out, int code, NstError *err)
{
    MediaWriter *writer = *out;
    if (!writer)
        return code;
    if (writer->numbered) {
        free_writer(out);
        return code;
    }
    const bool empty = code == NST_OK && !writer->frames;
    int own = NST_OK;
    if (code == NST_OK && !empty)
        own = end_video(writer, err);
    if (empty)
        output_close(&writer->output, NST_ECANCELLED, NULL);
    else
        own = output_close(&writer->output, code < 0 ? code : own, err);
    if (code == NST_OK && own < 0)
        fail_within(err, own, "%s", writer->path);
    free_writer(out);
    return own;
}
