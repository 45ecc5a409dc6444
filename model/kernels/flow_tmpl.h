/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inner loops of optical flow (flow.h). Included once for each variant whose vectors divide a row of a patch, after
 * kernels_tmpl.h, with
 *   V_MAX(a, b)             the larger, lane by lane
 */

/* ---- rows of a pyramid ---- */

/* y[i] = mean of the 2x2 samples a[2 i], a[2 i + 1], b[2 i], b[2 i + 1] */
TARGET static void NAME(flow_halve)(const float *restrict a, const float *restrict b, float *restrict y, int n)
{
#pragma omp simd
    for (int i = 0; i < n; i++)
        y[i] = 0.25f * (a[2 * i] + a[2 * i + 1] + b[2 * i] + b[2 * i + 1]);
}

/* The mean of 3x3 samples, by weights of side, 1 - 2 side, side each way; rows a stride apart */
TARGET static void NAME(flow_smooth)(const float *x, ptrdiff_t stride, float *restrict y, float side, int n)
{
    const float middle = 1 - 2 * side, corner = side * side, edge = side * middle, centre = middle * middle;
    const float *a = x - stride, *b = x + stride;
    for (int i = 0; i < n; i++) {
        float corners = a[i - 1] + a[i + 1] + (b[i - 1] + b[i + 1]), edges = a[i] + b[i] + (x[i - 1] + x[i + 1]);
        y[i] = FMA(corner, corners, FMA(edge, edges, centre * x[i]));
    }
}

/* Central differences; the rows above and below are a stride away. */
TARGET static void NAME(flow_gradients)(const float *restrict y, ptrdiff_t stride, float *restrict gx,
                                        float *restrict gy, int n)
{
#pragma omp simd
    for (int i = 0; i < n; i++) {
        gx[i] = 0.5f * (y[i + 1] - y[i - 1]);
        gy[i] = 0.5f * (y[i + stride] - y[i - stride]);
    }
}

/* ---- patches ---- */

/* Where in the other picture a patch lands that is moved by (u, v), and how far between its samples. */
TARGET static inline const float *NAME(patch_landing)(const NstPatch *p, float u, float v, float *fx, float *fy)
{
    float x = p->x + u, y = p->y + v;
    x = x > p->min ? x < p->max_x ? x : p->max_x : p->min; /* NaN too */
    y = y > p->min ? y < p->max_y ? y : p->max_y : p->min;
    int ix = (int)(x - p->min), iy = (int)(y - p->min); /* min is a whole number, so this rounds down */
    *fx = x - p->min - (float)ix;
    *fy = y - p->min - (float)iy;
    return p->other + (iy + (int)p->min) * p->stride + ix + (int)p->min;
}

/*
 * Of the differences d between each of n patches, moved by (u, v), and itself: the sums of d, d^2, d gx and d gy. Two
 * take little longer than one, as sums wait for each other.
 */
TARGET static inline __attribute__((always_inline)) void NAME(patch_sums)(int n, const NstPatch *const p[],
                                                                          const float u[], const float v[],
                                                                          float sums[][4])
{
    const float *from[2];
    V wx[2], wy[2], s[2], square[2], x[2], y[2];
    for (int i = 0; i < n; i++) {
        float fx, fy;
        from[i] = NAME(patch_landing)(p[i], u[i], v[i], &fx, &fy);
        wx[i] = V_SET1(fx);
        wy[i] = V_SET1(fy);
        s[i] = square[i] = x[i] = y[i] = V_SET1(0);
    }
    for (int c = 0; c < NST_PATCH; c += VL) {
        V top[2];
        for (int i = 0; i < n; i++) {
            V left = V_LOAD(from[i] + c);
            top[i] = V_FMA(wx[i], V_LOAD(from[i] + c + 1) - left, left);
        }
        for (int r = 0; r < NST_PATCH; r++)
            for (int i = 0; i < n; i++) {
                const float *below = from[i] + (r + 1) * p[i]->stride + c;
                const ptrdiff_t at = r * p[i]->stride + c;
                V left = V_LOAD(below), bottom = V_FMA(wx[i], V_LOAD(below + 1) - left, left);
                V d = V_FMA(wy[i], bottom - top[i], top[i]) - V_LOAD(p[i]->own + at);
                s[i] = s[i] + d;
                square[i] = V_FMA(d, d, square[i]);
                x[i] = V_FMA(d, V_LOAD(p[i]->gx + at), x[i]);
                y[i] = V_FMA(d, V_LOAD(p[i]->gy + at), y[i]);
                top[i] = bottom;
            }
    }
    for (int i = 0; i < n; i++)
        NAME(sum4)(s[i], square[i], x[i], y[i], sums[i]);
}

