/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One row each of the refinement of a flow (refine.h). Included once for each variant; the compiler vectorises. */

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
 * Euler's equations at a row, linear in (u, v): a11 u + a12 v = b1, a12 u + a22 v = b2, less smoothness. Terms of
 * brightness and of gradient, each normalised by its gradients, robust by 1 / sqrt(residual^2 + eps^2).
 */
TARGET static void NAME(refine_terms)(const NstRefine *r, int y)
{
    const ptrdiff_t s = r->stride, at = y * s;
    const float *restrict m = r->mean + at, *restrict t = r->diff + at, *restrict known = r->known + at;
    const float *restrict u = r->u[0] + at, *restrict v = r->v[0] + at;
    const float *restrict u0 = r->u0 + at, *restrict v0 = r->v0 + at;
    float *restrict a11 = r->a11 + at, *restrict a12 = r->a12 + at, *restrict a22 = r->a22 + at;
    float *restrict b1 = r->b1 + at, *restrict b2 = r->b2 + at;
    const float zeta = 0.1f, eps = 1e-6f;
    for (int i = 0; i < r->w; i++) {
        float du = u[i] - u0[i], dv = v[i] - v0[i];
        float x = 0.5f * (m[i + 1] - m[i - 1]), yy = 0.5f * (m[i + s] - m[i - s]), z = t[i];
        float xx = m[i + 1] + m[i - 1] - 2 * m[i], vv = m[i + s] + m[i - s] - 2 * m[i];
        float xy = 0.25f * (m[i + s + 1] - m[i + s - 1] - m[i - s + 1] + m[i - s - 1]);
        float xz = 0.5f * (t[i + 1] - t[i - 1]), yz = 0.5f * (t[i + s] - t[i - s]);

        float n = 1 / (x * x + yy * yy + zeta), e = z + x * du + yy * dv;
        float w = known[i] * NST_REFINE_BRIGHTNESS * n / sqrtf(e * e * n + eps);
        float p11 = w * x * x, p12 = w * x * yy, p22 = w * yy * yy, q1 = w * x * z, q2 = w * yy * z;

        float n1 = 1 / (xx * xx + xy * xy + zeta), n2 = 1 / (xy * xy + vv * vv + zeta);
        float e1 = xz + xx * du + xy * dv, e2 = yz + xy * du + vv * dv;
        w = known[i] * NST_REFINE_GRADIENT / sqrtf(e1 * e1 * n1 + e2 * e2 * n2 + eps);
        n1 *= w;
        n2 *= w;
        p11 += n1 * xx * xx + n2 * xy * xy + 1e-6f;
        p12 += n1 * xx * xy + n2 * xy * vv;
        p22 += n1 * xy * xy + n2 * vv * vv + 1e-6f;
        q1 += n1 * xx * xz + n2 * xy * yz;
        q2 += n1 * xy * xz + n2 * vv * yz;

        a11[i] = p11;
        a12[i] = p12;
        a22[i] = p22;
        b1[i] = p11 * u0[i] + p12 * v0[i] - q1;
        b2[i] = p12 * u0[i] + p22 * v0[i] - q2;
    }
}

/* Smoothness between a sample and the next, and the one below: weaker where the flow already bends. */
TARGET static void NAME(refine_smoothness)(const NstRefine *r, int y)
{
    const ptrdiff_t s = r->stride, at = y * s;
    const float *restrict u = r->u[0] + at, *restrict v = r->v[0] + at;
    float *restrict right = r->right + at, *restrict down = r->down + at;
    for (int i = 0; i < r->w; i++) {
        float ux = u[i + 1] - u[i], vx = v[i + 1] - v[i], uy = u[i + s] - u[i], vy = v[i + s] - v[i];
        float ucx = 0.25f * (u[i + s] + u[i + s + 1] - u[i - s] - u[i - s + 1]);
        float vcx = 0.25f * (v[i + s] + v[i + s + 1] - v[i - s] - v[i - s + 1]);
        float ucy = 0.25f * (u[i + 1] + u[i + s + 1] - u[i - 1] - u[i + s - 1]);
        float vcy = 0.25f * (v[i + 1] + v[i + s + 1] - v[i - 1] - v[i + s - 1]);
        right[i] = NST_REFINE_SMOOTHNESS / sqrtf(ux * ux + vx * vx + ucx * ucx + vcx * vcx + NST_REFINE_BEND);
        down[i] = NST_REFINE_SMOOTHNESS / sqrtf(uy * uy + vy * vy + ucy * ucy + vcy * vcy + NST_REFINE_BEND);
    }
    right[r->w - 1] = 0;
    for (int i = 0; y == r->h - 1 && i < r->w; i++)
        down[i] = 0;
}

/* A step of Jacobi's iteration from u[0], v[0], drawn out by omega from the one before, which it replaces. */
TARGET static void NAME(refine_relax)(const NstRefine *r, int y, float omega)
{
    const ptrdiff_t s = r->stride, at = y * s;
    const float *restrict u = r->u[0] + at, *restrict v = r->v[0] + at;
    const float *restrict a11 = r->a11 + at, *restrict a12 = r->a12 + at, *restrict a22 = r->a22 + at;
    const float *restrict b1 = r->b1 + at, *restrict b2 = r->b2 + at;
    const float *restrict right = r->right + at, *restrict down = r->down + at;
    float *restrict to_u = r->u[1] + at, *restrict to_v = r->v[1] + at;
#pragma omp simd
    for (int i = 0; i < r->w; i++) {
        float left = right[i - 1], up = down[i - s], sum = left + right[i] + up + down[i];
        float p = b1[i] + left * u[i - 1] + right[i] * u[i + 1] + up * u[i - s] + down[i] * u[i + s];
        float q = b2[i] + left * v[i - 1] + right[i] * v[i + 1] + up * v[i - s] + down[i] * v[i + s];
        float d11 = a11[i] + sum, d22 = a22[i] + sum, scale = 1 / (d11 * d22 - a12[i] * a12[i]);
        float nu = (d22 * p - a12[i] * q) * scale, nv = (d11 * q - a12[i] * p) * scale;
        to_u[i] += omega * (nu - to_u[i]);
        to_v[i] += omega * (nv - to_v[i]);
    }
}

TARGET static void NAME(refine_fill)(NstDsp *dsp)
{
    dsp->refine_warp = NAME(refine_warp);
    dsp->refine_terms = NAME(refine_terms);
    dsp->refine_smoothness = NAME(refine_smoothness);
    dsp->refine_relax = NAME(refine_relax);
}
