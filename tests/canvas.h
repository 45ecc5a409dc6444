/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TESTS_CANVAS_H
#define NST_TESTS_CANVAS_H

#include "tiny.h"

#include "half.h"
#include "picture.h"

/* Pictures of every layout in memory of their own, with margins that nobody may write to. */

typedef enum Packing {
    PLANAR,
    PACKED,      /* all components side by side */
    SEMI_PLANAR, /* Y in a plane, Cb and Cr side by side: NV12 */
    YUYV,        /* Y Cb Y Cr */
    TENS         /* three of 10 bits in 4 bytes, from the lowest: component 2, 1, 0, and 2 bits that nobody may write */
} Packing;

typedef struct Layout {
    const char *name;
    NstColorModel model;
    Packing packing;
    bool alpha;
    int log2_chroma_w, log2_chroma_h;
    bool full;
    NstMatrix matrix;
    NstSiting siting;
    int depth; /* 0: 8 */
    int shift;
    bool is_float;
} Layout;

static const Layout layouts[] = {
    {"gray", NST_COLOR_GRAY, PLANAR, false, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"gray limited", NST_COLOR_GRAY, PLANAR, false, 0, 0, false, NST_MATRIX_BT601, 0, 0, 0, false},
    {"gray alpha", NST_COLOR_GRAY, PACKED, true, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"rgb24", NST_COLOR_RGB, PACKED, false, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"rgba", NST_COLOR_RGB, PACKED, true, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"gbrp", NST_COLOR_RGB, PLANAR, false, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"gbrap", NST_COLOR_RGB, PLANAR, true, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"420 601", NST_COLOR_YUV, PLANAR, false, 1, 1, false, NST_MATRIX_BT601, NST_SITING_LEFT, 0, 0, false},
    {"420 709", NST_COLOR_YUV, PLANAR, false, 1, 1, false, NST_MATRIX_BT709, NST_SITING_CENTER, 0, 0, false},
    {"420 2020", NST_COLOR_YUV, PLANAR, false, 1, 1, false, NST_MATRIX_BT2020, NST_SITING_TOP_LEFT, 0, 0, false},
    {"420 601 full", NST_COLOR_YUV, PLANAR, false, 1, 1, true, NST_MATRIX_BT601, NST_SITING_CENTER, 0, 0, false},
    {"420 709 full", NST_COLOR_YUV, PLANAR, false, 1, 1, true, NST_MATRIX_BT709, NST_SITING_TOP, 0, 0, false},
    {"420 2020 full", NST_COLOR_YUV, PLANAR, false, 1, 1, true, NST_MATRIX_BT2020, NST_SITING_BOTTOM, 0, 0, false},
    {"nv12", NST_COLOR_YUV, SEMI_PLANAR, false, 1, 1, false, NST_MATRIX_BT709, NST_SITING_BOTTOM_LEFT, 0, 0, false},
    {"420 alpha", NST_COLOR_YUV, PLANAR, true, 1, 1, false, NST_MATRIX_BT709, NST_SITING_LEFT, 0, 0, false},
    {"422", NST_COLOR_YUV, PLANAR, false, 1, 0, false, NST_MATRIX_BT709, NST_SITING_LEFT, 0, 0, false},
    {"422 full", NST_COLOR_YUV, PLANAR, false, 1, 0, true, NST_MATRIX_BT601, NST_SITING_CENTER, 0, 0, false},
    {"440", NST_COLOR_YUV, PLANAR, false, 0, 1, false, NST_MATRIX_BT601, NST_SITING_LEFT, 0, 0, false},
    {"440 alpha", NST_COLOR_YUV, PLANAR, true, 0, 1, true, NST_MATRIX_BT2020, NST_SITING_TOP_LEFT, 0, 0, false},
    {"444", NST_COLOR_YUV, PLANAR, false, 0, 0, false, NST_MATRIX_BT709, 0, 0, 0, false},
    {"444 full alpha", NST_COLOR_YUV, PLANAR, true, 0, 0, true, NST_MATRIX_BT601, 0, 0, 0, false},
    {"411", NST_COLOR_YUV, PLANAR, false, 2, 0, false, NST_MATRIX_BT601, NST_SITING_LEFT, 0, 0, false},
    {"410 alpha", NST_COLOR_YUV, PLANAR, true, 2, 2, false, NST_MATRIX_BT601, NST_SITING_CENTER, 0, 0, false},
    {"yuyv", NST_COLOR_YUV, YUYV, false, 1, 0, false, NST_MATRIX_BT709, NST_SITING_LEFT, 0, 0, false},
    {"yuva packed", NST_COLOR_YUV, PACKED, true, 0, 0, false, NST_MATRIX_BT709, 0, 0, 0, false},
    {"gray16", NST_COLOR_GRAY, PLANAR, false, 0, 0, true, NST_MATRIX_BT601, 0, 16, 0, false},
    {"gray10 alpha limited", NST_COLOR_GRAY, PACKED, true, 0, 0, false, NST_MATRIX_BT601, 0, 10, 0, false},
    {"rgb48", NST_COLOR_RGB, PACKED, false, 0, 0, true, NST_MATRIX_BT601, 0, 16, 0, false},
    {"rgba64", NST_COLOR_RGB, PACKED, true, 0, 0, true, NST_MATRIX_BT601, 0, 16, 0, false},
    {"gbrp9", NST_COLOR_RGB, PLANAR, false, 0, 0, true, NST_MATRIX_BT601, 0, 9, 0, false},
    {"gbrap14", NST_COLOR_RGB, PLANAR, true, 0, 0, true, NST_MATRIX_BT601, 0, 14, 0, false},
    {"x2rgb10", NST_COLOR_RGB, TENS, false, 0, 0, true, NST_MATRIX_BT601, 0, 10, 0, false},
    {"xv30", NST_COLOR_YUV, TENS, false, 0, 0, false, NST_MATRIX_BT709, 0, 10, 0, false},
    {"420 10", NST_COLOR_YUV, PLANAR, false, 1, 1, false, NST_MATRIX_BT2020, NST_SITING_TOP_LEFT, 10, 0, false},
    {"420 16 alpha", NST_COLOR_YUV, PLANAR, true, 1, 1, true, NST_MATRIX_BT709, NST_SITING_LEFT, 16, 0, false},
    {"p010", NST_COLOR_YUV, SEMI_PLANAR, false, 1, 1, false, NST_MATRIX_BT709, NST_SITING_LEFT, 10, 6, false},
    {"y210", NST_COLOR_YUV, YUYV, false, 1, 0, false, NST_MATRIX_BT709, NST_SITING_LEFT, 10, 6, false},
    {"422 12", NST_COLOR_YUV, PLANAR, false, 1, 0, false, NST_MATRIX_BT709, NST_SITING_LEFT, 12, 0, false},
    {"440 12", NST_COLOR_YUV, PLANAR, false, 0, 1, false, NST_MATRIX_BT709, NST_SITING_CENTER, 12, 0, false},
    {"444 16 full", NST_COLOR_YUV, PLANAR, false, 0, 0, true, NST_MATRIX_BT709, 0, 16, 0, false},
    {"ayuv64", NST_COLOR_YUV, PACKED, true, 0, 0, false, NST_MATRIX_BT709, 0, 16, 0, false},
    {"xv36", NST_COLOR_YUV, PACKED, true, 0, 0, false, NST_MATRIX_BT709, 0, 12, 4, false},
    {"grayf32", NST_COLOR_GRAY, PLANAR, false, 0, 0, true, NST_MATRIX_BT601, 0, 32, 0, true},
    {"grayf32 limited", NST_COLOR_GRAY, PLANAR, false, 0, 0, false, NST_MATRIX_BT601, 0, 32, 0, true},
    {"yaf16", NST_COLOR_GRAY, PACKED, true, 0, 0, true, NST_MATRIX_BT601, 0, 16, 0, true},
    {"gbrpf32", NST_COLOR_RGB, PLANAR, false, 0, 0, true, NST_MATRIX_BT601, 0, 32, 0, true},
    {"rgbaf32", NST_COLOR_RGB, PACKED, true, 0, 0, true, NST_MATRIX_BT601, 0, 32, 0, true},
    {"rgbaf16", NST_COLOR_RGB, PACKED, true, 0, 0, true, NST_MATRIX_BT601, 0, 16, 0, true},
    {"gbrapf16", NST_COLOR_RGB, PLANAR, true, 0, 0, true, NST_MATRIX_BT601, 0, 16, 0, true},
};
/* An odd margin: words of 2 and 4 bytes lie at odd addresses. */
enum { N_LAYOUTS = sizeof(layouts) / sizeof(*layouts), MARGIN = 25, GUARD = 0xa5 };

