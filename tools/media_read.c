/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

enum { MAX_SIDE = 32768 };

typedef struct Reader {
    AVFormatContext *format;
    AVCodecContext *codec;
    const AVStream *stream;
    AVPacket *packet;
    AVFrame *frame;
    bool drained; /* the decoder was told that no packet follows */
} Reader;

void media_quiet(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

static void reader_close(Reader *reader)
{
    av_frame_free(&reader->frame);
    av_packet_free(&reader->packet);
    avcodec_free_context(&reader->codec);
    avformat_close_input(&reader->format);
}

bool media_number(const char *path, MediaNumber *number)
{
    const char *percent = strchr(path, '%'), *end = percent ? percent + 1 : NULL;
    int digits = 0;
    while (end && *end >= '0' && *end <= '9' && digits < 100)
        digits = 10 * digits + *end++ - '0';
    if (!end || *end != 'd' || digits > 20 || (digits && percent[1] != '0') || strchr(end, '%'))
        return false;
    *number = (MediaNumber){(int)(percent - path), (int)(end + 1 - percent), digits};
    return true;
}

/* A file that is there is itself, whatever its name. */
static bool is_sequence(const char *path)
{
    MediaNumber number;
    return media_number(path, &number) && access(path, F_OK) < 0;
}

/* No network, no playlists that lead elsewhere, and a '%' in the name of a file is a '%'. */
static int open_format(Reader *reader, const char *path)
{
    AVDictionary *options = NULL;
    size_t size = strlen(path) + sizeof("file:");
    char *url = malloc(size);
    if (!url)
        return AVERROR(ENOMEM);
    snprintf(url, size, "file:%s", path);
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    av_dict_set(&options, "pattern_type", is_sequence(path) ? "sequence" : "none", 0);
    int result = avformat_open_input(&reader->format, url, NULL, &options);
    av_dict_free(&options);
    free(url);
    return result < 0 ? result : avformat_find_stream_info(reader->format, NULL);
}

static int open_codec(Reader *reader)
{
    const AVCodec *codec = NULL;
    int index = av_find_best_stream(reader->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (index < 0)
        return index;
    reader->stream = reader->format->streams[index];
    reader->codec = avcodec_alloc_context3(codec);
    reader->packet = av_packet_alloc();
    reader->frame = av_frame_alloc();
    if (!reader->codec || !reader->packet || !reader->frame)
        return AVERROR(ENOMEM);
    reader->codec->thread_count = 1;
    reader->codec->pkt_timebase = reader->stream->time_base;
    int result = avcodec_parameters_to_context(reader->codec, reader->stream->codecpar);
    return result < 0 ? result : avcodec_open2(reader->codec, codec, NULL);
}

static int reader_open(Reader *reader, const char *path, NstError *err)
{
    *reader = (Reader){0};
    int result = open_format(reader, path);
    if (result >= 0)
        result = open_codec(reader);
    if (result >= 0)
        return NST_OK;
    reader_close(reader);
    bool system = result == AVERROR(ENOENT) || result == AVERROR(EACCES) || result == AVERROR(EISDIR);
    if (system)
        return fail(err, NST_EIO, "%s: %s", path, av_err2str(result));
    return fail(err, NST_EFORMAT, "%s: no picture or video that can be read here (%s)", path, av_err2str(result));
}

/* The next frame into reader->frame; AVERROR_EOF after the last one. */
static int reader_next(Reader *reader)
{
    for (;;) {
        int result = avcodec_receive_frame(reader->codec, reader->frame);
        if (result != AVERROR(EAGAIN) || reader->drained)
            return result;
        do {
            av_packet_unref(reader->packet);
            result = av_read_frame(reader->format, reader->packet);
        } while (result >= 0 && reader->packet->stream_index != reader->stream->index);
        reader->drained = result < 0;
        result = avcodec_send_packet(reader->codec, result < 0 ? NULL : reader->packet);
        av_packet_unref(reader->packet);
        if (result < 0 && result != AVERROR_EOF)
            return result;
    }
}

/* The first frame at or after a time, or the last one there is. */
static int reader_frame_at(Reader *reader, double seconds)
{
    AVFrame *last = av_frame_alloc();
    double unit = av_q2d(reader->stream->time_base);
    int64_t start = reader->stream->start_time == AV_NOPTS_VALUE ? 0 : reader->stream->start_time;
    int64_t target = start + (int64_t)(seconds / unit);
    int result = last ? 0 : AVERROR(ENOMEM);
    if (seconds > 0 && result >= 0)
        av_seek_frame(reader->format, reader->stream->index, target, AVSEEK_FLAG_BACKWARD);
    while (result >= 0) {
        result = reader_next(reader);
        if (result < 0)
            break;
        av_frame_unref(last);
        av_frame_move_ref(last, reader->frame);
        int64_t time = last->best_effort_timestamp;
        if (seconds <= 0 || time == AV_NOPTS_VALUE || time >= target)
            break;
    }
    if (last && last->width > 0) {
        av_frame_move_ref(reader->frame, last);
        result = 0;
    }
    av_frame_free(&last);
    return result;
}

static bool is_still(const Reader *reader, const char *path)
{
    const char *name = reader->format->iformat->name;
    size_t length = strlen(name);
    return (!strcmp(name, "image2") && !is_sequence(path)) || (length > 5 && !strcmp(name + length - 5, "_pipe")) ||
           reader->stream->nb_frames == 1;
}

int media_probe(const char *path, MediaInfo *info, NstError *err)
{
    Reader reader;
    NST_TRY(reader_open(&reader, path, err));
    *info = (MediaInfo){.still = is_still(&reader, path)};
    info->width = reader.stream->codecpar->width;
    info->height = reader.stream->codecpar->height;
    if (!info->still && reader.format->duration > 0)
        info->seconds = (double)reader.format->duration / AV_TIME_BASE;
    reader_close(&reader);
    return NST_OK;
}

/* ---- frame to bitmap ---- */

static bool palette_has_alpha(const AVFrame *frame)
{
    const uint32_t *palette = (const uint32_t *)frame->data[1];
    for (int i = 0; i < 256; i++)
        if (palette[i] >> 24 != 255)
            return true;
    return false;
}

static int channels_of(const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    bool alpha = format->flags & AV_PIX_FMT_FLAG_ALPHA;
    if (frame->format == AV_PIX_FMT_PAL8)
        return palette_has_alpha(frame) ? 4 : 3;
    return (format->nb_components - alpha == 1 ? 1 : 3) + alpha;
}

static int rounded_side(double side, bool even)
{
    return even ? max_int(2, 2 * (int)(side / 2 + 0.5)) : max_int(1, (int)(side + 0.5));
}

static void scaled_size(const MediaWish *wish, int *width, int *height)
{
    int short_side = min_int(*width, *height), long_side = max_int(*width, *height);
    double scale = 1.0;
    if (wish->short_side)
        scale = (double)wish->short_side / short_side;
    if (wish->long_max && scale * long_side > wish->long_max)
        scale = (double)wish->long_max / long_side;
    *width = rounded_side(*width * scale, wish->even);
    *height = rounded_side(*height * scale, wish->even);
}

static int scale_frame(const AVFrame *frame, enum AVPixelFormat format, Bitmap *bitmap)
{
    const AVPixFmtDescriptor *source = av_pix_fmt_desc_get(frame->format);
    bool smaller = bitmap->width < frame->width || bitmap->height < frame->height;
    int flags = (smaller ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP |
                SWS_BITEXACT;
    struct SwsContext *sws = sws_getContext(frame->width, frame->height, frame->format, bitmap->width, bitmap->height,
                                            format, flags, NULL, NULL, NULL);
    if (!sws)
        return AVERROR(EINVAL);
    bool yuv = !(source->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) && source->nb_components >= 3;
    if (yuv) {
        const int *matrix = sws_getCoefficients(frame->colorspace);
        bool full = frame->color_range == AVCOL_RANGE_JPEG;
        sws_setColorspaceDetails(sws, matrix, full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    }
    uint8_t *planes[4] = {bitmap->data};
    int strides[4] = {bitmap->width * bitmap->channels};
    int rows = sws_scale(sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, planes, strides);
    sws_freeContext(sws);
    return rows == bitmap->height ? 0 : AVERROR_EXTERNAL;
}

static void copy_frame(const AVFrame *frame, Bitmap *bitmap)
{
    size_t bytes = (size_t)bitmap->width * (size_t)bitmap->channels;
    for (int y = 0; y < bitmap->height; y++)
        memcpy(bitmap->data + (size_t)y * bytes, frame->data[0] + (ptrdiff_t)y * frame->linesize[0], bytes);
}

/* R G B alpha become R G B in place. */
static void lay_on_white(Bitmap *bitmap)
{
    const size_t n = (size_t)bitmap->width * (size_t)bitmap->height;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *from = bitmap->data + 4 * i;
        const int alpha = from[3];
        for (size_t c = 0; c < 3; c++)
            bitmap->data[3 * i + c] = (uint8_t)((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
    bitmap->channels = 3;
}

static int frame_to_bitmap(const AVFrame *frame, const MediaWish *wish, Bitmap *bitmap, NstError *err)
{
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA};
    int width = frame->width, height = frame->height, channels = channels_of(frame);
    const bool see_through = wish->rgb && channels % 2 == 0;
    if (width > MAX_SIDE || height > MAX_SIDE)
        return fail(err, NST_ETOOLARGE, "%dx%d pixels: at most %d each way expected", width, height, MAX_SIDE);
    scaled_size(wish, &width, &height);
    if (wish->rgb)
        channels = see_through ? 4 : 3;
    NST_TRY(bitmap_alloc(bitmap, width, height, channels, err));
    enum AVPixelFormat format = formats[bitmap->channels - 1];
    int result = 0;
    if (frame->format == (int)format && width == frame->width && height == frame->height)
        copy_frame(frame, bitmap);
    else
        result = scale_frame(frame, format, bitmap);
    if (result < 0)
        return fail(err, NST_EUNSUPPORTED, "pixel format %s could not be converted (%s)",
                    av_get_pix_fmt_name(frame->format), av_err2str(result));
    if (see_through && !wish->alpha)
        lay_on_white(bitmap);
    return NST_OK;
}

/*
 * Turns and mirrors a picture as its EXIF orientation says. The display matrix sends column x, row y to
 * (m[0] x + m[3] y, m[1] x + m[4] y); only its signs matter for the eight orientations.
 */
static int apply_orientation(const AVFrame *frame, Bitmap *bitmap, NstError *err)
{
    const AVFrameSideData *data = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    if (!data)
        return NST_OK;
    const int32_t *m = (const int32_t *)data->data;
    bool upright = m[0] && m[4] && !m[1] && !m[3], lying = m[1] && m[3] && !m[0] && !m[4];
    if ((!upright && !lying) || (upright && m[0] > 0 && m[4] > 0))
        return NST_OK;
    Bitmap turned;
    NST_TRY(bitmap_alloc(&turned, upright ? bitmap->width : bitmap->height,
                         upright ? bitmap->height : bitmap->width, bitmap->channels, err));
    size_t pixel = (size_t)bitmap->channels;
    bool flip_x = (upright ? m[0] : m[3]) < 0, flip_y = (upright ? m[4] : m[1]) < 0;
    for (int y = 0; y < bitmap->height; y++)
        for (int x = 0; x < bitmap->width; x++) {
            int to_x = upright ? x : y, to_y = upright ? y : x;
            to_x = flip_x ? turned.width - 1 - to_x : to_x;
            to_y = flip_y ? turned.height - 1 - to_y : to_y;
            memcpy(turned.data + ((size_t)to_y * (size_t)turned.width + (size_t)to_x) * pixel,
                   bitmap->data + ((size_t)y * (size_t)bitmap->width + (size_t)x) * pixel, pixel);
        }
    bitmap_free(bitmap);
    *bitmap = turned;
    return NST_OK;
}

/* The frame that the reader is at. On failure nothing is left allocated. */
static int take_frame(const Reader *reader, const char *path, const MediaWish *wish, Bitmap *bitmap, NstError *err)
{
    static const MediaWish nothing;
    int code = frame_to_bitmap(reader->frame, wish ? wish : &nothing, bitmap, err);
    if (code == NST_OK)
        code = apply_orientation(reader->frame, bitmap, err);
    if (code == NST_OK)
        return NST_OK;
    bitmap_free(bitmap);
    return fail_within(err, code, "%s", path);
}

int media_read(Bitmap *bitmap, const char *path, double seconds, const MediaWish *wish, NstError *err)
{
    Reader reader;
    *bitmap = (Bitmap){0};
    NST_TRY(reader_open(&reader, path, err));
    const bool whole = wish && wish->whole;
    if (whole)
        reader.codec->err_recognition |= AV_EF_EXPLODE;
    int result = reader_frame_at(&reader, seconds), code;
    if (result < 0)
        code = fail(err, NST_EFORMAT, "%s: no %spicture could be decoded (%s)", path, whole ? "whole " : "",
                    av_err2str(result));
    else
        code = take_frame(&reader, path, wish, bitmap, err);
    reader_close(&reader);
    return code;
}

int media_read_image(NstImage *image, const char *path, const MediaWish *wish, NstError *err)
{
    MediaWish rgb = *wish;
    Bitmap bitmap;
    rgb.rgb = rgb.whole = true;
    NST_TRY(media_read(&bitmap, path, 0, &rgb, err));
    const int code = bitmap_to_image(&bitmap, image, err);
    bitmap_free(&bitmap);
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}

/* ---- one frame after the other ---- */

struct MediaVideo {
    Reader reader;
    char *path;
    int64_t time;
};

int media_video_open(MediaVideo **out, const char *path, NstError *err)
{
    MediaVideo *video = *out = calloc(1, sizeof(*video));
    if (!video || !(video->path = string_copy(path))) {
        free(video);
        *out = NULL;
        return fail(err, NST_ENOMEM, "%s: out of memory", path);
    }
    const int code = reader_open(&video->reader, path, err);
    if (code < 0)
        media_video_close(out);
    return code;
}

void media_video_close(MediaVideo **out)
{
    MediaVideo *video = *out;
    if (!video)
        return;
    reader_close(&video->reader);
    free(video->path);
    free(video);
    *out = NULL;
}

int media_video_next(MediaVideo *video, const MediaWish *wish, Bitmap *bitmap, NstError *err)
{
    *bitmap = (Bitmap){0};
    const int result = reader_next(&video->reader);
    if (result == AVERROR_EOF)
        return NST_OK;
    if (result < 0)
        return fail(err, NST_EFORMAT, "%s: a frame could not be decoded (%s)", video->path, av_err2str(result));
    video->time = video->reader.frame->best_effort_timestamp;
    return take_frame(&video->reader, video->path, wish, bitmap, err);
}

double media_video_rate(const MediaVideo *video)
{
    const AVRational rate = video->reader.stream->avg_frame_rate;
    return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 25;
}

int64_t media_video_length(const MediaVideo *video)
{
    const Reader *reader = &video->reader;
    if (reader->stream->nb_frames > 0)
        return reader->stream->nb_frames;
    return reader->format->duration > 0
               ? (int64_t)((double)reader->format->duration / AV_TIME_BASE * media_video_rate(video) + 0.5)
               : 0;
}

const AVStream *media_video_stream(const MediaVideo *video)
{
    return video->reader.stream;
}

int64_t media_video_time(const MediaVideo *video)
{
    return video->time;
}
