/*
 * This file is part of FFmpeg.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/**
 * @file
 * Paints video in the style of a picture with libnst. All arithmetic is in the library: this file turns options into its
 * options, frames into its pictures and its errors into FFmpeg's.
 */

#include <math.h>

#include <nst/nst.h>

#include "libavutil/cpu.h"
#include "libavutil/dict.h"
#include "libavutil/internal.h"
#include "libavutil/mem.h"
#include "libavutil/motion_vector.h"
#include "libavutil/opt.h"
#include "libavutil/pixdesc.h"
#include "libavutil/rational.h"
#include "avfilter.h"
#include "vf_nst_compat.h"

/* A frame that comes later after the one before than this many of the usual intervals does not follow it. */
#define MAX_GAP 5

typedef struct NSTContext {
    const AVClass *class;
    char *style;
    float strength;
    char *mix;
    int color;
    char *size;
    float temporal;
    int flow;
    int every;
    int maxmem;                 ///< MiB
    double realtime;
    char *minsize;
    int threads;
    char *cpu;

    NstModel *models[NST_MAX_STYLES];
    NstStylizer *stylizer;
    char *painting;             ///< the styles that paint; style may name those that are still being loaded

    NstMotionVector *vectors;
    unsigned int vectors_size;  ///< bytes allocated

    double rate;                ///< frames per second of the input; 0 before it is configured, or where unknown
    int reset;                  ///< the next frame does not follow the last one that was painted
    int64_t last_pts;
    int64_t last_step;          ///< from the last frame but one to the last, 0 where unknown
} NSTContext;

#define OFFSET(x) offsetof(NSTContext, x)
#define STATIC (AV_OPT_FLAG_VIDEO_PARAM | AV_OPT_FLAG_FILTERING_PARAM)
#define DYNAMIC (STATIC | AV_OPT_FLAG_RUNTIME_PARAM)

