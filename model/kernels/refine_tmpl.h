/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One row each of the refinement of a flow (refine.h), in whole vectors: see NstRefine. Included once for each variant,
 * after kernels_tmpl.h, with
 *   V_SQRT(a)               lane by lane
 */

/* The other picture at a row's moved places: its mean with this one, the difference, and where there is none of it. */
TARGET static void NAME(refine_warp)(const NstRefine *r, const float *restrict own, const float *restrict other,
                               ptrdiff_t stride, int y)
{
    const float *restrict u = r->u0 + y * r->stride, *restrict v = r->v0 + y * r->stride;
    float *restrict mean = r->mean + y * r->stride, *restrict diff = r->diff + y * r->stride;
    float *restrict known = r->known + y * r->stride;
    const float right = (float)(r->w - 1), bottom = (float)(r->h - 1);
    const int step = (int)stride;
    own += y * stride;
    /* In two loops, for gcc 12 does not vectorise them as one. First where to look, which mean and diff hold for a while. */
#pragma omp simd
    for (int i = 0; i < r->w; i++) {
        float px = (float)i + u[i], py = (float)y + v[i];
        float qx = px < right ? px : right, qy = py < bottom ? py : bottom;
        qx = qx > 0 ? qx : 0;
        qy = qy > 0 ? qy : 0;
        known[i] = fabsf(px - qx) + fabsf(py - qy) > 0 ? 0.0f : 1.0f;
        mean[i] = qx;
        diff[i] = qy;
    }
#pragma omp simd
    for (int i = 0; i < r->w; i++) {
        float qx = mean[i], qy = diff[i];
        int ix = (int)qx, iy = (int)qy, at = iy * step + ix; /* the frame has the sample after the last */
        float fx = qx - (float)ix, fy = qy - (float)iy;
        float a = other[at], b = other[at + step];
        a = FMA(fx, other[at + 1] - a, a);
        b = FMA(fx, other[at + step + 1] - b, b);
        float there = FMA(fy, b - a, a);
        mean[i] = 0.5f * (there + own[i]);
        diff[i] = there - own[i];
    }
}

/*
 * Smoothness between a sample and the next, and the one below: weaker where the flow already bends, and where the
 * picture has an edge, along which motions may part.
 */
TARGET static void NAME(refine_smoothness)(const NstRefine *r, int y)
{
    const ptrdiff_t s = r->stride, at = y * s;
    const float *u = r->u[0] + at, *v = r->v[0] + at, *m = r->mean + at;
    float *right = r->right + at, *down = r->down + at;
    const V quarter = V_SET1(0.25f), one = V_SET1(1);
    const V flat = V_SET1(NST_REFINE_BEND), weight = V_SET1(NST_REFINE_SMOOTHNESS);
    const V contrast = V_SET1(1 / (NST_REFINE_EDGE * NST_REFINE_EDGE));
    for (int i = 0; i < r->w; i += VL) {
        V u0 = V_LOAD(u + i), v0 = V_LOAD(v + i), m0 = V_LOAD(m + i);
        V ua = V_LOAD(u + i - s + 1), va = V_LOAD(v + i - s + 1), ub = V_LOAD(u + i + s), vb = V_LOAD(v + i + s);
        V uc = V_LOAD(u + i + s + 1), vc = V_LOAD(v + i + s + 1), un = V_LOAD(u + i + 1), vn = V_LOAD(v + i + 1);
        V ux = un - u0, vx = vn - v0, uy = ub - u0, vy = vb - v0;
        V along_u = quarter * (ub + uc - V_LOAD(u + i - s) - ua);
        V along_v = quarter * (vb + vc - V_LOAD(v + i - s) - va);
        V bend = V_FMA(ux, ux, V_FMA(vx, vx, V_FMA(along_u, along_u, V_FMA(along_v, along_v, flat))));
        V edge = V_LOAD(m + i + 1) - m0;
        V_STORE(right + i, weight / V_SQRT(bend * V_FMA(edge * edge, contrast, one)));

        along_u = quarter * (un + uc - V_LOAD(u + i - 1) - V_LOAD(u + i + s - 1));
        along_v = quarter * (vn + vc - V_LOAD(v + i - 1) - V_LOAD(v + i + s - 1));
        bend = V_FMA(uy, uy, V_FMA(vy, vy, V_FMA(along_u, along_u, V_FMA(along_v, along_v, flat))));
        edge = V_LOAD(m + i + s) - m0;
        V_STORE(down + i, weight / V_SQRT(bend * V_FMA(edge * edge, contrast, one)));
    }
    right[r->w - 1] = 0;
    for (int i = 0; y == r->h - 1 && i < r->w; i++)
        down[i] = 0;
}

