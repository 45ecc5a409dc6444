/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of temporal smoothing (temporal.h). Included once for each variant. */

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

/* carried = x + weight (carried - x), and luma of the source likewise */
TARGET static void NAME(temporal_blend)(const float *const x[3], float scale, const float *luma, const float *weight,
                                        float *carried, int n)
{
    const V out = V_SET1(1 / scale);
    for (int i = 0; i < n; i += VL) {
        const size_t m = (size_t)(n - i);
        V w = NAME(load_rest)(weight + i, m), fresh[4], all[4];
        for (int c = 0; c < 3; c++)
            fresh[c] = out * NAME(load_rest)(x[c] + i, m);
        fresh[3] = NAME(load_rest)(luma + i, m);
        NAME(load4)(carried + 4 * i, all);
        for (int c = 0; c < 4; c++)
            all[c] = V_FMA(w, all[c] - fresh[c], fresh[c]);
        NAME(store4_rest)(carried + 4 * i, all, m);
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
    dsp->temporal_blend = NAME(temporal_blend);
    dsp->temporal_sharpen = NAME(temporal_sharpen);
    dsp->temporal_trust = NAME(temporal_trust);
}
