/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "columns.h"

#include <string.h>

enum {
    COLUMN_FLOATS = 1 << 18, /* aim for the size of a block's matrix */
    BLOCK_MIN = 96,          /* and a multiple of this many positions, so that tiles of all kernels come out even */
};

size_t columns_block_size(const NstConv *conv)
{
    size_t n = (size_t)(COLUMN_FLOATS / columns_rows(conv)) / BLOCK_MIN * BLOCK_MIN;
    n = n < BLOCK_MIN ? BLOCK_MIN : n > COLUMNS_MAX ? COLUMNS_MAX : n;
    return n < conv_plane_out(conv) ? n : conv_plane_out(conv);
}

size_t columns_block_count(const NstConv *conv)
{
    return (conv_plane_out(conv) + columns_block_size(conv) - 1) / columns_block_size(conv);
}

size_t columns_in_block(const NstConv *conv, size_t block)
{
    const size_t left = conv_plane_out(conv) - block * columns_block_size(conv);
    return left < columns_block_size(conv) ? left : columns_block_size(conv);
}

size_t columns_size(const NstConv *conv)
{
    return conv_is_pointwise(conv) ? 0 : (size_t)columns_rows(conv) * columns_block_size(conv);
}

/* One tap's samples of the output positions first .. first + n - 1 of the plane. */
void columns_gather_tap(const NstConv *conv, const float *x, int p, int q, size_t first, size_t n, float *to)
{
    int i = (int)(first / (size_t)conv->wo), j = (int)(first % (size_t)conv->wo);
    while (n > 0) {
        size_t run = (size_t)(conv->wo - j) < n ? (size_t)(conv->wo - j) : n;
        const float *from = x + (size_t)(i * conv->sy + p * conv->dy) * (size_t)conv->w + j * conv->sx + q * conv->dx;
        if (conv->sx == 1)
            memcpy(to, from, run * sizeof(*to));
        else if (conv->sx == 2)
            for (size_t r = 0; r < run; r++)
                to[r] = from[2 * r];
        else
            for (size_t r = 0; r < run; r++)
                to[r] = from[r * (size_t)conv->sx];
        to += run;
        n -= run;
        i++;
        j = 0;
    }
}

/* The matrix of a block: column_rows x n. x points at the group's first channel. */
static void gather_block(const NstConv *conv, const float *x, size_t first, size_t n, float *columns)
{
    for (int c = 0; c < conv->ci / conv->groups; c++)
        for (int p = 0; p < conv->kh; p++)
            for (int q = 0; q < conv->kw; q++, columns += n)
                columns_gather_tap(conv, x + (size_t)c * conv_plane_in(conv), p, q, first, n, columns);
}

/* A block as the right-hand side of a product: its matrix and row length. */
const float *columns_of_block(const NstConv *conv, const float *x, size_t first, size_t n, float *columns, int *ld)
{
    if (conv_is_pointwise(conv)) {
        *ld = (int)conv_plane_in(conv);
        return x + first;
    }
    gather_block(conv, x, first, n, columns);
    *ld = (int)n;
    return columns;
}
