/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "util.h"

int nst_image_alloc(NstImage *image, int width, int height, NstError *err)
{
    memset(image, 0, sizeof(*image));
    if (width < 1 || height < 1 || width > NST_MAX_SIDE || height > NST_MAX_SIDE)
        return fail(err, NST_EINVAL, "picture of %dx%d pixels: 1x1 to %dx%d expected", width, height, NST_MAX_SIDE,
                    NST_MAX_SIDE);
    image->data = aligned_calloc((size_t)width * (size_t)height, 3 * sizeof(float));
    if (!image->data)
        return fail(err, NST_ENOMEM, "no memory for a picture of %dx%d pixels", width, height);
    image->width = width;
    image->height = height;
    return NST_OK;
}

void nst_image_free(NstImage *image)
{
    aligned_free(image->data);
    memset(image, 0, sizeof(*image));
}

/* For each of n new samples along one side: the old ones that it is the weighted mean of */
typedef struct Filter {
    int taps;       /* room for each sample */
    int *first;     /* n */
    int *count;     /* n */
    float *weights; /* n x taps */
} Filter;

static void filter_free(Filter *filter)
{
    free(filter->first);
    free(filter->count);
    free(filter->weights);
}

/* `origin` and `length`: the part of a side of `side` samples that becomes n samples */
static int filter_create(Filter *filter, double origin, double length, int side, int n, NstError *err)
{
    const double scale = length / n, reach = scale > 1 ? scale : 1;

    filter->taps = (int)ceil(2 * reach) + 2;
    filter->first = calloc((size_t)n, sizeof(int));
    filter->count = calloc((size_t)n, sizeof(int));
    filter->weights = calloc((size_t)n * (size_t)filter->taps, sizeof(float));
    if (!filter->first || !filter->count || !filter->weights) {
        filter_free(filter);
        return fail(err, NST_ENOMEM, "no memory to scale a picture");
    }
    for (int i = 0; i < n; i++) {
        const double centre = origin + (i + 0.5) * scale;
        const int first = min_int(max_int((int)floor(centre - reach), 0), side - 1);
        const int last = max_int(min_int((int)ceil(centre + reach), side - 1), first);
        float *weights = filter->weights + (ptrdiff_t)i * filter->taps;
        double sum = 0;
        filter->first[i] = first;
        filter->count[i] = min_int(last - first + 1, filter->taps);
        for (int k = 0; k < filter->count[i]; k++) {
            const double distance = fabs(first + k + 0.5 - centre) / reach;
            weights[k] = (float)fmax(1 - distance, 0);
            sum += weights[k];
        }
        for (int k = 0; k < filter->count[i]; k++)
            weights[k] = (float)(weights[k] / sum);
    }
    return NST_OK;
}

static void filter_row(float *out, const float *in, const Filter *filter, int n)
{
    for (int i = 0; i < n; i++) {
        const float *weights = filter->weights + (ptrdiff_t)i * filter->taps;
        float sum = 0;
        for (int k = 0; k < filter->count[i]; k++)
            sum += weights[k] * in[filter->first[i] + k];
        out[i] = sum;
    }
}

/* One plane: rows across into `rows` (in's height x out's width), then columns */
static void filter_plane(float *out, int out_w, int out_h, const float *in, int in_w, const Filter *across,
                         const Filter *down, float *rows)
{
    const int top = down->first[0], bottom = down->first[out_h - 1] + down->count[out_h - 1];
    for (int y = top; y < bottom; y++)
        filter_row(rows + (ptrdiff_t)y * out_w, in + (ptrdiff_t)y * in_w, across, out_w);
    for (int y = 0; y < out_h; y++) {
        const float *weights = down->weights + (ptrdiff_t)y * down->taps;
        for (int x = 0; x < out_w; x++) {
            float sum = 0;
            for (int k = 0; k < down->count[y]; k++)
                sum += weights[k] * rows[(ptrdiff_t)(down->first[y] + k) * out_w + x];
            out[(ptrdiff_t)y * out_w + x] = sum;
        }
    }
}

int image_resample(const NstImage *in, const NstBox *box, NstImage *out, NstError *err)
{
    Filter across, down;
    NST_TRY(filter_create(&across, box->x, box->w, in->width, out->width, err));
    int code = filter_create(&down, box->y, box->h, in->height, out->height, err);
    if (code < 0) {
        filter_free(&across);
        return code;
    }
    float *rows = aligned_calloc((size_t)in->height * (size_t)out->width, sizeof(float));
    if (rows) {
        const ptrdiff_t in_plane = (ptrdiff_t)in->width * in->height, out_plane = (ptrdiff_t)out->width * out->height;
        for (int c = 0; c < 3; c++)
            filter_plane(out->data + c * out_plane, out->width, out->height, in->data + c * in_plane, in->width,
                         &across, &down, rows);
    } else {
        code = fail(err, NST_ENOMEM, "no memory to scale a picture of %dx%d pixels", in->width, in->height);
    }
    aligned_free(rows);
    filter_free(&across);
    filter_free(&down);
    return code;
}

void image_mirror(NstImage *image)
{
    for (ptrdiff_t row = 0; row < 3 * (ptrdiff_t)image->height; row++) {
        float *samples = image->data + row * image->width;
        for (int i = 0, j = image->width - 1; i < j; i++, j--) {
            const float left = samples[i];
            samples[i] = samples[j];
            samples[j] = left;
        }
    }
}

void image_halve(float *half, const float *full, int c, int h, int w)
{
    for (int plane = 0; plane < c; plane++, full += (ptrdiff_t)h * w)
        for (int y = 0; y < h / 2; y++) {
            const float *a = full + (ptrdiff_t)2 * y * w, *b = a + w;
            for (int x = 0; x < w / 2; x++)
                *half++ = ((a[2 * x] + a[2 * x + 1]) + (b[2 * x] + b[2 * x + 1])) / 4;
        }
}

void image_halve_backward(float *full, const float *half, int c, int h, int w)
{
    for (int plane = 0; plane < c; plane++, full += (ptrdiff_t)h * w)
        for (int y = 0; y < h / 2; y++) {
            float *a = full + (ptrdiff_t)2 * y * w, *b = a + w;
            for (int x = 0; x < w / 2; x++) {
                const float quarter = *half++ / 4;
                a[2 * x] += quarter;
                a[2 * x + 1] += quarter;
                b[2 * x] += quarter;
                b[2 * x + 1] += quarter;
            }
        }
}
