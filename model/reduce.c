/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reduce.h"

#include <math.h>

#include "util.h"

NstCover reduce_cover(int i, int n, int of)
{
    double from = (double)i * of / n, to = (double)(i + 1) * of / n;
    NstCover cover = {.first = (int)from, .last = min_int((int)ceil(to) - 1, of - 1)};
    cover.first_part = (float)(fmin(to, cover.first + 1) - from);
    cover.last_part = (float)(to - cover.last);
    return cover;
}

void reduce_row(float *to, int n, const float *from, const NstCover *covers, float factor)
{
    for (int x = 0; x < n; x++) {
        NstCover cover = covers[x];
        float sum = cover.first_part * from[cover.first];
        for (int i = cover.first + 1; i < cover.last; i++)
            sum += from[i];
        if (cover.last > cover.first)
            sum += cover.last_part * from[cover.last];
        to[x] = factor * sum;
    }
}
