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

enum { NAME(TAP_VECTORS) = 4 * NST_WARP_TAPS / VL, NAME(FOLDED) = VL < 4 ? 4 / VL : 1 };

/* Taps rows by taps pixels of four floats each, down and then across */
TARGET static inline void NAME(warp_pixel)(const float *from, ptrdiff_t stride, const float *down, const float *across,
                                           float *to)
{
    V sum[NAME(TAP_VECTORS)], total[NAME(FOLDED)];
    for (int v = 0; v < NAME(TAP_VECTORS); v++)
        sum[v] = V_SET1(0);
    for (int r = 0; r < NST_WARP_TAPS; r++, from += stride) {
        V w = V_SET1(down[4 * r]);
        for (int v = 0; v < NAME(TAP_VECTORS); v++)
            sum[v] = V_FMA(w, V_LOAD(from + v * VL), sum[v]);
    }
    for (int v = 0; v < NAME(FOLDED); v++)
        total[v] = sum[v] * V_LOAD(across + v * VL);
    for (int v = NAME(FOLDED); v < NAME(TAP_VECTORS); v++)
        total[v % NAME(FOLDED)] = V_FMA(sum[v], V_LOAD(across + v * VL), total[v % NAME(FOLDED)]);
    NAME(fold4)(total, to);
}

/* y = row `row` of the history, fetched from where the motion (u, v) leads: four floats a pixel. */
TARGET static void NAME(temporal_warp)(const NstWarp *w, int row, const float *u, const float *v, float *y)
{
    const float reach = NST_WARP_TAPS / 2, right = (float)w->w - 1 + reach, bottom = (float)w->h - 1 + reach;
    for (int i = 0; i < w->w; i++, y += 4) {
        float px = (float)i + u[i] + reach, py = (float)row + v[i] + reach;
        px = px < right ? px : right;
        py = py < bottom ? py : bottom;
        px = px > reach ? px : reach;
        py = py > reach ? py : reach;
        int sx = (int)(px * NST_WARP_PHASES + 0.5f), sy = (int)(py * NST_WARP_PHASES + 0.5f);
        int fx = sx % NST_WARP_PHASES, fy = sy % NST_WARP_PHASES;
        sx = sx / NST_WARP_PHASES - NST_WARP_TAPS / 2;
        sy = sy / NST_WARP_PHASES - NST_WARP_TAPS / 2;
        const float *from = w->pixels + sy * w->stride + 4 * sx;
        if (fx || fy)
            NAME(warp_pixel)(from - (NST_WARP_TAPS / 2 - 1) * (w->stride + 4), w->stride,
                             w->taps + fy * 4 * NST_WARP_TAPS, w->taps + fx * 4 * NST_WARP_TAPS, y);
        else
            for (int c = 0; c < 4; c++)
                y[c] = from[c];
    }
}

/* x[k][i] += weight (carried - x), and the history takes what comes out; luma of the source goes with it. */
TARGET static void NAME(temporal_blend)(float *const x[3], float scale, const float *restrict luma,
                                        const float *restrict weight, const float *restrict carried,
                                        float *restrict history, int n)
{
    float *restrict r = x[0], *restrict g = x[1], *restrict b = x[2];
    const float unit = 1 / scale;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        float w = weight[i], cr = scale * carried[4 * i], cg = scale * carried[4 * i + 1];
        float cb = scale * carried[4 * i + 2];
        r[i] = FMA(w, cr - r[i], r[i]);
        g[i] = FMA(w, cg - g[i], g[i]);
        b[i] = FMA(w, cb - b[i], b[i]);
        history[4 * i] = unit * r[i];
        history[4 * i + 1] = unit * g[i];
        history[4 * i + 2] = unit * b[i];
        history[4 * i + 3] = FMA(w, carried[4 * i + 3] - luma[i], luma[i]);
    }
}

/* x = history + amount weight (history - mean of the four pixels NST_SHARPEN_REACH away) */
TARGET static void NAME(temporal_sharpen)(float *const x[3], float scale, const float *restrict weight, float amount,
                                          const float *history, ptrdiff_t stride, int n)
{
    const ptrdiff_t side = 4 * NST_SHARPEN_REACH, below = NST_SHARPEN_REACH * stride;
    for (int c = 0; c < 3; c++) {
        const float *restrict h = history + c;
        float *restrict to = x[c];
#pragma omp simd
        for (int i = 0; i < n; i++) {
            float here = h[4 * i];
            float around = 0.25f * (h[4 * i - side] + h[4 * i + side] + h[4 * i - below] + h[4 * i + below]);
            to[i] = scale * FMA(amount * weight[i], here - around, here);
        }
    }
}

/* How far the motion of row y may be trusted, from 0 to 1 (temporal.c). */
TARGET static void NAME(temporal_trust)(const NstTrust *t, int y)
{
    const ptrdiff_t s = t->stride, at = y * s;
    const float *restrict u = t->u + at, *restrict v = t->v + at;
    const float *restrict e = t->error + at;
    const float *restrict ahead_x = t->ahead_x, *restrict ahead_y = t->ahead_y;
    float *restrict trust = t->trust + at;
    const float right = (float)(t->w - 1), bottom = (float)(t->h - 1), tolerance = 1 / t->tolerance;
    const int w = t->w, step = (int)s;
    /* In two loops: see refine_tmpl.h. First the number of the sample that the motion leads to, -1: none. */
    int *restrict place = t->place + at;
#pragma omp simd
    for (int i = 0; i < w; i++) {
        float px = (float)i + 0.5f * u[i], py = (float)y + 0.5f * v[i];
        float qx = px < right ? px : right, qy = py < bottom ? py : bottom;
        qx = qx > 0 ? qx : 0;
        qy = qy > 0 ? qy : 0;
        trust[i] = fabsf(px - qx) + fabsf(py - qy) > 0.5f ? 0.0f : 1.0f;
        place[i] = (int)(qy + 0.5f) * step + (int)(qx + 0.5f);
    }
#pragma omp simd
    for (int i = 0; i < w; i++) {
        int from = place[i];
        float fx = u[i], fy = v[i], bx = 2 * ahead_x[from], by = 2 * ahead_y[from];
        float back = ((fx + bx) * (fx + bx) + (fy + by) * (fy + by)) /
                     (0.01f * (fx * fx + fy * fy + bx * bx + by * by) + 0.5f);
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
        trust[i] *= agree * smooth / (1 + seen * seen);
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