static const AVOption nst_options[] = {
    { "style",    "set the style: a .nsw file, or the name of one in NST_PATH or among the installed ones; several are separated by |", OFFSET(style), AV_OPT_TYPE_STRING, { .str = NULL }, .flags = DYNAMIC },
    { "strength", "set the share of the painting in the result", OFFSET(strength), AV_OPT_TYPE_FLOAT, { .dbl = 1 }, 0, 1, DYNAMIC },
    { "mix",      "set the weight of each of several styles, separated by |; equal by default", OFFSET(mix), AV_OPT_TYPE_STRING, { .str = NULL }, .flags = DYNAMIC },
    { "color",    "set where the colors come from", OFFSET(color), AV_OPT_TYPE_INT, { .i64 = NST_COLORS_STYLE }, 0, NST_COLORS_MATCH, DYNAMIC, .unit = "color" },
        { "style",   "the style",                                    0, AV_OPT_TYPE_CONST, { .i64 = NST_COLORS_STYLE },   0, 0, DYNAMIC, .unit = "color" },
        { "content", "the source: only its brightness is painted",   0, AV_OPT_TYPE_CONST, { .i64 = NST_COLORS_CONTENT }, 0, 0, DYNAMIC, .unit = "color" },
        { "match",   "the style, moved to the colors of the source", 0, AV_OPT_TYPE_CONST, { .i64 = NST_COLORS_MATCH },   0, 0, DYNAMIC, .unit = "color" },
    { "size",     "set the size that is painted at: a height in lines, a fraction of the frame up to 1, or auto", OFFSET(size), AV_OPT_TYPE_STRING, { .str = "auto" }, .flags = DYNAMIC },
    { "temporal", "set how much of the last painting is carried along the motion", OFFSET(temporal), AV_OPT_TYPE_FLOAT, { .dbl = 0.8 }, 0, 1, DYNAMIC },
    { "flow",     "set where the motion between frames is taken from", OFFSET(flow), AV_OPT_TYPE_INT, { .i64 = NST_FLOW_AUTO }, 0, NST_FLOW_NONE, DYNAMIC, .unit = "flow" },
        { "auto",    "motion vectors where the decoder exports them, else a search", 0, AV_OPT_TYPE_CONST, { .i64 = NST_FLOW_AUTO }, 0, 0, DYNAMIC, .unit = "flow" },
        { "mv",      "motion vectors of the decoder only",                           0, AV_OPT_TYPE_CONST, { .i64 = NST_FLOW_MV },   0, 0, DYNAMIC, .unit = "flow" },
        { "dis",     "dense inverse search in the frames",                           0, AV_OPT_TYPE_CONST, { .i64 = NST_FLOW_DIS },  0, 0, DYNAMIC, .unit = "flow" },
        { "none",    "nothing moves",                                                0, AV_OPT_TYPE_CONST, { .i64 = NST_FLOW_NONE }, 0, 0, DYNAMIC, .unit = "flow" },
    { "every",    "set how many frames share one painting that is carried along the motion", OFFSET(every), AV_OPT_TYPE_INT, { .i64 = 1 }, 0, NST_MAX_EVERY, DYNAMIC, .unit = "every" },
        { "auto",    "as the motion allows",                                         0, AV_OPT_TYPE_CONST, { .i64 = 0 },             0, 0, DYNAMIC, .unit = "every" },
    { "maxmem",   "set the memory for buffers in MiB, above which frames are painted in tiles; 0 is no bound", OFFSET(maxmem), AV_OPT_TYPE_INT, { .i64 = 0 }, 0, 1000000, STATIC },
    { "realtime", "set the frames per second to hold by a smaller size, 1 for the rate of the input, 0 for none", OFFSET(realtime), AV_OPT_TYPE_DOUBLE, { .dbl = 0 }, 0, 1000, STATIC },
    { "minsize",  "set the size that realtime never goes below, as for size", OFFSET(minsize), AV_OPT_TYPE_STRING, { .str = "auto" }, .flags = STATIC },
    { "threads",  "set the number of threads, 0 for one for each processor", OFFSET(threads), AV_OPT_TYPE_INT, { .i64 = 0 }, 0, 256, STATIC },
    { "cpu",      "set the instruction sets that may be used: avx2, avx512, neon, scalar or all, separated by |", OFFSET(cpu), AV_OPT_TYPE_STRING, { .str = NULL }, .flags = STATIC },
    { NULL }
};

AVFILTER_DEFINE_CLASS(nst);

/* Whether an NstPicture can describe it: integers of 8 to 16 bits or floats, in native byte order */
static int is_supported(const AVPixFmtDescriptor *desc)
{
    const uint64_t other = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER;
    const enum AVPixelFormat format = av_pix_fmt_desc_get_id(desc);
    const int depth = desc->comp[0].depth;

    /* CIE XYZ is no R'G'B'; in UYYVYY the distance from one Y to the next varies */
    if (desc->flags & other || format == AV_PIX_FMT_XYZ12 || format == AV_PIX_FMT_UYYVYY411)
        return 0;
    for (int i = 1; i < desc->nb_components; i++)
        if (desc->comp[i].depth != depth)
            return 0;
    if (depth > 8 && !(desc->flags & AV_PIX_FMT_FLAG_BE) == HAVE_BIGENDIAN)
        return 0;
    return desc->flags & AV_PIX_FMT_FLAG_FLOAT ? depth == 16 || depth == 32 : depth >= 8 && depth <= 16;
}

static AVFilterFormats *supported_formats(void)
{
    AVFilterFormats *formats = NULL;

    for (const AVPixFmtDescriptor *desc = NULL; (desc = av_pix_fmt_desc_next(desc));)
        if (is_supported(desc) && ff_add_format(&formats, av_pix_fmt_desc_get_id(desc)) < 0)
            return NULL;
    return formats;
}

