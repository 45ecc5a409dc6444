/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows of temporal smoothing (temporal.h). Included once for each variant, with
 *   fold4(v, to)    to[0..3] = the sums of lanes 0, 4, 8 .., of lanes 1, 5, 9 .. and so on; v is one vector, or for
 *                   vectors of one lane four of them
 */

TARGET static void NAME(temporal_luma)(float *restrict y, const float *restrict r, const float *restrict g,
                                       const float *restrict b, float scale, int n)
{
    const float kr = 0.299f * scale, kg = 0.587f * scale, kb = 0.114f * scale;
#pragma omp simd
    for (int i = 0; i < n; i++)
        y[i] = FMA(kr, r[i], FMA(kg, g[i], kb * b[i]));
}

/*
 * The pixels of a sample are four, two by two, and move as one: each of the taps + 1 rows that they need is read once,
 * and filtered down for both of their rows; across, the right one's taps begin a pixel later.
 */
enum {
    NAME(QUAD_FLOATS) = 4 * (NST_WARP_TAPS + 1),
    NAME(QUAD_VECTORS) = (NAME(QUAD_FLOATS) + VL - 1) / VL,
    NAME(FOLDED) = VL < 4 ? 4 / VL : 1
};

/* sum += weight of a row of pixels */
TARGET static inline __attribute__((always_inline)) void NAME(warp_row)(V *sum, float weight, const V *row)
{
    V w = V_SET1(weight);
    for (int v = 0; v < NAME(QUAD_VECTORS); v++)
        sum[v] = V_FMA(w, row[v], sum[v]);
}

TARGET static inline __attribute__((always_inline)) void NAME(warp_across)(const V *sum, const float *across, float *to)
{
    V total[NAME(FOLDED)];
    for (int v = 0; v < NAME(FOLDED); v++)
        total[v] = sum[v] * V_LOAD(across + v * VL);
    for (int v = NAME(FOLDED); v < NAME(QUAD_VECTORS); v++)
        total[v % NAME(FOLDED)] = V_FMA(sum[v], V_LOAD(across + v * VL), total[v % NAME(FOLDED)]);
    NAME(fold4)(total, to);
}

