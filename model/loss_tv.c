/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "loss.h"

/* Sum of squared differences to the sample `step` further on, and scale times its gradient; lines are `w` samples */
static double squared_differences(const float *y, ptrdiff_t step, int rows, int columns, int w, float scale,
                                  float *grad)
{
    double sum = 0;
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t i = row * w; i < row * w + columns; i++) {
            const float difference = y[i + step] - y[i];
            sum += (double)difference * difference;
            if (grad) {
                grad[i + step] += 2 * scale * difference;
                grad[i] -= 2 * scale * difference;
            }
        }
    return sum;
}

static double mean_variation(const float *y, int c, int h, int w, float weight, float *grad)
{
    const double across = w > 1 ? 1 / ((double)c * h * (w - 1)) : 0, down = h > 1 ? 1 / ((double)c * (h - 1) * w) : 0;
    double dx = 0, dy = 0;
    for (ptrdiff_t k = 0; k < c; k++) {
        const float *plane = y + k * h * w;
        float *g = grad ? grad + k * h * w : NULL;
        dx += squared_differences(plane, 1, h, w - 1, w, (float)(weight * across), g);
        dy += squared_differences(plane, w, h - 1, w, w, (float)(weight * down), g);
    }
    return dx * across + dy * down;
}

/* sum (dx^2 + dy^2)^1.25 with differences of samples of 0 to 255; s^1.25 has the derivative 1.25 s^0.25. */
static double keras_variation(const float *y, int c, int h, int w, float weight, float *grad)
{
    const float range = 255;
    double sum = 0;
    for (ptrdiff_t k = 0; k < c; k++)
        for (ptrdiff_t row = 0; row < h - 1; row++)
            for (ptrdiff_t i = (k * h + row) * w; i < (k * h + row + 1) * w - 1; i++) {
                const float dx = range * (y[i + 1] - y[i]), dy = range * (y[i + w] - y[i]);
                const float s = dx * dx + dy * dy, root = sqrtf(sqrtf(s));
                sum += (double)s * root;
                if (grad) {
                    const float scale = weight * 2.5f * root * range;
                    grad[i] -= scale * (dx + dy);
                    grad[i + 1] += scale * dx;
                    grad[i + w] += scale * dy;
                }
            }
    return sum;
}

double loss_tv(NstFormula formula, const float *y, int c, int h, int w, float weight, float *grad)
{
    return formula == NST_FORMULA_KERAS ? keras_variation(y, c, h, w, weight, grad)
                                        : mean_variation(y, c, h, w, weight, grad);
}
