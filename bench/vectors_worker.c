/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A decoder's vectors as the filter takes them, and the same motion searched for: vectors_worker CLIP >FLOW
 *
 * Decodes a clip of YUV 4:2:0, and writes for each frame with vectors of earlier or later ones its motion to the frame before,
 * at half size: its number as an int, then planes of floats, to the right and downwards of the vectors, then of the
 * search. On stderr: how many of them flow=auto takes, and the medians of the seconds of each, of one thread's processor time.
 */

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/motion_vector.h>
#include <limits.h>
#include <stdlib.h>

#include "flow.h"
#include "mvfield.h"
#include "seconds.h"

enum { MAX_FRAMES = 1000 };

typedef struct Worker {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    NstOpticalFlow *flow;
    NstDsp dsp;
    NstTeam team;
    NstMotionVector *vectors;
    int frames, measured, taken;
    double vector_times[MAX_FRAMES], search_times[MAX_FRAMES];
} Worker;

static int open_clip(Worker *w, const char *path)
{
    AVDictionary *options = NULL;
    const AVCodec *codec = NULL;
    int code = avformat_open_input(&w->format, path, NULL, NULL);
    if (code >= 0)
        code = avformat_find_stream_info(w->format, NULL);
    if (code >= 0)
        code = av_find_best_stream(w->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (code < 0)
        return code;
    w->codec = avcodec_alloc_context3(codec);
    w->packet = av_packet_alloc();
    w->frame = av_frame_alloc();
    if (!w->codec || !w->packet || !w->frame)
        return AVERROR(ENOMEM);
    avcodec_parameters_to_context(w->codec, w->format->streams[code]->codecpar);
    av_dict_set(&options, "flags2", "+export_mvs", 0);
    code = avcodec_open2(w->codec, codec, &options);
    av_dict_free(&options);
    return code;
}

/* Means of 2x2 pixels */
static void show(Worker *w)
{
    const uint8_t *luma = w->frame->data[0];
    const int stride = w->frame->linesize[0];
    ptrdiff_t to_stride;
    float *to = flow_next(w->flow, &to_stride);
    for (int y = 0; y < w->frame->height / 2; y++)
        for (int x = 0; x < w->frame->width / 2; x++) {
            const uint8_t *from = luma + 2 * y * stride + 2 * x;
            to[y * to_stride + x] = 0.25f * (float)(from[0] + from[1] + from[stride] + from[stride + 1]);
        }
    flow_ready(w->flow);
}

static int take_vectors(Worker *w, NstFrameInfo *info)
{
    const AVFrameSideData *side = av_frame_get_side_data(w->frame, AV_FRAME_DATA_MOTION_VECTORS);
    const AVMotionVector *mvs = side ? (const AVMotionVector *)side->data : NULL;
    const int count = side ? (int)(side->size / sizeof(*mvs)) : 0;
    free(w->vectors);
    w->vectors = calloc((size_t)count + 1, sizeof(*w->vectors));
    if (!w->vectors)
        return AVERROR(ENOMEM);
    for (int i = 0; i < count; i++)
        if (mvs[i].motion_scale)
            w->vectors[info->n_vectors++] = (NstMotionVector){
                .x = (float)mvs[i].dst_x - 0.5f * mvs[i].w, .y = (float)mvs[i].dst_y - 0.5f * mvs[i].h,
                .w = mvs[i].w, .h = mvs[i].h, .dx = (float)mvs[i].motion_x / mvs[i].motion_scale,
                .dy = (float)mvs[i].motion_y / mvs[i].motion_scale, .future = mvs[i].source > 0};
    info->vectors = w->vectors;
    return 0;
}

static int write_field(const NstField *field)
{
    const size_t samples = (size_t)field->w * (size_t)field->h;
    return fwrite(field->x, sizeof(float), samples, stdout) == samples &&
                   fwrite(field->y, sizeof(float), samples, stdout) == samples
               ? 0
               : AVERROR(EIO);
}

static int measure(Worker *w)
{
    NstFrameInfo info = {.struct_size = sizeof(info)};
    const int code = take_vectors(w, &info);
    if (code < 0)
        return code;
    double start = seconds();
    const NstField *field = mvfield_fill(flow_field(w->flow, NST_WAY_BACK), w->flow, &info);
    if (!field)
        return 0;
    w->taken += flow_explains(w->flow, field);
    flow_improve(w->flow);
    w->vector_times[w->measured] = seconds() - start;
    if (fwrite(&w->frames, sizeof(w->frames), 1, stdout) != 1 || write_field(field) < 0)
        return AVERROR(EIO);
    start = seconds();
    field = flow_estimate(w->flow, NST_WAY_BACK);
    w->search_times[w->measured++] = seconds() - start;
    return write_field(field);
}

static int take_frame(Worker *w)
{
    NstError err;
    if ((w->frame->format != AV_PIX_FMT_YUV420P && w->frame->format != AV_PIX_FMT_YUVJ420P) || w->frames == MAX_FRAMES)
        return AVERROR_INVALIDDATA;
    if (!w->flow && flow_create(&w->flow, w->frame->width / 2, w->frame->height / 2, INT_MAX, &w->dsp, &w->team,
                                &err) < 0)
        return AVERROR(ENOMEM);
    show(w);
    const int code = w->frames > 0 ? measure(w) : 0;
    w->frames++;
    return code;
}

static int take_packet(Worker *w, const AVPacket *packet)
{
    int code = avcodec_send_packet(w->codec, packet);
    while (code >= 0 && (code = avcodec_receive_frame(w->codec, w->frame)) >= 0)
        code = take_frame(w);
    return code == AVERROR(EAGAIN) || code == AVERROR_EOF ? 0 : code;
}

static int run(Worker *w, const char *path)
{
    int code = open_clip(w, path);
    while (code >= 0 && av_read_frame(w->format, w->packet) >= 0) {
        code = take_packet(w, w->packet);
        av_packet_unref(w->packet);
    }
    return code >= 0 ? take_packet(w, NULL) : code;
}

int main(int argc, char **argv)
{
    static Worker w = {.team = {.threads = 1}};
    NstCompute compute;
    if (argc != 2) {
        fprintf(stderr, "usage: vectors_worker CLIP >FLOW\n");
        return 1;
    }
    nst_compute_defaults(&compute); /* $NST_CPU */
    dsp_init(&w.dsp, compute.cpu);
    const int code = run(&w, argv[1]);
    if (code < 0)
        fprintf(stderr, "vectors_worker: %s: %s\n", argv[1], av_err2str(code));
    else
        fprintf(stderr, "%d %.6f %.6f\n", w.taken, median(w.vector_times, w.measured), median(w.search_times, w.measured));
    flow_free(&w.flow);
    free(w.vectors);
    av_frame_free(&w.frame);
    av_packet_free(&w.packet);
    avcodec_free_context(&w.codec);
    avformat_close_input(&w.format);
    return code < 0;
}