typedef struct Canvas {
    NstPicture picture;
    uint8_t *memory[4]; /* of each plane */
    size_t size[4];
} Canvas;

static inline bool is_chroma(const NstPicture *p, int component)
{
    return p->model == NST_COLOR_YUV && (component == 1 || component == 2);
}

static inline int component_width(const NstPicture *p, int component)
{
    return is_chroma(p, component) ? ceil_div(p->width, 1 << p->log2_chroma_w) : p->width;
}

static inline int component_height(const NstPicture *p, int component)
{
    return is_chroma(p, component) ? ceil_div(p->height, 1 << p->log2_chroma_h) : p->height;
}

static inline bool has_component(const NstPicture *p, int component)
{
    return component == 3 ? p->has_alpha : p->model != NST_COLOR_GRAY || component == 0;
}

static inline int word_of(const NstPicture *p)
{
    return p->depth > 16 ? 4 : p->depth > 8 ? 2 : 1;
}

static inline uint8_t *sample(const NstPicture *p, int component, int x, int y)
{
    return p->comp[component].data + y * p->comp[component].stride + (ptrdiff_t)x * p->comp[component].step;
}

/* The bits of a sample, or of a float */
static inline uint32_t bits_at(const NstPicture *p, int component, int x, int y)
{
    const uint8_t *at = sample(p, component, x, y);
    uint16_t word = 0;
    uint32_t bits = 0;
    memcpy(&word, at, word_of(p) == 1 ? 0 : 2);
    memcpy(&bits, at, word_of(p) == 4 ? 4 : 0);
    if (word_of(p) < 4)
        bits = word_of(p) == 1 ? *at : word;
    return p->is_float ? bits : bits >> p->comp[component].shift & ((1u << p->depth) - 1);
}

