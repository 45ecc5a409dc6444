/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "matting.h"

#include <stdlib.h>
#include <string.h>

#include "threads.h"
#include "util.h"

enum { WINDOW = 9 };

static const double EPSILON = 1e-5; /* of samples of 0 to 1 */

struct NstMatting {
    int w, h;
    NstTeam team;
    float *picture;  /* 3 x h x w */
    float *mean;     /* of each window around its centre, 3 x h x w; edges are no centres */
    float *inverse;  /* of covariance + epsilon / 9: 6 x h x w, xx xy xz yy yz zz */
    float *a, *b;    /* the function a (I - mean) + b of each window: 3 x h x w, h x w */
    double *row_sum; /* h */
};

/* One evaluation of one channel */
typedef struct Pass {
    NstMatting *matting;
    const float *y;
    float *grad;
    float scale; /* of the gradient */
} Pass;

static ptrdiff_t plane_of(const NstMatting *m)
{
    return (ptrdiff_t)m->h * m->w;
}

/* The inverse of a symmetric 3x3 matrix, xx xy xz yy yz zz */
static void invert(const double s[6], double to[6])
{
    const double a = s[3] * s[5] - s[4] * s[4], b = s[2] * s[4] - s[1] * s[5], c = s[1] * s[4] - s[2] * s[3];
    const double determinant = s[0] * a + s[1] * b + s[2] * c;
    const double cofactors[6] = {a, b, c, s[0] * s[5] - s[2] * s[2], s[1] * s[2] - s[0] * s[4],
                                 s[0] * s[3] - s[1] * s[1]};
    for (int i = 0; i < 6; i++)
        to[i] = cofactors[i] / determinant;
}

/* Means and inverse covariances of the windows of one row */
static void measure_row(void *arg, int row, int slot)
{
    NstMatting *m = arg;
    const ptrdiff_t plane = plane_of(m);
    (void)slot;
    if (row == 0 || row == m->h - 1)
        return;
    for (int x = 1; x < m->w - 1; x++) {
        const ptrdiff_t at = (ptrdiff_t)row * m->w + x;
        double mean[3] = {0}, s[6] = {0}, inverse[6];
        for (int c = 0; c < 3; c++) {
            for (int k = 0; k < WINDOW; k++)
                mean[c] += m->picture[c * plane + at + (k / 3 - 1) * m->w + k % 3 - 1];
            mean[c] /= WINDOW;
            m->mean[c * plane + at] = (float)mean[c];
        }
        for (int k = 0; k < WINDOW; k++) {
            const ptrdiff_t i = at + (k / 3 - 1) * m->w + k % 3 - 1;
            const double d[3] = {m->picture[i] - mean[0], m->picture[plane + i] - mean[1],
                                 m->picture[2 * plane + i] - mean[2]};
            for (int a = 0, e = 0; a < 3; a++)
                for (int b = a; b < 3; b++, e++)
                    s[e] += d[a] * d[b] / WINDOW;
        }
        s[0] += EPSILON / WINDOW;
        s[3] += EPSILON / WINDOW;
        s[5] += EPSILON / WINDOW;
        invert(s, inverse);
        for (int e = 0; e < 6; e++)
            m->inverse[e * plane + at] = (float)inverse[e];
    }
}

int matting_create(NstMatting **out, const NstImage *picture, const NstCompute *compute, NstError *err)
{
    NstMatting *m = *out = calloc(1, sizeof(*m));
    if (!m)
        return fail(err, NST_ENOMEM, "out of memory");
    m->w = picture->width;
    m->h = picture->height;
    m->team = team_of(compute);
    const size_t plane = (size_t)m->w * (size_t)m->h;
    m->picture = aligned_calloc(plane, 3 * sizeof(float));
    m->mean = aligned_calloc(plane, 3 * sizeof(float));
    m->inverse = aligned_calloc(plane, 6 * sizeof(float));
    m->a = aligned_calloc(plane, 3 * sizeof(float));
    m->b = aligned_calloc(plane, sizeof(float));
    m->row_sum = calloc((size_t)m->h, sizeof(double));
    if (!m->picture || !m->mean || !m->inverse || !m->a || !m->b || !m->row_sum) {
        matting_free(out);
        return fail(err, NST_ENOMEM, "no memory for the edges of a picture of %dx%d pixels", picture->width,
                    picture->height);
    }
    memcpy(m->picture, picture->data, 3 * plane * sizeof(float));
    team_for(&m->team, m->h, measure_row, m);
    return NST_OK;
}

