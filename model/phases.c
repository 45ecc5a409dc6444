/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "phases.h"

#include <string.h>

#include "padding.h"
#include "resample.h"
#include "util.h"
#include "winograd.h"

enum { TAPS = 3, SIDES = 4 }; /* sides in the order of a node's pad[] */

bool phases_fit(const NstConv *conv, const int pad[4])
{
    if (!pad_is_one(pad) || conv->kh != TAPS || conv->kw != TAPS || conv->sy != 1 || conv->sx != 1)
        return false;
    const NstConv inner = phases_conv(conv);
    return winograd_fits(&inner);
}

NstConv phases_conv(const NstConv *conv)
{
    NstConv inner = *conv;
    inner.co = 4 * conv->co;
    inner.ho = conv->ho / 2;
    inner.wo = conv->wo / 2;
    inner.h = inner.ho + 2;
    inner.w = inner.wo + 2;
    inner.rectify = false; /* the frame comes after it */
    inner.interleaves = true;
    return inner;
}

/* ---- kernels ---- */

/* combine[phase]: what the three samples of the small picture contribute to each tap of the enlarged one */
static const float combine[2][TAPS][TAPS] = {{{0.75f, 0.25f, 0}, {0.25f, 0.75f, 0.75f}, {0, 0, 0.25f}},
                                             {{0.25f, 0, 0}, {0.75f, 0.75f, 0.25f}, {0, 0.25f, 0.75f}}};

static void phase_kernel(const float *k, int phase, float *to)
{
    const float(*across)[TAPS] = combine[phase % 2], (*down)[TAPS] = combine[phase / 2];
    float half[TAPS][TAPS];
    for (int p = 0; p < TAPS; p++)
        for (int x = 0; x < TAPS; x++)
            half[p][x] = across[x][0] * k[TAPS * p] + across[x][1] * k[TAPS * p + 1] + across[x][2] * k[TAPS * p + 2];
    for (int y = 0; y < TAPS; y++)
        for (int x = 0; x < TAPS; x++)
            to[TAPS * y + x] = down[y][0] * half[0][x] + down[y][1] * half[1][x] + down[y][2] * half[2][x];
}

/* Packed: Winograd's kernels; a Co x Ci matrix for each side and tap along it; the phases' kernels, for the first */
static size_t inner_size(const NstDsp *dsp, const NstConv *conv)
{
    const NstConv inner = phases_conv(conv);
    return align_floats(winograd_kernels_size(dsp, &inner));
}

static size_t side_size(const NstConv *conv)
{
    return (size_t)conv->co * (size_t)conv->ci;
}

size_t phases_packed_size(const NstDsp *dsp, const NstConv *conv)
{
    return inner_size(dsp, conv) + (SIDES * TAPS + 4 * TAPS * TAPS) * side_size(conv);
}

/* Which of the nine taps meets the line along a side, as the t-th of the three along it */
static int side_tap(int side, int t)
{
    switch (side) {
    case NST_TOP: return t;
    case NST_BOTTOM: return 2 * TAPS + t;
    case NST_LEFT: return TAPS * t;
    default: return TAPS * t + 2;
    }
}

void phases_pack(const NstDsp *dsp, const NstConv *conv, const float *k, float *packed)
{
    const NstConv inner = phases_conv(conv);
    float *sides = packed + inner_size(dsp, conv), *phases = sides + SIDES * TAPS * side_size(conv);
    for (int o = 0; o < conv->co; o++)
        for (int c = 0; c < conv->ci; c++) {
            const size_t pair = (size_t)o * (size_t)conv->ci + (size_t)c;
            for (int phase = 0; phase < 4; phase++)
                phase_kernel(k + pair * TAPS * TAPS, phase,
                             phases + ((size_t)(4 * o + phase) * (size_t)conv->ci + (size_t)c) * TAPS * TAPS);
            for (int i = 0; i < SIDES * TAPS; i++)
                sides[(size_t)i * side_size(conv) + pair] =
                    k[pair * TAPS * TAPS + (size_t)side_tap(i / TAPS, i % TAPS)];
        }
    winograd_kernels(dsp, &inner, phases, false, packed);
}