TARGET static inline __attribute__((always_inline)) void NAME(warp_quad)(const float *from, ptrdiff_t stride,
                                                                         const float *down, const float *across,
                                                                         float *above, float *below)
{
    V a[NAME(QUAD_VECTORS)], b[NAME(QUAD_VECTORS)], row[NAME(QUAD_VECTORS)];
    for (int v = 0; v < NAME(QUAD_VECTORS); v++)
        a[v] = b[v] = V_SET1(0);
    for (int r = 0; r <= NST_WARP_TAPS; r++, from += stride) {
        for (int v = 0; v < NAME(QUAD_VECTORS); v++) {
            row[v] = V_LOAD(from + v * VL);
            KEEP_VECTOR(row[v]);
        }
        if (r < NST_WARP_TAPS)
            NAME(warp_row)(a, down[4 * r], row);
        if (r > 0)
            NAME(warp_row)(b, down[4 * r - 4], row);
    }
    NAME(warp_across)(a, across, above);
    NAME(warp_across)(a, across - 4, above + 4);
    NAME(warp_across)(b, across, below);
    NAME(warp_across)(b, across - 4, below + 4);
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
        NAME(warp_quad)(from - (NST_WARP_TAPS / 2 - 1) * (w->stride + 4), w->stride,
                        w->taps + fy * NST_WARP_PHASE_FLOATS, w->taps + fx * NST_WARP_PHASE_FLOATS, above, below);
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

/* Four planes' vectors between each other, of which the first n pixels count */
TARGET static inline void NAME(store4_rest)(float *p, const V v[4], size_t n)
{
    float all[4 * VL];
    if (n >= VL) {
        NAME(store4)(p, v);
        return;
    }
    NAME(store4)(all, v);
    memcpy(p, all, 4 * n * sizeof(float));
}

/*
 * x[k][i] += weight (carried - x), and the history, which may be what was carried, takes what comes out; luma of the
 * source goes with it.
 */
TARGET static void NAME(temporal_blend)(float *const x[3], float scale, const float *luma,
                                        const float *weight, const float *carried, float *history, int n)
{
    const V in = V_SET1(scale), out = V_SET1(1 / scale);
    for (int i = 0; i < n; i += VL) {
        const size_t m = (size_t)(n - i);
        V w = NAME(load_rest)(weight + i, m), y = NAME(load_rest)(luma + i, m), old[4], all[4];
        NAME(load4)(carried + 4 * i, old);
        for (int c = 0; c < 3; c++) {
            V fresh = NAME(load_rest)(x[c] + i, m);
            fresh = V_FMA(w, in * old[c] - fresh, fresh);
            NAME(store_rest)(x[c] + i, fresh, m);
            all[c] = out * fresh;
        }
        all[3] = V_FMA(w, old[3] - y, y);
        NAME(store4_rest)(history + 4 * i, all, m);
    }
}

/*
 * x = history + amount weight (history - mean of the four pixels NST_SHARPEN_REACH away); with luma of the source, also
 * + (1 - trust) of what the history's luma is off from it
 */
TARGET static void NAME(temporal_sharpen)(float *const x[3], float scale, const float *weight, float amount,
                                          const float *luma, const float *trust, const float *history,
                                          ptrdiff_t stride, int n)
{
    const ptrdiff_t side = 4 * NST_SHARPEN_REACH, below = NST_SHARPEN_REACH * stride;
    const V more = V_SET1(amount), quarter = V_SET1(0.25f), out = V_SET1(scale), level = V_SET1(1 / 255.0f);
    for (int i = 0; i < n; i += VL) {
        const size_t m = (size_t)(n - i);
        float edges[4 * VL];
        V w = more * NAME(load_rest)(weight + i, m), off = V_SET1(0), here[4], edge[4];
        for (int v = 0; v < 4; v++) {
            const float *at = history + 4 * i + v * VL;
            V around = (V_LOAD(at - side) + V_LOAD(at + side)) + (V_LOAD(at - below) + V_LOAD(at + below));
            V_STORE(edges + v * VL, V_LOAD(at) - quarter * around);
        }
        NAME(load4)(edges, edge);
        NAME(load4)(history + 4 * i, here);
        if (luma)
            off = (level - level * NAME(load_rest)(trust + i, m)) * (NAME(load_rest)(luma + i, m) - here[3]);
        for (int c = 0; c < 3; c++)
            NAME(store_rest)(x[c] + i, out * V_FMA(w, edge[c], here[c] + off), m);
    }
}

/* How far the motion of row y may be trusted, and the weight that the last painting has for it (temporal.c). */
TARGET static void NAME(temporal_trust)(const NstTrust *t, int y)
{
    const ptrdiff_t s = t->stride, at = y * s;
    const float *restrict u = t->u + at, *restrict v = t->v + at;
    const float *restrict e = t->error + at;
    const float *restrict ahead_x = t->ahead_x, *restrict ahead_y = t->ahead_y;
    float *restrict trust = t->trust + at, *restrict weight = t->weight + at;
    const float right = (float)(t->w - 1), bottom = (float)(t->h - 1), tolerance = 1 / t->tolerance;
    const float scale = t->ahead_scale, still = t->still, loss = t->still - t->moving;
    const float share = 1 / (float)t->ahead_size;
    const int w = t->w, step = (int)t->ahead_stride, last_x = t->ahead_w - 1, last_y = t->ahead_h - 1;
    /* In two loops: see refine_tmpl.h. First the number of the sample that the motion leads to, -1: none. */
    int *restrict place = t->place + at;
#pragma omp simd
    for (int i = 0; i < w; i++) {
        float px = (float)i + 0.5f * u[i], py = (float)y + 0.5f * v[i];
        float qx = px < right ? px : right, qy = py < bottom ? py : bottom;
        qx = qx > 0 ? qx : 0;
        qy = qy > 0 ? qy : 0;
        trust[i] = fabsf(px - qx) + fabsf(py - qy) > 0.5f ? 0.0f : 1.0f;
        int x = (int)(share * (qx + 0.5f)), row = (int)(share * (qy + 0.5f));
        x = x < last_x ? x : last_x;
        row = row < last_y ? row : last_y;
        place[i] = row * step + x;
    }
#pragma omp simd
    for (int i = 0; i < w; i++) {
        int from = place[i];
        float fx = u[i], fy = v[i], bx = scale * ahead_x[from], by = scale * ahead_y[from];
        float back = ((fx + bx) * (fx + bx) + (fy + by) * (fy + by)) /
                     (0.01f * (fx * fx + fy * fy + bx * bx + by * by) + NST_TRUST_APART);
        float ux = 0.25f * (u[i + 1] - u[i - 1]), uy = 0.25f * (u[i + s] - u[i - s]);
        float vx = 0.25f * (v[i + 1] - v[i - 1]), vy = 0.25f * (v[i + s] - v[i - s]);
        float bend = (ux * ux + uy * uy + vx * vx + vy * vy) / (0.01f * (fx * fx + fy * fy) + 0.02f);
        float seen = 0.25f * e[i] + 0.125f * (e[i - 1] + e[i + 1] + e[i - s] + e[i + s]) +
                     0.0625f * (e[i - s - 1] + e[i - s + 1] + e[i + s - 1] + e[i + s + 1]);
        seen *= tolerance;
        float agree = 2 - back, smooth = 2 - bend;
        agree = agree < 1 ? agree : 1;
        agree = agree > 0 ? agree : 0;
        smooth = smooth < 1 ? smooth : 1;
        smooth = smooth > 0 ? smooth : 0;
        float motion = 4 * (fabsf(fx) + fabsf(fy)), trusted = 6 * trust[i] * agree * smooth / (1 + seen * seen) - 0.5f;
        motion = motion < 1 ? motion : 1;
        trusted = trusted < 1 ? trusted : 1;
        trusted = trusted > 0 ? trusted : 0;
        trust[i] = trusted;
        weight[i] = trusted * (still - loss * motion);
    }
}

TARGET static void NAME(temporal_fill)(NstDsp *dsp)
{
    dsp->temporal_luma = NAME(temporal_luma);
    dsp->temporal_warp = NAME(temporal_warp);
    dsp->temporal_blend = NAME(temporal_blend);
    dsp->temporal_sharpen = NAME(temporal_sharpen);
    dsp->temporal_trust = NAME(temporal_trust);
}