static int query_formats(const AVFilterContext *ctx, AVFilterFormatsConfig **cfg_in, AVFilterFormatsConfig **cfg_out)
{
    /* those that NstMatrix has; others are converted on the way in */
    static const int color_spaces[] = {
        AVCOL_SPC_UNSPECIFIED, AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT709, AVCOL_SPC_BT2020_NCL,
        AVCOL_SPC_RGB, -1
    };
    int ret;

    ret = ff_set_common_color_spaces_from_list2(ctx, cfg_in, cfg_out, color_spaces);
    if (ret < 0)
        return ret;
    return ff_set_common_formats2(ctx, cfg_in, cfg_out, supported_formats());
}

/* Logs a failure of libnst. */
static int nst_error(AVFilterContext *ctx, const char *what, const NstError *err)
{
    av_log(ctx, AV_LOG_ERROR, "%s: %s\n", what, err->message);
    switch (err->code) {
    case NST_ENOMEM:
    case NST_ETOOLARGE:    return AVERROR(ENOMEM);
    case NST_EINVAL:       return AVERROR(EINVAL);
    case NST_EIO:          return AVERROR(EIO);
    case NST_ENOTFOUND:    return AVERROR(ENOENT);
    case NST_EFORMAT:      return AVERROR_INVALIDDATA;
    case NST_EUNSUPPORTED: return AVERROR(ENOSYS);
    default:               return AVERROR_EXTERNAL;
    }
}

static NstMatrix matrix_of(enum AVColorSpace space)
{
    switch (space) {
    case AVCOL_SPC_BT709:      return NST_MATRIX_BT709;
    case AVCOL_SPC_BT2020_NCL: return NST_MATRIX_BT2020;
    default:                   return NST_MATRIX_BT601; /* as libswscale does where nothing is said */
    }
}

static NstSiting siting_of(enum AVChromaLocation location)
{
    switch (location) {
    case AVCHROMA_LOC_CENTER:     return NST_SITING_CENTER;
    case AVCHROMA_LOC_TOPLEFT:    return NST_SITING_TOP_LEFT;
    case AVCHROMA_LOC_TOP:        return NST_SITING_TOP;
    case AVCHROMA_LOC_BOTTOMLEFT: return NST_SITING_BOTTOM_LEFT;
    case AVCHROMA_LOC_BOTTOM:     return NST_SITING_BOTTOM;
    default:                      return NST_SITING_LEFT; /* as MPEG-2 and what came after have it */
    }
}

static int is_full_range(const AVFrame *frame, NstColorModel model)
{
    switch (frame->color_range) {
    case AVCOL_RANGE_JPEG: return 1;
    case AVCOL_RANGE_MPEG: return 0;
    default:               return model != NST_COLOR_YUV || ff_fmt_is_forced_full_range(frame->format);
    }
}

static NstPicture picture_of(const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    const int has_alpha = !!(desc->flags & AV_PIX_FMT_FLAG_ALPHA);
    const int nb_colors = desc->nb_components - has_alpha;
    const int is_rgb = !!(desc->flags & AV_PIX_FMT_FLAG_RGB);
    const NstColorModel model = nb_colors == 1 ? NST_COLOR_GRAY : is_rgb ? NST_COLOR_RGB : NST_COLOR_YUV;
    NstPicture picture = {
        .width         = frame->width,
        .height        = frame->height,
        .model         = model,
        .depth         = desc->comp[0].depth,
        .is_float      = !!(desc->flags & AV_PIX_FMT_FLAG_FLOAT),
        .log2_chroma_w = desc->log2_chroma_w,
        .log2_chroma_h = desc->log2_chroma_h,
        .full_range    = is_full_range(frame, model),
        .matrix        = matrix_of(frame->colorspace),
        .siting        = siting_of(frame->chroma_location),
        .has_alpha     = has_alpha,
    };

    for (int i = 0; i < desc->nb_components; i++) {
        const AVComponentDescriptor *comp = &desc->comp[i];
        NstComponent *to = &picture.comp[i < nb_colors ? i : 3];

        to->data   = frame->data[comp->plane] + comp->offset;
        to->stride = frame->linesize[comp->plane];
        to->step   = comp->step;
        to->shift  = comp->shift;
    }
    return picture;
}

