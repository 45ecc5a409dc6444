/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transforms of Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, section 4), vectorised over the tiles of
 * a row. A tile is 6x6 samples of the picture and yields 4x4 results; neighbours overlap by two samples.
 * Included once for each variant, with TARGET and NAME of kernels_tmpl.h.
 */

/* x: 6 rows of 4 n + 2 samples. v[(6 r + c) step + t]: element r, c of B^T d B for tile t. */
TARGET static void NAME(winograd_input)(const float *x, ptrdiff_t stride, float *restrict v, ptrdiff_t step, int n)
{
    float row[36][NST_WINOGRAD_TILES]; /* d B, 6 x 6 */
    for (int r = 0; r < 6; r++, x += stride) {
        float d[4][NST_WINOGRAD_TILES + 1]; /* the row, every fourth sample */
        for (int t = 0; t < n; t++) {
            d[0][t] = x[4 * t];
            d[1][t] = x[4 * t + 1];
            d[2][t] = x[4 * t + 2];
            d[3][t] = x[4 * t + 3];
        }
        d[0][n] = x[4 * n];
        d[1][n] = x[4 * n + 1];
        for (int t = 0; t < n; t++) {
            float d0 = d[0][t], d1 = d[1][t], d2 = d[2][t], d3 = d[3][t], d4 = d[0][t + 1], d5 = d[1][t + 1];
            float even = d4 - 4 * d2, odd = d3 - 4 * d1, near = d4 - d2, far = 2 * (d3 - d1);
            row[6 * r + 0][t] = 4 * d0 - 5 * d2 + d4;
            row[6 * r + 1][t] = even + odd;
            row[6 * r + 2][t] = even - odd;
            row[6 * r + 3][t] = near + far;
            row[6 * r + 4][t] = near - far;
            row[6 * r + 5][t] = 4 * d1 - 5 * d3 + d5;
        }
    }
    for (int c = 0; c < 6; c++, v += step) {
#pragma omp simd
        for (int t = 0; t < n; t++) {
            float d0 = row[c][t], d1 = row[6 + c][t], d2 = row[12 + c][t];
            float d3 = row[18 + c][t], d4 = row[24 + c][t], d5 = row[30 + c][t];
            float even = d4 - 4 * d2, odd = d3 - 4 * d1, near = d4 - d2, far = 2 * (d3 - d1);
            v[0 * step + t] = 4 * d0 - 5 * d2 + d4;
            v[6 * step + t] = even + odd;
            v[12 * step + t] = even - odd;
            v[18 * step + t] = near + far;
            v[24 * step + t] = near - far;
            v[30 * step + t] = 4 * d1 - 5 * d3 + d5;
        }
    }
}

/* m as v above; y: 4 rows of 4 n results, A^T m A + bias. */
TARGET static void NAME(winograd_output)(const float *m, ptrdiff_t step, float bias, float *restrict y,
                                         ptrdiff_t stride, int n)
{
    float column[24][NST_WINOGRAD_TILES]; /* A^T m, 4 x 6 */
    for (int c = 0; c < 6; c++, m += step)
        for (int t = 0; t < n; t++) {
            float m0 = m[t], m1 = m[6 * step + t], m2 = m[12 * step + t];
            float m3 = m[18 * step + t], m4 = m[24 * step + t], m5 = m[30 * step + t];
            float sum12 = m1 + m2, sum34 = m3 + m4, diff12 = m1 - m2, diff34 = m3 - m4;
            column[c][t] = m0 + sum12 + sum34;
            column[6 + c][t] = diff12 + 2 * diff34;
            column[12 + c][t] = sum12 + 4 * sum34;
            column[18 + c][t] = diff12 + 8 * diff34 + m5;
        }
    for (int r = 0; r < 4; r++, y += stride)
        for (int t = 0; t < n; t++) {
            float m0 = column[6 * r][t], m1 = column[6 * r + 1][t], m2 = column[6 * r + 2][t];
            float m3 = column[6 * r + 3][t], m4 = column[6 * r + 4][t], m5 = column[6 * r + 5][t];
            float sum12 = m1 + m2, sum34 = m3 + m4, diff12 = m1 - m2, diff34 = m3 - m4;
            y[4 * t] = m0 + sum12 + sum34 + bias;
            y[4 * t + 1] = diff12 + 2 * diff34 + bias;
            y[4 * t + 2] = sum12 + 4 * sum34 + bias;
            y[4 * t + 3] = diff12 + 8 * diff34 + m5 + bias;
        }
}