/* ---- the frame ---- */

/* A line of samples around the enlarged picture, and the results that it touches */
typedef struct Side {
    int side;
    bool across;
    int lines, length; /* of the small picture: from side to side, and along it */
    int first, n;      /* results along it, of those that are made */
} Side;

static Side side_of(const NstConv *conv, int side, int first, int n)
{
    if (side == NST_TOP || side == NST_BOTTOM)
        return (Side){side, true, conv->ho / 2, conv->wo / 2, 0, conv->wo};
    return (Side){side, false, conv->wo / 2, conv->ho / 2, first, n};
}

/* Samples first ... first + n - 1 along a line of the small picture; one beyond each end of it may be asked for */
static void gather_line(const NstSmallPicture *small, const Side *side, int channel, int line, int first, int n,
                        float *to)
{
    const int begin = max_int(-first, 0), end = min_int(n, side->length - first);
    const float *from = small->x + (size_t)channel * (size_t)small->h * (size_t)small->w;
    const size_t step = side->across ? 1 : (size_t)small->w;
    if (side->across)
        from += (ptrdiff_t)(line - small->row) * small->w + (first + begin - small->column);
    else
        from += (ptrdiff_t)(first + begin - small->row) * small->w + (line - small->column);
    for (int i = begin; i < end; i++, from += step)
        to[i] = *from;
    if (begin > 0)
        to[0] = to[begin];
    if (end < n)
        to[n - 1] = to[end - 1];
}

/*
 * Line `at` of the enlarged picture (-1: zeros) as the results' taps meet it: to[1] is the sample before the first
 * result's. The two beyond the ends are those of a row's padding; of a column they are zero, being the rows'.
 */
static void enlarged_line(const NstDsp *dsp, const NstSmallPicture *small, const Side *side, int channel, int at,
                          NstPadMode mode, float *temporary, float *to)
{
    const int first = side->first / 2 - 1, n = side->n / 2 + 2;
    if (at < 0) {
        memset(to, 0, (size_t)(2 * n) * sizeof(*to));
        return;
    }
    const NstBetween b = resample_between(at, 2, side->lines, NST_UPSAMPLE_BILINEAR);
    float *low = temporary, *high = temporary + n;
    gather_line(small, side, channel, b.low, first, n, low);
    gather_line(small, side, channel, b.high, first, n, high);
    dsp->lerp(low, low, high, b.weight, (size_t)n);
    resample_widen(low, n, 2, NST_UPSAMPLE_BILINEAR, to);
    if (side->across)
        pad_row_ends(to + 1, side->n, 1, 1, mode);
    else if (first < 0)
        to[1] = 0;
    if (!side->across && side->first + side->n == 2 * side->length)
        to[2 + side->n] = 0;
}

/* Floats of a line of one channel, of all channels, and of a column of results */
typedef struct Sizes {
    size_t line, lines, column;
} Sizes;

static Sizes sizes_of(const NstConv *conv)
{
    const size_t line = align_floats((size_t)max_int(conv->ho, conv->wo) + 4);
    return (Sizes){line, line * (size_t)conv->ci, line * (size_t)conv->co};
}

