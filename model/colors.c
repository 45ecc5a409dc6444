/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "colors.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { COLUMN_STEP = 3, ROW_STEP = 5, SWEEPS = 12 }; /* steps: not in time with a network's strides */

static const double noise = 4.0 / 255 * 4.0 / 255; /* variance below which a painting's colours are not stretched */
static const double pace = 0.15;                   /* of the statistics towards those of the latest picture */
static const double jump = 0.1;                    /* of the source's mean colour: a new scene */

/* ---- statistics ---- */

static void add_row(const NstPlanes *planes, int y, int w, double sums[3], double products[3][3])
{
    const double unit = 1 / (double)planes->scale;
    const float *row[3];
    for (int i = 0; i < 3; i++)
        row[i] = planes->rgb[i] + y * planes->stride;
    for (int x = 0; x < w; x += COLUMN_STEP) {
        double v[3];
        for (int i = 0; i < 3; i++) {
            v[i] = fmin(fmax((double)row[i][x] * unit, 0), 1);
            sums[i] += v[i];
        }
        for (int i = 0; i < 3; i++)
            for (int j = i; j < 3; j++)
                products[i][j] += v[i] * v[j];
    }
}

void colors_measure(const NstPlanes *planes, int w, int h, NstColorStatistics *statistics)
{
    double sums[3] = {0}, products[3][3] = {{0}};
    double n = (double)((w + COLUMN_STEP - 1) / COLUMN_STEP) * ((h + ROW_STEP - 1) / ROW_STEP);
    for (int y = 0; y < h; y += ROW_STEP)
        add_row(planes, y, w, sums, products);
    for (int i = 0; i < 3; i++)
        statistics->mean[i] = sums[i] / n;
    for (int i = 0; i < 3; i++)
        for (int j = i; j < 3; j++)
            statistics->covariance[i][j] = statistics->covariance[j][i] =
                products[i][j] / n - statistics->mean[i] * statistics->mean[j];
}

static void approach(double *value, double goal, double share)
{
    *value += share * (goal - *value);
}

static void approach_statistics(NstColorStatistics *statistics, const NstColorStatistics *goal, double share)
{
    for (int i = 0; i < 3; i++) {
        approach(&statistics->mean[i], goal->mean[i], share);
        for (int j = 0; j < 3; j++)
            approach(&statistics->covariance[i][j], goal->covariance[i][j], share);
    }
}

void colors_follow(NstColorMatch *match, const NstColorStatistics *source, const NstColorStatistics *painting)
{
    int jumps = !match->running;
    for (int i = 0; i < 3; i++)
        jumps |= fabs(source->mean[i] - match->source.mean[i]) > jump;
    approach_statistics(&match->source, source, jumps ? 1 : pace);
    approach_statistics(&match->painting, painting, jumps ? 1 : pace);
    match->running = 1;
}

/* ---- symmetric matrices ---- */

typedef double Matrix[3][3];

static void multiply(Matrix a, Matrix b, Matrix to)
{
    Matrix product;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            product[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
    memcpy(to, product, sizeof(product));
}

/* One of Jacobi's rotations: makes a[p][q] zero, and turns the eigenvectors in the columns of v with it. */
static void rotate(Matrix a, Matrix v, int p, int q)
{
    if (a[p][q] == 0)
        return;
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    Matrix turn = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, back;
    turn[p][p] = turn[q][q] = c;
    turn[p][q] = s;
    turn[q][p] = -s;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            back[i][j] = turn[j][i];
    multiply(back, a, a);
    multiply(a, turn, a);
    multiply(v, turn, v);
}

/* to = a to the power of 1/2 or -1/2 */
static void root(Matrix a, bool inverse, Matrix to)
{
    Matrix d, v = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, result = {{0}};
    memcpy(d, a, sizeof(d));
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int p = 0; p < 2; p++)
            for (int q = p + 1; q < 3; q++)
                rotate(d, v, p, q);
    for (int k = 0; k < 3; k++) {
        double value = sqrt(fmax(d[k][k], 0));
        value = inverse ? 1 / value : value;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                result[i][j] += value * v[i][k] * v[j][k];
    }
    memcpy(to, result, sizeof(result));
}

