/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_CANVAS_H
#define NST_TESTS_CANVAS_H

#include "tiny.h"

#include "picture.h"

/* Pictures of every layout in memory of their own, with margins that nobody may write to. */

typedef struct Layout {
    const char *name;
    NstColorModel model;
    bool packed;           /* components lie side by side; of YUV only Cb and Cr (as in NV12) */
    bool alpha;
    int log2_chroma_w, log2_chroma_h;
    bool full;
    NstMatrix matrix;
} Layout;

static const Layout layouts[] = {
    {"gray", NST_COLOR_GRAY, false, false, 0, 0, true, NST_MATRIX_BT601},
    {"gray limited", NST_COLOR_GRAY, false, false, 0, 0, false, NST_MATRIX_BT601},
    {"gray alpha", NST_COLOR_GRAY, true, true, 0, 0, true, NST_MATRIX_BT601},
    {"rgb24", NST_COLOR_RGB, true, false, 0, 0, true, NST_MATRIX_BT601},
    {"rgba", NST_COLOR_RGB, true, true, 0, 0, true, NST_MATRIX_BT601},
    {"gbrp", NST_COLOR_RGB, false, false, 0, 0, true, NST_MATRIX_BT601},
    {"gbrap", NST_COLOR_RGB, false, true, 0, 0, true, NST_MATRIX_BT601},
    {"420 601", NST_COLOR_YUV, false, false, 1, 1, false, NST_MATRIX_BT601},
    {"420 709", NST_COLOR_YUV, false, false, 1, 1, false, NST_MATRIX_BT709},
    {"420 2020", NST_COLOR_YUV, false, false, 1, 1, false, NST_MATRIX_BT2020},
    {"420 601 full", NST_COLOR_YUV, false, false, 1, 1, true, NST_MATRIX_BT601},
    {"420 709 full", NST_COLOR_YUV, false, false, 1, 1, true, NST_MATRIX_BT709},
    {"420 2020 full", NST_COLOR_YUV, false, false, 1, 1, true, NST_MATRIX_BT2020},
    {"nv12", NST_COLOR_YUV, true, false, 1, 1, false, NST_MATRIX_BT709},
    {"420 alpha", NST_COLOR_YUV, false, true, 1, 1, false, NST_MATRIX_BT709},
    {"422", NST_COLOR_YUV, false, false, 1, 0, false, NST_MATRIX_BT709},
    {"422 full", NST_COLOR_YUV, false, false, 1, 0, true, NST_MATRIX_BT601},
    {"440", NST_COLOR_YUV, false, false, 0, 1, false, NST_MATRIX_BT601},
    {"440 alpha", NST_COLOR_YUV, false, true, 0, 1, true, NST_MATRIX_BT2020},
    {"444", NST_COLOR_YUV, false, false, 0, 0, false, NST_MATRIX_BT709},
    {"444 full alpha", NST_COLOR_YUV, false, true, 0, 0, true, NST_MATRIX_BT601},
};
enum { N_LAYOUTS = sizeof(layouts) / sizeof(*layouts), MARGIN = 24, GUARD = 0xa5 };

typedef struct Canvas {
    NstPicture picture;
    uint8_t *memory[4]; /* of each plane */
    size_t size[4];
} Canvas;

static inline int component_width(const NstPicture *p, int component)
{
    return component == 1 || component == 2 ? ceil_div(p->width, 1 << p->log2_chroma_w) : p->width;
}

static inline int component_height(const NstPicture *p, int component)
{
    return component == 1 || component == 2 ? ceil_div(p->height, 1 << p->log2_chroma_h) : p->height;
}

static inline uint8_t *sample(const NstPicture *p, int component, int x, int y)
{
    return p->comp[component].data + y * p->comp[component].stride + (ptrdiff_t)x * p->comp[component].step;
}

static inline bool has_component(const NstPicture *p, int component)
{
    return component == 3 ? p->has_alpha : p->model != NST_COLOR_GRAY || component == 0;
}

/* The plane and the place in it of a component; the number of components in that plane. */
static inline int plane_of(const Layout *layout, int component, int *offset, int *step)
{
    int colors = layout->model == NST_COLOR_GRAY ? 1 : 3;
    *offset = 0;
    *step = 1;
    if (!layout->packed)
        return component;
    if (layout->model == NST_COLOR_YUV) {
        *offset = component == 2;
        *step = component == 1 || component == 2 ? 2 : 1;
        return component == 2 ? 1 : component;
    }
    *offset = component == 3 ? colors : component;
    *step = colors + layout->alpha;
    return 0;
}