/*
 * Euler's equations at a row, linear in (u, v): brightness, but for the change of light, and both of its gradients stay
 * the same, each normalised by its own gradient and robust by 1 / sqrt(residual^2 + eps^2); less smoothness,
 * A (u, v) = b. Stored is the inverse of A with the smoothness towards the neighbours in it.
 */
TARGET static void NAME(refine_terms)(const NstRefine *r, int y)
{
    const ptrdiff_t s = r->stride, at = y * s;
    const float *m = r->mean + at, *t = r->diff + at, *right = r->right + at, *down = r->down + at;
    const float *u = r->u[0] + at, *v = r->v[0] + at, *first_u = r->u0 + at, *first_v = r->v0 + at;
    const float *seen = r->known + at;
    float *b1 = r->b1 + at, *b2 = r->b2 + at, *i11 = r->i11 + at, *i12 = r->i12 + at, *i22 = r->i22 + at;
    const int width = r->w;
    const V half = V_SET1(0.5f), quarter = V_SET1(0.25f), zeta = V_SET1(0.1f), eps = V_SET1(1e-6f), one = V_SET1(1);
    const V gain = V_SET1(-r->gain), offset = V_SET1(-r->offset), weight = V_SET1(NST_REFINE_GRADIENT);
    for (int i = 0; i < width; i += VL) {
        V u0 = V_LOAD(first_u + i), du = V_LOAD(u + i) - u0;
        V v0 = V_LOAD(first_v + i), dv = V_LOAD(v + i) - v0;
        V here = V_LOAD(m + i), left = V_LOAD(m + i - 1), next = V_LOAD(m + i + 1);
        V above = V_LOAD(m + i - s), below = V_LOAD(m + i + s);
        V x = half * (next - left), y = half * (below - above), z = V_LOAD(t + i) + V_FMA(gain, here, offset);
        V xx = next + left - here - here, yy = below + above - here - here;
        V xy = quarter * (V_LOAD(m + i + s + 1) - V_LOAD(m + i + s - 1) -
                          V_LOAD(m + i - s + 1) + V_LOAD(m + i - s - 1));
        V xz = V_FMA(gain, x, half * (V_LOAD(t + i + 1) - V_LOAD(t + i - 1)));
        V yz = V_FMA(gain, y, half * (V_LOAD(t + i + s) - V_LOAD(t + i - s)));

        V known = V_LOAD(seen + i);
        /* known / (a sqrt(e^2 / a + eps)), a being the squared gradient, with one root and one division */
        V a = V_FMA(x, x, V_FMA(y, y, zeta)), e = V_FMA(x, du, V_FMA(y, dv, z));
        V w = known / V_SQRT(a * V_FMA(e, e, eps * a)), p1 = w * x, p2 = w * y;
        /* and likewise for both gradients: weight / sqrt(e1^2 / a1 + e2^2 / a2 + eps), over a1 and over a2 */
        V a1 = V_FMA(xx, xx, V_FMA(xy, xy, zeta)), a2 = V_FMA(yy, yy, V_FMA(xy, xy, zeta)), both = a1 * a2;
        V e1 = V_FMA(xx, du, V_FMA(xy, dv, xz)), e2 = V_FMA(xy, du, V_FMA(yy, dv, yz));
        V n = one / both, n1 = n * a2, n2 = n * a1;
        w = known * weight / V_SQRT(V_FMA(e1 * e1, n1, V_FMA(e2 * e2, n2, eps)));
        n1 = n1 * w;
        n2 = n2 * w;
        V x1 = n1 * xx, y1 = n1 * xy, x2 = n2 * xy, y2 = n2 * yy;
        V a11 = V_FMA(p1, x, V_FMA(x1, xx, x2 * xy)), a12 = V_FMA(p1, y, V_FMA(x1, xy, x2 * yy));
        V a22 = V_FMA(p2, y, V_FMA(y1, xy, y2 * yy));
        V_STORE(b1 + i, V_FMA(a11, u0, a12 * v0) - V_FMA(p1, z, V_FMA(x1, xz, x2 * yz)));
        V_STORE(b2 + i, V_FMA(a12, u0, a22 * v0) - V_FMA(p2, z, V_FMA(y1, xz, y2 * yz)));

        V sum = V_LOAD(right + i - 1) + V_LOAD(right + i) + V_LOAD(down + i - s) + V_LOAD(down + i) + eps;
        a11 = a11 + sum;
        a22 = a22 + sum;
        V scale = one / (a11 * a22 - a12 * a12);
        V_STORE(i11 + i, a22 * scale);
        V_STORE(i12 + i, a12 * scale);
        V_STORE(i22 + i, a11 * scale);
    }
}