/* Turns the options, as they are now, into those of the library. */
static int make_options(AVFilterContext *ctx, NstStylizeOptions *options)
{
    NSTContext *s = ctx->priv;
    NstError err;

    nst_stylize_defaults(options);
    options->strength   = s->strength;
    options->color      = s->color;
    options->temporal   = s->temporal;
    options->flow       = s->flow;
    options->every      = s->every;
    options->max_memory = (size_t)s->maxmem << 20;
    if (s->mix && nst_mix_parse(s->mix, options->mix, &options->n_mix, &err) < 0)
        return nst_error(ctx, "Option mix", &err);
    if (nst_size_parse(s->size, &options->size, &err) < 0)
        return nst_error(ctx, "Option size", &err);
    if (nst_size_parse(s->minsize, &options->min_size, &err) < 0)
        return nst_error(ctx, "Option minsize", &err);
    options->rate = s->realtime == 1 ? s->rate : s->realtime;
    return 0;
}

static int change_options(AVFilterContext *ctx)
{
    NSTContext *s = ctx->priv;
    NstStylizeOptions options;
    NstError err;
    int ret = make_options(ctx, &options);

    if (ret < 0)
        return ret;
    if (nst_stylizer_change(s->stylizer, &options, &err) < 0)
        return nst_error(ctx, s->painting, &err);
    return 0;
}

static int config_input(AVFilterLink *inlink)
{
    AVFilterContext *ctx = inlink->dst;
    NSTContext *s = ctx->priv;
    const AVRational rate = ff_filter_link(inlink)->frame_rate;
    size_t memory;
    int ret;

    s->rate      = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    s->reset     = 1;
    s->last_pts  = AV_NOPTS_VALUE;
    s->last_step = 0;
    if (s->realtime == 1 && !s->rate) {
        av_log(ctx, AV_LOG_ERROR, "Option realtime: the frame rate of the input is not known; "
               "a number of frames per second is expected.\n");
        return AVERROR(EINVAL);
    }
    ret = change_options(ctx);
    if (ret < 0)
        return ret;
    memory = nst_stylizer_memory(s->stylizer, inlink->w, inlink->h);
    if (!memory) {
        av_log(ctx, AV_LOG_ERROR, "Option style: %s cannot paint frames of %dx%d.\n", s->painting, inlink->w, inlink->h);
        return AVERROR(EINVAL);
    }
    if (s->maxmem && memory > (size_t)s->maxmem << 20) {
        av_log(ctx, AV_LOG_ERROR, "Option maxmem: %s takes %zu MiB for frames of %dx%d, even in tiles; %d are allowed.\n",
               s->painting, (memory >> 20) + 1, inlink->w, inlink->h, s->maxmem);
        return AVERROR(ENOMEM);
    }
    av_log(ctx, AV_LOG_VERBOSE, "%dx%d takes %.1f MiB of memory.\n", inlink->w, inlink->h, memory / 1048576.);
    return 0;
}

/* Whether the frame does not follow the last one: after a seek, or a gap. */
static int is_jump(AVFilterLink *inlink, const AVFrame *frame)
{
    NSTContext *s = inlink->dst->priv;
    int64_t usual = FFMAX(FRAME_DURATION(frame), s->last_step), step;
    int jump;

    if (s->rate)
        usual = FFMAX(usual, llrint(1 / (s->rate * av_q2d(inlink->time_base))));
    if (frame->pts == AV_NOPTS_VALUE)
        return 0;
    step = s->last_pts == AV_NOPTS_VALUE ? 0 : frame->pts - s->last_pts;
    jump = step < 0 || (usual > 0 && step / MAX_GAP > usual);
    s->last_pts  = frame->pts;
    s->last_step = FFMAX(step, 0);
    return jump;
}

