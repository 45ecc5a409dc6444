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

#include <nst/nst.h>

#include "libavutil/internal.h"
#include "libavutil/opt.h"
#include "libavutil/pixdesc.h"
#include "avfilter.h"
#include "filters.h"
#include "formats.h"
#include "video.h"

typedef struct NSTContext {
    const AVClass *class;
    char *style;
    float strength;
    int threads;

    NstModel *model;
    NstStylizer *stylizer;
} NSTContext;

#define OFFSET(x) offsetof(NSTContext, x)
#define FLAGS AV_OPT_FLAG_VIDEO_PARAM | AV_OPT_FLAG_FILTERING_PARAM
#define TFLAGS FLAGS | AV_OPT_FLAG_RUNTIME_PARAM

static const AVOption nst_options[] = {
    { "style",    "set the style: a .nsw file, or the name of one in NST_PATH or among the installed ones", OFFSET(style), AV_OPT_TYPE_STRING, { .str = NULL }, .flags = FLAGS },
    { "strength", "set the share of the painting in the result", OFFSET(strength), AV_OPT_TYPE_FLOAT, { .dbl = 1 }, 0, 1, TFLAGS },
    { "threads",  "set the number of threads, 0 for as many as the filter graph has", OFFSET(threads), AV_OPT_TYPE_INT, { .i64 = 0 }, 0, 256, FLAGS },
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

static int config_input(AVFilterLink *inlink)
{
    AVFilterContext *ctx = inlink->dst;
    NSTContext *s = ctx->priv;
    const size_t memory = nst_stylizer_memory(s->stylizer, inlink->w, inlink->h);

    if (!memory) {
        av_log(ctx, AV_LOG_ERROR, "The style cannot paint frames of %dx%d.\n", inlink->w, inlink->h);
        return AVERROR(EINVAL);
    }
    av_log(ctx, AV_LOG_VERBOSE, "%dx%d takes %.1f MiB of memory.\n", inlink->w, inlink->h, memory / 1048576.);
    return 0;
}

static int filter_frame(AVFilterLink *inlink, AVFrame *frame)
{
    AVFilterContext *ctx = inlink->dst;
    NSTContext *s = ctx->priv;
    const NstPicture picture = picture_of(frame);
    NstError err;

    if (nst_stylizer_process(s->stylizer, &picture, &picture, NULL, NULL, &err) < 0) {
        av_frame_free(&frame);
        return nst_error(ctx, "Cannot paint a frame", &err);
    }
    return ff_filter_frame(ctx->outputs[0], frame);
}

static int process_command(AVFilterContext *ctx, const char *cmd, const char *args,
                           char *res, int res_len, int flags)
{
    NSTContext *s = ctx->priv;
    NstStylizeOptions options;
    NstError err;
    int ret = ff_filter_process_command(ctx, cmd, args, res, res_len, flags);

    if (ret < 0)
        return ret;
    nst_stylize_defaults(&options);
    options.strength = s->strength;
    if (nst_stylizer_change(s->stylizer, &options, &err) < 0)
        return nst_error(ctx, cmd, &err);
    return 0;
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
    char *path;
    int ret;

    if (!s->style || !*s->style) {
        av_log(ctx, AV_LOG_ERROR, "Option style is not set: it takes a .nsw file, or the name of an installed style.\n");
        return AVERROR(EINVAL);
    }
    if (nst_style_find(s->style, &path, &err) < 0)
        return nst_error(ctx, "Option style", &err);
    ret = nst_model_load(&s->model, path, &err);
    free(path);
    if (ret < 0)
        return nst_error(ctx, "Option style", &err);

    nst_stylize_defaults(&options);
    options.strength = s->strength;
    options.compute.threads = s->threads ? s->threads : FFMIN(ff_filter_get_nb_threads(ctx), 256);
    options.compute.execute        = execute;
    options.compute.execute_opaque = ctx;
    if (nst_stylizer_open(&s->stylizer, (const NstModel *[]){ s->model }, 1, &options, &err) < 0)
        return nst_error(ctx, "Option style", &err);
    return 0;
}

static av_cold void uninit(AVFilterContext *ctx)
{
    NSTContext *s = ctx->priv;

    nst_stylizer_close(&s->stylizer);
    nst_model_free(&s->model);
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

const AVFilter ff_vf_nst = {
    .name            = "nst",
    .description     = NULL_IF_CONFIG_SMALL("Paint video in the style of a picture."),
    .priv_size       = sizeof(NSTContext),
    .init            = init,
    .uninit          = uninit,
    FILTER_INPUTS(nst_inputs),
    FILTER_OUTPUTS(ff_video_default_filterpad),
    FILTER_QUERY_FUNC2(query_formats),
    .priv_class      = &nst_class,
    .flags           = AVFILTER_FLAG_SUPPORT_TIMELINE_GENERIC | AVFILTER_FLAG_SLICE_THREADS,
    .process_command = process_command,
};