/* The sum of squared differences of patches that have lost their means: a change of light moves nothing. */
TARGET static inline float NAME(patch_cost)(const float sums[4])
{
    return sums[1] - sums[0] * sums[0] * (1.0f / NST_PATCH_SAMPLES);
}

TARGET static float NAME(flow_cost)(const NstPatch *p, const float move[2])
{
    float sums[1][4];
    NAME(patch_sums)(1, &p, &move[0], &move[1], sums);
    return NAME(patch_cost)(sums[0]);
}

/* Sums of gx^2, gx gy, gy^2 without the means, and of gx and gy */
TARGET static inline void NAME(patch_hessian)(const NstPatch *p, float h[3], float mean[2])
{
    float sums[4], squares[4];
    V zero = V_SET1(0), x = zero, y = zero, xx = zero, xy = zero, yy = zero;
    for (int r = 0; r < NST_PATCH; r++)
        for (int c = 0; c < NST_PATCH; c += VL) {
            V gx = V_LOAD(p->gx + r * p->stride + c), gy = V_LOAD(p->gy + r * p->stride + c);
            x = x + gx;
            y = y + gy;
            xx = V_FMA(gx, gx, xx);
            xy = V_FMA(gx, gy, xy);
            yy = V_FMA(gy, gy, yy);
        }
    NAME(sum4)(x, y, xx, xy, sums);
    NAME(sum4)(yy, zero, zero, zero, squares);
    mean[0] = sums[0] * (1.0f / NST_PATCH_SAMPLES);
    mean[1] = sums[1] * (1.0f / NST_PATCH_SAMPLES);
    h[0] = sums[2] - sums[0] * mean[0];
    h[1] = sums[3] - sums[0] * mean[1];
    h[2] = squares[0] - sums[1] * mean[1];
}

/* The search for a patch, between two of its steps */
typedef struct NAME(Seeker) {
    NstPatch patch;
    float *move;            /* the best place that was seen, */
    float best;             /* and its cost */
    float u, v, u0, v0;     /* where it is looked for next, and where it was first */
    float h[3], scale, mean[2];
    int steps;
} NAME(Seeker);

TARGET static inline void NAME(seek)(NAME(Seeker) *s, const NstPatch *first, int offset, float *move)
{
    s->patch = *first;
    s->patch.own += offset;
    s->patch.gx += offset;
    s->patch.gy += offset;
    s->patch.x += (float)offset;
    s->move = move;
    s->u = s->u0 = move[0];
    s->v = s->v0 = move[1];
    s->steps = 0;
    NAME(patch_hessian)(&s->patch, s->h, s->mean);
    s->h[0] += NST_PATCH_DAMPING; /* so that a patch without texture stays where it is */
    s->h[2] += NST_PATCH_DAMPING;
    s->scale = 1 / (s->h[0] * s->h[2] - s->h[1] * s->h[1]);
}