static inline void set_bits(const NstPicture *p, int component, int x, int y, uint32_t bits)
{
    uint8_t *at = sample(p, component, x, y);
    uint16_t word = (uint16_t)bits;
    if (word_of(p) == 1) {
        *at = (uint8_t)bits;
    } else if (word_of(p) == 4) {
        memcpy(at, &bits, 4);
    } else if (p->is_float) {
        memcpy(at, &word, 2);
    } else {
        int shift = p->comp[component].shift;
        memcpy(&word, at, 2);
        word = (uint16_t)((word & ~(((1u << p->depth) - 1) << shift)) | bits << shift);
        memcpy(at, &word, 2);
    }
}

/* The level of an integer, or the number */
static inline double level_at(const NstPicture *p, int component, int x, int y)
{
    uint32_t bits = bits_at(p, component, x, y);
    float number;
    if (!p->is_float)
        return bits;
    memcpy(&number, &bits, sizeof(number));
    return p->depth == 32 ? (double)number : (double)half_to_float((uint16_t)bits);
}

static inline void set_level(const NstPicture *p, int component, int x, int y, double level)
{
    float number = (float)level;
    uint32_t bits = (uint32_t)(level + 0.5);
    if (p->is_float && p->depth == 32)
        memcpy(&bits, &number, sizeof(bits));
    else if (p->is_float)
        bits = float_to_half(number);
    set_bits(p, component, x, y, bits);
}

