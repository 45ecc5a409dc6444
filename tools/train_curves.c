/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_curves.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "chart.h"
#include "util.h"

void train_curves_open(TrainCurves *curves)
{
    *curves = (TrainCurves){.stride = 1};
}

/* Each two points become one. */
static void halve(TrainCurves *curves)
{
    for (int i = 0; i < CURVE_POINTS; i++) {
        const bool first_half = i < CURVE_POINTS / 2;
        curves->counts[i] = first_half ? curves->counts[2 * i] + curves->counts[2 * i + 1] : 0;
        for (int k = 0; k < N_CURVES; k++)
            curves->sums[k][i] = first_half ? curves->sums[k][2 * i] + curves->sums[k][2 * i + 1] : 0;
    }
    curves->n = (curves->n + 1) / 2;
    curves->stride *= 2;
}

static void add(TrainCurves *curves, int step, int count, const double means[N_CURVES])
{
    while ((step - 1) / curves->stride >= CURVE_POINTS)
        halve(curves);
    const int point = (step - 1) / curves->stride;
    curves->n = max_int(curves->n, point + 1);
    curves->counts[point] += count;
    for (int k = 0; k < N_CURVES; k++)
        curves->sums[k][point] += count * means[k];
}

void train_curves_add(TrainCurves *curves, const NstTrainProgress *p, const NstTrainOptions *o)
{
    const double terms[N_CURVES] = {
        [CURVE_TOTAL] = (double)p->total,
        [CURVE_STYLE] = (double)o->style_weight * (double)p->style,
        [CURVE_CONTENT] = (double)o->content_weight * (double)p->content,
        [CURVE_TV] = (double)o->tv_weight * (double)p->tv,
        [CURVE_STABILITY] = (double)o->stability_weight * (double)p->stability,
    };
    add(curves, p->step, 1, terms);
}

void train_curves_write_rows(const TrainCurves *curves, FILE *file)
{
    for (int i = 0; i < curves->n; i++) {
        if (curves->counts[i] == 0)
            continue;
        fprintf(file, "%d,%d", i * curves->stride + 1, curves->counts[i]);
        for (int k = 0; k < N_CURVES; k++)
            fprintf(file, ",%.5g", curves->sums[k][i] / curves->counts[i]);
        fputc('\n', file);
    }
}

void train_curves_read_row(TrainCurves *curves, const char *row, int done)
{
    double means[N_CURVES];
    int step, count;
    if (sscanf(row, "%9d,%9d,%lf,%lf,%lf,%lf,%lf", &step, &count, &means[CURVE_TOTAL], &means[CURVE_STYLE],
               &means[CURVE_CONTENT], &means[CURVE_TV], &means[CURVE_STABILITY]) == 2 + N_CURVES &&
        step >= 1 && count >= 1 && step <= done)
        add(curves, step, count, means);
}

void train_curves_smooth(const TrainCurves *curves, int curve, int reach, double *values)
{
    for (int i = 0; i < curves->n; i++) {
        double sum = 0;
        int count = 0;
        for (int j = max_int(i - reach, 0); j <= min_int(i + reach, curves->n - 1); j++) {
            sum += curves->sums[curve][j];
            count += curves->counts[j];
        }
        values[i] = curves->counts[i] > 0 ? sum / count : (double)NAN;
    }
}

int train_curves_draw(const TrainCurves *curves, FILE *svg, NstError *err)
{
    static const ChartLine styles[N_CURVES] = {
        [CURVE_TOTAL] = {.name = "total", .color = "#888888"},
        [CURVE_STYLE] = {.name = "style", .color = "#c8553d"},
        [CURVE_CONTENT] = {.name = "content", .color = "#3d7ec8"},
        [CURVE_TV] = {.name = "tv", .color = "#4a9a5b"},
        [CURVE_STABILITY] = {.name = "stability", .color = "#9a6bc0"},
    };
    const int reach = curves->n / 40;
    double *values = calloc(2 * N_CURVES * CURVE_POINTS, sizeof(*values));
    ChartLine lines[N_CURVES];
    if (!values)
        return fail(err, NST_ENOMEM, "out of memory");
    for (int k = 0; k < N_CURVES; k++) {
        double *means = values + 2 * k * CURVE_POINTS, *smooth = means + CURVE_POINTS;
        train_curves_smooth(curves, k, 0, means);
        train_curves_smooth(curves, k, reach, smooth);
        lines[k] = styles[k];
        lines[k].values = smooth;
        lines[k].behind = means;
        lines[k].figure = curves->n > 0 ? smooth[curves->n - 1] : 0;
    }
    const Chart chart = {.title = "Terms of the loss, weighted", .figure = "now", .lines = lines, .n_lines = N_CURVES,
                         .n = curves->n, .stride = curves->stride, .logarithmic = true};
    chart_draw(&chart, svg);
    free(values);
    return NST_OK;
}