/* A step of Jacobi's iteration from u[0], v[0], drawn out by omega from the one before, which it replaces. */
TARGET static void NAME(refine_relax)(const NstRefine *r, int y, float omega)
{
    const ptrdiff_t s = r->stride, at = y * s;
    const float *u = r->u[0] + at, *v = r->v[0] + at, *right = r->right + at, *down = r->down + at;
    const float *b1 = r->b1 + at, *b2 = r->b2 + at, *i11 = r->i11 + at, *i12 = r->i12 + at, *i22 = r->i22 + at;
    float *to_u = r->u[1] + at, *to_v = r->v[1] + at;
    const int w = r->w;
    const V step = V_SET1(omega);
    for (int i = 0; i < w; i += VL) {
        V before = V_LOAD(right + i - 1), after = V_LOAD(right + i);
        V above = V_LOAD(down + i - s), below = V_LOAD(down + i);
        V p = V_FMA(before, V_LOAD(u + i - 1), V_LOAD(b1 + i));
        V q = V_FMA(before, V_LOAD(v + i - 1), V_LOAD(b2 + i));
        p = V_FMA(after, V_LOAD(u + i + 1), p);
        q = V_FMA(after, V_LOAD(v + i + 1), q);
        p = V_FMA(above, V_LOAD(u + i - s), p);
        q = V_FMA(above, V_LOAD(v + i - s), q);
        p = V_FMA(below, V_LOAD(u + i + s), p);
        q = V_FMA(below, V_LOAD(v + i + s), q);
        V cross = V_LOAD(i12 + i), last_u = V_LOAD(to_u + i), last_v = V_LOAD(to_v + i);
        V_STORE(to_u + i, V_FMA(step, V_LOAD(i11 + i) * p - cross * q - last_u, last_u));
        V_STORE(to_v + i, V_FMA(step, V_LOAD(i22 + i) * q - cross * p - last_v, last_v));
    }
}

TARGET static void NAME(refine_fill)(NstDsp *dsp)
{
    dsp->refine_warp = NAME(refine_warp);
    dsp->refine_terms = NAME(refine_terms);
    dsp->refine_smoothness = NAME(refine_smoothness);
    dsp->refine_relax = NAME(refine_relax);
}
