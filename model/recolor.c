/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "recolor.h"

#include <string.h>

#include "colors.h"

/* Of every sample */
static NstColorStatistics statistics(const NstImage *picture)
{
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    NstColorStatistics s = {0};
    for (ptrdiff_t i = 0; i < n; i++)
        for (int a = 0; a < 3; a++) {
            s.mean[a] += picture->data[a * n + i];
            for (int b = 0; b < 3; b++)
                s.covariance[a][b] += (double)picture->data[a * n + i] * picture->data[b * n + i];
        }
    for (int a = 0; a < 3; a++)
        s.mean[a] /= (double)n;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            s.covariance[a][b] = s.covariance[a][b] / (double)n - s.mean[a] * s.mean[b];
    return s;
}

void recolor_match(NstImage *picture, const NstImage *like)
{
    const NstColorStatistics from = statistics(picture), to = statistics(like);
    const ptrdiff_t n = (ptrdiff_t)picture->width * picture->height;
    NstColorMap map;
    colors_map(&from, &to, &map);
    for (int y = 0; y < picture->height; y++) {
        float *row = picture->data + (ptrdiff_t)y * picture->width;
        colors_apply(&map, (float *const[3]){row, row + n, row + 2 * n}, 1, picture->width);
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
