/*
 * This file is part of FFmpeg.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef AVFILTER_VF_NST_COMPAT_H
#define AVFILTER_VF_NST_COMPAT_H

/**
 * @file
 * What differs between the releases of FFmpeg that vf_nst.c is built in (5.1, 7.1, 8.1, 9.0), so that it can be written for
 * the newest.
 */

#include "version.h"
#include "avfilter.h"
#include "filters.h"
#include "formats.h"
#include "video.h"

#if LIBAVFILTER_VERSION_MAJOR < 11
/* all fields of a filter were public */
typedef AVFilter FFFilter;
#define FILTER_FIELD(field) .field
#else
#define FILTER_FIELD(field) .p.field
#endif

#if LIBAVFILTER_VERSION_MAJOR < 9
#include "internal.h"

#define FRAME_DURATION(frame) ((frame)->pkt_duration)

typedef AVFilterLink FilterLink;

static inline FilterLink *ff_filter_link(AVFilterLink *link)
{
    return link;
}

static inline int ff_fmt_is_forced_full_range(enum AVPixelFormat fmt)
{
    return fmt == AV_PIX_FMT_YUVJ420P || fmt == AV_PIX_FMT_YUVJ422P || fmt == AV_PIX_FMT_YUVJ444P ||
           fmt == AV_PIX_FMT_YUVJ440P || fmt == AV_PIX_FMT_YUVJ411P;
}

static const AVFilterPad ff_video_default_filterpad[] = {
    { .name = "default", .type = AVMEDIA_TYPE_VIDEO },
};

/* color spaces were not negotiated */
#define ff_set_common_color_spaces_from_list2(ctx, cfg_in, cfg_out, spaces) ((void)(spaces), 0)
#define ff_set_common_formats2(ctx, cfg_in, cfg_out, formats) ff_set_common_formats((AVFilterContext *)(ctx), formats)

static int query_formats(const AVFilterContext *ctx, AVFilterFormatsConfig **cfg_in, AVFilterFormatsConfig **cfg_out);

static int query_all_formats(AVFilterContext *ctx)
{
    return query_formats(ctx, NULL, NULL);
}

#define FILTER_QUERY_FUNC2(func) FILTER_QUERY_FUNC(query_all_formats)
#else
#define FRAME_DURATION(frame) ((frame)->duration)
#endif

#endif /* AVFILTER_VF_NST_COMPAT_H */
