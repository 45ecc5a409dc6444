/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "warp_error.h"

#include <math.h>
#include <stdbool.h>

#include "util.h"

/* Four samples around a place, and their weights */
typedef struct Place {
    ptrdiff_t at[4];
    float weight[4];
} Place;

/* Where the motion of pixel x, y leads; false where that is outside of the picture. */
static bool find_place(const float *flow, int x, int y, int h, int w, Place *place)
{
    const ptrdiff_t plane = (ptrdiff_t)h * w, at = (ptrdiff_t)y * w + x;
    const float to_x = (float)x + flow[at], to_y = (float)y + flow[plane + at];
    if (!(to_x >= 0 && to_x <= (float)(w - 1) && to_y >= 0 && to_y <= (float)(h - 1)))
        return false;
    const int left = (int)to_x, top = (int)to_y;
    const int right = min_int(left + 1, w - 1), bottom = min_int(top + 1, h - 1);
    const float u = to_x - (float)left, v = to_y - (float)top;
    *place = (Place){{(ptrdiff_t)top * w + left, (ptrdiff_t)top * w + right, (ptrdiff_t)bottom * w + left,
                      (ptrdiff_t)bottom * w + right},
                     {(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v}};
    return true;
}

static float fetch(const float *plane, const Place *place)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += place->weight[i] * plane[place->at[i]];
    return sum;
}

/* The motion f and the motion b from where it leads cancel each other. */
static bool returns(float fx, float fy, float bx, float by)
{
    const float x = fx + bx, y = fy + by;
    return x * x + y * y <= 0.01f * (fx * fx + fy * fy + bx * bx + by * by) + 0.5f;
}

size_t warp_visible(const float *forward, const float *backward, int h, int w, uint8_t *visible)
{
    const ptrdiff_t plane = (ptrdiff_t)h * w;
    size_t n = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const ptrdiff_t at = (ptrdiff_t)y * w + x;
            Place place;
            visible[at] = find_place(forward, x, y, h, w, &place) &&
                          returns(forward[at], forward[plane + at], fetch(backward, &place),
                                  fetch(backward + plane, &place));
            n += visible[at];
        }
    return n;
}

/* Of a plane at x, y, by central differences that end at the edge */
static float squared_gradient(const float *plane, int x, int y, int h, int w)
{
    const int left = max_int(x - 1, 0), right = min_int(x + 1, w - 1), up = max_int(y - 1, 0);
    const int down = min_int(y + 1, h - 1);
    const float across = plane[(ptrdiff_t)y * w + right] - plane[(ptrdiff_t)y * w + left];
    const float along = plane[(ptrdiff_t)down * w + x] - plane[(ptrdiff_t)up * w + x];
    return 0.25f * (across * across + along * along);
}

size_t warp_leave_boundaries(const float *flow, int h, int w, uint8_t *visible)
{
    const ptrdiff_t plane = (ptrdiff_t)h * w;
    size_t n = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const ptrdiff_t at = (ptrdiff_t)y * w + x;
            const float u = flow[at], v = flow[plane + at];
            const float change = squared_gradient(flow, x, y, h, w) + squared_gradient(flow + plane, x, y, h, w);
            visible[at] &= change <= 0.01f * (u * u + v * v) + 0.002f;
            n += visible[at];
        }
    return n;
}

void warp_fetch(const float *next, const float *flow, int h, int w, float *out)
{
    const ptrdiff_t plane = (ptrdiff_t)h * w;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const ptrdiff_t at = (ptrdiff_t)y * w + x;
            Place place;
            const bool inside = find_place(flow, x, y, h, w, &place);
            for (int c = 0; c < 3; c++)
                out[c * plane + at] = inside ? fetch(next + c * plane, &place) : 0;
        }
}

double warp_error(const float *frame, const float *next, const float *flow, const uint8_t *visible, int h, int w)
{
    const ptrdiff_t plane = (ptrdiff_t)h * w;
    double sum = 0;
    size_t n = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const ptrdiff_t at = (ptrdiff_t)y * w + x;
            Place place;
            if (!visible[at] || !find_place(flow, x, y, h, w, &place))
                continue;
            for (int c = 0; c < 3; c++) {
                const float difference = fetch(next + c * plane, &place) - frame[c * plane + at];
                sum += (double)difference * difference;
            }
            n++;
        }
    return n ? sum / (3 * (double)n) : 0;
}