/* Hands on the motion vectors, where a decoder has exported some. */
static int take_motion_vectors(NSTContext *s, const AVFrame *frame, NstFrameInfo *info)
{
    const AVFrameSideData *sd = av_frame_get_side_data(frame, AV_FRAME_DATA_MOTION_VECTORS);
    const AVMotionVector *mvs = sd ? (const AVMotionVector *)sd->data : NULL;
    const int nb_mvs = sd ? sd->size / sizeof(*mvs) : 0;

    if (!nb_mvs)
        return 0;
    av_fast_malloc(&s->vectors, &s->vectors_size, nb_mvs * sizeof(*s->vectors));
    if (!s->vectors)
        return AVERROR(ENOMEM);
    info->vectors = s->vectors;
    for (int i = 0; i < nb_mvs; i++) {
        const AVMotionVector *mv = &mvs[i];
        if (!mv->motion_scale)
            continue;
        s->vectors[info->n_vectors++] = (NstMotionVector) {
            .x  = mv->dst_x - mv->w / 2.f,
            .y  = mv->dst_y - mv->h / 2.f,
            .w  = mv->w,
            .h  = mv->h,
            .dx = mv->motion_x / (float)mv->motion_scale,
            .dy = mv->motion_y / (float)mv->motion_scale,
            .future = mv->source > 0,
        };
    }
    return 0;
}

/* A switch of styles is through, or has failed. */
static int end_switch(AVFilterContext *ctx, const NstFrameReport *report)
{
    NSTContext *s = ctx->priv;
    char **stale = report->switched ? &s->painting : &s->style;
    const char *fresh = report->switched ? s->style : s->painting;
    char *copy = av_strdup(fresh);

    if (!copy)
        return AVERROR(ENOMEM);
    if (report->switched)
        av_log(ctx, AV_LOG_INFO, "The style is now %s.\n", fresh);
    else
        av_log(ctx, AV_LOG_WARNING, "The style stays %s: %s\n", fresh, report->switch_error.message);
    av_freep(stale);
    *stale = copy;
    return 0;
}

static int set_metadata(AVFrame *frame, const NstFrameReport *report)
{
    const struct {
        const char *key;
        double value;
        int decimals;
    } numbers[] = {
        { "lavfi.nst.ms",        report->seconds * 1000, 2 },
        { "lavfi.nst.scene_cut", report->scene_cut,      0 },
        { "lavfi.nst.painted",   report->painted,        0 },
        { "lavfi.nst.flicker",   report->flicker,        6 },
    };
    char text[64];
    int ret;

    snprintf(text, sizeof(text), "%dx%d", report->width, report->height);
    ret = av_dict_set(&frame->metadata, "lavfi.nst.size", text, 0);
    for (int i = 0; i < FF_ARRAY_ELEMS(numbers) && ret >= 0; i++) {
        snprintf(text, sizeof(text), "%.*f", numbers[i].decimals, numbers[i].value);
        ret = av_dict_set(&frame->metadata, numbers[i].key, text, 0);
    }
    return ret;
}

/* Paints the frame in place, which is writable. */
static int paint(AVFilterLink *inlink, AVFrame *frame)
{
    AVFilterContext *ctx = inlink->dst;
    NSTContext *s = ctx->priv;
    const NstPicture picture = picture_of(frame);
    NstFrameInfo info = { .struct_size = sizeof(info) };
    NstFrameReport report;
    NstError err;
    int ret;

    info.reset = is_jump(inlink, frame) || s->reset;
    ret = take_motion_vectors(s, frame, &info);
    if (ret < 0)
        return ret;
    if (nst_stylizer_process(s->stylizer, &picture, &picture, &info, &report, &err) < 0)
        return nst_error(ctx, s->painting, &err);
    s->reset = 0;
    if (report.switched || report.switch_error.code != NST_OK) {
        ret = end_switch(ctx, &report);
        if (ret < 0)
            return ret;
    }
    return set_metadata(frame, &report);
}

static int filter_frame(AVFilterLink *inlink, AVFrame *frame)
{
    AVFilterContext *ctx = inlink->dst;
    NSTContext *s = ctx->priv;
    int ret;

    if (ctx->is_disabled) {
        s->reset = 1;
    } else if ((ret = paint(inlink, frame)) < 0) {
        av_frame_free(&frame);
        return ret;
    }
    return ff_filter_frame(ctx->outputs[0], frame);
}

