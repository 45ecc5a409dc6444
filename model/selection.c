/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gram.h"
#include "util.h"

/* A variance below this share of the largest is rounding. */
static const double NOTHING = 1e-9;

static int no_memory(NstError *err)
{
    return fail(err, NST_ENOMEM, "no memory to choose channels");
}

int spread_open(NstSpread *spread, int c, NstError *err)
{
    *spread = (NstSpread){.c = c};
    spread->sum = calloc((size_t)c, sizeof(double));
    spread->products = calloc((size_t)c * (size_t)c, sizeof(double));
    spread->gram = aligned_calloc((size_t)c * (size_t)c, sizeof(float));
    return spread->sum && spread->products && spread->gram ? NST_OK : no_memory(err);
}

void spread_close(NstSpread *spread)
{
    free(spread->sum);
    free(spread->products);
    aligned_free(spread->gram);
    memset(spread, 0, sizeof(*spread));
}

void spread_add(NstSpread *spread, const NstCompute *compute, const float *f, int n)
{
    const ptrdiff_t c = spread->c;
    gram_matrix(compute, f, spread->c, n, spread->gram);
    for (ptrdiff_t i = 0; i < c * c; i++)
        spread->products[i] += (double)spread->gram[i];
    for (ptrdiff_t k = 0; k < c; k++) {
        double sum = 0;
        for (ptrdiff_t i = k * n; i < (k + 1) * n; i++)
            sum += (double)f[i];
        spread->sum[k] += sum / n;
    }
    spread->pictures++;
}

void selection_free(NstSelection *selection)
{
    free(selection->kept);
    free(selection->predict);
    free(selection->constant);
    memset(selection, 0, sizeof(*selection));
}

/* The channel whose knowledge reduces the sum of all variances most; -1: nothing is left to reduce */
static int best_channel(const double *left, int c, double smallest)
{
    int best = -1;
    double most = 0;
    for (ptrdiff_t k = 0; k < c; k++) {
        double gain = 0;
        for (ptrdiff_t i = 0; i < c; i++)
            gain += left[i * c + k] * left[i * c + k];
        if (left[k * c + k] > smallest && gain / left[k * c + k] > most) {
            most = gain / left[k * c + k];
            best = (int)k;
        }
    }
    return best;
}

static bool is_kept(const NstSelection *s, int n, int channel)
{
    for (int j = 0; j < n; j++)
        if (s->kept[j] == channel)
            return true;
    return false;
}

/*
 * Cholesky's factor of the covariance, column by column, as far as n columns, with channels in the order of choice:
 * factor is c x n. A column without variance is left zero.
 */
static void factorise(NstSelection *s, double *left, double *factor)
{
    const ptrdiff_t c = s->c, n = s->n;
    double largest = 0;
    for (ptrdiff_t i = 0; i < c; i++)
        largest = fmax(largest, left[i * c + i]);
    for (ptrdiff_t j = 0; j < n; j++) {
        const ptrdiff_t k = best_channel(left, s->c, NOTHING * largest);
        if (k < 0) {
            int any = 0;
            while (is_kept(s, (int)j, any))
                any++;
            s->kept[j] = any;
            continue;
        }
        s->kept[j] = (int)k;
        for (ptrdiff_t i = 0; i < c; i++)
            factor[i * n + j] = left[i * c + k] / sqrt(left[k * c + k]);
        for (ptrdiff_t i = 0; i < c; i++)
            for (ptrdiff_t l = 0; l < c; l++)
                left[i * c + l] -= factor[i * n + j] * factor[l * n + j];
    }
}

/* A from A L = factor, where L is the rows of the kept channels, a lower triangle */
static void solve(NstSelection *s, const double *factor)
{
    const ptrdiff_t n = s->n;
    for (ptrdiff_t i = 0; i < s->c; i++)
        for (ptrdiff_t j = n - 1; j >= 0; j--) {
            double rest = factor[i * n + j];
            for (ptrdiff_t l = j + 1; l < n; l++)
                rest -= s->predict[i * n + l] * factor[s->kept[l] * n + j];
            const double pivot = factor[s->kept[j] * n + j];
            s->predict[i * n + j] = pivot > 0 ? rest / pivot : 0;
        }
}

int selection_choose(NstSelection *s, const NstSpread *spread, int n, NstError *err)
{
    const ptrdiff_t c = spread->c;
    const double pictures = spread->pictures;
    *s = (NstSelection){.c = spread->c, .n = n};
    s->kept = calloc((size_t)n, sizeof(*s->kept));
    s->predict = calloc((size_t)c * (size_t)n, sizeof(*s->predict));
    s->constant = calloc((size_t)c, sizeof(*s->constant));
    double *left = calloc((size_t)c * (size_t)c, sizeof(*left));
    double *factor = calloc((size_t)c * (size_t)n, sizeof(*factor));
    const int code = s->kept && s->predict && s->constant && left && factor ? NST_OK : no_memory(err);

    if (code == NST_OK) {
        for (ptrdiff_t i = 0; i < c * c; i++)
            left[i] = spread->products[i] / pictures -
                      spread->sum[i / c] * spread->sum[i % c] / (pictures * pictures);
        factorise(s, left, factor);
        solve(s, factor);
        for (ptrdiff_t i = 0; i < c; i++) {
            s->constant[i] = spread->sum[i] / pictures;
            for (ptrdiff_t j = 0; j < n; j++)
                s->constant[i] -= s->predict[i * n + j] * spread->sum[s->kept[j]] / pictures;
        }
    } else {
        selection_free(s);
    }
    free(left);
    free(factor);
    return code;
}

void selection_narrow(const NstTensor *weight, const NstTensor *bias, const NstSelection *before,
                      const NstSelection *after, NstTensor *narrow_weight, NstTensor *narrow_bias)
{
    const ptrdiff_t c = weight->shape[1], taps = (ptrdiff_t)weight->shape[2] * weight->shape[3];
    const ptrdiff_t in = before ? before->n : c;
    for (ptrdiff_t o = 0; o < after->n; o++) {
        const float *from = weight->data + after->kept[o] * c * taps;
        double constant = (double)bias->data[after->kept[o]];
        for (ptrdiff_t t = 0; t < taps; t++)
            for (ptrdiff_t j = 0; j < in; j++) {
                double sum = before ? 0 : (double)from[j * taps + t];
                for (ptrdiff_t i = 0; before && i < c; i++)
                    sum += (double)from[i * taps + t] * before->predict[i * in + j];
                narrow_weight->data[(o * in + j) * taps + t] = (float)sum;
            }
        for (ptrdiff_t at = 0; before && at < c * taps; at++)
            constant += (double)from[at] * before->constant[at / taps];
        narrow_bias->data[o] = (float)constant;
    }
}