void matting_free(NstMatting **out)
{
    NstMatting *m = *out;
    if (!m)
        return;
    aligned_free(m->picture);
    aligned_free(m->mean);
    aligned_free(m->inverse);
    aligned_free(m->a);
    aligned_free(m->b);
    free(m->row_sum);
    free(m);
    *out = NULL;
}

/* The linear function a (I - mean) + b that is nearest to y in each window of a row */
static void fit_row(void *arg, int row, int slot)
{
    const Pass *pass = arg;
    NstMatting *m = pass->matting;
    const ptrdiff_t plane = plane_of(m);
    (void)slot;
    if (row == 0 || row == m->h - 1)
        return;
    for (int x = 1; x < m->w - 1; x++) {
        const ptrdiff_t at = (ptrdiff_t)row * m->w + x;
        const float mean[3] = {m->mean[at], m->mean[plane + at], m->mean[2 * plane + at]};
        float sum = 0, product[3] = {0}, inverse[6];
        for (int k = 0; k < WINDOW; k++) {
            const ptrdiff_t i = at + (k / 3 - 1) * m->w + k % 3 - 1;
            sum += pass->y[i] / WINDOW;
            for (int c = 0; c < 3; c++)
                product[c] += (m->picture[c * plane + i] - mean[c]) * (pass->y[i] / WINDOW);
        }
        for (int e = 0; e < 6; e++)
            inverse[e] = m->inverse[e * plane + at];
        const float a[3] = {inverse[0] * product[0] + inverse[1] * product[1] + inverse[2] * product[2],
                            inverse[1] * product[0] + inverse[3] * product[1] + inverse[4] * product[2],
                            inverse[2] * product[0] + inverse[4] * product[1] + inverse[5] * product[2]};
        for (int c = 0; c < 3; c++)
            m->a[c * plane + at] = a[c];
        m->b[at] = sum;
    }
}

/* (L y)_i = sum over the windows of i of y_i - a (I_i - mean) - b */
static void apply_row(void *arg, int row, int slot)
{
    const Pass *pass = arg;
    NstMatting *m = pass->matting;
    const ptrdiff_t plane = plane_of(m);
    const int top = max_int(row - 1, 1), bottom = min_int(row + 1, m->h - 2);
    double sum = 0;
    (void)slot;
    for (int x = 0; x < m->w; x++) {
        const ptrdiff_t i = (ptrdiff_t)row * m->w + x;
        const float color[3] = {m->picture[i], m->picture[plane + i], m->picture[2 * plane + i]};
        float ly = 0;
        for (int v = top; v <= bottom; v++)
            for (int u = max_int(x - 1, 1); u <= min_int(x + 1, m->w - 2); u++) {
                const ptrdiff_t at = (ptrdiff_t)v * m->w + u;
                ly += pass->y[i] - m->b[at];
                for (int c = 0; c < 3; c++)
                    ly -= m->a[c * plane + at] * (color[c] - m->mean[c * plane + at]);
            }
        sum += (double)pass->y[i] * ly;
        pass->grad[i] += pass->scale * ly;
    }
    m->row_sum[row] = sum;
}

double matting_evaluate(NstMatting *m, const float *y, float weight, float *grad)
{
    const ptrdiff_t plane = plane_of(m);
    double sum = 0;
    for (int c = 0; c < 3; c++) {
        Pass pass = {m, y + c * plane, grad + c * plane, (float)(2 * weight / (3.0 * (double)plane))};
        team_for(&m->team, m->h, fit_row, &pass);
        team_for(&m->team, m->h, apply_row, &pass);
        for (int row = 0; row < m->h; row++)
            sum += m->row_sum[row];
    }
    return sum / (3.0 * (double)plane);
}