/* All channels' difference between the line that the padding puts there and the edge repeated */
static void side_lines(const NstDsp *dsp, const NstConv *conv, const NstSmallPicture *small, const Side *side,
                       NstPadMode mode, float *temporary, float *lines)
{
    const bool is_start = side->side == NST_TOP || side->side == NST_LEFT;
    const int edge = is_start ? 0 : 2 * side->lines - 1, beyond = is_start ? -1 : 2 * side->lines;
    const size_t line = sizes_of(conv).line;
    float *repeated = temporary + line;
    for (int c = 0; c < conv->ci; c++, lines += line) {
        enlarged_line(dsp, small, side, c, pad_source(mode, beyond, 2 * side->lines), mode, temporary, lines);
        enlarged_line(dsp, small, side, c, edge, NST_PAD_REPLICATE, temporary, repeated);
        dsp->axpy(lines, repeated, -1, (size_t)(side->n + 4));
    }
}

static void add_side(const NstConvContext *context, const NstConv *conv, const NstSmallPicture *small, const Side *side,
                     NstPadMode mode, float *scratch, float *y)
{
    const Sizes sizes = sizes_of(conv);
    const float *kernels = context->packed + inner_size(context->dsp, conv);
    float *lines = scratch, *temporary = lines + sizes.lines, *column = temporary + 2 * sizes.line;
    float *to = side->across ? y : column;
    const int ld = side->across ? (int)conv->y_plane : side->n;
    side_lines(context->dsp, conv, small, side, mode, temporary, lines);
    for (int t = 0; t < TAPS; t++)
        context->gemm(0, 0, conv->co, side->n, conv->ci, kernels + (size_t)(side->side * TAPS + t) * side_size(conv),
                      conv->ci, lines + 1 + t, (int)sizes.line, side->across || t > 0, to, ld);
    for (int o = 0; !side->across && o < conv->co; o++, y += conv->y_plane)
        for (int i = 0; i < side->n; i++)
            y[(size_t)i * (size_t)conv->wo] += *column++;
}

static void add_frame(const NstConvContext *context, const NstConv *conv, const NstSmallPicture *small, int first,
                      int n, NstPadMode mode, float *scratch, float *y)
{
    const size_t last_row = (size_t)(n - 1) * (size_t)conv->wo, last_column = (size_t)conv->wo - 1;
    const size_t at[SIDES] = {[NST_BOTTOM] = last_row, [NST_RIGHT] = last_column};
    for (int i = 0; mode != NST_PAD_REPLICATE && i < SIDES; i++) {
        const Side side = side_of(conv, i, first, n);
        if ((i == NST_TOP && first > 0) || (i == NST_BOTTOM && first + n < conv->ho))
            continue;
        add_side(context, conv, small, &side, mode, scratch, y + at[i]);
    }
}

/* ---- */

/* The convolution of the small picture for some of its rows */
static NstConv rows_conv(const NstConv *conv, const NstSmallPicture *small, int first, int n)
{
    NstConv inner = phases_conv(conv);
    inner.ho = n / 2;
    inner.h = inner.ho + 2;
    inner.from_h = small->h;
    inner.from_w = small->w;
    inner.pad_top = 1 + small->row - first / 2;
    inner.pad_left = 1 + small->column;
    inner.pad_mode = NST_PAD_REPLICATE;
    return inner;
}

static size_t frame_scratch(const NstConv *conv)
{
    const Sizes sizes = sizes_of(conv);
    return sizes.lines + 2 * sizes.line + sizes.column;
}

size_t phases_scratch(const NstDsp *dsp, const NstConv *conv, int threads)
{
    const NstConv inner = phases_conv(conv);
    return max_size(winograd_scratch(dsp, &inner, threads), frame_scratch(conv));
}

void phases_forward(const NstConvContext *context, const NstConv *conv, const NstSmallPicture *small, int first, int n,
                    NstPadMode pad_mode, const float *bias, float *y)
{
    const NstConv inner = rows_conv(conv, small, first, n);
    winograd_forward(context, &inner, small->x, context->packed, bias, false, y);
    add_frame(context, conv, small, first, n, pad_mode, context->scratch, y);
    for (int o = 0; conv->rectify && o < conv->co; o++, y += conv->y_plane)
        context->dsp->relu(y, y, (size_t)n * (size_t)conv->wo);
}