static int process_command(AVFilterContext *ctx, const char *cmd, const char *args,
                           char *res, int res_len, int flags)
{
    NSTContext *s = ctx->priv;
    NSTContext old = { .class = s->class };
    NstError err;
    int ret = av_opt_copy(&old, s);

    if (ret >= 0)
        ret = ff_filter_process_command(ctx, cmd, args, res, res_len, flags);
    if (ret >= 0) {
        if (strcmp(cmd, "style"))
            ret = change_options(ctx);
        else if (nst_stylizer_switch(s->stylizer, s->style, &err) < 0)
            ret = nst_error(ctx, "Option style", &err);
        if (ret < 0)
            av_opt_copy(s, &old);
    }
    av_opt_free(&old);
    return ret;
}

typedef struct Parts {
    void (*job)(void *arg, int part);
    void *arg;
} Parts;

static int run_part(AVFilterContext *ctx, void *arg, int jobnr, int nb_jobs)
{
    const Parts *parts = arg;

    parts->job(parts->arg, jobnr);
    return 0;
}

/* Runs the library's work on the filter graph's threads. */
static void execute(void *opaque, void (*job)(void *arg, int part), void *arg, int nb_parts)
{
    Parts parts = { job, arg };

    ff_filter_execute(opaque, run_part, &parts, NULL, nb_parts);
}

static av_cold int init(AVFilterContext *ctx)
{
    NSTContext *s = ctx->priv;
    NstStylizeOptions options;
    NstError err;
    int nb_models, ret;

    if (!s->style || !*s->style) {
        av_log(ctx, AV_LOG_ERROR, "Option style is not set: it takes a .nsw file, or the name of an installed style.\n");
        return AVERROR(EINVAL);
    }
    s->painting = av_strdup(s->style);
    if (!s->painting)
        return AVERROR(ENOMEM);
    if (nst_styles_load(s->models, &nb_models, s->style, &err) < 0)
        return nst_error(ctx, "Option style", &err);
    ret = make_options(ctx, &options);
    if (ret < 0)
        return ret;
    if (s->cpu && nst_cpu_parse(s->cpu, &options.compute.cpu, &err) < 0)
        return nst_error(ctx, "Option cpu", &err);
    /* the filter graph has one thread more than there are processors, unless it is told how many */
    options.compute.threads = s->threads ? s->threads : FFMIN3(ff_filter_get_nb_threads(ctx), av_cpu_count(), 256);
    options.compute.execute        = execute;
    options.compute.execute_opaque = ctx;
    if (nst_stylizer_open(&s->stylizer, (const NstModel *const *)s->models, nb_models, &options, &err) < 0)
        return nst_error(ctx, s->painting, &err);
    return 0;
}

static av_cold void uninit(AVFilterContext *ctx)
{
    NSTContext *s = ctx->priv;

    nst_stylizer_close(&s->stylizer);
    nst_styles_free(s->models);
    av_freep(&s->painting);
    av_freep(&s->vectors);
}

static const AVFilterPad nst_inputs[] = {
    {
        .name         = "default",
        .type         = AVMEDIA_TYPE_VIDEO,
        .flags        = AVFILTERPAD_FLAG_NEEDS_WRITABLE,
        .config_props = config_input,
        .filter_frame = filter_frame,
    },
};

const FFFilter ff_vf_nst = {
    FILTER_FIELD(name)        = "nst",
    FILTER_FIELD(description) = NULL_IF_CONFIG_SMALL("Paint video in the style of a picture."),
    FILTER_FIELD(priv_class)  = &nst_class,
    FILTER_FIELD(flags)       = AVFILTER_FLAG_SUPPORT_TIMELINE_INTERNAL | AVFILTER_FLAG_SLICE_THREADS,
    .priv_size                = sizeof(NSTContext),
    .init                     = init,
    .uninit                   = uninit,
    FILTER_INPUTS(nst_inputs),
    FILTER_OUTPUTS(ff_video_default_filterpad),
    FILTER_QUERY_FUNC2(query_formats),
    .process_command          = process_command,
};
