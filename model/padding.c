/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "padding.h"

#include <string.h>

void pad_row_ends(float *row, int w, int left, int right, NstPadMode mode)
{
    const float *inside = row + left;
    for (int j = 0; j < left; j++) {
        int source = pad_source(mode, j - left, w);
        row[j] = source < 0 ? 0 : inside[source];
    }
    for (int j = 0; j < right; j++) {
        int source = pad_source(mode, w + j, w);
        row[left + w + j] = source < 0 ? 0 : inside[source];
    }
}

static void pad_row(const float *from, int w, int left, int right, NstPadMode mode, float *to)
{
    memcpy(to + left, from, (size_t)w * sizeof(*to));
    pad_row_ends(to, w, left, right, mode);
}

void pad_planes(const float *from, int n_planes, int h, int w, const int pad[4], NstPadMode mode, int threads,
                float *to)
{
    int ph = h + pad[NST_TOP] + pad[NST_BOTTOM], pw = w + pad[NST_LEFT] + pad[NST_RIGHT];
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int c = 0; c < n_planes; c++)
        for (int i = 0; i < ph; i++) {
            int source = pad_source(mode, i - pad[NST_TOP], h);
            float *row = to + ((size_t)c * (size_t)ph + (size_t)i) * (size_t)pw;
            if (source < 0)
                memset(row, 0, (size_t)pw * sizeof(*row));
            else
                pad_row(from + ((size_t)c * (size_t)h + (size_t)source) * (size_t)w, w, pad[NST_LEFT], pad[NST_RIGHT],
                        mode, row);
        }
}

void pad_frame_adjoint(const float *from, int n_planes, int h, int w, const int pad[4], NstPadMode mode, int threads,
                       float *to)
{
    const int top = pad[NST_TOP], left = pad[NST_LEFT], ph = h + top + pad[NST_BOTTOM], pw = w + left + pad[NST_RIGHT];
    if (mode == NST_PAD_ZERO)
        return;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int c = 0; c < n_planes; c++)
        for (int i = 0; i < ph; i++) {
            const float *row = from + ((size_t)c * (size_t)ph + (size_t)i) * (size_t)pw;
            float *target = to + ((size_t)c * (size_t)h + (size_t)pad_source(mode, i - top, h)) * (size_t)w;
            const bool inside = i >= top && i < top + h;
            for (int j = 0; !inside && j < w; j++)
                target[j] += row[left + j];
            for (int j = 0; j < left; j++)
                target[pad_source(mode, j - left, w)] += row[j];
            for (int j = left + w; j < pw; j++)
                target[pad_source(mode, j - left, w)] += row[j];
        }
}

void pad_planes_adjoint(const float *from, int n_planes, int h, int w, const int pad[4], NstPadMode mode, int threads,
                        bool add, float *to)
{
    const int ph = h + pad[NST_TOP] + pad[NST_BOTTOM], pw = w + pad[NST_LEFT] + pad[NST_RIGHT];
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int c = 0; c < n_planes; c++)
        for (int i = 0; i < h; i++) {
            const size_t at = (size_t)c * (size_t)ph + (size_t)(i + pad[NST_TOP]);
            const float *row = from + at * (size_t)pw + pad[NST_LEFT];
            float *target = to + ((size_t)c * (size_t)h + (size_t)i) * (size_t)w;
            if (!add)
                memcpy(target, row, (size_t)w * sizeof(*target));
            for (int j = 0; add && j < w; j++)
                target[j] += row[j];
        }
    pad_frame_adjoint(from, n_planes, h, w, pad, mode, threads, to);
}
