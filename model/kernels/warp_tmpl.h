/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A row of the last painting along its motion (temporal.h). Included once for each variant whose vectors divide the
 * eight floats of two pixels; where they are two pixels themselves, with
 *   V_BETWEEN(a, b)    the second half of a and the first of b
 */

enum {
    NAME(PAIR_VECTORS) = 8 / VL,
    NAME(COLUMN_VECTORS) = (4 * (NST_WARP_TAPS + 1) + VL - 1) / VL /* of the pixels that two of them need of a row */
};

/* Vector v of pixels i and i + 1 of a row of vectors */
TARGET static inline __attribute__((always_inline)) V NAME(warp_pair)(const V *row, int i, int v)
{
#ifdef V_BETWEEN
    if (4 * i % VL)
        return V_BETWEEN(row[4 * i / VL], row[4 * i / VL + 1]);
#endif
    return row[4 * i / VL + v];
}

/* Even taps and odd ones by themselves, so that fewer sums wait for each other */
TARGET static inline __attribute__((always_inline)) V NAME(warp_across)(const V *row, const float *taps, int v)
{
    V even = V_SET1(taps[0]) * NAME(warp_pair)(row, 0, v), odd = V_SET1(taps[1]) * NAME(warp_pair)(row, 1, v);
    for (int i = 2; i < NST_WARP_TAPS; i += 2) {
        even = V_FMA(V_SET1(taps[i]), NAME(warp_pair)(row, i, v), even);
        odd = V_FMA(V_SET1(taps[i + 1]), NAME(warp_pair)(row, i + 1, v), odd);
    }
    return even + odd;
}

/*
 * The pixels of a sample are four, two by two, and move as one: each of the taps + 1 rows that they need goes into two
 * rows that are filtered downwards, and these are filtered across. `from`: the first tap of the first pixel.
 */
TARGET static inline __attribute__((always_inline)) void NAME(warp_quad)(const float *from, ptrdiff_t stride,
                                                                         const float *down, const float *across,
                                                                         float *above, float *below)
{
    V a[NAME(COLUMN_VECTORS)], b[NAME(COLUMN_VECTORS)];
    for (int v = 0; v < NAME(COLUMN_VECTORS); v++)
        a[v] = b[v] = V_SET1(0);
#pragma GCC unroll 9
    for (int r = 0; r <= NST_WARP_TAPS; r++, from += stride)
        for (int v = 0; v < NAME(COLUMN_VECTORS); v++) {
            V row = V_LOAD(from + v * VL);
            KEEP_VECTOR(row);
            if (r < NST_WARP_TAPS)
                a[v] = V_FMA(V_SET1(down[r]), row, a[v]);
            if (r > 0)
                b[v] = V_FMA(V_SET1(down[r - 1]), row, b[v]);
        }
    for (int v = 0; v < NAME(PAIR_VECTORS); v++) {
        V_STORE(above + v * VL, NAME(warp_across)(a, across, v));
        V_STORE(below + v * VL, NAME(warp_across)(b, across, v));
    }
}

/* Places in the frame of NST_WARP_TAPS / 2 pixels around the picture, in phases: kept to where all taps lie within it */
TARGET static void NAME(warp_places)(const NstWarp *w, int first, int row, const float *restrict u,
                                     const float *restrict v, unsigned *restrict x, unsigned *restrict y, int n)
{
    /* from one pixel before the picture to its last one */
    const float reach = NST_WARP_TAPS / 2, least = reach - 1;
    const float right = (float)w->w - 1 + reach, bottom = (float)w->h - 1 + reach;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        float px = (float)(2 * (first + i)) + u[i] + reach, py = (float)(2 * row) + v[i] + reach;
        px = px < right ? px : right;
        py = py < bottom ? py : bottom;
        px = px > least ? px : least;
        py = py > least ? py : least;
        x[i] = (unsigned)(int)(px * NST_WARP_PHASES + 0.5f);
        y[i] = (unsigned)(int)(py * NST_WARP_PHASES + 0.5f);
    }
}

TARGET static inline __attribute__((always_inline)) void NAME(warp_one)(const NstWarp *w, unsigned x, unsigned y,
                                                                        float *above, float *below)
{
    const ptrdiff_t sx = (ptrdiff_t)(x / NST_WARP_PHASES) - NST_WARP_TAPS / 2;
    const ptrdiff_t sy = (ptrdiff_t)(y / NST_WARP_PHASES) - NST_WARP_TAPS / 2;
    const unsigned fx = x % NST_WARP_PHASES, fy = y % NST_WARP_PHASES;
    const float *from = w->pixels + sy * w->stride + 4 * sx;
    if (fx || fy) {
        for (int r = 0; r < 2; r++) /* those that the row below this one needs beside */
            __builtin_prefetch(from + (NST_WARP_TAPS - 1 + r) * w->stride);
        NAME(warp_quad)(from - (NST_WARP_TAPS / 2 - 1) * (w->stride + 4), w->stride, w->taps + fy * NST_WARP_TAPS,
                        w->taps + fx * NST_WARP_TAPS, above, below);
    } else {
        memcpy(above, from, 8 * sizeof(float));
        memcpy(below, from + w->stride, 8 * sizeof(float));
    }
}

/*
 * Row `row` of samples from where in the history the motion (u, v) leads: two rows of pixels, four floats each; and the
 * mean square by which their luma is off. In three loops, so that the longest, which waits for memory, is short enough
 * for two of its rounds to run at once.
 */
TARGET static void NAME(temporal_warp)(const NstWarp *w, int row, const float *u, const float *v,
                                       const float *const luma[2], float *const to[2], float *error)
{
    enum { RUN = 64 };
    const int samples = (w->w + 1) / 2;
    for (int first = 0; first < samples; first += RUN) {
        const int n = samples - first < RUN ? samples - first : RUN;
        float *above = to[0] + 8 * first, *below = to[1] + 8 * first;
        const float *y0 = luma[0] + 2 * first, *y1 = luma[1] + 2 * first;
        unsigned x[RUN], y[RUN];
        NAME(warp_places)(w, first, row, u + first, v + first, x, y, n);
        for (int i = 0; i < n; i++)
            NAME(warp_one)(w, x[i], y[i], above + 8 * i, below + 8 * i);
        for (int i = 0; i < n; i++) {
            float a = y0[2 * i] - above[8 * i + 3], b = y0[2 * i + 1] - above[8 * i + 7];
            float c = y1[2 * i] - below[8 * i + 3], d = y1[2 * i + 1] - below[8 * i + 7];
            error[first + i] = 0.25f * (FMA(a, a, b * b) + FMA(c, c, d * d));
        }
    }
}

TARGET static void NAME(warp_fill)(NstDsp *dsp)
{
    dsp->temporal_warp = NAME(temporal_warp);
}