/* Of the sums at (u, v). Returns whether there is a next step. */
TARGET static inline bool NAME(seek_on)(NAME(Seeker) *s, const float sums[4], int steps)
{
    const float cost = NAME(patch_cost)(sums);
    if (s->steps && !(cost < s->best))
        return false;
    s->best = cost;
    s->move[0] = s->u;
    s->move[1] = s->v;
    const float bx = sums[2] - sums[0] * s->mean[0], by = sums[3] - sums[0] * s->mean[1];
    const float du = (s->h[2] * bx - s->h[1] * by) * s->scale, dv = (s->h[0] * by - s->h[1] * bx) * s->scale;
    s->u -= du;
    s->v -= dv;
    const float x = s->u - s->u0, y = s->v - s->v0;
    /* false for what is not a number, too */
    return s->steps++ < steps && du * du + dv * dv >= NST_PATCH_STEP * NST_PATCH_STEP &&
           x * x + y * y <= NST_PATCH * NST_PATCH;
}

/*
 * Inverse search (Kroeger et al. 2016, eq. 1 and 2; Baker and Matthews 2004): Gauss-Newton steps whose matrix is the
 * patch's own and so is made once. moves: where patches begin, and the best places seen. Two are searched for at the
 * same time, as a step waits for most of what it does.
 */
TARGET static void NAME(flow_search)(const NstPatch *first, int step, int n, float *moves, int iterations)
{
    NAME(Seeker) pair[2] = {{.u = 0}};
    const NstPatch *const patches[2] = {&pair[0].patch, &pair[1].patch};
    bool on[2] = {false, false};
    int begun = 0;
    pair[0].patch = pair[1].patch = *first; /* who has none of its own looks at any */
    for (;;) {
        for (int i = 0; i < 2; i++)
            if (!on[i] && begun < n) {
                NAME(seek)(&pair[i], first, begun * step, moves + 2 * begun);
                begun++;
                on[i] = true;
            }
        if (!on[0] && !on[1])
            return;
        const float u[2] = {pair[0].u, pair[1].u}, v[2] = {pair[0].v, pair[1].v};
        float sums[2][4];
        NAME(patch_sums)(2, patches, u, v, sums);
        for (int i = 0; i < 2; i++)
            on[i] = on[i] && NAME(seek_on)(&pair[i], sums[i], iterations);
    }
}

/*
 * Adds rows first to first + n - 1 of a patch to the dense field's sums (Kroeger et al. 2016, eq. 3): a sample's
 * weight is 1 / max(1, |difference|), so that of the patches that cover it those count most that explain it.
 */
TARGET static void NAME(flow_spread)(const NstPatch *p, const float move[2], int first, int n, float *u, float *v,
                                     float *weight, ptrdiff_t stride)
{
    float fx, fy;
    const float *from = NAME(patch_landing)(p, move[0], move[1], &fx, &fy);
    V wx = V_SET1(fx), wy = V_SET1(fy), mu = V_SET1(move[0]), mv = V_SET1(move[1]);
    for (int r = 0; r < n; r++)
        for (int c = 0; c < NST_PATCH; c += VL) {
            const float *top = from + (first + r) * p->stride + c, *bottom = top + p->stride;
            float *at[3] = {u + r * stride + c, v + r * stride + c, weight + r * stride + c};
            V a = V_LOAD(top), b = V_LOAD(bottom);
            a = V_FMA(wx, V_LOAD(top + 1) - a, a);
            b = V_FMA(wx, V_LOAD(bottom + 1) - b, b);
            V d = V_FMA(wy, b - a, a) - V_LOAD(p->own + (first + r) * p->stride + c);
            V w = V_SET1(1) / V_MAX(V_SET1(1), V_MAX(d, V_SET1(0) - d));
            V_STORE(at[0], V_FMA(w, mu, V_LOAD(at[0])));
            V_STORE(at[1], V_FMA(w, mv, V_LOAD(at[1])));
            V_STORE(at[2], V_LOAD(at[2]) + w);
        }
}

TARGET static void NAME(flow_fill)(NstDsp *dsp)
{
    dsp->flow_smooth = NAME(flow_smooth);
    dsp->flow_halve = NAME(flow_halve);
    dsp->flow_gradients = NAME(flow_gradients);
    dsp->flow_cost = NAME(flow_cost);
    dsp->flow_search = NAME(flow_search);
    dsp->flow_spread = NAME(flow_spread);
}