/* upside_down: lines from the last to the first, with a negative stride */
static inline Canvas canvas_create(const Layout *layout, int width, int height, bool upside_down)
{
    Canvas canvas = {.picture = {width, height, layout->model, 8, layout->log2_chroma_w, layout->log2_chroma_h,
                                 layout->full, layout->matrix, layout->alpha, {{0}}}};
    NstPicture *p = &canvas.picture;
    for (int i = 0; i < 4; i++) {
        int offset, step, plane = plane_of(layout, i, &offset, &step);
        if (!has_component(p, i))
            continue;
        int lines = component_height(p, i);
        size_t stride = (size_t)component_width(p, i) * (size_t)step + MARGIN;
        if (!canvas.memory[plane]) {
            canvas.size[plane] = stride * (size_t)lines + 2 * MARGIN;
            canvas.memory[plane] = malloc(canvas.size[plane]);
            assert_non_null(canvas.memory[plane]);
            memset(canvas.memory[plane], GUARD, canvas.size[plane]);
        }
        p->comp[i].data = canvas.memory[plane] + MARGIN + offset;
        p->comp[i].stride = (ptrdiff_t)stride;
        p->comp[i].step = step;
        if (upside_down) {
            p->comp[i].data += (ptrdiff_t)stride * (lines - 1);
            p->comp[i].stride = -(ptrdiff_t)stride;
        }
    }
    return canvas;
}

static inline void canvas_free(Canvas *canvas)
{
    for (int i = 0; i < 4; i++)
        free(canvas->memory[i]);
}

/* Every byte that is not a sample still is what canvas_create wrote. */
static inline void assert_margins(const Canvas *canvas, const char *what)
{
    const NstPicture *p = &canvas->picture;
    for (int plane = 0; plane < 4; plane++) {
        if (!canvas->memory[plane])
            continue;
        bool *used = calloc(canvas->size[plane], sizeof(bool));
        assert_non_null(used);
        for (int i = 0; i < 4; i++)
            for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
                for (int x = 0; x < component_width(p, i); x++) {
                    ptrdiff_t at = sample(p, i, x, y) - canvas->memory[plane];
                    if (at >= 0 && at < (ptrdiff_t)canvas->size[plane])
                        used[at] = true;
                }
        for (size_t i = 0; i < canvas->size[plane]; i++)
            if (!used[i] && canvas->memory[plane][i] != GUARD)
                fail_msg("%s: byte %zu of plane %d was written", what, i, plane);
        free(used);
    }
}

/* ITU-R BT.601, 709 and 2020 written out, apart from the code under test */
static inline void reference_yuv(const NstPicture *p, const double rgb[3], double yuv[3])
{
    static const double kr[] = {0.299, 0.2126, 0.2627}, kb[] = {0.114, 0.0722, 0.0593};
    double r = kr[p->matrix], b = kb[p->matrix];
    double y = r * rgb[0] + (1 - r - b) * rgb[1] + b * rgb[2];
    yuv[0] = p->full_range ? 255 * y : 16 + 219 * y;
    yuv[1] = 128 + (p->full_range ? 255 : 224) * (rgb[2] - y) / (2 - 2 * b);
    yuv[2] = 128 + (p->full_range ? 255 : 224) * (rgb[0] - y) / (2 - 2 * r);
}

/* Smooth colours within what RGB can hold, the same whatever the layout: gentle slopes of R, G and B. */
static inline void colour_at(double x, double y, double rgb[3])
{
    rgb[0] = 0.3 + 0.004 * x + 0.002 * y;
    rgb[1] = 0.55 - 0.003 * x + 0.002 * y;
    rgb[2] = 0.4 + 0.002 * x - 0.003 * y;
}

static inline void canvas_paint(Canvas *canvas)
{
    NstPicture *p = &canvas->picture;
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++) {
                double rgb[3], yuv[3], scale_x = 1, scale_y = 1;
                if (i == 1 || i == 2) {
                    scale_x = 1 << p->log2_chroma_w;
                    scale_y = 1 << p->log2_chroma_h;
                }
                colour_at((x + 0.5) * scale_x, (y + 0.5) * scale_y, rgb);
                reference_yuv(p, rgb, yuv);
                double level = i == 3 ? 1 + (x + 3 * y) % 255 : p->model == NST_COLOR_RGB ? 255 * rgb[i] : yuv[i];
                *sample(p, i, x, y) = (uint8_t)(level + 0.5);
            }
}

/* The largest difference of any sample of two pictures of one format */
static inline int canvas_distance(const Canvas *a, const Canvas *b)
{
    const NstPicture *p = &a->picture;
    int most = 0;
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++)
                most = max_int(most, abs(*sample(p, i, x, y) - *sample(&b->picture, i, x, y)));
    return most;
}

static inline void canvas_copy(Canvas *to, const Canvas *from)
{
    const NstPicture *p = &from->picture;
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++)
                *sample(&to->picture, i, x, y) = *sample(p, i, x, y);
}

#endif
