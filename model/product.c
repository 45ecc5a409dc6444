/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "product.h"

#include <string.h>

#include "columns.h"
#include "util.h"

enum {
    CHUNK_ROWS = 256,       /* of the panels that are multiplied at a time: a panel stays in the L1 cache, */
    PANEL_FLOATS = 5 << 14, /* and all of a strip in the L2 cache */
    MIN_STRIPS = 16,        /* where there are as many rows, for threads to share */
    STAGGER = 16            /* floats between panels, or their rows would fall into the same sets of the L1 cache */
};

/* Input channels of a group, or fewer, that are multiplied at a time. */
static int chunk_channels(const NstConv *conv)
{
    const int taps = conv->kh * conv->kw, channels = conv->ci / conv->groups;
    const int most = max_int(min_int(CHUNK_ROWS, PANEL_FLOATS / conv->wo) / taps, 1);
    return ceil_div(channels, ceil_div(channels, most));
}

int product_strip_rows(const NstConv *conv)
{
    const size_t row = (size_t)(chunk_channels(conv) * conv->kh * conv->kw) * (size_t)conv->wo;
    return max_int(min_int((int)(PANEL_FLOATS / row), ceil_div(conv->ho, MIN_STRIPS)), 1);
}

/* Floats from one panel of k rows to the next */
static size_t panel_size(const NstDsp *dsp, int k)
{
    return (size_t)k * (size_t)dsp->panel_width + STAGGER;
}

size_t product_scratch(const NstDsp *dsp, const NstConv *conv)
{
    const int panels = ceil_div(product_strip_rows(conv) * conv->wo, dsp->panel_width);
    return align_floats((size_t)panels * panel_size(dsp, chunk_channels(conv) * conv->kh * conv->kw));
}

/* ---- kernels ---- */

static size_t group_packed_size(const NstDsp *dsp, const NstConv *conv)
{
    const int rows = ceil_div(conv->co / conv->groups, dsp->panel_height) * dsp->panel_height;
    return (size_t)rows * (size_t)columns_rows(conv);
}

size_t product_packed_size(const NstDsp *dsp, const NstConv *conv)
{
    return (size_t)conv->groups * group_packed_size(dsp, conv);
}

/* Each chunk's columns by themselves */
void product_pack(const NstDsp *dsp, const NstConv *conv, const float *k, float *packed)
{
    const int co = conv->co / conv->groups, all = columns_rows(conv);
    const int chunk = chunk_channels(conv) * conv->kh * conv->kw;
    const size_t height = group_packed_size(dsp, conv) / (size_t)all;
    for (int g = 0; g < conv->groups; g++, k += (size_t)co * (size_t)all)
        for (int first = 0; first < all; first += chunk) {
            const int n = min_int(chunk, all - first);
            dsp->pack_rows(co, n, k + first, all, packed);
            packed += height * (size_t)n;
        }
}

/* ---- strips ---- */

typedef struct Strip {
    const NstDsp *dsp;
    const NstConv *conv;
    const NstRows *x;
    int first, rows; /* of y */
    int positions;
    float *panels;
    float *y;        /* channel 0 */
} Strip;

/* All taps of n channels from c0 on. What is left of the last panel is zero: it is multiplied as well. */
static void fill_panels(const Strip *strip, int c0, int n)
{
    const NstConv *conv = strip->conv;
    const int width = strip->dsp->panel_width, taps = conv->kh * conv->kw;
    const ptrdiff_t panel = (ptrdiff_t)panel_size(strip->dsp, n * taps);
    const int last = strip->positions / width, span = (strip->rows - 1) * conv->sy + (conv->kh - 1) * conv->dy + 1;
    const bool joined = conv_is_pointwise(conv);
    if (strip->positions % width)
        memset(strip->panels + last * panel, 0, (size_t)panel * sizeof(float));
    for (int c = 0; c < n; c++) {
        const float *rows = strip->x->load(strip->x->arg, c0 + c, strip->first * conv->sy, span);
        for (int t = 0; t < taps; t++) {
            const float *from = rows + (size_t)(t / conv->kw * conv->dy) * (size_t)conv->w + t % conv->kw * conv->dx;
            float *to = strip->panels + (size_t)(c * taps + t) * (size_t)width;
            for (int r = 0; r < (joined ? 1 : strip->rows); r++)
                strip->dsp->fill_panels(from + (size_t)(r * conv->sy) * (size_t)conv->w, conv->sx,
                                        joined ? strip->positions : conv->wo, to, panel, r * conv->wo);
        }
    }
}

static void multiply(const Strip *strip, int co, int k, const float *packed, bool add, float *y)
{
    const int width = strip->dsp->panel_width;
    const float *panel = strip->panels;
    for (int at = 0; at < strip->positions; at += width, panel += panel_size(strip->dsp, k))
        strip->dsp->multiply_panels(co, min_int(width, strip->positions - at), k, packed, panel, add, y + at,
                                    (int)strip->conv->y_plane);
}

static void fill(float *y, float value, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = value;
}

static void group_strip(const Strip *strip, int group, const float *packed, const float *bias, bool add)
{
    const NstConv *conv = strip->conv;
    const int ci = conv->ci / conv->groups, co = conv->co / conv->groups, taps = conv->kh * conv->kw;
    const int chunk = chunk_channels(conv);
    const size_t height = group_packed_size(strip->dsp, conv) / (size_t)columns_rows(conv);
    float *y = strip->y + (size_t)(group * co) * conv->y_plane;
    packed += (size_t)group * group_packed_size(strip->dsp, conv);
    for (int c = 0; bias && c < co; c++)
        fill(y + (size_t)c * conv->y_plane, bias[group * co + c], strip->positions);
    for (int c = 0; c < ci; c += chunk) {
        const int n = min_int(chunk, ci - c);
        fill_panels(strip, group * ci + c, n);
        multiply(strip, co, n * taps, packed, add || bias || c > 0, y);
        packed += height * (size_t)(n * taps);
    }
    for (int c = 0; conv->rectify && c < co; c++)
        strip->dsp->relu(y + (size_t)c * conv->y_plane, y + (size_t)c * conv->y_plane, (size_t)strip->positions);
}

void product_strip(const NstDsp *dsp, const NstConv *conv, const NstRows *x, const float *packed, const float *bias,
                   bool add, int first, int n, float *scratch, float *y)
{
    const Strip strip = {dsp, conv, x, first, n, n * conv->wo, scratch, y + (size_t)first * (size_t)conv->wo};
    for (int g = 0; g < conv->groups; g++)
        group_strip(&strip, g, packed, bias, add);
}
