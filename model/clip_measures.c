/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip_measures.h"

#include <math.h>
#include <string.h>

#include "util.h"

enum { STILL_RADIUS = 3 };
static const float STILL_LIMIT = 4.0f / 255;

static float luma(const float *picture, size_t plane, size_t at)
{
    return 0.2126f * picture[at] + 0.7152f * picture[plane + at] + 0.0722f * picture[2 * plane + at];
}

double measure_luma(const float *picture, int h, int w)
{
    const size_t plane = (size_t)h * (size_t)w;
    double sum = 0;
    for (size_t i = 0; i < plane; i++)
        sum += luma(picture, plane, i);
    return sum / (double)plane;
}

double measure_sharpness(const float *picture, int h, int w)
{
    const size_t plane = (size_t)h * (size_t)w, line = (size_t)w;
    double sum = 0;
    for (size_t y = 0; y + 1 < (size_t)h; y++)
        for (size_t x = 0; x + 1 < line; x++) {
            const size_t at = y * line + x;
            const float here = luma(picture, plane, at);
            const float dx = luma(picture, plane, at + 1) - here, dy = luma(picture, plane, at + line) - here;
            sum += (double)dx * dx + (double)dy * dy;
        }
    return sqrt(sum / ((double)(h - 1) * (w - 1)));
}

/* Means over 2 STILL_RADIUS + 1 samples, fewer at the ends, of a line whose samples are `step` apart */
static void smooth_line(const float *from, float *to, int n, ptrdiff_t step)
{
    double sum = 0;
    for (int i = -STILL_RADIUS; i < n; i++) {
        const int in = i + STILL_RADIUS, out = i - STILL_RADIUS - 1;
        if (in < n)
            sum += from[in * step];
        if (out >= 0)
            sum -= from[out * step];
        if (i >= 0)
            to[i * step] = (float)(sum / (min_int(in, n - 1) - max_int(out, -1)));
    }
}

size_t measure_still(const float *a, const float *b, int h, int w, float *scratch, uint8_t *still)
{
    const size_t plane = (size_t)h * (size_t)w;
    float *difference = scratch, *smooth = scratch + plane;
    size_t left = 0;
    for (size_t i = 0; i < plane; i++)
        difference[i] = fabsf(luma(a, plane, i) - luma(b, plane, i));
    for (int y = 0; y < h; y++)
        smooth_line(difference + (ptrdiff_t)y * w, smooth + (ptrdiff_t)y * w, w, 1);
    for (int x = 0; x < w; x++)
        smooth_line(smooth + x, difference + x, h, w);
    for (size_t i = 0; i < plane; i++) {
        still[i] = still[i] && difference[i] <= STILL_LIMIT;
        left += still[i];
    }
    return left;
}

double measure_flicker(const float *a, const float *b, int h, int w, const uint8_t *still)
{
    const size_t plane = (size_t)h * (size_t)w;
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < plane; i++) {
        if (!still[i])
            continue;
        for (size_t c = 0; c < 3; c++)
            sum += fabsf(a[c * plane + i] - b[c * plane + i]);
        n++;
    }
    return n ? sum / (3 * (double)n) : 0;
}

int deviation_create(NstDeviation *deviation, int h, int w, NstError *err)
{
    const size_t pixels = (size_t)h * (size_t)w;
    *deviation = (NstDeviation){.pixels = pixels};
    deviation->mean = aligned_calloc(pixels, 3 * sizeof(double));
    deviation->square = aligned_calloc(pixels, 3 * sizeof(double));
    if (deviation->mean && deviation->square)
        return NST_OK;
    deviation_free(deviation);
    return fail(err, NST_ENOMEM, "no memory to measure a clip of %dx%d", w, h);
}

void deviation_free(NstDeviation *deviation)
{
    aligned_free(deviation->mean);
    aligned_free(deviation->square);
    memset(deviation, 0, sizeof(*deviation));
}

void deviation_add(NstDeviation *deviation, const float *picture)
{
    const double share = 1.0 / ++deviation->frames;
    for (size_t i = 0; i < 3 * deviation->pixels; i++) {
        const double before = picture[i] - deviation->mean[i];
        deviation->mean[i] += share * before;
        deviation->square[i] += before * (picture[i] - deviation->mean[i]);
    }
}

double deviation_mean(const NstDeviation *deviation, const uint8_t *still)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < deviation->pixels; i++) {
        if (!still[i])
            continue;
        for (size_t c = 0; c < 3; c++)
            sum += sqrt(deviation->square[c * deviation->pixels + i] / deviation->frames);
        n++;
    }
    return n ? sum / (3 * (double)n) : 0;
}
