/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_CHART_H
#define NST_TOOLS_CHART_H

#include <stdbool.h>

#include <nst/error.h>

/* Curves over frames or iterations, as an SVG file. */

typedef struct ChartLine {
    const char *name, *color;
    const double *values; /* n of them; a negative one is left out */
    double figure;        /* shown beside the name */
} ChartLine;

typedef struct Chart {
    const char *title;
    const char *figure; /* what the lines' figures are: "mean" */
    const ChartLine *lines;
    int n_lines, n;
    bool logarithmic; /* zeroes are left out */
} Chart;

int chart_write(const Chart *chart, const char *path, NstError *err);

#endif
