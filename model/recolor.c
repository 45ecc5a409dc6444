/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "recolor.h"

#include <math.h>
#include <string.h>

static const double SMALLEST = 1e-6; /* variance that counts as none, of samples of 0 to 1 */

typedef double Matrix[3][3];

static void statistics(const NstImage *picture, double mean[3], Matrix covariance)
{
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    memset(covariance, 0, sizeof(Matrix));
    for (int c = 0; c < 3; c++) {
        mean[c] = 0;
        for (ptrdiff_t i = 0; i < n; i++)
            mean[c] += picture->data[c * n + i];
        mean[c] /= (double)n;
    }
    for (ptrdiff_t i = 0; i < n; i++)
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                covariance[a][b] += (picture->data[a * n + i] - mean[a]) * (picture->data[b * n + i] - mean[b]);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            covariance[a][b] = covariance[a][b] / (double)n + (a == b ? SMALLEST : 0);
}

/* Turns rows and columns p and q of a symmetric matrix so that (p, q) becomes 0 (Jacobi 1846); v collects the turns. */
static void rotate(Matrix a, Matrix v, int p, int q)
{
    if (fabs(a[p][q]) < 1e-300)
        return;
    const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < 3; k++) {
        const double x = a[k][p], y = a[k][q];
        a[k][p] = c * x - s * y;
        a[k][q] = s * x + c * y;
    }
    for (int k = 0; k < 3; k++) {
        const double x = a[p][k], y = a[q][k], vx = v[k][p], vy = v[k][q];
        a[p][k] = c * x - s * y;
        a[q][k] = s * x + c * y;
        v[k][p] = c * vx - s * vy;
        v[k][q] = s * vx + c * vy;
    }
}

/* to = a^power of a symmetric, positive matrix */
static void matrix_power(Matrix a, double power, Matrix to)
{
    Matrix v = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int sweep = 0; sweep < 20; sweep++) {
        rotate(a, v, 0, 1);
        rotate(a, v, 0, 2);
        rotate(a, v, 1, 2);
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            to[i][j] = 0;
            for (int k = 0; k < 3; k++)
                to[i][j] += v[i][k] * pow(fmax(a[k][k], SMALLEST), power) * v[j][k];
        }
}

void recolor_match(NstImage *picture, const NstImage *like)
{
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    double mean[3], wanted[3];
    Matrix covariance, wanted_covariance, root, inverse;

    statistics(picture, mean, covariance);
    statistics(like, wanted, wanted_covariance);
    matrix_power(wanted_covariance, 0.5, root);
    matrix_power(covariance, -0.5, inverse);
    for (ptrdiff_t i = 0; i < n; i++) {
        double white[3] = {0}, x[3];
        for (int c = 0; c < 3; c++)
            x[c] = picture->data[c * n + i] - mean[c];
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                white[a] += inverse[a][b] * x[b];
        for (int a = 0; a < 3; a++)
            picture->data[a * n + i] =
                (float)(root[a][0] * white[0] + root[a][1] * white[1] + root[a][2] * white[2] + wanted[a]);
    }
}

static float luma(const NstImage *picture, ptrdiff_t i)
{
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    const float *data = picture->data;
    return 0.2126f * data[i] + 0.7152f * data[n + i] + 0.0722f * data[2 * n + i];
}

void recolor_gray(NstImage *picture)
{
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    for (ptrdiff_t i = 0; i < n; i++) {
        const float y = luma(picture, i);
        for (int c = 0; c < 3; c++)
            picture->data[c * n + i] = y;
    }
}

void recolor_keep_chroma(NstImage *picture, const NstImage *painted)
{
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    for (ptrdiff_t i = 0; i < n; i++) {
        const float rise = luma(painted, i) - luma(picture, i);
        for (int c = 0; c < 3; c++)
            picture->data[c * n + i] += rise;
    }
}