/* The level that stands for 1 in full range */
static inline double full_level(const NstPicture *p)
{
    return p->is_float ? 1 : (1 << p->depth) - 1;
}

/* The plane of a component, the words before its first sample, and from one sample to the next */
static inline int plane_of(const Layout *layout, int component, int *offset, int *step)
{
    int colors = layout->model == NST_COLOR_GRAY ? 1 : 3, chroma = component == 1 || component == 2;
    *offset = 0;
    *step = 1;
    switch (layout->packing) {
    case PACKED:
        *offset = component == 3 ? colors : component;
        *step = colors + layout->alpha;
        return 0;
    case SEMI_PLANAR:
        *offset = component == 2;
        *step = chroma ? 2 : 1;
        return component == 2 ? 1 : component;
    case YUYV:
        *offset = chroma ? 2 * component - 1 : 0;
        *step = chroma ? 4 : 2;
        return 0;
    case TENS: *step = 2; return 0;
    default: return component;
    }
}

static inline void canvas_place(Canvas *canvas, const Layout *layout, int i, bool upside_down)
{
    NstPicture *p = &canvas->picture;
    int offset, step, plane = plane_of(layout, i, &offset, &step), lines = component_height(p, i), word = word_of(p);
    size_t stride = 0;
    for (int k = 0; k < 4; k++) { /* the longest row of those that lie in this plane */
        int at, every, other = plane_of(layout, k, &at, &every);
        if (has_component(p, k) && other == plane)
            stride = (size_t)max_int((int)stride, component_width(p, k) * every * word + MARGIN);
    }
    if (!canvas->memory[plane]) {
        canvas->size[plane] = stride * (size_t)lines + 2 * MARGIN;
        canvas->memory[plane] = malloc(canvas->size[plane]);
        assert_non_null(canvas->memory[plane]);
        memset(canvas->memory[plane], GUARD, canvas->size[plane]);
    }
    NstComponent *comp = &p->comp[i];
    uint8_t *first = canvas->memory[plane] + MARGIN + offset * word;
    *comp = (NstComponent){first, (ptrdiff_t)stride, step * word, layout->shift};
    if (layout->packing == TENS) {
        comp->data += 2 - i;
        comp->shift = 2 * (2 - i);
    }
    if (upside_down) {
        comp->data += (ptrdiff_t)stride * (lines - 1);
        comp->stride = -(ptrdiff_t)stride;
    }
}

/* upside_down: lines from the last to the first, with a negative stride */
static inline Canvas canvas_create(const Layout *layout, int width, int height, bool upside_down)
{
    Canvas canvas = {.picture = {.width = width,
                                 .height = height,
                                 .model = layout->model,
                                 .depth = layout->depth ? layout->depth : 8,
                                 .is_float = layout->is_float,
                                 .log2_chroma_w = layout->log2_chroma_w,
                                 .log2_chroma_h = layout->log2_chroma_h,
                                 .full_range = layout->full,
                                 .matrix = layout->matrix,
                                 .siting = layout->siting,
                                 .has_alpha = layout->alpha}};
    for (int i = 0; i < 4; i++)
        if (has_component(&canvas.picture, i))
            canvas_place(&canvas, layout, i, upside_down);
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
                    for (int k = 0; k < word_of(p) && at >= 0 && at < (ptrdiff_t)canvas->size[plane]; k++)
                        used[at + k] = true;
                }
        for (size_t i = 0; i < canvas->size[plane]; i++)
            if (!used[i] && canvas->memory[plane][i] != GUARD)
                fail_msg("%s: byte %zu of plane %d was written", what, i, plane);
        free(used);
    }
}

