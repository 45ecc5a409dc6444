/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_CHART_H
#define NST_TOOLS_CHART_H

#include <stdbool.h>
#include <stdio.h>

#include <nst/error.h>

/* Curves over frames or iterations, as SVG. */

typedef struct ChartLine {
    const char *name, *color;
    const double *values; /* n of them; a negative one is left out */
    double figure;        /* shown beside the name */
    const double *behind; /* n more of the same kind, drawn faintly behind them; or NULL */
} ChartLine;

typedef struct Chart {
    const char *title;
    const char *figure; /* what the lines' figures are: "mean" */
    const ChartLine *lines;
    int n_lines, n;
    int stride;       /* frames or iterations in a value, 1 or more; they are counted from 1 */
    bool logarithmic; /* zeroes are left out */
} Chart;

/* The element alone, which may stand in a page */
void chart_draw(const Chart *chart, FILE *svg);

int chart_write(const Chart *chart, const char *path, NstError *err);

#endif