/* ---- maps ---- */

/* With P and S the covariances of painting and source: P^-1/2 (P^1/2 S P^1/2)^1/2 P^-1/2 */
void colors_map(const NstColorStatistics *from, const NstColorStatistics *to, NstColorMap *map)
{
    Matrix painting, source, half, inverse, middle;
    memcpy(painting, from->covariance, sizeof(painting));
    memcpy(source, to->covariance, sizeof(source));
    for (int i = 0; i < 3; i++)
        painting[i][i] += noise;
    root(painting, false, half);
    root(painting, true, inverse);
    multiply(half, source, middle);
    multiply(middle, half, middle);
    root(middle, false, middle);
    multiply(inverse, middle, middle);
    multiply(middle, inverse, middle);
    for (int i = 0; i < 3; i++) {
        double shift = to->mean[i];
        for (int j = 0; j < 3; j++) {
            map->matrix[i][j] = (float)middle[i][j];
            shift -= middle[i][j] * from->mean[j];
        }
        map->shift[i] = (float)shift;
    }
}

void colors_apply(const NstColorMap *map, float *const rgb[3], float scale, int n)
{
    const float(*m)[3] = map->matrix;
    float *restrict r = rgb[0], *restrict g = rgb[1], *restrict b = rgb[2];
    const float s[3] = {map->shift[0] * scale, map->shift[1] * scale, map->shift[2] * scale};
    for (int x = 0; x < n; x++) {
        float red = r[x], green = g[x], blue = b[x];
        r[x] = m[0][0] * red + m[0][1] * green + m[0][2] * blue + s[0];
        g[x] = m[1][0] * red + m[1][1] * green + m[1][2] * blue + s[1];
        b[x] = m[2][0] * red + m[2][1] * green + m[2][2] * blue + s[2];
    }
}

/* ---- luma and chroma ---- */

static inline float clamp01(float x)
{
    x = x > 0.0f ? x : 0.0f;
    return x < 1.0f ? x : 1.0f;
}

static void luma_weights(const NstPicture *picture, float weights[3])
{
    static const float kr[] = {0.299f, 0.2126f, 0.2627f}, kb[] = {0.114f, 0.0722f, 0.0593f};
    NstMatrix matrix = picture->model == NST_COLOR_YUV ? picture->matrix : NST_MATRIX_BT601;
    weights[0] = kr[matrix];
    weights[1] = 1.0f - kr[matrix] - kb[matrix];
    weights[2] = kb[matrix];
}

void colors_to_luma(const NstPicture *picture, float *const rgb[3], float scale, int n)
{
    float *restrict r = rgb[0], *restrict g = rgb[1], *restrict b = rgb[2], w[3];
    const float unit = 1 / scale;
    luma_weights(picture, w);
    for (int x = 0; x < n; x++)
        r[x] = g[x] = b[x] = w[0] * clamp01(unit * r[x]) + w[1] * clamp01(unit * g[x]) + w[2] * clamp01(unit * b[x]);
}

void colors_keep_chroma(const NstPicture *picture, float *const rgb[3], float scale, float *const source[3], int n)
{
    float w[3];
    luma_weights(picture, w);
    colors_to_luma(picture, rgb, scale, n);
    const float *restrict r = source[0], *restrict g = source[1], *restrict b = source[2];
    float *restrict red = rgb[0], *restrict green = rgb[1], *restrict blue = rgb[2];
    for (int x = 0; x < n; x++) {
        float rise = red[x] - (w[0] * r[x] + w[1] * g[x] + w[2] * b[x]);
        red[x] = r[x] + rise;
        green[x] = g[x] + rise;
        blue[x] = b[x] + rise;
    }
}