/* Levels of Y' in 0..1 and of Cb, Cr in -0.5..0.5 */
static inline double reference_level(const NstPicture *p, int component, double value)
{
    double unit = p->is_float ? 1.0 / 255 : 1 << (p->depth - 8);
    bool chroma = is_chroma(p, component);
    if (p->full_range || p->model == NST_COLOR_RGB || component == 3)
        return full_level(p) * value + (chroma ? 128 * unit : 0);
    return chroma ? unit * (128 + 224 * value) : unit * (16 + 219 * value);
}

/* ITU-R BT.601, 709 and 2020 written out, apart from the code under test */
static inline void reference_yuv(const NstPicture *p, const double rgb[3], double yuv[3])
{
    static const double kr[] = {0.299, 0.2126, 0.2627}, kb[] = {0.114, 0.0722, 0.0593};
    NstMatrix matrix = p->model == NST_COLOR_YUV ? p->matrix : NST_MATRIX_BT601;
    double r = kr[matrix], b = kb[matrix];
    yuv[0] = r * rgb[0] + (1 - r - b) * rgb[1] + b * rgb[2];
    yuv[1] = (rgb[2] - yuv[0]) / (2 - 2 * b);
    yuv[2] = (rgb[0] - yuv[0]) / (2 - 2 * r);
}

/* From the centre of a group's first pixel to its chroma sample, in pixels */
static inline double chroma_across(const NstPicture *p)
{
    bool middle = p->siting == NST_SITING_CENTER || p->siting == NST_SITING_TOP || p->siting == NST_SITING_BOTTOM;
    return middle ? 0.5 * ((1 << p->log2_chroma_w) - 1) : 0;
}

static inline double chroma_down(const NstPicture *p)
{
    bool first = p->siting == NST_SITING_TOP || p->siting == NST_SITING_TOP_LEFT;
    bool last = p->siting == NST_SITING_BOTTOM || p->siting == NST_SITING_BOTTOM_LEFT;
    return (first ? 0 : last ? 1 : 0.5) * ((1 << p->log2_chroma_h) - 1);
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
                double rgb[3], yuv[3], at_x = x, at_y = y;
                if (is_chroma(p, i)) {
                    at_x = x * (1 << p->log2_chroma_w) + chroma_across(p);
                    at_y = y * (1 << p->log2_chroma_h) + chroma_down(p);
                }
                colour_at(at_x + 0.5, at_y + 0.5, rgb);
                reference_yuv(p, rgb, yuv);
                double alpha = (double)(1 + (x + 3 * y) % 255) / 255;
                double value = i == 3 ? alpha : p->model == NST_COLOR_RGB ? rgb[i] : yuv[i];
                set_level(p, i, x, y, reference_level(p, i, value));
            }
}

/* The largest difference of samples of two pictures of one format, in levels of 8 bits; 1e-30 where only bits differ */
static inline double canvas_distance(const Canvas *a, const Canvas *b)
{
    const NstPicture *p = &a->picture, *q = &b->picture;
    double most = 0;
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++)
                if (bits_at(p, i, x, y) != bits_at(q, i, x, y)) {
                    double distance = 255 / full_level(p) * fabs(level_at(p, i, x, y) - level_at(q, i, x, y));
                    most = fmax(most, fmax(distance, 1e-30));
                }
    return most;
}

static inline void assert_same_samples(const Canvas *a, const Canvas *b)
{
    if (canvas_distance(a, b) > 0)
        fail_msg("samples differ by up to %g levels", canvas_distance(a, b));
}

static inline void canvas_copy(Canvas *to, const Canvas *from)
{
    const NstPicture *p = &from->picture;
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++)
                set_bits(&to->picture, i, x, y, bits_at(p, i, x, y));
}

#endif
