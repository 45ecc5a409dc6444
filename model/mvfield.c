/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mvfield.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "util.h"

/* The samples from a to b whose middles lie in pixels [from, from + length) */
static void samples_of(float from, float length, int n, int *a, int *b)
{
    float first = ceilf((from - 1) / 2), end = ceilf((from + length - 1) / 2);
    *a = first > 0 ? (int)fminf(first, (float)n) : 0;
    *b = end > 0 ? (int)fminf(end, (float)n) : 0;
}

static bool is_usable(const NstMotionVector *v)
{
    return isfinite(v->x) && isfinite(v->y) && isfinite(v->dx) && isfinite(v->dy) && v->w > 0 && v->h > 0;
}

const NstField *mvfield_fill(const NstField *field, const NstFrameInfo *info)
{
    if (!info || !info->n_vectors)
        return NULL;
    size_t bytes = (size_t)field->w * (size_t)field->h * sizeof(float);
    memset(field->x, 0, bytes);
    memset(field->y, 0, bytes);
    for (int i = 0; i < info->n_vectors; i++) {
        const NstMotionVector *v = &info->vectors[i];
        int x0, x1, y0, y1;
        if (!is_usable(v))
            continue;
        samples_of(v->x, v->w, field->w, &x0, &x1);
        samples_of(v->y, v->h, field->h, &y0, &y1);
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++) {
                field->x[(size_t)y * (size_t)field->w + (size_t)x] = 0.5f * v->dx;
                field->y[(size_t)y * (size_t)field->w + (size_t)x] = 0.5f * v->dy;
            }
    }
    return field;
}
